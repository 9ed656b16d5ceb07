/* Lists of words that end with NULL, and variables of an environment. */
#ifndef EMU_DISPATCH_WORDS_H
#define EMU_DISPATCH_WORDS_H
#include "emu/dispatch/system.h"

static inline int any_equal(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (text_equal(text, *words))
			return 1;
	return 0;
}

static inline int any_start(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (text_starts(text, *words))
			return 1;
	return 0;
}

static inline const char *env_get(char *const *env, const char *name)
{
	size_t len = text_len(name);

	for (; *env; env++)
		if (text_starts(*env, name) && (*env)[len] == '=')
			return *env + len + 1;
	return NULL;
}

static inline int env_has(char *const *env, const char *const *names)
{
	for (; *names; names++) {
		const char *value = env_get(env, *names);
		if (value && *value)
			return 1;
	}
	return 0;
}
#endif
