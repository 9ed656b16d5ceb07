/* Packages by apt: see debs.h.
 *
 * apt-get and apt-cache work in a folder of ours: lists, cache, an empty dpkg status, and a configuration file that names them all. Two architectures are
 * asked for at once. Packages are only unpacked; no maintainer script runs, and nothing of this machine changes. */
#include "emu/debs.h"

#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/process.h"

enum { LISTING_MAX = 64 << 20, FETCH_AT_ONCE = 40 };

void debs_close(struct debs *debs)
{
	for (size_t i = 0; i < debs->len; i++) {
		free(debs->items[i].name);
		free(debs->items[i].architecture);
		free(debs->items[i].version);
		free(debs->items[i].depends);
	}
	free(debs->items);
	free(debs->config);
	*debs = (struct debs){ 0 };
}

/* ---- running apt ---- */

/* Its output goes to a file of the folder, since it may be long; `ret` gets it. Returns the exit code. */
static int run_apt(const struct debs *debs, const struct strlist *words, const char *cwd, struct buf *ret, struct error *err)
{
	struct strlist argv _cleanup_(strlist_free) = { 0 };
	_cleanup_(fd_close) int out = open(debs->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (out < 0)
		return error_set(err, ERROR_IO, "cannot make a temporary file in %s", debs->folder);
	strlist_add(&argv, "env");
	strlist_printf(&argv, "APT_CONFIG=%s", debs->config);
	strlist_add(&argv, "LC_ALL=C");
	strlist_add(&argv, "DEBIAN_FRONTEND=noninteractive");
	strlist_add_all(&argv, words);
	const struct process_options options = { .argv = (const char *const *)argv.items, .cwd = cwd, .in = PROCESS_NULL, .out = out, .err = out };
	int code = process_run(&options, err);
	if (code < 0 || lseek(out, 0, SEEK_SET) < 0 || fd_read_all(out, LISTING_MAX, ret, "apt's output", err) < 0)
		return -1;
	buf_reserve(ret, 0);
	return code;
}

/* apt's own words: its lines that begin with "E:" or else "W:". */
static int explain(const char *said, const char *what, struct error *err)
{
	const char *line = strstr(said, "E: ");

	if (!line)
		line = strstr(said, "W: ");
	_cleanup_(freep) char *text = line ? xstrndup(line + 3, strcspn(line + 3, "\n")) : xstrdup("apt-get failed");
	error_set(err, ERROR_NETWORK, "%s: %s", what, str_make_printable(text));
	return error_hint(err, "the image's apt sources must be reachable from this machine; without twins: --twins=off");
}

/* An image may say that it takes lists past their date, or from a mirror that is not signed: taken over by name, nothing else is. */
static void add_allowances(const struct twin_source *source, struct buf *config)
{
	static const char *const names[] = { "Acquire::Check-Valid-Until", "Acquire::AllowInsecureRepositories" };
	_cleanup_(fd_close) int fd = path_open_in_root(source->tree, "etc/apt/apt.conf.d", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, NULL);
	struct buf text _cleanup_(buf_free) = { 0 };

	if (fd >= 0)
		file_read(fd, "99mmdebstrap", 1 << 16, &text, NULL);
	buf_reserve(&text, 0);
	for (size_t i = 0; i < array_len(names); i++) {
		const char *at = strstr(text.data, names[i]), *value = at ? at + strlen(names[i]) : NULL;
		if (value && (str_starts(value, " \"false\"") || str_starts(value, " \"true\"")))
			buf_printf(config, "%s%.*s;\n", names[i], (int)(strchr(value + 2, '"') + 1 - value), value);
	}
}

static int write_config(const struct twin_source *source, struct debs *debs, struct error *err)
{
	static const char *const made[] = { "apt/lists/partial", "apt/cache/archives/partial" };
	struct buf text _cleanup_(buf_free) = { 0 };
	const char *folder = debs->folder;
	_cleanup_(freep) char *etc = path_join(folder, "apt/etc"), *status = path_join(folder, "apt/status");

	for (size_t i = 0; i < array_len(made); i++) {
		_cleanup_(freep) char *path = path_join(folder, made[i]);
		if (dir_make(AT_FDCWD, path, 0755, err) < 0)
			return -1;
	}
	buf_printf(&text, "Dir::State \"%s/apt\";\nDir::State::lists \"%s/apt/lists\";\nDir::State::status \"%s\";\n", folder, folder, status);
	buf_printf(&text, "Dir::Cache \"%s/apt/cache\";\nDir::Etc \"%s\";\nDir::Etc::parts \"/dev/null\";\nDir::Etc::main \"/dev/null\";\n", folder, etc);
	buf_printf(&text, "APT::Architecture \"%s\";\nAPT::Architectures { \"%s\"; \"%s\"; };\n", source->host, source->host, source->foreign);
	buf_add_str(&text, "APT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\nAcquire::Retries \"1\";\nAcquire::http::Timeout \"20\";\n");
	add_allowances(source, &text);
	debs->config = path_join(folder, "apt/apt.conf");
	if (file_replace(AT_FDCWD, status, "", 0, 0644, err) < 0 || file_replace(AT_FDCWD, debs->config, text.data, text.len, 0644, err) < 0)
		return -1;
	return twin_source_copy(source, etc, err);
}

static void words_add(struct strlist *words, const char *const *from)
{
	for (; *from; from++)
		strlist_add(words, *from);
}

int debs_open(const struct twin_source *source, const char *folder, struct debs *ret, struct error *err)
{
	struct debs debs _cleanup_(debs_close) = { .folder = folder };
	struct strlist words _cleanup_(strlist_free) = { 0 };
	struct buf said _cleanup_(buf_free) = { 0 };

	words_add(&words, (const char *const[]){ "apt-get", "update", "-q", NULL });
	if (write_config(source, &debs, err) < 0)
		return -1;
	int code = run_apt(&debs, &words, NULL, &said, err);
	if (code < 0)
		return -1;
	/* apt-get takes lists that it could not fetch for a warning */
	if (code || strstr(said.data, "W: Failed to fetch") || strstr(said.data, "E: "))
		return explain(said.data, "cannot read the package lists", err);
	*ret = debs;
	debs = (struct debs){ 0 };
	return 0;
}

/* ---- what there is ---- */

static char *field(const char *stanza, size_t len, const char *name)
{
	size_t name_len = strlen(name);

	for (const char *line = stanza, *end = stanza + len; line < end; line += strcspn(line, "\n") + 1)
		if (!strncmp(line, name, name_len) && line[name_len] == ':')
			return xstrndup(line + name_len + 2, strcspn(line + name_len + 2, "\n"));
	return NULL;
}

static void add_stanza(struct debs *debs, const char *stanza, size_t len)
{
	_cleanup_(freep) char *before = field(stanza, len, "Pre-Depends"), *depends = field(stanza, len, "Depends");
	struct deb deb = { .name = field(stanza, len, "Package"), .architecture = field(stanza, len, "Architecture"), .version = field(stanza, len, "Version") };

	deb.depends = xprintf("%s%s%s", before ? before : "", before && depends ? ", " : "", depends ? depends : "");
	if (deb.name && deb.architecture && deb.version && !debs_find(debs, deb.name, deb.architecture)) {
		xgrow(debs->items, debs->len);
		debs->items[debs->len++] = deb;
		return;
	}
	free(deb.name);
	free(deb.architecture);
	free(deb.version);
	free(deb.depends);
}

const struct deb *debs_find(const struct debs *debs, const char *name, const char *architecture)
{
	for (size_t i = 0; i < debs->len; i++)
		if (str_equal(debs->items[i].name, name) && str_equal(debs->items[i].architecture, architecture))
			return &debs->items[i];
	return NULL;
}

int debs_look_up(struct debs *debs, const struct strlist *names, const char *architecture, struct error *err)
{
	struct strlist words _cleanup_(strlist_free) = { 0 };
	struct buf said _cleanup_(buf_free) = { 0 };

	words_add(&words, (const char *const[]){ "apt-cache", "show", "--no-all-versions", NULL });
	for (size_t i = 0; i < names->len; i++)
		if (!debs_find(debs, names->items[i], architecture))
			strlist_printf(&words, "%s:%s", names->items[i], architecture);
	/* a failure is a name that isn't there */
	if (words.len > 3 && run_apt(debs, &words, NULL, &said, err) < 0)
		return -1;
	for (const char *at = said.data; at && (at = strstr(at, "Package: "));) {
		const char *end = strstr(at, "\n\n");
		size_t len = end ? (size_t)(end - at) : strlen(at);
		add_stanza(debs, at, len);
		at += len;
	}
	return 0;
}

int debs_names(const struct debs *debs, const char *start, struct strlist *ret, struct error *err)
{
	struct strlist words _cleanup_(strlist_free) = { 0 };
	struct buf said _cleanup_(buf_free) = { 0 };

	words_add(&words, (const char *const[]){ "apt-cache", "pkgnames", start, NULL });
	if (run_apt(debs, &words, NULL, &said, err) < 0)
		return -1;
	strlist_split(ret, said.data, '\n');
	return 0;
}

char *deb_source_version(const char *version)
{
	char *text = xstrdup(version), *at;

	if ((at = strstr(text, "cross")))
		*at = '\0';
	/* "+b2" at the end: built again from the same source */
	at = strrchr(text, '+');
	if (at && at[1] == 'b' && at[2] && strspn(at + 2, "0123456789") == strlen(at + 2))
		*at = '\0';
	return text;
}

void deb_depends(const char *depends, struct strlist *ret)
{
	for (const char *at = depends; *at;) {
		at += strspn(at, ", ");
		size_t len = strcspn(at, " ,:|(");
		_cleanup_(freep) char *name = xstrndup(at, len);
		if (len && !strlist_has(ret, name))
			strlist_add(ret, name);
		at += strcspn(at, ",");
	}
}

/* ---- fetching ---- */

static int download(const struct debs *debs, const struct strlist *packages, size_t from, const char *to, struct error *err)
{
	struct strlist words _cleanup_(strlist_free) = { 0 };
	struct buf said _cleanup_(buf_free) = { 0 };

	words_add(&words, (const char *const[]){ "apt-get", "download", "-q", NULL });
	for (size_t i = from; i < packages->len && i < from + FETCH_AT_ONCE; i++)
		strlist_add(&words, packages->items[i]);
	int code = run_apt(debs, &words, to, &said, err);
	return code > 0 ? explain(said.data, "cannot fetch packages", err) : code;
}

/* NAME_VERSION_ARCHITECTURE.deb; one of architecture "all" is asked for by the machine's. */
static int unpack(const struct debs *debs, const char *from, const char *package, struct error *err)
{
	_cleanup_(freep) char *name = xstrndup(package, strcspn(package, ":"));
	const char *architecture = strchr(package, ':') + 1;
	const struct deb *deb = debs_find(debs, name, architecture);
	struct strlist parts _cleanup_(strlist_free) = { 0 };
	struct buf nothing _cleanup_(buf_free) = { 0 };

	if (!deb)
		return error_set(err, ERROR_NOT_FOUND, "the archive has no package %s", package);
	strlist_split(&parts, deb->version, ':');
	_cleanup_(freep) char *version = strlist_join(&parts, "%3a");
	_cleanup_(freep) char *file = xprintf("%s/%s_%s_%s.deb", from, name, version, architecture);
	_cleanup_(freep) char *to = xprintf("%s/%s/%s", debs->folder, architecture, name);
	const char *argv[] = { "dpkg-deb", "--extract", file, to, NULL };
	if (dir_make(AT_FDCWD, to, 0755, err) < 0 || process_capture(argv, NULL, 1 << 16, &nothing, err) < 0)
		return error_wrap(err, "cannot unpack %s", package);
	unlink(file);
	return 0;
}

int debs_fetch(struct debs *debs, const struct strlist *packages, struct error *err)
{
	_cleanup_(freep) char *to = path_join(debs->folder, "downloads");

	if (dir_make(AT_FDCWD, to, 0755, err) < 0)
		return -1;
	for (size_t i = 0; i < packages->len; i += FETCH_AT_ONCE)
		if (download(debs, packages, i, to, err) < 0)
			return -1;
	for (size_t i = 0; i < packages->len; i++)
		if (unpack(debs, to, packages->items[i], err) < 0)
			return -1;
	return 0;
}
