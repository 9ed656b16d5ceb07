/* Layers: whatever the bytes are, nothing outside of the folder changes; what was unpacked is archived, and unpacks to the same archive again.
 * Headers get right checksums, so that mutations go deeper. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "store/layer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int base = -1;
static char base_path[64];

static void leave(void)
{
	dir_remove(AT_FDCWD, base_path, NULL);
}

/* A folder in memory where there is one, with a file that must stay as it is. */
static void enter(void)
{
	const char *folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	snprintf(base_path, sizeof base_path, "%s/sampan-fuzz-XXXXXX", folder);
	if (!mkdtemp(base_path) || (base = open(base_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
	    file_replace(base, "canary", "precious", 8, 0600, NULL) < 0)
		abort();
	atexit(leave);
	log_set_level(LOG_LEVEL_QUIET);
}

static void check_outside(void)
{
	struct buf canary _cleanup_(buf_free) = { 0 };
	struct stat st;

	if (fstat(base, &st) < 0 || st.st_nlink > 4 || (st.st_mode & 0777) != 0700 || st.st_uid != getuid() || fstatat(base, "canary", &st, 0) < 0 ||
	    st.st_nlink != 1 || (st.st_mode & 07777) != 0600 || st.st_uid != getuid() || file_read(base, "canary", 100, &canary, NULL) < 0 ||
	    !str_equal(canary.data, "precious"))
		abort();
}

static void fix_checksums(uint8_t *bytes, size_t len)
{
	for (uint8_t *block = bytes; block + 512 <= bytes + len; block += 512) {
		unsigned sum = 0;
		if (memcmp(block + 257, "ustar", 5) != 0)
			continue;
		memset(block + 148, ' ', 8);
		for (int i = 0; i < 512; i++)
			sum += block[i];
		char text[8];
		snprintf(text, sizeof text, "%06o", sum & 0777777);
		memcpy(block + 148, text, 7);
	}
}

static int add_bytes(void *data, const void *bytes, size_t len, struct error *err)
{
	(void)err;
	buf_add(data, bytes, len);
	return 0;
}

/* Unpacks into base/name, and archives that. False if either failed. */
static bool there_and_back(const void *bytes, size_t len, const char *name, struct buf *ret)
{
	static const struct layer_limits limits = { .bytes_max = 1 << 20, .entries_max = 1000 };
	_cleanup_(fd_close) int source = memfd_create("layer", MFD_CLOEXEC);

	if (mkdirat(base, name, 0755) < 0 || fd_write_all(source, bytes, len, "layer", NULL) < 0 || lseek(source, 0, SEEK_SET) < 0)
		abort();
	_cleanup_(fd_close) int dir = openat(base, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool done = layer_extract(source, dir, true, &limits, NULL, NULL) == 0 && layer_archive(dir, -1, add_bytes, ret, NULL) == 0;
	if (dir_remove(base, name, NULL) < 0)
		abort();
	check_outside();
	return done;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf input _cleanup_(buf_free) = { 0 }, first _cleanup_(buf_free) = { 0 }, second _cleanup_(buf_free) = { 0 };

	if (base < 0)
		enter();
	buf_add(&input, data, size);
	fix_checksums((uint8_t *)input.data, input.len);
	if (!there_and_back(input.data, input.len, "one", &first))
		return 0;
	if (first.len > 1 << 20)
		return 0;
	if (!there_and_back(first.data, first.len, "two", &second) || first.len != second.len || memcmp(first.data, second.data, first.len) != 0)
		abort();
	return 0;
}
