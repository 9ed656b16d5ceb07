/* References: the case file gives text, whole form and familiar form, or "!" and a part of the message. */
#include "oci/reference.h"

#include "cases.h"

static void good(const struct strlist *f, const struct reference *ref)
{
	_cleanup_(freep) char *whole = reference_print(ref), *familiar = reference_print_familiar(ref);
	_cleanup_(reference_clear) struct reference again = { 0 }, copy = { 0 };
	struct error err = { 0 };

	is_str(whole, f->items[1], "  its whole form");
	is_str(familiar, f->items[2], "  its familiar form");
	if (works(reference_parse(familiar, &again, &err), &err, "  the familiar form is read")) {
		_cleanup_(freep) char *text = reference_print(&again);
		is_str(text, whole, "  as the same");
	}
	reference_copy(ref, &copy);
	_cleanup_(freep) char *text = reference_print(&copy);
	is_str(text, whole, "  a copy is equal");
}

static void run(const struct strlist *f)
{
	_cleanup_(reference_clear) struct reference ref = { 0 };
	struct error err = { 0 };
	int result = reference_parse(f->items[0], &ref, &err);

	if (str_equal(f->items[1], "!"))
		fails(result, &err, ERROR_INVALID, f->items[2], f->items[0]);
	else if (works(result, &err, f->items[0]))
		good(f, &ref);
}

static int parse_made(const char *format, int len, struct error *err)
{
	char name[1024], text[1100];
	_cleanup_(reference_clear) struct reference ref = { 0 };

	memset(name, 'a', sizeof name);
	snprintf(text, sizeof text, "%s%.*s", format, len, name);
	return reference_parse(text, &ref, err);
}

static void lengths(void)
{
	struct error err = { 0 };

	works(parse_made("h.test/", 255, &err), &err, "a name of 255 characters");
	fails(parse_made("h.test/", 256, &err), &err, ERROR_INVALID, "longer than 255", "a name of 256");
	works(parse_made("", 247, &err), &err, "a name of 255 with library/");
	fails(parse_made("", 248, &err), &err, ERROR_INVALID, "longer than 255", "and of 256");
	works(parse_made("a:", 128, &err), &err, "a tag of 128 characters");
	fails(parse_made("a:", 129, &err), &err, ERROR_INVALID, "tag", "a tag of 129");
	fails(parse_made("a:", 1000, &err), &err, ERROR_INVALID, "too long", "a text of 1000");
	fails(reference_parse(NULL, NULL, &err), &err, ERROR_INVALID, "empty", "NULL is no reference");
	fails(reference_parse("a@md5:d41d8cd98f00b204e9800998ecf8427e", NULL, &err), &err, ERROR_UNSUPPORTED, "md5", "an unknown algorithm");
}

static void parts(void)
{
	_cleanup_(reference_clear) struct reference ref = { 0 };
	struct error err = { 0 };

	works(reference_parse("127.0.0.1:6000/riscv64/redis@" DIGEST_A, &ref, &err), &err, "a reference with a digest");
	is_str(ref.registry, "127.0.0.1:6000", "its registry");
	is_str(ref.repository, "riscv64/redis", "its repository");
	is_str(ref.tag, NULL, "no tag");
	ok(ref.has_digest, "a digest");
	_cleanup_(freep) char *name = reference_print_name(&ref);
	is_str(name, "127.0.0.1:6000/riscv64/redis", "its name");
	ok(!tag_valid("") && !tag_valid(NULL) && tag_valid("_a") && !tag_valid("a/b"), "tags alone");
	ok(!repository_name_valid("") && !repository_name_valid(NULL) && !repository_name_valid("../x") && repository_name_valid("a/b"),
	   "names alone");
}

int main(int argc, char **argv)
{
	case_file(argc > 1 ? argv[1] : "tests/corpus/oci/reference.txt", run);
	lengths();
	parts();
	return done();
}
