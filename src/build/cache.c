/* The build cache: see cache.h. */
#include "build/cache.h"

#include <stdio.h>

#include "base/json.h"

/* The first field of every key: raised when the meaning of a step changes, so that older records are no longer found. */
#define CACHE_VERSION "1"
#define CACHE_SPACE "build-cache"

void cache_key_begin(struct cache_key *key, const char *kind)
{
	digester_init(&key->digester, DIGEST_SHA256);
	cache_key_add(key, "version", CACHE_VERSION);
	cache_key_add(key, "kind", kind);
}

void cache_key_add(struct cache_key *key, const char *name, const char *value)
{
	char head[96];
	size_t len = value ? strlen(value) : 0;
	int n = snprintf(head, sizeof head, "%.64s%c%zu:", name, value ? '=' : '!', len);

	digester_add(&key->digester, head, (size_t)n);
	if (len)
		digester_add(&key->digester, value, len);
}

void cache_key_add_list(struct cache_key *key, const char *name, const struct strlist *values)
{
	char count[24];

	snprintf(count, sizeof count, "%zu", values->len);
	cache_key_add(key, name, count);
	for (size_t i = 0; i < values->len; i++)
		cache_key_add(key, "", values->items[i]);
}

void cache_key_add_digest(struct cache_key *key, const char *name, const struct digest *digest)
{
	char text[DIGEST_TEXT_SIZE];

	cache_key_add(key, name, digest_print(digest, text));
}

char *cache_key_end(struct cache_key *key, char out[CACHE_KEY_SIZE])
{
	struct digest digest;
	char hex[DIGEST_TEXT_SIZE];

	digester_finish(&key->digester, &digest);
	memcpy(out, digest_hex(&digest, hex), CACHE_KEY_SIZE - 1);
	out[CACHE_KEY_SIZE - 1] = '\0';
	return out;
}

void cache_entry_clear(struct cache_entry *entry)
{
	descriptor_clear(&entry->layer);
	free(entry->created);
	*entry = (struct cache_entry){ 0 };
}

static int entry_parse(const char *text, struct cache_entry *ret, struct error *err)
{
	_cleanup_(json_release) json_t *record = json_parse(text, strlen(text), "cache record", err);
	const char *created = NULL, *diff_id = NULL;
	json_t *layer = NULL;

	if (!record || json_get_string(record, "created", &created, err) < 0 || json_get_string(record, "diffId", &diff_id, err) < 0 ||
	    json_get_object(record, "layer", &layer, err) < 0)
		return -1;
	if (layer && (!diff_id || digest_parse(diff_id, &ret->diff_id, err) < 0 || descriptor_from_json(layer, &ret->layer, err) < 0))
		return -1;
	ret->has_layer = layer != NULL;
	ret->created = xstrdup(created);
	return 0;
}

int cache_get(struct store *store, const char *key, struct cache_entry *ret, struct error *err)
{
	_cleanup_(freep) char *text = NULL;
	struct cache_entry entry = { 0 };

	if (store_record_get(store, CACHE_SPACE, key, &text, err) < 0)
		return -1;
	/* A record that can't be read, or whose layer is gone, is a miss: the step runs again and replaces it. */
	if (!text || entry_parse(text, &entry, NULL) < 0 || (entry.has_layer && !store_blob_has(store, &entry.layer.digest))) {
		cache_entry_clear(&entry);
		return 0;
	}
	*ret = entry;
	return 1;
}

int cache_put(struct store *store, const char *key, const struct cache_entry *entry, struct error *err)
{
	_cleanup_(json_release) json_t *record = json_object();
	char text[DIGEST_TEXT_SIZE];

	json_object_set_new(record, "created", json_string(entry->created ? entry->created : ""));
	if (entry->has_layer) {
		json_object_set_new(record, "diffId", json_string(digest_print(&entry->diff_id, text)));
		json_object_set_new(record, "layer", descriptor_to_json(&entry->layer));
	}
	_cleanup_(freep) char *value = json_text(record);
	if (store_record_put(store, CACHE_SPACE, key, value, err) < 0)
		return -1;
	return entry->has_layer ? store_record_pin(store, CACHE_SPACE, key, &entry->layer.digest, err) : 0;
}
