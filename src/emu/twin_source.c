/* The distribution of an image, as far as twins need it: see twin.h.
 *
 * The archive that twins come from is the image's own: its apt sources and keys, read from its tree and copied. The rest of its apt configuration is not taken, since it
 * may name commands to run, and those would run here; nor are sources that would read this machine's files. */
#include <unistd.h>

#include "base/fd.h"
#include "emu/apk.h"
#include "emu/twin_mirror.h"

enum { SOURCE_FILE_MAX = 16 << 20 /* apk's list of what is installed has every file */, KEY_DIGITS = 12 };

/* Folders of the image and what they are called beneath the copy. */
static const struct {
	const char *path, *copy;
} folders[] = {
	{ "etc/apt/sources.list.d", "sources.list.d" },
	{ "etc/apt/trusted.gpg.d", "trusted.gpg.d" },
	{ "etc/apt/keyrings", "keyrings-local" },
	{ "usr/share/keyrings", "keyrings" },
};

/* Alpine's: keys by the name that a signature gives. The second holds those of all architectures, since each is signed with its own. */
static const char *const key_folders[] = { "etc/apk/keys", "usr/share/apk/keys" };

/* ---- reading files of the tree ---- */

/* Missing is empty. */
static int tree_read(int tree, const char *path, struct buf *ret, struct error *err)
{
	_cleanup_(fd_close) int fd = path_open_in_root(tree, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0, NULL);

	if (fd >= 0 && fd_read_all(fd, SOURCE_FILE_MAX, ret, path, err) < 0)
		return -1;
	buf_reserve(ret, 0);
	return 0;
}

static void tree_list(int tree, const char *path, struct strlist *ret)
{
	_cleanup_(fd_close) int fd = path_open_in_root(tree, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, NULL);

	if (fd >= 0)
		dir_names(fd, ".", ret, NULL);
}

/* The value of NAME=value or NAME="value" in a file of such lines; NULL if there is none. */
static char *os_release_value(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = text; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		if (strncmp(line, name, len) != 0 || line[len] != '=')
			continue;
		const char *value = line + len + 1;
		size_t quoted = *value == '"' || *value == '\'';
		return xstrndup(value + quoted, strcspn(value + quoted, quoted ? "\"'\n" : "\n"));
	}
	return NULL;
}

/* ---- what may be a source ---- */

static int check_sources(const char *name, const char *text, struct error *err)
{
	static const char *const local[] = { "file:", "copy:", "cdrom:", "ssh:", "rsh:", "store:", "rred:", "mirror:", "mirror+" };

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		_cleanup_(freep) char *copy = xstrndup(line, strcspn(line, "\n"));
		for (size_t i = 0; copy[0] != '#' && i < array_len(local); i++)
			if (strstr(copy, local[i]))
				return error_set(err, ERROR_UNSUPPORTED, "%s names a source that is not on the network", name);
	}
	return 0;
}

static void digest_file(struct digester *digester, const char *name, const struct buf *text)
{
	_cleanup_(freep) char *head = xprintf("%s %zu\n", name, text->len);

	digester_add(digester, head, strlen(head));
	if (text->len)
		digester_add(digester, text->data, text->len);
}

/* Sources and keys: sets of images that trust others than ours must not be taken for ours. */
static int digest_sources(struct twin_source *source, struct digester *digester, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	bool any = false;

	if (tree_read(source->tree, "etc/apt/sources.list", &text, err) < 0 || check_sources("sources.list", text.data, err) < 0)
		return -1;
	any = text.len > 0;
	source->archive = twin_mirror_first(text.data, false);
	digest_file(digester, "sources.list", &text);
	for (size_t i = 0; i < array_len(folders); i++) {
		struct strlist names _cleanup_(strlist_free) = { 0 };
		tree_list(source->tree, folders[i].path, &names);
		for (size_t j = 0; j < names.len; j++) {
			_cleanup_(freep) char *path = path_join(folders[i].path, names.items[j]);
			buf_clear(&text);
			if (tree_read(source->tree, path, &text, err) < 0 || (i == 0 && check_sources(path, text.data, err) < 0))
				return -1;
			any |= i == 0;
			if (i == 0 && !source->archive)
				source->archive = twin_mirror_first(text.data, str_ends(path, ".sources"));
			digest_file(digester, path, &text);
		}
	}
	return any ? 0 : error_set(err, ERROR_UNSUPPORTED, "the image has no apt sources");
}

static int digest_repositories(struct twin_source *source, struct digester *digester, struct error *err)
{
	struct strlist addresses _cleanup_(strlist_free) = { 0 };
	struct buf text _cleanup_(buf_free) = { 0 };

	if (tree_read(source->tree, "etc/apk/repositories", &text, err) < 0)
		return -1;
	apk_repositories_parse(text.data, &addresses);
	if (!addresses.len)
		return error_set(err, ERROR_UNSUPPORTED, "the image has no repository of packages on the network");
	source->archive = xstrdup(addresses.items[0]);
	digest_file(digester, "repositories", &text);
	for (size_t i = 0; i < array_len(key_folders); i++) {
		struct strlist names _cleanup_(strlist_free) = { 0 };
		tree_list(source->tree, key_folders[i], &names);
		for (size_t j = 0; j < names.len; j++) {
			_cleanup_(freep) char *path = path_join(key_folders[i], names.items[j]);
			if (!str_ends(path, ".pub"))
				continue;
			buf_clear(&text);
			if (tree_read(source->tree, path, &text, err) < 0)
				return -1;
			digest_file(digester, path, &text);
		}
	}
	return 0;
}

static int name_set(struct twin_source *source, struct error *err)
{
	char text[DIGEST_TEXT_SIZE];
	struct digester digester;
	struct digest digest;

	digester_init(&digester, DIGEST_SHA256);
	_cleanup_(freep) char *head = xprintf("twins %d %s %s\n", TWIN_FORMAT, source->host, source->foreign);
	digester_add(&digester, head, strlen(head));
	if ((twin_source_is_alpine(source) ? digest_repositories : digest_sources)(source, &digester, err) < 0)
		return -1;
	digester_finish(&digester, &digest);
	source->reference = xprintf("localhost/twin/%s:%s-%s-%.*s", source->distribution, source->suite, source->foreign, KEY_DIGITS,
				    digest_hex(&digest, text));
	return 0;
}

static bool word_is_plain(const char *word)
{
	return !str_empty(word) && strlen(word) < 32 && strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789.") == strlen(word) && word[0] != '.';
}

int twin_source_file(const struct twin_source *source, const char *path, struct buf *ret, struct error *err)
{
	return tree_read(source->tree, path, ret, err);
}

bool twin_source_is_alpine(const struct twin_source *source)
{
	return str_equal(source->distribution, "alpine");
}

/* Alpine's names, of those machines that lay out numbers as every machine that runs builds does: what differs with that is in too many of busybox's applets to be told apart. */
static const char *alpine_architecture(const struct platform *platform)
{
	static const char *const names[][2] = { { "amd64", "x86_64" }, { "arm64", "aarch64" }, { "loong64", "loongarch64" }, { "ppc64le", "ppc64le" }, { "riscv64", "riscv64" } };

	for (size_t i = 0; i < array_len(names); i++)
		if (str_equal(names[i][0], platform->architecture))
			return names[i][1];
	return NULL;
}

/* "3.20.3" is of the branch 3.20; the rolling one, 3.23_alpha20250612, is told by its repositories. */
static char *alpine_branch(char *version)
{
	char *dot = version ? strchr(version, '.') : NULL, *end = dot ? dot + 1 + strspn(dot + 1, "0123456789") : NULL;

	if (!end || version[strspn(version, ".0123456789")]) {
		free(version);
		return xstrdup("edge");
	}
	*end = '\0';
	return version;
}

static void read_names(const char *text, const struct platform *host, struct twin_source *source)
{
	source->distribution = os_release_value(text, "ID");
	bool alpine = twin_source_is_alpine(source);
	source->suite = alpine ? alpine_branch(os_release_value(text, "VERSION_ID")) : os_release_value(text, "VERSION_CODENAME");
	if (!source->suite) /* Debian's unstable has none */
		source->suite = xstrdup("sid");
	source->host = alpine ? alpine_architecture(host) : platform_debian(host);
	source->foreign = alpine ? alpine_architecture(&source->platform) : platform_debian(&source->platform);
}

int twin_source_read(int tree, const struct platform *platform, struct twin_source *ret, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	struct twin_source source = { .tree = tree, .platform = *platform };
	struct platform host;

	platform_host(&host);
	if (tree_read(tree, "etc/os-release", &text, err) < 0)
		return -1;
	read_names(text.data, &host, &source);
	bool known = twin_source_is_alpine(&source) || str_equal(source.distribution, "debian") || str_equal(source.distribution, "ubuntu");
	if (!known || !source.host || !source.foreign || !word_is_plain(source.suite))
		error_set(err, ERROR_UNSUPPORTED, "there are no twins for images of %s", source.distribution ? source.distribution : "an unknown distribution");
	else if (name_set(&source, err) == 0) {
		*ret = source;
		return 0;
	}
	twin_source_clear(&source);
	return -1;
}

void twin_source_clear(struct twin_source *source)
{
	free(source->distribution);
	free(source->suite);
	free(source->reference);
	free(source->archive);
	*source = (struct twin_source){ 0 };
}

/* ---- copying ---- */

/* A key that a source names by its path in the image is meant as the copy. */
static void replace_all(struct buf *text, const char *from, const char *to)
{
	struct buf out = { 0 };
	const char *at = text->data, *found;

	for (; (found = strstr(at, from)); at = found + strlen(from)) {
		buf_add(&out, at, (size_t)(found - at));
		buf_add_str(&out, to);
	}
	buf_add_str(&out, at);
	buf_free(text);
	*text = out;
}

static int copy_file(const struct twin_source *source, const char *path, const char *folder, const char *to, bool is_source, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	_cleanup_(freep) char *target = path_join(folder, to), *keys = path_join(folder, "keyrings/"), *local = path_join(folder, "keyrings-local/");

	if (tree_read(source->tree, path, &text, err) < 0)
		return -1;
	if (is_source) {
		replace_all(&text, "/usr/share/keyrings/", keys);
		replace_all(&text, "/etc/apt/keyrings/", local);
		struct buf both = { 0 };
		twin_mirror_rewrite(source, text.data, str_ends(path, ".sources"), &both);
		buf_free(&text);
		text = both;
	}
	return file_replace(AT_FDCWD, target, text.data, text.len, 0644, err);
}

int twin_source_copy(const struct twin_source *source, const char *folder, struct error *err)
{
	if (dir_make(AT_FDCWD, folder, 0755, err) < 0 || copy_file(source, "etc/apt/sources.list", folder, "sources.list", true, err) < 0)
		return -1;
	for (size_t i = 0; i < array_len(folders); i++) {
		struct strlist names _cleanup_(strlist_free) = { 0 };
		_cleanup_(freep) char *to = path_join(folder, folders[i].copy);
		if (dir_make(AT_FDCWD, to, 0755, err) < 0)
			return -1;
		tree_list(source->tree, folders[i].path, &names);
		for (size_t j = 0; j < names.len; j++) {
			_cleanup_(freep) char *path = path_join(folders[i].path, names.items[j]), *name = path_join(folders[i].copy, names.items[j]);
			if (copy_file(source, path, folder, name, i == 0, err) < 0)
				return -1;
		}
	}
	return 0;
}
