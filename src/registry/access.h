/* Access: who a caller is, and what it may do.
 *
 * The server asks once, where a request's operation is chosen: access_permits. Each row of the table of operations names the action that it
 * is; one that names none is refused. Whatever an operation reads or lists beyond the repository of its address, it asks for
 * itself: access_allows (another repository that is read), access_shows (a name that is listed).
 *
 * A caller is known by a password (Basic), by a bearer token, or by a verified client certificate; else it is anonymous. A token of ours says
 * who it is and what it was asked for, never what its owner may do: that is looked up at each request, so that a rule, an account or a
 * password that is changed counts at once, for tokens that are out as well. What a token of another issuer may do is in the token. */
#ifndef REGISTRY_ACCESS_H
#define REGISTRY_ACCESS_H
#include "registry/account.h"
#include "registry/damping.h"
#include "registry/jwt.h"
#include "registry/password.h"
#include "registry/proof.h"
#include "registry/registry.h"

struct request;

/* ---- settings: the section "access" ---- */

struct access_group {
	char *name;
	struct strlist members;
};
/* Another party whose tokens are believed. */
struct access_issuer {
	char *issuer, *audience;
	char *keys_at;		     /* a file, or an address with "://" */
	struct strlist repositories; /* patterns: what its tokens may be for */
	pthread_mutex_t reading;     /* held by the one thread that reads new keys; of the two below */
	struct watch watch;
	time_t fetched; /* CLOCK_MONOTONIC; 0: never */
	pthread_mutex_t lock; /* of the keys */
	struct jwks keys;
};
struct access_settings {
	bool anonymous_set;
	unsigned anonymous; /* actions of callers that are not known */
	bool basic;	    /* ask for passwords and not for tokens */
	char *service, *realm, *htpasswd;
	int64_t token_seconds;
	bool rules_set;
	struct rules rules;
	struct access_group *groups;
	size_t groups_len;
	struct access_issuer *issuers;
	size_t issuers_len;
};
struct access_settings *access_settings_new(void);
void access_settings_free(struct access_settings **at);
/* "none", "pull", "push" (pull and push) or "all". */
int access_set_anonymous(struct registry_options *options, const char *text, struct error *err);
void access_set_htpasswd(struct registry_options *options, const char *path);
int access_read(struct registry_options *options, const json_t *section, struct error *err); /* a config_read_fn */

/* What the sandbox must leave to it: files that it reads while the server runs, and whether it connects to others. Settings may be NULL. */
void access_reads(const struct access_settings *settings, struct strlist *ret_files, bool *ret_outgoing);

/* ---- callers ---- */

enum caller_kind {
	CALLER_ANONYMOUS,
	CALLER_USER,	    /* of accounts.json or the htpasswd file */
	CALLER_ROBOT,	    /* has rules of its own */
	CALLER_CERTIFICATE, /* "cert:NAME" */
	CALLER_ISSUED,	    /* by a token of another issuer */
};
struct caller {
	enum caller_kind kind;
	char *name;		/* NULL: anonymous */
	char *key;		/* changes with the account's password; NULL without an account */
	struct strlist groups;
	struct rules rules;	/* of a robot */
	const struct access_issuer *issuer;
	bool limited;		/* by a token, to its grants */
	struct grants grants;
};
void caller_clear(struct caller *caller);

struct access {
	struct store *store;
	struct access_settings *settings, *defaults; /* defaults: owned, where there were none */
	struct account_file accounts, htpasswd;
	struct proofs passwords, tokens;
	sem_t password_turns;
	struct damping damping;
	struct jwt_signer signer;
	char *issuer;	    /* in tokens of ours */
	bool open;	    /* everybody may do everything: nobody is asked */
	unsigned anonymous; /* where there are no rules */
};
/* `local`: only this machine reaches the server. Makes the first account where it is needed, and says its password. Settings may be NULL. `before`: whose guesses are
 * remembered, or NULL. */
int access_start(struct store *store, struct access_settings *settings, bool local, struct access *before, struct access **ret, struct error *err);
void access_stop(struct access **at);

/* ---- callers, caller.c ---- */
/* By a password. -1 with ERROR_UNAUTHORIZED if it is wrong; with ERROR_BUSY and the seconds in *ret_wait if there were too many guesses. `address` is
 * where it came from. */
int caller_login(struct access *access, const char *address, const char *name, const char *password, struct caller *ret, int *ret_wait, struct error *err);
/* By a token of ours or of another issuer; ERROR_UNAUTHORIZED. `certificate` is that of the connection, or NULL. */
int caller_from_token(struct access *access, const char *token, const char *certificate, struct caller *ret, struct error *err);
/* By a token that caller_refresh_token made. */
int caller_from_refresh(struct access *access, const char *token, struct caller *ret, struct error *err);
void caller_from_certificate(struct access *access, const char *certificate, struct caller *ret);
/* Texts of tokens; owned by the caller. */
char *caller_token(struct access *access, const struct caller *caller, const struct grants *grants, time_t now);
char *caller_refresh_token(struct access *access, const struct caller *caller, time_t now);
const char *access_service(const struct access *access);
/* What the caller may do in a repository by rules; NULL: with the catalog. What its token is for is not asked here. */
unsigned caller_actions(const struct access *access, const struct caller *caller, const char *repository);

/* ---- other issuers, issuer.c ---- */
/* Reads its keys for the first time. */
int issuer_start(struct access_issuer *issuer, struct error *err);
/* By a token that says to be of this issuer; ERROR_UNAUTHORIZED. */
int issuer_caller(struct access_issuer *issuer, const struct jwt *jwt, struct caller *ret, struct error *err);

/* ---- requests, access.c ---- */
/* May this request do what its operation is? Fills request->caller; or answers, and is false. */
bool access_permits(struct request *request, enum action action);
/* Both for the request's caller: by rules and token; by rules alone. */
bool access_allows(const struct request *request, enum action action, const char *repository);
bool access_shows(const struct request *request, const char *repository);
/* May everybody pull it? Then no token's limits keep it secret. */
bool access_is_public(const struct request *request, const char *repository);
/* For a push that also reads `from`, the query's: if only the token stands in the way, and its owner may, answers 401 with the scope that would
 * do. Tokens of other issuers are taken for what they are: whether theirs would give a wider one nobody knows. */
void access_widen(struct request *request, const char *from);
/* Answers 401 with the challenge, or 429 if *wait is not 0. */
void access_refuse(struct request *request, int wait, struct error *err);
#endif
