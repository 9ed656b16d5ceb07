/* Damping of guesses: see damping.h. */
#include "registry/damping.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "oci/digest.h"

static const struct {
	int64_t limit, interval_ms;
} rates[] = {
	[DAMPING_USER] = { 20, 6000 },
	[DAMPING_ADDRESS] = { 40, 2000 },
};

void damping_init(struct damping *damping)
{
	memset(damping, 0, sizeof *damping);
	pthread_mutex_init(&damping->lock, NULL);
	if (getrandom(damping->seed, sizeof damping->seed, 0) != sizeof damping->seed)
		abort();
}

void damping_copy(struct damping *damping, struct damping *from)
{
	pthread_mutex_lock(&from->lock);
	memcpy(damping->seed, from->seed, sizeof damping->seed);
	memcpy(damping->buckets, from->buckets, sizeof damping->buckets);
	pthread_mutex_unlock(&from->lock);
}

static uint64_t key_of(const struct damping *damping, enum damping_kind kind, const char *name)
{
	struct digester digester;
	struct digest digest;
	unsigned char tag = (unsigned char)kind;
	uint64_t key;

	digester_init(&digester, DIGEST_SHA256);
	digester_add(&digester, damping->seed, sizeof damping->seed);
	digester_add(&digester, &tag, 1);
	digester_add(&digester, name, strlen(name));
	digester_finish(&digester, &digest);
	memcpy(&key, digest.bytes, sizeof key);
	return key ? key : 1;
}

static void drain(struct damping_bucket *bucket, int64_t now_ms)
{
	int64_t left = bucket->full_ms - (now_ms - bucket->at_ms);

	bucket->full_ms = left > 0 ? left : 0;
	bucket->at_ms = now_ms;
}

static struct damping_bucket *ways_of(struct damping *damping, uint64_t key)
{
	return &damping->buckets[key % (DAMPING_BUCKETS / DAMPING_WAYS) * DAMPING_WAYS];
}

/* The key's bucket, or the emptiest of those that it may take. */
static struct damping_bucket *bucket_take(struct damping *damping, uint64_t key, int64_t now_ms)
{
	struct damping_bucket *ways = ways_of(damping, key), *best = ways;

	for (size_t i = 0; i < DAMPING_WAYS; i++) {
		if (ways[i].key == key) {
			best = &ways[i];
			break;
		}
		drain(&ways[i], now_ms);
		if (ways[i].full_ms < best->full_ms)
			best = &ways[i];
	}
	if (best->key != key)
		*best = (struct damping_bucket){ .key = key, .at_ms = now_ms };
	drain(best, now_ms);
	return best;
}

char *damping_network(const char *address, char out[DAMPING_NAME_SIZE])
{
	struct in6_addr six;

	if (inet_pton(AF_INET6, address, &six) == 1 && !IN6_IS_ADDR_V4MAPPED(&six)) {
		memset(&six.s6_addr[8], 0, 8);
		inet_ntop(AF_INET6, &six, out, DAMPING_NAME_SIZE);
	} else {
		snprintf(out, DAMPING_NAME_SIZE, "%s", address);
	}
	return out;
}

int damping_charge(struct damping *damping, enum damping_kind kind, const char *name, int64_t now_ms)
{
	uint64_t key = key_of(damping, kind, name);
	int64_t interval = rates[kind].interval_ms, over;

	pthread_mutex_lock(&damping->lock);
	struct damping_bucket *bucket = bucket_take(damping, key, now_ms);
	over = bucket->full_ms - (rates[kind].limit - 1) * interval;
	if (over <= 0)
		bucket->full_ms += interval;
	pthread_mutex_unlock(&damping->lock);
	return over <= 0 ? 0 : (int)((over + 999) / 1000);
}

void damping_refund(struct damping *damping, enum damping_kind kind, const char *name)
{
	uint64_t key = key_of(damping, kind, name);

	pthread_mutex_lock(&damping->lock);
	struct damping_bucket *ways = ways_of(damping, key);
	for (size_t i = 0; i < DAMPING_WAYS; i++)
		if (ways[i].key == key)
			ways[i].full_ms -= ways[i].full_ms < rates[kind].interval_ms ? ways[i].full_ms : rates[kind].interval_ms;
	pthread_mutex_unlock(&damping->lock);
}
