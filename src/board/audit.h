/* Which images are there for which platform, and where. */
#ifndef BOARD_AUDIT_H
#define BOARD_AUDIT_H
#include "board/images.h"
#include "remote/remote.h"

/* state, word, what it means for the exit code */
#define AUDIT_STATES(X)                                                                            \
	X(PRESENT, "present")	      /* the registry, or a mirror, has it for this platform */     \
	X(MISSING, "missing")	      /* the image is there, without this platform */               \
	X(ABSENT, "no such image")    /* nobody has the name */                                     \
	X(UNREACHABLE, "unreachable") /* no answer: not known */                                    \
	X(DENIED, "denied")	      /* an answer, but not for us: not known */                    \
	X(BROKEN, "broken")	      /* an answer that nobody can read: not known */               \
	X(INVALID, "invalid")	      /* no reference: a variable that is not set, say */
enum audit_state {
#define X(state, word) AUDIT_##state,
	AUDIT_STATES(X)
#undef X
};
const char *audit_state_name(enum audit_state state);
/* Neither there nor missing: nobody could tell. */
bool audit_state_is_unknown(enum audit_state state);

struct audit_row {
	const struct image_use *use;
	struct platform platform;
	enum audit_state state;
	char *where;  /* who has it: the registry or a mirror; NULL unless present */
	char *detail; /* why it isn't known; or a tag that has the platform; or NULL */
};
struct audit_options {
	const struct platform *platforms; /* for images whose source names none */
	size_t platforms_len;
	struct strlist mirrors; /* HOST:PORT[=PREFIX], asked first, in this order */
	bool tags;		/* of what is missing, look for a tag that has it */
	struct remote_options remote;
};
struct audit {
	struct audit_row *rows;
	size_t len;
};
/* Asks for each image once. Fails only for a wrong mirror or an interrupt: what can't be found out is a row's state. */
int audit_run(const struct image_list *list, const struct audit_options *options, struct audit *ret, struct error *err);
void audit_clear(struct audit *audit);

/* The name of an image at a mirror HOST:PORT[=PREFIX]: HOST:PORT/PREFIX/REPOSITORY. */
int mirror_reference(const char *mirror, const struct reference *reference, struct reference *ret, struct error *err);
#endif
