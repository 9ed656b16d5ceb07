/* sampan save: images into a tar file. */
#include <unistd.h>

#include "cmd/command.h"
#include "remote/remote.h"

static const char *output = "-", *type;

static const struct option_spec options[] = {
	{ 'o', "output", OPTION_STRING, &output, "FILE", "write to a file (default: stdout)" },
	{ 0, "type", OPTION_STRING, &type, "docker|oci", "docker (the default) is an OCI layout as well" },
	{ 0 },
};

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct strlist names _cleanup_(strlist_free) = { 0 };
	bool oci = str_equal(type, "oci");

	if (type && !oci && !str_equal(type, "docker"))
		return error_set(err, ERROR_USAGE, "--type is docker or oci, not '%s'", type);
	if (str_equal(output, "-") && isatty(STDOUT_FILENO))
		return error_set(err, ERROR_USAGE, "a tar is not for the terminal"), error_hint(err, "use -o FILE, or send it into a pipe");
	for (int i = 0; i < argc; i++)
		strlist_add(&names, argv[i]);
	if (store_open(context->root, &store, err) < 0)
		return -1;
	return remote_save(store, &names, output, oci, err);
}

const struct command command_save = {
	.name = "save",
	.group = "Images",
	.usage = "[-o FILE] IMAGE…",
	.summary = "Write images to a tar file",
	.details = "The file is an OCI layout that docker of any age loads as well, and K3s takes in its images folder.",
	.options = options,
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
