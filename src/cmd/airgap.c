/* sampan airgap: images in one file, for nodes without a registry. */
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "board/airgap.h"
#include "cmd/remote.h"

enum { LEVEL = 6 };

static const char *output, *import, *platform, *level, *k3s_data = "/var/lib/rancher/k3s", *namespace = "k8s.io";
static struct strlist lists;
static struct airgap_options airgap_options;

static const struct option_spec options[] = {
	{ 'o', "output", OPTION_STRING, &output, "FILE", "write images.tar.zst (or .tar); - is stdout" },
	{ 0, "k3s-list", OPTION_LIST, &lists, "FILE", "the images of K3s' list (k3s-images.txt), or of another" },
	{ 0, "platform", OPTION_STRING, &platform, "OS/ARCH", "for nodes of this platform (default: this machine's)" },
	{ 0, "from", OPTION_STRING, &airgap_options.from, "HOST:PORT[=PREFIX]", "ask this registry first, for PREFIX/NAME; names stay" },
	{ 0, "pull", OPTION_FLAG, &airgap_options.pull, NULL, "ask registries also for what the store has" },
	{ 0, "skip-missing", OPTION_FLAG, &airgap_options.skip_missing, NULL, "leave out what is not to be had for the platform" },
	{ 0, "level", OPTION_STRING, &level, "N", "of zstd, 1 to 22 (6)" },
	{ 0, "import", OPTION_STRING, &import, "FILE", "on a node: give the file to K3s or containerd" },
	{ 0, "k3s-data-dir", OPTION_STRING, &k3s_data, "DIR", "K3s' --data-dir" },
	{ 0, "namespace", OPTION_STRING, &namespace, "NAME", "of containerd (k8s.io)" },
	{ 0, "jobs", OPTION_STRING, &remote_flags.jobs, "N", "layers at once (4)" },
	REMOTE_OPTIONS_CONNECTION, /* no --creds: they would go to every registry that a list names */
	{ 0 },
};

static int read_level(struct error *err)
{
	int64_t number = LEVEL;

	if (str_ends(output, ".tar"))
		number = 0;
	else if (level && str_to_int(level, 1, 22, &number, err) < 0)
		return error_wrap(err, "--level");
	if (str_ends(output, ".gz") || str_ends(output, ".tgz") || str_ends(output, ".bz2") || str_ends(output, ".lz4"))
		return error_set(err, ERROR_USAGE, "%s: only .tar and .tar.zst are written", output);
	airgap_options.level = (int)number;
	return 0;
}

static int read_images(int argc, char **argv, struct error *err)
{
	struct image_list list _cleanup_(image_list_free) = { 0 };

	for (size_t i = 0; i < lists.len; i++)
		if (image_list_read(&list, lists.items[i], &airgap_options.platform, 1, err) < 0)
			return -1;
	for (int i = 0; i < argc; i++)
		image_list_add(&list, argv[i], "command line", 0, NULL);
	for (size_t i = 0; i < list.len; i++)
		strlist_add(&airgap_options.images, list.items[i].reference);
	if (!list.len)
		return error_set(err, ERROR_USAGE, "name images, or a list with --k3s-list FILE");
	return 0;
}

static void print(const struct context *context, const struct strlist *missing)
{
	for (size_t i = 0; i < missing->len; i++)
		log_warn("left out: %s", missing->items[i]);
	if (str_equal(output, "-"))
		return;
	if (context->format == FORMAT_JSON) {
		json_t *root _cleanup_(json_release) = json_pack("{s:s s:I s:o}", "file", output, "images", (json_int_t)(airgap_options.images.len - missing->len),
								 "missing", json_from_strlist(missing));
		_cleanup_(freep) char *text = json_text(root);
		puts(text);
	} else if (!context->quiet) {
		size_t len = airgap_options.images.len - missing->len;
		printf("%s: %zu image%s\n", output, len, len == 1 ? "" : "s");
	}
}

static int write_images(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct strlist missing _cleanup_(strlist_free) = { 0 };
	struct progress *progress _cleanup_(progress_free) = progress_new(stderr, context->quiet || context->format == FORMAT_JSON);

	platform_host(&airgap_options.platform);
	if ((platform && platform_parse(platform, &airgap_options.platform, err) < 0) || read_level(err) < 0 || read_images(argc, argv, err) < 0 ||
	    remote_flags_read(progress, &airgap_options.remote, err) < 0)
		return -1;
	if (str_equal(output, "-") && isatty(STDOUT_FILENO))
		return error_set(err, ERROR_USAGE, "a tar is not for the terminal"), error_hint(err, "use -o FILE, or send it into a pipe");
	if (store_open(context->root, &store, err) < 0 || airgap_write(store, output, &airgap_options, &missing, err) < 0)
		return -1;
	progress_free(&progress);
	print(context, &missing);
	return 0;
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	_cleanup_(freep) char *where = NULL;

	if (!output == !import)
		return error_set(err, ERROR_USAGE, "give -o FILE to write one, or --import FILE to use one");
	if (output)
		return write_images(context, argc, argv, err);
	if (argc)
		return error_set(err, ERROR_USAGE, "--import takes one file");
	if (airgap_import(import, k3s_data, namespace, &where, err) < 0)
		return -1;
	if (context->format == FORMAT_JSON)
		printf("{\"imported\":\"%s\"}\n", where);
	else if (!context->quiet)
		printf("Imported into %s\n", where);
	return 0;
}

const struct command command_airgap = {
	.name = "airgap",
	.group = "Cluster",
	.usage = "-o FILE [OPTIONS] IMAGE… | --import FILE",
	.summary = "Put images into one file for nodes that reach no registry",
	.details = "The file is for K3s' agent/images folder, 'ctr images import' and 'docker load'. Images come from the store if they are there for the platform,\n"
		   "else from their registries. --plain-http is for --from, where it is given. --import gives it to the K3s or the containerd of this node.",
	.options = options,
	.max_args = -1,
	.run = run,
};
