/* Manifests: the case file has what is expected (a type, or a code of errors and a part of the message), the content type it came with, the
 * text. What is printed of a good one is read again as the same. */
#include "oci/manifest.h"

#include "cases.h"

static enum error_code code_of(const char *name)
{
	for (enum error_code code = ERROR_NONE; code <= ERROR_INTERRUPTED; code++)
		if (str_equal(error_code_name(code), name))
			return code;
	return ERROR_NONE;
}

static void good(const struct manifest *manifest, const char *type)
{
	_cleanup_(buf_free) struct buf text = { 0 }, second = { 0 };
	_cleanup_(manifest_clear) struct manifest again = { 0 };
	struct error err = { 0 };

	is_str(media_type_text(manifest->type), type, "  its type");
	is_int(manifest->is_index, strstr(type, "index") || strstr(type, "list"), "  index or image");
	manifest_print(manifest, &text);
	if (!works(manifest_parse(text.data, text.len, type, &again, &err), &err, "  what is printed is read"))
		return;
	manifest_print(&again, &second);
	is_str(second.data, text.data, "  and printed the same");
}

static void run(const struct strlist *f)
{
	_cleanup_(manifest_clear) struct manifest manifest = { 0 };
	struct error err = { 0 };
	enum error_code code = code_of(f->items[0]);
	const char *type = f->items[2], *text = f->items[3];
	int result = manifest_parse(text, strlen(text), *type ? type : NULL, &manifest, &err);

	if (code)
		fails(result, &err, code, f->items[1], text);
	else if (works(result, &err, text))
		good(&manifest, f->items[1]);
}

/* An index with n children. */
static void index_text(size_t n, int64_t size, struct buf *ret)
{
	buf_add_str(ret, "{\"schemaVersion\":2,\"manifests\":[");
	for (size_t i = 0; i < n; i++)
		buf_printf(ret, "%s{\"mediaType\":\"a/b\",\"size\":%lld,\"digest\":\"" DIGEST_A "\"}", i ? "," : "", (long long)size);
	buf_add_str(ret, "]}");
}

static int parse_index(size_t n, int64_t size, struct error *err)
{
	_cleanup_(buf_free) struct buf text = { 0 };
	_cleanup_(manifest_clear) struct manifest manifest = { 0 };

	index_text(n, size, &text);
	return manifest_parse(text.data, text.len, NULL, &manifest, err);
}

static int parse_repeated(const char *start, const char *piece, size_t n, struct error *err)
{
	_cleanup_(buf_free) struct buf text = { 0 };
	_cleanup_(manifest_clear) struct manifest manifest = { 0 };

	buf_add_str(&text, start);
	for (size_t i = 0; i < n; i++)
		buf_add_str(&text, piece);
	return manifest_parse(text.data, text.len, NULL, &manifest, err);
}

static void limits(void)
{
	struct error err = { 0 };
	struct manifest manifest;

	works(parse_index(MANIFEST_CHILDREN_MAX, 1, &err), &err, "as many children as may be");
	fails(parse_index(MANIFEST_CHILDREN_MAX + 1, 1, &err), &err, ERROR_TOO_LARGE, "10001", "one more");
	works(parse_index(1, INT64_MAX, &err), &err, "the largest size");
	fails(parse_index(2, INT64_MAX, &err), &err, ERROR_INVALID, "too large together", "and twice that");
	fails(parse_repeated("{\"schemaVersion\":2,\"x\":", "[", 1000000, &err), &err, ERROR_INVALID, "JSON", "a million brackets");
	fails(parse_repeated("{}", " ", MANIFEST_SIZE_MAX, &err), &err, ERROR_TOO_LARGE, "at most", "more than 4 MiB");
	fails(manifest_parse("{\"a\":\"\0\"}", 9, NULL, &manifest, &err), &err, ERROR_INVALID, "JSON", "a NUL byte");
}

static const struct descriptor *choose(const struct manifest *index, const char *platform)
{
	struct platform wish;

	return platform_parse(platform, &wish, NULL) < 0 ? NULL : manifest_choose(index, &wish);
}

static void choosing(void)
{
	static const char *const platforms[] = { "linux/amd64", "linux/arm/v5", "linux/arm/v7", "linux/riscv64" };
	_cleanup_(manifest_clear) struct manifest index = { .type = MEDIA_OCI_INDEX, .is_index = true };

	ok(!choose(&index, "linux/amd64"), "an empty index has nothing");
	for (size_t i = 0; i < array_len(platforms); i++) {
		struct descriptor child = { .media_type = "application/vnd.oci.image.manifest.v1+json", .size = (int64_t)i, .has_platform = true };
		platform_parse(platforms[i], &child.platform, NULL);
		manifest_add_child(&index, &child);
	}
	ok(choose(&index, "riscv64") == &index.children[3], "its own platform");
	ok(choose(&index, "linux/arm/v6") == &index.children[1], "the best that runs there");
	ok(choose(&index, "linux/arm/v8") == &index.children[2], "the better of two");
	ok(!choose(&index, "linux/s390x"), "nothing where nothing suits");
	index.children[3].annotations = json_pack("{s:s}", "vnd.docker.reference.type", "attestation-manifest");
	ok(!choose(&index, "riscv64"), "an attestation is no image");
	for (size_t i = 0; i < index.children_len; i++)
		index.children[i].has_platform = false;
	ok(!choose(&index, "linux/amd64"), "of several without platform none");
	while (index.children_len > 1)
		descriptor_clear(&index.children[--index.children_len]);
	ok(choose(&index, "linux/amd64") == &index.children[0], "but an only one");
}

static void media(void)
{
	is_int(media_type_parse("Application/VND.oci.image.index.v1+json; charset=utf-8"), MEDIA_OCI_INDEX, "case and parameters do not matter");
	is_int(media_type_parse(NULL), MEDIA_UNKNOWN, "NULL is unknown");
	is_int(media_type_parse("application/vnd.oci.image.index.v1+jsonx"), MEDIA_UNKNOWN, "a longer text is another");
	for (enum media_type t = MEDIA_UNKNOWN + 1; t <= MEDIA_DOCKER_LAYER_FOREIGN_GZIP; t++)
		is_int(media_type_parse(media_type_text(t)), t, media_type_text(t));
}

static void fields(void)
{
	static const char text[] =
		"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/vnd.example+json\",\"size\":2,\"digest\":\"" DIGEST_A "\"},"
		"\"layers\":[{\"mediaType\":\"a/b\",\"size\":7,\"digest\":\"" DIGEST_B "\",\"urls\":[\"https://h.test/x\"],"
		"\"annotations\":{\"k\":\"v\"},\"artifactType\":\"x/y\",\"platform\":{\"os\":\"linux\",\"architecture\":\"arm64\",\"variant\":\"v8\"}}],"
		"\"subject\":{\"mediaType\":\"c/d\",\"size\":1,\"digest\":\"" DIGEST_B "\"},\"annotations\":{\"a\":\"b\"}}";
	_cleanup_(manifest_clear) struct manifest manifest = { 0 };
	struct error err = { 0 };
	char digest[DIGEST_TEXT_SIZE];

	if (!works(manifest_parse(text, strlen(text), "application/json; charset=utf-8", &manifest, &err), &err, "a manifest with everything"))
		return;
	is_str(manifest_artifact_type(&manifest), "application/vnd.example+json", "its artifact type is the config's");
	is_int(manifest.layers[0].size, 7, "a layer's size");
	is_str(digest_print(&manifest.layers[0].digest, digest), DIGEST_B, "its digest");
	is_str(manifest.layers[0].platform.variant, "v8", "its platform as given");
	is_int((long long)json_array_size(manifest.layers[0].urls), 1, "its urls");
	ok(manifest.has_subject && manifest.subject.size == 1, "a subject");
	is_str(json_string_value(json_object_get(manifest.annotations, "a")), "b", "an annotation");
}

int main(int argc, char **argv)
{
	case_file(argc > 1 ? argv[1] : "tests/corpus/oci/manifest.txt", run);
	limits();
	choosing();
	media();
	fields();
	return done();
}
