/* sampan registry: looks after what this store publishes, and, where that can be asked over HTTP, after other registries. */
#include <stdio.h>

#include "base/json.h"
#include "cmd/registry.h"
#include "remote/transport.h"

extern const struct command command_gc, command_fsck;

static const struct command_part parts[] = {
	{ "ls", &command_registry_ls },	  { "tags", &command_registry_tags }, { "inspect", &command_registry_inspect },
	{ "rm", &command_registry_rm },	  { "df", &command_registry_df },     { "retain", &command_registry_retain },
	{ "gc", &command_gc },		  { "fsck", &command_fsck },
	{ "health", &command_registry_health },
	{ 0 },
};

/* ---- names ---- */

static bool has_host(const char *text)
{
	size_t len = strcspn(text, "/");

	return text[len] && (memchr(text, '.', len) || memchr(text, ':', len) || *text == '[' || (len == 9 && !strncmp(text, "localhost", len)));
}

bool registry_host_alone(const char *text)
{
	const char *slash = strchr(text, '/');

	return !strpbrk(text, "*?") && (slash ? !slash[1] : strchr(text, ':') || strchr(text, '.') || str_equal(text, "localhost"));
}

/* The text as the name of a repository of ours; false if it can't be one. */
static bool parse_local(const char *text, struct reference *ret)
{
	const char *at = strchr(text, '@'), *end = at ? at : text + strlen(text), *slash = strrchr(text, '/');
	const char *colon = strchr(slash ? slash : text, ':');
	_cleanup_(freep) char *name = xstrndup(text, (size_t)((colon && colon < end ? colon : end) - text));
	_cleanup_(freep) char *tag = colon && colon < end ? xstrndup(colon + 1, (size_t)(end - colon - 1)) : NULL;

	if (!repository_name_valid(name) || (tag && !tag_valid(tag)) || (at && digest_parse(at + 1, &ret->digest, NULL) < 0))
		return false;
	ret->registry = xstrdup("");
	ret->repository = steal(name);
	ret->tag = steal(tag);
	ret->has_digest = at;
	return true;
}

int registry_name_open(struct context *context, const char *text, struct registry_name *ret, struct error *err)
{
	struct registry_name name _cleanup_(registry_name_close) = { 0 };
	struct remote_options options;
	bool ours = parse_local(text, &name.reference);

	if (!ours && !has_host(text))
		return error_set(err, ERROR_USAGE, "'%s' is not the name of a repository", text);
	if (ours && store_open(context->root, &name.store, err) < 0)
		return -1;
	if (ours && has_host(text) && !store_repository_exists(name.store, "", name.reference.repository)) {
		store_close(&name.store);
		reference_clear(&name.reference);
		ours = false;
	}
	if (!ours && (reference_parse(text, &name.reference, err) < 0 || remote_flags_read(NULL, &options, err) < 0 ||
		      endpoint_open(name.reference.registry, name.reference.repository, &options, &name.endpoint, err) < 0))
		return -1;
	const char *slash = strrchr(text, '/');
	if (!ours && !strchr(slash ? slash : text, ':'))
		free(steal(name.reference.tag)); /* "latest" is not what was asked for */
	*ret = name;
	name = (struct registry_name){ 0 };
	return 0;
}

void registry_name_close(struct registry_name *name)
{
	store_close(&name->store);
	endpoint_close(&name->endpoint);
	reference_clear(&name->reference);
}

/* ---- other registries ---- */

int registry_host_open(const char *text, struct endpoint **ret, struct error *err)
{
	_cleanup_(freep) char *host = xstrndup(text, strcspn(text, "/"));
	struct remote_options options;

	return remote_flags_read(NULL, &options, err) < 0 ? -1 : endpoint_open(host, NULL, &options, ret, err);
}

int registry_ask(struct endpoint *endpoint, const char *method, const char *url, const char *scope, size_t limit, struct answer *ret,
		 struct error *err)
{
	struct strlist headers _cleanup_(strlist_free) = { 0 };
	struct request request = { .method = method, .url = url, .scope = scope, .headers = &headers, .limit = limit };

	strlist_printf(&headers, "Accept: %s, %s, %s, %s", media_type_text(MEDIA_OCI_INDEX), media_type_text(MEDIA_OCI_MANIFEST),
		       media_type_text(MEDIA_DOCKER_LIST), media_type_text(MEDIA_DOCKER_MANIFEST));
	if (endpoint_request(endpoint, &request, ret, NULL, err) < 0)
		return -1;
	return ret->status >= 200 && ret->status < 300 ? 0 : endpoint_failed(endpoint, ret, err);
}

static char *next_page(const struct answer *answer)
{
	const char *link = answer_header(answer, "Link");
	_cleanup_(freep) char *target = link ? link_next_parse(link) : NULL;

	return !target || *target == '/' ? steal(target) : url_resolve(answer->url, target);
}

int registry_list(struct endpoint *endpoint, const char *url, const char *scope, const char *key, struct strlist *ret, struct error *err)
{
	enum { PAGES_MAX = 100000, PAGE_BYTES = 4 << 20 };
	_cleanup_(freep) char *at = xstrdup(url);

	for (int page = 0; at && page < PAGES_MAX; page++) {
		struct answer answer _cleanup_(answer_clear) = { 0 };
		size_t before = ret->len;
		if (registry_ask(endpoint, "GET", at, scope, PAGE_BYTES, &answer, err) < 0)
			return -1;
		_cleanup_(json_release) json_t *object = json_parse(answer.body.data ? answer.body.data : "", answer.body.len, "list", err);
		if (!object || json_get_strlist(object, key, ret, err) < 0)
			return -1;
		free(at);
		at = ret->len > before ? next_page(&answer) : NULL;
	}
	for (size_t i = 0; i < ret->len; i++)
		str_make_printable(ret->items[i]);
	return 0;
}

/* ---- the command ---- */

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	const char *names[array_len(parts)] = { NULL };

	for (size_t i = 0; parts[i].name; i++) {
		names[i] = parts[i].name;
		if (!str_equal(argv[0], parts[i].name))
			continue;
		const struct command *command = parts[i].command;
		int parsed = option_parse(command, context, argc - 1, argv + 1, &argc, &argv, err);
		return parsed ? parsed < 0 ? -1 : 0 : command->run(context, argc, argv, err);
	}
	const char *near = str_nearest(argv[0], names);
	error_set(err, ERROR_USAGE, "there is no 'sampan registry %s'", argv[0]);
	return near ? error_hint(err, "did you mean 'sampan registry %s'?", near) : error_hint(err, "'sampan registry --help' lists what there is");
}

const struct command command_registry = {
	.name = "registry",
	.group = "Registry",
	.usage = "ls|tags|inspect|rm|df|retain|gc|fsck|health [OPTIONS] …",
	.summary = "Look after what this store publishes",
	.details = "  ls [PATTERN|HOST:PORT]           repositories\n"
		   "  tags REPOSITORY                  tags with digests, platforms and sizes\n"
		   "  inspect REPOSITORY[:TAG|@DIGEST] what a manifest or index is made of\n"
		   "  rm REPOSITORY:TAG|@DIGEST…       takes tags and manifests away\n"
		   "  df                               what each repository holds\n"
		   "  retain                           applies retention rules now; --dry-run shows what they would take\n"
		   "  gc, fsck                         as 'sampan gc' and 'sampan fsck'\n"
		   "  health [HOST:PORT]               is a registry ready? For probes that have neither shell nor curl\n"
		   "REPOSITORY is one of this store, or HOST:PORT/NAME of another registry for ls, tags, inspect and rm.\n"
		   "'sampan registry ls --help' and so on tell more.",
	.parts = parts,
	.min_args = 1,
	.max_args = -1,
	.stop_at_argument = true,
	.run = run,
};
