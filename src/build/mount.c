/* RUN --mount=type=…,key=value: see flags.h.
 *
 * Each key is a row of a table that says which types have it. What depends on the type is checked at the end, since the type may stand
 * behind it. */
#include <assert.h>
#include <stddef.h>
#include <strings.h>

#include "build/diagnose.h"
#include "build/flags.h"

#define TYPE(name) (1u << RUN_MOUNT_##name)
#define ALL_TYPES (TYPE(BIND) | TYPE(CACHE) | TYPE(TMPFS) | TYPE(SECRET) | TYPE(SSH))

/* As in enum run_mount_type and enum cache_sharing. */
static const char *const type_names[] = { "bind", "cache", "tmpfs", "secret", "ssh", NULL };
static const char *const sharing_names[] = { "shared", "private", "locked", NULL };
static_assert(array_len(type_names) == RUN_MOUNT_SSH + 2, "a name for each type");
static_assert(array_len(sharing_names) == CACHE_LOCKED + 2, "a name for each sharing");

enum key_id { KEY_TYPE, KEY_TARGET, KEY_SOURCE, KEY_FROM, KEY_ID, KEY_ENV, KEY_RO, KEY_RW, KEY_REQUIRED, KEY_SHARING, KEY_MODE, KEY_UID,
	      KEY_GID, KEY_SIZE };

static const struct key {
	const char *name;
	enum key_id id;
	unsigned types;
} keys[] = {
	{ "type", KEY_TYPE, ALL_TYPES },
	{ "target", KEY_TARGET, ALL_TYPES },
	{ "dst", KEY_TARGET, ALL_TYPES },
	{ "destination", KEY_TARGET, ALL_TYPES },
	{ "source", KEY_SOURCE, TYPE(BIND) | TYPE(CACHE) | TYPE(SECRET) },
	{ "src", KEY_SOURCE, TYPE(BIND) | TYPE(CACHE) | TYPE(SECRET) },
	{ "from", KEY_FROM, TYPE(BIND) | TYPE(CACHE) },
	{ "id", KEY_ID, TYPE(CACHE) | TYPE(SECRET) | TYPE(SSH) },
	{ "env", KEY_ENV, TYPE(SECRET) },
	{ "readonly", KEY_RO, ALL_TYPES },
	{ "ro", KEY_RO, ALL_TYPES },
	{ "readwrite", KEY_RW, ALL_TYPES },
	{ "rw", KEY_RW, ALL_TYPES },
	{ "required", KEY_REQUIRED, TYPE(SECRET) | TYPE(SSH) },
	{ "sharing", KEY_SHARING, TYPE(CACHE) },
	{ "mode", KEY_MODE, TYPE(CACHE) | TYPE(SECRET) | TYPE(SSH) },
	{ "uid", KEY_UID, TYPE(CACHE) | TYPE(SECRET) | TYPE(SSH) },
	{ "gid", KEY_GID, TYPE(CACHE) | TYPE(SECRET) | TYPE(SSH) },
	{ "size", KEY_SIZE, TYPE(TMPFS) },
};

/* A mount while its keys are read. */
struct reading {
	struct run_mount mount;
	const struct key *given[32];
	size_t given_len;
	bool has_mode, has_access, type_unknown;
};

void mount_clear(struct run_mount *mount)
{
	free(mount->target);
	free(mount->source);
	free(mount->from);
	free(mount->id);
	free(mount->env);
	*mount = (struct run_mount){ 0 };
}

static void reading_clear(struct reading *reading)
{
	mount_clear(&reading->mount);
}

static void set_string(char **field, const char *value)
{
	free(*field);
	*field = *value ? xstrdup(value) : NULL;
}

static int set_choice(const char *key, const char *const *names, const char *value, int *ret, struct error *err)
{
	for (int i = 0; names[i]; i++) {
		if (!strcasecmp(names[i], value)) {
			*ret = i;
			return 0;
		}
	}
	_cleanup_(freep) char *suggestion = diagnose_suggest(value, names);
	return error_set(err, ERROR_INVALID, "unsupported %s '%s'%s", key, value, suggestion);
}

static int set_bool(const char *key, const char *value, bool *ret, struct error *err)
{
	static const char *const yes[] = { "1", "t", "true" }, *const no[] = { "0", "f", "false" };

	for (size_t i = 0; i < array_len(yes); i++) {
		if (!strcasecmp(value, yes[i]) || !strcasecmp(value, no[i])) {
			*ret = !strcasecmp(value, yes[i]);
			return 0;
		}
	}
	return error_set(err, ERROR_INVALID, "%s is true or false, not '%s'", key, value);
}

static int set_octal(const char *value, int *ret, struct error *err)
{
	size_t len = strlen(value);

	if (!len || len > 6 || strspn(value, "01234567") != len || strtol(value, NULL, 8) > 07777)
		return error_set(err, ERROR_INVALID, "mode is an octal number like 0755, not '%s'", value);
	*ret = (int)strtol(value, NULL, 8);
	return 0;
}

static int set_key(struct reading *reading, const struct key *key, const char *value, struct error *err)
{
	struct run_mount *mount = &reading->mount;
	int choice = 0;

	switch (key->id) {
	case KEY_TYPE:
		if (set_choice("mount type", type_names, value, &choice, err) < 0)
			return -1;
		mount->type = (enum run_mount_type)choice;
		return 0;
	case KEY_SHARING:
		if (set_choice("sharing", sharing_names, value, &choice, err) < 0)
			return -1;
		mount->sharing = (enum cache_sharing)choice;
		return 0;
	case KEY_TARGET:
		set_string(&mount->target, value);
		return 0;
	case KEY_SOURCE:
		set_string(&mount->source, value);
		return 0;
	case KEY_FROM:
		set_string(&mount->from, value);
		return 0;
	case KEY_ID:
		set_string(&mount->id, value);
		return 0;
	case KEY_ENV:
		set_string(&mount->env, value);
		return 0;
	case KEY_RO:
		reading->has_access = true;
		return set_bool(key->name, value, &mount->read_only, err);
	case KEY_RW:
		reading->has_access = true;
		if (set_bool(key->name, value, &mount->read_only, err) < 0)
			return -1;
		mount->read_only = !mount->read_only;
		return 0;
	case KEY_REQUIRED:
		return set_bool(key->name, value, &mount->required, err);
	case KEY_MODE:
		reading->has_mode = true;
		return set_octal(value, &mount->mode, err);
	case KEY_UID:
		return str_to_int(value, 0, UINT32_MAX - 1, &mount->uid, err);
	case KEY_GID:
		return str_to_int(value, 0, UINT32_MAX - 1, &mount->gid, err);
	case KEY_SIZE:
		return size_parse(value, &mount->size, err);
	}
	return 0;
}

static const struct key *key_find(const char *name, size_t len, struct error *err)
{
	const char *names[array_len(keys) + 1];

	for (size_t i = 0; i < array_len(keys); i++) {
		names[i] = keys[i].name;
		if (strlen(keys[i].name) == len && !strncasecmp(keys[i].name, name, len))
			return &keys[i];
	}
	names[array_len(keys)] = NULL;
	_cleanup_(freep) char *word = xstrndup(name, len), *suggestion = diagnose_suggest(word, names);
	error_set(err, ERROR_INVALID, "unexpected key '%s'%s", word, suggestion);
	return NULL;
}

/* One field: "key=value", or a bare "ro", "rw" or "required". */
static int read_field(struct reading *reading, const char *field, const struct expand_options *options, struct error *err)
{
	const char *equals = strchr(field, '='), *value = equals ? equals + 1 : "true";
	const struct key *key = key_find(field, equals ? (size_t)(equals - field) : strlen(field), err);
	_cleanup_(freep) char *expanded = NULL;

	if (!key)
		return -1;
	if (!equals && key->id != KEY_RO && key->id != KEY_RW && key->id != KEY_REQUIRED)
		return error_set(err, ERROR_INVALID, "'%s' needs a value: %s=…", field, field);
	if (reading->given_len == array_len(reading->given))
		return error_set(err, ERROR_INVALID, "there are too many keys");
	reading->given[reading->given_len++] = key;
	if (strchr(value, '$')) {
		if (key->id == KEY_FROM) {
			error_set(err, ERROR_INVALID, "from takes no variables");
			return error_hint(err, "define a stage with FROM %s AS name and name that stage", value);
		}
		if (!options && key->id != KEY_TARGET && key->id != KEY_SOURCE && key->id != KEY_ID && key->id != KEY_ENV) {
			reading->type_unknown |= key->id == KEY_TYPE;
			return 0;
		}
	}
	if (options && equals) {
		if (expand_text(value, options, &expanded, err) < 0)
			return -1;
		value = expanded;
	}
	return set_key(reading, key, value, err);
}

/* The next field of comma-separated values, where a field may be in double quotes. NULL at the end. Owned by the caller. */
static char *next_field(const char **at)
{
	_cleanup_(buf_free) struct buf field = { 0 };
	const char *text = *at;
	bool quoted = *text == '"';

	if (!*text)
		return NULL;
	for (text += quoted; *text && (quoted || *text != ','); text++) {
		if (quoted && *text == '"') {
			if (text[1] != '"') {
				quoted = false;
				continue;
			}
			text++;
		}
		buf_add_char(&field, *text);
	}
	*at = text + (*text == ',');
	return buf_steal(&field);
}

static int check_keys(const struct reading *reading, struct error *err)
{
	const struct run_mount *mount = &reading->mount;

	for (size_t i = 0; i < reading->given_len; i++)
		if (!(reading->given[i]->types & 1u << mount->type))
			return error_set(err, ERROR_INVALID, "a %s mount has no %s", type_names[mount->type], reading->given[i]->name);
	if (mount->type == RUN_MOUNT_SECRET && mount->source && mount->id)
		return error_set(err, ERROR_INVALID, "source and id are the same thing: give one of them");
	if (mount->type == RUN_MOUNT_SECRET && !mount->source && !mount->target && !mount->id)
		return error_set(err, ERROR_INVALID, "a secret mount needs an id or a target");
	if ((mount->type == RUN_MOUNT_BIND || mount->type == RUN_MOUNT_CACHE || mount->type == RUN_MOUNT_TMPFS) && !mount->target)
		return error_set(err, ERROR_INVALID, "a %s mount needs a target", type_names[mount->type]);
	return 0;
}

static void set_defaults(struct reading *reading)
{
	static const int modes[] = { 0, 0755, 0, 0400, 0600 };
	struct run_mount *mount = &reading->mount;

	if (!reading->has_mode)
		mount->mode = modes[mount->type];
	if (!reading->has_access)
		mount->read_only = mount->type != RUN_MOUNT_CACHE && mount->type != RUN_MOUNT_TMPFS;
	if (mount->type == RUN_MOUNT_SECRET && mount->source)
		mount->id = steal(mount->source);
	if (mount->type == RUN_MOUNT_SECRET && !mount->id) {
		const char *slash = strrchr(mount->target, '/');
		mount->id = xstrdup(slash ? slash + 1 : mount->target);
	}
	if (mount->type == RUN_MOUNT_CACHE && !mount->id)
		mount->id = xstrdup(mount->target);
	if (mount->type == RUN_MOUNT_SSH && !mount->id)
		mount->id = xstrdup("default");
}

int run_mount_parse(const char *text, const struct expand_options *options, struct run_mount *ret, struct error *err)
{
	_cleanup_(reading_clear) struct reading reading = { 0 };

	for (const char *at = text; *at;) {
		_cleanup_(freep) char *field = next_field(&at);
		if (read_field(&reading, field, options, err) < 0)
			return -1;
	}
	if (!reading.type_unknown) {
		if (check_keys(&reading, err) < 0)
			return -1;
		set_defaults(&reading);
	}
	*ret = reading.mount;
	reading.mount = (struct run_mount){ 0 };
	return 0;
}
