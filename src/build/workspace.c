/* Where a build works: see workspace.h. */
#include "build/workspace.h"

#include <dirent.h>
#include <errno.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"

/* Opens and locks a folder; 1 if another process holds it. The one that was locked must still be the one that has the name: a sweeper
 * may have removed it in between. */
static int lock_folder(const char *path, int *ret, struct error *err)
{
	struct stat by_fd, by_name;
	_cleanup_(fd_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return error_errno(err, errno, "cannot open %s", path);
	int held = file_lock(fd, true, false, path, err);
	if (held)
		return held;
	if (fstat(fd, &by_fd) < 0 || lstat(path, &by_name) < 0 || by_fd.st_ino != by_name.st_ino)
		return 1;
	*ret = fd_steal(&fd);
	return 0;
}

/* Removes what killed builds left. Failing is not this build's matter. */
static void sweep(const char *folder)
{
	DIR *dir = opendir(folder);

	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		_cleanup_(fd_close) int lock = -1;
		_cleanup_(freep) char *path = path_join(folder, entry->d_name);
		struct error err _cleanup_(error_clear) = { 0 };
		if (entry->d_name[0] == '.' || lock_folder(path, &lock, &err) != 0)
			continue;
		log_debug("removing what a build left: %s", path);
		dir_remove(AT_FDCWD, path, &err);
	}
	if (dir)
		closedir(dir);
}

int workspace_open(struct store *store, struct workspace *ret, struct error *err)
{
	_cleanup_(freep) char *folder = path_join(store_path(store), "builds");

	if (dir_make(AT_FDCWD, folder, 0711, err) < 0)
		return -1;
	sweep(folder);
	for (int tries = 0; tries < 100; tries++) {
		uint32_t number;
		_cleanup_(fd_close) int lock = -1;
		if (getrandom(&number, sizeof number, 0) != sizeof number)
			return error_errno(err, errno, "cannot get random bytes");
		_cleanup_(freep) char *path = xprintf("%s/%08x", folder, number);
		if (mkdir(path, 0711) < 0 && errno == EEXIST)
			continue;
		int held = lock_folder(path, &lock, err);
		if (held < 0)
			return -1;
		if (held)
			continue;
		*ret = (struct workspace){ .path = steal(path), .lock = fd_steal(&lock) };
		return 0;
	}
	return error_set(err, ERROR_BUSY, "cannot make a folder in %s", folder);
}

void workspace_unmount(const char *path)
{
	while (umount2(path, UMOUNT_NOFOLLOW) == 0)
		;
	if (errno == EBUSY)
		umount2(path, UMOUNT_NOFOLLOW | MNT_DETACH);
}

int workspace_remove(struct workspace *workspace, const char *folder, struct error *err)
{
	_cleanup_(freep) char *merged = path_join(folder, "merged");

	(void)workspace;
	workspace_unmount(merged);
	return dir_remove(AT_FDCWD, folder, err);
}

char *workspace_folder(struct workspace *workspace, const char *kind, struct error *err)
{
	_cleanup_(freep) char *path = xprintf("%s/%s-%zu", workspace->path, kind, ++workspace->folders);

	if (mkdir(path, 0711) < 0) {
		error_errno(err, errno, "cannot make the folder %s", path);
		return NULL;
	}
	return steal(path);
}

void workspace_close(struct workspace *workspace)
{
	struct error err _cleanup_(error_clear) = { 0 };

	if (!workspace->path)
		return;
	DIR *dir = opendir(workspace->path);
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		_cleanup_(freep) char *folder = path_join(workspace->path, entry->d_name), *merged = path_join(folder, "merged");
		if (entry->d_name[0] != '.')
			workspace_unmount(merged);
	}
	if (dir)
		closedir(dir);
	if (dir_remove(AT_FDCWD, workspace->path, &err) < 0)
		log_warn("%s stays behind, the next build removes it: %s", workspace->path, err.message);
	free(steal(workspace->path));
	fd_close(&workspace->lock);
}
