/* sampan info: what is here. One JSON object is made of it; the text form prints the same object, line by line. */
#include <linux/magic.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/json.h"
#include "base/process.h"
#include "base/userns.h"
#include "cmd/command.h"
#include "emu/emu.h"
#include "oci/digest.h"
#include "store/store.h"

static const char *const programs[] = { "crun", "runc", "conmon", "pasta", "catatonit", "mmdebstrap", "newuidmap", NULL };

static bool is_filesystem(const char *path, long magic)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && (long)fs.f_type == magic;
}

static const char *cgroup_version(void)
{
	if (is_filesystem("/sys/fs/cgroup", CGROUP2_SUPER_MAGIC))
		return "v2";
	if (is_filesystem("/sys/fs/cgroup/unified", CGROUP2_SUPER_MAGIC))
		return "hybrid";
	return is_filesystem("/sys/fs/cgroup", TMPFS_MAGIC) ? "v1" : "none";
}

static json_t *machine(void)
{
	struct platform host;
	char text[PLATFORM_TEXT_SIZE];
	struct utsname name = { 0 };

	uname(&name);
	platform_host(&host);
	return json_pack("{s:s, s:s, s:i, s:I, s:s, s:b, s:s}", "platform", platform_print(&host, text), "kernel", name.release, "processors",
			 (int)sysconf(_SC_NPROCESSORS_ONLN), "memory", (json_int_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE), "cgroup",
			 cgroup_version(), "rootless", geteuid() != 0 || userns_is_rootless(), "sha256", digest_sha256_way());
}

/* Debian 12's pasta knows no version of itself (doc/DESIGN.md, "The runner"). */
static bool is_old_pasta(const char *path)
{
	const char *argv[] = { path, "--version", NULL };
	struct buf said _cleanup_(buf_free) = { 0 };

	return process_capture(argv, NULL, 4096, &said, NULL) == 0 && said.data && strstr(said.data, "unknown version");
}

static json_t *program_paths(void)
{
	json_t *object = json_object();

	for (size_t i = 0; programs[i]; i++) {
		_cleanup_(freep) char *path = process_find(programs[i]);
		json_object_set_new(object, programs[i], path ? json_string(path) : json_null());
		if (path && str_equal(programs[i], "pasta") && is_old_pasta(path))
			json_object_set_new(object, "pasta_note", json_string("of 2023: on much newer kernels it may damage what containers send; a newer passt doesn't"));
	}
	return object;
}

/* The foreign platforms that can run here. */
static json_t *emulation(void)
{
	static const char *const how[] = { "native", "private binfmt_misc", "global binfmt_misc", "none" };
	json_t *object = json_object();
	char text[PLATFORM_TEXT_SIZE];
	struct emulator *list;

	size_t len = emulator_list(&list);
	for (size_t i = 0; i < len; i++) {
		if (list[i].emulation != EMULATION_NONE)
			json_object_set_new(object, platform_print(&list[i].platform, text), json_string(how[list[i].emulation]));
		emulator_clear(&list[i]);
	}
	free(list);
	return object;
}

static json_t *store_info(struct store *store, struct error *err)
{
	struct image_row *rows = NULL;
	struct store_usage usage;
	size_t images = 0;

	if (store_usage(store, &usage, err) < 0 || store_images(store, &rows, &images, err) < 0)
		return NULL;
	image_rows_free(rows, images);
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "root", store_path(store), "id", store_id(store), "images", (json_int_t)images, "blobs",
			 (json_int_t)usage.blobs, "bytes", (json_int_t)(usage.blobs_bytes + usage.layers_bytes), "containers",
			 (json_int_t)usage.containers);
}

/* "  key: value" for each; sizes as people read them. */
static void print_lines(json_t *object, const char *indent)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value) {
		char size[16];
		printf("%s%s:", indent, key);
		if (json_is_object(value)) {
			putchar('\n');
			print_lines(value, "  ");
		} else if (json_is_string(value))
			printf(" %s\n", json_string_value(value));
		else if (json_is_integer(value) && (str_equal(key, "bytes") || str_equal(key, "memory")))
			printf(" %s\n", size_print((uint64_t)json_integer_value(value), size));
		else if (json_is_integer(value))
			printf(" %lld\n", (long long)json_integer_value(value));
		else
			printf(" %s\n", json_is_boolean(value) ? json_is_true(value) ? "yes" : "no" : "not found");
	}
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	_cleanup_(json_release) json_t *object = json_object();
	struct store *store _cleanup_(store_close) = NULL;

	(void)argc, (void)argv;
	if (store_open(context->root, &store, err) < 0)
		return -1;
	json_t *info = store_info(store, err);
	if (!info)
		return -1;
	json_object_set_new(object, "version", json_string(SAMPAN_VERSION));
	json_object_set_new(object, "store", info);
	json_object_set_new(object, "machine", machine());
	json_object_set_new(object, "programs", program_paths());
	json_object_set_new(object, "runs", emulation());
	if (context->format == FORMAT_JSON) {
		json_dumpf(object, stdout, JSON_INDENT(2));
		putchar('\n');
	} else
		print_lines(object, "");
	return 0;
}

const struct command command_info = {
	.name = "info",
	.group = "About",
	.usage = "",
	.summary = "Show the store, this machine and what was found on it",
	.details = "Look here first when something does not run: which programs are missing, which platforms this machine can run.",
	.run = run,
};
