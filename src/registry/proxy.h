/* The pull-through cache: repositories below a prefix ("docker.io/…") that are filled from an upstream when they are asked for.
 *
 * In the store they are repositories like others, published, listed and collected by the same code; what is special is decided here. `proxy_choose`
 * finds the upstream of a request (by prefix, or by containerd's ?ns=) and refuses pushes to it; a GET then asks `proxy_manifest` and
 * `proxy_blob`, which bring into the store what isn't there, and goes on as for any repository. Digests never change: what is
 * named by one is asked for once. A tag is asked for again when its ttl is over; when the upstream can't say, what is here is served as stale.
 * Only a blob that is under way is served by other means (proxy_read.c). */
#ifndef REGISTRY_PROXY_H
#define REGISTRY_PROXY_H
#include <pthread.h>
#include <stdbool.h>

#include <jansson.h>

#include "registry/registry.h"
#include "remote/upstream.h"

struct request;

/* ---- settings (proxy.c); see config.h ---- */
int proxy_read_upstreams(struct registry_options *options, const json_t *section, struct error *err);
int proxy_read_cache(struct registry_options *options, const json_t *section, struct error *err);
void proxy_free(struct proxy **at);

/* ---- for the server (proxy.c); `proxy` may be NULL ---- */
void proxy_start(struct proxy *proxy, struct store *store);
/* Once interrupt_pending(): waits for what is under way, which ends then. What came of it is kept and continued by the next start. */
void proxy_stop(struct proxy *proxy);
/* Nothing is under way, so that proxy_stop waits for nothing. */
bool proxy_is_idle(struct proxy *proxy);

/* The upstream below whose prefix a repository is, or NULL, and its name there (borrowed from `repository`). */
struct mirror *proxy_mirror_above(const struct proxy *proxy, const char *repository, const char **ret_name);

/* ---- for requests ---- */
/* Finds the request's upstream, if it has one, and gives its repository the name under which it is cached. False if it answered. */
bool proxy_choose(struct request *request);
/* The digest of what a tag or digest names, when it is in the store; false if it answered why not. */
bool proxy_manifest(struct request *request, struct digest *ret);
/* True if it answered; false: the blob is in the repository now. */
bool proxy_blob(struct request *request);
/* True if it answered; false: the upstream is away, and what is here is all that can be told. */
bool proxy_tags(struct request *request);
bool proxy_referrers(struct request *request);
/* Says in the headers of the answer whose content it is about, if the request said so by ?ns=. */
void proxy_name(struct request *request);
/* Says in the headers of the answer that it is stale, if it is. */
void proxy_describe(struct request *request);
/* The answer to a failure to get something from the upstream. Clears the error. */
void proxy_fail(struct request *request, struct error *err, const char *unknown);

/* ---- inside ---- */
struct download;
struct flight;
struct note;

struct mirror {
	struct proxy *proxy;
	char *prefix;		/* "docker.io" */
	struct strlist names;	/* values of ?ns= that mean it */
	bool library;		/* names without a slash are below library/ */
	bool fallback;		/* it is asked for what is in no repository here */
	int64_t ttl;		/* seconds for which a tag is believed */
	struct upstream *upstream;
};

struct proxy {
	struct store *store;
	struct mirror *mirrors;
	size_t mirrors_len;
	int64_t keep, bytes; /* see store_cached_evict */

	pthread_mutex_t lock; /* of all below */
	struct note *notes;
	struct flight *flights;
	pthread_cond_t landed;	/* a flight ended */
	struct download *downloads;
	size_t downloading;	/* threads */
	pthread_cond_t ended;	/* a thread did */
	bool stopping, keeping;
	pthread_t keeper;
	pthread_cond_t stopped; /* for the keeper */
};

/* What was learnt about a name lately (proxy_note.c): a bounded table that forgets the oldest. */
struct note_key {
	unsigned char bytes[16];
};
struct note {
	struct note_key key;
	int64_t checked;      /* when the upstream last confirmed it; seconds, 0: not that we know */
	int64_t failed;	      /* when asking last failed; 0: not since it was confirmed */
	enum error_code code; /* how */
};
void note_key_make(struct note_key *ret, const char *kind, const char *repository, const char *name);
struct note note_find(struct proxy *proxy, const struct note_key *key); /* all 0 if there is none */
void note_confirmed(struct proxy *proxy, const struct note_key *key);
void note_failed(struct proxy *proxy, const struct note_key *key, enum error_code code);
/* Is the failure so recent that asking again makes no sense? Then *err says what it was. */
bool note_forbids(const struct note *note, struct error *err);
int64_t note_now(void);
/* One asks, the others wait: true for the one, who must call flight_end; false when another's has ended. */
bool flight_begin(struct proxy *proxy, const struct note_key *key, struct flight *flight);
void flight_end(struct proxy *proxy, struct flight *flight);
struct flight {
	struct flight *next;
	struct note_key key;
};

/* A blob on its way from an upstream into the store (proxy_blob.c), which any number of readers follow (proxy_read.c). */
enum download_state {
	DOWNLOAD_ASKING,  /* nothing is known */
	DOWNLOAD_RUNNING, /* `fd` can be read up to `have`; the bytes aren't verified */
	DOWNLOAD_DONE,	  /* verified, and a blob of the repository; `fd` stays good */
	DOWNLOAD_FAILED,  /* see error; what was read must not be believed */
};
struct download {
	struct download *next;
	struct mirror *mirror;
	char *repository, *name; /* here; at the upstream */
	struct digest digest;
	bool listed;		 /* others may join */
	unsigned holders;	 /* its thread and its readers */
	unsigned readers;
	enum download_state state;
	int64_t size, have; /* size -1: unknown */
	char upload[37];    /* whose bytes `fd` has; when it changes, readers of the earlier can't go on */
	unsigned generation;
	int fd;
	struct error error;
	pthread_cond_t changed;
};
/* The running one, or a new one; a reader more. Give it back with download_leave. */
struct download *download_join(struct request *request, const struct digest *digest);
void download_leave(struct download *download);
/* Waits until it is DONE, FAILED, or RUNNING and longer than `small`. */
enum download_state download_wait(struct download *download, int64_t small);
/* Answers the request with what comes; takes a reader's place. */
void download_answer(struct request *request, struct download *download);
#endif
