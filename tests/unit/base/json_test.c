/* The strict JSON reader. */
#include "base/json.h"

#include "base/buf.h"
#include "tap.h"

static void refused(const char *text, const char *part)
{
	struct error err = { 0 };
	json_t *value = json_parse(text, strlen(text), "thing", &err);

	ok(!value && err.code == ERROR_INVALID && strstr(err.message, part), "refused: %.40s", text);
	json_decref(value);
	error_clear(&err);
}

int main(void)
{
	struct error err = { 0 };
	static const char text[] = "{\"s\": \"x\", \"n\": 5, \"b\": true, \"l\": [\"a\", \"b\"], \"z\": null, \"m\": [1]}";
	_cleanup_(json_release) json_t *object = json_parse(text, sizeof text - 1, "thing", &err);
	struct strlist list _cleanup_(strlist_free) = { 0 };
	const char *string;
	int64_t number;
	bool flag;

	ok(object, "parsed");
	ok(json_get_string(object, "s", &string, &err) == 1 && str_equal(string, "x"), "a string");
	ok(json_get_string(object, "z", &string, &err) == 0 && !string, "null is like missing");
	fails(json_get_string(object, "n", &string, &err), &err, ERROR_INVALID, "'n' is not a string", "a number is no string");
	ok(json_get_int(object, "n", &number, &err) == 1 && number == 5, "a number");
	ok(json_get_bool(object, "b", &flag, &err) == 1 && flag, "a flag");
	ok(json_get_strlist(object, "l", &list, &err) == 1 && list.len == 2, "a list");
	fails(json_get_strlist(object, "m", &list, &err), &err, ERROR_INVALID, "not a string", "a list of numbers is no list of strings");
	refused("{\"a\": 1, \"a\": 2}", "duplicate");
	refused("[]", "not an object");
	refused("{", "line 1");
	refused("{\"a\": 99999999999999999999}", "too big");
	refused("{\"a\": \"\xff\"}", "decode");
	refused("{} x", "end of file");
	struct buf deep _cleanup_(buf_free) = { 0 };
	for (int i = 0; i < 5000; i++)
		buf_add_str(&deep, "{\"a\":");
	refused(deep.data, "depth");
	return done();
}
