/* What was proved: see proof.h. */
#include "registry/proof.h"

#include <string.h>
#include <sys/random.h>

void proofs_init(struct proofs *proofs)
{
	memset(proofs, 0, sizeof *proofs);
	pthread_mutex_init(&proofs->lock, NULL);
	if (getrandom(proofs->salt, sizeof proofs->salt, 0) != sizeof proofs->salt)
		abort();
}

static void key_of(const struct proofs *proofs, const char *basis, const char *secret, struct digest *ret)
{
	struct digester digester;

	digester_init(&digester, DIGEST_SHA256);
	digester_add(&digester, proofs->salt, sizeof proofs->salt);
	digester_add(&digester, basis, strlen(basis) + 1);
	digester_add(&digester, secret, strlen(secret));
	digester_finish(&digester, ret);
	explicit_bzero(&digester, sizeof digester);
}

bool proofs_have(struct proofs *proofs, const char *basis, const char *secret, int64_t now_ms)
{
	struct digest key;
	bool have = false;

	key_of(proofs, basis, secret, &key);
	pthread_mutex_lock(&proofs->lock);
	for (size_t i = 0; i < PROOFS_KEPT && !have; i++)
		have = proofs->kept[i].until_ms > now_ms && digest_equal(&proofs->kept[i].digest, &key);
	pthread_mutex_unlock(&proofs->lock);
	return have;
}

void proofs_add(struct proofs *proofs, const char *basis, const char *secret, int64_t now_ms)
{
	struct digest key;

	key_of(proofs, basis, secret, &key);
	pthread_mutex_lock(&proofs->lock);
	proofs->kept[proofs->next].digest = key;
	proofs->kept[proofs->next].until_ms = now_ms + PROOF_MS;
	proofs->next = (proofs->next + 1) % PROOFS_KEPT;
	pthread_mutex_unlock(&proofs->lock);
}
