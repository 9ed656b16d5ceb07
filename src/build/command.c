/* RUN as a step: its key, its mounts, and the call of the runner.
 *
 * What a mount shows is never part of the layer. A bind mount of the context is a copy of the files that the context gives (after
 * .dockerignore, owned by root), so that nothing that happens to the folder meanwhile, and no symlink in it, reaches into the container; one of a
 * stage is that stage's tree, read-only, or for `rw` a copy, whose changes are thrown away. A cache mount is a folder of the
 * store, mounts/cache-<digest of its id>/, kept between builds. */
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fd.h"
#include "build/copy.h"
#include "build/executor.h"
#include "build/secret.h"
#include "build/verify.h"

/* What lives as long as the process runs. */
struct run_job {
	struct build_step *step;
	struct emulator emulator;
	struct step_twins twins;
	struct strlist argv, env;
	struct mount_spec *mounts;
	size_t mounts_len, twin_mounts; /* of them, those of the twins */
	bool crashed, again;		/* a program died under emulation; the step is run for the second time */
	int *locks; /* of cache mounts */
	size_t locks_len;
	char *secrets; /* a folder of the workspace with a tmpfs on its merged/; NULL: none needed yet */
	struct strlist secret_env; /* NAME=VALUE */
};

static void job_clear(struct run_job *job)
{
	for (size_t i = 0; i < job->mounts_len; i++) {
		free(job->mounts[i].source);
		free(job->mounts[i].target);
	}
	for (size_t i = 0; i < job->locks_len; i++)
		fd_close(&job->locks[i]);
	free(job->mounts);
	free(job->locks);
	if (job->secrets)
		workspace_remove(&job->step->build->workspace, job->secrets, NULL);
	free(job->secrets);
	secret_list_free(&job->secret_env);
	secret_list_free(&job->env);
	strlist_free(&job->argv);
	step_twins_clear(&job->twins);
	emulator_clear(&job->emulator);
}

static enum network_mode network_of(const struct build_step *step)
{
	enum network_mode mode = step->build->options->network;

	if (step->instruction->flags.network)
		network_mode_parse(step->instruction->flags.network, &mode, NULL);
	return mode;
}

/* ---- key ---- */
static int mount_key(struct build_step *step, struct cache_key *key, const struct run_mount *mount, struct error *err)
{
	static const char *const types[] = { "bind", "cache", "tmpfs", "secret", "ssh" };
	char numbers[96];

	cache_key_add(key, "mount", types[mount->type]);
	cache_key_add(key, "target", mount->target);
	snprintf(numbers, sizeof numbers, "%d %d %o %lld %lld %llu", mount->read_only, mount->sharing, mount->mode, (long long)mount->uid,
		 (long long)mount->gid, (unsigned long long)mount->size);
	cache_key_add(key, "options", numbers);
	cache_key_add(key, "id", mount->id);
	cache_key_add(key, "variable", mount->env); /* a secret's value is no part of the key */
	if (mount->type != RUN_MOUNT_BIND)
		return 0;
	struct strlist paths _cleanup_(strlist_free) = { 0 };
	strlist_add(&paths, mount->source ? mount->source : "/");
	return build_key_files(step, key, mount->from, &paths, NULL, err);
}

static int run_key(struct build_step *step, struct cache_key *key, struct error *err)
{
	const struct instruction *it = step->instruction;
	const struct image_config *config = &step->stage->config;
	struct strlist argv _cleanup_(strlist_free) = { 0 };

	stage_argv(step->stage, it, &argv);
	cache_key_add_list(key, "argv", &argv);
	cache_key_add(key, "script", it->is_script ? "yes" : NULL);
	cache_key_add_list(key, "env", &step->stage->env);
	cache_key_add(key, "cwd", config->working_dir);
	cache_key_add(key, "user", config->user);
	cache_key_add(key, "network", network_of(step) == NETWORK_HOST ? "host" : network_of(step) == NETWORK_NONE ? "none" : "default");
	for (size_t i = 0; i < it->flags.mounts_len; i++)
		if (mount_key(step, key, &it->flags.mounts[i], err) < 0)
			return -1;
	return 0;
}

/* ---- mounts ---- */
static int bind_source(struct run_job *job, const struct run_mount *mount, const char *folder, char **ret, struct error *err)
{
	struct build *build = job->step->build;
	const char *source = mount->source ? mount->source : "/";
	struct tree tree;

	if (build_tree(job->step, mount->from, &tree, err) < 0)
		return -1;
	struct strlist paths _cleanup_(strlist_free) = { 0 };
	bool wild;
	if (tree_match(&tree, source, &paths, &wild, err) < 0)
		return -1;
	if (wild || paths.len != 1)
		return error_set(err, ERROR_INVALID, "source=%s of a bind mount must be one path, without wildcards", source);
	if (mount->from && mount->read_only) {
		struct build_source *from = build_source_find(build, mount->from, job->step->at, &job->step->stage->config.platform, err);
		if (!from)
			return -1;
		_cleanup_(fd_close) int fd = path_open_in_root(from->root, *paths.items[0] ? paths.items[0] : ".", O_PATH, 0, err);
		char link[64], path[4096];
		snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
		ssize_t len = fd < 0 ? -1 : readlink(link, path, sizeof path - 1);
		if (len < 0)
			return error_errno(err, errno, "cannot find %s in %s", source, mount->from);
		*ret = xstrndup(path, (size_t)len);
		return 0;
	}
	_cleanup_(freep) char *name = xprintf("%s/bind-%zu", folder, job->mounts_len);
	if (dir_make(AT_FDCWD, name, 0755, err) < 0)
		return -1;
	_cleanup_(fd_close) int root = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct copy_options options = { .root = root, .dest = "/source", .uid = -1, .gid = -1, .epoch = -1, .scratch = folder };
	if (root < 0 || copy_path(&tree, paths.items[0], &options, err) < 0)
		return -1;
	*ret = xprintf("%s/source", name);
	return 0;
}

/* Locked by its sharing mode: a locked one waits for another build, a private one that is in use is replaced by an empty one for
 * this step. */
static int cache_source(struct run_job *job, const struct run_mount *mount, const char *folder, char **ret, struct error *err)
{
	struct digest digest;
	char hex[DIGEST_TEXT_SIZE];
	_cleanup_(freep) char *above = path_join(store_path(job->step->build->store), "mounts");

	digest_of(DIGEST_SHA256, mount->id, strlen(mount->id), &digest);
	_cleanup_(freep) char *path = xprintf("%s/cache-%.32s", above, digest_hex(&digest, hex));
	struct stat st;
	bool fresh = stat(path, &st) < 0;
	if (dir_make(AT_FDCWD, path, 0755, err) < 0)
		return -1;
	_cleanup_(fd_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "cannot open the cache %s", mount->id);
	int held = mount->sharing == CACHE_SHARED ? 0 : file_lock(fd, true, mount->sharing == CACHE_LOCKED, path, err);
	if (held < 0)
		return -1;
	if (held) {
		free(path);
		path = xprintf("%s/cache-%zu", folder, job->mounts_len);
		if (dir_make(AT_FDCWD, path, 0755, err) < 0)
			return -1;
		fresh = true;
	}
	if (fresh && (chown(path, (uid_t)mount->uid, (gid_t)mount->gid) < 0 || chmod(path, (mode_t)mount->mode) < 0))
		return error_errno(err, errno, "cannot set owner and mode of the cache %s", mount->id);
	xgrow(job->locks, job->locks_len);
	job->locks[job->locks_len++] = fd_steal(&fd);
	*ret = steal(path);
	return 0;
}

/* Kept in memory only: a tmpfs of our mount namespace. */
static int open_secrets(struct run_job *job, struct error *err)
{
	if (job->secrets)
		return 0;
	job->secrets = workspace_folder(&job->step->build->workspace, "secret", err);
	return job->secrets ? secret_mount(job->secrets, err) : -1;
}

static void add_mount(struct run_job *job, char *source, char *target, bool read_only)
{
	size_t len = strlen(target);

	while (len > 1 && target[len - 1] == '/')
		target[--len] = '\0';
	xgrow(job->mounts, job->mounts_len);
	job->mounts[job->mounts_len++] = (struct mount_spec){ source, target, read_only };
}

/* As a file, as a variable, or both; one that wasn't given is left out unless it is required. */
static int prepare_secret(struct run_job *job, const struct run_mount *mount, struct error *err)
{
	struct buf value _cleanup_(secret_free) = { 0 };
	int found = secret_read(&job->step->build->options->secrets, mount->id, &value, err);

	if (found < 0)
		return -1;
	if (!found && mount->required) {
		error_set(err, ERROR_NOT_FOUND, "the secret '%s' was not given", mount->id);
		return error_hint(err, "add --secret id=%s,src=FILE", mount->id);
	}
	if (!found)
		return 0;
	if (mount->env)
		strlist_env_set(&job->secret_env, mount->env, value.data);
	if (mount->env && !mount->target)
		return 0;
	if (open_secrets(job, err) < 0)
		return -1;
	_cleanup_(freep) char *target = mount->target ? xstrdup(mount->target) : xprintf("/run/secrets/%s", mount->id);
	_cleanup_(freep) char *source = xprintf("%s/merged/%zu", job->secrets, job->mounts_len);
	if (secret_write(source, &value, mount, err) < 0)
		return -1;
	add_mount(job, steal(source), stage_path(job->step->stage, target), true);
	return 0;
}

static int prepare_mounts(struct run_job *job, const char *folder, struct error *err)
{
	const struct instruction *it = job->step->instruction;

	for (size_t i = 0; i < it->flags.mounts_len; i++) {
		const struct run_mount *mount = &it->flags.mounts[i];
		char *source = NULL;
		if (mount->type == RUN_MOUNT_SECRET && prepare_secret(job, mount, err) < 0)
			return -1;
		if (mount->type == RUN_MOUNT_SECRET)
			continue;
		int result = mount->type == RUN_MOUNT_BIND  ? bind_source(job, mount, folder, &source, err) :
			     mount->type == RUN_MOUNT_CACHE ? cache_source(job, mount, folder, &source, err) :
							      0;
		if (result < 0)
			return error_wrap(err, "cannot mount %s", mount->target);
		add_mount(job, source, stage_path(job->step->stage, mount->target), mount->read_only);
	}
	return 0;
}

/* A heredoc that begins with #! is a program of its own: it is put where the shell can start it, outside of the layer. */
static int prepare_script(struct run_job *job, struct strlist *argv, const char *folder, struct error *err)
{
	const struct instruction *it = job->step->instruction;
	_cleanup_(freep) char *path = path_join(folder, "script"), *target = xprintf("/dev/pipes/%s", it->heredocs[0].name);

	if (file_replace(AT_FDCWD, path, it->words.items[0], strlen(it->words.items[0]), 0755, err) < 0)
		return -1;
	free(argv->items[argv->len - 1]);
	argv->items[argv->len - 1] = xstrdup(target);
	add_mount(job, steal(path), steal(target), true);
	return 0;
}

/* The stage's environment, docker's default PATH, and the proxies of the command line. */
static void prepare_env(const struct build_step *step, struct strlist *ret)
{
	const struct strlist *given = &step->build->build_args;

	for (size_t i = 0; i < given->len; i++) {
		_cleanup_(freep) char *name = xstrndup(given->items[i], strcspn(given->items[i], "="));
		if (plan_is_proxy(name))
			strlist_add(ret, given->items[i]);
	}
	for (size_t i = 0; i < step->stage->env.len; i++) {
		_cleanup_(freep) char *name = xstrndup(step->stage->env.items[i], strcspn(step->stage->env.items[i], "="));
		strlist_env_set(ret, name, step->stage->env.items[i] + strlen(name) + 1);
	}
	if (!strlist_env_get(ret, "PATH"))
		strlist_add(ret, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
}

/* The last ones, so that they can be left out. */
static void add_twin_mounts(struct run_job *job)
{
	struct mount_spec mounts[STEP_TWINS_MOUNTS];

	if (!job->twins.set)
		return;
	step_twins_mounts(&job->twins, &job->emulator, mounts);
	for (size_t i = 0; i < STEP_TWINS_MOUNTS; i++)
		add_mount(job, mounts[i].source, mounts[i].target, mounts[i].read_only);
	job->twin_mounts = STEP_TWINS_MOUNTS;
}

/* What is said of a program that died by a signal, by QEMU, the shell or the compiler's driver. */
static bool tells_of_crash(const char *bytes, size_t len)
{
	static const char *const words[] = { "uncaught target signal", "Segmentation fault", "Illegal instruction", "Bus error", "internal compiler error" };

	for (size_t i = 0; i < array_len(words); i++)
		if (memmem(bytes, len, words[i], strlen(words[i])))
			return true;
	return false;
}

static void show(void *data, const char *bytes, size_t len)
{
	struct run_job *job = data;

	job->crashed = job->crashed || tells_of_crash(bytes, len);
	output_text(job->step->build->output, bytes, len);
}

static int ended(const struct run_job *job, int code, struct error *err)
{
	const struct strlist *argv = &job->argv;
	_cleanup_(freep) char *line = strlist_join(argv, " ");

	line[strcspn(line, "\n")] = '\0';
	error_set(err, ERROR_FAILED, "process \"%s\" did not complete successfully: exit code: %d", line, code);
	if (job->crashed && job->again)
		error_hint(err, "a program crashed under emulation, twice: if it doesn't on a real machine, try fewer jobs at once, another version of QEMU "
				"('sampan emulator' shows this one), or QEMU_CPU in an ENV");
	else if (code == 137)
		error_hint(err, "it was killed: did the machine run out of memory? Fewer jobs at once need less of it");
	return -1;
}

/* Processor time of all children that have ended, with theirs. */
static double children_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_CHILDREN, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Runs it on a fresh layer in `folder`; returns the exit code. */
static int run_process(struct run_job *job, const char *folder, const char *dispatcher, struct error *err)
{
	struct build_step *step = job->step;
	const struct image_config *config = &step->stage->config;
	const struct step run = {
		.store = step->build->store,
		.layers = &step->stage->numbers,
		.dir = folder,
		.emulator = &job->emulator,
		.dispatcher = dispatcher,
		.argv = &job->argv,
		.env = &job->env,
		.cwd = str_empty(config->working_dir) ? "/" : config->working_dir,
		.user = str_empty(config->user) ? NULL : config->user,
		.hostname = "sampan-build",
		.network = network_of(step),
		.mounts = job->mounts,
		.mounts_len = job->mounts_len - (dispatcher ? 0 : job->twin_mounts),
		.output = show,
		.data = job,
		.beside = dispatcher ? twin_sample : NULL,
		.beside_folder = job->twins.folder,
	};
	double before = children_seconds();
	int code = step_run(&run, err);

	double seconds = children_seconds() - before;
	step->build->result.seconds += seconds;
	if (dispatcher)
		step_twins_end(step, &job->twins, seconds);
	return code;
}

/* A crash of an emulated program may be QEMU's own, which comes and goes: then the step is tried once more, from where it began. */
static int run_emulated(struct run_job *job, const char *folder, const char *dispatcher, struct error *err)
{
	static const char *const made[] = { "upper", "work" };
	int code = run_process(job, folder, dispatcher, err);

	/* the shell itself, by SIGILL, SIGBUS or SIGSEGV */
	job->crashed = job->crashed || code == 132 || code == 135 || code == 139;
	if (code > 0 && job->crashed && job->emulator.emulation != EMULATION_NATIVE && !job->again) {
		output_note(job->step->build->output, "a program crashed under emulation; once more");
		for (size_t i = 0; i < array_len(made); i++) {
			_cleanup_(freep) char *path = path_join(folder, made[i]);
			if (dir_remove(AT_FDCWD, path, err) < 0)
				return -1;
		}
		job->again = true;
		job->crashed = false;
		code = run_process(job, folder, dispatcher, err);
	}
	return code > 0 ? ended(job, code, err) : code;
}

/* --twins=verify: the same once more with everything emulated, on the same layers; what it leaves must be the same. */
static int run_verify(struct run_job *job, const char *folder, struct error *err)
{
	struct workspace *workspace = &job->step->build->workspace;
	_cleanup_(freep) char *again = workspace_folder(workspace, "verify", err), *upper = path_join(folder, "upper");

	if (!again)
		return -1;
	output_note(job->step->build->output, "twins: once more, emulated, to compare");
	_cleanup_(freep) char *other = path_join(again, "upper");
	int result = run_emulated(job, again, NULL, err);
	if (result == 0)
		result = verify_same(upper, other, err);
	else
		error_wrap(err, "with everything emulated");
	workspace_remove(workspace, again, NULL);
	return result;
}

static int run_work(struct build_step *step, const char *folder, struct error *err)
{
	struct run_job job _cleanup_(job_clear) = { .step = step };
	struct step_twins *twins = &job.twins;

	emulator_find(&step->stage->config.platform, &job.emulator);
	if (emulator_check(&job.emulator, err) < 0 || build_unpack(step->build, step->stage, err) < 0 ||
	    step_twins_begin(step, &job.emulator, twins, err) < 0)
		return -1;
	stage_argv(step->stage, step->instruction, &job.argv);
	prepare_env(step, &job.env);
	if (prepare_mounts(&job, folder, err) < 0)
		return -1;
	for (size_t i = 0; i < job.secret_env.len; i++)
		strlist_add(&job.env, job.secret_env.items[i]);
	if (step->instruction->is_script && prepare_script(&job, &job.argv, folder, err) < 0)
		return -1;
	add_twin_mounts(&job);
	int result = run_emulated(&job, folder, twins->dispatcher, err);
	if (result == 0 && twins->set && step->build->options->twins == TWINS_VERIFY)
		result = run_verify(&job, folder, err);
	return result;
}

static char *run_history(const struct build_step *step)
{
	struct strlist argv _cleanup_(strlist_free) = { 0 };

	stage_argv(step->stage, step->instruction, &argv);
	return stage_run_history(step->stage, &argv);
}

const struct step_kind step_run_kind = { run_key, run_work, run_history };
