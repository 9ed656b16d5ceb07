/* The database is lost: it is made anew from the blobs and the journal of tags. */
#include <fcntl.h>
#include <sys/wait.h>

#include "fixture.h"

static void listen_to(void *data, const char *text)
{
	buf_add_str(data, text);
	buf_add_char(data, '\n');
}

static void wreck_database(void)
{
	char path[128];

	snprintf(path, sizeof path, "%s/sampan.db", fixture_root);
	_cleanup_(fd_close) int fd = open(path, O_WRONLY | O_TRUNC);
	if (fd < 0 || write(fd, "this was a database, and now it is none at all, but long enough to be looked at ....................", 100) != 100)
		abort();
}

static int rebuild(struct buf *text)
{
	return store_rebuild(fixture_root, listen_to, text, &err);
}

static void test_rebuild(void)
{
	struct store *store = fixture_open();
	struct digest rv = make_image(store, "rv", "linux/riscv64", "h.io/m:rv"), arm = make_image(store, "arm", "linux/arm64", "h.io/m:arm"), index;
	struct digest gone = make_image(store, "gone", "linux/riscv64", "h.io/gone:1"), got, children[2] = { rv, arm };
	static const char *const platforms[] = { "linux/riscv64", "linux/arm64" };
	_cleanup_(freep) char *text = index_text(store, children, platforms, 2);
	struct buf said _cleanup_(buf_free) = { 0 };
	struct image image = { 0 };

	store_tag_copy(store, "h.io", "m", &rv, "", "m", NULL, &err);
	store_tag_copy(store, "h.io", "m", &arm, "", "m", "gone", &err);
	works(put_manifest(store, "", "m", text, false, "latest", &index), &err, "an index is published");
	store_tag_delete(store, "", "m", "gone", &err);
	store_manifest_delete(store, "h.io", "gone", &gone, &err);
	store_tag_set(store, "h.io", "m", "also", &rv, &err);
	fails(rebuild(&said), &err, ERROR_BUSY, "in use", "no rebuild while the store is open");
	store_close(&store);

	wreck_database();
	fails(store_open(fixture_root, &store, &err), &err, ERROR_CORRUPT, "cannot open the store", "the database is damaged");
	works(rebuild(&said), &err, "it is made anew");
	ok(said.data && strstr(said.data, "rebuilt from 10 blobs"), "from all blobs");
	store = fixture_open();
	works(store_tag_get(store, "", "m", "latest", &got, &err), &err, "a published tag is back");
	ok(digest_equal(&got, &index), "and points to its index");
	works(store_manifest_get(store, "", "m", &arm, NULL, NULL, &err), &err, "whose children are in the repository");
	works(store_image_find(store, "h.io/m:also", NULL, &image, &err), &err, "a local image is back");
	ok(store_blob_linked(store, "", "m", &image.manifest.layers[0].digest), "layers are linked");
	image_clear(&image);
	fails(store_tag_get(store, "", "m", "gone", &got, &err), &err, ERROR_NOT_FOUND, "", "a deleted tag stays deleted");
	fails(store_tag_get(store, "h.io", "gone", "1", &got, &err), &err, ERROR_NOT_FOUND, "", "and so does a deleted manifest's");
	size_t damaged = 1;
	works(store_fsck(store, NULL, NULL, &damaged, &err), &err, "fsck");
	is_int((long long)damaged, 0, "finds nothing");
	struct store_usage freed;
	works(store_gc(store, &(struct gc_options){ 3600, 3600, -1, false }, &freed, &err), &err, "a gc with grace");
	is_int(freed.blobs, 0, "takes nothing");
	store_close(&store);
}

static void test_interrupted(void)
{
	struct store *store = NULL;
	struct buf said _cleanup_(buf_free) = { 0 };
	char from[128], to[128];
	struct digest got;

	snprintf(from, sizeof from, "%s/tags.journal", fixture_root);
	snprintf(to, sizeof to, "%s/tags.journal.old", fixture_root);
	rename(from, to);
	fails(store_open(fixture_root, &store, &err), &err, ERROR_CORRUPT, "interrupted", "after an interrupted rebuild nobody opens the store");
	works(rebuild(&said), &err, "until it was finished");
	works(store_open(fixture_root, &store, &err), &err, "then all is well");
	works(store_tag_get(store, "", "m", "latest", &got, &err), &err, "again");
	store_close(&store);
}

static void test_missing_blob(void)
{
	struct store *store = fixture_open();
	struct buf said _cleanup_(buf_free) = { 0 };
	struct image image = { 0 };
	char path[256], hex[DIGEST_TEXT_SIZE];
	struct digest got;

	works(store_image_find(store, "h.io/m:arm", NULL, &image, &err), &err, "an image");
	snprintf(path, sizeof path, "%s/blobs/sha256/%s", fixture_root, digest_hex(&image.manifest.layers[0].digest, hex));
	image_clear(&image);
	store_close(&store);
	unlink(path);
	wreck_database();
	works(rebuild(&said), &err, "without one of its layers");
	ok(strstr(said.data, "h.io/m:arm can't be restored"), "it is reported");
	store = fixture_open();
	fails(store_tag_get(store, "h.io", "m", "arm", &got, &err), &err, ERROR_NOT_FOUND, "", "and not half there");
	works(store_tag_get(store, "h.io", "m", "rv", &got, &err), &err, "the others are");
	store_close(&store);
}

/* Tags that move for ever must not grow the journal for ever. */
static void test_compaction(void)
{
	struct store *store = fixture_open();
	struct digest image = make_image(store, "rv", "linux/riscv64", "h.io/m:rv");
	struct stat st = { 0 };
	char path[128];

	snprintf(path, sizeof path, "%s/tags.journal", fixture_root);
	_cleanup_(fd_close) int fd = open(path, O_WRONLY | O_APPEND);
	for (int i = 0; i < 4000; i++)
		if (dprintf(fd, "tag h.io m rv sha256:%064d\n", i) < 0)
			abort();
	ok(write(fd, "half a li", 9) == 9, "a line that a crash cut");
	for (int i = 0; i < 2; i++)
		works(store_tag_set(store, "h.io", "m", "rv", &image, &err), &err, "a tag moves");
	fstatat(AT_FDCWD, path, &st, 0);
	ok(st.st_size > 0 && st.st_size < 4000, "the journal was cut to what is alive");
	store_close(&store);
	struct buf said _cleanup_(buf_free) = { 0 };
	works(rebuild(&said), &err, "and is as good as before");
	store = fixture_open();
	struct digest got;
	works(store_tag_get(store, "h.io", "m", "rv", &got, &err), &err, "the tag");
	ok(digest_equal(&got, &image), "is what it was");
	store_close(&store);
}

int main(void)
{
	test_rebuild();
	test_interrupted();
	test_missing_blob();
	test_compaction();
	return done();
}
