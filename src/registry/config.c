/* The settings file: see config.h. */
#include "registry/config.h"

#include "base/fd.h"
#include "base/json.h"

enum { CONFIG_FILE_MAX = 1 << 20, CONNECTIONS_LIMIT = 65536 };

/* ---- the sections that belong to the server as a whole ---- */

static int read_listen(struct registry_options *options, const json_t *section, struct error *err)
{
	json_t *whole _cleanup_(json_release) = json_object();

	if (options->listen.len)
		return 0;
	json_object_set(whole, "listen", (json_t *)section);
	return json_get_strlist(whole, "listen", &options->listen, err) < 0 ? -1 : 0;
}

static int read_connections(struct registry_options *options, const json_t *section, struct error *err)
{
	json_int_t value = json_integer_value(section);

	if (!json_is_integer(section) || value < 1 || value > CONNECTIONS_LIMIT)
		return error_set(err, ERROR_INVALID, "it must be a number from 1 to %d", CONNECTIONS_LIMIT);
	if (!options->connections_max)
		options->connections_max = (int)value;
	return 0;
}

/* key of the file, who reads it */
static const struct {
	const char *key;
	config_read_fn *read;
} sections[] = {
	{ "listen", read_listen },
	{ "connections", read_connections },
};

/* ---- reading ---- */

int config_check_keys(const json_t *object, const char *const *known, struct error *err)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value) {
		const char *const *at = known;
		while (*at && !str_equal(*at, key))
			at++;
		if (*at)
			continue;
		const char *near = str_nearest(key, known);
		error_set(err, ERROR_INVALID, "there is no setting '%s'", key);
		return near ? error_hint(err, "did you mean '%s'?", near) : -1;
	}
	return 0;
}

static int apply(const json_t *root, struct registry_options *options, struct error *err)
{
	const char *known[array_len(sections) + 1] = { NULL };

	for (size_t i = 0; i < array_len(sections); i++)
		known[i] = sections[i].key;
	if (config_check_keys(root, known, err) < 0)
		return -1;
	for (size_t i = 0; i < array_len(sections); i++) {
		const json_t *section = json_object_get(root, sections[i].key);
		if (section && sections[i].read(options, section, err) < 0)
			return error_wrap(err, "'%s'", sections[i].key);
	}
	return 0;
}

int config_load(struct store *store, const char *path, struct registry_options *options, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	struct error mine _cleanup_(error_clear) = { 0 };
	_cleanup_(freep) char *found = path ? xstrdup(path) : path_join(store_path(store), "registry.json");

	if (file_read(AT_FDCWD, found, CONFIG_FILE_MAX, &text, &mine) < 0) {
		if (!path && mine.code == ERROR_NOT_FOUND)
			return 0;
		error_move(err, &mine);
		return -1;
	}
	json_t *root _cleanup_(json_release) = json_parse(text.data ? text.data : "", text.len, "settings", err);
	if (!root || apply(root, options, err) < 0)
		return error_wrap(err, "cannot use %s", found);
	return 0;
}
