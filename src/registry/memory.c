/* An idle registry is small: few heaps, and what only the start needed is given back.
 *
 * The program has many libraries, of whose code a registry needs little, but starting (relocation, above all) touches nearly all of it.
 * What is only read from its file is dropped from our memory, and comes back from the page cache when it is needed. Segments that
 * are ever written to, with the relocated tables among them, mustn't be. */
#include <link.h>
#include <malloc.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include "registry/internal.h"

/* Code with relocations in it was written to, though its segment does not say so. */
static bool has_text_relocations(const struct dl_phdr_info *info)
{
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		if (info->dlpi_phdr[i].p_type != PT_DYNAMIC)
			continue;
		const ElfW(Dyn) *entry = (void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
		for (; entry->d_tag != DT_NULL; entry++)
			if (entry->d_tag == DT_TEXTREL || (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL)))
				return true;
	}
	return false;
}

static int segments_drop(struct dl_phdr_info *info, size_t size, void *data)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size, (void)data;
	if (has_text_relocations(info))
		return 0;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t start = (info->dlpi_addr + segment->p_vaddr) & ~(page - 1);
		uintptr_t end = (info->dlpi_addr + segment->p_vaddr + segment->p_filesz) & ~(page - 1);
		if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W) && end > start)
			madvise((void *)start, end - start, MADV_DONTNEED);
	}
	return 0;
}

void memory_return(void)
{
	malloc_trim(0);
	dl_iterate_phdr(segments_drop, NULL);
}

/* Few heaps, and large blocks given back to the system when they are free: a small machine's memory is worth more than what more heaps
 * would win. */
void memory_bound(void)
{
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_MMAP_THRESHOLD, 64 << 10);
	mallopt(M_TRIM_THRESHOLD, 256 << 10);
}
