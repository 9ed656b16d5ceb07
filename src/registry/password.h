/* Passwords and secrets.
 *
 * What people choose is kept as bcrypt: slow on purpose, a tenth of a second or more on a small board. At most two checks run at a time:
 * a flood of log-ins shall not take the machine from those who pull. Who checks remembers what passed (proof.h).
 *
 * A *secret* is what we made for a robot: 190 random bits that nobody can guess, so SHA-256 is enough for it. Its form is known by
 * its beginning; hence the time that a check takes tells what was sent, not whether the user exists. */
#ifndef REGISTRY_PASSWORD_H
#define REGISTRY_PASSWORD_H
#include <semaphore.h>
#include <stdbool.h>

#include "base/error.h"

enum {
	PASSWORD_BYTES_MAX = 72, /* bcrypt sees no more */
	PASSWORD_COST = 10,
	PASSWORD_COST_MAX = 16,
	PASSWORD_CHECKS = 2, /* at a time */
};

/* A bcrypt hash whose cost we are ready to pay; else ERROR_UNSUPPORTED. */
int password_hash_check(const char *hash, struct error *err);
/* A new hash; owned by the caller. */
int password_hash(const char *password, char **ret, struct error *err);
/* Slow. `hash` NULL: takes as long, and is false; `model` is a hash that says how long. `turns` begins at PASSWORD_CHECKS. */
bool password_matches(const char *hash, const char *model, const char *password, sem_t *turns);
/* 20 letters and digits that are hard to mistake for each other. Owned by the caller. */
char *password_make(void);

bool secret_has_form(const char *text);
char *secret_make(void);
/* "sha256:<hex>" */
char *secret_hash(const char *secret);
bool secret_matches(const char *hash, const char *secret);
#endif
