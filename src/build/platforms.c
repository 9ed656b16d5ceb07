/* One Dockerfile for several platforms: an image each, one behind the other, and an index that holds them.
 *
 * They share context, cache and twins. The images go untagged into the repositories of the names that were asked for; names are given to the index alone, in the end, so that no
 * name ever leads to a part of what was asked for. */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "build/build.h"

/* The names without their tags, to be the images' places. */
static struct reference *untagged(const struct reference *names, size_t len)
{
	struct reference *places = xcalloc(len + 1, sizeof *places);

	for (size_t i = 0; i < len; i++) {
		reference_copy(&names[i], &places[i]);
		free(steal(places[i].tag));
	}
	return places;
}

static void free_places(struct reference *places, size_t len)
{
	for (size_t i = 0; i < len; i++)
		reference_clear(&places[i]);
	free(places);
}

static void add_result(struct build_result *sum, const struct build_result *one)
{
	sum->steps += one->steps;
	sum->cached += one->cached;
	sum->seconds += one->seconds;
	sum->twinned += one->twinned;
	sum->emulated += one->emulated;
}

/* Every platform reads what is on standard input, a Dockerfile or the context: from `*ret_start`, where it must be possible to return to. */
static int keep_input(off_t *ret_start, struct error *err)
{
	*ret_start = lseek(STDIN_FILENO, 0, SEEK_CUR);
	if (*ret_start >= 0)
		return 0;
	_cleanup_(fd_close) int copy = memfd_create("standard input", MFD_CLOEXEC);
	if (copy < 0)
		return error_errno(err, errno, "cannot keep standard input");
	if (fd_copy(STDIN_FILENO, copy, "standard input", err) < 0)
		return -1;
	*ret_start = 0;
	return dup2(copy, STDIN_FILENO) < 0 ? error_errno(err, errno, "cannot keep standard input") : 0;
}

static int build_all(struct store *store, const struct build_options *options, const struct platform *platforms, size_t len,
		     struct index_child *children, struct build_result *ret, struct error *err)
{
	struct build_options one = *options;
	struct reference *places = untagged(options->names, options->names_len);
	bool from_input = str_equal(options->context, "-") || str_equal(options->file, "-");
	char text[PLATFORM_TEXT_SIZE];
	off_t start = 0;
	int result = from_input ? keep_input(&start, err) : 0;

	one.names = places;
	one.has_platform = true;
	for (size_t i = 0; i < len && result == 0; i++) {
		struct build_result built = { 0 };
		if (!options->quiet)
			log_info("Building for %s (%zu of %zu)", platform_print(&platforms[i], text), i + 1, len);
		if (from_input)
			lseek(STDIN_FILENO, start, SEEK_SET);
		one.platform = platforms[i];
		result = build_run(store, &one, &built, err);
		if (result < 0)
			error_wrap(err, "%s", platform_print(&platforms[i], text));
		children[i] = (struct index_child){ built.manifest, platforms[i] };
		add_result(ret, &built);
	}
	free_places(places, options->names_len);
	return result;
}

int build_run_platforms(struct store *store, const struct build_options *options, const struct platform *platforms, size_t len,
			struct build_result *ret, struct error *err)
{
	_cleanup_(freep) struct index_child *children = xcalloc(len + 1, sizeof *children);
	struct build_result sum = { 0 };

	if (build_all(store, options, platforms, len, children, &sum, err) < 0 ||
	    store_index_commit(store, children, len, options->names, options->names_len, &sum.manifest, err) < 0)
		return -1;
	sum.id = sum.manifest;
	*ret = sum;
	return 0;
}
