/* Started by systemd: sockets that it opened (sd_listen_fds(3)), and word of our state (sd_notify(3)), without its library. */
#ifndef REGISTRY_ACTIVATION_H
#define REGISTRY_ACTIVATION_H
#include <stddef.h>

#include "registry/listen.h"

/* How many sockets were handed to us. */
size_t activation_count(void);
/* The i-th, ready to be used. One that is named "https" or "http" (FileDescriptorName=) speaks that; a Unix socket HTTP. */
int activation_take(size_t i, enum listen_scheme *ret_scheme, struct error *err);

/* A socket for notify_send, or -1: nobody wants to know. It is opened early, since the sandbox opens no sockets. */
int notify_open(void);
/* "READY=1". Whether it arrives is not known. */
void notify_send(int fd, const char *text);
/* "RELOADING=1" as systemd wants it. */
void notify_reloading(int fd);
#endif
