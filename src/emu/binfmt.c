/* Lines and files of binfmt_misc: see binfmt.h. Nothing in here touches the system, so that tests can go through all of it. */
#include "emu/binfmt.h"

#include <elf.h>
#include <string.h>

#include "base/str.h"

#ifndef EM_LOONGARCH
#define EM_LOONGARCH 258
#endif

/* name of QEMU, architecture of the platform, class, byte order, machine */
#define MACHINES(X)                                                     \
	X("riscv64", "riscv64", ELFCLASS64, ELFDATA2LSB, EM_RISCV)      \
	X("aarch64", "arm64", ELFCLASS64, ELFDATA2LSB, EM_AARCH64)      \
	X("arm", "arm", ELFCLASS32, ELFDATA2LSB, EM_ARM)                \
	X("ppc64le", "ppc64le", ELFCLASS64, ELFDATA2LSB, EM_PPC64)      \
	X("s390x", "s390x", ELFCLASS64, ELFDATA2MSB, EM_S390)           \
	X("i386", "386", ELFCLASS32, ELFDATA2LSB, EM_386)               \
	X("x86_64", "amd64", ELFCLASS64, ELFDATA2LSB, EM_X86_64)        \
	X("loongarch64", "loong64", ELFCLASS64, ELFDATA2LSB, EM_LOONGARCH) \
	X("mips64el", "mips64le", ELFCLASS64, ELFDATA2LSB, EM_MIPS)

static const struct machine machines[] = {
#define X(qemu, architecture, class, data, number) { qemu, architecture, class, data, number },
	MACHINES(X)
#undef X
};

const struct machine *machine_find(const char *architecture)
{
	for (size_t i = 0; i < array_len(machines); i++)
		if (str_equal(machines[i].architecture, architecture))
			return &machines[i];
	return NULL;
}

const struct machine *machine_at(size_t index)
{
	return index < array_len(machines) ? &machines[index] : NULL;
}

static void put_half(unsigned char *at, unsigned char data, unsigned value)
{
	at[data == ELFDATA2MSB ? 1 : 0] = value & 0xff;
	at[data == ELFDATA2MSB ? 0 : 1] = value >> 8;
}

void machine_header(const struct machine *machine, unsigned char ret[ELF_HEADER_SIZE])
{
	memset(ret, 0, ELF_HEADER_SIZE);
	memcpy(ret, ELFMAG, SELFMAG);
	ret[EI_CLASS] = machine->class;
	ret[EI_DATA] = machine->data;
	ret[EI_VERSION] = EV_CURRENT;
	put_half(ret + EI_NIDENT, machine->data, ET_EXEC);
	put_half(ret + EI_NIDENT + 2, machine->data, machine->number);
}

void machine_mask(const struct machine *machine, unsigned char ret[ELF_HEADER_SIZE])
{
	memset(ret, 0xff, ELF_HEADER_SIZE);
	ret[EI_OSABI] = 0;
	put_half(ret + EI_NIDENT, machine->data, 0xffff & ~(ET_EXEC ^ ET_DYN));
}

static void add_escaped(struct buf *buf, const unsigned char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf_printf(buf, "\\x%02x", bytes[i]);
}

void binfmt_line(const struct machine *machine, const char *name, const char *interpreter, bool marked, struct buf *ret)
{
	unsigned char header[ELF_HEADER_SIZE], mask[ELF_HEADER_SIZE];

	machine_header(machine, header);
	machine_mask(machine, mask);
	if (marked)
		mask[EI_NIDENT - 1] = 0;
	buf_printf(ret, ":%s-%s:M:0:", name, machine->qemu);
	add_escaped(ret, header, sizeof header);
	buf_add_char(ret, ':');
	add_escaped(ret, mask, sizeof mask);
	buf_printf(ret, ":%s:PFC", interpreter);
}

/* The value behind "name " at a line's start, up to the line's end; NULL if there is no such line. */
static char *field(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = text; at && *at; at = strchr(at, '\n'), at = at ? at + 1 : NULL)
		if (!strncmp(at, name, len) && at[len] == ' ')
			return xstrndup(at + len + 1, strcspn(at + len + 1, "\n"));
	return NULL;
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Reads at most `max` bytes of hex; returns how many there are, -1 if it is none or longer. */
static int hex_read(const char *text, unsigned char *out, int max)
{
	int n = 0;

	for (; *text; text += 2, n++) {
		int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);
		if (low < 0 || n == max)
			return -1;
		out[n] = (unsigned char)(high << 4 | low);
	}
	return n;
}

static bool header_matches(const char *text, const unsigned char header[ELF_HEADER_SIZE])
{
	_cleanup_(freep) char *offset = field(text, "offset"), *magic = field(text, "magic"), *mask = field(text, "mask");
	unsigned char want[ELF_HEADER_SIZE], bits[ELF_HEADER_SIZE];
	int len = magic && str_equal(offset, "0") ? hex_read(magic, want, ELF_HEADER_SIZE) : -1;

	if (len <= 0 || (mask && hex_read(mask, bits, ELF_HEADER_SIZE) != len))
		return false;
	for (int i = 0; i < len; i++)
		if ((header[i] ^ want[i]) & (mask ? bits[i] : 0xff))
			return false;
	return true;
}

enum binfmt_entry binfmt_read(const char *text, const unsigned char header[ELF_HEADER_SIZE], char **ret_interpreter)
{
	if (!str_starts(text, "enabled\n") || !header_matches(text, header))
		return BINFMT_OTHER;
	char *interpreter = field(text, "interpreter");
	if (!interpreter)
		return BINFMT_OTHER;
	_cleanup_(freep) char *flags = field(text, "flags:");
	*ret_interpreter = interpreter;
	return flags && strchr(flags, 'F') ? BINFMT_FIXED : BINFMT_UNFIXED;
}
