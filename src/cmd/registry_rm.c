/* sampan registry rm: takes tags and manifests away, here or over HTTP. */
#include <stdio.h>

#include "cmd/registry.h"
#include "remote/publish.h"

static bool all;

static const struct option_spec options[] = {
	{ 'a', "all", OPTION_FLAG, &all, NULL, "REPOSITORY alone: all of its tags" },
	REMOTE_OPTIONS_CONNECTION,
	{ 0 },
};

/* The webhooks of a server of this store are told. */
static int remove_here(const struct registry_name *name, const char *tag, struct error *err)
{
	const char *repository = name->reference.repository;
	struct digest digest = name->reference.digest;
	char text[DIGEST_TEXT_SIZE];

	if (tag && store_tag_get(name->store, "", repository, tag, &digest, err) < 0)
		return -1;
	if (tag ? store_tag_delete(name->store, "", repository, tag, err) < 0 : store_manifest_delete(name->store, "", repository, &digest, err) < 0)
		return -1;
	publish_note(name->store, &(struct publish_notice){ .action = "delete", .repository = repository, .tag = tag,
							    .digest = digest_print(&digest, text), .size = -1 });
	return 0;
}

static int remove_one(const struct registry_name *name, const char *tag, struct error *err)
{
	const struct reference *reference = &name->reference;
	char digest[DIGEST_TEXT_SIZE];
	const char *item = tag ? tag : digest_print(&reference->digest, digest);

	if (name->store)
		return remove_here(name, tag, err);
	struct answer answer _cleanup_(answer_clear) = { 0 };
	_cleanup_(freep) char *url = xprintf("/v2/%s/manifests/%s", reference->repository, item);
	_cleanup_(freep) char *scope = xprintf("repository:%s:delete,pull,push", reference->repository);
	return registry_ask(name->endpoint, "DELETE", url, scope, 0, &answer, err) < 0 ? error_wrap(err, "cannot delete %s", item) : 0;
}

static int list_tags(const struct registry_name *name, struct strlist *ret, struct error *err)
{
	if (name->store)
		return store_tags(name->store, "", name->reference.repository, NULL, SIZE_MAX, ret, err);
	_cleanup_(freep) char *url = xprintf("/v2/%s/tags/list?n=1000", name->reference.repository);
	_cleanup_(freep) char *scope = xprintf("repository:%s:pull", name->reference.repository);
	return registry_list(name->endpoint, url, scope, "tags", ret, err);
}

static int remove_tags(struct context *context, const struct registry_name *name, const struct strlist *tags, struct error *err)
{
	for (size_t i = 0; i < tags->len; i++) {
		if (remove_one(name, tags->items[i], err) < 0)
			return -1;
		if (!context->quiet)
			printf("Untagged: %s:%s\n", name->reference.repository, tags->items[i]);
	}
	return 0;
}

static int not_named(const char *text, struct error *err)
{
	error_set(err, ERROR_USAGE, "%s names no tag and no digest", text);
	return error_hint(err, "all tags of a repository go with --all");
}

static int remove_named(struct context *context, const char *text, struct error *err)
{
	struct registry_name name _cleanup_(registry_name_close) = { 0 };
	struct strlist tags _cleanup_(strlist_free) = { 0 };
	char digest[DIGEST_TEXT_SIZE];

	if (registry_name_open(context, text, &name, err) < 0)
		return -1;
	if (name.reference.has_digest) {
		if (remove_one(&name, NULL, err) < 0)
			return -1;
		if (!context->quiet)
			printf("Deleted: %s@%s\n", name.reference.repository, digest_print(&name.reference.digest, digest));
		return 0;
	}
	if (name.reference.tag)
		strlist_add(&tags, name.reference.tag);
	else if (!all)
		return not_named(text, err);
	else if (list_tags(&name, &tags, err) < 0)
		return -1;
	return remove_tags(context, &name, &tags, err);
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	for (int i = 0; i < argc; i++)
		if (remove_named(context, argv[i], err) < 0)
			return -1;
	return 0;
}

const struct command command_registry_rm = {
	.name = "registry rm",
	.usage = "[--all] REPOSITORY:TAG|REPOSITORY@DIGEST…",
	.summary = "Take tags and manifests away",
	.details = "A digest takes the manifest with all its tags. The space comes back with the next gc, once nothing else needs the parts.",
	.options = options,
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
