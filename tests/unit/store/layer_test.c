/* Layers in a store: committed, unpacked, mounted; many at once, and by several threads and processes. What needs a mount runs as root, or as a user
 * with a namespace (the test enters one), and is skipped elsewhere. */
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "base/userns.h"
#include "store/stream.h"
#include "tree.h"

static bool can_mount;

static void put(const char *dir, const char *name, const char *text)
{
	_cleanup_(freep) char *path = path_join(dir, name);

	if (!text)
		mkdir(path, 0755);
	else
		file_replace(AT_FDCWD, path, text, strlen(text), 0644, NULL);
}

struct image_parts {
	struct manifest manifest;
	struct image_config config;
};

static void parts_clear(struct image_parts *parts)
{
	manifest_clear(&parts->manifest);
	config_clear(&parts->config);
}

/* A tar as the next layer of an image, in the store as a blob. */
static void add_layer(struct store *store, struct image_parts *parts, struct buf *tar)
{
	struct descriptor layer = { .media_type = (char *)media_type_text(MEDIA_OCI_LAYER), .size = (int64_t)tar->len };
	struct error err = { 0 };
	struct digest diff_id;

	works(store_blob_put(store, tar->data, tar->len, &layer.digest, &err), &err, "a layer's blob");
	digest_of(DIGEST_SHA256, tar->data, tar->len, &diff_id);
	manifest_add_layer(&parts->manifest, &layer);
	config_add_diff_id(&parts->config, &diff_id);
	buf_free(tar);
}

static void add_entries(struct store *store, struct image_parts *parts, const struct tar_fields *fields, size_t len)
{
	struct buf tar = { 0 };

	for (size_t i = 0; i < len; i++)
		tar_put(&tar, fields[i]);
	tar_end(&tar);
	add_layer(store, parts, &tar);
}

#define ENTRIES(...) (const struct tar_fields[]){ __VA_ARGS__ }, array_len(((const struct tar_fields[]){ __VA_ARGS__ }))

static char *merged_text(struct store *store, const char *name, const struct strlist *layers, bool read_only, bool write, struct error *err)
{
	_cleanup_(freep) char *dir = xprintf("%s/builds/%s", store_path(store), name), *merged = path_join(dir, "merged");
	struct snapshot_options options = { .layers = layers, .dir = dir, .read_only = read_only };

	if (!can_mount)
		return NULL;
	if (!works(snapshot_mount(store, &options, err), err, "the layers are mounted"))
		return NULL;
	_cleanup_(fd_close) int fd = open(merged, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (write) {
		put(merged, "written", "w");
		_cleanup_(freep) char *gone = path_join(merged, "gone");
		unlink(gone);
	}
	char *text = tree_text(fd, false);
	fd_close(&fd);
	ok(umount2(merged, 0) == 0, "… and unmounted");
	return text;
}

static void check_mounted(char *text, const char *want, const char *what)
{
	if (can_mount)
		is_str(text, want, what);
	else
		ok(true, "%s # SKIP no mounts here", what);
}

/* Two layers, of which the second hides parts of the first. */
static void test_unpack(struct store *store)
{
	struct image_parts parts _cleanup_(parts_clear) = { .manifest.type = MEDIA_OCI_MANIFEST };
	struct strlist numbers _cleanup_(strlist_free) = { 0 }, again _cleanup_(strlist_free) = { 0 };
	struct error err = { 0 };
	struct stat st;

	add_entries(store, &parts, ENTRIES({ .type = '5', .path = ".", .mode = 0711 }, { .type = '5', .path = "d", .mode = 01777 },
					   { .type = '0', .path = "d/a", .data = "1" }, { .type = '0', .path = "d/b", .data = "2" },
					   { .type = '5', .path = "o", .mode = 0755 }, { .type = '0', .path = "o/x", .data = "3" },
					   { .type = '0', .path = "gone", .data = "4" }));
	add_entries(store, &parts, ENTRIES({ .type = '0', .path = "d/.wh.a" }, { .type = '0', .path = "d/c", .data = "5" },
					   { .type = '0', .path = "o/.wh..wh..opq" }, { .type = '0', .path = "o/y", .data = "6" }));
	if (!works(layers_unpack(store, &parts.manifest, &parts.config, NULL, &numbers, &err), &err, "two layers are unpacked"))
		return;
	is_int((long long)numbers.len, 2, "… and have numbers");
	works(layers_unpack(store, &parts.manifest, &parts.config, NULL, &again, &err), &err, "… once");
	is_str(again.items[1], numbers.items[1], "… and for all");
	_cleanup_(freep) char *top = xprintf("layers/%s/d", numbers.items[1]), *root = xprintf("layers/%s", numbers.items[1]);
	fstatat(store_dir(store), top, &st, 0);
	is_int(st.st_mode & 07777, 01777, "a folder left out of the archive has the mode that it has beneath");
	fstatat(store_dir(store), root, &st, 0);
	is_int(st.st_mode & 07777, 0711, "… and so has the root");
	_cleanup_(freep) char *text = merged_text(store, "one", &numbers, false, true, &err);
	check_mounted(text, "d d\nf d/b 2\nf d/c 5\nd o\nf o/y 6\nf written w\n", "the merged tree is right");
	_cleanup_(freep) char *seen = merged_text(store, "two", &numbers, true, false, &err);
	check_mounted(seen, "d d\nf d/b 2\nf d/c 5\nf gone 4\nd o\nf o/y 6\n", "… and the layers are as they were");
}

static void test_root_opaque(struct store *store)
{
	struct image_parts parts _cleanup_(parts_clear) = { .manifest.type = MEDIA_OCI_MANIFEST };
	struct strlist numbers _cleanup_(strlist_free) = { 0 };
	struct error err = { 0 };

	add_entries(store, &parts, ENTRIES({ .type = '0', .path = "old", .data = "1" }));
	add_entries(store, &parts, ENTRIES({ .type = '0', .path = ".wh..wh..opq" }, { .type = '0', .path = "new", .data = "2" }));
	works(layers_unpack(store, &parts.manifest, &parts.config, NULL, &numbers, &err), &err, "a layer whose root is opaque");
	_cleanup_(freep) char *text = merged_text(store, "opaque", &numbers, false, false, &err);
	check_mounted(text, "f new 2\n", "… hides all beneath");
}

static size_t count_layers(struct store *store)
{
	DIR *list = fdopendir(openat(store_dir(store), "layers", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	size_t count = 0;

	for (struct dirent *entry; list && (entry = readdir(list));)
		count += entry->d_name[0] != '.' && !strstr(entry->d_name, ".lock");
	closedir(list);
	return count;
}

static void test_refused(struct store *store)
{
	struct image_parts parts _cleanup_(parts_clear) = { .manifest.type = MEDIA_OCI_MANIFEST };
	struct strlist numbers _cleanup_(strlist_free) = { 0 };
	struct error err = { 0 };
	size_t before = count_layers(store);

	add_entries(store, &parts, ENTRIES({ .type = '0', .path = "x", .data = "1" }));
	parts.config.diff_ids[0].bytes[3] ^= 1;
	fails(layers_unpack(store, &parts.manifest, &parts.config, NULL, &numbers, &err), &err, ERROR_CORRUPT, "config says", "a wrong diff id");
	parts.manifest.layers[0].digest.bytes[3] ^= 1;
	fails(layers_unpack(store, &parts.manifest, &parts.config, NULL, &numbers, &err), &err, ERROR_NOT_FOUND, "layer", "a layer that isn't there");
	struct digest more = parts.config.diff_ids[0];
	config_add_diff_id(&parts.config, &more);
	fails(layers_unpack(store, &parts.manifest, &parts.config, NULL, &numbers, &err), &err, ERROR_INVALID, "config speaks of 2", "too many diff ids");
	is_int((long long)numbers.len, 0, "nothing is returned");
	is_int((long long)count_layers(store), (long long)before, "nothing is left of them");
}

static int commit(struct store *store, const struct digest *parent, size_t count, const char *upper, struct image_parts *parts, struct digest *ret_chain,
		  char **ret_number, struct error *err)
{
	struct descriptor layer _cleanup_(descriptor_clear) = { 0 };
	struct digest diff_id;

	if (layer_commit(store, parent, count, upper, 1000000000, &layer, &diff_id, ret_number, err) < 0)
		return -1;
	manifest_add_layer(&parts->manifest, &layer);
	config_add_diff_id(&parts->config, &diff_id);
	config_chain_id(parts->config.diff_ids, parts->config.diff_ids_len, ret_chain);
	return 0;
}

static void test_commit(struct store *store)
{
	struct image_parts parts _cleanup_(parts_clear) = { .manifest.type = MEDIA_OCI_MANIFEST };
	_cleanup_(freep) char *upper = path_join(store_path(store), "builds/upper"), *first = NULL, *second = NULL, *third = NULL;
	struct strlist numbers _cleanup_(strlist_free) = { 0 };
	struct digest chain, chain2;
	struct error err = { 0 };

	put(upper, "", NULL);
	put(upper, "a", "1");
	works(commit(store, NULL, 0, upper, &parts, &chain, &first, &err), &err, "a first layer is committed");
	ok(access(upper, F_OK) < 0, "… and the directory has moved");
	put(upper, "", NULL);
	put(upper, "d", NULL);
	put(upper, "d/b", "2");
	works(commit(store, &chain, 1, upper, &parts, &chain2, &second, &err), &err, "a second one on top");
	works(layers_unpack(store, &parts.manifest, &parts.config, NULL, &numbers, &err), &err, "both need no unpacking");
	ok(numbers.len == 2 && str_equal(numbers.items[0], first) && str_equal(numbers.items[1], second), "… and are those that were committed");
	put(upper, "", NULL);
	put(upper, "d", NULL);
	put(upper, "d/b", "2");
	struct image_parts other _cleanup_(parts_clear) = { .manifest.type = MEDIA_OCI_MANIFEST };
	works(commit(store, &chain, 1, upper, &other, &chain2, &third, &err), &err, "the same one again");
	is_str(third, second, "… is the one that is there");
	ok(access(upper, F_OK) < 0, "… and the directory is gone");
	ok(digest_equal(&other.manifest.layers[0].digest, &parts.manifest.layers[1].digest), "… with the same digest");
	_cleanup_(freep) char *text = merged_text(store, "commit", &numbers, false, false, &err);
	check_mounted(text, "f a 1\nd d\nf d/b 2\n", "the merged tree is right");
}

/* FROM scratch, and one layer read-only. */
static void test_few(struct store *store)
{
	struct image_parts parts _cleanup_(parts_clear) = { .manifest.type = MEDIA_OCI_MANIFEST };
	struct strlist none _cleanup_(strlist_free) = { 0 }, one _cleanup_(strlist_free) = { 0 };
	struct error err = { 0 };

	_cleanup_(freep) char *empty = merged_text(store, "scratch", &none, false, true, &err);
	check_mounted(empty, "f written w\n", "no layers at all");
	add_entries(store, &parts, ENTRIES({ .type = '0', .path = "only", .data = "1" }));
	works(layers_unpack(store, &parts.manifest, &parts.config, NULL, &one, &err), &err, "one layer");
	_cleanup_(freep) char *text = merged_text(store, "only", &one, true, false, &err);
	check_mounted(text, "f only 1\n", "one layer read-only");
}

static void test_many(struct store *store)
{
	struct image_parts parts _cleanup_(parts_clear) = { .manifest.type = MEDIA_OCI_MANIFEST };
	struct strlist numbers _cleanup_(strlist_free) = { 0 };
	struct buf want _cleanup_(buf_free) = { 0 };
	struct error err = { 0 };

	/* 500 directories, made by hand: unpacking them is not what this is about */
	for (int i = 0; i < 500; i++) {
		_cleanup_(freep) char *dir = xprintf("%s/layers/%d", store_path(store), 10000 + i), *file = xprintf("f%03d", i);
		put(dir, "", NULL);
		put(dir, file, "x");
		strlist_printf(&numbers, "%d", 10000 + i);
		buf_printf(&want, "f f%03d x\n", i);
	}
	_cleanup_(freep) char *text = merged_text(store, "many", &numbers, false, false, &err);
	check_mounted(text, want.data, "500 layers");
}

static void test_disk_full(struct store *store)
{
	_cleanup_(freep) char *dir = path_join(store_path(store), "builds/full"), *data = xcalloc(1, 1 << 20);
	struct buf tar _cleanup_(buf_free) = { 0 };
	struct error err = { 0 };

	put(dir, "", NULL);
	if (!can_mount || mount("tmpfs", dir, "tmpfs", 0, "size=300k") < 0) {
		ok(true, "a full disk # SKIP no mounts here");
		return;
	}
	tar_put(&tar, (struct tar_fields){ .type = '0', .path = "big", .data = data, .len = 1 << 20 });
	tar_end(&tar);
	_cleanup_(fd_close) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), source = tar_file(tar.data, tar.len);
	fails(layer_extract(source, fd, true, NULL, NULL, &err), &err, ERROR_NO_SPACE, "cannot unpack big", "a full disk");
	fd_close(&fd);
	umount2(dir, 0);
}

struct racer {
	struct store *store;
	struct image_parts *parts;
	struct strlist numbers;
	int result;
};

static void *race(void *data)
{
	struct racer *racer = data;

	racer->result = layers_unpack(racer->store, &racer->parts->manifest, &racer->parts->config, NULL, &racer->numbers, NULL);
	return NULL;
}

static void test_race(struct store *store)
{
	struct image_parts parts _cleanup_(parts_clear) = { .manifest.type = MEDIA_OCI_MANIFEST };
	struct racer racers[4] = { 0 };
	pthread_t threads[4];
	struct error err = { 0 };
	struct buf tar = { 0 };

	for (int i = 0; i < 300; i++) {
		char name[24];
		snprintf(name, sizeof name, "race%d", i);
		tar_put(&tar, (struct tar_fields){ .type = '0', .path = name, .data = name });
	}
	tar_end(&tar);
	add_layer(store, &parts, &tar);
	size_t before = count_layers(store);
	pid_t child = fork();
	if (child == 0) {
		struct store *own = NULL;
		struct strlist numbers = { 0 };
		_exit(store_open(store_path(store), &own, NULL) < 0 || layers_unpack(own, &parts.manifest, &parts.config, NULL, &numbers, NULL) < 0);
	}
	for (size_t i = 0; i < array_len(racers); i++) {
		racers[i] = (struct racer){ .store = store, .parts = &parts };
		pthread_create(&threads[i], NULL, race, &racers[i]);
	}
	for (size_t i = 0; i < array_len(racers); i++) {
		pthread_join(threads[i], NULL);
		ok(racers[i].result == 0 && racers[i].numbers.len == 1 && str_equal(racers[i].numbers.items[0], racers[0].numbers.items[0]),
		   "thread %zu of four has the layer", i);
	}
	int status = 1;
	waitpid(child, &status, 0);
	is_int(status, 0, "another process has it too");
	is_int((long long)count_layers(store), (long long)before + 1, "… and it was unpacked once");
	for (size_t i = 0; i < array_len(racers); i++)
		strlist_free(&racers[i].numbers);
	error_clear(&err);
}

int main(void)
{
	struct error err = { 0 };
	struct store *store = NULL;
	char path[64];

	umask(022);
	can_mount = tree_become_root() > 0 && unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	_cleanup_(fd_close) int dir = tree_make(path);
	if (can_mount && mount("tmpfs", path, "tmpfs", 0, NULL) < 0) /* overlayfs can't have another overlay as its upper layer */
		printf("# no tmpfs\n");
	if (!works(store_open(path, &store, &err), &err, "a store"))
		return done();
	test_unpack(store);
	test_root_opaque(store);
	test_refused(store);
	test_commit(store);
	test_few(store);
	test_many(store);
	test_disk_full(store);
	test_race(store);
	store_close(&store);
	if (can_mount)
		umount2(path, MNT_DETACH);
	tree_remove(path);
	return done();
}
