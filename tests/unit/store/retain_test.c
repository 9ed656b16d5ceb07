/* Retention over more tags than one step takes; and what lists say of repositories and tags. */
#include "fixture.h"

enum { TAGS = 300 };

static int reports;

static void count(void *data, const char *repository, const char *tag, const char *digest)
{
	(void)data, (void)repository, (void)tag, (void)digest;
	reports++;
}

static int64_t tags_left(struct store *store, const char *repository)
{
	struct strlist tags _cleanup_(strlist_free) = { 0 };

	store_tags(store, "", repository, NULL, SIZE_MAX, &tags, &err);
	return (int64_t)tags.len;
}

static void publish(struct store *store, const struct digest *image, const char *repository, const char *tag)
{
	if (store_tag_copy(store, "h.io", "src", image, "", repository, tag, &err) < 0)
		printf("# cannot publish: %s\n", err.message);
}

static void test_steps(struct store *store)
{
	struct digest images[3] = { make_image(store, "one", "linux/riscv64", "h.io/src:1"), make_image(store, "two", "linux/amd64", "h.io/src:2"),
				    make_image(store, "three", "linux/arm64", "h.io/src:3") };
	struct retention_rule rules[] = {
		{ .keep_newest = 5, .newer_than = -1, .untagged_older_than = 0 },
		{ .keep_newest = 0, .newer_than = -1, .untagged_older_than = -1 },
	};
	int64_t gone;

	for (int i = 0; i < TAGS; i++) {
		_cleanup_(freep) char *tag = xprintf("t%03d", i);
		publish(store, &images[i % 3], "many/tags", tag);
		usleep(i >= TAGS - 6 ? 2000 : 0);
	}
	publish(store, &images[0], "many/tags", NULL);
	publish(store, &images[0], "kept/tags", "only");
	strlist_add(&rules[0].repositories, "many/*");
	strlist_add(&rules[0].tags, "t00?");
	strlist_add(&rules[1].repositories, "many/*"); /* never reached: the first rule that matches decides */
	works(store_retain(store, rules, 2, true, count, NULL, &gone, &err), &err, "a dry run");
	is_int(gone, TAGS - 15, "counts what would go");
	is_int(reports, TAGS - 15, "and reports it");
	is_int(tags_left(store, "many/tags"), TAGS, "but takes nothing");
	works(store_retain(store, rules, 2, false, NULL, NULL, &gone, &err), &err, "a real one");
	is_int(gone, TAGS - 15, "takes that many");
	is_int(tags_left(store, "many/tags"), 15, "the newest and those that match stay");
	is_int(tags_left(store, "kept/tags"), 1, "other repositories too");
	works(store_retain(store, rules, 2, false, NULL, NULL, &gone, &err), &err, "once more");
	is_int(gone, 0, "there is nothing left to take");
	strlist_free(&rules[0].repositories), strlist_free(&rules[0].tags), strlist_free(&rules[1].repositories);
}

static void test_lists(struct store *store)
{
	struct digest image = make_image(store, "four", "linux/riscv64", "h.io/src:4"), arm = make_image(store, "five", "linux/arm64", "h.io/src:5"), index;
	struct digest children[2] = { image, arm };
	static const char *const platforms[] = { "linux/riscv64", "linux/arm64" };
	_cleanup_(freep) char *text = index_text(store, children, platforms, 2), *pattern = store_pattern_containing("a[b*");
	struct repository_row *rows = NULL;
	struct tag_row *tags = NULL;
	size_t len = 0;
	int64_t bytes;

	is_str(pattern, "*a[[]b[*]*", "a pattern that contains what patterns are made of");
	publish(store, &image, "list/a", "riscv");
	publish(store, &arm, "list/a", "arm");
	works(put_manifest(store, "", "list/a", text, false, "both", &index), &err, "an index");
	works(store_repository_rows(store, "", "list/*", NULL, 10, &rows, &len, &err), &err, "rows of repositories that match");
	ok(len == 1 && !strcmp(rows[0].name, "list/a") && rows[0].tags == 3 && rows[0].updated > 0, "are one");
	works(store_prefix_bytes(store, "list/", &bytes, &err), &err, "bytes of a prefix");
	ok(len == 1 && bytes == rows[0].bytes && bytes > (int64_t)strlen(text), "are those of its only repository");
	repository_rows_free(rows, len);
	works(store_tag_rows(store, "", "list/a", "arm", 10, &tags, &len, &err), &err, "rows of tags behind one");
	ok(len == 2 && !strcmp(tags[0].name, "both") && strstr(tags[0].platforms, "linux/riscv64") && strstr(tags[0].platforms, "linux/arm64"),
	   "an index runs on what its children run on");
	ok(len == 2 && tags[0].bytes == bytes && tags[1].bytes < bytes && !strcmp(tags[1].platforms, "linux/riscv64"), "sizes are of all that is reached");
	tag_rows_free(tags, len);
	works(store_prefix_bytes(store, "lis", &bytes, &err), &err, "a prefix need not end with a component");
	ok(bytes > 0, "and counts");
	works(store_prefix_bytes(store, "list/b", &bytes, &err), &err, "a prefix of nothing");
	is_int(bytes, 0, "counts nothing");
}

static void test_changes(struct store *store)
{
	int64_t before = store_changes(store);

	is_int(store_changes(store), before, "nothing changed");
	store_tag_delete(store, "", "list/a", "arm", &err);
	ok(store_changes(store) != before, "a deleted tag is a change");
}

int main(void)
{
	struct store *store = fixture_open();

	test_steps(store);
	test_lists(store);
	test_changes(store);
	store_close(&store);
	return done();
}
