/* Users of a tree: see user.h. The files come from an image and may hold anything: lines that don't parse are skipped. */
#include "run/user.h"

#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/str.h"

enum { FILE_MAX = 1 << 20, FIELDS_MAX = 7, ID_MAX = 0x7fffffff };

/* One line of passwd or group, cut at its colons. */
struct line {
	char text[4096];
	char *fields[FIELDS_MAX];
	int len;
};

/* Moves *at behind the next line that fits and cuts it; false at the end. */
static bool line_next(const char **at, struct line *ret)
{
	while (*at && **at) {
		size_t len = strcspn(*at, "\n");
		bool fits = len < sizeof ret->text;
		memcpy(ret->text, *at, fits ? len : 0);
		ret->text[fits ? len : 0] = '\0';
		*at += len + ((*at)[len] == '\n');
		if (!fits)
			continue;
		ret->len = 0;
		for (char *rest = ret->text; rest && ret->len < FIELDS_MAX;)
			ret->fields[ret->len++] = strsep(&rest, ":");
		return true;
	}
	return false;
}

static bool id_parse(const char *text, unsigned *ret)
{
	int64_t number;

	if (str_to_int(text, 0, ID_MAX, &number, NULL) < 0)
		return false;
	*ret = (unsigned)number;
	return true;
}

/* The passwd line of a name or, for a number, of that uid. */
static bool passwd_find(const char *passwd, const char *name, struct line *ret)
{
	unsigned wanted = 0, uid;
	bool number = id_parse(name, &wanted);

	while (line_next(&passwd, ret)) {
		if (ret->len < 6 || !id_parse(ret->fields[2], &uid))
			continue;
		if (str_equal(ret->fields[0], name) || (number && uid == wanted))
			return true;
	}
	return false;
}

static bool group_find(const char *group, const char *name, gid_t *ret)
{
	struct line line;

	while (line_next(&group, &line))
		if (line.len >= 3 && str_equal(line.fields[0], name) && id_parse(line.fields[2], ret))
			return true;
	return id_parse(name, ret);
}

static void add_member_groups(const char *group, const char *name, struct user *ret)
{
	struct line line;
	gid_t gid;

	while (ret->groups_len < USER_GROUPS_MAX && line_next(&group, &line)) {
		if (line.len < 4 || !id_parse(line.fields[2], &gid) || gid == ret->gid)
			continue;
		for (char *rest = line.fields[3], *member; (member = strsep(&rest, ","));)
			if (str_equal(member, name)) {
				ret->groups[ret->groups_len++] = gid;
				break;
			}
	}
}

int user_parse(const char *text, const char *passwd, const char *group, struct user *ret, struct error *err)
{
	if (str_empty(text))
		text = "0";
	const char *colon = strchr(text, ':');
	_cleanup_(freep) char *name = xstrndup(text, colon ? (size_t)(colon - text) : strlen(text));
	struct user found = { .home = "/" };
	struct line line;

	if (!*name)
		return error_set(err, ERROR_INVALID, "'%s' names no user", text);
	if (passwd_find(passwd, name, &line)) {
		id_parse(line.fields[2], &found.uid);
		if (!id_parse(line.fields[3], &found.gid))
			found.gid = 0;
		if (line.fields[5][0] == '/')
			snprintf(found.home, sizeof found.home, "%s", line.fields[5]);
		free(name);
		name = xstrdup(line.fields[0]);
	} else if (!id_parse(name, &found.uid)) {
		return error_set(err, ERROR_NOT_FOUND, "the image has no user '%s' in /etc/passwd", name);
	}
	if (!colon)
		add_member_groups(group, name, &found);
	else if (!group_find(group, colon + 1, &found.gid))
		return error_set(err, ERROR_NOT_FOUND, "the image has no group '%s' in /etc/group", colon + 1);
	if (found.uid == 0 && str_equal(found.home, "/"))
		snprintf(found.home, sizeof found.home, "/root");
	*ret = found;
	return 0;
}

static void read_text(int root, const char *path, struct buf *ret)
{
	_cleanup_(fd_close) int fd = path_open_in_root(root, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0, NULL);
	struct stat info;

	if (fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode))
		fd_read_all(fd, FILE_MAX, ret, path, NULL);
}

int user_find(int root, const char *text, struct user *ret, struct error *err)
{
	struct buf passwd _cleanup_(buf_free) = { 0 }, group _cleanup_(buf_free) = { 0 };

	read_text(root, "/etc/passwd", &passwd);
	read_text(root, "/etc/group", &group);
	return user_parse(text, passwd.data, group.data, ret, err);
}
