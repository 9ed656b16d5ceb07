/* Base images by mmdebstrap.
 *
 * mmdebstrap unpacks and configures the packages in a folder of its own and writes a tar, which becomes an image's only layer. It runs in
 * a child that has entered the emulator's namespace, so that the foreign dpkg and maintainer scripts just run; the machine's own
 * binfmt_misc isn't touched and nothing is installed. What was made is remembered in the records "base-image", by all that it depends on
 * but the mirror's state, so that a second call is quick; --fresh makes it anew. */
#include "board/board.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/log.h"
#include "base/process.h"
#include "emu/emu.h"

#define SPACE "base-image"

/* Documentation and translations are a third of a minimal Debian and of no use in a container; licences stay. */
static const char *const dpkg_options[] = {
	"path-exclude=/usr/share/man/*",    "path-exclude=/usr/share/locale/*",		 "path-exclude=/usr/share/info/*",
	"path-exclude=/usr/share/doc/*",    "path-include=/usr/share/doc/*/copyright",   "path-include=/usr/share/locale/locale.alias",
};

/* The mirror of this machine's apt: the first one whose origin is the distribution and that is no security archive. */
static char *apt_mirror(const char *distribution, struct error *err)
{
	const char *argv[] = { "apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)", "Created-By: Packages", NULL };
	struct buf text _cleanup_(buf_free) = { 0 };
	struct strlist lines _cleanup_(strlist_free) = { 0 };
	size_t len = strlen(distribution);

	if (process_capture(argv, NULL, 1 << 20, &text, err) < 0)
		return NULL;
	buf_reserve(&text, 0);
	strlist_split(&lines, text.data, '\n');
	for (size_t i = 0; i < lines.len; i++) {
		const char *label = strchr(lines.items[i], '|'), *uri = label ? strchr(label + 1, '|') : NULL;
		bool ours = uri && !strncasecmp(lines.items[i], distribution, len) && lines.items[i][len] == '|';
		if (ours && !strncasecmp(label + 1, distribution, len) && label[1 + len] == '|')
			return xstrdup(uri + 1);
	}
	error_set(err, ERROR_NOT_FOUND, "this machine's apt has no %s mirror", distribution);
	error_hint(err, "name one with --mirror URL, and run 'apt-get update' if the lists are missing");
	return NULL;
}

/* The proxy of this machine's apt goes to mmdebstrap in the environment: an option of apt's would stay in the image. */
static void add_proxy(struct strlist *env, const char *scheme)
{
	_cleanup_(freep) char *option = xprintf("Acquire::%s::Proxy", scheme), *variable = xprintf("%s_proxy", scheme);
	const char *ask[] = { "apt-config", "dump", "--format", "%v", option, NULL };
	struct buf value _cleanup_(buf_free) = { 0 };

	if (process_capture(ask, NULL, 4096, &value, NULL) == 0 && value.len && !str_equal(value.data, "DIRECT"))
		strlist_env_set(env, variable, value.data);
}

static void build_env(struct strlist *env)
{
	for (char **at = environ; *at; at++)
		strlist_add(env, *at);
	strlist_env_set(env, "LC_ALL", "C.UTF-8");
	add_proxy(env, "http");
	add_proxy(env, "https");
}

static void build_argv(struct strlist *argv, const struct base_options *options, const char *architecture, const char *mirror)
{
	strlist_add(argv, "mmdebstrap");
	strlist_add(argv, "--mode=root");
	strlist_add(argv, "--variant=minbase");
	strlist_add(argv, "--format=tar");
	strlist_add(argv, "--skip=check/qemu,output/dev");
	strlist_printf(argv, "--architectures=%s", architecture);
	strlist_printf(argv, "--components=%s", options->components ? options->components : "main");
	for (size_t i = 0; i < array_len(dpkg_options); i++)
		strlist_printf(argv, "--dpkgopt=%s", dpkg_options[i]);
	for (size_t i = 0; i < options->apt_options.len; i++)
		strlist_printf(argv, "--aptopt=%s", options->apt_options.items[i]);
	for (size_t i = 0; i < options->include.len; i++)
		strlist_printf(argv, "--include=%s", options->include.items[i]);
	strlist_add(argv, options->suite);
	strlist_add(argv, "-");
	strlist_add(argv, mirror);
}

struct child {
	const struct emulator *emulator;
	const char *folder;
};

/* In mmdebstrap's process: mounts of its own, and the emulator. */
static int enter(void *data)
{
	const struct child *child = data;
	struct error err = { 0 };

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		error_errno(&err, errno, "cannot make a mount namespace");
	else if (emulator_enter(child->emulator, child->folder, NULL, &err) == 0)
		return 0;
	log_failure(&err);
	return -1;
}

/* What went wrong, in mmdebstrap's own words: its line that begins with "E:", first one first. */
static int explain(struct buf *said, int code, const struct base_options *options, struct error *err)
{
	buf_reserve(said, 0);
	const char *line = strstr(said->data, "\nE: ");
	int len = line ? (int)strcspn(line + 4, "\n") : 0;

	error_set(err, ERROR_FAILED, "mmdebstrap ended with exit code %d: %.*s", code, len, line ? line + 4 : "");
	if (strstr(said->data, "Mirror sync in progress"))
		return error_hint(err, "the mirror's index of %s does not match its signed Release file: try again later, another --mirror or another suite",
				  options->suite);
	if (strstr(said->data, " is expired"))
		return error_hint(err, "the mirror has not been renewed for long; if you trust it as it is: --apt-option 'Acquire::Check-Valid-Until \"false\"'");
	if (strstr(said->data, "Could not resolve") || strstr(said->data, "Could not connect") || strstr(said->data, "Failed to fetch"))
		return error_hint(err, "check the network, or name a mirror that can be reached with --mirror URL");
	return error_hint(err, "--progress=plain shows all that it says");
}

/* Runs it with its tar going to `tar`; its words are read for the error, and copied to `log`. */
static int run_mmdebstrap(const struct strlist *argv, struct child *child, const struct base_options *options, int tar, int log, struct error *err)
{
	struct buf said _cleanup_(buf_free) = { 0 };
	struct strlist env _cleanup_(strlist_free) = { 0 };
	char block[4096];
	int words[2];
	pid_t pid;
	ssize_t n;

	if (pipe2(words, O_CLOEXEC) < 0)
		return error_errno(err, errno, "cannot make a pipe");
	build_env(&env);
	struct process_options process = { .argv = (const char *const *)argv->items, .env = (const char *const *)env.items, .in = PROCESS_NULL, .out = tar, .err = words[1],
					   .prepare = enter, .data = child };
	int result = process_start(&process, &pid, err);
	close(words[1]);
	while (result == 0 && ((n = read(words[0], block, sizeof block)) > 0 || (n < 0 && errno == EINTR))) {
		if (n < 0) {
			kill(pid, SIGTERM);
			continue;
		}
		if (said.len < 1 << 20)
			buf_add(&said, block, (size_t)n);
		if (log >= 0)
			fd_write_all(log, block, (size_t)n, "the log", NULL);
	}
	close(words[0]);
	if (result < 0)
		return -1;
	int code = process_wait(pid, err);
	if (interrupt_check(err) < 0)
		return -1;
	return code > 0 ? explain(&said, code, options, err) : code;
}

/* All that the image depends on, as the key of its record. */
static char *record_key(const struct base_options *options, const char *mirror)
{
	char platform[PLATFORM_TEXT_SIZE];
	_cleanup_(freep) char *include = strlist_join(&options->include, ","), *apt = strlist_join(&options->apt_options, ",");

	return xprintf("%s:%s %s %s %s %s %s", options->distribution, options->suite, platform_print(&options->platform, platform), mirror,
		       options->components ? options->components : "main", include, apt);
}

/* Where the remembered image is: its first name then, and its manifest. */
static bool find_made(struct store *store, const char *key, struct reference *ret_name, struct digest *ret)
{
	_cleanup_(freep) char *value = NULL;

	if (store_record_get(store, SPACE, key, &value, NULL) < 0 || !value || reference_parse(value, ret_name, NULL) < 0)
		return false;
	struct buf text _cleanup_(buf_free) = { 0 };
	if (store_manifest_get(store, ret_name->registry, ret_name->repository, &ret_name->digest, &text, NULL, NULL) == 0) {
		*ret = ret_name->digest;
		return true;
	}
	reference_clear(ret_name);
	return false;
}

static int tag_made(struct store *store, const struct base_options *options, const struct reference *made, struct error *err)
{
	for (size_t i = 0; i < options->names_len; i++) {
		const struct reference *name = &options->names[i];
		if (store_tag_copy(store, made->registry, made->repository, &made->digest, name->registry, name->repository, name->tag, err) < 0)
			return -1;
	}
	return 0;
}

static void fill_config(struct image_config *config, const struct base_options *options, const char *mirror)
{
	_cleanup_(freep) char *by = xprintf("sampan base %s:%s (mmdebstrap, %s)", options->distribution, options->suite, mirror);
	char created[32];
	struct history history = { .created = time_print(time(NULL), created), .created_by = by };

	config->platform = options->platform;
	config->created = xstrdup(created);
	strlist_add(&config->env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	strlist_add(&config->cmd, "bash");
	config->has_cmd = true;
	config_add_history(config, &history);
}

/* The tar goes through a file without a name in the store's own file system, since the memory of a board would not hold it. */
static int make(struct store *store, const struct base_options *options, const struct emulator *emulator, const char *mirror, int log,
		struct digest *ret, struct error *err)
{
	struct strlist argv _cleanup_(strlist_free) = { 0 };
	struct image_config config _cleanup_(config_clear) = { 0 };
	_cleanup_(freep) char *folder = xprintf("%s/emulator.%d", store_path(store), (int)getpid());
	_cleanup_(fd_close) int tar = open(store_path(store), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct child child = { emulator, folder };

	if (tar < 0)
		return error_errno(err, errno, "cannot make a temporary file in %s", store_path(store));
	if (dir_make(AT_FDCWD, folder, 0700, err) < 0)
		return -1;
	build_argv(&argv, options, platform_debian(&options->platform), mirror);
	int result = run_mmdebstrap(&argv, &child, options, tar, log, err);
	rmdir(folder);
	if (result < 0)
		return -1;
	if (lseek(tar, 0, SEEK_SET) < 0)
		return error_errno(err, errno, "cannot read the root file system");
	fill_config(&config, options, mirror);
	_cleanup_(freep) char *file = xprintf("/proc/self/fd/%d", tar);
	return remote_import(store, file, &config, &options->names[0], ret, err);
}

static int remember(struct store *store, const char *key, const struct base_options *options, const struct digest *manifest, struct error *err)
{
	struct reference made _cleanup_(reference_clear) = { 0 };

	reference_copy(&options->names[0], &made);
	made.has_digest = true;
	made.digest = *manifest;
	if (tag_made(store, options, &made, err) < 0)
		return -1;
	_cleanup_(freep) char *value = reference_print(&made);
	return store_record_put(store, SPACE, key, value, err);
}

int base_image_make(struct store *store, const struct base_options *options, int log, struct base_result *ret, struct error *err)
{
	struct emulator emulator _cleanup_(emulator_clear) = { 0 };
	struct reference made _cleanup_(reference_clear) = { 0 };
	_cleanup_(freep) char *mirror = NULL;
	char platform[PLATFORM_TEXT_SIZE];

	if (!str_equal(options->distribution, "debian") && !(str_equal(options->distribution, "ubuntu") && options->mirror))
		return error_set(err, ERROR_UNSUPPORTED, "cannot make a base image of %s", options->distribution),
		       error_hint(err, "debian:SUITE works, and ubuntu:SUITE with --mirror; other images: 'sampan pull' or 'sampan import'");
	if (!platform_debian(&options->platform))
		return error_set(err, ERROR_UNSUPPORTED, "%s has no port for %s", options->distribution, platform_print(&options->platform, platform));
	mirror = options->mirror ? xstrdup(options->mirror) : apt_mirror(options->distribution, err);
	if (!mirror)
		return -1;
	_cleanup_(freep) char *key = record_key(options, mirror);
	if (!options->fresh && find_made(store, key, &made, &ret->manifest)) {
		ret->cached = true;
		return tag_made(store, options, &made, err);
	}
	if (!options->quiet)
		log_info("Making %s:%s for %s, which takes a minute or more", options->distribution, options->suite, platform_print(&options->platform, platform));
	emulator_find(&options->platform, &emulator);
	if (emulator_check(&emulator, err) < 0 || make(store, options, &emulator, mirror, log, &ret->manifest, err) < 0)
		return error_wrap(err, "cannot make %s:%s for %s", options->distribution, options->suite, platform_print(&options->platform, platform));
	ret->cached = false;
	return remember(store, key, options, &ret->manifest, err);
}
