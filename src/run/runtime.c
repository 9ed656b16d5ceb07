/* The OCI runtime: see runtime.h. */
#include "run/runtime.h"

#include <fcntl.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/process.h"

char *runtime_find(struct error *err)
{
	static const char *const names[] = { "crun", "runc" };

	for (size_t i = 0; i < array_len(names); i++) {
		char *path = process_find(names[i]);
		if (path)
			return path;
	}
	error_set(err, ERROR_NOT_FOUND, "no OCI runtime is installed");
	error_hint(err, "apt-get install crun");
	return NULL;
}

void runtime_arguments(const char *runtime, const char *bundle, struct strlist *argv)
{
	strlist_add(argv, runtime);
	strlist_add(argv, "--root");
	strlist_printf(argv, "%s/state", bundle);
	strlist_add(argv, "--log");
	strlist_printf(argv, "%s/runtime.log", bundle);
	strlist_add(argv, "--log-format");
	strlist_add(argv, "json");
	/* Limits are ours (cgroup.h), made with rights that it hasn't in a user namespace. */
	if (str_ends(runtime, "crun"))
		strlist_add(argv, "--cgroup-manager=disabled");
}

char *runtime_log_error(const char *text)
{
	struct strlist lines _cleanup_(strlist_free) = { 0 };
	char *found = NULL;

	strlist_split(&lines, text, '\n');
	for (size_t i = 0; i < lines.len; i++) {
		const char *message = NULL, *level = NULL;
		json_t *object _cleanup_(json_release) = *lines.items[i] ? json_parse(lines.items[i], strlen(lines.items[i]), "log", NULL) : NULL;
		if (!object || json_get_string(object, "msg", &message, NULL) < 0 || json_get_string(object, "level", &level, NULL) < 0 || !message)
			continue;
		if (level && !str_equal(level, "error") && !str_equal(level, "fatal"))
			continue;
		free(found);
		found = xstrdup(message);
	}
	return found;
}

char *runtime_said(const char *bundle)
{
	_cleanup_(freep) char *path = path_join(bundle, "runtime.log"), *plain = path_join(bundle, "runtime.err");
	struct buf text _cleanup_(buf_free) = { 0 }, errors _cleanup_(buf_free) = { 0 };

	file_read(AT_FDCWD, path, 1 << 20, &text, NULL);
	char *said = text.data ? runtime_log_error(text.data) : NULL;
	if (said || file_read(AT_FDCWD, plain, 1 << 20, &errors, NULL) < 0 || !errors.len)
		return said;
	return xstrndup(errors.data, strcspn(errors.data, "\n"));
}
