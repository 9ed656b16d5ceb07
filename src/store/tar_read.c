/* Reading tar archives: see tar.h.
 *
 * An entry is any number of special headers (pax 'x', GNU 'L' and 'K') followed by the header proper; what the special ones say goes before
 * what the header says. Where readers of the world differ, we do as Go's archive/tar does, since that is what docker and containerd
 * unpack with: an image must not unpack into one tree there and another here. So a pax size counts for where the next
 * header lies, links and devices have no data whatever their size field says, and global pax headers are passed over. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "store/tar.h"

enum { XATTRS_MAX = 256, SPECIAL_MAX = 4 * TAR_HEADER_MAX };

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, target[100];
	char magic[8], uname[32], gname[32], major[8], minor[8], prefix[155], rest[12];
};
_Static_assert(sizeof(struct header) == TAR_BLOCK, "a tar header is a block");

enum magic { MAGIC_V7, MAGIC_USTAR, MAGIC_STAR, MAGIC_GNU };

struct tar_reader {
	tar_read_fn *read;
	void *data;
	int64_t left;	 /* of the entry's stored bytes */
	int64_t padding; /* behind them */
	bool ended;
};

/* What special headers said about the next entry. */
struct special {
	char *path, *target;	     /* owned */
	char *sparse_name;	     /* owned */
	bool has_size, has_uid, has_gid, has_mtime, has_real_size;
	int64_t size, uid, gid, real_size;
	struct timespec mtime;
	int64_t bytes;		     /* of special headers so far */
	struct tar_entry kept;	     /* xattrs and extents only */
	int64_t sparse_offset;	     /* of format 0.0, until its numbytes comes; -1: none */
	bool sparse, sparse_in_data; /* format 0.0 and 0.1; format 1.0 */
};

void tar_entry_clear(struct tar_entry *entry)
{
	for (size_t i = 0; i < entry->xattrs_len; i++) {
		free(entry->xattrs[i].name);
		free(entry->xattrs[i].value);
	}
	free(entry->xattrs);
	free(entry->extents);
	free(entry->path);
	free(entry->target);
	*entry = (struct tar_entry){ 0 };
}

void tar_entry_set_xattr(struct tar_entry *entry, const char *name, const void *value, size_t len)
{
	struct tar_xattr *xattr = NULL;

	for (size_t i = 0; i < entry->xattrs_len && !xattr; i++)
		if (str_equal(entry->xattrs[i].name, name))
			xattr = &entry->xattrs[i];
	if (!xattr) {
		xgrow(entry->xattrs, entry->xattrs_len);
		xattr = &entry->xattrs[entry->xattrs_len++];
		*xattr = (struct tar_xattr){ .name = xstrdup(name) };
	}
	free(xattr->value);
	xattr->value = xcalloc(1, len + 1);
	memcpy(xattr->value, value, len);
	xattr->len = len;
}

static void special_clear(struct special *special)
{
	free(special->path);
	free(special->target);
	free(special->sparse_name);
	tar_entry_clear(&special->kept);
	*special = (struct special){ .sparse_offset = -1 };
}

struct tar_reader *tar_reader_new(tar_read_fn *read, void *data)
{
	struct tar_reader *reader = xnew(struct tar_reader);

	reader->read = read;
	reader->data = data;
	return reader;
}

void tar_reader_free(struct tar_reader **at)
{
	free(*at);
	*at = NULL;
}

static int bad(struct error *err, const char *what)
{
	return error_set(err, ERROR_INVALID, "the tar archive is damaged: %s", what);
}

/* Exactly len bytes. */
static int read_whole(struct tar_reader *reader, void *bytes, size_t len, struct error *err)
{
	ssize_t n = reader->read(reader->data, bytes, len, err);

	if (n < 0)
		return -1;
	return (size_t)n < len ? bad(err, "it breaks off") : 0;
}

ssize_t tar_read(struct tar_reader *reader, void *bytes, size_t len, struct error *err)
{
	if (len > reader->left)
		len = (size_t)reader->left;
	if (!len)
		return 0;
	if (read_whole(reader, bytes, len, err) < 0)
		return -1;
	reader->left -= (int64_t)len;
	return (ssize_t)len;
}

static int skip_data(struct tar_reader *reader, struct error *err)
{
	char block[16384];
	int64_t left = reader->left + reader->padding;

	while (left) {
		size_t n = left < (int64_t)sizeof block ? (size_t)left : sizeof block;
		if (read_whole(reader, block, n, err) < 0)
			return -1;
		left -= (int64_t)n;
	}
	reader->left = reader->padding = 0;
	return 0;
}

/* ---- numbers ---- */

/* Octal with blanks or NULs around it, or GNU's base 256, marked by the first bit. Empty is 0. */
static int field_number(const char *field, size_t len, int64_t *ret, struct error *err)
{
	const unsigned char *at = (const unsigned char *)field;
	int64_t value = 0;

	if (at[0] & 0x80) {
		uint64_t bits = at[0] & 0x40 ? ~(uint64_t)0 : 0;
		for (size_t i = 0; i < len; i++) {
			unsigned char byte = i ? at[i] : (unsigned char)((at[0] & 0x40) ? at[0] | 0x80 : at[0] & 0x7f);
			if (i + 8 < len && byte != (unsigned char)bits)
				return bad(err, "a number is out of range");
			bits = i + 8 < len ? bits : bits << 8 | byte;
		}
		if (((int64_t)bits < 0) != !!(at[0] & 0x40))
			return bad(err, "a number is out of range");
		*ret = (int64_t)bits;
		return 0;
	}
	size_t i = 0;
	while (i < len && (at[i] == ' ' || !at[i]))
		i++;
	for (; i < len && at[i] >= '0' && at[i] <= '7'; i++)
		value = value << 3 | (at[i] - '0'); /* 12 digits at most: no overflow */
	for (; i < len; i++)
		if (at[i] && at[i] != ' ')
			return bad(err, "a number is not octal");
	*ret = value;
	return 0;
}

/* A decimal of a pax record that is not negative. */
static int pax_number(const char *text, int64_t *ret, struct error *err)
{
	if (str_to_int(text, 0, INT64_MAX, ret, NULL) < 0)
		return bad(err, "a number in a pax header is wrong");
	return 0;
}

/* "[-]seconds[.fraction]" */
static int pax_time(const char *text, struct timespec *ret, struct error *err)
{
	bool negative = *text == '-';
	size_t whole = strcspn(text + negative, ".");
	_cleanup_(freep) char *seconds = xstrndup(text + negative, whole);
	const char *fraction = text + negative + whole;
	int64_t value;
	long nanoseconds = 0, unit = 100000000;

	if (str_to_int(seconds, 0, INT64_MAX / 2, &value, NULL) < 0)
		return bad(err, "a time in a pax header is wrong");
	if (*fraction == '.')
		for (fraction++; *fraction >= '0' && *fraction <= '9'; fraction++, unit /= 10)
			nanoseconds += unit * (*fraction - '0');
	if (*fraction)
		return bad(err, "a time in a pax header is wrong");
	if (negative) {
		value = -value - (nanoseconds ? 1 : 0);
		nanoseconds = nanoseconds ? 1000000000 - nanoseconds : 0;
	}
	*ret = (struct timespec){ .tv_sec = value, .tv_nsec = nanoseconds };
	return 0;
}

/* ---- sparse maps ---- */

static int add_extent(struct tar_entry *entry, int64_t offset, int64_t len, struct error *err)
{
	const struct tar_extent *last = entry->extents_len ? &entry->extents[entry->extents_len - 1] : NULL;

	if (offset < 0 || len < 0 || offset > INT64_MAX - len || (last && offset < last->offset + last->len))
		return bad(err, "a sparse file's map is wrong");
	if (entry->extents_len >= TAR_EXTENTS_MAX)
		return error_set(err, ERROR_TOO_LARGE, "a sparse file in the layer has more than %d parts", TAR_EXTENTS_MAX);
	xgrow(entry->extents, entry->extents_len);
	entry->extents[entry->extents_len++] = (struct tar_extent){ offset, len };
	return 0;
}

/* GNU.sparse.map of format 0.1: "offset,len,offset,len". */
static int pax_sparse_map(struct special *special, const char *text, struct error *err)
{
	struct strlist parts _cleanup_(strlist_free) = { 0 };

	special->kept.extents_len = 0;
	if (!*text)
		return 0;
	strlist_split(&parts, text, ',');
	if (parts.len % 2)
		return bad(err, "a sparse file's map is wrong");
	for (size_t i = 0; i < parts.len; i += 2) {
		int64_t offset, len;
		if (pax_number(parts.items[i], &offset, err) < 0 || pax_number(parts.items[i + 1], &len, err) < 0 ||
		    add_extent(&special->kept, offset, len, err) < 0)
			return -1;
	}
	return 0;
}

/* One number of a format 1.0 map: decimal digits and a newline. `block` is what was read of the data. */
static int map_number(struct tar_reader *reader, char block[TAR_BLOCK], size_t *at, int64_t *ret, struct error *err)
{
	char digits[24];
	size_t len = 0;

	for (;;) {
		if (*at == TAR_BLOCK) {
			if (reader->left < TAR_BLOCK)
				return bad(err, "a sparse file's map breaks off");
			if (tar_read(reader, block, TAR_BLOCK, err) < 0)
				return -1;
			*at = 0;
		}
		char c = block[(*at)++];
		if (c == '\n')
			break;
		if (c < '0' || c > '9' || len == sizeof digits - 1)
			return bad(err, "a sparse file's map is wrong");
		digits[len++] = c;
	}
	digits[len] = '\0';
	return pax_number(digits, ret, err);
}

static int read_map_in_data(struct tar_reader *reader, struct tar_entry *entry, struct error *err)
{
	char block[TAR_BLOCK];
	size_t at = TAR_BLOCK;
	int64_t count, offset, len;

	if (map_number(reader, block, &at, &count, err) < 0)
		return -1;
	for (int64_t i = 0; i < count; i++)
		if (map_number(reader, block, &at, &offset, err) < 0 || map_number(reader, block, &at, &len, err) < 0 ||
		    add_extent(entry, offset, len, err) < 0)
			return -1;
	return 0;
}

/* GNU's own: four extents in the header, 21 in each block behind it. */
static int read_gnu_map(struct tar_reader *reader, const struct header *header, struct tar_entry *entry, struct error *err)
{
	char block[TAR_BLOCK];
	const char *at = (const char *)header + 386;
	int count = 4;
	bool more = ((const char *)header)[482];

	if (field_number((const char *)header + 483, 12, &entry->size, err) < 0)
		return -1;
	for (;;) {
		for (int i = 0; i < count; i++) {
			int64_t offset, len;
			if (!at[24 * i])
				break;
			if (field_number(at + 24 * i, 12, &offset, err) < 0 || field_number(at + 24 * i + 12, 12, &len, err) < 0 ||
			    add_extent(entry, offset, len, err) < 0)
				return -1;
		}
		if (!more)
			return 0;
		if (read_whole(reader, block, sizeof block, err) < 0)
			return -1;
		at = block;
		count = 21;
		more = block[504];
	}
}

/* The extents lie within the file, and are just as long as what is stored. */
static int check_map(const struct tar_reader *reader, const struct tar_entry *entry, struct error *err)
{
	int64_t sum = 0;

	if (entry->size < 0)
		return bad(err, "a sparse file's size is negative");
	for (size_t i = 0; i < entry->extents_len; i++) {
		if (entry->extents[i].offset + entry->extents[i].len > entry->size)
			return bad(err, "a sparse file's map goes past its end");
		sum += entry->extents[i].len;
	}
	return sum == reader->left ? 0 : bad(err, "a sparse file's map does not suit its data");
}

/* ---- pax records ---- */

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | ('A' <= c && c <= 'F' ? 0x20 : 0)) : NULL;

	return at ? (int)(at - digits) : -1;
}

static char *url_decode(const char *text)
{
	struct buf out = { 0 };

	for (; *text; text++) {
		if (*text == '%' && hex_digit(text[1]) >= 0 && hex_digit(text[2]) >= 0) {
			buf_add_char(&out, (char)(hex_digit(text[1]) << 4 | hex_digit(text[2])));
			text += 2;
		} else {
			buf_add_char(&out, *text);
		}
	}
	return buf_steal(&out);
}

static int base64_decode(const char *text, size_t len, struct buf *ret, struct error *err)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t bits = 0;
	int have = 0;

	while (len && text[len - 1] == '=')
		len--;
	for (size_t i = 0; i < len; i++) {
		const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
		if (!digit)
			return bad(err, "an extended attribute is not base64");
		bits = bits << 6 | (uint32_t)(digit - digits);
		if ((have += 6) >= 8) {
			have -= 8;
			buf_add_char(ret, (char)(bits >> have));
		}
	}
	return 0;
}

/* SCHILY.xattr.NAME has the bytes as they are; libarchive writes them a second time in base64, which counts only where the first is missing. */
static int pax_xattr(struct special *special, const char *key, const char *value, size_t len, struct error *err)
{
	if (special->kept.xattrs_len >= XATTRS_MAX)
		return error_set(err, ERROR_TOO_LARGE, "an entry of the tar archive has more than %d extended attributes", XATTRS_MAX);
	if (str_starts(key, "SCHILY.xattr.")) {
		tar_entry_set_xattr(&special->kept, key + strlen("SCHILY.xattr."), value, len);
		return 0;
	}
	_cleanup_(freep) char *name = url_decode(key + strlen("LIBARCHIVE.xattr."));
	struct buf bytes _cleanup_(buf_free) = { 0 };
	for (size_t i = 0; i < special->kept.xattrs_len; i++)
		if (str_equal(special->kept.xattrs[i].name, name))
			return 0;
	if (base64_decode(value, len, &bytes, err) < 0)
		return -1;
	tar_entry_set_xattr(&special->kept, name, bytes.data ? bytes.data : "", bytes.len);
	return 0;
}

static int set_text(char **at, const char *value, size_t len, struct error *err)
{
	if (memchr(value, 0, len))
		return bad(err, "a name holds a NUL");
	free(*at);
	*at = len ? xstrndup(value, len) : NULL; /* an empty value takes an earlier one back */
	return 0;
}

static int pax_sparse(struct special *special, const char *key, const char *value, size_t len, struct error *err)
{
	int64_t number;

	if (str_equal(key, "GNU.sparse.name"))
		return set_text(&special->sparse_name, value, len, err);
	if (str_equal(key, "GNU.sparse.map")) {
		special->sparse = true;
		return pax_sparse_map(special, value, err);
	}
	if (pax_number(value, &number, err) < 0)
		return -1;
	if (str_equal(key, "GNU.sparse.size") || str_equal(key, "GNU.sparse.realsize")) {
		special->real_size = number;
		special->has_real_size = true;
	} else if (str_equal(key, "GNU.sparse.numblocks")) {
		special->sparse = true;
	} else if (str_equal(key, "GNU.sparse.offset")) {
		special->sparse_offset = number;
	} else if (str_equal(key, "GNU.sparse.numbytes")) {
		if (special->sparse_offset < 0)
			return bad(err, "a sparse file's map is wrong");
		if (add_extent(&special->kept, special->sparse_offset, number, err) < 0)
			return -1;
		special->sparse_offset = -1;
	} else if (str_equal(key, "GNU.sparse.major")) {
		if (number > 1)
			return error_set(err, ERROR_UNSUPPORTED, "the tar archive has sparse files of a format that is not known");
		special->sparse = special->sparse || number == 0;
		special->sparse_in_data = number == 1;
	}
	return 0;
}

static int pax_record(struct special *special, const char *key, const char *value, size_t len, struct error *err)
{
	if (str_equal(key, "path"))
		return set_text(&special->path, value, len, err);
	if (str_equal(key, "linkpath"))
		return set_text(&special->target, value, len, err);
	if (str_starts(key, "SCHILY.xattr.") || str_starts(key, "LIBARCHIVE.xattr."))
		return pax_xattr(special, key, value, len, err);
	if (str_starts(key, "GNU.sparse."))
		return pax_sparse(special, key, value, len, err);

	bool *has = str_equal(key, "size") ? &special->has_size : str_equal(key, "uid") ? &special->has_uid :
		    str_equal(key, "gid") ? &special->has_gid : str_equal(key, "mtime") ? &special->has_mtime : NULL;
	if (!has)
		return 0;
	*has = len > 0;
	if (!len)
		return 0;
	if (has == &special->has_mtime)
		return pax_time(value, &special->mtime, err);
	return pax_number(value, has == &special->has_size ? &special->size : has == &special->has_uid ? &special->uid : &special->gid, err);
}

/* "length key=value\n", the length being of the whole record. Changes the text. */
static int pax_parse(struct special *special, char *text, size_t len, struct error *err)
{
	while (len) {
		size_t size = 0, at = 0;
		for (; at < len && text[at] >= '0' && text[at] <= '9' && size <= len; at++)
			size = size * 10 + (size_t)(text[at] - '0');
		char *equals = at < len && text[at] == ' ' && size > at && size <= len ? memchr(text + at, '=', size - at) : NULL;
		if (!equals || text[size - 1] != '\n' || equals == text + at + 1 || memchr(text + at, 0, (size_t)(equals - text - at)))
			return bad(err, "a pax header is wrong");
		*equals = text[size - 1] = '\0';
		if (pax_record(special, text + at + 1, equals + 1, (size_t)(text + size - 1 - (equals + 1)), err) < 0)
			return -1;
		text += size;
		len -= size;
	}
	return 0;
}

/* ---- headers ---- */

/* A special header's data, with a NUL behind. */
static int read_special(struct tar_reader *reader, int64_t size, struct buf *ret, struct error *err)
{
	if (size > TAR_HEADER_MAX)
		return error_set(err, ERROR_TOO_LARGE, "a header in the tar archive is larger than %d bytes", TAR_HEADER_MAX);
	buf_reserve(ret, (size_t)size);
	if (read_whole(reader, ret->data, (size_t)size, err) < 0)
		return -1;
	ret->len = (size_t)size;
	ret->data[size] = '\0';
	reader->padding = -size & (TAR_BLOCK - 1);
	return skip_data(reader, err);
}

static int special_header(struct tar_reader *reader, char type, int64_t size, struct special *special, struct error *err)
{
	struct buf data _cleanup_(buf_free) = { 0 };

	if (read_special(reader, size, &data, err) < 0)
		return -1;
	if ((special->bytes += (int64_t)data.len) > SPECIAL_MAX)
		return error_set(err, ERROR_TOO_LARGE, "the headers of one entry of the tar archive are larger than %d bytes", SPECIAL_MAX);
	if (type == 'x')
		return pax_parse(special, data.data, data.len, err);
	if (type == 'g')
		return 0;
	size_t len = strnlen(data.data, data.len);
	return set_text(type == 'L' ? &special->path : &special->target, data.data, len, err);
}

static bool checksum_right(const struct header *header)
{
	const unsigned char *at = (const unsigned char *)header;
	int64_t want, sum = 0, sum_signed = 0; /* old tars summed signed bytes */

	for (size_t i = 0; i < TAR_BLOCK; i++) {
		bool own = i >= offsetof(struct header, checksum) && i < offsetof(struct header, type);
		sum += own ? ' ' : at[i];
		sum_signed += own ? ' ' : (signed char)at[i];
	}
	return field_number(header->checksum, sizeof header->checksum, &want, NULL) == 0 && (want == sum || want == sum_signed);
}

static enum magic header_magic(const struct header *header)
{
	if (!memcmp(header->magic, "ustar  ", 8))
		return MAGIC_GNU;
	if (memcmp(header->magic, "ustar\0", 6) != 0)
		return MAGIC_V7;
	return !memcmp(header->rest + 8, "tar\0", 4) ? MAGIC_STAR : MAGIC_USTAR;
}

static char *header_path(const struct header *header)
{
	enum magic magic = header_magic(header);
	size_t len = magic == MAGIC_USTAR ? strnlen(header->prefix, 155) : magic == MAGIC_STAR ? strnlen(header->prefix, 131) : 0;
	_cleanup_(freep) char *name = xstrndup(header->name, strnlen(header->name, sizeof header->name));

	return len ? xprintf("%.*s/%s", (int)len, header->prefix, name) : steal(name);
}

/* The next header block that is right: 1; two blocks of zeroes, or the end of the bytes: 0. */
static int read_header(struct tar_reader *reader, struct header *header, bool within, struct error *err)
{
	static const struct header zero;

	for (int zeroes = 0; zeroes < 2; zeroes++) {
		ssize_t n = reader->read(reader->data, header, sizeof *header, err);
		if (n < 0)
			return -1;
		if (n == 0 && !within)
			return 0;
		if ((size_t)n < sizeof *header)
			return bad(err, "it breaks off");
		if (memcmp(header, &zero, sizeof zero) != 0) {
			if (zeroes)
				return bad(err, "there are data behind its end");
			return checksum_right(header) ? 1 : bad(err, "a header's checksum is wrong, or this is no tar archive at all");
		}
	}
	return within ? bad(err, "it breaks off") : 0;
}

static int entry_type(char type, const char *path, enum tar_type *ret, struct error *err)
{
	switch (type) {
	case '\0':
	case '0':
	case '7': /* contiguous */
	case 'S': /* GNU sparse */
		*ret = str_ends(path, "/") ? TAR_DIRECTORY : TAR_FILE;
		return 0;
	case '1' ... '6':
		*ret = (enum tar_type)type;
		return 0;
	case 'D': /* GNU incremental: a directory with a list of names */
		*ret = TAR_DIRECTORY;
		return 0;
	default:
		return error_set(err, ERROR_UNSUPPORTED, "the tar archive has an entry of the unknown type '%c' (%d): %s",
				 type > ' ' && type < 127 ? type : '?', type, path);
	}
}

static int entry_numbers(const struct header *header, const struct special *special, struct tar_entry *entry, struct error *err)
{
	int64_t mode, mtime, device;

	if (field_number(header->mode, 8, &mode, err) < 0 || field_number(header->uid, 8, &entry->uid, err) < 0 ||
	    field_number(header->gid, 8, &entry->gid, err) < 0 || field_number(header->mtime, 12, &mtime, err) < 0)
		return -1;
	entry->mode = mode & 07777;
	entry->mtime.tv_sec = mtime;
	if (entry->type == TAR_CHARACTER || entry->type == TAR_BLOCKDEV) {
		if (field_number(header->major, 8, &device, err) < 0)
			return -1;
		entry->major = (uint32_t)device;
		bool fits = device >= 0 && device < 4096;
		if (field_number(header->minor, 8, &device, err) < 0)
			return -1;
		entry->minor = (uint32_t)device;
		if (!fits || device < 0 || device >= 1 << 20)
			return bad(err, "a device's number is out of range");
	}
	entry->uid = special->has_uid ? special->uid : entry->uid;
	entry->gid = special->has_gid ? special->gid : entry->gid;
	entry->mtime = special->has_mtime ? special->mtime : entry->mtime;
	if (entry->uid < 0 || entry->gid < 0 || entry->uid >= UINT32_MAX || entry->gid >= UINT32_MAX)
		return error_set(err, ERROR_INVALID, "the owner %lld:%lld of %s is out of range", (long long)entry->uid, (long long)entry->gid,
				 entry->path);
	return 0;
}

/* Sets how many bytes are stored, and the sparse map if there is one. */
static int entry_data(struct tar_reader *reader, const struct header *header, const struct special *special, int64_t size,
		      struct tar_entry *entry, struct error *err)
{
	size = special->has_size ? special->size : size;
	if (size < 0 || size > INT64_MAX - TAR_BLOCK)
		return bad(err, "a size is out of range");
	if (header->type >= '1' && header->type <= '6')
		size = 0;
	reader->left = size;
	reader->padding = -size & (TAR_BLOCK - 1);
	if (entry->type != TAR_FILE)
		return 0;
	entry->size = special->has_real_size ? special->real_size : size;
	if (header->type == 'S') {
		entry->sparse = true;
		return read_gnu_map(reader, header, entry, err) < 0 ? -1 : check_map(reader, entry, err);
	}
	entry->sparse = special->sparse || special->sparse_in_data;
	if (special->sparse_in_data && read_map_in_data(reader, entry, err) < 0)
		return -1;
	if (!entry->sparse)
		entry->size = size;
	return entry->sparse ? check_map(reader, entry, err) : 0;
}

static int fill_entry(struct tar_reader *reader, const struct header *header, struct special *special, int64_t size,
		      struct tar_entry *entry, struct error *err)
{
	entry->path = special->sparse_name ? steal(special->sparse_name) : special->path ? steal(special->path) : header_path(header);
	entry->target = special->target ? steal(special->target) : xstrndup(header->target, strnlen(header->target, sizeof header->target));
	if (!*entry->path)
		return bad(err, "an entry has no name");
	if (entry_type(header->type, entry->path, &entry->type, err) < 0)
		return -1;
	entry->xattrs = steal(special->kept.xattrs);
	entry->xattrs_len = special->kept.xattrs_len;
	special->kept.xattrs_len = 0;
	if (entry->type == TAR_FILE) {
		entry->extents = steal(special->kept.extents);
		entry->extents_len = special->kept.extents_len;
	}
	return entry_numbers(header, special, entry, err) < 0 ? -1 : entry_data(reader, header, special, size, entry, err);
}

int tar_next(struct tar_reader *reader, struct tar_entry *ret, struct error *err)
{
	struct special special _cleanup_(special_clear) = { .sparse_offset = -1 };
	struct header header;
	bool within = false; /* a special header promises an entry */

	tar_entry_clear(ret);
	if (reader->ended)
		return 0;
	for (;;) {
		int64_t size;
		if (skip_data(reader, err) < 0)
			return -1;
		int more = read_header(reader, &header, within, err);
		if (more <= 0) {
			reader->ended = true;
			return more;
		}
		if (field_number(header.size, 12, &size, err) < 0)
			return -1;
		if (size < 0)
			return bad(err, "a size is negative");
		switch (header.type) {
		case 'x':
		case 'g':
		case 'L':
		case 'K':
			if (special_header(reader, header.type, size, &special, err) < 0)
				return -1;
			within = header.type != 'g' || within;
			break;
		case 'V': /* GNU's volume label */
			reader->padding = (size + TAR_BLOCK - 1) & ~(int64_t)(TAR_BLOCK - 1);
			break;
		default:
			return fill_entry(reader, &header, &special, size, ret, err) < 0 ? -1 : 1;
		}
	}
}
