/* commit: an image of what a container has become, see run.h.
 *
 * Its upper folder is read as it is, by a child in the namespace that knows the owners, and comes through a pipe as the tar of a layer, without
 * the places that the runtime made to mount upon. The processes stand still meanwhile, in the state 'paused', which is in the record before
 * they do: if we are killed, `unpause` lets them go on. */
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "run/child.h"
#include "run/diff.h"
#include "run/event.h"
#include "run/view.h"

enum { BLOCK_SIZE = 128 << 10 };

struct packing {
	struct view view;
	struct strlist skip;
};

static int work_pack(void *data, int to, struct error *err)
{
	struct packing *packing = data;
	struct archive_options options = { .epoch = -1, .skip = &packing->skip };
	_cleanup_(freep) char *path = path_join(packing->view.container->dir, "upper");

	if (view_enter(&packing->view, err) < 0)
		return -1;
	/* one that was never started has none yet */
	if (dir_make(AT_FDCWD, path, 0755, err) < 0)
		return -1;
	_cleanup_(fd_close) int upper = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return upper < 0 ? error_errno(err, errno, "cannot open %s", path) : layer_archive_with(upper, &options, archive_write_fd, &to, err);
}

/* What the child makes goes on to the layer. */
static int pass_on(int from, archive_write_fn *write, void *to, struct error *err)
{
	_cleanup_(freep) char *block = xcalloc(BLOCK_SIZE, 1);
	ssize_t n;

	while ((n = read(from, block, BLOCK_SIZE)) != 0) {
		if (n < 0 && errno != EINTR)
			return error_errno(err, errno, "cannot read from a pipe");
		if (interrupt_check(err) < 0)
			return -1;
		if (n > 0 && write(to, block, (size_t)n, err) < 0)
			return -1;
	}
	return 0;
}

static int produce(void *data, archive_write_fn *write, void *to, struct error *err)
{
	struct child child;
	int from;

	if (child_start_piped(work_pack, data, &child, &from, err) < 0)
		return -1;
	int result = pass_on(from, write, to, err);
	close(from);
	return child_wait(&child, result < 0 ? NULL : err) < 0 ? -1 : result;
}

/* ---- the configuration ---- */

static void set_text(char **at, const char *text)
{
	free(*at);
	*at = *text ? xstrdup(text) : NULL;
}

/* The record has one argv: its beginning is the image's ENTRYPOINT, unless --entrypoint was said, which is one word. */
static void set_command(const struct container *container, struct image_config *config)
{
	struct strlist args _cleanup_(strlist_free) = { 0 };
	size_t i = 0, entry = config->entrypoint.len;

	json_get_strlist(container->record, "Args", &args, NULL);
	while (i < entry && i < args.len && str_equal(args.items[i], config->entrypoint.items[i]))
		i++;
	if (i < entry) {
		strlist_free(&config->entrypoint);
		strlist_add(&config->entrypoint, args.len ? args.items[0] : "");
		i = args.len ? 1 : 0;
	}
	strlist_free(&config->cmd);
	for (; i < args.len; i++)
		strlist_add(&config->cmd, args.items[i]);
	config->has_cmd = config->cmd.len > 0;
}

static void set_labels(const struct container *container, struct image_config *config)
{
	const char *key;
	json_t *value;

	json_object_foreach(json_object_get(container->record, "Labels"), key, value)
		strlist_env_set(&config->labels, key, json_string_value(value));
}

/* The image's, with what the container was given beyond it. */
static void make_config(const struct container *container, const struct commit_options *options, const struct image_config *image,
			struct image_config *ret)
{
	char now[32];

	config_copy(image, ret);
	set_command(container, ret);
	set_labels(container, ret);
	strlist_free(&ret->env);
	json_get_strlist(container->record, "Env", &ret->env, NULL);
	set_text(&ret->user, container_text(container, "User"));
	set_text(&ret->working_dir, container_text(container, "WorkingDir"));
	set_text(&ret->created, time_print(time(NULL), now));
	if (options->author)
		set_text(&ret->author, options->author);
}

static void add_history(const struct container *container, const struct commit_options *options, struct image_config *config)
{
	struct strlist args _cleanup_(strlist_free) = { 0 };

	json_get_strlist(container->record, "Args", &args, NULL);
	_cleanup_(freep) char *command = args.len ? strlist_join(&args, " ") : NULL;
	struct history history = { .created = config->created, .created_by = command, .comment = (char *)options->message, .author = (char *)options->author };
	config_add_history(config, &history);
}

/* ---- the whole ---- */

static int commit_image(struct store *store, const struct container *container, const struct commit_options *options, const struct image *image,
			struct image_config *config, struct packing *packing, struct digest *ret_id, struct error *err)
{
	struct descriptor layer _cleanup_(descriptor_clear) = { 0 };
	struct buf text _cleanup_(buf_free) = { 0 };
	size_t count = image->manifest.layers_len;
	struct digest diff_id, manifest;

	if (layer_pack(store, produce, packing, &layer, &diff_id, err) < 0)
		return -1;
	config_add_diff_id(config, &diff_id);
	add_history(container, options, config);
	_cleanup_(freep) struct descriptor *layers = xcalloc(count + 1, sizeof *layers);
	memcpy(layers, image->manifest.layers, count * sizeof *layers); /* borrowed */
	layers[count] = layer;
	if (store_image_commit(store, config, layers, count + 1, options->name, options->name ? 1 : 0, &manifest, err) < 0)
		return -1;
	config_print(config, &text);
	digest_of(DIGEST_SHA256, text.data, text.len, ret_id);
	return 0;
}

int container_commit(struct store *store, const char *name, const struct commit_options *options, struct digest *ret_id, struct error *err)
{
	struct container container _cleanup_(container_clear) = { 0 };
	struct packing packing = { .view = { store, &container, { 0 } } };
	struct image image _cleanup_(image_clear) = { 0 };
	struct image_config config _cleanup_(config_clear) = { 0 };

	if (container_open(store, name, &container, err) < 0)
		return -1;
	if (store_image_find(store, container_text(&container, "Image"), NULL, &image, err) < 0)
		return error_wrap(err, "the image of container %s is gone", name);
	make_config(&container, options, &image.config, &config);
	if (options->change && options->change(&config, options->data, err) < 0)
		return -1;
	container_status(&container, &packing.view.status);
	mountpoints_of(&container, &packing.skip);
	bool pause = options->pause && packing.view.status.state == CONTAINER_RUNNING;
	if (pause && container_pause(store, container.id, true, err) < 0)
		return -1;
	int result = commit_image(store, &container, options, &image, &config, &packing, ret_id, err);
	if (pause && container_pause(store, container.id, false, result < 0 ? NULL : err) < 0 && result == 0)
		result = -1;
	strlist_free(&packing.skip);
	char id[DIGEST_TEXT_SIZE];
	if (result == 0)
		container_event(store, &container, "commit", "imageID", digest_print(ret_id, id));
	return result;
}
