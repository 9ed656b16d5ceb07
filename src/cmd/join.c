/* sampan join: makes this node's engines use a registry. */
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/log.h"
#include "base/process.h"
#include "board/diff.h"
#include "board/join.h"
#include "cmd/command.h"

enum { PASSWORD_MAX = 64 << 10 };

static bool dry_run, undo, yes, restart, password_stdin;
static struct join_options join_options = { .prefix = "/" };
static struct strlist engines;

static const struct option_spec options[] = {
	{ 0, "dry-run", OPTION_FLAG, &dry_run, NULL, "show the difference, change nothing" },
	{ 'y', "yes", OPTION_FLAG, &yes, NULL, "don't ask" },
	{ 0, "undo", OPTION_FLAG, &undo, NULL, "take back what join changed" },
	{ 0, "restart", OPTION_FLAG, &restart, NULL, "restart the services that must see the change" },
	{ 0, "for", OPTION_LIST, &engines, "ENGINE,…", "only docker, containerd, k3s, podman, sampan (default: all that are found)" },
	{ 0, "mirror", OPTION_LIST, &join_options.mirrors, "REGISTRY[=PREFIX]", "ask this registry first for images of REGISTRY, as PREFIX/NAME" },
	{ 0, "ca", OPTION_STRING, &join_options.probe.ca_file, "FILE", "the registry's CA" },
	{ 0, "fingerprint", OPTION_STRING, &join_options.probe.fingerprint, "sha256:HEX", "fetch the CA from the registry; it must be this one" },
	{ 'u', "username", OPTION_STRING, &join_options.probe.username, "NAME", "log in with this name" },
	{ 0, "password-stdin", OPTION_FLAG, &password_stdin, NULL, "and the password from stdin" },
	{ 0, "k3s-data-dir", OPTION_STRING, &join_options.k3s_data, "DIR", "K3s' --data-dir" },
	{ 0, "k3s-registries", OPTION_STRING, &join_options.k3s_registries, "FILE", "K3s' --private-registry" },
	{ 0, "prefix", OPTION_STRING, &join_options.prefix, "DIR", "the root of another system" },
	{ 0 },
};

/* ---- showing ---- */

static void print_diffs(const struct join_plan *plan)
{
	for (size_t i = 0; i < plan->set.len; i++) {
		struct buf diff _cleanup_(buf_free) = { 0 };
		change_print(&plan->set, &plan->set.items[i], &diff);
		if (diff.len)
			fputs(diff.data, stdout);
	}
	fflush(stdout);
}

static void print_plan_json(const struct join_plan *plan, bool applied)
{
	json_t *changes = json_array();

	for (size_t i = 0; i < plan->set.len; i++) {
		struct buf diff _cleanup_(buf_free) = { 0 };
		change_print(&plan->set, &plan->set.items[i], &diff);
		if (diff.len)
			json_array_append_new(changes, json_pack("{s:s s:s}", "path", plan->set.items[i].path, "diff", diff.data));
	}
	json_t *root _cleanup_(json_release) = json_pack("{s:s s:b s:o s:o s:o s:o s:b}", "registry", join_options.registry, "tls", plan->tls, "engines",
							 json_from_strlist(&plan->engines), "changes", changes, "commands", json_from_strlist(&plan->commands),
							 "notes", json_from_strlist(&plan->notes), "applied", applied);
	json_dumpf(root, stdout, JSON_INDENT(2));
	putchar('\n');
}

static void print_notes(const struct join_plan *plan)
{
	for (size_t i = 0; i < plan->notes.len; i++)
		log_info("note: %s", plan->notes.items[i]);
}

/* ---- services ---- */

static int run_commands(const struct strlist *commands, struct error *err)
{
	for (size_t i = 0; i < commands->len; i++) {
		struct strlist argv _cleanup_(strlist_free) = { 0 };
		strlist_split(&argv, commands->items[i], ' ');
		log_info("%s", commands->items[i]);
		int code = process_run(&(struct process_options){ .argv = (const char *const *)argv.items, .out = STDERR_FILENO }, err);
		if (code != 0)
			return code < 0 ? -1 : error_set(err, ERROR_FAILED, "the settings are written, but '%s' ended with exit code %d", commands->items[i], code);
	}
	return 0;
}

static int offer_restart(const struct strlist *commands, struct error *err)
{
	if (!commands->len)
		return 0;
	if (restart && str_equal(join_options.prefix, "/"))
		return run_commands(commands, err);
	log_info("running services see it after:");
	for (size_t i = 0; i < commands->len; i++)
		log_info("  %s", commands->items[i]);
	return 0;
}

/* ---- undo ---- */

static void report_undo(const char *path, enum undo_state state, const struct buf *now, const struct buf *then, void *data)
{
	static const char *const words[] = { "restored", "removed", "left alone: it was changed since", "unchanged" };
	struct buf diff _cleanup_(buf_free) = { 0 };
	json_t *list = data;

	if (list) {
		json_array_append_new(list, json_pack("{s:s s:s}", "path", path, "state", words[state]));
		return;
	}
	if (dry_run && state != UNDO_CHANGED)
		diff_print(now, then, path, state == UNDO_REMOVED ? "/dev/null" : path, &diff);
	printf("%s%s: %s\n", diff.len ? diff.data : "", path, words[state]);
}

static int run_undo(const struct context *context, struct error *err)
{
	struct change_set set _cleanup_(change_set_clear) = { 0 };
	_cleanup_(freep) char *journal = join_journal(join_options.registry, err);
	json_t *list _cleanup_(json_release) = context->format == FORMAT_JSON ? json_array() : NULL;

	if (!journal || change_set_open(join_options.prefix, &set, err) < 0)
		return -1;
	int changed = change_undo(&set, journal, dry_run, report_undo, list, err);
	if (list) {
		_cleanup_(freep) char *text = json_text(list);
		puts(text);
	}
	if (changed <= 0)
		return changed;
	error_set(err, ERROR_FAILED, "not all could be undone");
	return error_hint(err, "if another registry was joined later, undo that first; else take %s out of the file by hand", join_options.registry);
}

/* ---- the command ---- */

static int ask(struct error *err)
{
	char answer[16] = "";

	if (yes)
		return 0;
	if (!isatty(STDIN_FILENO) || password_stdin)
		return error_set(err, ERROR_USAGE, "nobody is here to be asked: nothing was changed"),
		       error_hint(err, "look at the difference, then add --yes");
	fprintf(stderr, "Change these files? [y/N] ");
	ssize_t n = read(STDIN_FILENO, answer, sizeof answer - 1);
	if (n > 0 && (*answer == 'y' || *answer == 'Y'))
		return 0;
	return interrupt_check(err) < 0 ? -1 : error_set(err, ERROR_INTERRUPTED, "nothing was changed");
}

static int read_password(struct buf *ret, struct error *err)
{
	struct probe_options *probe = &join_options.probe;

	if (!probe->username && !password_stdin)
		return 0;
	if (!probe->username || !password_stdin)
		return error_set(err, ERROR_USAGE, "--username and --password-stdin go together");
	if (fd_read_all(STDIN_FILENO, PASSWORD_MAX, ret, "stdin", err) < 0)
		return -1;
	buf_reserve(ret, 0);
	ret->data[strcspn(ret->data, "\r\n")] = '\0';
	if (!*ret->data || !*probe->username || strchr(probe->username, ':'))
		return error_set(err, ERROR_USAGE, "the user name and the password must not be empty, and the name has no colon");
	probe->password = ret->data;
	return 0;
}

static int join_node(const struct context *context, struct error *err)
{
	struct join_plan plan _cleanup_(join_plan_clear) = { 0 };
	_cleanup_(freep) char *journal = join_journal(join_options.registry, err);

	if (!journal || join_make_plan(&join_options, &plan, err) < 0)
		return -1;
	bool empty = change_set_is_empty(&plan.set), text = context->format == FORMAT_TEXT;
	_cleanup_(freep) char *names = strlist_join(&plan.engines, ", ");
	if (text)
		log_info("%s speaks %s; found here: %s", join_options.registry, plan.tls ? "HTTPS" : "plain HTTP", names);
	if (text)
		print_diffs(&plan);
	print_notes(&plan);
	if (!empty && !dry_run && (ask(err) < 0 || change_set_apply(&plan.set, journal, err) < 0))
		return -1;
	if (!text)
		print_plan_json(&plan, !empty && !dry_run);
	else if (empty)
		log_info("nothing to do: all of them use %s already", join_options.registry);
	return empty || dry_run ? 0 : offer_restart(&plan.commands, err);
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct buf password _cleanup_(buf_free) = { 0 };

	(void)argc;
	join_options.registry = argv[0];
	for (size_t i = 0; i < engines.len; i++)
		strlist_split(&join_options.only, engines.items[i], ',');
	if (undo)
		return run_undo(context, err);
	int result = read_password(&password, err) < 0 ? -1 : join_node(context, err);
	if (password.data)
		explicit_bzero(password.data, password.len);
	return result;
}

const struct command command_join = {
	.name = "join",
	.group = "Cluster",
	.usage = "[OPTIONS] HOST:PORT",
	.summary = "Make docker, containerd, K3s and podman on this node use a registry",
	.details = "Asks the registry whether it speaks HTTP or HTTPS, finds what this node has, shows what would change in its settings, and asks.\n"
		   "What was there is kept in /var/lib/sampan/join, so that --undo puts back exactly that. Joining twice changes nothing.",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
