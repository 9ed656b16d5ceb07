/* What is shown of repositories and tags beside their rows. */
#include "fixture.h"

/* An index of two images, and one of them alone. */
static void fill(struct store *store)
{
	static const char *const platforms[] = { "linux/riscv64", "linux/amd64" };
	struct digest images[] = { make_image(store, "shared layer", platforms[0], "host:1/a:rv"), make_image(store, "shared layer", platforms[1], "host:1/a:amd") };
	struct digest index;

	for (size_t i = 0; i < 2; i++)
		store_tag_copy(store, "host:1", "a", &images[i], "", "team/app", i ? NULL : "one", &err);
	_cleanup_(freep) char *text = index_text(store, images, platforms, 2);
	works(put_manifest(store, "", "team/app", text, false, "all", &index), &err, "an index");
}

static void test_pushed(struct store *store)
{
	struct repository_details repository _cleanup_(repository_details_clear) = { 0 };
	struct tag_details tag _cleanup_(tag_details_clear) = { 0 };

	works(store_repository_details(store, "", "team/app", &repository, &err), &err, "a repository");
	_cleanup_(freep) char *platforms = strlist_join(&repository.platforms, " ");
	is_str(platforms, "linux/amd64 linux/riscv64", "has its platforms");
	ok(!repository.cached && !repository.pulled, "and nothing from an upstream");
	works(store_tag_details(store, "", "team/app", "all", &tag, &err), &err, "a tag of an index");
	is_int(tag.created, 1767323045, "has the time when its images were made");
	is_int(tag.pulled, 0, "and was pushed");
	fails(store_repository_details(store, "", "team", &repository, &err), &err, ERROR_NOT_FOUND, "no repository team", "a repository that isn't there");
	fails(store_repository_details(store, "", "a", &repository, &err), &err, ERROR_NOT_FOUND, "no repository a", "one of another registry");
	fails(store_tag_details(store, "", "team/app", "none", &tag, &err), &err, ERROR_NOT_FOUND, "no tag none", "a tag that isn't there");
	is_int(tag.created, 1767323045, "leaves what was there");
}

static void test_cached(struct store *store)
{
	struct repository_details repository _cleanup_(repository_details_clear) = { 0 };
	struct tag_details tag _cleanup_(tag_details_clear) = { 0 };
	struct digest image = make_image(store, "shared layer", "linux/riscv64", NULL);
	struct buf text _cleanup_(buf_free) = { 0 };

	store_blob_read(store, &image, MANIFEST_SIZE_MAX, &text, &err);
	works(store_cached_put(store, "hub/app", text.data, text.len, media_type_text(MEDIA_OCI_MANIFEST), "1", &image, &err), &err, "a cached manifest");
	works(store_repository_details(store, "", "hub/app", &repository, &err), &err, "its repository");
	ok(repository.cached == 1 && repository.pulled > 1700000000, "says so, and when it was pulled");
	works(store_tag_details(store, "", "hub/app", "1", &tag, &err), &err, "as does");
	is_int(tag.pulled, repository.pulled, "its tag");
}

int main(void)
{
	struct store *store = fixture_open();

	fill(store);
	test_pushed(store);
	test_cached(store);
	store_close(&store);
	return done();
}
