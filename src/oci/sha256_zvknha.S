/* SHA-256 by riscv64's vector cryptography (Zvknha or Zvknhb, with Zvkb): see sha256.h.
 *
 * void sha256_zvknha(uint32_t state[8], const void *bytes, size_t blocks, const uint32_t constants[64]), with blocks > 0.
 *
 * The instructions take the state as two groups of four words, whose elements 0 to 3 are f, e, b, a and h, g, d, c. Two of them do four rounds, of the sums
 * of four words of the message and their constants; a third makes the next four words out of the sixteen before (RISC-V Cryptography Extensions Volume II,
 * vsha2c[hl].vv and vsha2ms.vv). All constants stay in registers. A group is 128 bits, which every V has. */

/* Numbers, since Debian 12's assembler doesn't know them: .insn r OPCODE, FUNCT3, FUNCT7, RD, RS1, RS2 with registers by their numbers. */
.macro sha2_words vd, early, late
	.insn r 0x77, 2, 0x5b, x\vd, x\late, x\early
.endm
.macro sha2_rounds_low vd, state, sums
	.insn r 0x77, 2, 0x5f, x\vd, x\sums, x\state
.endm
.macro sha2_rounds_high vd, state, sums
	.insn r 0x77, 2, 0x5d, x\vd, x\sums, x\state
.endm
.macro turn_bytes vd, from
	.insn r 0x57, 2, 0x25, x\vd, x9, x\from
.endm

/* v0 the mask 0b0001, v1 to v4 the words, v5 sums, v6 FEBA, v7 HGDC, v8 and v9 what these were before the block, v10 to v25 constants, v26 an index. */
.macro four_rounds constants, sums_of
	vadd.vv v5, v\sums_of, v\constants
	sha2_rounds_low 7, 6, 5
	sha2_rounds_high 6, 7, 5
.endm
.macro four_rounds_and_words constants, first, second, third, fourth
	four_rounds \constants, \first
	vmerge.vvm v5, v\third, v\second, v0
	sha2_words \first, 5, \fourth
.endm

.option push
.option arch, +v
.text
.balign 4
.globl sha256_zvknha
.hidden sha256_zvknha
.type sha256_zvknha, @function
sha256_zvknha:
	vsetivli zero, 4, e32, m1, ta, ma
	mv t0, a3
	.irp register, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25
	vle32.v v\register, (t0)
	addi t0, t0, 16
	.endr

	/* a b c d and e f g h become f e b a and h g d c: element i of the result is byte offset (20, 16, 4, 0) of the state, and 8 more. */
	li t0, 0x00041014
	vsetivli zero, 1, e32, m1, ta, ma
	vmv.v.x v27, t0
	vsetivli zero, 4, e32, m1, ta, ma
	vzext.vf4 v26, v27
	addi t1, a0, 8
	vluxei32.v v6, (a0), v26
	vluxei32.v v7, (t1), v26

	vsetivli zero, 1, e8, m1, ta, ma
	vmv.v.i v0, 1
1:
	/* The bytes are anywhere: a vector of bytes needs no alignment. */
	vsetivli zero, 16, e8, m1, ta, ma
	.irp register, 1, 2, 3, 4
	vle8.v v\register, (a1)
	addi a1, a1, 16
	.endr
	vsetivli zero, 4, e32, m1, ta, ma
	turn_bytes 1, 1
	turn_bytes 2, 2
	turn_bytes 3, 3
	turn_bytes 4, 4
	vmv.v.v v8, v6
	vmv.v.v v9, v7

	four_rounds_and_words 10, 1, 2, 3, 4
	four_rounds_and_words 11, 2, 3, 4, 1
	four_rounds_and_words 12, 3, 4, 1, 2
	four_rounds_and_words 13, 4, 1, 2, 3
	four_rounds_and_words 14, 1, 2, 3, 4
	four_rounds_and_words 15, 2, 3, 4, 1
	four_rounds_and_words 16, 3, 4, 1, 2
	four_rounds_and_words 17, 4, 1, 2, 3
	four_rounds_and_words 18, 1, 2, 3, 4
	four_rounds_and_words 19, 2, 3, 4, 1
	four_rounds_and_words 20, 3, 4, 1, 2
	four_rounds_and_words 21, 4, 1, 2, 3
	four_rounds 22, 1
	four_rounds 23, 2
	four_rounds 24, 3
	four_rounds 25, 4

	vadd.vv v6, v6, v8
	vadd.vv v7, v7, v9
	addi a2, a2, -1
	bnez a2, 1b

	vsuxei32.v v6, (a0), v26
	vsuxei32.v v7, (t1), v26
	ret
.size sha256_zvknha, . - sha256_zvknha
.option pop
.section .note.GNU-stack, "", @progbits
