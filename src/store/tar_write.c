/* Writing tar headers: see tar.h.
 *
 * Plain ustar where it can say everything, a pax header before it where it can't: long names, large numbers, fractions of a second, extended
 * attributes, sparse files. Nothing of it depends on this machine or on the time: same entry, same bytes. Names that are
 * not ASCII stand in the ustar header as they are if they fit; in a pax header, which is UTF-8 by its standard, those that are not
 * are announced by hdrcharset=BINARY. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "store/tar.h"

enum { NAME_SIZE = 100, PREFIX_SIZE = 155 };
#define OCTAL7_MAX INT64_C(07777777)
#define OCTAL11_MAX INT64_C(077777777777)

int64_t tar_stored_size(const struct tar_entry *entry)
{
	int64_t sum = 0;

	if (entry->type != TAR_FILE)
		return 0;
	if (!entry->sparse)
		return entry->size;
	for (size_t i = 0; i < entry->extents_len; i++)
		sum += entry->extents[i].len;
	return sum;
}

void tar_print_padding(int64_t size, struct buf *ret)
{
	static const char zeroes[TAR_BLOCK];

	buf_add(ret, zeroes, (size_t)(-size & (TAR_BLOCK - 1)));
}

void tar_print_end(struct buf *ret)
{
	static const char zeroes[2 * TAR_BLOCK];

	buf_add(ret, zeroes, sizeof zeroes);
}

/* ---- the block ---- */

struct block_fields {
	char type;
	const char *path; /* cut where it doesn't fit */
	const char *target;
	int64_t size;
};

/* Out of range is 0: a pax record says it better. */
static void put_octal(char *at, int digits, int64_t value)
{
	snprintf(at, (size_t)digits + 1, "%0*" PRIo64, digits, value < 0 || value > (digits == 7 ? OCTAL7_MAX : OCTAL11_MAX) ? 0 : value);
}

/* Where a path may be cut into prefix and name, or NULL. */
static const char *path_split(const char *path)
{
	size_t len = strlen(path);

	if (len <= NAME_SIZE || len > NAME_SIZE + 1 + PREFIX_SIZE)
		return NULL;
	for (const char *slash = path + len - NAME_SIZE - 1; (slash = strchr(slash, '/')) && slash - path <= PREFIX_SIZE; slash++)
		if (slash != path && slash[1])
			return slash;
	return NULL;
}

static bool path_fits(const char *path)
{
	return strlen(path) <= NAME_SIZE || path_split(path);
}

static void put_path(char block[TAR_BLOCK], const char *path)
{
	const char *slash = path_split(path);

	if (slash) {
		memcpy(block + 345, path, (size_t)(slash - path));
		memcpy(block, slash + 1, strlen(slash + 1));
	} else {
		memcpy(block, path, strnlen(path, NAME_SIZE));
	}
}

static void put_block(const struct tar_entry *entry, const struct block_fields *fields, struct buf *ret)
{
	char block[TAR_BLOCK + 1] = { 0 }; /* snprintf wants room for a NUL behind */
	unsigned sum = 0;

	put_path(block, fields->path);
	put_octal(block + 100, 7, entry->mode);
	put_octal(block + 108, 7, entry->uid);
	put_octal(block + 116, 7, entry->gid);
	put_octal(block + 124, 11, fields->size);
	put_octal(block + 136, 11, entry->mtime.tv_sec);
	memset(block + 148, ' ', 8);
	block[156] = fields->type;
	memcpy(block + 157, fields->target, strnlen(fields->target, NAME_SIZE));
	memcpy(block + 257, "ustar\00000", 8);
	if (entry->type == TAR_CHARACTER || entry->type == TAR_BLOCKDEV) {
		put_octal(block + 329, 7, entry->major);
		put_octal(block + 337, 7, entry->minor);
	}
	for (int i = 0; i < TAR_BLOCK; i++)
		sum += (unsigned char)block[i];
	snprintf(block + 148, 7, "%06o", sum);
	block[155] = ' ';
	buf_add(ret, block, TAR_BLOCK);
}

/* ---- pax ---- */

/* "length key=value\n", the length counting its own digits. */
static void add_record(struct buf *ret, const char *key, const void *value, size_t len)
{
	size_t rest = strlen(key) + len + 3, size = rest + 1; /* blank, '=', newline; at least one digit */
	char digits[24];

	while ((size_t)snprintf(digits, sizeof digits, "%zu", size) + rest != size)
		size = rest + strlen(digits);
	buf_printf(ret, "%zu %s=", size, key);
	buf_add(ret, value, len);
	buf_add_char(ret, '\n');
}

static void add_text(struct buf *ret, const char *key, const char *value)
{
	add_record(ret, key, value, strlen(value));
}

static void add_number(struct buf *ret, const char *key, int64_t value)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRId64, value);
	add_text(ret, key, text);
}

static void add_time(struct buf *ret, const char *key, struct timespec time)
{
	char text[48];
	bool negative = time.tv_sec < 0;
	int64_t seconds = time.tv_sec;
	long nanoseconds = time.tv_nsec;

	if (negative && nanoseconds) { /* -1 s + 0.25 s is -0.75 */
		seconds++;
		nanoseconds = 1000000000 - nanoseconds;
	}
	int len = snprintf(text, sizeof text, "%s%" PRIu64 ".%09ld", negative ? "-" : "", (uint64_t)(negative ? -seconds : seconds), nanoseconds);
	while (text[len - 1] == '0')
		text[--len] = '\0';
	if (text[len - 1] == '.')
		text[--len] = '\0';
	add_text(ret, key, text);
}

static bool is_utf8(const char *text)
{
	for (const unsigned char *at = (const unsigned char *)text; *at;) {
		int more = *at < 0x80 ? 0 : *at >= 0xc2 && *at < 0xe0 ? 1 : *at >= 0xe0 && *at < 0xf0 ? 2 : *at >= 0xf0 && *at < 0xf5 ? 3 : -1;
		if (more < 0 || (*at == 0xe0 && at[1] < 0xa0) || (*at == 0xed && at[1] > 0x9f) || (*at == 0xf0 && at[1] < 0x90) ||
		    (*at == 0xf4 && at[1] > 0x8f))
			return false;
		for (at++; more; more--, at++)
			if ((*at & 0xc0) != 0x80)
				return false;
	}
	return true;
}

/* The map of a sparse file as pax 1.0 puts it before the data: decimal numbers, one a line, padded to a block. */
static void print_map(const struct tar_entry *entry, struct buf *ret)
{
	size_t start = ret->len;

	buf_printf(ret, "%zu\n", entry->extents_len);
	for (size_t i = 0; i < entry->extents_len; i++)
		buf_printf(ret, "%" PRId64 "\n%" PRId64 "\n", entry->extents[i].offset, entry->extents[i].len);
	tar_print_padding((int64_t)(ret->len - start), ret);
}

static void pax_records(const struct tar_entry *entry, const struct block_fields *fields, struct buf *ret)
{
	bool long_path = !path_fits(entry->path), long_target = strlen(fields->target) > NAME_SIZE;

	if ((long_path && !is_utf8(entry->path)) || (long_target && !is_utf8(fields->target)))
		add_text(ret, "hdrcharset", "BINARY");
	if (entry->sparse) {
		add_text(ret, "GNU.sparse.major", "1");
		add_text(ret, "GNU.sparse.minor", "0");
		add_text(ret, "GNU.sparse.name", entry->path);
		add_number(ret, "GNU.sparse.realsize", entry->size);
	} else if (long_path) {
		add_text(ret, "path", entry->path);
	}
	if (long_target)
		add_text(ret, "linkpath", fields->target);
	if (fields->size > OCTAL11_MAX)
		add_number(ret, "size", fields->size);
	if (entry->uid > OCTAL7_MAX)
		add_number(ret, "uid", entry->uid);
	if (entry->gid > OCTAL7_MAX)
		add_number(ret, "gid", entry->gid);
	if (entry->mtime.tv_nsec || entry->mtime.tv_sec < 0 || entry->mtime.tv_sec > OCTAL11_MAX)
		add_time(ret, "mtime", entry->mtime);
	for (size_t i = 0; i < entry->xattrs_len; i++) {
		_cleanup_(freep) char *key = xprintf("SCHILY.xattr.%s", entry->xattrs[i].name);
		add_record(ret, key, entry->xattrs[i].value, entry->xattrs[i].len);
	}
}

/* A name for the pax header itself, and for a sparse file as old readers see it: "dir/PaxHeaders/name". */
static char *special_name(const char *dir, const char *path)
{
	_cleanup_(freep) char *trimmed = xstrndup(path, strlen(path) - (str_ends(path, "/") ? 1 : 0));
	const char *slash = strrchr(trimmed, '/'), *name = slash ? slash + 1 : trimmed;
	_cleanup_(freep) char *full = xprintf("%s/%s", dir, name);

	return xstrndup(full, strnlen(full, NAME_SIZE));
}

void tar_print_header(const struct tar_entry *entry, struct buf *ret)
{
	struct buf records _cleanup_(buf_free) = { 0 }, map _cleanup_(buf_free) = { 0 };
	_cleanup_(freep) char *pax_name = NULL, *sparse_name = NULL;
	struct block_fields fields = { (char)entry->type, entry->path, entry->target ? entry->target : "", tar_stored_size(entry) };

	if (entry->sparse) {
		print_map(entry, &map);
		fields.size += (int64_t)map.len;
		fields.path = sparse_name = special_name("GNUSparseFile.0", entry->path);
	}
	pax_records(entry, &fields, &records);
	if (records.len) {
		static const struct tar_entry nobody = { .mode = 0644 };
		pax_name = special_name("PaxHeaders.0", entry->path);
		put_block(&nobody, &(struct block_fields){ 'x', pax_name, "", (int64_t)records.len }, ret);
		buf_add(ret, records.data, records.len);
		tar_print_padding((int64_t)records.len, ret);
	}
	put_block(entry, &fields, ret);
	if (map.len)
		buf_add(ret, map.data, map.len);
}
