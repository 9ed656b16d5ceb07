/* Volumes: see volume.h and run.h. What uses one is read from the records of the containers, so that no list can be out of date. */
#include "run/volume.h"

#include <errno.h>

#include "base/fd.h"
#include "run/container.h"
#include "run/host_config.h"
#include "store/events.h"

bool volume_name_valid(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

	return *name && name[0] != '.' && name[0] != '-' && name[0] != '_' && strlen(name) < 128 && name[strspn(name, letters)] == '\0';
}

int volume_make(struct store *store, const char *name, char **ret, struct error *err)
{
	_cleanup_(freep) char *path = xprintf("volumes/%s", name);

	if (!volume_name_valid(name))
		return error_set(err, ERROR_USAGE, "'%s' is neither a path nor a volume's name", name),
		       error_hint(err, "a folder of the host is written with a slash: ./%s", name);
	if (dir_make(store_dir(store), path, 0755, err) < 0)
		return -1;
	*ret = path_join(store_path(store), path);
	return 0;
}

int volume_create(struct store *store, const char *name, struct error *err)
{
	_cleanup_(freep) char *path = NULL;

	if (volume_make(store, name, &path, err) < 0)
		return -1;
	event_add(store, "volume", "create", name, json_pack("{s:s}", "driver", "local"));
	return 0;
}

/* Adds the names of the volumes that a container mounts to `volumes`, and its own name, in step, to `users`. */
static void add_uses(const struct container *container, struct strlist *volumes, struct strlist *users)
{
	const json_t *mount;
	size_t i;

	json_array_foreach(json_object_get(container->record, "Mounts"), i, mount) {
		const char *name = json_string_at(mount, "Name");
		if (!*name)
			continue;
		strlist_add(volumes, name);
		strlist_add(users, container_text(container, "Name"));
	}
}

static int list_uses(struct store *store, struct strlist *volumes, struct strlist *users, struct error *err)
{
	struct strlist ids _cleanup_(strlist_free) = { 0 };

	if (store_record_keys(store, "container", &ids, err) < 0)
		return -1;
	for (size_t i = 0; i < ids.len; i++) {
		struct container container _cleanup_(container_clear) = { 0 };
		if (container_load(store, ids.items[i], &container, NULL) == 0)
			add_uses(&container, volumes, users);
	}
	return 0;
}

int volumes_list(struct store *store, struct volume_row **ret, size_t *ret_len, struct error *err)
{
	struct strlist names _cleanup_(strlist_free) = { 0 }, used _cleanup_(strlist_free) = { 0 }, users _cleanup_(strlist_free) = { 0 };
	struct volume_row *rows = NULL;
	size_t len = 0;

	if (list_uses(store, &used, &users, err) < 0 || dir_make(store_dir(store), "volumes", 0711, err) < 0 ||
	    dir_names(store_dir(store), "volumes", &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		struct volume_row row = { .name = xstrdup(names.items[i]), .path = xprintf("%s/volumes/%s", store_path(store), names.items[i]) };
		struct strlist of _cleanup_(strlist_free) = { 0 };
		struct stat info;
		for (size_t n = 0; n < used.len; n++)
			if (str_equal(used.items[n], names.items[i]) && !strlist_has(&of, users.items[n]))
				strlist_add(&of, users.items[n]);
		row.used_by = of.len ? strlist_join(&of, ", ") : xstrdup("");
		row.created = stat(row.path, &info) == 0 ? info.st_mtim.tv_sec : 0;
		xgrow(rows, len);
		rows[len++] = row;
	}
	*ret = rows;
	*ret_len = len;
	return 0;
}

void volume_rows_free(struct volume_row *rows, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		free(rows[i].name);
		free(rows[i].path);
		free(rows[i].used_by);
	}
	free(rows);
}

int volume_remove(struct store *store, const char *name, struct error *err)
{
	_cleanup_(freep) char *path = xprintf("volumes/%s", name);
	struct volume_row *rows = NULL;
	size_t len = 0, i = 0;
	int result;

	if (volumes_list(store, &rows, &len, err) < 0)
		return -1;
	while (i < len && !str_equal(rows[i].name, name))
		i++;
	if (i == len) {
		error_set(err, ERROR_NOT_FOUND, "no such volume: %s", name);
		result = error_hint(err, "'sampan volume ls' lists them");
	} else if (*rows[i].used_by) {
		error_set(err, ERROR_BUSY, "volume %s is in use by %s", name, rows[i].used_by);
		result = error_hint(err, "remove the container first");
	} else {
		result = container_folder_remove(store, path, err);
		if (result == 0)
			event_add(store, "volume", "destroy", name, json_pack("{s:s}", "driver", "local"));
	}
	volume_rows_free(rows, len);
	return result;
}
