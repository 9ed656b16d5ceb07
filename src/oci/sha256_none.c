/* Where nettle knows the processor better: see sha256.h. */
#include "oci/sha256.h"

size_t sha256_ways(struct sha256_way ret[SHA256_WAYS])
{
	(void)ret;
	return 0;
}
