/* The growing buffer, and errors that gain context. */
#include "base/buf.h"

#include <errno.h>

#include "tap.h"

static void test_buf(void)
{
	struct buf buf = { 0 };

	for (int i = 0; i < 1000; i++)
		buf_printf(&buf, "%d,", i);
	is_int(buf.len, 10 * 2 + 90 * 3 + 900 * 4, "a thousand numbers");
	ok(strlen(buf.data) == buf.len, "it ends with a NUL behind its length");
	buf_clear(&buf);
	is_str(buf.data, "", "empty after clear");
	buf_add(&buf, "a\0b", 3);
	is_int(buf.len, 3, "bytes may hold a NUL");
	char *taken = buf_steal(&buf);
	ok(taken[2] == 'b' && !buf.data && !buf.len, "stolen, and empty afterwards");
	free(taken);
	taken = buf_steal(&buf);
	is_str(taken, "", "an empty buffer gives an empty string");
	free(taken);
}

static void test_error(void)
{
	struct error err = { 0 };

	is_int(error_errno(&err, ENOSPC, "cannot write %s", "x"), -1, "a failure is -1");
	is_int(err.code, ERROR_NO_SPACE, "ENOSPC is NO_SPACE");
	error_wrap(&err, "cannot pull %s", "y");
	is_str(err.message, "cannot pull y: cannot write x: No space left on device", "context in front");
	error_hint(&err, "near");
	error_hint(&err, "far");
	is_str(err.hint, "near", "the hint nearest to the cause stays");
	error_clear(&err);
	is_int(error_set(NULL, ERROR_FAILED, "nobody wants to know"), -1, "NULL is allowed");
	is_int(error_exit_code(ERROR_USAGE), 2, "usage errors exit with 2");
}

int main(void)
{
	test_buf();
	test_error();
	return done();
}
