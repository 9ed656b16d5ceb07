/* One container on one network with a name: a process that carries frames. See link.c. */
#ifndef RUN_LINK_H
#define RUN_LINK_H
#include <stdint.h>

#include "base/error.h"

/* Of an IPv4 subnet, in host order. */
static inline uint32_t prefix_mask(int prefix)
{
	return prefix ? ~UINT32_C(0) << (32 - prefix) : 0;
}

struct link {
	const char *netns;	/* path of the container's network namespace */
	const char *folder;	/* of the network, absolute: a socket for each member */
	const char *pid_file;
	const char *interface;	/* its name in the container: "net0" */
	uint32_t address;	/* IPv4, host order */
	int prefix;
};
/* Starts it, in a process that may enter the namespace and sees /dev/net/tun; the interface is up when this returns. It outlives us. */
int link_start(const struct link *link, struct error *err);
/* Its life, for the hidden command that is one; writes a byte or an error's text to descriptor 3 when it is set up. */
int link_run(const struct link *link, struct error *err);
#endif
