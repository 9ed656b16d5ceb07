/* Manifests, tags, listings, images, records: what a store answers, and what it must refuse. */
#include "fixture.h"

static void test_manifests(struct store *store)
{
	struct digest image = make_image(store, "layer one", "linux/riscv64", "host:1/a/b:v1"), got, again;
	struct buf text _cleanup_(buf_free) = { 0 };
	_cleanup_(freep) char *type = NULL;

	works(store_tag_get(store, "host:1", "a/b", "v1", &got, &err), &err, "a committed image has its tag");
	ok(digest_equal(&got, &image), "which points to it");
	works(store_manifest_get(store, "host:1", "a/b", &image, &text, &type, &err), &err, "its manifest can be read");
	is_str(type, media_type_text(MEDIA_OCI_MANIFEST), "with its media type");
	works(put_manifest(store, "host:1", "a/b", text.data, false, "v2", &again), &err, "putting it again is fine");
	ok(digest_equal(&again, &image), "and is the same manifest");
	fails(store_manifest_get(store, "host:1", "other", &image, NULL, NULL, &err), &err, ERROR_NOT_FOUND, "is not in host:1/other",
	      "it is not visible through another repository");
	fails(put_manifest(store, "", "pub", text.data, false, "v1", &again), &err, ERROR_NOT_FOUND, "is not in pub",
	      "a published repository takes only what was linked to it");
	works(store_tag_copy(store, "host:1", "a/b", &image, "", "pub", "v1", &err), &err, "publishing moves no byte");
	works(put_manifest(store, "", "pub", text.data, false, "v2", &again), &err, "and links all that it needs");

	struct digest sha512;
	digest_of(DIGEST_SHA512, text.data, text.len, &sha512);
	works(store_manifest_put_as(store, "", "pub", text.data, text.len, NULL, false, NULL, &sha512, &err), &err, "sha512 names a manifest too");
	sha512.bytes[3] ^= 1;
	fails(store_manifest_put_as(store, "", "pub", text.data, text.len, NULL, false, NULL, &sha512, &err), &err, ERROR_CORRUPT, "do not match",
	      "but only with its own digest");
}

static void test_bad_manifests(struct store *store)
{
	static const char other[] = "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"size\":3,"
				    "\"digest\":\"sha256:0000000000000000000000000000000000000000000000000000000000000000\"},\"layers\":[]}";
	_cleanup_(freep) char *huge = xcalloc(MANIFEST_SIZE_MAX + 2, 1), *wrong = NULL;
	struct digest got, config = put_text(store, "{}");
	char text[DIGEST_TEXT_SIZE];

	memset(huge, ' ', MANIFEST_SIZE_MAX + 1);
	fails(put_manifest(store, "", "pub", huge, false, NULL, &got), &err, ERROR_TOO_LARGE, "more than", "a manifest over 4 MiB");
	fails(put_manifest(store, "", "pub", "{", false, NULL, &got), &err, ERROR_INVALID, "", "a manifest that is no JSON");
	fails(put_manifest(store, "host:1", "x", other, false, NULL, &got), &err, ERROR_NOT_FOUND, "sha256:000", "a config that isn't there");
	wrong = xprintf("{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"size\":3,"
			"\"digest\":\"%s\"},\"layers\":[]}",
			digest_print(&config, text));
	fails(put_manifest(store, "host:1", "x", wrong, false, NULL, &got), &err, ERROR_INVALID, "has 3 bytes, but it has 2", "a wrong size");
	ok(!store_repository_exists(store, "host:1", "x"), "a refused manifest leaves no repository behind");
}

static void test_index(struct store *store)
{
	struct digest children[2] = { make_image(store, "layer one", "linux/riscv64", "host:1/multi:rv"), { 0 } }, index, top;
	static const char *const platforms[] = { "linux/riscv64", "linux/s390x" };
	struct image image = { 0 };

	memset(children[1].bytes, 7, 32);
	_cleanup_(freep) char *text = index_text(store, children, platforms, 2);
	fails(put_manifest(store, "host:1", "multi", text, false, "all", &index), &err, ERROR_NOT_FOUND, "0707", "an index lacks a child");
	works(put_manifest(store, "host:1", "multi", text, true, "all", &index), &err, "a partial one may");
	works(store_image_find(store, "host:1/multi:all", NULL, &image, &err), &err, "the only platform that is here is taken");
	ok(digest_equal(&image.digest, &children[0]) && digest_equal(&image.top, &index), "top and image manifest differ");
	image_clear(&image);
	struct platform s390x;
	platform_parse("linux/s390x", &s390x, NULL);
	fails(store_image_find(store, "host:1/multi:all", &s390x, &image, &err), &err, ERROR_NOT_FOUND, "linux/riscv64, not for linux/s390x",
	      "another platform is named in the error");
	fails(store_tag_copy(store, "host:1", "multi", &index, "", "multi", "all", &err), &err, ERROR_NOT_FOUND, "0707",
	      "a partial index can't be published");
	fails(store_tag_get(store, "", "multi", "all", &top, &err), &err, ERROR_NOT_FOUND, "multi:all", "and nothing of it was");
}

static void test_images(struct store *store)
{
	struct digest manifest = make_image(store, "layer two", "linux/arm64", "img:a"), nameless = make_image(store, "layer three", "linux/arm64", NULL);
	struct image image = { 0 };
	char id[DIGEST_TEXT_SIZE];

	works(store_image_find(store, "img:a", NULL, &image, &err), &err, "an image is found by its short name");
	is_str(image.reference.registry, "docker.io", "which stands for docker.io");
	digest_hex(&image.id, id);
	image_clear(&image);
	id[12] = '\0';
	works(store_image_find(store, id, NULL, &image, &err), &err, "and by the start of its id");
	ok(digest_equal(&image.digest, &manifest) && str_equal(image.reference.tag, "a"), "which leads to its name");
	image_clear(&image);
	fails(store_image_find(store, "img:b", NULL, &image, &err), &err, ERROR_NOT_FOUND, "img:b", "a tag that isn't there");
	fails(store_image_find(store, "UPPER:b:c", NULL, &image, &err), &err, ERROR_INVALID, "", "a text that is no reference");
	works(store_tag_delete(store, "docker.io", "library/img", "a", &err), &err, "a tag is removed");
	id[4] = '\0';

	struct image_row *rows;
	size_t len, dangling = 0;
	works(store_images(store, &rows, &len, &err), &err, "images are listed");
	for (size_t i = 0; i < len; i++) {
		dangling += !rows[i].tag;
		ok(rows[i].size > 0 && rows[i].created == 1767323045, "image %zu has a size and a time", i);
		if (!rows[i].tag)
			ok(digest_equal(&rows[i].digest, &manifest) || digest_equal(&rows[i].digest, &nameless), "a dangling one is of ours");
	}
	is_int((long long)dangling, 2, "two have no name");
	image_rows_free(rows, len);
}

static void test_listings(struct store *store)
{
	struct digest image = make_image(store, "layer one", "linux/riscv64", "host:2/many:v0");
	struct strlist tags _cleanup_(strlist_free) = { 0 }, names _cleanup_(strlist_free) = { 0 }, rest _cleanup_(strlist_free) = { 0 };
	char name[32];

	for (int i = 1; i < 12; i++) {
		snprintf(name, sizeof name, "v%d", i);
		store_tag_set(store, "host:2", "many", name, &image, &err);
		snprintf(name, sizeof name, "r%d", i);
		store_tag_copy(store, "host:2", "many", &image, "host:3", name, "x", &err);
	}
	works(store_tags(store, "host:2", "many", NULL, 3, &tags, &err), &err, "tags in pages");
	is_int((long long)tags.len, 3, "of the size asked for");
	is_str(tags.items[2], "v10", "sorted by bytes");
	works(store_tags(store, "host:2", "many", "v10", 100, &rest, &err), &err, "the next page");
	is_str(rest.items[0], "v11", "begins behind the last");
	is_int((long long)rest.len, 9, "and is the rest");
	works(store_catalog(store, "host:3", "r10", 2, &names, &err), &err, "the catalog");
	is_str(names.items[0], "r11", "too");
	ok(store_repository_exists(store, "host:3", "r1") && !store_repository_exists(store, "host:3", "r12"), "repositories exist or don't");
	works(store_manifest_delete(store, "host:2", "many", &image, &err), &err, "deleting a manifest");
	strlist_free(&tags);
	works(store_tags(store, "host:2", "many", NULL, 100, &tags, &err), &err, "takes its tags");
	is_int((long long)tags.len, 0, "all of them");
	fails(store_manifest_get(store, "host:2", "many", &image, NULL, NULL, &err), &err, ERROR_NOT_FOUND, "", "and itself");
	fails(store_manifest_delete(store, "host:2", "many", &image, &err), &err, ERROR_NOT_FOUND, "", "only once");
	fails(store_tag_set(store, "host:2", "many", "v1", &image, &err), &err, ERROR_NOT_FOUND, "", "and can't be tagged");
	works(store_tag_get(store, "host:3", "r3", "x", &image, &err), &err, "but not from other repositories");
}

/* O'Brien'; DROP TABLE: names are bound, never pasted. */
static void test_injection(struct store *store)
{
	struct digest digest;
	struct strlist list _cleanup_(strlist_free) = { 0 };

	fails(store_tag_get(store, "'; DROP TABLE tag; --", "x' OR '1'='1", "\" OR 1=1", &digest, &err), &err, ERROR_NOT_FOUND, "", "quotes are text");
	works(store_tags(store, "", "' UNION SELECT digest FROM blob --", "%", 10, &list, &err), &err, "in listings too");
	is_int((long long)list.len, 0, "and find nothing");
}

static char *referrer_text(struct store *store, const struct digest *subject, const char *type)
{
	struct digest config = put_text(store, "{}");
	char a[DIGEST_TEXT_SIZE], b[DIGEST_TEXT_SIZE];

	return xprintf("{\"schemaVersion\":2,\"mediaType\":\"%s\",\"artifactType\":\"%s\",\"config\":{\"mediaType\":\"%s\",\"size\":2,\"digest\":\"%s\"},"
		       "\"layers\":[],\"subject\":{\"mediaType\":\"%s\",\"size\":5,\"digest\":\"%s\"},\"annotations\":{\"k\":\"v\"}}",
		       media_type_text(MEDIA_OCI_MANIFEST), type, media_type_text(MEDIA_OCI_EMPTY), digest_print(&config, a),
		       media_type_text(MEDIA_OCI_MANIFEST), digest_print(subject, b));
}

static void test_referrers(struct store *store)
{
	struct digest image = make_image(store, "layer one", "linux/riscv64", "host:4/sub:v"), got;
	_cleanup_(freep) char *sbom = referrer_text(store, &image, "application/sbom"), *sig = referrer_text(store, &image, "application/sig");
	struct manifest index = { 0 };
	bool more;

	works(put_manifest(store, "host:4", "sub", sbom, false, NULL, &got), &err, "a manifest with a subject");
	works(put_manifest(store, "host:4", "sub", sig, false, NULL, &got), &err, "another");
	works(store_referrers(store, "host:4", "sub", &image, NULL, NULL, &index, &more, &err), &err, "the referrers of an image");
	is_int((long long)index.children_len, 2, "are two");
	ok(index.children[0].annotations && json_object_size(index.children[0].annotations) == 1, "with their annotations");
	manifest_clear(&index);
	works(store_referrers(store, "host:4", "sub", &image, "application/sig", NULL, &index, &more, &err), &err, "of one type");
	is_int((long long)index.children_len, 1, "is one");
	ok(index.children_len && digest_equal(&index.children[0].digest, &got), "the right one");
	ok(!more, "and the last");
	manifest_clear(&index);
	works(store_referrers(store, "host:4", "other", &image, NULL, NULL, &index, &more, &err), &err, "of another repository");
	is_int((long long)index.children_len, 0, "are none");
	manifest_clear(&index);
}

static void test_records(struct store *store)
{
	struct digest image = make_image(store, "layer one", "linux/riscv64", "host:1/a/b:v1"), none = { 0 };
	struct strlist keys _cleanup_(strlist_free) = { 0 };
	char *value = NULL;

	works(store_record_get(store, "container", "x", &value, &err), &err, "a record that isn't there is no error");
	ok(!value, "but nothing");
	works(store_record_add(store, "container", "x", "{\"a\":1}", &err), &err, "a record is added");
	fails(store_record_add(store, "container", "x", "{}", &err), &err, ERROR_EXISTS, "container x", "once");
	works(store_record_add(store, "volume", "x", "{}", &err), &err, "a space is a world of its own");
	works(store_record_put(store, "container", "x", "new", &err), &err, "put replaces");
	works(store_record_get(store, "container", "x", &value, &err), &err, "get");
	is_str(value, "new", "gives the new value");
	free(value);
	works(store_record_pin(store, "container", "x", &image, &err), &err, "a record pins an image");
	works(store_record_put(store, "container", "x", "newer", &err), &err, "put keeps the pin");
	fails(store_record_pin(store, "container", "x", &none, &err), &err, ERROR_NOT_FOUND, "sha256:000", "but not one that isn't there");
	fails(store_record_pin(store, "container", "y", &image, &err), &err, ERROR_NOT_FOUND, "container y", "nor does a record that isn't there");
	works(store_record_pin(store, "container", "x", NULL, &err), &err, "and releases it");
	works(store_record_keys(store, "container", &keys, &err), &err, "keys");
	is_int((long long)keys.len, 1, "of one space");
	works(store_record_delete(store, "container", "x", &err), &err, "delete");
	works(store_record_delete(store, "container", "x", &err), &err, "twice is fine");
}

int main(void)
{
	struct store *store = fixture_open();

	test_manifests(store);
	test_bad_manifests(store);
	test_index(store);
	test_images(store);
	test_listings(store);
	test_injection(store);
	test_referrers(store);
	test_records(store);
	store_close(&store);
	return done();
}
