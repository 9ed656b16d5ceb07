/* conmon and the runtime: see monitor.h. */
#include "run/monitor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/process.h"
#include "run/host_config.h"
#include "run/runtime.h"
#include "run/supervise.h"

/* conmon begins the log anew beyond it: a board's disk is small. */
enum { LOG_SIZE_MAX = 10485760 };

/* --log-opt max-size, or ours. */
static void log_size_max(const struct container *container, char out[24])
{
	const json_t *config = json_object_get(json_object_get(json_object_get(container->record, "HostConfig"), "LogConfig"), "Config");
	uint64_t bytes = LOG_SIZE_MAX;

	size_parse(json_string_at(config, "max-size"), &bytes, NULL);
	snprintf(out, 24, "%llu", (unsigned long long)bytes);
}

static int run_runtime(const struct container *container, const char *runtime, const char *command, struct error *err)
{
	struct strlist argv _cleanup_(strlist_free) = { 0 };

	runtime_arguments(runtime, container->bundle, &argv);
	strlist_add(&argv, command);
	if (str_equal(command, "delete"))
		strlist_add(&argv, "--force");
	strlist_add(&argv, container->id);
	_cleanup_(freep) char *errors = path_join(container->bundle, "runtime.err");
	_cleanup_(fd_close) int said = open(errors, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	struct process_options options = { .argv = (const char *const *)argv.items, .in = PROCESS_NULL, .err = said < 0 ? PROCESS_NULL : said };
	return process_run(&options, err);
}

/* At its end: its network goes, the journal hears of it, and if its supervisor is gone, too, another is started (supervise.c). */
static void add_exit_command(const struct container *container, int pasta, struct strlist *argv)
{
	_cleanup_(freep) char *root = xstrndup(container->dir, strlen(container->dir) - strlen(container->id) - strlen("/containers/"));
	_cleanup_(freep) char *program = program_path(), *number = xprintf("%d", pasta);
	_cleanup_(freep) char *generation = xprintf("%lld", (long long)host_config_number(container->record, "Generation"));
	const char *const arguments[] = { "-c", "[ \"$0\" = 0 ] || kill \"$0\"; [ -z \"$1\" ] || exec \"$@\"", number,
					  program, "--root", root, "supervise", "--ended", container->id, generation };

	strlist_add(argv, "--exit-command");
	strlist_add(argv, "/bin/sh");
	for (size_t i = 0; i < array_len(arguments) && arguments[i]; i++) {
		strlist_add(argv, "--exit-command-arg");
		strlist_add(argv, arguments[i]);
	}
}

static void conmon_arguments(const struct container *container, const char *runtime, bool terminal, bool interactive, struct strlist *argv)
{
	const char *bundle = container->bundle;
	struct strlist before _cleanup_(strlist_free) = { 0 };
	int pasta = bundle_number(container, "pasta.pid");
	char log_size[24];

	log_size_max(container, log_size);
	strlist_add(argv, "conmon");
	const char *const pairs[][2] = { { "--api-version", "1" }, { "-c", container->id }, { "-u", container->id }, { "-r", runtime }, { "-b", bundle },
					 { "-n", container_text(container, "Name") }, { "--log-size-max", log_size } };
	for (size_t i = 0; i < array_len(pairs); i++) {
		strlist_add(argv, pairs[i][0]);
		strlist_add(argv, pairs[i][1]);
	}
	static const char *const files[][2] = { { "-p", "%s/pid" }, { "-P", "%s/monitor.pid" }, { "--exit-dir", "%s/exits" }, { "-l", "k8s-file:%s/log" } };
	for (size_t i = 0; i < array_len(files); i++) {
		const char *where = strstr(files[i][1], "%s");
		strlist_add(argv, files[i][0]);
		strlist_printf(argv, "%.*s%s%s", (int)(where - files[i][1]), files[i][1], bundle, where + 2);
	}
	strlist_add(argv, "--full-attach");
	runtime_arguments(runtime, bundle, &before);
	for (size_t i = 1; i < before.len; i++) {
		strlist_add(argv, "--runtime-arg");
		strlist_add(argv, before.items[i]);
	}
	add_exit_command(container, pasta, argv);
	if (terminal)
		strlist_add(argv, "-t");
	if (interactive)
		strlist_add(argv, "-i");
}

/* One line; conmon keeps the pipe open as long as it lives. */
static int read_line(int from, struct buf *ret, struct error *err)
{
	char c;

	for (;;) {
		ssize_t n = read(from, &c, 1);
		if (n < 0 && errno != EINTR)
			return error_errno(err, errno, "cannot read what conmon says");
		if (n == 0 || (n > 0 && c == '\n') || ret->len > 65536)
			return 0;
		if (n > 0)
			buf_add_char(ret, c);
	}
}

/* What conmon says when the container is made: {"data": PID}, or a negative number and a message. */
static int read_sync(const struct container *container, int from, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	const char *message = NULL;
	int64_t pid = 0;

	if (read_line(from, &text, err) < 0)
		return -1;
	json_t *object _cleanup_(json_release) = text.len ? json_parse(text.data, text.len, "conmon's report", err) : NULL;
	if (object && json_get_int(object, "data", &pid, err) >= 0 && pid > 0)
		return (int)pid;
	if (object)
		json_get_string(object, "message", &message, NULL);
	_cleanup_(freep) char *said = runtime_said(container->bundle);
	error_clear(err);
	return error_set(err, ERROR_FAILED, "cannot start the container: %s",
			 said ? said : str_empty(message) ? "the monitor conmon gave up" : message);
}

int monitor_start(const struct container *container, bool terminal, bool interactive, struct error *err)
{
	_cleanup_(freep) char *runtime = runtime_find(err), *exits = path_join(container->bundle, "exits");
	struct strlist argv _cleanup_(strlist_free) = { 0 };
	struct error own _cleanup_(error_clear) = { 0 };
	int sync[2];

	if (!err)
		err = &own;
	if (!runtime || dir_make(AT_FDCWD, exits, 0755, err) < 0)
		return -1;
	if (pipe2(sync, O_CLOEXEC) < 0)
		return error_errno(err, errno, "cannot make a pipe");
	conmon_arguments(container, runtime, terminal, interactive, &argv);
	setenv("_OCI_SYNCPIPE", "3", 1);
	struct process_options options = { .argv = (const char *const *)argv.items, .in = PROCESS_NULL, .out = PROCESS_NULL, .err = PROCESS_NULL,
					   .keep = 1, .kept = &sync[1], .new_session = true };
	int code = process_run(&options, err);
	close(sync[1]);
	int pid = code < 0 ? -1 : read_sync(container, sync[0], err);
	close(sync[0]);
	if (pid < 0)
		return -1;
	code = run_runtime(container, runtime, "start", err);
	if (code == 0)
		return pid;
	_cleanup_(freep) char *said = runtime_said(container->bundle);
	if (code > 0)
		error_set(err, ERROR_FAILED, "cannot start the container: %s", said ? said : "the runtime does not say why");
	run_runtime(container, runtime, "delete", NULL);
	return -1;
}

static int default_signals(void *data)
{
	(void)data;
	signal(SIGINT, SIG_DFL);
	return 0;
}

/* If our parent dies the container does, too: nobody would know how it ended. */
static int wait_runtime(const struct container *container, pid_t runtime, pid_t parent, struct error *err)
{
	while (!process_wait_gone(runtime, 1000))
		if (getppid() != parent)
			kill(bundle_number(container, "pid"), SIGKILL);
	return process_wait(runtime, err);
}

int monitor_foreground(const struct container *container, bool use_stdin, struct error *err)
{
	_cleanup_(freep) char *runtime = runtime_find(err), *pid_file = path_join(container->bundle, "pid"),
			       *monitor = path_join(container->bundle, "monitor.pid");
	struct strlist argv _cleanup_(strlist_free) = { 0 };
	char own[16];
	pid_t pid, parent = getppid();

	if (!runtime)
		return -1;
	snprintf(own, sizeof own, "%d", (int)getpid());
	if (file_replace(AT_FDCWD, monitor, own, strlen(own), 0644, err) < 0)
		return -1;
	runtime_arguments(runtime, container->bundle, &argv);
	const char *const more[] = { "run", "--bundle", container->bundle, "--pid-file", pid_file, container->id };
	for (size_t i = 0; i < array_len(more); i++)
		strlist_add(&argv, more[i]);
	signal(SIGINT, SIG_IGN);
	struct process_options options = { .argv = (const char *const *)argv.items, .in = use_stdin ? PROCESS_INHERIT : PROCESS_NULL,
					   .prepare = default_signals };
	if (process_start(&options, &pid, err) < 0)
		return -1;
	prctl(PR_SET_PDEATHSIG, 0);
	int code = wait_runtime(container, pid, parent, err);
	if (code <= 0 || access(pid_file, F_OK) == 0)
		return code;
	_cleanup_(freep) char *said = runtime_said(container->bundle);
	return said ? error_set(err, ERROR_FAILED, "cannot start the container: %s", said) : code;
}
