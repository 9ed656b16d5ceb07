/* What was proved a short while ago: that a password fits a hash, that a signature is ours. Proving costs much, asking again little.
 *
 * Only a hash of the proof is kept, with a random salt that lives in this process alone. Of the two texts that it is made of, the first is what
 * the proof stands on (the stored hash): if that is another, the proof is not found. The memory is a ring: the oldest goes. */
#ifndef REGISTRY_PROOF_H
#define REGISTRY_PROOF_H
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "oci/digest.h"

enum { PROOFS_KEPT = 256, PROOF_MS = 10 * 60 * 1000 };

struct proofs {
	pthread_mutex_t lock;
	unsigned char salt[32];
	struct {
		struct digest digest;
		int64_t until_ms;
	} kept[PROOFS_KEPT];
	size_t next;
};
void proofs_init(struct proofs *proofs);
/* `now_ms` is of a monotonic clock. */
bool proofs_have(struct proofs *proofs, const char *basis, const char *secret, int64_t now_ms);
void proofs_add(struct proofs *proofs, const char *basis, const char *secret, int64_t now_ms);
#endif
