/* Secrets: see secret.h. */
#include "build/secret.h"

#include <errno.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fd.h"

/* One --secret; the fields point into `parts`. */
struct given {
	struct strlist parts;
	const char *id, *file, *variable;
};

static int parse(const char *text, struct given *ret, struct error *err)
{
	static const char *const keys[] = { "id", "src", "source", "env", "type", NULL };

	strlist_split(&ret->parts, text, ',');
	for (size_t i = 0; i < ret->parts.len; i++) {
		char *key = ret->parts.items[i], *value = strchr(key, '=');
		if (!value || !value[1])
			return error_set(err, ERROR_USAGE, "--secret %s: '%s' is not KEY=VALUE", text, key);
		*value++ = '\0';
		if (str_equal(key, "id"))
			ret->id = value;
		else if (str_equal(key, "src") || str_equal(key, "source"))
			ret->file = value;
		else if (str_equal(key, "env"))
			ret->variable = value;
		else if (!str_equal(key, "type") || (!str_equal(value, "file") && !str_equal(value, "env"))) {
			const char *near = str_nearest(key, keys);
			error_set(err, ERROR_USAGE, "--secret %s: '%s' is not known", text, key);
			return near ? error_hint(err, "did you mean %s=?", near) : -1;
		}
	}
	return ret->id ? 0 : error_set(err, ERROR_USAGE, "--secret %s has no id=", text);
}

int secret_check(const struct strlist *secrets, struct error *err)
{
	for (size_t i = 0; i < secrets->len; i++) {
		struct given given = { 0 };
		int result = parse(secrets->items[i], &given, err);
		strlist_free(&given.parts);
		if (result < 0)
			return -1;
	}
	return 0;
}

/* Without src= and env= it is the variable of that name, or else the file. */
static int read_given(const struct given *given, struct buf *ret, struct error *err)
{
	const char *variable = given->variable ? given->variable : given->file ? NULL : given->id, *value = variable ? getenv(variable) : NULL;

	buf_reserve(ret, SECRET_SIZE_MAX); /* once: growing would leave copies behind */
	if (value) {
		if (strlen(value) > SECRET_SIZE_MAX)
			return error_set(err, ERROR_TOO_LARGE, "the secret '%s' is larger than %d kB", given->id, SECRET_SIZE_MAX >> 10);
		buf_add_str(ret, value);
		return 1;
	}
	if (given->variable)
		return error_set(err, ERROR_NOT_FOUND, "the secret '%s': the variable %s is not set", given->id, given->variable);
	return file_read(AT_FDCWD, given->file ? given->file : given->id, SECRET_SIZE_MAX, ret, err) < 0 ? error_wrap(err, "the secret '%s'", given->id) : 1;
}

int secret_read(const struct strlist *secrets, const char *id, struct buf *ret, struct error *err)
{
	for (size_t i = 0; i < secrets->len; i++) {
		struct given given = { 0 };
		int result = parse(secrets->items[i], &given, err);
		if (result == 0 && str_equal(given.id, id))
			result = read_given(&given, ret, err);
		strlist_free(&given.parts);
		if (result)
			return result;
	}
	return 0;
}

int secret_mount(const char *folder, struct error *err)
{
	_cleanup_(freep) char *path = path_join(folder, "merged");

	if (dir_make(AT_FDCWD, path, 0700, err) < 0)
		return -1;
	if (mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0711,size=64m") < 0)
		return error_errno(err, errno, "cannot mount a tmpfs for secrets");
	return 0;
}

int secret_write(const char *path, const struct buf *value, const struct run_mount *mount, struct error *err)
{
	_cleanup_(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_errno(err, errno, "cannot create the file of a secret");
	if (fd_write_all(fd, value->data, value->len, "a secret", err) < 0)
		return -1;
	if (fchown(fd, (uid_t)mount->uid, (gid_t)mount->gid) < 0 || fchmod(fd, (mode_t)mount->mode) < 0)
		return error_errno(err, errno, "cannot set owner and mode of a secret");
	return 0;
}

void secret_free(struct buf *value)
{
	if (value->data)
		explicit_bzero(value->data, value->cap);
	buf_free(value);
}

void secret_list_free(struct strlist *values)
{
	for (size_t i = 0; i < values->len; i++)
		explicit_bzero(values->items[i], strlen(values->items[i]));
	strlist_free(values);
}
