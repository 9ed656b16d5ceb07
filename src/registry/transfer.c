/* Blobs that are on their way, for who looks at them. Nobody does most of the time, so nothing is counted here: what comes in is counted for slow
 * clients anyway (see connection.c), and what goes out the kernel knows, which is asked only when somebody looks. */
#include "registry/internal.h"
#include "registry/overview.h"

enum { SMALL = 256 << 10 };

void transfer_begin(struct request *request, bool upload, int64_t size)
{
	struct server *server = request->server;
	struct connection *connection = request->about;

	if (!connection || (size >= 0 && size < SMALL))
		return;
	struct transfer *transfer = xnew(struct transfer);
	const char *digest = upload ? target_query(&request->target, "digest") : request->target.item;
	*transfer = (struct transfer){ .upload = upload, .repository = xstrdup(request->target.repository), .digest = xstrdup(digest), .size = size,
				       .since = now_seconds(), .before = connection_acknowledged(connection) };
	pthread_mutex_lock(&server->lock);
	transfer_end(connection);
	connection->transfer = transfer;
	pthread_mutex_unlock(&server->lock);
}

void transfer_end(struct connection *connection)
{
	struct transfer *transfer = steal(connection->transfer);

	if (!transfer)
		return;
	free(transfer->repository);
	free(transfer->digest);
	free(transfer);
}

/* The headers of the answer, and of TLS, are counted too: they mustn't make it more than there is. */
int64_t transfer_bytes(const struct connection *connection)
{
	const struct transfer *transfer = connection->transfer;

	if (transfer->upload)
		return __atomic_load_n(&connection->received, __ATOMIC_RELAXED);
	int64_t now = connection_acknowledged(connection);
	if (now < 0 || transfer->before < 0)
		return -1;
	return transfer->size < 0 || now - transfer->before < transfer->size ? now - transfer->before : transfer->size;
}
