/* Pointers to a text: see elf_text.h.
 *
 * A position-independent program has its pointers in a list of relative relocations (Elf64_Rela, whose addend is the address) or, where that list is packed
 * (DT_RELR), in the data themselves. Segments are mapped in whole pages, so what lies in the file behind the end of a read-only segment, up to the end of its last page, is seen by
 * the program as well: linkers leave zeros there. */
#include "emu/elf_text.h"

#include <elf.h>
#include <stdbool.h>
#include <string.h>

enum { PAGE = 4096 };

#ifndef DT_RELR
#define DT_RELR 36
#endif

struct elf {
	struct buf *file;
	const Elf64_Phdr *parts;
	size_t parts_len;
};

static int invalid(struct error *err)
{
	return error_set(err, ERROR_UNSUPPORTED, "not a 64-bit program whose parts are where its header says");
}

static int elf_open(struct buf *file, struct elf *ret, struct error *err)
{
	const Elf64_Ehdr *head = (const void *)file->data;

	if (file->len < sizeof *head || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 || head->e_ident[EI_CLASS] != ELFCLASS64 ||
	    head->e_ident[EI_DATA] != ELFDATA2LSB || head->e_phentsize != sizeof(Elf64_Phdr) || head->e_phoff % 8 || head->e_phoff > file->len ||
	    head->e_phnum > (file->len - head->e_phoff) / sizeof(Elf64_Phdr))
		return invalid(err);
	*ret = (struct elf){ file, (const void *)(file->data + head->e_phoff), head->e_phnum };
	for (size_t i = 0; i < ret->parts_len; i++)
		if (ret->parts[i].p_offset > file->len || ret->parts[i].p_filesz > file->len - ret->parts[i].p_offset)
			return invalid(err);
	return 0;
}

/* The bytes at an address, at least `len` of them in the file; NULL if they aren't. */
static char *bytes_at(const struct elf *elf, uint64_t address, uint64_t len)
{
	for (size_t i = 0; i < elf->parts_len; i++) {
		const Elf64_Phdr *part = &elf->parts[i];
		if (part->p_type == PT_LOAD && address >= part->p_vaddr && address - part->p_vaddr <= part->p_filesz &&
		    len <= part->p_filesz - (address - part->p_vaddr))
			return elf->file->data + part->p_offset + (address - part->p_vaddr);
	}
	return NULL;
}

static uint64_t dynamic_value(const struct elf *elf, int64_t tag)
{
	for (size_t i = 0; i < elf->parts_len; i++) {
		const Elf64_Phdr *part = &elf->parts[i];
		if (part->p_type != PT_DYNAMIC || part->p_offset % 8)
			continue;
		const Elf64_Dyn *entries = (const void *)(elf->file->data + part->p_offset);
		for (size_t j = 0; j < part->p_filesz / sizeof *entries && entries[j].d_tag != DT_NULL; j++)
			if (entries[j].d_tag == tag)
				return entries[j].d_un.d_val;
	}
	return 0;
}

static bool is_relative(const Elf64_Ehdr *head, uint64_t info)
{
	switch (head->e_machine) {
	case EM_X86_64: return ELF64_R_TYPE(info) == R_X86_64_RELATIVE;
	case EM_AARCH64: return ELF64_R_TYPE(info) == R_AARCH64_RELATIVE;
	case EM_RISCV: return ELF64_R_TYPE(info) == R_RISCV_RELATIVE;
	}
	return false;
}

/* Changes the pointers from one address to another, or only counts them. */
static int change_pointers(const struct elf *elf, uint64_t from, uint64_t to, bool change)
{
	uint64_t size = dynamic_value(elf, DT_RELASZ), at = dynamic_value(elf, DT_RELA);
	Elf64_Rela *list = at && at % 8 == 0 ? (void *)bytes_at(elf, at, size) : NULL;
	int found = 0;

	for (size_t i = 0; list && i < size / sizeof *list; i++)
		if (is_relative((const void *)elf->file->data, list[i].r_info) && (uint64_t)list[i].r_addend == from) {
			found++;
			if (change)
				list[i].r_addend = (int64_t)to;
		}
	for (size_t i = 0; dynamic_value(elf, DT_RELR) && i < elf->parts_len; i++) {
		const Elf64_Phdr *part = &elf->parts[i];
		uint64_t *data = (void *)(elf->file->data + ((part->p_offset + 7) & ~7ull));
		for (size_t j = 0; part->p_type == PT_LOAD && part->p_flags & PF_W && j + 1 < part->p_filesz / 8; j++)
			if (data[j] == from) {
				found++;
				if (change)
					data[j] = to;
			}
	}
	return found;
}

/* Room behind a read-only segment, in no other one, that is all zeros; one zero stays before it, as the end of what is there. */
static char *find_room(const struct elf *elf, size_t len, uint64_t *ret_address)
{
	for (size_t i = 0; i < elf->parts_len; i++) {
		const Elf64_Phdr *part = &elf->parts[i];
		uint64_t start = part->p_offset + part->p_filesz + 1, end = (start + PAGE - 1) / PAGE * PAGE;
		if (part->p_type != PT_LOAD || part->p_flags & PF_W || end > elf->file->len || end - start < len)
			continue;
		bool unused = true;
		for (size_t j = 0; j < elf->parts_len; j++)
			unused = unused && (elf->parts[j].p_type != PT_LOAD || elf->parts[j].p_offset >= end || elf->parts[j].p_offset + elf->parts[j].p_filesz < start);
		for (uint64_t at = start; unused && at < start + len; at++)
			unused = !elf->file->data[at];
		if (!unused)
			continue;
		*ret_address = part->p_vaddr + part->p_filesz + 1;
		return elf->file->data + start;
	}
	return NULL;
}

int elf_retarget_text(struct buf *program, const char *from, const char *to, struct error *err)
{
	struct elf elf;
	uint64_t address;
	int changed = 0;

	if (elf_open(program, &elf, err) < 0)
		return -1;
	char *room = find_room(&elf, strlen(to) + 1, &address);
	for (size_t i = 0; i < elf.parts_len; i++) {
		const Elf64_Phdr *part = &elf.parts[i];
		const char *start = program->data + part->p_offset, *end = start + part->p_filesz, *at;
		if (part->p_type != PT_LOAD || part->p_flags & PF_W)
			continue;
		for (const char *next = start; (at = memmem(next, (size_t)(end - next), from, strlen(from) + 1)); next = at + 1) {
			uint64_t old = part->p_vaddr + (uint64_t)(at - start);
			if ((at > start && at[-1]) || !change_pointers(&elf, old, 0, false))
				continue;
			if (!room)
				return error_set(err, ERROR_UNSUPPORTED, "there is no room for '%s'", to);
			changed += change_pointers(&elf, old, address, true);
		}
	}
	if (changed)
		memcpy(room, to, strlen(to) + 1);
	return changed;
}
