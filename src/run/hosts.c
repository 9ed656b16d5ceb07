/* Names on a network: see hosts.h.
 *
 * There is no name server: who is on the network stands in each member's /etc/hosts, between two marks, so that what the container itself
 * wrote there stays. Its file lies in the bundle and is mounted into the container, which sees what is written to the same file; so a new text is
 * written over the old in one piece, and cut. The commands that change who is there (start, stop, connect, rename …) and the monitors when a
 * container ends write them anew from what is true at that moment: after kill -9 of anything, the next of them heals. */
#include "run/hosts.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "run/host_config.h"
#include "run/networks.h"

#define MARK_BEGIN "# sampan: networks\n"
#define MARK_END "# sampan: end of networks\n"

enum { HOSTS_SIZE_MAX = 1 << 20 };

/* Of a container, for the ones that it shares a network with: a line for each of these. */
static void add_lines(const struct container *of, const struct container *reader, struct buf *ret)
{
	const json_t *own = json_object_get(reader->record, "Networks");
	const char *name;
	json_t *end;

	json_object_foreach(json_object_get(of->record, "Networks"), name, end) {
		struct strlist names _cleanup_(strlist_free) = { 0 };
		if (!json_object_get(own, name))
			continue;
		strlist_add(&names, container_text(of, "Name"));
		json_get_strlist(end, "Aliases", &names, NULL);
		if (!strlist_has(&names, container_text(of, "Hostname")))
			strlist_add(&names, container_text(of, "Hostname"));
		_cleanup_(freep) char *id = xstrndup(of->id, 12);
		if (!strlist_has(&names, id))
			strlist_add(&names, id);
		_cleanup_(freep) char *all = strlist_join(&names, " ");
		buf_printf(ret, "%s\t%s\n", json_string_at(end, "IPAddress"), all);
	}
}

static char *block_of(const struct container *all, size_t len, const struct container *reader)
{
	struct buf text = { 0 };

	buf_add_str(&text, MARK_BEGIN);
	for (size_t i = 0; i < len; i++)
		add_lines(&all[i], reader, &text);
	buf_add_str(&text, MARK_END);
	return buf_steal(&text);
}

/* Those that run and are on some network; the caller frees. */
static size_t load_running(struct store *store, struct container **ret)
{
	struct strlist ids _cleanup_(strlist_free) = { 0 };
	struct container *all = NULL;
	size_t len = 0;

	store_record_keys(store, "container", &ids, NULL);
	for (size_t i = 0; i < ids.len; i++) {
		struct container container _cleanup_(container_clear) = { 0 };
		struct container_status status;
		if (container_load(store, ids.items[i], &container, NULL) < 0 || !json_object_size(json_object_get(container.record, "Networks")))
			continue;
		container_status(&container, &status);
		if (!container_is_up(&status))
			continue;
		xgrow(all, len);
		all[len++] = container;
		container = (struct container){ 0 };
	}
	*ret = all;
	return len;
}

static void free_all(struct container *all, size_t len)
{
	for (size_t i = 0; i < len; i++)
		container_clear(&all[i]);
	free(all);
}

char *hosts_block(struct store *store, const struct container *container)
{
	struct container *all = NULL;
	struct buf own = { 0 };

	if (!json_object_size(json_object_get(container->record, "Networks")))
		return NULL;
	size_t len = load_running(store, &all);
	_cleanup_(freep) char *others = block_of(all, len, container);
	free_all(all, len);
	/* itself first: it doesn't run yet */
	buf_add_str(&own, MARK_BEGIN);
	add_lines(container, container, &own);
	buf_add_str(&own, others + strlen(MARK_BEGIN));
	return buf_steal(&own);
}

/* The old text with the block in its place, or behind it. */
static char *put_block(const char *old, const char *block)
{
	const char *begin = strstr(old, MARK_BEGIN), *end = begin ? strstr(begin, MARK_END) : NULL;

	if (!end)
		return xprintf("%s%s%s", old, *old && !str_ends(old, "\n") ? "\n" : "", block);
	return xprintf("%.*s%s%s", (int)(begin - old), old, block, end + strlen(MARK_END));
}

static int rewrite(const struct container *container, const char *block, struct error *err)
{
	_cleanup_(freep) char *path = path_join(container->bundle, "hosts");
	_cleanup_(fd_close) int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	struct buf old _cleanup_(buf_free) = { 0 };

	if (fd < 0)
		return error_errno(err, errno, "cannot open %s", path);
	if (fd_read_all(fd, HOSTS_SIZE_MAX, &old, path, err) < 0)
		return -1;
	_cleanup_(freep) char *text = put_block(old.data ? old.data : "", block);
	size_t len = strlen(text);
	if (str_equal(text, old.data))
		return 0;
	if (pwrite(fd, text, len, 0) != (ssize_t)len || ftruncate(fd, (off_t)len) < 0)
		return error_errno(err, errno, "cannot write %s", path);
	return 0;
}

void networks_refresh(struct store *store)
{
	struct strlist networks _cleanup_(strlist_free) = { 0 };

	/* most machines have none, and every start and end of a container comes here */
	if (store_record_keys(store, "network", &networks, NULL) < 0 || !networks.len)
		return;
	_cleanup_(fd_close) int lock = networks_lock(store, NULL);
	struct container *all = NULL;
	size_t len = lock < 0 ? 0 : load_running(store, &all);

	for (size_t i = 0; i < len; i++) {
		_cleanup_(freep) char *block = block_of(all, len, &all[i]);
		struct error why _cleanup_(error_clear) = { 0 };
		if (rewrite(&all[i], block, &why) < 0 || network_relink(store, &all[i], &why) < 0)
			log_debug("networks of container %s: %s", container_text(&all[i], "Name"), why.message);
	}
	free_all(all, len);
}
