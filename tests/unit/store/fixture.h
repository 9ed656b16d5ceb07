/* A store in a folder of its own, and small images to fill it with. */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "store/store.h"
#include "tap.h"

static char fixture_root[64];
static struct error err;

static void fixture_remove(void)
{
	dir_remove(AT_FDCWD, fixture_root, NULL);
}

/* Removed when the test's own process ends (not its children: they end with _exit). */
__attribute__((unused)) static struct store *fixture_open(void)
{
	struct store *store = NULL;

	if (!*fixture_root) {
		snprintf(fixture_root, sizeof fixture_root, "%s/sampan-store-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
		if (!mkdtemp(fixture_root))
			abort();
		atexit(fixture_remove);
	}
	if (store_open(fixture_root, &store, &err) < 0) {
		printf("# cannot open: %s\n", err.message);
		abort();
	}
	return store;
}

__attribute__((unused)) static struct digest put_text(struct store *store, const char *text)
{
	struct digest digest = { 0 };

	if (store_blob_put(store, text, strlen(text), &digest, &err) < 0)
		printf("# cannot put: %s\n", err.message);
	return digest;
}

__attribute__((unused)) static struct descriptor layer_of(struct store *store, const char *text)
{
	return (struct descriptor){ .media_type = xstrdup(media_type_text(MEDIA_OCI_LAYER)), .digest = put_text(store, text),
				    .size = (int64_t)strlen(text) };
}

/* An image of one layer, for a platform, under a name (NULL: none). */
__attribute__((unused)) static struct digest make_image(struct store *store, const char *layer_text, const char *platform, const char *name)
{
	struct image_config config _cleanup_(config_clear) = { 0 };
	struct descriptor layer _cleanup_(descriptor_clear) = layer_of(store, layer_text);
	struct reference reference _cleanup_(reference_clear) = { 0 };
	struct digest manifest = { 0 };

	if (platform_parse(platform, &config.platform, &err) < 0 || (name && reference_parse(name, &reference, &err) < 0))
		abort();
	config.created = xstrdup("2026-01-02T03:04:05Z");
	config_add_diff_id(&config, &layer.digest);
	if (store_image_commit(store, &config, &layer, 1, &reference, name ? 1 : 0, &manifest, &err) < 0)
		printf("# cannot commit: %s\n", err.message);
	return manifest;
}

__attribute__((unused)) static int64_t size_of(struct store *store, const struct digest *digest)
{
	int64_t size = -1;
	_cleanup_(fd_close) int fd = store_blob_open(store, digest, &size, NULL);

	return size;
}

/* The text of an index of manifests that are (or aren't) in the store. */
__attribute__((unused)) static char *index_text(struct store *store, const struct digest *children, const char *const *platforms, size_t len)
{
	struct manifest index _cleanup_(manifest_clear) = { .type = MEDIA_OCI_INDEX, .is_index = true };
	struct buf text = { 0 };

	for (size_t i = 0; i < len; i++) {
		int64_t size = size_of(store, &children[i]);
		struct descriptor child _cleanup_(descriptor_clear) = { .media_type = xstrdup(media_type_text(MEDIA_OCI_MANIFEST)),
									.digest = children[i], .size = size < 0 ? 7 : size,
									.has_platform = true };
		platform_parse(platforms[i], &child.platform, NULL);
		manifest_add_child(&index, &child);
	}
	manifest_print(&index, &text);
	return buf_steal(&text);
}

__attribute__((unused)) static int put_manifest(struct store *store, const char *registry, const char *repository, const char *text,
						bool partial, const char *tag, struct digest *ret)
{
	struct strlist tags _cleanup_(strlist_free) = { 0 };

	if (tag)
		strlist_add(&tags, tag);
	return store_manifest_put(store, registry, repository, text, strlen(text), NULL, partial, &tags, ret, &err);
}
#endif
