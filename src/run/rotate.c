/* Keeping logs that conmon lets go of: see rotate.h.
 *
 * conmon begins a log anew by putting another file in its place when it has reached max-size, and the old one is gone. So the supervisor holds
 * the current file by a second name, log.next. When another file takes the name (inotify says so, once a rotation and not once a line), what is held
 * becomes log.1, the others move up, and the new file is held in turn. The sizes are exact, no write is touched, and if the supervisor is
 * killed the log stays bounded: it has one file, as without max-file.
 * In a flood that fills files faster than we turn, one may be missed. Then the older ones go, too: what `logs` shows has no hole. */
#include "run/rotate.h"

#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "run/host_config.h"

static int files_of(const json_t *record)
{
	const json_t *config = json_object_get(json_object_get(json_object_get(record, "HostConfig"), "LogConfig"), "Config");
	int64_t files = 1;

	str_to_int(json_string_at(config, "max-file"), 1, 1000, &files, NULL);
	return (int)files;
}

bool rotation_wanted(const json_t *record)
{
	return files_of(record) > 1;
}

static void hold(const struct rotation *rotation)
{
	unlinkat(rotation->dir, "log.next", 0);
	if (linkat(rotation->dir, "log", rotation->dir, "log.next", 0) < 0)
		log_debug("the log can't be held");
}

static bool is_held(const struct rotation *rotation)
{
	struct stat log, next;

	return fstatat(rotation->dir, "log", &log, 0) == 0 && fstatat(rotation->dir, "log.next", &next, 0) == 0 && log.st_ino == next.st_ino;
}

static const char *number_name(int number, char out[16])
{
	snprintf(out, 16, "log.%d", number);
	return out;
}

static void shift(const struct rotation *rotation)
{
	char from[16], to[16];

	for (int i = rotation->files - 1; i > 1; i--)
		renameat(rotation->dir, number_name(i - 1, from), rotation->dir, number_name(i, to));
	renameat(rotation->dir, "log.next", rotation->dir, "log.1");
}

static void drop_older(const struct rotation *rotation)
{
	char name[16];

	for (int i = 1; i < rotation->files; i++)
		unlinkat(rotation->dir, number_name(i, name), 0);
}

/* What an earlier supervisor held, and another has replaced since: it is older, with what hole nobody knows. */
static void take_over(const struct rotation *rotation)
{
	if (faccessat(rotation->dir, "log.next", F_OK, 0) == 0 && !is_held(rotation))
		shift(rotation);
	hold(rotation);
}

void rotation_begin(const struct container *container, struct rotation *ret)
{
	*ret = (struct rotation){ .dir = -1, .changes = -1, .files = files_of(container->record) };
	if (ret->files < 2)
		return;
	ret->dir = open(container->bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret->changes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (ret->dir < 0 || ret->changes < 0 || inotify_add_watch(ret->changes, container->bundle, IN_MOVED_TO) < 0) {
		log_warn("the log of %s is not rotated: the kernel can't watch its folder", container_text(container, "Name"));
		rotation_end(ret);
		return;
	}
	take_over(ret);
}

void rotation_end(struct rotation *rotation)
{
	fd_close(&rotation->dir);
	fd_close(&rotation->changes);
	rotation->dir = rotation->changes = -1;
}

/* How often another file took the name `log` since we looked. */
static int count_turns(const struct rotation *rotation)
{
	_Alignas(struct inotify_event) char block[4096];
	int turns = 0;
	ssize_t len;

	while ((len = read(rotation->changes, block, sizeof block)) > 0)
		for (ssize_t at = 0; at < len;) {
			const struct inotify_event *event = (const void *)(block + at);
			turns += event->mask & IN_Q_OVERFLOW ? 2 : event->len && str_equal(event->name, "log");
			at += (ssize_t)sizeof *event + event->len;
		}
	return turns;
}

void rotation_turn(struct rotation *rotation)
{
	int turns = count_turns(rotation);

	if (turns == 1 && !is_held(rotation))
		shift(rotation);
	else if (turns)
		drop_older(rotation);
	if (turns)
		hold(rotation);
}
