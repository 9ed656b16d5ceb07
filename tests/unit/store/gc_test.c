/* gc takes what nothing needs, and nothing else; also beside a writer. fsck finds what is damaged. */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "fixture.h"
#include "store/internal.h"

static struct store_usage sweep(struct store *store, int64_t cache_age)
{
	struct store_usage freed = { 0 };

	usleep(3000); /* times are milliseconds, and a grace of 0 spares this one */
	works(store_gc(store, &(struct gc_options){ .cache = cache_age }, &freed, &err), &err, "gc runs");
	return freed;
}

static void test_local(struct store *store)
{
	struct digest kept = make_image(store, "kept", "linux/riscv64", "h.io/kept:1");
	struct digest loose = make_image(store, "loose", "linux/riscv64", NULL), pinned = make_image(store, "pinned", "linux/riscv64", NULL);
	struct digest moved = make_image(store, "moved", "linux/riscv64", "h.io/moved:1"), blob = put_text(store, "a blob that nothing names");
	struct image image = { 0 };

	store_record_add(store, "container", "c", "{}", &err);
	store_record_pin(store, "container", "c", &pinned, &err);
	struct digest newer = make_image(store, "moved on", "linux/riscv64", "h.io/moved:1");
	struct store_usage freed = { 0 };
	usleep(3000);
	works(store_gc(store, &(struct gc_options){ .cache = -1, .published = true }, &freed, &err), &err, "gc of what is published runs");
	is_int(freed.blobs, 1, "and takes no local image, but the blob that nobody holds");
	freed = sweep(store, -1);
	is_int(freed.blobs, 6, "two images of three blobs went");
	ok(!store_blob_has(store, &blob) && !store_blob_has(store, &loose) && !store_blob_has(store, &moved), "the right ones");
	ok(store_blob_has(store, &kept) && store_blob_has(store, &pinned) && store_blob_has(store, &newer), "tagged and pinned ones stay");
	works(store_image_find(store, "h.io/kept:1", NULL, &image, &err), &err, "a tagged image is whole");
	ok(store_blob_has(store, &image.manifest.layers[0].digest), "with its layer");
	image_clear(&image);
	store_record_delete(store, "container", "c", &err);
	is_int(sweep(store, -1).blobs, 3, "an image without its container goes");
	is_int(sweep(store, -1).blobs, 0, "once");
}

static void test_published(struct store *store)
{
	struct digest rv = make_image(store, "rv", "linux/riscv64", "h.io/m:rv"), arm = make_image(store, "arm", "linux/arm64", "h.io/m:arm"), index;
	static const char *const platforms[] = { "linux/riscv64", "linux/arm64" };
	struct digest children[2] = { rv, arm };
	_cleanup_(freep) char *text = index_text(store, children, platforms, 2);

	store_tag_copy(store, "h.io", "m", &rv, "", "m", NULL, &err);
	store_tag_copy(store, "h.io", "m", &arm, "", "m", NULL, &err);
	works(put_manifest(store, "", "m", text, false, "latest", &index), &err, "an index is published");
	store_tag_delete(store, "h.io", "m", "rv", &err);
	store_tag_delete(store, "h.io", "m", "arm", &err);
	sweep(store, -1);
	ok(store_manifest_get(store, "", "m", &rv, NULL, NULL, NULL) == 0 && store_blob_has(store, &arm), "the children of an index stay");
	struct digest other = make_image(store, "other", "linux/riscv64", "h.io/o:1");
	store_tag_copy(store, "h.io", "o", &other, "", "m", "latest", &err);
	sweep(store, -1);
	ok(store_blob_has(store, &index), "an index that lost its tag to another stays: it may be deployed by digest");
	works(store_manifest_delete(store, "", "m", &index, &err), &err, "deleting it");
	is_int(sweep(store, -1).blobs, 7, "frees it and its children");
	works(store_tag_delete(store, "", "m", "latest", &err), &err, "deleting a tag by name");
	works(store_tag_delete(store, "h.io", "o", "1", &err), &err, "everywhere");
	is_int(sweep(store, -1).blobs, 3, "frees its image");
	ok(!store_repository_exists(store, "", "m"), "and the repository");
}

static void test_referrers(struct store *store)
{
	struct digest image = make_image(store, "signed", "linux/riscv64", "h.io/s:1"), config = put_text(store, "{}"), signature;
	char a[DIGEST_TEXT_SIZE], b[DIGEST_TEXT_SIZE];
	_cleanup_(freep) char *text = xprintf(
		"{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":{\"mediaType\":\"%s\",\"size\":2,\"digest\":\"%s\"},\"layers\":[],"
		"\"subject\":{\"mediaType\":\"%s\",\"size\":5,\"digest\":\"%s\"}}",
		media_type_text(MEDIA_OCI_MANIFEST), media_type_text(MEDIA_OCI_EMPTY), digest_print(&config, a), media_type_text(MEDIA_OCI_MANIFEST),
		digest_print(&image, b));

	works(put_manifest(store, "h.io", "s", text, false, NULL, &signature), &err, "a signature");
	is_int(sweep(store, -1).blobs, 0, "stays while its subject is there");
	store_tag_set(store, "h.io", "s", "sig", &signature, &err);
	store_tag_delete(store, "h.io", "s", "1", &err);
	is_int(sweep(store, -1).blobs, 0, "a tagged referrer keeps its subject");
	store_tag_delete(store, "h.io", "s", "sig", &err);
	is_int(sweep(store, -1).blobs, 5, "without tags both go");
}

static void test_leftovers(struct store *store)
{
	struct upload *upload = NULL;
	struct store_usage freed;

	works(upload_begin(store, &upload, &err), &err, "an upload");
	upload_write(upload, "123", 3, &err);
	freed = sweep(store, -1);
	is_int(freed.uploads, 0, "under way stays");
	upload_suspend(&upload);
	is_int(sweep(store, -1).uploads, 1, "abandoned, it goes");
	struct digest orphan;
	char path[BLOB_PATH_SIZE];
	digest_of(DIGEST_SHA256, "orphan", 6, &orphan);
	fd_close(&(int){ openat(store_dir(store), blob_path(&orphan, path), O_WRONLY | O_CREAT, 0600) });
	ok(!store_blob_has(store, &orphan), "a file without a row is no blob");
	is_int(sweep(store, -1).blobs, 1, "and is removed");
	store_record_put(store, "build-cache", "key", "{}", &err);
	is_int(sweep(store, 3600).cache_entries, 0, "a young cache entry stays");
	is_int(sweep(store, 0).cache_entries, 1, "an old one goes");
}

static void make_layer(struct store *store, const struct digest *chain, const struct digest *parent, int64_t *ret)
{
	struct layer_row layer = { .chain = *chain, .diff_id = *chain, .has_parent = parent, .size = 100 };
	_cleanup_(fd_close) int lock = -1;
	char path[64];

	if (parent)
		layer.parent = *parent;
	works(store_layer_new_number(store, &layer.number, &lock, &err), &err, "a number for a layer");
	snprintf(path, sizeof path, "layers/%lld/etc", (long long)layer.number);
	dir_make(store_dir(store), path, 0755, NULL);
	works(store_layer_record(store, &layer, ret, &err), &err, "which is recorded");
}

static void test_layers(struct store *store)
{
	struct digest manifest = make_image(store, "base", "linux/riscv64", "h.io/l:1"), base, top;
	int64_t base_number, top_number, number;
	struct store *user = fixture_open();
	struct image image = { 0 };
	int lock = -1;

	works(store_image_find(store, "h.io/l:1", NULL, &image, &err), &err, "an image with layers");
	config_chain_id(image.config.diff_ids, 1, &base);
	digest_of(DIGEST_SHA256, "top", 3, &top);
	ok(digest_equal(&manifest, &image.digest), "is ours");
	image_clear(&image);
	make_layer(user, &base, NULL, &base_number);
	make_layer(user, &top, &base, &top_number);
	is_int(sweep(store, -1).layers, 0, "whoever made a layer holds it");
	store_close(&user);
	works(store_layer_hold(store, top_number, &lock, &err), &err, "a held layer");
	is_int(sweep(store, -1).layers, 0, "stays");
	fd_close(&lock);
	is_int(sweep(store, -1).layers, 1, "and goes when it isn't");
	is_int(store_layer_lookup(store, &top, &number, &err), 0, "is gone");
	fails(store_layer_hold(store, top_number, &lock, &err), &err, ERROR_NOT_FOUND, "removed", "can't be held any more");
	user = fixture_open();
	is_int(store_layer_lookup(user, &base, &number, &err), 1, "an image's layer is kept");
	is_int(number, base_number, "under its number");
	dir_make(store_dir(store), "layers/9999.tmp/x", 0755, NULL);
	store_tag_delete(store, "h.io", "l", "1", &err);
	is_int(sweep(store, -1).layers, 0, "also without image, while somebody uses it");
	ok(faccessat(store_dir(store), "layers/9999.tmp", F_OK, 0) < 0, "what a dead unpacker left is removed");
	store_close(&user);
	is_int(sweep(store, -1).layers, 1, "and then it goes");
}

/* A process that pushes images over and over while gc runs without grace: a push may be told that something is missing, but an image
 * whose tag was accepted is whole. */
static void push_for_ever(void)
{
	struct store *store = fixture_open();
	char layer[32], name[32];

	for (int i = 0;; i++) {
		snprintf(layer, sizeof layer, "concurrent %d", i % 7);
		snprintf(name, sizeof name, "h.io/c:%d", i % 5);
		struct image_config config = { 0 };
		struct reference reference = { 0 };
		struct descriptor descriptor = layer_of(store, layer);
		struct digest manifest;
		platform_parse("linux/riscv64", &config.platform, NULL);
		config_add_diff_id(&config, &descriptor.digest);
		reference_parse(name, &reference, NULL);
		store_image_commit(store, &config, &descriptor, 1, &reference, 1, &manifest, NULL);
		descriptor_clear(&descriptor), config_clear(&config), reference_clear(&reference);
	}
}

static void test_concurrent(struct store *store)
{
	pid_t pids[2];
	size_t whole = 0, broken = 0;

	for (int i = 0; i < 2; i++)
		if (!(pids[i] = fork()))
			push_for_ever();
	for (int round = 0; round < 40; round++) {
		struct store_usage freed;
		if (store_gc(store, &(struct gc_options){ .cache = -1 }, &freed, &err) < 0)
			printf("# gc: %s\n", err.message), error_clear(&err);
		for (int i = 0; i < 5; i++) {
			struct image image = { 0 };
			char name[32];
			snprintf(name, sizeof name, "h.io/c:%d", i);
			if (store_image_find(store, name, NULL, &image, &err) < 0) {
				broken += err.code != ERROR_NOT_FOUND || !strstr(err.message, "there is no image");
				error_clear(&err);
				continue;
			}
			struct buf text = { 0 };
			whole++;
			broken += store_blob_read(store, &image.manifest.layers[0].digest, 1000, &text, NULL) < 0;
			buf_free(&text);
			image_clear(&image);
		}
	}
	for (int i = 0; i < 2; i++)
		kill(pids[i], SIGKILL), waitpid(pids[i], NULL, 0);
	ok(whole > 0, "images were pushed beside gc (%zu seen)", whole);
	is_int((long long)broken, 0, "none of them lacks anything");
}

static void note(void *data, const char *text)
{
	buf_add_str(data, text);
	buf_add_char(data, '\n');
}

static void test_fsck(struct store *store)
{
	make_image(store, "sound", "linux/riscv64", "h.io/f:1");
	struct digest layer = put_text(store, "damaged"), lost = put_text(store, "missing");
	struct buf text _cleanup_(buf_free) = { 0 };
	char path[BLOB_PATH_SIZE];
	size_t damaged = 9;

	make_image(store, "damaged", "linux/riscv64", "h.io/f:2");
	works(store_fsck(store, note, &text, &damaged, &err), &err, "fsck of a sound store");
	is_int((long long)damaged, 0, "finds nothing");
	is_str(text.data ? text.data : "", "", "and says nothing");
	unlinkat(store_dir(store), blob_path(&lost, path), 0);
	int writable = fchmodat(store_dir(store), blob_path(&layer, path), 0600, 0);
	_cleanup_(fd_close) int fd = openat(store_dir(store), path, O_WRONLY);
	ok(writable == 0 && write(fd, "D", 1) == 1, "a byte of a layer changes");
	struct buf bytes _cleanup_(buf_free) = { 0 };
	fails(store_blob_read(store, &layer, 100, &bytes, &err), &err, ERROR_CORRUPT, "do not match", "reading it whole notices");
	works(store_fsck(store, note, &text, &damaged, &err), &err, "fsck");
	is_int((long long)damaged, 2, "finds both");
	ok(text.data && strstr(text.data, "moved to quarantine") && strstr(text.data, "is missing"), "says which");
	ok(text.data && strstr(text.data, "h.io/f:2 is incomplete") && !strstr(text.data, "h.io/f:1"), "and which image needs it");
	fails(store_blob_open(store, &layer, NULL, &err), &err, ERROR_NOT_FOUND, "not in the store", "a damaged blob counts as absent");
	put_text(store, "damaged");
	works(store_fsck(store, note, &text, &damaged, &err), &err, "once it was sent again");
	is_int((long long)damaged, 0, "all is well");
}

int main(void)
{
	struct store *store = fixture_open();

	test_local(store);
	test_published(store);
	store_tag_delete(store, "h.io", "kept", "1", &err);
	store_tag_delete(store, "h.io", "moved", "1", &err);
	sweep(store, -1);
	struct store_usage usage;
	works(store_usage(store, &usage, &err), &err, "usage");
	is_int(usage.blobs + usage.blobs_bytes + usage.uploads + usage.reclaimable_bytes, 0, "of an emptied store is nothing");
	test_referrers(store);
	test_leftovers(store);
	test_layers(store);
	test_concurrent(store);
	test_fsck(store);
	store_close(&store);
	return done();
}
