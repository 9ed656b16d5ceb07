/* Archives by architecture: see twin_mirror.h.
 *
 * Debian has all architectures in one archive. Ubuntu has amd64 and i386 in one (http://archive.…/ubuntu, and security.…), the others in a second
 * (http://ports.…/ubuntu-ports), with the same suites, the same keys and, most of the time, the same versions. An image names the one that has its own packages; its twins come
 * from the other. The second one's name follows from the first one's, for the archives themselves and for mirrors that call the folders so; where it does not, and for whatever else
 * has no packages for this machine, the user names a mirror. Each entry that has a counterpart is written twice, for one architecture each. The signatures are checked with the
 * same keys. */
#include "emu/twin_mirror.h"

#include <stdio.h>
#include <strings.h>

#define BLANKS " \t"
enum { FOLDERS_MAX = 2 }; /* http://host/pub/ubuntu; others', such as http://host/owner/name/ubuntu, have more */

int twin_mirror_check(const char *mirror, struct error *err)
{
	bool web = str_starts(mirror, "http://") || str_starts(mirror, "https://");

	for (const char *at = mirror; web && *at; at++)
		web = *at > ' ' && *at < 0x7f && !strchr("[]#\"\\", *at);
	if (web)
		return 0;
	error_set(err, ERROR_USAGE, "--twin-mirror takes the address of an archive, not '%s'", mirror);
	return error_hint(err, "such as http://mirror.example/ubuntu, as it stands in apt's sources");
}

/* ---- one address ---- */

static bool is_primary(const char *architecture)
{
	return str_equal(architecture, "amd64") || str_equal(architecture, "i386");
}

/* http://HOST/FOLDERS/NAME: where the host and the last folder begin, and how long that is without a slash at the end. */
struct place {
	const char *host, *name;
	size_t name_len;
};

static bool find_place(const char *uri, struct place *ret)
{
	const char *scheme = strstr(uri, "://"), *path = scheme ? strchr(scheme + 3, '/') : NULL;
	size_t len = strlen(uri), folders = 0;

	if (!path)
		return false;
	while (len && uri[len - 1] == '/')
		len--;
	*ret = (struct place){ .host = scheme + 3 };
	for (const char *at = path; at < uri + len; at++)
		if (*at == '/') {
			ret->name = at + 1;
			folders++;
		}
	ret->name_len = ret->name ? (size_t)(uri + len - ret->name) : 0;
	return folders && folders <= FOLDERS_MAX;
}

static bool name_is(const struct place *place, const char *distribution, const char *end)
{
	_cleanup_(freep) char *name = xprintf("%s%s", distribution, end);

	return place->name_len == strlen(name) && str_starts(place->name, name);
}

/* A host "ports.example" has a sister "archive.example"; a mirror has both under one name. */
static char *exchange(const char *uri, const struct place *place, const char *const *from, const char *to, const char *name)
{
	const char *rest = place->host;

	for (; *from; from++)
		if (str_starts(place->host, *from)) {
			rest += strlen(*from);
			break;
		}
	return xprintf("%.*s%s%.*s%s", (int)(place->host - uri), uri, *from ? to : "", (int)(place->name - rest), rest, name);
}

char *twin_mirror_of(const struct twin_source *source, const char *uri)
{
	static const char *const ports[] = { "ports.", NULL }, *const archives[] = { "archive.", "security.", NULL };
	struct place place = { 0 };
	bool found = find_place(uri, &place);
	bool is_main = found && name_is(&place, source->distribution, ""), is_ports = found && name_is(&place, source->distribution, "-ports");

	if (source->mirror)
		return (is_main || is_ports || str_equal(uri, source->archive)) && !str_equal(source->mirror, uri) ? xstrdup(source->mirror) : NULL;
	if (!str_equal(source->distribution, "ubuntu") || is_primary(source->host) == is_primary(source->foreign))
		return NULL;
	if (is_primary(source->host) && is_ports)
		return exchange(uri, &place, ports, "archive.", "ubuntu");
	if (is_primary(source->foreign) && is_main)
		return exchange(uri, &place, archives, "ports.", "ubuntu-ports");
	return NULL;
}

/* ---- "deb [options] address suite component…" ---- */

static void add_line(struct buf *ret, const char *architecture, const char *options, const char *uri, const char *rest)
{
	struct strlist words _cleanup_(strlist_free) = { 0 };

	buf_printf(ret, "deb [arch=%s", architecture);
	strlist_split(&words, options, ' ');
	for (size_t i = 0; i < words.len; i++)
		if (words.items[i][0] && !str_starts(words.items[i], "arch="))
			buf_printf(ret, " %s", words.items[i]);
	buf_printf(ret, "] %s%s\n", uri, rest);
}

/* The parts of such a line; false if it is another. `rest` is borrowed, what else there is owned by the caller. */
static bool read_line(const char *line, char **ret_options, char **ret_uri, const char **ret_rest)
{
	const char *at = line + strspn(line, BLANKS), *end;

	if (!str_starts(at, "deb ") && !str_starts(at, "deb\t"))
		return false;
	at += 3 + strspn(at + 3, BLANKS);
	if (*at == '[' && (end = strchr(at, ']'))) {
		*ret_options = xstrndup(at + 1, (size_t)(end - at - 1));
		at = end + 1 + strspn(end + 1, BLANKS);
	}
	*ret_uri = xstrndup(at, strcspn(at, BLANKS));
	*ret_rest = at + strlen(*ret_uri);
	return true;
}

static void rewrite_line(const struct twin_source *source, const char *line, struct buf *ret)
{
	_cleanup_(freep) char *options = NULL, *uri = NULL;
	const char *rest = NULL;
	_cleanup_(freep) char *mirror = read_line(line, &options, &uri, &rest) ? twin_mirror_of(source, uri) : NULL;

	if (!mirror) {
		buf_printf(ret, "%s\n", line);
		return;
	}
	add_line(ret, source->foreign, options ? options : "", uri, rest);
	add_line(ret, source->host, options ? options : "", mirror, rest);
}

/* ---- stanzas of fields ---- */

static bool field_is(const char *line, const char *name)
{
	size_t len = strlen(name);

	return !strncasecmp(line, name, len) && line[len + strspn(line + len, BLANKS)] == ':';
}

static bool line_is_empty(const char *line)
{
	return !line[strspn(line, BLANKS "\r")];
}

/* The words of a line of addresses, each exchanged; false if none has a counterpart. */
static bool add_uris(const struct twin_source *source, const char *words, struct buf *ret)
{
	bool any = false;

	for (const char *at = words + strspn(words, BLANKS); *at; at += strspn(at, BLANKS)) {
		_cleanup_(freep) char *uri = xstrndup(at, strcspn(at, BLANKS)), *mirror = twin_mirror_of(source, uri);
		buf_printf(ret, " %s", mirror ? mirror : uri);
		any |= mirror != NULL;
		at += strlen(uri);
	}
	buf_add_char(ret, '\n');
	return any;
}

/* The stanza as it is to be for one architecture; with this machine's archives if `exchanged`. False if there are none. */
static bool add_stanza(const struct twin_source *source, char *const *lines, size_t len, const char *architecture, bool exchanged, struct buf *ret)
{
	bool in_uris = false, dropped = false, any = false;

	for (size_t i = 0; i < len; i++) {
		const char *line = lines[i], *value = line;
		if (*line == '#')
			continue;
		if (!strchr(BLANKS, *line)) {
			in_uris = field_is(line, "URIs");
			dropped = field_is(line, "Architectures");
			if (in_uris) {
				buf_add_str(ret, "URIs:");
				value = strchr(line, ':') + 1;
			}
		}
		if (in_uris && exchanged)
			any |= add_uris(source, value, ret);
		else if (!dropped)
			buf_printf(ret, "%s\n", in_uris ? value : line);
		if (field_is(line, "Types"))
			buf_printf(ret, "Architectures: %s\n", architecture);
	}
	buf_add_char(ret, '\n');
	return any;
}

static void rewrite_stanza(const struct twin_source *source, char *const *lines, size_t len, struct buf *ret)
{
	struct buf host _cleanup_(buf_free) = { 0 };

	if (!add_stanza(source, lines, len, source->host, true, &host)) {
		for (size_t i = 0; i < len; i++)
			buf_printf(ret, "%s\n", lines[i]);
		buf_add_char(ret, '\n');
		return;
	}
	add_stanza(source, lines, len, source->foreign, false, ret);
	buf_add(ret, host.data, host.len);
}

/* ---- files ---- */

static void split_lines(const char *text, struct strlist *ret)
{
	strlist_split(ret, text, '\n');
	if (!ret->items[ret->len - 1][0])
		free(ret->items[--ret->len]);
}

char *twin_mirror_first(const char *text, bool stanzas)
{
	struct strlist lines _cleanup_(strlist_free) = { 0 };

	split_lines(text, &lines);
	for (size_t i = 0; i < lines.len; i++) {
		_cleanup_(freep) char *options = NULL, *uri = NULL;
		const char *rest, *line = lines.items[i];
		if (!stanzas && read_line(line, &options, &uri, &rest))
			return steal(uri);
		if (stanzas && field_is(line, "URIs")) {
			line = strchr(line, ':') + 1;
			line += strspn(line, BLANKS);
			return xstrndup(line, strcspn(line, BLANKS));
		}
	}
	return NULL;
}

void twin_mirror_rewrite(const struct twin_source *source, const char *text, bool stanzas, struct buf *ret)
{
	struct strlist lines _cleanup_(strlist_free) = { 0 };
	size_t start = 0;

	split_lines(text, &lines);
	for (size_t i = 0; i < lines.len && !stanzas; i++)
		rewrite_line(source, lines.items[i], ret);
	for (size_t i = 0; i <= lines.len && stanzas; i++)
		if (i == lines.len || line_is_empty(lines.items[i])) {
			if (i > start)
				rewrite_stanza(source, lines.items + start, i - start, ret);
			start = i + 1;
		}
}
