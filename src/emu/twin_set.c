/* A set of twins at work: see twin.h.
 *
 * For a step the list of the set becomes the dispatcher's table (dispatch/table.h): strings are gathered behind the fixed part, each once for each use, and entries sorted by
 * the hash of their path. */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "emu/binfmt.h"
#include "emu/twin.h"
#include "store/layer.h"

enum { LIST_MAX = 16 << 20 };

/* ---- finding ---- */

static int read_list(const char *tree, json_t **ret, struct error *err)
{
	_cleanup_(freep) char *path = path_join(tree, TWIN_FILE);
	struct buf text _cleanup_(buf_free) = { 0 };
	int64_t format = 0;
	json_t *programs;

	if (file_read(AT_FDCWD, path, LIST_MAX, &text, err) < 0)
		return -1;
	json_t *list _cleanup_(json_release) = json_parse(text.data, text.len, "list of twins", err);
	if (!list || json_get_int(list, "format", &format, err) < 0 || json_get_array(list, "programs", &programs, err) < 0)
		return -1;
	if (format != TWIN_FORMAT || !programs)
		return error_set(err, ERROR_UNSUPPORTED, "the set of twins has format %lld, this sampan knows %d", (long long)format, TWIN_FORMAT);
	*ret = steal(list);
	return 0;
}

int twin_set_find(struct store *store, const char *reference, struct twin_set *ret, struct error *err)
{
	struct image image _cleanup_(image_clear) = { 0 };
	struct strlist numbers _cleanup_(strlist_free) = { 0 };
	struct error missing _cleanup_(error_clear) = { 0 };
	struct twin_set set = { 0 };

	if (store_image_find(store, reference, NULL, &image, &missing) < 0) {
		if (missing.code == ERROR_NOT_FOUND)
			return 0;
		error_move(err, &missing);
		return -1;
	}
	if (!strlist_env_get(&image.config.labels, TWIN_LABEL) || image.manifest.layers_len != 1)
		return error_set(err, ERROR_INVALID, "%s is no set of twins", reference);
	if (layers_unpack(store, &image.manifest, &image.config, NULL, &numbers, err) < 0)
		return -1;
	set.tree = xprintf("%s/layers/%s", store_path(store), numbers.items[0]);
	if (read_list(set.tree, &set.list, err) < 0) {
		free(set.tree);
		return error_wrap(err, "%s", reference);
	}
	*ret = set;
	return 1;
}

void twin_set_clear(struct twin_set *set)
{
	free(set->tree);
	json_decref(set->list);
	*set = (struct twin_set){ 0 };
}

int twin_set_check(const struct twin_set *set, const struct platform *platform, struct error *err)
{
	const char *made_for = json_string_value(json_object_get(set->list, "platform"));
	char text[PLATFORM_TEXT_SIZE];

	if (str_equal(made_for, platform_print(platform, text)))
		return 0;
	return error_set(err, ERROR_UNSUPPORTED, "the set of twins is for %s, not for %s", made_for ? made_for : "no platform that it names", text);
}

static const json_t *programs_of(const struct twin_set *set)
{
	return json_object_get(set->list, "programs");
}

size_t twin_set_programs(const struct twin_set *set)
{
	return json_array_size(programs_of(set));
}

/* Rows of programs, then those of libraries. */
static size_t count_rows(const struct twin_set *set)
{
	return json_array_size(programs_of(set)) + json_array_size(json_object_get(set->list, "libraries"));
}

/* ---- the table ---- */

static uint32_t add_text(struct buf *to, const char *text)
{
	uint32_t at = (uint32_t)to->len;

	buf_add(to, text, strlen(text) + 1);
	return at;
}

/* An absolute path in the container for one that is beneath the set's tree. */
static uint32_t add_path(struct buf *to, const char *path)
{
	_cleanup_(freep) char *whole = xprintf(TWIN_TREE "/%s", path);

	return path ? add_text(to, whole) : 0;
}

static uint32_t add_list(struct buf *to, const json_t *list)
{
	uint32_t at = (uint32_t)to->len;
	const json_t *item;
	size_t i;

	if (!json_array_size(list))
		return 0;
	json_array_foreach(list, i, item)
		if (!str_empty(json_string_value(item)))
			add_text(to, json_string_value(item));
	buf_add_char(to, '\0');
	return at;
}

static uint32_t add_all_variables(struct buf *to, const json_t *programs)
{
	json_t *all _cleanup_(json_release) = json_array();
	const json_t *row;
	size_t i;

	json_array_foreach(programs, i, row)
		json_array_extend(all, json_object_get(row, "env"));
	return add_list(to, all);
}

static int make_entry(const json_t *row, struct buf *text, struct twin_entry *ret, struct error *err)
{
	const char *path, *twin, *digest_text, *plugin;
	int64_t size, kind;
	struct digest digest;

	if (json_get_string(row, "path", &path, err) < 1 || json_get_string(row, "twin", &twin, err) < 0 || json_get_string(row, "digest", &digest_text, err) < 1 ||
	    json_get_int(row, "size", &size, err) < 1 || json_get_int(row, "kind", &kind, err) < 1 || json_get_string(row, "plugin", &plugin, err) < 0 ||
	    digest_parse(digest_text, &digest, err) < 0 || digest.algorithm != DIGEST_SHA256 || !twin != (kind == TWIN_LIBRARY))
		return error_set(err, ERROR_INVALID, "a row of the list of twins is incomplete");
	*ret = (struct twin_entry){ .hash = table_hash(path), .size = (uint64_t)size, .kind = (uint32_t)kind, .path = add_text(text, path), .twin = add_path(text, twin) };
	memcpy(ret->sha256, digest.bytes, sizeof ret->sha256);
	ret->deny = add_list(text, json_object_get(row, "deny"));
	ret->env = add_list(text, json_object_get(row, "env"));
	ret->c_folders = add_list(text, json_object_get(row, "cFolders"));
	ret->cxx_folders = add_list(text, json_object_get(row, "cxxFolders"));
	ret->plugin = add_path(text, plugin);
	ret->needs = add_list(text, json_object_get(row, "needs"));
	ret->needs_to_compress = add_list(text, json_object_get(row, "needsToCompress"));
	return 0;
}

static int compare_entries(const void *a, const void *b)
{
	const struct twin_entry *one = a, *other = b;

	return one->hash < other->hash ? -1 : one->hash > other->hash;
}

/* Locales and the like are laid out for 64 bits, least significant byte first, on all machines that run builds. */
static bool has_foreign_layout(const struct platform *platform)
{
	const struct machine *machine = machine_find(platform->architecture);

	return !machine || machine->class != ELFCLASS64 || machine->data != ELFDATA2LSB;
}

static int make_table(const struct twin_set *set, const struct platform *platform, struct buf *ret, struct error *err)
{
	const json_t *programs = programs_of(set), *row;
	size_t count = count_rows(set), len = 0, i;
	struct twin_table table = { .version = TWIN_TABLE_VERSION, .entries = sizeof table, .entries_len = (uint32_t)count };
	_cleanup_(freep) struct twin_entry *entries = xcalloc(count + 1, sizeof *entries);

	table.entries = (sizeof table + 7) & ~7u;
	buf_reserve(ret, table.entries + count * sizeof *entries);
	ret->len = table.entries + count * sizeof *entries; /* filled in at the end */
	json_array_foreach(programs, i, row)
		if (make_entry(row, ret, &entries[len++], err) < 0)
			return -1;
	json_array_foreach(json_object_get(set->list, "libraries"), i, row)
		if (make_entry(row, ret, &entries[len++], err) < 0)
			return -1;
	table.loader = add_path(ret, "ld.so");
	table.libraries = add_path(ret, "lib");
	table.foreign_layout = has_foreign_layout(platform);
	table.env_all = add_all_variables(ret, programs);
	table.size = (uint32_t)ret->len;
	qsort(entries, count, sizeof *entries, compare_entries);
	memset(ret->data, 0, table.entries);
	memcpy(ret->data, &table, sizeof table);
	memcpy(ret->data + table.entries, entries, count * sizeof *entries);
	return 0;
}

/* ---- a step's files ---- */

static int write_file(const char *folder, const char *name, const void *bytes, size_t len, mode_t mode, struct error *err)
{
	_cleanup_(freep) char *path = path_join(folder, name);
	_cleanup_(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || fchmod(fd, mode) < 0)
		return error_errno(err, errno, "cannot make %s", path);
	return fd_write_all(fd, bytes, len, path, err);
}

int twin_set_prepare(const struct twin_set *set, const struct platform *platform, const char *folder, struct error *err)
{
	struct buf table _cleanup_(buf_free) = { 0 };
	struct twin_state state = { .entries_len = (uint32_t)count_rows(set) };
	_cleanup_(freep) char *path = path_join(folder, "state");

	if (make_table(set, platform, &table, err) < 0 || write_file(folder, "table", table.data, table.len, 0444, err) < 0 ||
	    write_file(folder, "dispatcher", dispatcher_file->bytes, dispatcher_file->len, 0755, err) < 0)
		return -1;
	/* whoever runs in the step writes there, as whichever user */
	if (write_file(folder, "state", &state.entries_len, sizeof state.entries_len, 0666, err) < 0)
		return -1;
	if (truncate(path, (off_t)state_size(state.entries_len)) < 0)
		return error_errno(err, errno, "cannot make %s", path);
	return write_file(folder, "samples", "", 0, 0600, err);
}
