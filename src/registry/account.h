/* Accounts: users with a password, and robots with a secret, an end and rules of their own.
 *
 * They are in access/accounts.json in the store's root (mode 0600, its folder 0700), which `sampan user` edits and a running server
 * reads anew when it has changed; or in an htpasswd file of the administrator's. Neither holds a password. */
#ifndef REGISTRY_ACCOUNT_H
#define REGISTRY_ACCOUNT_H
#include <pthread.h>
#include <time.h>

#include "registry/rule.h"
#include "registry/watch.h"

#define ACCESS_FOLDER "access"
#define ACCOUNTS_FILE ACCESS_FOLDER "/accounts.json"
#define GROUP_ADMIN "admin" /* of users in accounts.json: may do everything */

enum { ACCOUNTS_MAX = 10000, ACCOUNTS_TEXT_MAX = 8 << 20 };

struct account {
	char *name, *hash; /* bcrypt; of a robot: that of its secret */
	struct strlist groups;
	bool robot;
	time_t created, expires; /* 0: unknown; never */
	struct rules rules;	 /* a robot's */
};
void account_clear(struct account *account);
/* 1 to 64 letters, digits, and . _ @ + - behind the first; not "anonymous" or "authenticated". */
bool account_name_valid(const char *name);

struct accounts {
	struct account *items;
	size_t len;
};
void accounts_free(struct accounts *accounts);
/* The text of accounts.json; of an htpasswd file. Pure. */
int accounts_parse(const char *text, size_t len, struct accounts *ret, struct error *err);
int htpasswd_parse(const char *text, size_t len, struct accounts *ret, struct error *err);

/* ---- for `sampan user`; `root` is store_dir ---- */
int accounts_load(int root, struct accounts *ret, struct error *err); /* none is no error */
int accounts_add(int root, const struct account *account, struct error *err); /* ERROR_EXISTS */
int accounts_remove(int root, const char *name, struct error *err);	       /* ERROR_NOT_FOUND */
int accounts_set_hash(int root, const char *name, const char *hash, struct error *err); /* a user's, not a robot's */
/* 32 random bytes that are made at the first call and stay: access/token.key. */
int access_key_load(int root, unsigned char ret[32], struct error *err);

/* ---- for the server: a file of accounts that may change while it runs ---- */
struct account_file {
	pthread_mutex_t lock;
	struct watch watch;
	int (*parse)(const char *text, size_t len, struct accounts *ret, struct error *err);
	struct accounts accounts;
	bool optional; /* a missing file is no accounts and no error */
};
/* Reads it for the first time. `path` is copied. */
int account_file_open(struct account_file *file, const char *path, bool htpasswd, struct error *err);
void account_file_close(struct account_file *file);
/* 1 and a copy, or 0. If the file has changed to something broken, that is logged and what was there before is kept; if it has gone,
 * nobody is in it. */
int account_file_find(struct account_file *file, const char *name, struct account *ret);
size_t account_file_count(struct account_file *file);
/* A bcrypt hash of the file, as a model for how long a check takes; NULL if there is none. Owned by the caller. */
char *account_file_model(struct account_file *file);
#endif
