/* Memory and ownership.
 *
 * An owner is always plain: a variable marked _cleanup_(f) frees what it holds when it leaves scope, and steal() hands it
 * on. The x-functions never return NULL: out of memory ends the program, since no command has anything better to do. The
 * server bounds every allocation that a peer can ask for, so that a peer cannot bring this about. */
#ifndef BASE_MEM_H
#define BASE_MEM_H
#include <stddef.h>
#include <stdlib.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(at, first) __attribute__((format(printf, at, first)))

/* Takes the pointer out of its owner, which is NULL afterwards. */
#define steal(owner)                          \
	({                                    \
		__typeof__(owner) *at_ = &(owner); \
		__typeof__(owner) taken_ = *at_;   \
		*at_ = NULL;                  \
		taken_;                       \
	})

#define array_len(array) (sizeof(array) / sizeof((array)[0]))

void *xcalloc(size_t count, size_t size);
void *xrealloc(void *old, size_t count, size_t size);
char *xstrdup(const char *text);		     /* NULL stays NULL */
char *xstrndup(const char *text, size_t len);
char *xprintf(const char *format, ...) _printf_(1, 2);

#define xnew(type) ((type *)xcalloc(1, sizeof(type)))

/* Makes room for one more element in a (pointer, length) array whose capacity is the next power of two. */
#define xgrow(items, len)                                                        \
	do {                                                                     \
		size_t len_ = (len);                                             \
		if (!(len_ & (len_ - 1)))                                        \
			(items) = xrealloc((items), len_ ? len_ * 2 : 1, sizeof *(items)); \
	} while (0)

/* For _cleanup_(freep): frees any pointer. */
static inline void freep(void *at)
{
	free(*(void **)at);
}
#endif
