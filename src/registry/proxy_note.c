/* What was learnt about names, and who is asking about one: see proxy.h.
 *
 * The table has a fixed size, so that a client that asks for a million names costs no memory: a name belongs to one of SETS small sets by
 * its hash, and takes the place of the set's oldest. What is forgotten is only asked again. */
#include <time.h>

#include "registry/proxy.h"

enum { SETS = 1024, WAYS = 4, FORBID_SECONDS = 10, FORBID_AWAY_SECONDS = 2 };

int64_t note_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return now.tv_sec + 1; /* never 0 */
}

void note_key_make(struct note_key *ret, const char *kind, const char *repository, const char *name)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	struct digest digest;

	buf_printf(&text, "%s %s %s", kind, repository, name);
	digest_of(DIGEST_SHA256, text.data, text.len, &digest);
	memcpy(ret->bytes, digest.bytes, sizeof ret->bytes);
}

static bool same(const struct note_key *a, const struct note_key *b)
{
	return !memcmp(a, b, sizeof *a);
}

static struct note *set_of(struct proxy *proxy, const struct note_key *key)
{
	unsigned number = key->bytes[0] | (unsigned)key->bytes[1] << 8;

	if (!proxy->notes)
		proxy->notes = xcalloc(SETS * WAYS, sizeof *proxy->notes);
	return &proxy->notes[number % SETS * WAYS];
}

static int64_t note_age(const struct note *note)
{
	return note->checked > note->failed ? note->checked : note->failed;
}

/* The name's own place, or the one to take. */
static struct note *place_for(struct proxy *proxy, const struct note_key *key)
{
	struct note *set = set_of(proxy, key), *oldest = set;

	for (struct note *note = set; note < set + WAYS; note++) {
		if (same(&note->key, key))
			return note;
		if (note_age(note) < note_age(oldest))
			oldest = note;
	}
	*oldest = (struct note){ .key = *key };
	return oldest;
}

struct note note_find(struct proxy *proxy, const struct note_key *key)
{
	struct note found = { 0 };

	pthread_mutex_lock(&proxy->lock);
	struct note *set = set_of(proxy, key);
	for (struct note *note = set; note < set + WAYS; note++)
		if (same(&note->key, key))
			found = *note;
	pthread_mutex_unlock(&proxy->lock);
	return found;
}

void note_confirmed(struct proxy *proxy, const struct note_key *key)
{
	pthread_mutex_lock(&proxy->lock);
	struct note *note = place_for(proxy, key);
	note->checked = note_now();
	note->failed = 0;
	pthread_mutex_unlock(&proxy->lock);
}

void note_failed(struct proxy *proxy, const struct note_key *key, enum error_code code)
{
	pthread_mutex_lock(&proxy->lock);
	struct note *note = place_for(proxy, key);
	note->failed = note_now();
	note->code = code;
	pthread_mutex_unlock(&proxy->lock);
}

bool note_forbids(const struct note *note, struct error *err)
{
	bool definite = note->code == ERROR_NOT_FOUND || note->code == ERROR_DENIED || note->code == ERROR_UNAUTHORIZED;

	if (!note->failed || note_now() - note->failed > (definite ? FORBID_SECONDS : FORBID_AWAY_SECONDS))
		return false;
	error_set(err, note->code, "it was tried a moment ago, and failed: %s", error_code_name(note->code));
	return true;
}

/* ---- flights ---- */

static bool is_flying(struct proxy *proxy, const struct note_key *key)
{
	for (struct flight *flight = proxy->flights; flight; flight = flight->next)
		if (same(&flight->key, key))
			return true;
	return false;
}

bool flight_begin(struct proxy *proxy, const struct note_key *key, struct flight *flight)
{
	pthread_mutex_lock(&proxy->lock);
	bool first = !is_flying(proxy, key);
	if (first) {
		*flight = (struct flight){ proxy->flights, *key };
		proxy->flights = flight;
	}
	while (!first && is_flying(proxy, key))
		pthread_cond_wait(&proxy->landed, &proxy->lock);
	pthread_mutex_unlock(&proxy->lock);
	return first;
}

void flight_end(struct proxy *proxy, struct flight *flight)
{
	pthread_mutex_lock(&proxy->lock);
	struct flight **at = &proxy->flights;
	while (*at != flight)
		at = &(*at)->next;
	*at = flight->next;
	pthread_cond_broadcast(&proxy->landed);
	pthread_mutex_unlock(&proxy->lock);
}
