/* config.toml and hosts.toml of containerd: "== config FOLDER" (- if the CRI plugin is off), "== hosts URL [override] [auth]". Each edit twice: the second changes nothing. */
#include "board/containerd.h"

#include "blocks.h"

static int edit(const struct block *block, struct buf *text, char **ret_folder, struct error *err)
{
	const struct strlist *w = &block->words;
	struct containerd_host host = { .server = "https://example.com", .url = w->items[1], .push = true };

	if (str_equal(w->items[0], "config"))
		return containerd_config_edit(text, ret_folder, err);
	host.override_path = strlist_has(w, "override");
	host.authorization = strlist_has(w, "auth") ? "Basic YTpi" : NULL;
	host.ca = strlist_has(w, "ca") ? "/etc/ca.crt" : NULL;
	return containerd_hosts_edit(text, &host, err);
}

static void run(struct block *block)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	_cleanup_(freep) char *folder = NULL, *again = NULL;
	struct error err = { 0 };
	bool config = str_equal(block->words.items[0], "config");

	buf_add(&text, block->input.data, block->input.len);
	buf_reserve(&text, 0);
	int result = edit(block, &text, &folder, &err);
	if (block->error) {
		ok(result < 0 && err.message && strstr(err.message, block->error), "%s: %s", block->title, block->error);
		if (err.message && !strstr(err.message, block->error))
			printf("# %s\n", err.message);
		error_clear(&err);
		return;
	}
	if (!works(result, &err, block->title))
		return;
	is_str(text.data, result ? block->output.data : block->input.data, "  gives");
	ok(result || !block->output.len, "  changed if it should");
	if (config)
		is_str(folder ? folder : "-", block->words.items[1], "  the folder");
	is_int(edit(block, &text, &again, &err), 0, "  once");
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		block_file(argv[i], run);
	return done();
}
