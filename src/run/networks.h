/* Networks with names: records "network" of the store. What a container has of them is in its own record:
 *   Networks    {NAME: {"IPAddress", "IPPrefixLen", "Aliases"}}, the address being its own until it is removed or disconnected. */
#ifndef RUN_NETWORKS_H
#define RUN_NETWORKS_H
#include "run/container.h"

/* Held while addresses are given out and hosts files are written; it ends with the descriptor. */
int networks_lock(struct store *store, struct error *err);
/* Gives the container a free address on a network, in its record. With the lock held until the record is saved. ERROR_NOT_FOUND, ERROR_EXISTS. */
int network_attach(struct store *store, const struct container *container, const char *network, const struct strlist *aliases, struct error *err);

/* Has it no way out? False if it isn't there, too. */
bool network_is_internal(struct store *store, const char *network);

/* What a start needs, read before the namespaces are entered. */
struct network_plan {
	enum network_mode mode;
	struct network_end {
		char *folder, *name; /* of the network; owned */
		uint32_t address;
		int prefix;
	} *ends;
	size_t ends_len;
	char *hosts; /* lines for /etc/hosts, between their marks; owned; or NULL */
};
void network_plan_clear(struct network_plan *plan);
/* Of the container's NetworkMode and Networks. ERROR_NOT_FOUND if one was removed. */
int network_plan_read(struct store *store, const struct container *container, struct network_plan *ret, struct error *err);
/* Behind network_start, in the same process. `netns` is where its namespace can be opened. */
int network_plan_link(const struct container *container, const struct network_plan *plan, const char *netns, struct error *err);
/* Was a carrier of one that runs killed? */
bool network_is_cut(const struct container *container);
/* Carries frames again for one that runs, where that was killed. */
int network_relink(struct store *store, const struct container *container, struct error *err);
/* Writes who is where into the hosts file of each container that runs and is on a network, and heals what was killed. */
void networks_refresh(struct store *store);
/* Ends what carries frames for it. */
void network_unlink(const struct container *container);
/* docker's object for inspect, by name; a new reference. */
json_t *network_settings(struct store *store, const struct container *container);
#endif
