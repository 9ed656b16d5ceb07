/* What was lost is fetched again from the upstreams that it came from. */
#ifndef REGISTRY_REFETCH_H
#define REGISTRY_REFETCH_H
#include "registry/registry.h"

/* Of what published repositories hold and isn't in the store (any more), as much as the upstreams of the settings give. Says of each what became of
 * it through `report`; that one can't be fetched is no failure. */
int refetch_missing(struct store *store, const struct proxy *proxy, void (*report)(void *data, const char *text), void *data, struct error *err);
#endif
