/* The plan of a join: see join.h. */
#include "board/join.h"

#include "oci/reference.h"
#include "remote/config.h"

/* ---- names ---- */

static int check_registry(const char *registry, struct error *err)
{
	_cleanup_(freep) char *text = xprintf("%s/x", registry);
	struct reference reference = { 0 };
	bool good = reference_parse(text, &reference, NULL) == 0 && str_equal(reference.registry, registry);

	reference_clear(&reference);
	if (good)
		return 0;
	error_set(err, ERROR_USAGE, "'%s' is no registry", registry);
	return error_hint(err, "a registry is HOST:PORT, as in 10.0.0.5:6000: no http:// and no path");
}

char *join_file_name(const char *registry)
{
	char *name = xstrdup(registry);

	for (char *at = name; *at; at++)
		if (strchr(":[]", *at))
			*at = '_';
	return name;
}

char *join_journal(const char *registry, struct error *err)
{
	if (check_registry(registry, err) < 0)
		return NULL;
	_cleanup_(freep) char *name = join_file_name(registry);
	return xprintf("/var/lib/sampan/join/%s.json", name);
}

/* "docker.io=hub" */
static int mirror_parse(const char *text, struct join_mirror *ret, struct error *err)
{
	const char *equals = strchrnul(text, '=');
	struct join_mirror mirror = { .registry = xstrndup(text, (size_t)(equals - text)), .prefix = xstrdup(*equals ? equals + 1 : "") };
	int result = check_registry(mirror.registry, err);

	if (result == 0 && *mirror.prefix && !repository_name_valid(mirror.prefix))
		result = error_set(err, ERROR_USAGE, "'%s' is no repository", mirror.prefix);
	if (result < 0) {
		free(mirror.registry);
		free(mirror.prefix);
		return error_wrap(err, "--mirror");
	}
	*ret = mirror;
	return 0;
}

static int read_mirrors(struct join *join, struct error *err)
{
	const struct strlist *texts = &join->options->mirrors;

	join->mirrors = xcalloc(texts->len + 1, sizeof *join->mirrors);
	for (size_t i = 0; i < texts->len; i++) {
		if (mirror_parse(texts->items[i], &join->mirrors[i], err) < 0)
			return -1;
		join->mirrors_len++;
	}
	return 0;
}

static void join_clear(struct join *join)
{
	for (size_t i = 0; i < join->mirrors_len; i++) {
		free(join->mirrors[i].registry);
		free(join->mirrors[i].prefix);
	}
	free(join->mirrors);
	free(join->url);
	free(join->authorization);
}

void join_plan_clear(struct join_plan *plan)
{
	change_set_clear(&plan->set);
	strlist_free(&plan->engines);
	strlist_free(&plan->commands);
	strlist_free(&plan->notes);
}

/* ---- the engines ---- */

static bool is_here(const struct join *join, const struct join_engine *engine)
{
	if (str_equal(engine->name, "k3s") && join->options->k3s_data && change_set_has(&join->plan->set, join->options->k3s_data))
		return true;
	for (size_t i = 0; engine->signs[i]; i++)
		if (change_set_has(&join->plan->set, engine->signs[i]))
			return true;
	/* Who reads this runs sampan; beneath another root it must be installed. */
	return str_equal(engine->name, "sampan") && str_equal(join->options->prefix, "/");
}

static int check_only(const struct strlist *only, struct error *err)
{
	const char *names[16] = { NULL };

	for (size_t i = 0; join_engines[i].name && i + 1 < array_len(names); i++)
		names[i] = join_engines[i].name;
	for (size_t i = 0; i < only->len; i++) {
		const char *const *at = names;
		while (*at && !str_equal(*at, only->items[i]))
			at++;
		if (*at)
			continue;
		const char *near = str_nearest(only->items[i], names);
		error_set(err, ERROR_USAGE, "there is no engine '%s' to set up", only->items[i]);
		return near ? error_hint(err, "did you mean '%s'?", near) : error_hint(err, "docker, containerd, k3s, podman and sampan are known");
	}
	return 0;
}

static int prepare_engines(struct join *join, struct error *err)
{
	const struct strlist *only = &join->options->only;

	for (const struct join_engine *engine = join_engines; engine->name; engine++) {
		bool here = is_here(join, engine);
		if (only->len && !strlist_has(only, engine->name))
			continue;
		if (only->len && !here)
			return error_set(err, ERROR_NOT_FOUND, "there is no %s on this node", engine->name);
		if (!here)
			continue;
		strlist_add(&join->plan->engines, engine->name);
		if (engine->prepare(join, err) < 0)
			return error_wrap(err, "%s", engine->name);
	}
	if (join->plan->engines.len)
		return 0;
	error_set(err, ERROR_NOT_FOUND, "there is nothing to set up beneath %s: no docker, containerd, K3s, podman or sampan was found", join->options->prefix);
	return error_hint(err, "install one of them first; K3s in an unusual place is found by --k3s-data-dir");
}

static int make_plan(struct join *join, struct error *err)
{
	const struct join_options *options = join->options;
	struct join_plan *plan = join->plan;

	plan->tls = join->probe->tls;
	join->url = xprintf("%s://%s", plan->tls ? "https" : "http", options->registry);
	if (options->probe.username) {
		join->authorization = credentials_encode(options->probe.username, options->probe.password);
		strlist_add(&plan->set.secrets, join->authorization);
		if (strlen(options->probe.password) > 2)
			strlist_add(&plan->set.secrets, options->probe.password);
	}
	return prepare_engines(join, err);
}

int join_make_plan(const struct join_options *options, struct join_plan *ret, struct error *err)
{
	struct join_plan plan _cleanup_(join_plan_clear) = { 0 };
	struct probe probe _cleanup_(probe_clear) = { 0 };
	struct join join _cleanup_(join_clear) = { .options = options, .probe = &probe, .plan = &plan };

	if (check_registry(options->registry, err) < 0 || check_only(&options->only, err) < 0 || read_mirrors(&join, err) < 0 ||
	    change_set_open(options->prefix, &plan.set, err) < 0 || registry_probe(options->registry, &options->probe, &probe, err) < 0 ||
	    make_plan(&join, err) < 0)
		return -1;
	*ret = plan;
	plan = (struct join_plan){ 0 };
	return 0;
}
