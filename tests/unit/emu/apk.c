/* What apk writes: indices, repositories, and packages in their three parts. */
#include <stdio.h>
#include <zlib.h>

#include "emu/apk_archive.h"
#include "store/tar.h"
#include "tests/unit/tap.h"

static int parse(const char *text, struct apk_index *ret, struct error *err)
{
	struct buf bytes _cleanup_(buf_free) = { 0 };

	apk_index_clear(ret);
	buf_add_str(&bytes, text);
	return apk_index_parse(&bytes, ret, err);
}

static void indices(void)
{
	static const char text[] = "C:Q1AAECAwQFBgcICQoLDA0ODxAREhM=\nP:bzip2\nV:1.0.8-r6\nA:riscv64\no:bzip2\nc:c0ffee\nD:so:libbz2.so.1 so:libc.musl-riscv64.so.1>=1 /bin/sh !other\n"
				   "F:usr/bin\nR:bzip2\na:0:0:755\nZ:Q1AAAA\n\nP:libbz2\nV:1.0.8-r6\no:bzip2\nc:c0ffee\np:so:libbz2.so.1=1.0.8 so:libbz2.so.10\n\nP:../x\nV:1\n\nP:y\nV:a/b\n\n"
				   "P:late\nV:1\nC:Q2AAAA";
	struct apk_index index _cleanup_(apk_index_clear) = { 0 };
	struct error err _cleanup_(error_clear) = { 0 };
	struct strlist libraries _cleanup_(strlist_free) = { 0 };

	works(parse(text, &index, &err), &err, "an index");
	ok(index.len == 2, "names and versions that could lead elsewhere are no packages, nor is one without an empty line behind it: %zu", index.len);
	const struct apk_package *bzip2 = apk_index_find(&index, "bzip2"), *library = apk_index_provider(&index, "so:libbz2.so.1");
	ok(bzip2 && bzip2->has_identity && bzip2->identity[1] == 1 && bzip2->identity[19] == 19, "the checksum");
	ok(library && str_equal(library->name, "libbz2"), "the package that has a library");
	ok(!apk_index_provider(&index, "so:libbz2.so") && !apk_index_provider(&index, "") && !apk_index_find(&index, "bzip"), "only whole words");
	if (!bzip2 || !library)
		return;
	is_str(bzip2->origin, "bzip2", "fields");
	apk_libraries(bzip2->depends, &libraries);
	_cleanup_(freep) char *list = strlist_join(&libraries, " ");
	is_str(list, "so:libbz2.so.1 so:libc.musl-riscv64.so.1", "libraries of what it depends on, without versions");
	ok(apk_package_equal(bzip2, library), "one version, origin and commit");
	struct apk_package other = *bzip2;
	other.commit = "decade";
	ok(!apk_package_equal(bzip2, &other), "another commit is another build");
	other.commit = "";
	ok(!apk_package_equal(&other, &other), "and none is not known");
	fails(parse("P:a\nfield\n", &index, &err), &err, ERROR_INVALID, "line 2", "no field");
	works(parse("", &index, &err), &err, "an empty index");
	struct buf nul _cleanup_(buf_free) = { 0 };
	buf_add(&nul, "P:a\0b\n", 6);
	fails(apk_index_parse(&nul, &index, &err), &err, ERROR_INVALID, "NUL", "a NUL byte");
}

static void repositories(void)
{
	struct strlist list _cleanup_(strlist_free) = { 0 };

	apk_repositories_parse("#http://remark.test/main\n\nhttps://a.test/v3.20/main/\n@edge https://a.test/edge/main\n /media/cdrom\nfile:///srv\nhttp://b.test\thttp\r\n"
			       "v2 http://c.test/x main community ../y\nv3 http://c.test/z\nset mirror=http://d.test\nhttp://${mirror}/x\nhttp://e.test/a?b\nhttps://\nhttp:///\nhttps://a.test/v3.20/main",
			       &list);
	_cleanup_(freep) char *all = strlist_join(&list, " ");
	is_str(all, "https://a.test/v3.20/main http://b.test/http http://c.test/x/main http://c.test/x/community", "the addresses that count");
}

static void info(void)
{
	static const char text[] = "# pkgname = no\npkgname = bash\npkgname2 = x\ndepend = a\ndepend = b\ndatahash = 00ff\n";
	_cleanup_(freep) char *name = apk_info_value(text, "pkgname"), *hash = apk_info_value(text, "datahash");

	is_str(name, "bash", "a value");
	is_str(hash, "00ff", "the last one");
	ok(!apk_info_value(text, "depend") && !apk_info_value(text, "pkg"), "neither what is there twice nor what isn't");
}

/* One gzip member of a tar with a file. */
static void add_member(struct buf *to, const char *path, const char *text)
{
	struct tar_entry entry = { .type = TAR_FILE, .path = (char *)path, .target = (char *)"", .mode = 0644, .size = (int64_t)strlen(text) };
	struct buf tar _cleanup_(buf_free) = { 0 };
	z_stream z = { 0 };

	tar_print_header(&entry, &tar);
	buf_add_str(&tar, text);
	tar_print_padding(entry.size, &tar);
	deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
	buf_reserve(to, deflateBound(&z, tar.len));
	z.next_in = (unsigned char *)tar.data;
	z.avail_in = (uInt)tar.len;
	z.next_out = (unsigned char *)to->data + to->len;
	z.avail_out = (uInt)deflateBound(&z, tar.len);
	deflate(&z, Z_FINISH);
	to->len += z.total_out;
	deflateEnd(&z);
}

static void packages(void)
{
	struct buf bytes _cleanup_(buf_free) = { 0 }, text _cleanup_(buf_free) = { 0 };
	struct apk_file file _cleanup_(apk_file_clear) = { 0 };
	struct error err _cleanup_(error_clear) = { 0 };
	struct twin_source source = { .tree = -1 };
	_cleanup_(freep) char *name = NULL;

	add_member(&bytes, ".SIGN.RSA.test.pub", "signature");
	size_t control = bytes.len;
	add_member(&bytes, ".PKGINFO", "pkgname = a\n");
	size_t data = bytes.len;
	add_member(&bytes, "usr/bin/a", "program");
	works(apk_file_parse(bytes.data, bytes.len, true, &file, &err), &err, "a package");
	ok(file.signature.len == control && file.control.len == data - control && file.rest.len == bytes.len - data, "has three parts");
	ok(apk_tar_find(&file.signature_tar, ".SIGN.", &name, &text, &err) == 1 && str_equal(text.data, "signature"), "a signature");
	is_str(name, ".SIGN.RSA.test.pub", "by a key");
	ok(apk_tar_find(&file.control_tar, ".SIGN.", NULL, &text, &err) == 0, "and nothing that isn't there");
	fails(apk_file_verify(&source, &file, &err), &err, ERROR_DENIED, "the key test.pub, which the image does not have", "a key that isn't there");
	struct apk_package package = { .name = "a", .version = "1" };
	fails(apk_file_check(&file, &package, &err), &err, ERROR_CORRUPT, "checksum", "another checksum");
	apk_file_clear(&file);
	fails(apk_file_parse(bytes.data, data, true, &file, &err), &err, ERROR_CORRUPT, "ends too early", "no data");
	fails(apk_file_parse(bytes.data, data - 9, true, &file, &err), &err, ERROR_CORRUPT, "damaged", "one that breaks off");
	buf_clear(&bytes);
	add_member(&bytes, ".SIGN.DSA.test.pub", "signature");
	add_member(&bytes, "APKINDEX", "P:a\n");
	works(apk_file_parse(bytes.data, bytes.len, false, &file, &err), &err, "an index has two parts");
	fails(apk_file_verify(&source, &file, &err), &err, ERROR_DENIED, "kind that is known", "a signature of another kind");
	buf_clear(&text);
	works(apk_segment_read(&file.rest, 1 << 20, &text, &err), &err, "the rest");
	buf_clear(&text);
	fails(apk_segment_read(&file.rest, 100, &text, &err), &err, ERROR_CORRUPT, "longer", "more than it may be");
}

int main(void)
{
	indices();
	repositories();
	info();
	packages();
	return done();
}
