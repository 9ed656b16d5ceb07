/* sampan load: images from a tar file. */
#include <unistd.h>

#include "base/json.h"
#include "cmd/command.h"
#include "cmd/image_event.h"
#include "remote/remote.h"

static const char *input = "-";

static const struct option_spec options[] = {
	{ 'i', "input", OPTION_STRING, &input, "FILE", "read from a file (default: stdin)" },
	{ 0 },
};

static void print(const struct context *context, const struct strlist *names)
{
	if (context->format == FORMAT_JSON) {
		json_t *list _cleanup_(json_release) = json_from_strlist(names);
		_cleanup_(freep) char *text = json_text(list);
		puts(text);
		return;
	}
	for (size_t i = 0; i < names->len; i++)
		printf("%s%s\n", context->quiet ? "" : str_starts(names->items[i], "sha256:") ? "Loaded image ID: " : "Loaded image: ", names->items[i]);
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct strlist names _cleanup_(strlist_free) = { 0 };

	(void)argc, (void)argv;
	if (str_equal(input, "-") && isatty(STDIN_FILENO))
		return error_set(err, ERROR_USAGE, "a tar does not come from the terminal"), error_hint(err, "use -i FILE, or send one through a pipe");
	if (store_open(context->root, &store, err) < 0 || remote_load(store, input, &names, NULL, err) < 0)
		return -1;
	print(context, &names);
	for (size_t i = 0; i < names.len; i++)
		image_event(store, "load", names.items[i], names.items[i]);
	return 0;
}

const struct command command_load = {
	.name = "load",
	.group = "Images",
	.usage = "[-i FILE]",
	.summary = "Read images from a tar file",
	.details = "Takes docker-archives and OCI layouts, plain or compressed with gzip, zstd, xz or bzip2.",
	.options = options,
	.run = run,
};
