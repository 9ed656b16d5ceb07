/* Headers, registration lines and entries of binfmt_misc. */
#include "emu/binfmt.h"

#include "base/str.h"
#include "tests/unit/tap.h"

/* What the kernel and qemu-user's own registration have: emulator, magic, mask */
static const struct {
	const char *architecture, *magic, *mask;
} known[] = {
	{ "riscv64", "7f454c460201010000000000000000000200f300", "ffffffffffffff00fffffffffffffffffeffffff" },
	{ "arm64", "7f454c460201010000000000000000000200b700", "ffffffffffffff00fffffffffffffffffeffffff" },
	{ "arm", "7f454c4601010100000000000000000002002800", "ffffffffffffff00fffffffffffffffffeffffff" },
	{ "s390x", "7f454c4602020100000000000000000000020016", "ffffffffffffff00fffffffffffffffffffeffff" },
	{ "loong64", "7f454c4602010100000000000000000002000201", "ffffffffffffff00fffffffffffffffffeffffff" },
	{ "ppc64le", "7f454c4602010100000000000000000002001500", "ffffffffffffff00fffffffffffffffffeffffff" },
};

static const struct {
	const char *what, *text;
	enum binfmt_entry kind;
} entries[] = {
	{ "fixed", "enabled\ninterpreter /usr/bin/qemu-riscv64-static\nflags: POCF\noffset 0\n"
		   "magic 7f454c460201010000000000000000000200f300\nmask ffffffffffffff00fffffffffffffffffeffffff\n", BINFMT_FIXED },
	{ "without F", "enabled\ninterpreter /usr/bin/qemu-riscv64\nflags: OC\noffset 0\nmagic 7f454c460201010000000000000000000200f300\n"
		       "mask ffffffffffffff00fffffffffffffffffeffffff\n", BINFMT_UNFIXED },
	{ "no flags", "enabled\ninterpreter /q\nflags: \noffset 0\nmagic 7f454c46\n", BINFMT_UNFIXED },
	{ "disabled", "disabled\ninterpreter /q\nflags: F\noffset 0\nmagic 7f454c46\n", BINFMT_OTHER },
	{ "another machine", "enabled\ninterpreter /q\nflags: F\noffset 0\nmagic 7f454c460201010000000000000000000200b700\n"
			     "mask ffffffffffffff00fffffffffffffffffeffffff\n", BINFMT_OTHER },
	{ "an extension", "enabled\ninterpreter /q\nflags: F\nextension .py\n", BINFMT_OTHER },
	{ "an offset", "enabled\ninterpreter /q\nflags: F\noffset 4\nmagic 02010100\n", BINFMT_OTHER },
	{ "odd hex", "enabled\ninterpreter /q\nflags: F\noffset 0\nmagic 7f454\n", BINFMT_OTHER },
	{ "no hex", "enabled\ninterpreter /q\nflags: F\noffset 0\nmagic zz\n", BINFMT_OTHER },
	{ "empty magic", "enabled\ninterpreter /q\nflags: F\noffset 0\nmagic \n", BINFMT_OTHER },
	{ "longer than a header", "enabled\ninterpreter /q\nflags: F\noffset 0\nmagic 7f454c460201010000000000000000000200f3000000000000\n", BINFMT_OTHER },
	{ "masks of another length", "enabled\ninterpreter /q\nflags: F\noffset 0\nmagic 7f454c46\nmask ff\n", BINFMT_OTHER },
	{ "no interpreter", "enabled\nflags: F\noffset 0\nmagic 7f454c46\n", BINFMT_OTHER },
	{ "nothing", "", BINFMT_OTHER },
};

static void check_hex(const unsigned char *bytes, const char *want, const char *what)
{
	char text[2 * ELF_HEADER_SIZE + 1];

	for (int i = 0; i < ELF_HEADER_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	is_str(text, want, what);
}

int main(void)
{
	unsigned char bytes[ELF_HEADER_SIZE];
	struct buf line _cleanup_(buf_free) = { 0 };

	for (size_t i = 0; i < array_len(known); i++) {
		const struct machine *machine = machine_find(known[i].architecture);
		if (!ok(machine != NULL, "%s is known", known[i].architecture))
			continue;
		machine_header(machine, bytes);
		check_hex(bytes, known[i].magic, "header");
		machine_mask(machine, bytes);
		check_hex(bytes, known[i].mask, "mask");
	}
	ok(!machine_find("vax"), "an unknown architecture");

	machine_header(machine_find("riscv64"), bytes);
	for (size_t i = 0; i < array_len(entries); i++) {
		_cleanup_(freep) char *interpreter = NULL;
		is_int(binfmt_read(entries[i].text, bytes, &interpreter), entries[i].kind, entries[i].what);
		ok((interpreter != NULL) == (entries[i].kind != BINFMT_OTHER), "an interpreter only where it matters");
	}

	binfmt_line(machine_find("riscv64"), "qemu", "/usr/bin/qemu-riscv64-static", false, &line);
	is_str(line.data,
	       ":qemu-riscv64:M:0:\\x7f\\x45\\x4c\\x46\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xf3\\x00:"
	       "\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff:/usr/bin/qemu-riscv64-static:PFC",
	       "the line of registration");
	return done();
}
