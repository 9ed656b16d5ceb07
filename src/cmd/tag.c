/* sampan tag: one more name for an image; no byte is copied. */
#include "cmd/command.h"
#include "cmd/image_event.h"
#include "store/store.h"

/* The exact name goes first, so that an index keeps all its platforms and needs none of this machine's; then ids. */
static int find(struct store *store, const char *name, struct reference *ret, struct digest *ret_top, struct error *err)
{
	struct reference reference _cleanup_(reference_clear) = { 0 };
	struct image image _cleanup_(image_clear) = { 0 };

	if (reference_parse(name, &reference, NULL) == 0 && reference.tag && !reference.has_digest &&
	    store_tag_get(store, reference.registry, reference.repository, reference.tag, ret_top, NULL) == 0) {
		reference_copy(&reference, ret);
		return 0;
	}
	if (store_image_find(store, name, NULL, &image, err) < 0)
		return -1;
	reference_copy(&image.reference, ret);
	*ret_top = image.top;
	return 0;
}

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	struct store *store _cleanup_(store_close) = NULL;
	struct reference from _cleanup_(reference_clear) = { 0 }, to _cleanup_(reference_clear) = { 0 };
	struct digest top;

	(void)argc;
	if (reference_parse(argv[1], &to, err) < 0)
		return -1;
	if (to.has_digest)
		return error_set(err, ERROR_USAGE, "'%s' has a digest: a new name is NAME[:TAG]", argv[1]);
	if (store_open(context->root, &store, err) < 0 || find(store, argv[0], &from, &top, err) < 0)
		return -1;
	if (store_tag_copy(store, from.registry, from.repository, &top, to.registry, to.repository, to.tag, err) < 0)
		return -1;
	_cleanup_(freep) char *name = reference_print_familiar(&to);
	char text[DIGEST_TEXT_SIZE];
	image_event(store, "tag", digest_print(&top, text), name);
	return 0;
}

const struct command command_tag = {
	.name = "tag",
	.group = "Images",
	.usage = "IMAGE NAME[:TAG]",
	.summary = "Give an image one more name",
	.min_args = 2,
	.max_args = 2,
	.run = run,
};
