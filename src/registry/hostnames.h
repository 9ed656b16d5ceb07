/* By which names and addresses this host may be called. */
#ifndef REGISTRY_HOSTNAMES_H
#define REGISTRY_HOSTNAMES_H
#include "base/str.h"

/* Appends: localhost, the host's name (alone, with .local, and as /etc/hosts completes it), the addresses of all interfaces. Each once, in a
 * fixed order, and no more than a certificate should hold. Asks no name server. */
void hostnames_find(struct strlist *ret);
/* Appends a host name or address that isn't in the list yet, if it can stand in a certificate; false if it can't. */
bool hostnames_add(struct strlist *list, const char *name);
#endif
