/* Names of containers: what may be one, and one for those that were given none. */
#include <sys/random.h>

#include "run/names.h"

static const char *const moods[] = { "calm", "brave", "swift", "quiet", "bright", "merry", "early", "steady", "silver", "golden", "gentle", "proud" };
static const char *const boats[] = { "sampan", "junk", "dhow", "ketch", "sloop", "canoe", "ferry", "skiff", "barge", "kayak", "yawl", "raft",
				     "lugger", "schooner", "cutter", "punt", "wherry", "coracle" };

bool container_name_valid(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	size_t len = strlen(name);

	return len > 1 && len <= 128 && !strchr("_.-", name[0]) && name[strspn(name, letters)] == '\0';
}

void random_hex(char *out, size_t bytes)
{
	unsigned char random[64];

	if (bytes > sizeof random || getrandom(random, bytes, 0) != (ssize_t)bytes)
		abort();
	for (size_t i = 0; i < bytes; i++) {
		out[2 * i] = "0123456789abcdef"[random[i] >> 4];
		out[2 * i + 1] = "0123456789abcdef"[random[i] & 15];
	}
	out[2 * bytes] = '\0';
}

char *container_name_make(void)
{
	unsigned char random[2];
	char tail[5];

	if (getrandom(random, sizeof random, 0) != sizeof random)
		abort();
	random_hex(tail, 2);
	return xprintf("%s_%s_%s", moods[random[0] % array_len(moods)], boats[random[1] % array_len(boats)], tail);
}
