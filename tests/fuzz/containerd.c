/* TOML: items lie in the text and in order; an edit of config.toml or hosts.toml that works is made once, and keeps the text around it. */
#include <stdint.h>

#include "board/containerd.h"
#include "board/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_items(const char *text, size_t size)
{
	struct toml toml _cleanup_(toml_clear) = { 0 };
	size_t at = 0;

	if (toml_scan(text, size, &toml, NULL) < 0)
		return;
	for (size_t i = 0; i < toml.len; i++) {
		const struct toml_item *item = &toml.items[i];
		if (item->start < at || item->end <= item->start || item->end > size || !item->path.len)
			abort();
		if (item->kind == TOML_KEY && (item->value_start < item->start || item->value_end <= item->value_start || item->value_end > item->end))
			abort();
		at = item->end;
		free(item->kind == TOML_KEY ? toml_string(text, item) : NULL);
	}
}

static void check_edits(const uint8_t *data, size_t size)
{
	struct buf config _cleanup_(buf_free) = { 0 }, hosts _cleanup_(buf_free) = { 0 };
	struct containerd_host host = { .server = "http://r", .url = "http://r", .ca = "/ca", .authorization = "Basic YTpi" };
	_cleanup_(freep) char *first = NULL, *second = NULL;

	buf_add(&config, data, size);
	buf_add(&hosts, data, size);
	if (containerd_config_edit(&config, &first, NULL) > 0 && containerd_config_edit(&config, &second, NULL) != 0)
		abort();
	if (containerd_hosts_edit(&hosts, &host, NULL) > 0 && containerd_hosts_edit(&hosts, &host, NULL) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_items((const char *)data, size);
	check_edits(data, size);
	return 0;
}
