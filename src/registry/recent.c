/* Answers that were just given: small manifests and blobs, as the library wants them, for the next who asks the same.
 *
 * A hundred nodes that pull one image ask for the same few small things. What such an answer costs is questions to the database (a handful of system
 * calls each, behind one lock) and a file that is opened and closed; so the finished answer is kept, together with the version of the store that
 * it was made from. An answer is given again only while the store is in that very version: any change by anybody (a push, gc, another process)
 * makes all that is kept here worthless at once, so there is nothing to invalidate and nothing to forget to. The time limit is for what no version
 * tells: that somebody uses a blob, which gc must hear of now and then (TOUCH_INTERVAL in the store).
 *
 * Who may read is asked before; requests that want a part, or only news, aren't answered from here, nor are those for a cache of another registry,
 * which has its own idea of what is fresh. */
#include "registry/internal.h"

enum {
	SLOTS = 128,
	BYTES_MAX = RECENT_BYTES_MAX,
	FRESH_SECONDS = 60,
};

struct recent_answer {
	int holders; /* the slot, and requests; atomic */
	struct MHD_Response *response;
	enum route route;
	char *repository, *item;
	struct store_version version;
	int64_t until;
	struct digest digest;
	char *media_type; /* NULL: a blob */
	int64_t size;
	struct buf text; /* the headers, an empty line, the body: the same once more, for who sends it without the library */
};

struct recent {
	struct slot {
		pthread_mutex_t lock;
		struct recent_answer *answer;
	} slots[SLOTS];
};

struct recent *recent_new(void)
{
	struct recent *recent = xnew(struct recent);

	for (size_t i = 0; i < SLOTS; i++)
		pthread_mutex_init(&recent->slots[i].lock, NULL);
	return recent;
}

void recent_release(struct recent_answer **at)
{
	struct recent_answer *answer = steal(*at);

	if (!answer || __atomic_sub_fetch(&answer->holders, 1, __ATOMIC_ACQ_REL))
		return;
	MHD_destroy_response(answer->response);
	free(answer->repository);
	free(answer->item);
	free(answer->media_type);
	buf_free(&answer->text);
	free(answer);
}

static struct slot *slot_of(struct recent *recent, const struct target *target)
{
	uint32_t hash = 2166136261u; /* FNV-1a; a collision costs an answer its place, no more */

	for (const char *at = target->repository; *at; at++)
		hash = (hash ^ (unsigned char)*at) * 16777619u;
	for (const char *at = target->item; *at; at++)
		hash = (hash ^ (unsigned char)*at) * 16777619u;
	return &recent->slots[(hash ^ hash >> 16) % SLOTS];
}

static void slot_set(struct slot *slot, struct recent_answer *answer)
{
	pthread_mutex_lock(&slot->lock);
	struct recent_answer *old = slot->answer;
	slot->answer = answer;
	pthread_mutex_unlock(&slot->lock);
	recent_release(&old);
}

void recent_clear(struct recent *recent)
{
	for (size_t i = 0; recent && i < SLOTS; i++)
		slot_set(&recent->slots[i], NULL);
}

void recent_free(struct recent **at)
{
	recent_clear(*at);
	free(*at);
	*at = NULL;
}

static bool is_plain(struct request *request)
{
	static const char *const conditions[] = { "If-None-Match", "Range" };

	for (size_t i = 0; i < array_len(conditions); i++)
		if (request_header(request, conditions[i]))
			return false;
	return !request->mirror && !request->close;
}

static bool answer_fits(const struct recent_answer *answer, const struct request *request)
{
	return answer->route == request->target.route && str_equal(answer->item, request->target.item) &&
	       str_equal(answer->repository, request->target.repository) && now_seconds() < answer->until &&
	       store_version_equal(&answer->version, &request->version);
}

bool recent_find(struct request *request)
{
	struct recent *recent = request->server->recent;

	request->versioned = is_plain(request) && store_version(request->server->store, &request->version);
	if (!request->versioned)
		return false;
	struct slot *slot = slot_of(recent, &request->target);
	pthread_mutex_lock(&slot->lock);
	struct recent_answer *answer = slot->answer;
	bool found = answer && answer_fits(answer, request);
	if (found)
		__atomic_add_fetch(&answer->holders, 1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&slot->lock);
	if (!found)
		return false;
	request->recent = answer;
	request->response = answer->response;
	request->status = MHD_HTTP_OK;
	request->trace.sent = request->head ? 0 : answer->size;
	if (!answer->media_type && !request->head)
		event_note_blob(request, "pull", &answer->digest, answer->size, NULL);
	else if (!request->head)
		event_note(request, "pull", &answer->digest, strchr(request->target.item, ':') ? NULL : request->target.item, answer->media_type,
			   answer->size);
	return true;
}

static enum MHD_Result add_header(void *data, enum MHD_ValueKind kind, const char *name, const char *value)
{
	(void)kind;
	buf_printf(data, "%s: %s\r\n", name, value);
	return MHD_YES;
}

static void text_write(struct recent_answer *answer, const struct buf *body)
{
	MHD_get_response_headers(answer->response, add_header, &answer->text);
	buf_printf(&answer->text, "Content-Length: %zu\r\n\r\n", body->len);
	buf_add(&answer->text, body->data, body->len);
}

const struct buf *recent_text(const struct recent_answer *answer, size_t *ret_head)
{
	*ret_head = answer->text.len - (size_t)answer->size;
	return &answer->text;
}

void recent_keep(struct request *request, const struct digest *digest, const char *media_type, const struct buf *body)
{
	if (!request->versioned || request->recent || request->status != MHD_HTTP_OK || body->len > BYTES_MAX)
		return;
	struct recent_answer *answer = xnew(struct recent_answer);
	*answer = (struct recent_answer){ 2, request->response, request->target.route, xstrdup(request->target.repository), xstrdup(request->target.item),
					  request->version, now_seconds() + FRESH_SECONDS, *digest, xstrdup(media_type), (int64_t)body->len };
	text_write(answer, body);
	request->recent = answer;
	slot_set(slot_of(request->server->recent, &request->target), answer);
}
