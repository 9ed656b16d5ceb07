/* /healthz: the process answers. /readyz: it can do its work; a load balancer or kubelet sends it nobody else's requests until then. */
#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/fd.h"
#include "base/json.h"
#include "registry/internal.h"

enum { SPACE_MIN = 64 << 20 };

void health_get(struct request *request)
{
	request_answer(request, MHD_HTTP_OK, "text/plain", "ok\n", 3);
}

/* A file without a name, and without a byte: the disk takes new files, and no SD card is worn by being asked every few seconds. */
static bool writable(struct store *store)
{
	_cleanup_(fd_close) int fd = openat(store_dir(store), "uploads", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);

	return fd >= 0 || errno == EOPNOTSUPP;
}

/* NULL if all is well. */
static const char *not_ready(struct server *server, int64_t *ret_free, struct error *err)
{
	struct strlist first _cleanup_(strlist_free) = { 0 };
	struct statvfs disk;

	if (__atomic_load_n(&server->stopping, __ATOMIC_RELAXED))
		return "the server is ending";
	if (fstatvfs(store_dir(server->store), &disk) < 0)
		return "the store's disk does not answer";
	*ret_free = (int64_t)(disk.f_bavail * disk.f_frsize);
	if ((disk.f_flag & ST_RDONLY) || !writable(server->store))
		return "the store can't be written to";
	if (*ret_free < SPACE_MIN)
		return "the store's disk is full";
	return store_catalog(server->store, "", NULL, 1, &first, err) < 0 ? "the store's database can't be read" : NULL;
}

void ready_get(struct request *request)
{
	struct error err _cleanup_(error_clear) = { 0 };
	int64_t space = 0;
	const char *why = not_ready(request->server, &space, &err);

	if (why) {
		request_fail(request, MHD_HTTP_SERVICE_UNAVAILABLE, "UNAVAILABLE", "%s%s%s", why, err.code ? ": " : "", err.code ? err.message : "");
		return;
	}
	_cleanup_(json_release) json_t *object = json_pack("{s:s, s:I}", "status", "ready", "free_bytes", (json_int_t)space);
	_cleanup_(freep) char *text = json_text(object);
	request_answer(request, MHD_HTTP_OK, "application/json", text, strlen(text));
}
