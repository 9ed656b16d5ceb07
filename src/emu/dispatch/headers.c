/* Precompiled headers: see headers.h.
 *
 * A header NAME is taken as NAME.gch where that stands beside it in a folder that is searched, and only before the first word of the program, so the names are those
 * behind -include and those that the source itself includes. Which of the folders comes first doesn't matter here, nor whether the compiler would find the
 * file good: if any of them has one, that is enough. */
#include "emu/dispatch/headers.h"

#include "emu/dispatch/system.h"

enum { SOURCE_LOOKED_AT = 1 << 16, PATH_SIZE = 1024 };

struct search {
	const struct twin_table *table;
	const struct twin_entry *entry;
	const struct call *call;
	const char *source; /* its folder is searched as well */
};

static int is_there(const char *folder, size_t folder_len, const char *name, size_t name_len)
{
	static const char end[] = ".gch";
	char path[PATH_SIZE];
	struct statx about;
	size_t at = 0;

	if (folder_len + name_len + sizeof end + 1 > sizeof path)
		return 1; /* not looked at: let it be emulated */
	for (size_t i = 0; i < folder_len; i++)
		path[at++] = folder[i];
	if (folder_len)
		path[at++] = '/';
	for (size_t i = 0; i < name_len; i++)
		path[at++] = name[i];
	for (size_t i = 0; i < sizeof end; i++)
		path[at++] = end[i];
	return sys_stat(AT_FDCWD, path, 0, &about) == 0;
}

/* The folder that an option names, in itself or in the next argument; NULL if it names none. */
static const char *option_folder(char *const *arg)
{
	static const char *const options[] = { "-I", "-iquote", "-isystem", "-idirafter" };

	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		if (!text_starts(*arg, options[i]))
			continue;
		const char *rest = *arg + text_len(options[i]);
		return *rest ? rest : arg[1];
	}
	return NULL;
}

/* Folders with colons between them. */
static int is_in_path(const char *folders, const char *name, size_t len)
{
	for (const char *at = folders; at && *at;) {
		size_t end = 0;
		while (at[end] && at[end] != ':')
			end++;
		if (is_there(at, end, name, len))
			return 1;
		at += end + (at[end] == ':');
	}
	return 0;
}

static int is_in_list(const struct search *search, uint32_t list, const char *name, size_t len)
{
	for (const char *folder = NULL; (folder = table_next(search->table, list, folder));)
		if (is_there(folder, text_len(folder), name, len))
			return 1;
	return 0;
}

static size_t folder_len(const char *path)
{
	size_t len = 0;

	for (size_t i = 0; path[i]; i++)
		if (path[i] == '/')
			len = i;
	return len;
}

static int is_precompiled(const struct search *search, const char *name, size_t len)
{
	if (!len)
		return 0;
	if (*name == '/')
		return is_there("", 0, name, len);
	if (is_there("", 0, name, len) || (search->source && is_there(search->source, folder_len(search->source), name, len)))
		return 1;
	for (char **arg = search->call->args; *arg; arg++) {
		const char *folder = option_folder(arg);
		if (folder && is_there(folder, text_len(folder), name, len))
			return 1;
	}
	for (char **at = search->call->env; *at; at++)
		if (text_starts(*at, "CPATH=") && is_in_path(*at + 6, name, len))
			return 1;
	return is_in_list(search, search->entry->c_folders, name, len) || is_in_list(search, search->entry->cxx_folders, name, len);
}

/* ---- the names ---- */

/* In '#include "NAME"' or '#include <NAME>'; 0 if the line is another. */
static size_t included_name(const char *line, const char *end, const char **ret)
{
	static const char word[] = "include";
	size_t len = 0;

	while (line < end && (*line == ' ' || *line == '\t'))
		line++;
	if (line == end || *line++ != '#')
		return 0;
	while (line < end && (*line == ' ' || *line == '\t'))
		line++;
	if ((size_t)(end - line) < sizeof word || bytes_find(line, sizeof word - 1, word) != line)
		return 0;
	for (line += sizeof word - 1; line < end && *line != '"' && *line != '<' && *line != '\n';)
		line++;
	if (line == end || *line == '\n')
		return 0;
	*ret = ++line;
	while (line + len < end && line[len] != '"' && line[len] != '>' && line[len] != '\n')
		len++;
	return len;
}

static int includes_precompiled(const struct search *search, const char *bytes, size_t len)
{
	for (const char *line = bytes, *end = bytes + len; line < end;) {
		const char *name;
		size_t name_len = included_name(line, end, &name);
		if (name_len && is_precompiled(search, name, name_len))
			return 1;
		while (line < end && *line++ != '\n')
			;
	}
	return 0;
}

static int source_takes_precompiled(const struct search *search)
{
	struct statx about;
	int taken = 0;
	long fd = sys_open(search->source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return 0;
	if (sys_stat((int)fd, "", AT_EMPTY_PATH, &about) == 0 && (about.stx_mode & 0170000) == 0100000 && about.stx_size) {
		const char *bytes = sys_map(about.stx_size, 1 /* PROT_READ */, 2 /* MAP_PRIVATE */, (int)fd);
		size_t len = about.stx_size < SOURCE_LOOKED_AT ? about.stx_size : SOURCE_LOOKED_AT;
		taken = map_failed(bytes) || includes_precompiled(search, bytes, len);
		if (!map_failed(bytes))
			sys_unmap((void *)bytes, about.stx_size);
	}
	sys_close((int)fd);
	return taken;
}

/* Every argument that is no option could be the source; those that are not have no such lines. */
int headers_precompiled(const struct twin_table *table, const struct twin_entry *entry, const struct call *call)
{
	struct search search = { table, entry, call, NULL };

	for (char **arg = call->args; *arg; arg++) {
		int is_header = text_equal(*arg, "-include") || text_equal(*arg, "-imacros");
		if (is_header && arg[1] && is_precompiled(&search, arg[1], text_len(arg[1])))
			return 1;
		search.source = *arg;
		if (**arg != '-' && source_takes_precompiled(&search))
			return 1;
		search.source = NULL;
	}
	return 0;
}
