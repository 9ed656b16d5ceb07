/* One handle, many threads, as the server uses it: pushes, pulls, questions and gc at once. Worth running under ThreadSanitizer, too. */
#include <pthread.h>
#include <stdatomic.h>

#include "fixture.h"

enum { THREADS = 4, IMAGES = 25 };

static struct store *store;
static atomic_int failures;

static void check(int result, struct error *why, const char *what)
{
	if (result >= 0)
		return;
	failures++;
	printf("# %s: %s\n", what, why->message ? why->message : "?");
	error_clear(why);
}

static void push_one(int thread, int i)
{
	struct image_config config _cleanup_(config_clear) = { 0 };
	struct descriptor layer _cleanup_(descriptor_clear) = { .media_type = xstrdup(media_type_text(MEDIA_OCI_LAYER)) };
	struct reference name _cleanup_(reference_clear) = { 0 };
	struct error why _cleanup_(error_clear) = { 0 };
	struct upload *upload = NULL;
	struct digest manifest;
	char text[64];

	snprintf(text, sizeof text, "h.io/t%d:%d", thread, i);
	layer.size = (int64_t)strlen(text);
	check(upload_begin(store, &upload, &why), &why, "begin");
	check(upload_write(upload, text, strlen(text), &why), &why, "write");
	_cleanup_(freep) char *id = xstrdup(upload_id(upload));
	upload_suspend(&upload);
	check(upload_resume(store, id, &upload, &why), &why, "resume");
	check(upload_commit(&upload, NULL, &layer.digest, &why), &why, "commit");
	platform_parse("linux/riscv64", &config.platform, NULL);
	config_add_diff_id(&config, &layer.digest);
	reference_parse(text, &name, NULL);
	check(store_image_commit(store, &config, &layer, 1, &name, 1, &manifest, &why), &why, "image");
	check(store_tag_copy(store, "h.io", name.repository, &manifest, "", "all", name.tag, &why), &why, "publish");
}

static void pull_one(int thread, int i)
{
	struct image image = { 0 };
	struct error why _cleanup_(error_clear) = { 0 };
	struct buf bytes _cleanup_(buf_free) = { 0 };
	struct strlist tags _cleanup_(strlist_free) = { 0 };
	char name[64];

	snprintf(name, sizeof name, "h.io/t%d:%d", thread, i);
	int found = store_image_find(store, name, NULL, &image, &why);
	check(found, &why, name);
	if (found >= 0)
		check(store_blob_read(store, &image.manifest.layers[0].digest, 100, &bytes, &why), &why, "layer");
	if (found >= 0 && !store_blob_linked(store, "", "all", &image.manifest.layers[0].digest))
		check(-1, &why, "linked");
	image_clear(&image);
	check(store_tags(store, "", "all", NULL, 1000, &tags, &why), &why, "tags");
}

static void *work(void *data)
{
	int thread = (int)(intptr_t)data;

	for (int i = 0; i < IMAGES; i++) {
		push_one(thread, i);
		pull_one(thread, i);
	}
	return NULL;
}

static void *sweep_all(void *data)
{
	struct error why _cleanup_(error_clear) = { 0 };
	struct store_usage freed;

	for (int i = 0; i < 20; i++)
		check(store_gc(store, &(struct gc_options){ 60, 60, -1, false }, &freed, &why), &why, "gc");
	return data;
}

/* ---- blobs that are recorded together (group.c) ---- */

enum { TOGETHER = 8, ROUNDS = 10 };
static pthread_barrier_t all_ready;
static atomic_int lost;

/* All finish at once, so that they share transactions. The file of one of them is gone: it fails, and nobody else. */
static void *record_together(void *data)
{
	int thread = (int)(intptr_t)data;

	for (int i = 0; i < ROUNDS; i++) {
		struct error why _cleanup_(error_clear) = { 0 };
		struct upload *upload = NULL;
		struct digest digest;
		char text[64], path[64];
		bool spoiled = thread == i % TOGETHER;
		snprintf(text, sizeof text, "together %d %d", thread, i);
		check(upload_begin(store, &upload, &why), &why, "begin");
		check(upload_write(upload, text, strlen(text), &why), &why, "write");
		snprintf(path, sizeof path, "uploads/%s", upload_id(upload));
		if (spoiled && unlinkat(store_dir(store), path, 0) < 0)
			failures++;
		pthread_barrier_wait(&all_ready);
		int result = upload_commit_to(&upload, "", "together", NULL, &digest, &why);
		lost += spoiled && result < 0;
		if (!spoiled)
			check(result, &why, "commit");
		digest_of(DIGEST_SHA256, text, strlen(text), &digest);
		if (spoiled == store_blob_linked(store, "", "together", &digest))
			failures++;
	}
	return NULL;
}

static void test_together(void)
{
	pthread_t threads[TOGETHER];

	failures = 0;
	pthread_barrier_init(&all_ready, NULL, TOGETHER);
	for (int i = 0; i < TOGETHER; i++)
		pthread_create(&threads[i], NULL, record_together, (void *)(intptr_t)i);
	for (int i = 0; i < TOGETHER; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&all_ready);
	is_int(failures, 0, "blobs that are recorded together are all there");
	is_int(lost, ROUNDS, "and who can't be recorded fails alone");
}

int main(void)
{
	pthread_t threads[THREADS + 1];
	size_t damaged = 1;

	store = fixture_open();
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, (void *)(intptr_t)i);
	pthread_create(&threads[THREADS], NULL, sweep_all, NULL);
	for (int i = 0; i <= THREADS; i++)
		pthread_join(threads[i], NULL);
	is_int(failures, 0, "threads push, pull and sweep through one handle");
	struct strlist tags _cleanup_(strlist_free) = { 0 };
	works(store_tags(store, "", "all", NULL, 1000, &tags, &err), &err, "all tags");
	is_int((long long)tags.len, IMAGES, "are there");
	test_together();
	works(store_fsck(store, NULL, NULL, &damaged, &err), &err, "fsck");
	is_int((long long)damaged, 0, "finds nothing");
	store_close(&store);
	return done();
}
