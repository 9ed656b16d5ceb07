/* What came from an upstream: stored before what it names, held against gc, let go by age and by size. */
#include "fixture.h"
#include "store/internal.h"

static struct digest digest_text(const char *text)
{
	struct digest digest;

	digest_of(DIGEST_SHA256, text, strlen(text), &digest);
	return digest;
}

/* The manifest of an image whose config and only layer are `text`. */
static struct digest cache(struct store *store, const char *repository, const char *tag, const char *text)
{
	char name[DIGEST_TEXT_SIZE];
	struct digest blob = digest_text(text), digest;

	digest_print(&blob, name);
	_cleanup_(freep) char *manifest = xprintf(
		"{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":{\"mediaType\":\"application/x\",\"digest\":\"%s\",\"size\":%zu},"
		"\"layers\":[{\"mediaType\":\"application/y\",\"digest\":\"%s\",\"size\":%zu}]}",
		media_type_text(MEDIA_OCI_MANIFEST), name, strlen(text), name, strlen(text));
	digest = digest_text(manifest);
	works(store_cached_put(store, repository, manifest, strlen(manifest), NULL, tag, &digest, &err), &err, "a manifest before its blobs");
	return digest;
}

static void bring(struct store *store, const char *repository, const char *text)
{
	struct upload *upload = NULL;
	struct digest digest = digest_text(text);

	if (upload_begin(store, &upload, &err) < 0 || upload_write(upload, text, strlen(text), &err) < 0 ||
	    upload_commit_to(&upload, "", repository, &digest, NULL, &err) < 0)
		printf("# %s\n", err.message);
}

static void sweep(struct store *store)
{
	struct store_usage freed;

	usleep(3000);
	works(store_gc(store, &(struct gc_options){ .cache = -1 }, &freed, &err), &err, "gc runs");
}

static void set_pulled(struct store *store, const struct digest *digest, int64_t seconds_ago)
{
	struct write write _cleanup_(write_end) = { 0 };
	char text[DIGEST_TEXT_SIZE];

	if (write_begin(store, &write, &err) < 0 ||
	    query_run(write.db, "UPDATE cached SET pulled = ? WHERE manifest = (SELECT id FROM blob WHERE digest = ?)",
		      VALUES(INT(now_ms() - seconds_ago * 1000), TEXT(digest_print(digest, text))), &err) != 1 ||
	    write_commit(&write, &err) < 0)
		abort();
}

static bool has_tag(struct store *store, const char *repository, const char *tag)
{
	struct digest digest;

	return store_tag_get(store, "", repository, tag, &digest, NULL) == 0;
}

static void report_nothing(void *data, const char *text)
{
	printf("# fsck: %s\n", text);
	++*(int *)data;
}

static void test_partial(struct store *store)
{
	struct digest secret = put_text(store, "secret"), manifest = cache(store, "up/one", "1", "secret");
	size_t damaged;
	int findings = 0;

	ok(!store_blob_linked(store, "", "up/one", &secret), "that it names a blob which is here doesn't make it readable");
	sweep(store);
	works(store_cached_pulled(store, "up/one", &manifest, &err), &err, "it stays, though untagged blobs don't");
	works(store_fsck(store, report_nothing, &findings, &damaged, &err), &err, "fsck runs");
	is_int(findings, 0, "and misses nothing");
	struct digest none = digest_text("none");
	fails(store_cached_tag(store, "up/one", "2", &none, &err), &err, ERROR_NOT_FOUND, "not in the cache", "a tag needs a manifest");
	works(store_cached_tag(store, "up/one", "2", &manifest, &err), &err, "a tag moves");
	ok(has_tag(store, "up/one", "2"), "and is there");
}

static void test_age(struct store *store)
{
	struct digest old = cache(store, "up/old", "1", "old layer"), fresh = cache(store, "up/fresh", "1", "fresh layer");
	struct digest old_blob = digest_text("old layer"), fresh_blob = digest_text("fresh layer");
	int64_t gone = 0;

	bring(store, "up/old", "old layer");
	bring(store, "up/fresh", "fresh layer");
	set_pulled(store, &old, 1000);
	works(store_cached_evict(store, 500, -1, &gone, &err), &err, "those not pulled for 500 s go");
	is_int(gone, 1, "one");
	ok(!has_tag(store, "up/old", "1") && has_tag(store, "up/fresh", "1"), "the old one's tag went with it");
	sweep(store);
	ok(!store_blob_has(store, &old_blob) && !store_blob_has(store, &old), "gc takes what it had");
	ok(store_blob_has(store, &fresh_blob) && store_blob_has(store, &fresh), "and nothing else");
	set_pulled(store, &fresh, 1000);
	works(store_cached_pulled(store, "up/fresh", &fresh, &err), &err, "a pull");
	works(store_cached_evict(store, 500, -1, &gone, &err), &err, "after it");
	is_int(gone, 0, "it is young again");
}

static void test_size(struct store *store)
{
	static const char *const names[] = { "up/a", "up/b", "up/c" };
	struct digest manifests[3];
	char texts[3][1001];
	int64_t gone = 0;

	for (int i = 0; i < 3; i++) {
		memset(texts[i], 'a' + i, 1000);
		texts[i][1000] = '\0';
		manifests[i] = cache(store, names[i], "1", texts[i]);
		bring(store, names[i], texts[i]);
		set_pulled(store, &manifests[i], 100 * (3 - i));
	}
	works(store_cached_evict(store, -1, 1 << 20, &gone, &err), &err, "a cache below its size");
	is_int(gone, 0, "keeps all");
	works(store_cached_evict(store, -1, 4200, &gone, &err), &err, "one above it");
	is_int(gone, 1, "loses one");
	ok(!has_tag(store, "up/a", "1") && has_tag(store, "up/b", "1") && has_tag(store, "up/c", "1"), "the least recently pulled");
}

int main(void)
{
	struct store *store = fixture_open();

	test_partial(store);
	test_age(store);
	test_size(store);
	store_close(&store);
	return done();
}
