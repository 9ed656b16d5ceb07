/* Image configurations: the case file has "good", the text, and what is printed of it ("=": the same); or a code of errors, a part of the
 * message, and the text. */
#include "oci/config.h"

#include "cases.h"
#include "oci/manifest.h"

static void good(const struct strlist *f)
{
	_cleanup_(config_clear) struct image_config config = { 0 }, copy = { 0 }, again = { 0 };
	_cleanup_(buf_free) struct buf text = { 0 }, second = { 0 };
	struct error err = { 0 };

	if (!works(config_parse(f->items[1], strlen(f->items[1]), &config, &err), &err, f->items[1]))
		return;
	config_copy(&config, &copy);
	config_print(&copy, &text);
	is_str(text.data, str_equal(f->items[2], "=") ? f->items[1] : f->items[2], "  is printed");
	if (!works(config_parse(text.data, text.len, &again, &err), &err, "  and read again"))
		return;
	config_print(&again, &second);
	is_str(second.data, text.data, "  and printed the same");
}

static void run(const struct strlist *f)
{
	_cleanup_(config_clear) struct image_config config = { 0 };
	struct error err = { 0 };

	if (str_equal(f->items[0], "good"))
		good(f);
	else
		fails(config_parse(f->items[2], strlen(f->items[2]), &config, &err), &err, ERROR_INVALID, f->items[1], f->items[2]);
}

static void fields(void)
{
	static const char text[] =
		"{\"architecture\":\"riscv64\",\"os\":\"linux\",\"created\":\"2026-01-02T03:04:05.678Z\",\"config\":{\"Entrypoint\":null,"
		"\"Cmd\":[],\"Env\":[\"A=b\"],\"ExposedPorts\":{\"80/tcp\":{},\"443/tcp\":{}},\"Volumes\":{\"/data\":{}},\"Labels\":{\"a\":\"b=c\",\"x=y\":\"z\"},"
		"\"Healthcheck\":{\"Test\":[\"CMD\",\"true\"],\"Interval\":1000000000,\"Retries\":3}},"
		"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DIGEST_A "\",\"" DIGEST_B "\"]},"
		"\"history\":[{\"created_by\":\"COPY\"},{\"created_by\":\"CMD\",\"empty_layer\":true}]}";
	_cleanup_(config_clear) struct image_config config = { 0 };
	struct error err = { 0 };

	if (!works(config_parse(text, strlen(text), &config, &err), &err, "a configuration with everything"))
		return;
	ok(!config.has_entrypoint && config.has_cmd && !config.cmd.len, "null is none, [] is an empty list");
	is_str(config.exposed_ports.items[0], "443/tcp", "ports are sorted");
	is_str(config.volumes.items[0], "/data", "a volume");
	is_str(strlist_env_get(&config.labels, "a"), "b=c", "a label");
	is_int((long long)config.labels.len, 1, "a label with = in its name isn't in the list");
	is_int(config.health.interval, 1000000000, "the healthcheck's interval");
	is_int(config.health.retries, 3, "and retries");
	ok(config.diff_ids_len == 2 && config.history_len == 2 && config.history[1].empty_layer, "layers and history");
}

static void chain(void)
{
	struct digest ids[3], zero = { 0 }, got;
	char text[DIGEST_TEXT_SIZE];

	digest_parse(DIGEST_A, &ids[0], NULL);
	digest_parse(DIGEST_B, &ids[1], NULL);
	digest_parse(DIGEST_512, &ids[2], NULL);
	config_chain_id(ids, 0, &got);
	ok(digest_equal(&got, &zero), "no layers, no chain");
	config_chain_id(ids, 1, &got);
	ok(digest_equal(&got, &ids[0]), "one layer is its own chain");
	config_chain_id(ids, 2, &got);
	is_str(digest_print(&got, text), "sha256:fad80c1405b3ffb90795bcffc40d5c212e8e1c853012d008ce7072e1da8f4297", "two layers");
	config_chain_id(ids, 3, &got);
	is_str(digest_print(&got, text), "sha256:30c82b060968298918ca566a14369da6955c749cc7fdbd6ef60ac06d3f7eaeb9", "three, one of them sha512");
}

/* What a build does: from nothing, with text that is not UTF-8. */
static void made(void)
{
	_cleanup_(config_clear) struct image_config config = { 0 };
	_cleanup_(buf_free) struct buf text = { 0 };
	struct history step = { .created_by = "RUN true", .empty_layer = true };
	struct digest id;

	platform_parse("linux/arm/v6", &config.platform, NULL);
	strlist_add(&config.env, "A=\xff\xc3\xa9");
	strlist_env_set(&config.labels, "k\xff", "v");
	config.has_cmd = true;
	digest_parse(DIGEST_A, &id, NULL);
	config_add_diff_id(&config, &id);
	config_add_history(&config, &step);
	config_print(&config, &text);
	is_str(text.data,
	       "{\"architecture\":\"arm\",\"os\":\"linux\",\"variant\":\"v6\",\"config\":{\"Env\":[\"A=\xef\xbf\xbd\xc3\xa9\"],\"Cmd\":[],"
	       "\"Labels\":{\"k\xef\xbf\xbd\":\"v\"}},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DIGEST_A "\"]},"
	       "\"history\":[{\"created_by\":\"RUN true\",\"empty_layer\":true}]}",
	       "one made from nothing");
}

static void limits(void)
{
	_cleanup_(buf_free) struct buf text = { 0 };
	_cleanup_(config_clear) struct image_config config = { 0 };
	struct error err = { 0 };

	buf_add_str(&text, "{\"architecture\":\"a\",\"os\":\"b\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[");
	for (int i = 0; i <= MANIFEST_CHILDREN_MAX; i++)
		buf_printf(&text, "%s\"" DIGEST_A "\"", i ? "," : "");
	buf_add_str(&text, "]}}");
	fails(config_parse(text.data, text.len, &config, &err), &err, ERROR_TOO_LARGE, "10001 layers", "too many layers");
	buf_reserve(&text, CONFIG_SIZE_MAX);
	memset(text.data + text.len, ' ', CONFIG_SIZE_MAX);
	fails(config_parse(text.data, text.len + CONFIG_SIZE_MAX, &config, &err), &err, ERROR_TOO_LARGE, "at most", "more than 4 MiB");
}

int main(int argc, char **argv)
{
	case_file(argc > 1 ? argv[1] : "tests/corpus/oci/config.txt", run);
	fields();
	chain();
	made();
	limits();
	return done();
}
