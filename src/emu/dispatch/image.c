/* Settings of the image: see image.h. */
#include "emu/dispatch/image.h"

#include "emu/dispatch/system.h"
#include "emu/dispatch/table.h"

enum { FILE_MAX = 8192, NAMES_SIZE = 8192, PATH_SIZE = 320, NAME_OFFSET = 19 /* of d_name in struct linux_dirent64 */ };

#define CONF "/etc/ld.so.conf"
#define CONF_FOLDER "/etc/ld.so.conf.d"
#define PLUGIN_FOLDER "/usr/lib/bfd-plugins"

/* The file's text with a NUL behind it; its length, 0 if it isn't there, -1 if it cannot be read or is too long to be looked at. */
static long read_text(const char *path, char text[FILE_MAX])
{
	long fd = sys_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), len = 0, n = 0;

	text[0] = '\0';
	if (fd < 0)
		return fd == -2 /* ENOENT */ ? 0 : -1;
	while (len < FILE_MAX - 1 && (n = SYSTEM_CALL(read, fd, text + len, FILE_MAX - 1 - len)) > 0)
		len += n;
	sys_close((int)fd);
	text[len] = '\0';
	return n < 0 || len == FILE_MAX - 1 ? -1 : len;
}

int image_preloads(void)
{
	struct statx about;
	long result = sys_stat(AT_FDCWD, "/etc/ld.so.preload", 0, &about);

	return result == 0 && about.stx_size != 0;
}

/* ---- lines and words ---- */

static int is_blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r';
}

/* The next word of a line, its length in *ret_len; NULL at the line's end or before a remark. */
static const char *next_word(const char *at, size_t *ret_len)
{
	size_t len = 0;

	while (is_blank(*at))
		at++;
	if (!*at || *at == '\n' || *at == '#')
		return NULL;
	while (at[len] && at[len] != '\n' && at[len] != '#' && !is_blank(at[len]))
		len++;
	*ret_len = len;
	return at;
}

static const char *next_line(const char *at)
{
	while (*at && *at != '\n')
		at++;
	return *at ? at + 1 : at;
}

static int word_is(const char *word, size_t len, const char *text)
{
	return len == text_len(text) && text_starts(word, text);
}

/* ---- names of users ---- */

/* "files", and "systemd", which adds no one where systemd doesn't run; what follows in brackets only says when to stop. */
static int services_are_plain(const char *at)
{
	size_t len;

	for (const char *word; (word = next_word(at, &len)); at = word + len)
		if (*word != '[' && !word_is(word, len, "files") && !word_is(word, len, "systemd"))
			return 0;
	return 1;
}

int image_has_name_services(void)
{
	char text[FILE_MAX];
	size_t len;

	if (read_text("/etc/nsswitch.conf", text) < 0)
		return 1;
	for (const char *line = text; *line; line = next_line(line)) {
		const char *word = next_word(line, &len);
		if (word && (word_is(word, len, "passwd:") || word_is(word, len, "group:")) && !services_are_plain(word + len))
			return 1;
	}
	return 0;
}

/* ---- folders of libraries ---- */

/* Calls `each` for every name but . and ..; stops at one that it returns non-zero for, and returns that. -1 if the folder can't be read to its end. */
static int for_each_name(const char *folder, int (*each)(const char *folder, const char *name))
{
	char names[NAMES_SIZE] __attribute__((aligned(8)));
	long fd = sys_open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), n;
	int result = 0;

	if (fd < 0)
		return fd == -2 ? 0 : -1;
	while (result == 0 && (n = SYSTEM_CALL(getdents64, fd, names, sizeof names)) != 0) {
		if (n < 0)
			result = -1;
		for (long at = 0; result == 0 && at < n;) {
			const char *name = names + at + NAME_OFFSET;
			if (!text_equal(name, ".") && !text_equal(name, ".."))
				result = each(folder, name);
			at += *(const unsigned short *)(const void *)(name - 3);
		}
	}
	sys_close((int)fd);
	return result;
}

/* folder/name; 0 if it is too long. */
static int join(char path[PATH_SIZE], const char *folder, size_t len, const char *name)
{
	size_t name_len = text_len(name);

	if (len + name_len + 2 > PATH_SIZE)
		return 0;
	for (size_t i = 0; i < len; i++)
		path[i] = folder[i];
	path[len] = '/';
	for (size_t i = 0; i <= name_len; i++)
		path[len + 1 + i] = name[i];
	return 1;
}

/* Those of Debian's own files, and fakeroot's, which nothing is linked with. */
static int folder_is_usual(const char *word, size_t len)
{
	static const char *const starts[] = { "/usr/local/lib/", "/usr/lib/", "/lib/" };
	const char *triplet;

	if (word_is(word, len, "/usr/local/lib"))
		return 1;
	for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
		if (!text_starts(word, starts[i]) || !(triplet = bytes_find(word, len, "-linux-gnu")))
			continue;
		for (triplet += 10; triplet < word + len && *triplet >= 'a' && *triplet <= 'z';)
			triplet++;
		return triplet == word + len || word_is(triplet, (size_t)(word + len - triplet), "/libfakeroot");
	}
	return 0;
}

static int is_unusual(const char *folder, size_t len)
{
	return !folder_is_usual(folder, len);
}

static int is_override(const char *folder, const char *name)
{
	char path[PATH_SIZE];
	struct statx about;

	(void)folder;
	if (!bytes_find(name, text_len(name), ".so"))
		return text_equal(name, "glibc-hwcaps");
	return !join(path, TWIN_TREE "/lib", sizeof TWIN_TREE "/lib" - 1, name) || sys_stat(AT_FDCWD, path, 0, &about) == 0;
}

/* Of the usual ones, only those of /usr/local come before the folders of the distribution's packages. */
static int has_override(const char *folder, size_t len)
{
	char path[PATH_SIZE];

	if (folder_is_usual(folder, len) && !text_starts(folder, "/usr/local/"))
		return 0;
	return !join(path, folder, len, "") || for_each_name(len ? path : ".", is_override) > 0;
}

static int in_conf(const char *path, int (*each)(const char *folder, size_t len))
{
	char text[FILE_MAX];
	size_t len;

	if (read_text(path, text) < 0)
		return 1;
	for (const char *line = text; *line; line = next_line(line)) {
		const char *word = next_word(line, &len);
		if (!word)
			continue;
		if (!word_is(word, len, "include")) {
			if (each(word, len))
				return 1;
		} else if (!(word = next_word(word + len, &len)) || !word_is(word, len, CONF_FOLDER "/*.conf"))
			return 1;
	}
	return 0;
}

static int in_conf_folder(const char *folder, const char *name, int (*each)(const char *folder, size_t len))
{
	char path[PATH_SIZE];
	size_t len = text_len(name);

	if (len < 5 || !text_equal(name + len - 5, ".conf"))
		return 0;
	return !join(path, folder, text_len(folder), name) || in_conf(path, each);
}

static int conf_is_unusual(const char *folder, const char *name)
{
	return in_conf_folder(folder, name, is_unusual);
}

static int conf_has_override(const char *folder, const char *name)
{
	return in_conf_folder(folder, name, has_override);
}

int image_has_library_folders(void)
{
	return in_conf(CONF, is_unusual) || for_each_name(CONF_FOLDER, conf_is_unusual) != 0;
}

int image_overrides_libraries(const char *path)
{
	for (const char *at = path; at && *at;) {
		size_t len = 0;
		while (at[len] && at[len] != ':' && at[len] != ';')
			len++;
		if (bytes_find(at, len, "$") || has_override(at, len))
			return 1;
		at += len + (at[len] != '\0');
	}
	return in_conf(CONF, has_override) || for_each_name(CONF_FOLDER, conf_has_override) != 0;
}

/* folder/name, `len` bytes of the name, and what comes behind; 1 if it is there. */
static int exists(const char *folder, const char *name, size_t len, const char *end, struct statx *ret)
{
	char path[PATH_SIZE], part[PATH_SIZE];
	size_t used = 0;

	if (len + text_len(end) + 1 > PATH_SIZE)
		return 1;
	for (; used < len; used++)
		part[used] = name[used];
	for (; *end; end++)
		part[used++] = *end;
	part[used] = '\0';
	return !join(path, folder, text_len(folder), part) || sys_stat(AT_FDCWD, path, 0, ret) == 0;
}

int image_hides_library(const char *path)
{
	struct statx ours, other;

	if (text_starts(path, "/lib/ld-musl-")) {
		const char *name = path + 5, *end = bytes_find(name, text_len(name), ".so");
		return !end || exists("/etc", name, (size_t)(end - name), ".path", &other);
	}
	if (!text_starts(path, "/usr/lib/") || bytes_find(path + 9, text_len(path + 9), "/"))
		return 0;
	const char *name = path + 9;
	if (exists("/usr/local/lib", name, text_len(name), "", &other))
		return 1;
	return exists("/lib", name, text_len(name), "", &other) &&
	       (sys_stat(AT_FDCWD, path, 0, &ours) < 0 || ours.stx_ino != other.stx_ino || ours.stx_dev_minor != other.stx_dev_minor);
}

/* ---- plug-ins ---- */

static int is_other_plugin(const char *folder, const char *name)
{
	(void)folder;
	return !text_equal(name, "liblto_plugin.so");
}

enum image_plugins image_plugins(void)
{
	struct statx about;

	if (for_each_name(PLUGIN_FOLDER, is_other_plugin) != 0)
		return PLUGINS_OTHERS;
	return sys_stat(AT_FDCWD, PLUGIN_FOLDER "/liblto_plugin.so", 0, &about) == 0 ? PLUGINS_LTO : PLUGINS_NONE;
}

static int is_any(const char *folder, const char *name)
{
	(void)folder;
	(void)name;
	return 1;
}

int image_folder_is_empty(const char *path)
{
	return for_each_name(path, is_any) == 0;
}

int image_works_in_proc(void)
{
	char path[4096];
	long len = SYSTEM_CALL(getcwd, path, sizeof path);

	return len > 0 && text_starts(path, "/proc") && (!path[5] || path[5] == '/');
}
