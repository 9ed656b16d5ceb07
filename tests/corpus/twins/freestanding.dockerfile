# For machines without a system: no library, no start files, other ABIs, boot images, a linker script with overlays and checksums, binary data made into objects.
ARG BASE
FROM $BASE
WORKDIR /src
COPY <<"END" boot.c
typedef unsigned char u8; extern u8 _binary_blob_start[] __attribute__((weak)), stack_top[];
static volatile u8 *const port = (u8 *)0x10000000;
void putc_(char c) { *port = c; }
__attribute__((noreturn, used)) void start(void) { for (const char *s = "hello\n"; *s; s++) putc_(*s); for (;;) __asm__ volatile("" ::: "memory"); }
__attribute__((interrupt, used)) void never(void);
END
COPY <<"END" boot.ld
ENTRY(start)
MEMORY { rom (rx) : ORIGIN = 0x80000000, LENGTH = 128K  ram (rw) : ORIGIN = 0x80100000, LENGTH = 64K }
SECTIONS { .text : { *(.text.start) *(.text*) *(.rodata*) . = ALIGN(16); blob = .; *(.blob) } > rom
 .data : AT(LOADADDR(.text) + SIZEOF(.text)) { PROVIDE(data = .); *(.data*) *(.sdata*) } > ram
 .bss (NOLOAD) : { *(.bss*) *(.sbss*) . += 0x1000; stack_top = ALIGN(16); } > ram
 .sum 0 : { LONG(SIZEOF(.text)) QUAD(0x1122334455667788) BYTE(1) FILL(0xee) . = ALIGN(32); }
 ASSERT(SIZEOF(.text) < 64K, "too long") /DISCARD/ : { *(.comment) *(.note*) *(.eh_frame*) } }
END
RUN sed -i '/interrupt/d' boot.c; head -c 999 /usr/share/common-licenses/GPL-3 > blob; for o in '-march=rv64imac_zicsr -mabi=lp64 -mcmodel=medany' '-march=rv32imac -mabi=ilp32' '-march=armv8-a+nofp -mgeneral-regs-only' '-mbig-endian' '-mthumb -march=armv7-a -mfloat-abi=soft' '-m31' '-m32' '-mcpu=power8' '-march=z14' -Os; do n=$(echo "$o" | tr -dc a-z0-9A-Z); gcc -ffreestanding -fno-builtin -nostdlib -fno-pic -Os -g $o -c boot.c -o $n.o 2> $n.said && ld -T boot.ld $n.o -o $n.elf 2>> $n.said; done; gcc -ffreestanding -fno-pic -Os -c boot.c && ld -r -b binary blob -o blob.o && objcopy --rename-section .data=.blob blob.o && ld -T boot.ld -Map boot.map boot.o blob.o -o boot.elf && objcopy -O binary boot.elf boot.bin && objcopy -O ihex boot.elf boot.hex && objcopy -O verilog boot.elf boot.v && objcopy --dump-section .blob=dumped boot.elf && cmp dumped blob && objcopy -I binary -O default --add-section .x=blob boot.o added.o 2> added; objcopy --update-section .blob=boot.ld --set-section-flags .blob=alloc,readonly --gap-fill=0xff --pad-to=0x80001000 boot.elf up.elf 2> up; size -A boot.elf > size; objdump -h -p -x boot.elf > headers; nm -n --size-sort boot.elf > nm; ld -T boot.ld --oformat=binary boot.o -o direct.bin; ld -T boot.ld --no-warn-rwx-segments -N boot.o -o n.elf 2> n.said; true
