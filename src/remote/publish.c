/* Changes of published repositories beside the server: see publish.h. Rules and notices are records of the store. */
#include "remote/publish.h"

#include <pwd.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/uuid.h"

enum { NOTICES_MAX = 1000 };

static const char RULES[] = "publish", RULES_KEY[] = "rules", NOTICES[] = "publish-notice";

/* ---- rules ---- */

static int rules_get(struct store *store, json_t **ret, struct error *err)
{
	_cleanup_(freep) char *text = NULL;

	if (store_record_get(store, RULES, RULES_KEY, &text, err) < 0)
		return -1;
	*ret = text ? json_parse(text, strlen(text), "rules", err) : json_object();
	return *ret ? 0 : -1;
}

int publish_rules_set(struct store *store, bool notices, const struct publish_quota *quotas, size_t quotas_len, struct error *err)
{
	json_t *list = json_array();
	_cleanup_(json_release) json_t *rules = json_pack("{s:b, s:o}", "notices", notices, "quotas", list);
	_cleanup_(freep) char *before = NULL;

	for (size_t i = 0; i < quotas_len; i++)
		json_array_append_new(list, json_pack("{s:s, s:I}", "prefix", quotas[i].prefix, "bytes", (json_int_t)quotas[i].bytes));
	_cleanup_(freep) char *text = json_text(rules);
	if (store_record_get(store, RULES, RULES_KEY, &before, err) < 0)
		return -1;
	if (str_equal(before, text) || (!before && !notices && !quotas_len))
		return 0;
	return store_record_put(store, RULES, RULES_KEY, text, err);
}

/* ---- quotas ---- */

static int quota_check(struct store *store, const char *prefix, int64_t limit, int64_t bytes, struct error *err)
{
	char size[3][16];
	int64_t used;

	if (store_prefix_bytes(store, prefix, &used, err) < 0)
		return -1;
	if (bytes <= limit - used)
		return 0;
	return error_set(err, ERROR_DENIED, "%s more do not fit into the quota of '%s*': %s of %s are used", size_print((uint64_t)bytes, size[0]), prefix,
			 size_print((uint64_t)used, size[1]), size_print((uint64_t)limit, size[2]));
}

int publish_fits(struct store *store, const char *repository, int64_t bytes, struct error *err)
{
	_cleanup_(json_release) json_t *rules = NULL;
	json_t *quotas, *quota;
	size_t i;

	if (!bytes)
		return 0;
	if (rules_get(store, &rules, err) < 0 || json_get_array(rules, "quotas", &quotas, err) < 0)
		return -1;
	json_array_foreach(quotas, i, quota) {
		const char *prefix = json_string_value(json_object_get(quota, "prefix"));
		int64_t limit = json_integer_value(json_object_get(quota, "bytes"));
		if (prefix && str_starts(repository, prefix) && quota_check(store, prefix, limit, bytes, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- notices ---- */

static int make_room(struct store *store, struct error *err)
{
	struct strlist keys _cleanup_(strlist_free) = { 0 };

	if (store_record_keys(store, NOTICES, &keys, err) < 0)
		return -1;
	for (size_t i = 0; i + NOTICES_MAX <= keys.len; i++)
		if (store_record_delete(store, NOTICES, keys.items[i], err) < 0)
			return -1;
	return 0;
}

static char *notice_print(const struct publish_notice *notice)
{
	_cleanup_(json_release) json_t *object = json_pack("{s:s, s:s, s:s, s:I, s:I}", "action", notice->action, "repository", notice->repository, "digest",
							   notice->digest, "size", (json_int_t)notice->size, "at", (json_int_t)time(NULL));
	const struct passwd *user = getpwuid(getuid());

	json_set_text(object, "tag", notice->tag);
	json_set_text(object, "media_type", notice->media_type);
	json_set_text(object, "user", user ? user->pw_name : NULL);
	return json_text(object);
}

/* Keys are sorted by bytes: that of a moment begins with it. */
static int note(struct store *store, const struct publish_notice *notice, struct error *err)
{
	_cleanup_(json_release) json_t *rules = NULL;
	char id[UUID_TEXT_SIZE], key[24 + UUID_TEXT_SIZE];
	struct timespec now;

	if (rules_get(store, &rules, err) < 0)
		return -1;
	if (!json_is_true(json_object_get(rules, "notices")))
		return 0;
	clock_gettime(CLOCK_REALTIME, &now);
	uuid_make(id);
	snprintf(key, sizeof key, "%012lld.%09ld %s", (long long)now.tv_sec, now.tv_nsec, id);
	_cleanup_(freep) char *text = notice_print(notice);
	return make_room(store, err) < 0 ? -1 : store_record_put(store, NOTICES, key, text, err);
}

void publish_note(struct store *store, const struct publish_notice *notice)
{
	struct error err _cleanup_(error_clear) = { 0 };

	if (note(store, notice, &err) < 0)
		log_warn("webhooks are not told of %s: %s", notice->repository, err.message);
}

static int notice_parse(const json_t *object, struct publish_notice *ret, struct error *err)
{
	if (json_get_string(object, "action", &ret->action, err) < 0 || json_get_string(object, "repository", &ret->repository, err) < 0 ||
	    json_get_string(object, "digest", &ret->digest, err) < 0 || json_get_string(object, "tag", &ret->tag, err) < 0 ||
	    json_get_string(object, "media_type", &ret->media_type, err) < 0 || json_get_string(object, "user", &ret->user, err) < 0 ||
	    json_get_int(object, "size", &ret->size, err) < 0 || json_get_int(object, "at", &ret->at, err) < 0)
		return -1;
	return ret->action && ret->repository && ret->digest ? 0 : error_set(err, ERROR_INVALID, "it isn't complete");
}

int publish_notices_take(struct store *store, void (*each)(void *data, const struct publish_notice *notice), void *data, struct error *err)
{
	struct strlist keys _cleanup_(strlist_free) = { 0 };

	if (store_record_keys(store, NOTICES, &keys, err) < 0)
		return -1;
	for (size_t i = 0; i < keys.len; i++) {
		_cleanup_(freep) char *text = NULL;
		_cleanup_(json_release) json_t *object = NULL;
		struct publish_notice notice = { 0 };
		if (store_record_get(store, NOTICES, keys.items[i], &text, err) < 0 || store_record_delete(store, NOTICES, keys.items[i], err) < 0)
			return -1;
		object = text ? json_parse(text, strlen(text), "notice", NULL) : NULL;
		if (object && notice_parse(object, &notice, NULL) == 0)
			each(data, &notice);
	}
	return 0;
}
