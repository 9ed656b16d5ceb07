/* The web page's own addresses beneath /v2/ (overview.c), and the blobs that are on their way (transfer.c). */
#ifndef REGISTRY_OVERVIEW_H
#define REGISTRY_OVERVIEW_H
#include <stdbool.h>
#include <stdint.h>

struct connection;
struct request;

void overview_repositories_get(struct request *request);
void overview_tags_get(struct request *request);
void overview_transfers_get(struct request *request);

/* A blob on its way over a connection, from when the server knows what it is until the request ends. Guarded by the server's lock. */
struct transfer {
	bool upload;
	char *repository; /* owned */
	char *digest;	  /* or NULL; owned */
	int64_t size;	  /* -1: unknown */
	int64_t since;	  /* now_seconds */
	int64_t before;	  /* what the client had acknowledged of the connection when this one began; -1: nobody knows */
};
/* The request sends or receives a blob of `size` bytes (-1: unknown); small ones are over before anybody could look. */
void transfer_begin(struct request *request, bool upload, int64_t size);
/* The request has ended. Under the server's lock. */
void transfer_end(struct connection *connection);
/* How much of it has come, or was taken by the client; -1: unknown. Under the server's lock. */
int64_t transfer_bytes(const struct connection *connection);
#endif
