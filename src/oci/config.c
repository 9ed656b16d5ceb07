/* Image configurations: see config.h. This file parses and owns; config_print.c writes.
 *
 * Docker writes null where there is nothing ("Entrypoint": null), so null is the same as missing everywhere. What is of a wrong type is
 * refused, what is unknown stays in `rest`. */
#include <stdlib.h>

#include "base/json.h"
#include "oci/config.h"
#include "oci/manifest.h"

/* A string field, copied; NULL if it is missing or empty. */
static int take_string(const json_t *object, const char *key, char **ret, struct error *err)
{
	const char *text;

	if (json_get_string(object, key, &text, err) < 0)
		return -1;
	*ret = str_empty(text) ? NULL : xstrdup(text);
	return 0;
}

static int take_time(const json_t *object, const char *key, char **ret, struct error *err)
{
	struct timespec when;

	if (take_string(object, key, ret, err) < 0)
		return -1;
	return *ret && time_parse(*ret, &when, err) < 0 ? error_wrap(err, "%s", key) : 0;
}

static int take_platform_part(const json_t *object, const char *key, bool required, char *field, size_t size, struct error *err)
{
	const char *text;

	if (json_get_string(object, key, &text, err) < 0)
		return -1;
	if (required && str_empty(text))
		return error_set(err, ERROR_INVALID, "the field '%s' is missing", key);
	if (text && strlen(text) >= size)
		return error_set(err, ERROR_INVALID, "the field '%s' is longer than %zu characters", key, size - 1);
	if (text)
		strcpy(field, text);
	return 0;
}

static int take_head(const json_t *object, struct image_config *config, struct error *err)
{
	struct platform *p = &config->platform;

	if (take_platform_part(object, "architecture", true, p->architecture, sizeof p->architecture, err) < 0 ||
	    take_platform_part(object, "os", true, p->os, sizeof p->os, err) < 0 ||
	    take_platform_part(object, "variant", false, p->variant, sizeof p->variant, err) < 0 ||
	    take_platform_part(object, "os.version", false, p->os_version, sizeof p->os_version, err) < 0)
		return -1;
	return take_time(object, "created", &config->created, err) < 0 ? -1 : take_string(object, "author", &config->author, err);
}

/* A list that may be missing, empty or full. */
static int take_list(const json_t *object, const char *key, struct strlist *ret, bool *ret_has, struct error *err)
{
	int found = json_get_strlist(object, key, ret, err);

	if (found >= 0 && ret_has)
		*ret_has = found;
	return found < 0 ? -1 : 0;
}

static int compare_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* {"6379/tcp": {}}: the keys are a set. */
static int take_set(const json_t *object, const char *key, struct strlist *ret, struct error *err)
{
	json_t *set, *value;
	const char *name;

	if (json_get_object(object, key, &set, err) < 0)
		return -1;
	json_object_foreach(set, name, value) {
		if (!json_is_object(value) && !json_is_null(value))
			return error_set(err, ERROR_INVALID, "the field '%s' is not a set of names", key);
		strlist_add(ret, name);
	}
	if (ret->len)
		qsort(ret->items, ret->len, sizeof *ret->items, compare_text);
	return 0;
}

/* A label whose name holds '=' can't be in a list of KEY=VALUE: it stays in rest, from where config_print takes it. */
static int take_labels(const json_t *object, struct strlist *ret, struct error *err)
{
	json_t *labels, *value;
	const char *name;

	if (json_get_object(object, "Labels", &labels, err) < 0)
		return -1;
	json_object_foreach(labels, name, value) {
		if (!json_is_string(value))
			return error_set(err, ERROR_INVALID, "a label is not a string");
		if (!strchr(name, '='))
			strlist_printf(ret, "%s=%s", name, json_string_value(value));
	}
	return 0;
}

static int take_health(const json_t *object, struct healthcheck *health, struct error *err)
{
	json_t *check;
	int found = json_get_object(object, "Healthcheck", &check, err);

	if (found <= 0)
		return found;
	if (json_get_strlist(check, "Test", &health->test, err) < 0 || json_get_int(check, "Interval", &health->interval, err) < 0 ||
	    json_get_int(check, "Timeout", &health->timeout, err) < 0 || json_get_int(check, "StartPeriod", &health->start_period, err) < 0 ||
	    json_get_int(check, "StartInterval", &health->start_interval, err) < 0 ||
	    json_get_int(check, "Retries", &health->retries, err) < 0)
		return error_wrap(err, "Healthcheck");
	return 0;
}

static int take_execution(const json_t *object, struct image_config *config, struct error *err)
{
	json_t *inner;
	int found = json_get_object(object, "config", &inner, err);

	if (found <= 0)
		return found;
	if (take_string(inner, "User", &config->user, err) < 0 || take_string(inner, "WorkingDir", &config->working_dir, err) < 0 ||
	    take_string(inner, "StopSignal", &config->stop_signal, err) < 0 ||
	    take_list(inner, "Env", &config->env, NULL, err) < 0 ||
	    take_list(inner, "Entrypoint", &config->entrypoint, &config->has_entrypoint, err) < 0 ||
	    take_list(inner, "Cmd", &config->cmd, &config->has_cmd, err) < 0 ||
	    take_list(inner, "Shell", &config->shell, &config->has_shell, err) < 0 ||
	    take_list(inner, "OnBuild", &config->onbuild, NULL, err) < 0 ||
	    take_set(inner, "ExposedPorts", &config->exposed_ports, err) < 0 || take_set(inner, "Volumes", &config->volumes, err) < 0 ||
	    take_labels(inner, &config->labels, err) < 0 || take_health(inner, &config->health, err) < 0)
		return error_wrap(err, "config");
	return 0;
}

static int take_rootfs(const json_t *object, struct image_config *config, struct error *err)
{
	json_t *rootfs, *list, *item;
	const char *type;
	size_t i;

	if (json_get_object(object, "rootfs", &rootfs, err) < 0)
		return -1;
	if (!rootfs)
		return error_set(err, ERROR_INVALID, "the field 'rootfs' is missing");
	if (json_get_string(rootfs, "type", &type, err) < 0 || json_get_array(rootfs, "diff_ids", &list, err) < 0)
		return error_wrap(err, "rootfs");
	if (!str_equal(type, "layers"))
		return error_set(err, ERROR_INVALID, "the type of rootfs is not 'layers'");
	if (json_array_size(list) > MANIFEST_CHILDREN_MAX)
		return error_set(err, ERROR_TOO_LARGE, "it has %zu layers; at most %d are taken", json_array_size(list), MANIFEST_CHILDREN_MAX);
	json_array_foreach(list, i, item) {
		struct digest diff_id;
		if (!json_is_string(item))
			return error_set(err, ERROR_INVALID, "diff_ids[%zu] is not a string", i);
		if (digest_parse(json_string_value(item), &diff_id, err) < 0)
			return error_wrap(err, "diff_ids[%zu]", i);
		config_add_diff_id(config, &diff_id);
	}
	return 0;
}

static void history_clear(struct history *history)
{
	free(history->created);
	free(history->created_by);
	free(history->comment);
	free(history->author);
	*history = (struct history){ 0 };
}

static int take_history_entry(const json_t *item, struct history *history, struct error *err)
{
	if (!json_is_object(item))
		return error_set(err, ERROR_INVALID, "it is not an object");
	if (take_time(item, "created", &history->created, err) < 0 || take_string(item, "created_by", &history->created_by, err) < 0 ||
	    take_string(item, "comment", &history->comment, err) < 0 || take_string(item, "author", &history->author, err) < 0)
		return -1;
	return json_get_bool(item, "empty_layer", &history->empty_layer, err) < 0 ? -1 : 0;
}

static int take_history(const json_t *object, struct image_config *config, struct error *err)
{
	json_t *list, *item;
	size_t i;

	if (json_get_array(object, "history", &list, err) < 0)
		return -1;
	json_array_foreach(list, i, item) {
		_cleanup_(history_clear) struct history history = { 0 };
		if (take_history_entry(item, &history, err) < 0)
			return error_wrap(err, "history[%zu]", i);
		config_add_history(config, &history);
	}
	return 0;
}

int config_parse(const char *text, size_t len, struct image_config *ret, struct error *err)
{
	_cleanup_(config_clear) struct image_config config = { 0 };

	if (len > CONFIG_SIZE_MAX)
		return error_set(err, ERROR_TOO_LARGE, "the image configuration has %zu bytes; at most %d are taken", len, CONFIG_SIZE_MAX);
	config.rest = json_parse(text, len, "image configuration", err);
	if (!config.rest)
		return -1;
	if (take_head(config.rest, &config, err) < 0 || take_execution(config.rest, &config, err) < 0 ||
	    take_rootfs(config.rest, &config, err) < 0 || take_history(config.rest, &config, err) < 0)
		return error_wrap(err, "the image configuration is not valid");
	*ret = config;
	config = (struct image_config){ 0 };
	return 0;
}

void config_clear(struct image_config *config)
{
	struct strlist *lists[] = { &config->env,   &config->entrypoint,    &config->cmd,     &config->shell,
				    &config->onbuild, &config->exposed_ports, &config->volumes, &config->labels, &config->health.test };

	for (size_t i = 0; i < array_len(lists); i++)
		strlist_free(lists[i]);
	for (size_t i = 0; i < config->history_len; i++)
		history_clear(&config->history[i]);
	free(config->history);
	free(config->diff_ids);
	free(config->created);
	free(config->author);
	free(config->user);
	free(config->working_dir);
	free(config->stop_signal);
	json_release(&config->rest);
	*config = (struct image_config){ 0 };
}

static void copy_lists(const struct image_config *from, struct image_config *to)
{
	strlist_add_all(&to->env, &from->env);
	strlist_add_all(&to->entrypoint, &from->entrypoint);
	strlist_add_all(&to->cmd, &from->cmd);
	strlist_add_all(&to->shell, &from->shell);
	strlist_add_all(&to->onbuild, &from->onbuild);
	strlist_add_all(&to->exposed_ports, &from->exposed_ports);
	strlist_add_all(&to->volumes, &from->volumes);
	strlist_add_all(&to->labels, &from->labels);
	strlist_add_all(&to->health.test, &from->health.test);
}

void config_copy(const struct image_config *from, struct image_config *to)
{
	*to = (struct image_config){
		.platform = from->platform,
		.created = xstrdup(from->created),
		.author = xstrdup(from->author),
		.user = xstrdup(from->user),
		.working_dir = xstrdup(from->working_dir),
		.stop_signal = xstrdup(from->stop_signal),
		.has_entrypoint = from->has_entrypoint,
		.has_cmd = from->has_cmd,
		.has_shell = from->has_shell,
		.health = from->health,
		.rest = json_incref(from->rest),
	};
	to->health.test = (struct strlist){ 0 };
	copy_lists(from, to);
	for (size_t i = 0; i < from->diff_ids_len; i++)
		config_add_diff_id(to, &from->diff_ids[i]);
	for (size_t i = 0; i < from->history_len; i++)
		config_add_history(to, &from->history[i]);
}

void config_add_diff_id(struct image_config *config, const struct digest *diff_id)
{
	xgrow(config->diff_ids, config->diff_ids_len);
	config->diff_ids[config->diff_ids_len++] = *diff_id;
}

void config_add_history(struct image_config *config, const struct history *history)
{
	xgrow(config->history, config->history_len);
	config->history[config->history_len++] = (struct history){
		.created = xstrdup(history->created),
		.created_by = xstrdup(history->created_by),
		.comment = xstrdup(history->comment),
		.author = xstrdup(history->author),
		.empty_layer = history->empty_layer,
	};
}

void config_chain_id(const struct digest *diff_ids, size_t n, struct digest *ret)
{
	struct digest chain = { 0 };

	if (n)
		chain = diff_ids[0];
	for (size_t i = 1; i < n; i++) {
		char text[2 * DIGEST_TEXT_SIZE + 1];
		digest_print(&chain, text);
		size_t len = strlen(text);
		text[len] = ' ';
		digest_print(&diff_ids[i], text + len + 1);
		digest_of(DIGEST_SHA256, text, strlen(text), &chain);
	}
	*ret = chain;
}
