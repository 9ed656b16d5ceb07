/* Writing image configurations.
 *
 * The order of keys is fixed, so that the same content gives the same digest: first what we know, then what came with the configuration
 * that this one was made from and that we do not know, in its old order. */
#include "base/json.h"
#include "oci/config.h"

/* Text from a command line may be anything; JSON holds only UTF-8. Bytes that are not become U+FFFD, as in Go's encoder. */
static json_t *replaced(const char *text)
{
	struct buf out = { 0 };

	while (*text) {
		size_t n = 1;
		json_t *sign = NULL;
		for (; n <= 4 && !sign && strnlen(text, n) == n; n++)
			sign = json_stringn(text, n);
		if (sign)
			buf_add(&out, text, --n);
		else
			buf_add_str(&out, "\xef\xbf\xbd");
		text += sign ? n : 1;
		json_decref(sign);
	}
	json_t *value = json_string(out.data ? out.data : "");
	buf_free(&out);
	return value;
}

static json_t *string_value(const char *text)
{
	json_t *value = json_string(text);

	return value ? value : replaced(text);
}

static void set_string(json_t *object, const char *key, const char *text)
{
	if (!str_empty(text))
		json_object_set_new(object, key, string_value(text));
}

static void set_list(json_t *object, const char *key, const struct strlist *list, bool has)
{
	if (!list->len && !has)
		return;
	json_t *array = json_array();
	for (size_t i = 0; i < list->len; i++)
		json_array_append_new(array, string_value(list->items[i]));
	json_object_set_new(object, key, array);
}

/* A key may be as broken as a value. */
static void set_member(json_t *object, const char *key, json_t *value)
{
	json_t *name = string_value(key);

	json_object_set_new(object, json_string_value(name), value);
	json_decref(name);
}

static void set_set(json_t *object, const char *key, const struct strlist *list)
{
	if (!list->len)
		return;
	json_t *set = json_object();
	for (size_t i = 0; i < list->len; i++)
		set_member(set, list->items[i], json_object());
	json_object_set_new(object, key, set);
}

/* The labels, and from the old ones those that a list of KEY=VALUE can't hold. */
static void set_labels(json_t *object, const struct strlist *list, const json_t *old)
{
	json_t *labels = json_object(), *value, *old_labels = json_object_get(old, "Labels");
	const char *key;

	for (size_t i = 0; i < list->len; i++) {
		const char *equals = strchrnul(list->items[i], '=');
		_cleanup_(freep) char *name = xstrndup(list->items[i], (size_t)(equals - list->items[i]));
		set_member(labels, name, string_value(*equals ? equals + 1 : ""));
	}
	json_object_foreach(old_labels, key, value)
		if (strchr(key, '='))
			json_object_set(labels, key, value);
	if (json_object_size(labels))
		json_object_set(object, "Labels", labels);
	json_decref(labels);
}

static void set_number(json_t *object, const char *key, int64_t number)
{
	if (number)
		json_object_set_new(object, key, json_integer(number));
}

static void set_health(json_t *object, const struct healthcheck *health)
{
	json_t *check = json_object();

	set_list(check, "Test", &health->test, false);
	set_number(check, "Interval", health->interval);
	set_number(check, "Timeout", health->timeout);
	set_number(check, "StartPeriod", health->start_period);
	set_number(check, "StartInterval", health->start_interval);
	set_number(check, "Retries", health->retries);
	if (json_object_size(check))
		json_object_set(object, "Healthcheck", check);
	json_decref(check);
}

/* Copies what is in `old` and not among the known names. */
static void set_unknown(json_t *object, const json_t *old, const char *const *known)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)old, key, value) {
		size_t i = 0;
		while (known[i] && !str_equal(known[i], key))
			i++;
		if (!known[i])
			json_object_set(object, key, value);
	}
}

static json_t *execution(const struct image_config *config)
{
	static const char *const known[] = { "User",	   "ExposedPorts", "Env",	 "Entrypoint", "Cmd",	"Healthcheck", "Volumes",
					     "WorkingDir", "Labels",	   "StopSignal", "Shell",      "OnBuild", NULL };
	const json_t *old = json_object_get(config->rest, "config");
	json_t *object = json_object();

	set_string(object, "User", config->user);
	set_set(object, "ExposedPorts", &config->exposed_ports);
	set_list(object, "Env", &config->env, false);
	set_list(object, "Entrypoint", &config->entrypoint, config->has_entrypoint);
	set_list(object, "Cmd", &config->cmd, config->has_cmd);
	set_health(object, &config->health);
	set_set(object, "Volumes", &config->volumes);
	set_string(object, "WorkingDir", config->working_dir);
	set_labels(object, &config->labels, old);
	set_string(object, "StopSignal", config->stop_signal);
	set_list(object, "Shell", &config->shell, config->has_shell);
	set_list(object, "OnBuild", &config->onbuild, false);
	set_unknown(object, old, known);
	return object;
}

static json_t *rootfs(const struct image_config *config)
{
	json_t *object = json_object(), *list = json_array();
	char text[DIGEST_TEXT_SIZE];

	for (size_t i = 0; i < config->diff_ids_len; i++)
		json_array_append_new(list, json_string(digest_print(&config->diff_ids[i], text)));
	json_object_set_new(object, "type", json_string("layers"));
	json_object_set_new(object, "diff_ids", list);
	return object;
}

static json_t *history(const struct image_config *config)
{
	json_t *list = json_array();

	for (size_t i = 0; i < config->history_len; i++) {
		const struct history *entry = &config->history[i];
		json_t *object = json_object();
		set_string(object, "created", entry->created);
		set_string(object, "created_by", entry->created_by);
		set_string(object, "comment", entry->comment);
		set_string(object, "author", entry->author);
		if (entry->empty_layer)
			json_object_set_new(object, "empty_layer", json_true());
		json_array_append_new(list, object);
	}
	return list;
}

void config_print(const struct image_config *config, struct buf *ret)
{
	static const char *const known[] = { "architecture", "os",     "variant", "os.version", "created",
					     "author",	     "config", "rootfs",  "history",	NULL };
	_cleanup_(json_release) json_t *object = json_object();

	json_object_set_new(object, "architecture", string_value(config->platform.architecture));
	json_object_set_new(object, "os", string_value(config->platform.os));
	set_string(object, "variant", config->platform.variant);
	set_string(object, "os.version", config->platform.os_version);
	set_string(object, "created", config->created);
	set_string(object, "author", config->author);
	json_object_set_new(object, "config", execution(config));
	json_object_set_new(object, "rootfs", rootfs(config));
	if (config->history_len)
		json_object_set_new(object, "history", history(config));
	set_unknown(object, config->rest, known);
	_cleanup_(freep) char *text = json_text(object);
	buf_add_str(ret, text);
}
