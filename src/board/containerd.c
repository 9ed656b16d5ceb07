/* containerd's files: see containerd.h.
 *
 * Both edits put lines between others, or exchange the lines of one table that is about our registry; all else stays. The CRI plugin refuses to start if
 * config_path and the older tables registry.mirrors or registry.configs.*.tls are there together, so a file with those is refused here. */
#include "board/containerd.h"

#include "board/toml.h"

/* The registry table of the CRI plugin, by the file's version. */
static const char *const registry_path[4][3] = {
	[1] = { "plugins", "cri", "registry" },
	[2] = { "plugins", "io.containerd.grpc.v1.cri", "registry" },
	[3] = { "plugins", "io.containerd.cri.v1.images", "registry" },
};
enum { VERSION_MAX = 3 };

static void splice(struct buf *text, size_t from, size_t to, const struct buf *middle)
{
	struct buf out = { 0 };

	buf_add(&out, text->data, from);
	buf_add(&out, middle->data, middle->len);
	buf_add(&out, text->data + to, text->len - to);
	buf_free(text);
	*text = out;
}

static void end_last_line(struct buf *text)
{
	if (text->len && text->data[text->len - 1] != '\n')
		buf_add_char(text, '\n');
}

/* 1 if the file says nothing. */
static int config_version(const struct buf *text, const struct toml *toml, struct error *err)
{
	const struct toml_item *item = toml_find(toml, TOML_KEY, TOML_PATH("version"));
	_cleanup_(freep) char *value = item ? xstrndup(text->data + item->value_start, item->value_end - item->value_start) : NULL;
	int64_t version = 1;

	if (value && str_to_int(value, 1, 1000, &version, NULL) < 0)
		return error_set(err, ERROR_INVALID, "its version is '%s'", value);
	return version > VERSION_MAX ? VERSION_MAX : (int)version; /* what comes after 3 will hardly move the table again; if so, containerd says so */
}

/* disabled_plugins = ["cri"], as docker's package of containerd has it. */
static bool cri_is_disabled(const struct buf *text, const struct toml *toml)
{
	const struct toml_item *item = toml_find(toml, TOML_KEY, TOML_PATH("disabled_plugins"));
	_cleanup_(freep) char *value = item ? xstrndup(text->data + item->value_start, item->value_end - item->value_start) : NULL;

	return value && (strstr(value, "\"cri\"") || strstr(value, "'cri'") || strstr(value, "io.containerd.grpc.v1.cri"));
}

static int check_conflicts(const struct toml *toml, const char *const *path, struct error *err)
{
	for (size_t i = 0; i < toml->len; i++) {
		const struct toml_item *item = &toml->items[i];
		const struct strlist *is = &item->path;
		bool inside = toml_path_is(item, path, 3, false);
		bool mirrors = inside && is->len > 3 && str_equal(is->items[3], "mirrors");
		bool tls = inside && is->len > 5 && str_equal(is->items[3], "configs") && str_equal(is->items[5], "tls");
		if (mirrors || tls) {
			error_set(err, ERROR_UNSUPPORTED, "it has registry.%s, which containerd refuses beside config_path", is->items[3]);
			return error_hint(err, "move what it says to hosts.toml files in " CONTAINERD_CERTS ", and take it out");
		}
		bool above = item->kind == TOML_KEY && is->len <= 3 && toml_path_is(item, path, is->len, true);
		if (above || (item->kind == TOML_KEY && inside && item->table_len < 3)) {
			error_set(err, ERROR_UNSUPPORTED, "the registry's table is written in a way that can't be edited safely");
			return error_hint(err, "set config_path = \"" CONTAINERD_CERTS "\" in it by hand");
		}
	}
	return 0;
}

/* A config_path that names a folder: the first of its list. */
static char *existing_folder(const struct buf *text, const struct toml_item *item, struct error *err)
{
	_cleanup_(freep) char *value = toml_string(text->data, item);

	if (!value || (*value && *value != '/')) {
		error_set(err, ERROR_INVALID, "its config_path is no path");
		return NULL;
	}
	value[strcspn(value, ":")] = '\0';
	return steal(value);
}

static void add_config_path(struct buf *text, const struct toml *toml, const char *const *path)
{
	const struct toml_item *table = toml_find(toml, TOML_TABLE, path, 3);
	struct buf lines _cleanup_(buf_free) = { 0 };

	if (table) {
		int indent = (int)strspn(text->data + table->start, " \t");
		if (text->data[table->end - 1] != '\n')
			buf_add_char(&lines, '\n');
		buf_printf(&lines, "%.*s  config_path = \"" CONTAINERD_CERTS "\"\n", indent, text->data + table->start);
		splice(text, table->end, table->end, &lines);
		return;
	}
	end_last_line(text);
	if (!toml->len)
		buf_add_str(text, "version = 2\n");
	buf_printf(text, "\n[%s.\"%s\".%s]\n  config_path = \"" CONTAINERD_CERTS "\"\n", path[0], path[1], path[2]);
}

int containerd_config_edit(struct buf *text, char **ret_folder, struct error *err)
{
	struct toml toml _cleanup_(toml_clear) = { 0 };

	if (toml_scan(text->data, text->len, &toml, err) < 0)
		return -1;
	int version = toml.len ? config_version(text, &toml, err) : 2;
	if (version < 0)
		return -1;
	if (cri_is_disabled(text, &toml)) {
		*ret_folder = NULL;
		return 0;
	}
	const char *const *path = registry_path[version], *const key[] = { path[0], path[1], path[2], "config_path" };
	const struct toml_item *item = toml_find(&toml, TOML_KEY, key, 4);
	_cleanup_(freep) char *folder = item ? existing_folder(text, item, err) : NULL;
	if (item && !folder)
		return -1;
	if (folder && *folder) {
		*ret_folder = steal(folder);
		return 0;
	}
	if (item) { /* "", as `containerd config default` prints it */
		struct buf value _cleanup_(buf_free) = { 0 };
		toml_add_quoted(&value, CONTAINERD_CERTS);
		splice(text, item->value_start, item->value_end, &value);
	} else {
		if (check_conflicts(&toml, path, err) < 0)
			return -1;
		add_config_path(text, &toml, path);
	}
	*ret_folder = xstrdup(CONTAINERD_CERTS);
	return 1;
}

/* ---- hosts.toml ---- */

static void add_setting(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "  %s = ", name);
	toml_add_quoted(out, value);
	buf_add_char(out, '\n');
}

/* skip_verify is left out on purpose: on an http host it makes containerd try HTTPS first. */
static void print_host(const struct containerd_host *host, struct buf *out)
{
	buf_add_str(out, "[host.");
	toml_add_quoted(out, host->url);
	buf_printf(out, "]\n  capabilities = [\"pull\", \"resolve\"%s]\n", host->push ? ", \"push\"" : "");
	if (host->ca)
		add_setting(out, "ca", host->ca);
	if (host->override_path)
		buf_add_str(out, "  override_path = true\n");
	if (!host->authorization)
		return;
	buf_add_str(out, "  [host.");
	toml_add_quoted(out, host->url);
	buf_add_str(out, ".header]\n  ");
	add_setting(out, "Authorization", host->authorization);
}

/* The lines of the table and of those within it; what the next one's comments are stays. */
static size_t host_end(const struct toml *toml, size_t at, const char *const *path)
{
	size_t end = toml->items[at].end;

	for (size_t i = at + 1; i < toml->len && toml_path_is(&toml->items[i], path, 2, false); i++)
		end = toml->items[i].end;
	return end;
}

static bool says_the_same(const struct buf *text, size_t from, size_t to, const struct buf *wanted)
{
	return to - from == wanted->len && !memcmp(text->data + from, wanted->data, wanted->len);
}

int containerd_hosts_edit(struct buf *text, const struct containerd_host *host, struct error *err)
{
	struct toml toml _cleanup_(toml_clear) = { 0 };
	struct buf lines _cleanup_(buf_free) = { 0 };
	const char *path[] = { "host", host->url };
	size_t first = SIZE_MAX;

	if (toml_scan(text->data, text->len, &toml, err) < 0)
		return -1;
	print_host(host, &lines);
	for (size_t i = 0; i < toml.len; i++) {
		const struct toml_item *item = &toml.items[i];
		if (!toml_path_is(item, path, 1, false))
			continue;
		if (item->kind != TOML_TABLE)
			return error_set(err, ERROR_UNSUPPORTED, "its hosts are written in a way that can't be edited safely");
		if (toml_path_is(item, path, 2, true)) {
			size_t end = host_end(&toml, i, path);
			if (says_the_same(text, item->start, end, &lines))
				return 0;
			splice(text, item->start, end, &lines);
			return 1;
		}
		if (first == SIZE_MAX)
			first = item->start;
		while (i + 1 < toml.len && toml.items[i + 1].kind == TOML_KEY)
			i++;
	}
	if (first != SIZE_MAX) {
		buf_add_char(&lines, '\n');
		splice(text, first, first, &lines);
		return 1;
	}
	if (!toml.len && host->server) {
		end_last_line(text);
		buf_add_str(text, "server = ");
		toml_add_quoted(text, host->server);
		buf_add_char(text, '\n');
	}
	end_last_line(text);
	if (text->len)
		buf_add_char(text, '\n');
	buf_add(text, lines.data, lines.len);
	return 1;
}
