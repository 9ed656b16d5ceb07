/* What happened to containers, images, volumes and networks: a journal that commands write to and `events` reads and follows.
 *
 * It is events.log beside the database, a JSON object of docker's a line, appended whole under a lock. At a megabyte it becomes events.log.1 and is
 * begun anew: the journal is for looking on, not for keeping books, so it is bounded, not synced, and a line that broke off in a power cut is skipped. */
#ifndef STORE_EVENTS_H
#define STORE_EVENTS_H
#include <jansson.h>

#include "store/store.h"

/* "container", "start", its id and what else is known of it (strings by name; NULL is nothing; the reference is taken over). What can't be written is
 * a debug line: no command fails for it. */
void event_add(struct store *store, const char *type, const char *action, const char *id, json_t *attributes);

struct event_reader;
int event_reader_open(struct store *store, struct event_reader **ret, struct error *err);
void event_reader_close(struct event_reader **at);
/* The next, oldest first: 1 and a new reference; 0 if there is none for now. */
int event_next(struct event_reader *reader, json_t **ret, struct error *err);
/* Becomes readable when there may be more; borrowed. -1 where the kernel has no inotify left: ask now and then. */
int event_reader_fd(const struct event_reader *reader);
#endif
