/* Damping of guesses: how often a password may be wrong, for one user and from one address.
 *
 * Each key has a bucket that a guess fills by one and time drains. A full one means: wait. The table is small and fixed, so that guesses at a
 * million names cost no memory; where two keys meet, the emptier bucket gives way, and what an attacker wins by that is a few guesses more.
 * A guess is charged before it is checked, since a hundred may be checked at once, and taken back if it was right. */
#ifndef REGISTRY_DAMPING_H
#define REGISTRY_DAMPING_H
#include <pthread.h>
#include <stdint.h>

enum { DAMPING_BUCKETS = 1024, DAMPING_WAYS = 4 };

/* What is counted: the limit is how many guesses may come at once, the interval in how many milliseconds one drains. */
enum damping_kind { DAMPING_USER, DAMPING_ADDRESS };

struct damping {
	pthread_mutex_t lock;
	uint64_t seed[4]; /* random: which keys meet isn't for an attacker to choose */
	struct damping_bucket {
		uint64_t key;
		int64_t full_ms; /* how much of it is filled, as the time that it takes to drain */
		int64_t at_ms;	 /* when that was so */
	} buckets[DAMPING_BUCKETS];
};
void damping_init(struct damping *damping);
/* What another one has counted. */
void damping_copy(struct damping *damping, struct damping *from);
/* The name to count an address under: of IPv6 its /64, since a host has as many addresses in that as it likes. `out` is returned. */
enum { DAMPING_NAME_SIZE = 64 };
char *damping_network(const char *address, char out[DAMPING_NAME_SIZE]);
/* Charges a guess. Returns 0, or the seconds to wait; nothing is charged then. `now_ms` is of a monotonic clock. */
int damping_charge(struct damping *damping, enum damping_kind kind, const char *name, int64_t now_ms);
/* The guess was right. */
void damping_refund(struct damping *damping, enum damping_kind kind, const char *name);
#endif
