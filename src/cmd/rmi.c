/* sampan rmi: takes names from images, and images that have none left from the store.
 *
 * What an argument means is decided on the list of images, as `sampan images` shows it: a name is one row, an id all the rows that have it.
 * First its tag goes; if nothing leads to the manifest then, neither another tag nor an index, that goes too. The bytes are left to gc, which
 * knows what else needs them. */
#include <stdio.h>

#include "base/json.h"
#include "base/log.h"
#include "cmd/command.h"
#include "cmd/image_event.h"
#include "run/run.h"
#include "store/store.h"

static bool force;

static const struct option_spec options[] = {
	{ 'f', "force", OPTION_FLAG, &force, NULL, "also what has several names or a stopped container; what isn't there is no failure" },
	{ 0 },
};

struct rows {
	struct image_row *items;
	size_t len;
};

static void rows_clear(struct rows *rows)
{
	image_rows_free(rows->items, rows->len);
	*rows = (struct rows){ 0 };
}

/* What was done, as docker's API has it: [{"Untagged": …}, {"Deleted": …}]. */
static json_t *actions;

static void act(struct context *context, struct store *store, const char *action, const char *what)
{
	image_event(store, str_equal(action, "Deleted") ? "delete" : "untag", what, what);
	json_array_append_new(actions, json_pack("{s:s}", action, what));
	if (context->format == FORMAT_TEXT)
		printf("%s: %s\n", action, what);
}

static bool same_repository(const struct image_row *a, const struct image_row *b)
{
	return str_equal(a->registry, b->registry) && str_equal(a->repository, b->repository);
}

/* ---- which rows an argument means ---- */

static bool named(const struct image_row *row, const struct reference *name)
{
	if (!str_equal(row->registry, name->registry) || !str_equal(row->repository, name->repository))
		return false;
	return name->has_digest ? digest_equal(&row->digest, &name->digest) : str_equal(row->tag, name->tag);
}

static bool has_id(const struct image_row *row, const char *hex)
{
	char text[DIGEST_TEXT_SIZE];

	return str_starts(digest_hex(&row->id, text), hex);
}

static bool is_id(const char *text)
{
	size_t len = strlen(text);

	return len >= 4 && len <= 64 && strspn(text, "0123456789abcdef") == len;
}

static int select_by_id(const struct rows *rows, const char *hex, bool *chosen, struct error *err)
{
	const struct image_row *first = NULL;
	int count = 0;

	for (size_t i = 0; i < rows->len; i++) {
		if (!has_id(&rows->items[i], hex))
			continue;
		if (first && !digest_equal(&first->id, &rows->items[i].id))
			return error_set(err, ERROR_INVALID, "'%s' is the start of more than one image id; give more digits", hex);
		first = &rows->items[i];
		chosen[i] = true;
		count++;
	}
	if (count > 1 && !force) {
		error_set(err, ERROR_BUSY, "image %s has %d names", hex, count);
		return error_hint(err, "name the one that should go, or remove all of them with -f");
	}
	return count;
}

/* Marks the rows; returns how many. */
static int select_rows(const struct rows *rows, const char *name, bool *chosen, struct error *err)
{
	struct reference reference _cleanup_(reference_clear) = { 0 };
	const char *hex = str_starts(name, "sha256:") ? name + 7 : name;
	struct error why _cleanup_(error_clear) = { 0 };
	bool parsed = reference_parse(name, &reference, &why) == 0;
	int count = 0;

	for (size_t i = 0; parsed && i < rows->len; i++)
		count += chosen[i] = named(&rows->items[i], &reference);
	if (count)
		return count;
	if (is_id(hex))
		count = select_by_id(rows, hex, chosen, err);
	else if (!parsed) {
		error_move(err, &why);
		return -1;
	}
	if (count)
		return count;
	error_set(err, ERROR_NOT_FOUND, "there is no image %s in the store", name);
	return error_hint(err, "'sampan images' shows those that are there");
}

/* ---- whom it would hurt ---- */

/* The name of a container that was made of the image, a running one if there is one; NULL if none. Owned by the caller. */
static char *find_user(struct store *store, const struct digest *id, bool *ret_running)
{
	struct container_row *rows = NULL;
	char text[DIGEST_TEXT_SIZE], *name = NULL;
	size_t len = 0;

	*ret_running = false;
	if (containers_list(store, true, &rows, &len, NULL) < 0)
		return NULL;
	digest_print(id, text);
	for (size_t i = 0; i < len && !*ret_running; i++) {
		_cleanup_(json_release) json_t *container = container_inspect(store, rows[i].id, NULL);
		const char *image;
		if (json_get_string(container, "Image", &image, NULL) <= 0 || !str_equal(image, text))
			continue;
		free(name);
		name = xstrdup(rows[i].name);
		*ret_running = rows[i].state != CONTAINER_EXITED && rows[i].state != CONTAINER_CREATED;
	}
	container_rows_free(rows, len);
	return name;
}

static int check_users(struct store *store, const char *what, const struct digest *id, struct error *err)
{
	bool running;
	_cleanup_(freep) char *user = find_user(store, id, &running);

	if (!user || (force && !running))
		return 0;
	error_set(err, ERROR_BUSY, "image %s is used by the container %s%s", what, user, running ? ", which is running" : "");
	return running ? error_hint(err, "stop it first: 'sampan stop %s'", user) :
			 error_hint(err, "remove the container with 'sampan rm %s', or the image all the same with -f", user);
}

/* Of the chosen rows, those whose image goes with them. */
static int check_chosen(struct store *store, const struct rows *rows, const bool *chosen, const char *what, struct error *err)
{
	for (size_t i = 0; i < rows->len; i++) {
		bool stays = !chosen[i];
		for (size_t j = 0; j < rows->len && !stays; j++)
			stays = !chosen[j] && digest_equal(&rows->items[j].id, &rows->items[i].id);
		if (!stays && check_users(store, what, &rows->items[i].id, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- removing ---- */

static void print_untagged(struct context *context, struct store *store, const struct image_row *row)
{
	struct reference name = { .registry = row->registry, .repository = row->repository, .tag = row->tag };

	if (!row->tag)
		return;
	_cleanup_(freep) char *text = reference_print_familiar(&name);
	act(context, store, "Untagged", text);
}

static const struct image_row *find_row(const struct rows *rows, const struct image_row *like, const char *tag)
{
	for (size_t i = 0; i < rows->len; i++)
		if (same_repository(&rows->items[i], like) && str_equal(rows->items[i].tag, tag) &&
		    digest_equal(&rows->items[i].digest, &like->digest))
			return &rows->items[i];
	return NULL;
}

/* Removes a manifest that has no name any more. If it is an index, its images have none then either: those that are new among the nameless. */
static int remove_nameless(struct store *store, const struct rows *before, const struct image_row *row, struct error *err)
{
	struct rows after _cleanup_(rows_clear) = { 0 };

	if (store_manifest_delete(store, row->registry, row->repository, &row->digest, err) < 0 ||
	    store_images(store, &after.items, &after.len, err) < 0)
		return -1;
	for (size_t i = 0; i < after.len; i++) {
		const struct image_row *other = &after.items[i];
		if (other->tag || !same_repository(other, row) || find_row(before, other, NULL))
			continue;
		if (store_manifest_delete(store, other->registry, other->repository, &other->digest, err) < 0)
			return -1;
	}
	return 0;
}

static int still_there(struct store *store, const struct digest *id, struct error *err)
{
	struct rows rows _cleanup_(rows_clear) = { 0 };

	if (store_images(store, &rows.items, &rows.len, err) < 0)
		return -1;
	for (size_t i = 0; i < rows.len; i++)
		if (digest_equal(&rows.items[i].id, id))
			return 1;
	return 0;
}

/* Only the list after the tag went knows whether something else leads to the manifest: another tag, or an index. */
static int remove_row(struct context *context, struct store *store, const struct image_row *row, struct error *err)
{
	struct rows rest _cleanup_(rows_clear) = { 0 };
	char text[DIGEST_TEXT_SIZE];

	if (row->tag && store_tag_delete(store, row->registry, row->repository, row->tag, err) < 0)
		return -1;
	print_untagged(context, store, row);
	if (store_images(store, &rest.items, &rest.len, err) < 0)
		return -1;
	if (!find_row(&rest, row, NULL))
		return 0;
	int left = remove_nameless(store, &rest, row, err) < 0 ? -1 : still_there(store, &row->id, err);
	if (left == 0)
		act(context, store, "Deleted", digest_print(&row->id, text));
	return left < 0 ? -1 : 0;
}

static int remove_image(struct context *context, struct store *store, const char *name, struct error *err)
{
	struct rows rows _cleanup_(rows_clear) = { 0 };

	if (store_images(store, &rows.items, &rows.len, err) < 0)
		return -1;
	_cleanup_(freep) bool *chosen = xcalloc(rows.len, sizeof *chosen);
	if (select_rows(&rows, name, chosen, err) < 0 || check_chosen(store, &rows, chosen, name, err) < 0)
		return -1;
	for (size_t i = 0; i < rows.len; i++)
		if (chosen[i] && remove_row(context, store, &rows.items[i], err) < 0)
			return -1;
	return 0;
}

/* One that fails doesn't keep the others. The exit code is the last failure's. */
static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	int code = 0;

	if (store_open(context->root, &store, err) < 0)
		return -1;
	actions = json_array();
	for (int i = 0; i < argc; i++) {
		struct error failure _cleanup_(error_clear) = { 0 };
		if (remove_image(context, store, argv[i], &failure) == 0)
			continue;
		log_failure(&failure);
		if (!force || failure.code != ERROR_NOT_FOUND)
			code = error_exit_code(failure.code);
	}
	if (context->format == FORMAT_JSON) {
		json_dumpf(actions, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	json_release(&actions);
	return code;
}

const struct command command_rmi = {
	.name = "rmi",
	.group = "Images",
	.usage = "[-f] IMAGE…",
	.summary = "Remove images, or names of images",
	.details = "An image goes with its last name. What it took on the disk is freed by 'sampan gc'.",
	.options = options,
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
