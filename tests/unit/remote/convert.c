/* Docker's manifests become OCI's, an index with them; what is OCI's already stays as it is. */
#include "remote/cargo.h"
#include "tap.h"

#define A "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define B "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"

static void add(struct cargo *cargo, const char *text, const char *type)
{
	struct buf buf = { 0 };
	struct error err = { 0 };

	buf_add_str(&buf, text);
	works(cargo_add(cargo, &buf, type, NULL, &err), &err, type);
	buf_free(&buf);
}

static const char docker[] = "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.docker.distribution.manifest.v2+json\","
			     "\"config\":{\"mediaType\":\"application/vnd.docker.container.image.v1+json\",\"size\":0,\"digest\":\"" A "\"},"
			     "\"layers\":[{\"mediaType\":\"application/vnd.docker.image.rootfs.diff.tar.gzip\",\"size\":3,\"digest\":\"" B "\"}]}";
static const char oci[] = "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
			  "\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"size\":0,\"digest\":\"" A "\"},"
			  "\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+zstd\",\"size\":3,\"digest\":\"" B "\"}]}";

static void list(void)
{
	struct cargo cargo _cleanup_(cargo_clear) = { 0 };
	struct error err = { 0 };
	char one[DIGEST_TEXT_SIZE];

	add(&cargo, docker, media_type_text(MEDIA_DOCKER_MANIFEST));
	_cleanup_(freep) char *text = xprintf("{\"schemaVersion\":2,\"mediaType\":\"%s\",\"manifests\":[{\"mediaType\":\"%s\",\"size\":%zu,\"digest\":\"%s\","
					      "\"platform\":{\"os\":\"linux\",\"architecture\":\"riscv64\"}}]}",
					      media_type_text(MEDIA_DOCKER_LIST), media_type_text(MEDIA_DOCKER_MANIFEST), strlen(docker),
					      digest_print(&cargo.manifests[0].digest, one));
	add(&cargo, text, media_type_text(MEDIA_DOCKER_LIST));
	is_int((long long)cargo.blobs_len, 2, "two blobs aboard");
	works(cargo_convert_oci(&cargo, &err), &err, "converted");
	is_int((long long)cargo.manifests_len, 2, "  still two manifests");
	is_str(cargo.manifests[0].media_type, media_type_text(MEDIA_OCI_MANIFEST), "  an OCI manifest");
	is_str(cargo.manifests[0].manifest.config.media_type, media_type_text(MEDIA_OCI_CONFIG), "  with an OCI config");
	is_str(cargo.manifests[0].manifest.layers[0].media_type, media_type_text(MEDIA_OCI_LAYER_GZIP), "  and an OCI layer");
	const struct manifest *index = &cargo_top(&cargo)->manifest;
	ok(index->type == MEDIA_OCI_INDEX, "  in an OCI index");
	ok(digest_equal(&index->children[0].digest, &cargo.manifests[0].digest), "  that names it");
	is_int(index->children[0].size, (long long)cargo.manifests[0].text.len, "  with its size");
	is_str(index->children[0].platform.architecture, "riscv64", "  and its platform");
}

static void unchanged(void)
{
	struct cargo cargo _cleanup_(cargo_clear) = { 0 };
	struct error err = { 0 };

	add(&cargo, oci, media_type_text(MEDIA_OCI_MANIFEST));
	struct digest before = cargo_top(&cargo)->digest;
	works(cargo_convert_oci(&cargo, &err), &err, "an OCI image");
	ok(digest_equal(&before, &cargo_top(&cargo)->digest), "  stays what it is");
	is_str(cargo_top(&cargo)->text.data, oci, "  byte by byte");
}

static void altered(void)
{
	struct cargo cargo _cleanup_(cargo_clear) = { 0 };
	struct buf text _cleanup_(buf_free) = { 0 };
	struct error err = { 0 };
	struct digest other;

	buf_add_str(&text, oci);
	digest_of(DIGEST_SHA256, docker, strlen(docker), &other);
	fails(cargo_add(&cargo, &text, NULL, &other, &err), &err, ERROR_CORRUPT, "was altered", "a manifest of another digest");
	is_int((long long)cargo.manifests_len, 0, "  is not taken");
}

int main(void)
{
	list();
	unchanged();
	altered();
	return done();
}
