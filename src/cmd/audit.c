/* sampan audit: which of the images that something needs are there for a platform. */
#include "base/json.h"
#include "base/log.h"
#include "board/audit.h"
#include "cmd/remote.h"

enum { EXIT_MISSING = 1, EXIT_WRONG = 2, EXIT_UNKNOWN = 3 };

static struct strlist platforms, images;
static struct audit_options audit_options;
static bool docker, containerd;
static const char *namespace = "k8s.io";

static const struct option_spec options[] = {
	{ 0, "platform", OPTION_LIST, &platforms, "OS/ARCH,…", "platforms that are needed (default: this machine's)" },
	{ 0, "mirror", OPTION_LIST, &audit_options.mirrors, "HOST:PORT[=PREFIX]", "it counts as well if this registry has it, as PREFIX/NAME" },
	{ 0, "tags", OPTION_FLAG, &audit_options.tags, NULL, "look for another tag that has the platform" },
	{ 'i', "image", OPTION_LIST, &images, "IMAGE", "this image as well" },
	{ 0, "docker", OPTION_FLAG, &docker, NULL, "the images that docker here has" },
	{ 0, "containerd", OPTION_FLAG, &containerd, NULL, "the images that containerd (or K3s) here has" },
	{ 0, "namespace", OPTION_STRING, &namespace, "NAME", "of containerd (k8s.io)" },
	{ 0, "jobs", OPTION_STRING, &remote_flags.jobs, "N", "images at once (4)" },
	REMOTE_OPTIONS_CONNECTION, /* no --creds: they would go to every registry that a file names */
	{ 0 },
};

static const struct table_column columns[] = {
	{ "IMAGE", "image" }, { "PLATFORM", "platform" }, { "STATUS", "status" }, { "WHERE", "where" }, { NULL, "detail" }, { NULL, "source" },
};

static void print(const struct context *context, const struct audit *audit)
{
	struct table *table _cleanup_(table_free) = table_new(columns, array_len(columns));

	for (size_t i = 0; i < audit->len; i++) {
		const struct audit_row *row = &audit->rows[i];
		char platform[PLATFORM_TEXT_SIZE];
		table_cell(table, row->use->reference);
		table_cell(table, platform_print(&row->platform, platform));
		table_cell(table, audit_state_name(row->state));
		table_cell(table, row->where ? row->where : context->format == FORMAT_TEXT ? row->detail : NULL);
		table_cell(table, row->detail);
		table_cell(table, row->use->source);
	}
	table_print(table, context->format, stdout);
}

static int exit_code(const struct context *context, const struct audit *audit)
{
	size_t missing = 0, unknown = 0;

	for (size_t i = 0; i < audit->len; i++) {
		enum audit_state state = audit->rows[i].state;
		missing += state == AUDIT_MISSING || state == AUDIT_ABSENT || state == AUDIT_INVALID;
		unknown += audit_state_is_unknown(state);
	}
	if (!context->quiet && context->format == FORMAT_TEXT)
		log_info("%zu of %zu are there, %zu missing, %zu could not be asked for", audit->len - missing - unknown, audit->len, missing, unknown);
	return missing ? EXIT_MISSING : unknown ? EXIT_UNKNOWN : 0;
}

static int read_platforms(struct platform **ret, size_t *ret_len, struct error *err)
{
	struct strlist words _cleanup_(strlist_free) = { 0 };

	for (size_t i = 0; i < platforms.len; i++)
		strlist_split(&words, platforms.items[i], ',');
	*ret = xcalloc(words.len + 1, sizeof **ret);
	*ret_len = words.len ? words.len : 1;
	if (!words.len)
		platform_host(*ret);
	for (size_t i = 0; i < words.len; i++)
		if (platform_parse(words.items[i], *ret + i, err) < 0)
			return -1;
	return 0;
}

static int gather(struct image_list *list, int argc, char **argv, struct error *err)
{
	if (!argc && !images.len && !docker && !containerd)
		return error_set(err, ERROR_USAGE, "there is nothing to audit"),
		       error_hint(err, "name files, images with -i IMAGE, or --docker or --containerd for what is here");
	for (int i = 0; i < argc; i++)
		if (image_list_read(list, argv[i], audit_options.platforms, audit_options.platforms_len, err) < 0)
			return -1;
	for (size_t i = 0; i < images.len; i++)
		image_list_add(list, images.items[i], "command line", 0, NULL);
	if (docker && image_list_read_docker(list, err) < 0)
		return -1;
	return containerd ? image_list_read_containerd(list, namespace, err) : 0;
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct image_list list _cleanup_(image_list_free) = { 0 };
	struct audit audit _cleanup_(audit_clear) = { 0 };
	_cleanup_(freep) struct platform *wanted = NULL;

	if (remote_flags_read(NULL, &audit_options.remote, err) < 0 || read_platforms(&wanted, &audit_options.platforms_len, err) < 0)
		return -1;
	audit_options.platforms = wanted;
	if (gather(&list, argc, argv, err) < 0) {
		if (err->code == ERROR_USAGE || err->code == ERROR_INTERRUPTED)
			return -1;
		error_wrap(err, "cannot audit");
		log_failure(err); /* here, since main's 1 is for images */
		error_clear(err);
		return EXIT_WRONG;
	}
	if (audit_run(&list, &audit_options, &audit, err) < 0)
		return -1;
	if (!audit.len)
		log_warn("no images are named there");
	print(context, &audit);
	return exit_code(context, &audit);
}

const struct command command_audit = {
	.name = "audit",
	.group = "Cluster",
	.usage = "[OPTIONS] [FILE…]",
	.summary = "Show which images lack a platform",
	.details = "FILE is a list of images (as K3s has one), Kubernetes manifests (also what 'helm template' prints), a compose file or a Dockerfile; - is stdin.\n"
		   "--plain-http is for the mirrors, where there are any. Log-ins are those of 'sampan login'.\n"
		   "Exit codes: 0 all are there, 1 some are missing, 2 wrong usage or unreadable files, 3 none is missing, but some could not be asked for.",
	.options = options,
	.max_args = -1,
	.run = run,
};
