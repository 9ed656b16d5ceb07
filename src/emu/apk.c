/* Parsing what apk writes: see apk.h.
 *
 * An index has one field a line, a letter and a colon before it, and an empty line behind each package. It is cut into strings in place: Alpine's community
 * repository lists some 25,000 packages. What a name leads to is decided here once: one that could be no part of a path, or of an address, is no package. */
#include "emu/apk.h"

#include <zlib.h>

#include "base/base64.h"
#include "store/tar.h"

enum { SEGMENT_MAX = 4 << 20, MEMBER_STEP = 64 << 10, WORD_MAX = 128 };

/* ---- indices ---- */

static bool word_is_safe(const char *word)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-";
	size_t len = strlen(word);

	return len && len < WORD_MAX && word[0] != '.' && word[0] != '-' && strspn(word, allowed) == len;
}

/* "Q1" and the base64 of a SHA-1. */
static bool parse_identity(const char *text, unsigned char ret[APK_SHA1_SIZE])
{
	struct buf bytes _cleanup_(buf_free) = { 0 };

	if (!str_starts(text, "Q1") || !base64_read(BASE64, text + 2, strlen(text + 2), &bytes) || bytes.len != APK_SHA1_SIZE)
		return false;
	memcpy(ret, bytes.data, APK_SHA1_SIZE);
	return true;
}

static void set_field(struct apk_package *package, char letter, const char *value)
{
	switch (letter) {
	case 'P': package->name = value; break;
	case 'V': package->version = value; break;
	case 'A': package->architecture = value; break;
	case 'o': package->origin = value; break;
	case 'c': package->commit = value; break;
	case 'D': package->depends = value; break;
	case 'p': package->provides = value; break;
	case 'C': package->has_identity = parse_identity(value, package->identity); break;
	default: break; /* sizes, texts, and the files of what is installed */
	}
}

static const struct apk_package nothing = { .name = "", .version = "", .architecture = "", .origin = "", .commit = "", .depends = "", .provides = "" };

static void add_package(struct apk_index *index, struct apk_package *package)
{
	if (word_is_safe(package->name) && word_is_safe(package->version)) {
		xgrow(index->items, index->len);
		index->items[index->len++] = *package;
	}
	*package = nothing;
}

int apk_index_parse(struct buf *text, struct apk_index *ret, struct error *err)
{
	struct apk_package package = nothing;
	struct apk_index index _cleanup_(apk_index_clear) = { 0 };
	size_t len = text->len, number = 1;

	index.text = buf_steal(text);
	if (memchr(index.text, '\0', len))
		return error_set(err, ERROR_INVALID, "the list of packages has a NUL byte");
	for (char *line = index.text, *next; line; line = next, number++) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (!*line)
			add_package(&index, &package);
		else if (line[1] != ':')
			return error_set(err, ERROR_INVALID, "line %zu of the list of packages is no field", number);
		else
			set_field(&package, *line, line + 2);
	}
	*ret = index;
	index = (struct apk_index){ 0 };
	return 0;
}

void apk_index_clear(struct apk_index *index)
{
	free(index->text);
	free(index->items);
	*index = (struct apk_index){ 0 };
}

const struct apk_package *apk_index_find(const struct apk_index *index, const char *name)
{
	for (size_t i = 0; i < index->len; i++)
		if (!strcmp(index->items[i].name, name))
			return &index->items[i];
	return NULL;
}

/* Is it one of the words, whatever version stands behind it? */
static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = words; (at = strstr(at, word)); at += len)
		if ((at == words || at[-1] == ' ') && (!at[len] || strchr(" =<>~", at[len])))
			return true;
	return false;
}

const struct apk_package *apk_index_provider(const struct apk_index *index, const char *word)
{
	for (size_t i = 0; i < index->len; i++)
		if (*word && has_word(index->items[i].provides, word))
			return &index->items[i];
	return NULL;
}

bool apk_package_equal(const struct apk_package *a, const struct apk_package *b)
{
	return *a->commit && *a->origin && !strcmp(a->version, b->version) && !strcmp(a->origin, b->origin) && !strcmp(a->commit, b->commit);
}

void apk_libraries(const char *words, struct strlist *ret)
{
	for (const char *at = words + strspn(words, " "); *at; at += strcspn(at, " "), at += strspn(at, " ")) {
		_cleanup_(freep) char *word = xstrndup(at, strcspn(at, " =<>~"));
		if (str_starts(word, "so:") && word_is_safe(word + 3) && !strlist_has(ret, word))
			strlist_add(ret, word);
	}
}

/* ---- repositories ---- */

static bool is_address(const char *text)
{
	size_t scheme = str_starts(text, "http://") ? 7 : str_starts(text, "https://") ? 8 : 0;
	bool web = scheme && text[scheme] && text[scheme] != '/';

	for (const char *at = text; web && *at; at++)
		web = *at > ' ' && *at < 0x7f && !strchr("$\"\\?#", *at); /* no variables of apk 3's either */
	return web;
}

/* "ADDRESS", "v2 ADDRESS", or with parts of it behind, each an address of its own. */
static void add_repository(const struct strlist *words, struct strlist *ret)
{
	size_t at = words->len && str_equal(words->items[0], "v2");

	if (at >= words->len || !is_address(words->items[at]))
		return;
	_cleanup_(freep) char *base = xstrdup(words->items[at]);
	for (size_t len = strlen(base); len && base[len - 1] == '/'; len--)
		base[len - 1] = '\0';
	if (at + 1 == words->len && !strlist_has(ret, base))
		strlist_add(ret, base);
	for (at++; at < words->len; at++)
		if (word_is_safe(words->items[at]))
			strlist_printf(ret, "%s/%s", base, words->items[at]);
}

void apk_repositories_parse(const char *text, struct strlist *ret)
{
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		struct strlist words _cleanup_(strlist_free) = { 0 };
		size_t len = strcspn(line, "\n");
		for (size_t at = 0; at < len && *line != '#';) {
			at += strspn(line + at, " \t\r");
			size_t word = strcspn(line + at, " \t\r\n");
			if (word && at < len)
				strlist_take(&words, xstrndup(line + at, word));
			at += word;
		}
		add_repository(&words, ret);
	}
}

/* ---- packages ---- */

/* One gzip member from the start of the bytes, behind what is in `ret`, which may grow to `limit`; how many bytes it took. */
static int read_member(const char *bytes, size_t len, size_t limit, struct buf *ret, size_t *ret_len, struct error *err)
{
	z_stream z = { .next_in = (unsigned char *)bytes, .avail_in = len > limit ? (uInt)limit : (uInt)len };
	int result = Z_OK;

	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return error_set(err, ERROR_INVALID, "zlib cannot begin");
	while (result == Z_OK && ret->len <= limit) {
		buf_reserve(ret, MEMBER_STEP);
		z.next_out = (unsigned char *)ret->data + ret->len;
		z.avail_out = MEMBER_STEP;
		result = inflate(&z, Z_NO_FLUSH);
		ret->len += MEMBER_STEP - z.avail_out;
		ret->data[ret->len] = '\0';
	}
	*ret_len = z.total_in;
	inflateEnd(&z);
	return result == Z_STREAM_END && ret->len <= limit ? 0 : error_set(err, ERROR_CORRUPT, "a part of it is damaged, or longer than it may be");
}

int apk_segment_read(const struct apk_segment *segment, size_t limit, struct buf *ret, struct error *err)
{
	const char *at = segment->bytes, *end = at + segment->len;

	for (size_t len; at < end; at += len)
		if (read_member(at, (size_t)(end - at), limit, ret, &len, err) < 0)
			return -1;
	return 0;
}

static int take_segment(const char **at, const char *end, struct apk_segment *ret, struct buf *ret_tar, struct error *err)
{
	struct apk_segment segment = { .bytes = *at };

	if (read_member(*at, (size_t)(end - *at), SEGMENT_MAX, ret_tar, &segment.len, err) < 0)
		return -1;
	*at += segment.len;
	*ret = segment;
	return 0;
}

int apk_file_parse(const void *bytes, size_t len, bool package, struct apk_file *ret, struct error *err)
{
	struct apk_file file _cleanup_(apk_file_clear) = { 0 };
	const char *at = bytes, *end = at + len;

	if (take_segment(&at, end, &file.signature, &file.signature_tar, err) < 0 ||
	    (package && take_segment(&at, end, &file.control, &file.control_tar, err) < 0))
		return -1;
	if (at == end)
		return error_set(err, ERROR_CORRUPT, "it ends too early");
	file.rest = (struct apk_segment){ at, (size_t)(end - at) };
	*ret = file;
	file = (struct apk_file){ 0 };
	return 0;
}

void apk_file_clear(struct apk_file *file)
{
	buf_free(&file->signature_tar);
	buf_free(&file->control_tar);
	*file = (struct apk_file){ 0 };
}

static ssize_t read_bytes(void *data, void *bytes, size_t len, struct error *err)
{
	struct apk_segment *left = data;

	(void)err;
	len = len < left->len ? len : left->len;
	if (len)
		memcpy(bytes, left->bytes, len);
	left->bytes += len;
	left->len -= len;
	return (ssize_t)len;
}

int apk_tar_find(const struct buf *tar, const char *start, char **ret_name, struct buf *ret, struct error *err)
{
	struct apk_segment left = { tar->data, tar->len };
	struct tar_reader *reader _cleanup_(tar_reader_free) = tar_reader_new(read_bytes, &left);
	struct tar_entry entry _cleanup_(tar_entry_clear) = { 0 };
	int more;

	while ((more = tar_next(reader, &entry, err)) > 0) {
		if (!str_starts(entry.path, start) || entry.type != TAR_FILE || entry.sparse || entry.size > (int64_t)tar->len)
			continue;
		buf_reserve(ret, (size_t)entry.size);
		ssize_t n = tar_read(reader, ret->data + ret->len, (size_t)entry.size, err);
		if (n < entry.size)
			return n < 0 ? -1 : error_set(err, ERROR_CORRUPT, "%s is not whole", start);
		ret->len += (size_t)n;
		ret->data[ret->len] = '\0';
		if (ret_name)
			*ret_name = steal(entry.path);
		return 1;
	}
	return more;
}

char *apk_info_value(const char *text, const char *name)
{
	size_t len = strlen(name);
	const char *found = NULL;

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (!strncmp(line, name, len) && !strncmp(line + len, " = ", 3)) {
			if (found)
				return NULL;
			found = line + len + 3;
		}
	return found ? xstrndup(found, strcspn(found, "\n")) : NULL;
}
