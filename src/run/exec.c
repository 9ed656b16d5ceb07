/* One more process in a running container: see run.h. It needs the runtime's view: the user and mount namespaces that the container's
 * monitor lives in, which a child enters. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/process.h"
#include "run/cgroup.h"
#include "run/child.h"
#include "run/container.h"
#include "run/event.h"
#include "run/host_config.h"
#include "run/namespace.h"
#include "run/runtime.h"
#include "run/sandbox.h"

struct execution {
	const struct container *container;
	const struct exec_options *options;
	struct strlist env;
	int monitor;
};

static int write_process(const struct execution *execution, char **ret_path, struct error *err)
{
	const struct container *container = execution->container;
	_cleanup_(freep) char *merged = path_join(container->dir, "merged"), *path = xprintf("%s/exec-%d.json", container->bundle, (int)getpid());
	_cleanup_(fd_close) int tree = open(merged, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (tree < 0)
		return error_errno(err, errno, "cannot open %s", merged);
	_cleanup_(freep) char *text = sandbox_process(tree, execution->options, &execution->env, container_text(container, "User"),
						      container_text(container, "WorkingDir"),
						      json_object_get(container->record, "HostConfig"), err);
	if (!text || file_replace(AT_FDCWD, path, text, strlen(text), 0600, err) < 0)
		return -1;
	*ret_path = steal(path);
	return 0;
}

static int work_exec(void *data, struct error *err)
{
	const struct execution *execution = data;
	const struct exec_options *options = execution->options;
	_cleanup_(freep) char *runtime = runtime_find(err), *process = NULL;
	struct strlist argv _cleanup_(strlist_free) = { 0 };
	struct cgroup_files cgroup;

	cgroup_open(execution->container->id, &cgroup);
	if (cgroup_enter(&cgroup, host_config_is(execution->container->record, "DevicesHeld"), err) < 0)
		return -1;
	if (!runtime || namespace_join(execution->monitor, "user", CLONE_NEWUSER, err) < 0 || namespace_join(execution->monitor, "mnt", CLONE_NEWNS, err) < 0)
		return -1;
	if (geteuid() != 0 && (setgid(0) < 0 || setuid(0) < 0))
		return error_errno(err, errno, "cannot become root of the container's namespace");
	if (write_process(execution, &process, err) < 0)
		return -1;
	runtime_arguments(runtime, execution->container->bundle, &argv);
	strlist_add(&argv, "exec");
	strlist_add(&argv, "--process");
	strlist_add(&argv, process);
	if (options->detach)
		strlist_add(&argv, "--detach");
	else if (options->terminal)
		strlist_add(&argv, "--tty");
	if (options->pid_file) {
		strlist_add(&argv, "--pid-file");
		strlist_add(&argv, options->pid_file);
	}
	strlist_add(&argv, execution->container->id);
	bool quiet = options->detach || options->quiet;
	struct process_options run = { .argv = (const char *const *)argv.items,
				       .in = !quiet && (options->interactive || options->terminal) ? PROCESS_INHERIT : PROCESS_NULL,
				       .out = quiet ? PROCESS_NULL : PROCESS_INHERIT, .err = quiet ? PROCESS_NULL : PROCESS_INHERIT };
	int code = process_run(&run, err);
	unlink(process);
	return code;
}

int container_exec_in(const struct container *container, const struct exec_options *options, struct error *err)
{
	struct execution execution = { .container = container, .options = options };
	const char *name = container_text(container, "Name");
	struct container_status status;

	container_status(container, &status);
	if (status.state != CONTAINER_RUNNING)
		return error_set(err, ERROR_INVALID, status.state == CONTAINER_PAUSED ? "container %s is paused" : "container %s is not running", name);
	execution.monitor = bundle_number(container, "monitor.pid");
	if (!process_start_time(execution.monitor)) {
		error_set(err, ERROR_FAILED, "the monitor of container %s is gone, and with it the way in", name);
		return error_hint(err, "'sampan stop %s' still works; run it again", name);
	}
	json_get_strlist(container->record, "Env", &execution.env, NULL);
	for (size_t i = 0; i < options->env.len; i++) {
		_cleanup_(freep) char *key = xstrdup(options->env.items[i]);
		char *equals = strchr(key, '=');
		if (equals)
			*equals = '\0';
		const char *value = equals ? equals + 1 : getenv(key);
		if (value)
			strlist_env_set(&execution.env, key, value);
	}
	int code = child_run(work_exec, &execution, err);
	strlist_free(&execution.env);
	return code;
}

int container_exec(struct store *store, const char *name, const struct exec_options *options, struct error *err)
{
	struct container container _cleanup_(container_clear) = { 0 };

	if (container_open(store, name, &container, err) < 0)
		return -1;
	_cleanup_(freep) char *line = strlist_join(&options->argv, " "), *action = xprintf("exec_start: %s", line);
	container_event(store, &container, action, NULL, NULL);
	int code = container_exec_in(&container, options, err);
	_cleanup_(freep) char *number = xprintf("%d", code);
	if (code >= 0 && !options->detach)
		container_event(store, &container, "exec_die", "exitCode", number);
	return code;
}
