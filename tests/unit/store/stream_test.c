/* Compressed streams: each kind is read whatever way it was cut, damage is told, and gzip written in threads is the same for any number of them. */
#include <zlib.h>
#include <zstd.h>

#include "base/process.h"
#include "store/stream.h"
#include "tree.h"

static void make_data(struct buf *data, size_t len)
{
	uint32_t state = 1;

	while (data->len < len) {
		state = state * 1664525 + 1013904223;
		if (state & 0x40000000)
			buf_printf(data, "line %u of the text\n", state >> 20);
		else
			buf_add(data, &state, sizeof state);
	}
}

static int read_stream(const void *bytes, size_t len, size_t step, struct buf *ret, const char **ret_kind, struct error *err)
{
	_cleanup_(fd_close) int fd = tar_file(bytes, len);
	_cleanup_(stream_close) struct stream *stream = NULL;
	char block[5000];

	if (stream_open(fd, &stream, err) < 0)
		return -1;
	*ret_kind = stream_compression(stream);
	for (ssize_t n; (n = stream_read(stream, block, step, err)) != 0;) {
		if (n < 0)
			return -1;
		buf_add(ret, block, (size_t)n);
	}
	is_int(stream_taken(stream), (long long)len, "all of the file is taken");
	return 0;
}

static void check_stream(const struct buf *packed, const struct buf *data, const char *kind)
{
	static const size_t steps[] = { 1, 4096, 5000 };
	struct error err = { 0 };

	for (size_t i = data->len > 100000 ? 1 : 0; i < array_len(steps); i++) {
		struct buf got _cleanup_(buf_free) = { 0 };
		const char *seen = "";
		works(read_stream(packed->data, packed->len, steps[i], &got, &seen, &err), &err, kind);
		is_str(seen, kind, "… is told");
		ok(got.len == data->len && (!got.len || !memcmp(got.data, data->data, got.len)), "… and read");
	}
}

static void check_damage(const struct buf *packed, const char *kind)
{
	struct error err = { 0 };
	struct buf got _cleanup_(buf_free) = { 0 }, changed _cleanup_(buf_free) = { 0 };
	const char *seen;

	fails(read_stream(packed->data, packed->len - 9, 4096, &got, &seen, &err), &err, ERROR_CORRUPT, kind, "cut short");
	fails(read_stream(packed->data, packed->len / 2, 4096, &got, &seen, &err), &err, ERROR_CORRUPT, kind, "cut in half");
	buf_add(&changed, packed->data, packed->len);
	changed.data[changed.len / 2] ^= 0x55;
	fails(read_stream(changed.data, changed.len, 4096, &got, &seen, &err), &err, ERROR_CORRUPT, kind, "altered");
}

static void gzip_data(const struct buf *data, unsigned threads, size_t step, struct buf *ret)
{
	struct error err = { 0 };
	_cleanup_(gzip_free) struct gzip *gzip = gzip_new(threads, tree_write_buf, ret);

	for (size_t at = 0; at < data->len; at += step)
		gzip_write(gzip, data->data + at, data->len - at < step ? data->len - at : step, &err);
	works(gzip_finish(gzip, &err), &err, "gzip is written");
}

static void test_gzip(size_t len)
{
	struct buf data _cleanup_(buf_free) = { 0 }, one _cleanup_(buf_free) = { 0 }, other _cleanup_(buf_free) = { 0 };

	if (len)
		make_data(&data, len);
	data.len = len;
	gzip_data(&data, 1, 1 << 20, &one);
	gzip_data(&data, 5, 7777, &other);
	ok(one.len == other.len && !memcmp(one.data, other.data, one.len), "%zu bytes: the same from one thread and from five", len);
	check_stream(&one, &data, "gzip");
	if (len)
		check_damage(&one, "gzip");
	buf_add(&other, one.data, one.len);
	buf_reserve(&data, data.len + 1); /* so that what is added doesn't move */
	buf_add(&data, data.data, data.len);
	check_stream(&other, &data, "gzip"); /* two members */
	buf_add(&other, "\0\0\0\0\0", 5);
	check_stream(&other, &data, "gzip"); /* padded */
	buf_add(&other, "x", 1);
	struct buf got _cleanup_(buf_free) = { 0 };
	struct error err = { 0 };
	const char *seen;
	fails(read_stream(other.data, other.len, 4096, &got, &seen, &err), &err, ERROR_CORRUPT, "behind", "something else behind it");
}

static int fail_write(void *data, const void *bytes, size_t len, struct error *err)
{
	(void)data, (void)bytes, (void)len;
	return error_set(err, ERROR_NO_SPACE, "the disk is full");
}

static void test_gzip_failure(void)
{
	struct error err = { 0 };
	struct buf data _cleanup_(buf_free) = { 0 };
	_cleanup_(gzip_free) struct gzip *gzip = gzip_new(3, fail_write, NULL);
	int result = 0;

	make_data(&data, 1 << 20);
	for (int i = 0; i < 20 && result == 0; i++)
		result = gzip_write(gzip, data.data, data.len, &err);
	fails(result, &err, ERROR_NO_SPACE, "full", "a write that fails ends it");
}

static void test_zstd(void)
{
	struct buf data _cleanup_(buf_free) = { 0 }, packed _cleanup_(buf_free) = { 0 };

	make_data(&data, 700000);
	buf_reserve(&packed, ZSTD_compressBound(data.len));
	packed.len = ZSTD_compress(packed.data, packed.cap - 1, data.data, data.len, 3);
	check_stream(&packed, &data, "zstd");
	check_damage(&packed, "zstd");
	struct buf two _cleanup_(buf_free) = { 0 };
	buf_add(&two, "\x50\x2a\x4d\x18\x03\0\0\0abc", 11); /* a skippable frame before and between */
	buf_add(&two, packed.data, packed.len);
	buf_add(&two, "\x51\x2a\x4d\x18\x03\0\0\0abc", 11);
	buf_add(&two, packed.data, packed.len);
	struct buf twice _cleanup_(buf_free) = { 0 };
	buf_add(&twice, data.data, data.len);
	buf_add(&twice, data.data, data.len);
	check_stream(&two, &twice, "zstd");
}

/* By the programs that make them, where they are. */
static void test_program(const char *program)
{
	_cleanup_(freep) char *found = process_find(program);
	const char *argv[] = { program, "-c", NULL };
	struct buf data _cleanup_(buf_free) = { 0 }, packed _cleanup_(buf_free) = { 0 };
	struct error err = { 0 };

	if (!found) {
		ok(true, "%s # SKIP not installed", program);
		return;
	}
	for (int i = 0; i < 20000; i++)
		buf_printf(&data, "%d of many lines\n", i * i);
	works(process_capture(argv, data.data, 1 << 24, &packed, &err), &err, program);
	check_stream(&packed, &data, program);
	check_damage(&packed, program);
}

int main(void)
{
	static const size_t sizes[] = { 0, 1, 32767, 262143, 262144, 262145, 524288, 3000000 };

	for (size_t i = 0; i < array_len(sizes); i++)
		test_gzip(sizes[i]);
	test_gzip_failure();
	test_zstd();
	test_program("xz");
	test_program("bzip2");
	struct buf plain _cleanup_(buf_free) = { 0 }, none _cleanup_(buf_free) = { 0 };
	make_data(&plain, 300000);
	check_stream(&plain, &plain, "none");
	check_stream(&none, &none, "none");
	buf_clear(&plain);
	buf_add_str(&plain, "BZh91 is a name"); /* not bzip2 */
	check_stream(&plain, &plain, "none");
	return done();
}
