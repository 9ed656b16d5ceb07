/* A container's network by pasta (passt): user-mode, no bridge, no firewall rules, the same as root and rootless.
 *
 * The container gets a network namespace of its own; pasta copies the host's addresses and routes into it and carries the packets to
 * ordinary sockets. Published TCP ports are ours (forward.h). Only the ports that were asked for come in; the host's loopback can't be reached from inside. */
#ifndef RUN_NETWORK_H
#define RUN_NETWORK_H
#include <sys/socket.h>

#include "run/run.h"

/* The namespace alone, with nothing in it: for internal networks. */
int network_start_empty(const char *bundle, struct error *err);
/* In a process in the host's network, with the user namespace of the container: makes the namespace, bound to bundle/netns, and starts
 * pasta, whose id is in bundle/pasta.pid. It is up when this returns. */
int network_start(const char *bundle, const struct port_spec *ports, size_t ports_len, struct error *err);
/* What resolv.conf of a container says; appends. `host` is the host's file. Name servers on its loopback are replaced by an address that
 * pasta forwards. */
void network_resolv_conf(const char *host, enum network_mode mode, struct buf *ret);
/* Picks free ports where host_port is 0; ERROR_BUSY if one is taken. */
int ports_settle(struct port_spec *ports, size_t len, struct error *err);
/* Where a port is published; no `ip`: all of IPv4. Its size. */
socklen_t port_address(const char *ip, int port, struct sockaddr_storage *ret);
/* pasta's arguments behind its name; appends to argv. forward_dns: resolv.conf names the forwarded address. */
void network_arguments(const char *bundle, const struct port_spec *ports, size_t len, bool forward_dns, struct strlist *argv);
#endif
