#!/usr/bin/env bats
# Another architecture: what can run is shown, and a static riscv64 program runs under QEMU, in a container and in exec.
load common

setup_file() {
  setup_folder
  qemu=$(command -v qemu-riscv64-static || command -v qemu-riscv64 || true)
  export qemu
}

teardown_file() { remove_folder; }

@test "the machine itself is native" {
  run "$SAMPAN" emulator
  [ "$status" -eq 0 ]
  [[ $output == PLATFORM* && $output == *native* && $output == *linux/riscv64* ]]
}

@test "JSON has one object a platform" {
  "$SAMPAN" --format json emulator | python3 -c 'import json, sys; rows = json.load(sys.stdin); assert all("emulation" in r for r in rows) and len(rows) > 5'
}

@test "a platform that can't run is an error that says why" {
  run "$SAMPAN" emulator windows/amd64
  [ "$status" -eq 1 ]
  [[ $output == *"do not run on Linux"* ]]
}

@test "the host's list of emulators is not touched" {
  before=$(cat /proc/sys/fs/binfmt_misc/* 2>/dev/null | cksum)
  "$SAMPAN" emulator riscv64 || true
  [ "$(cat /proc/sys/fs/binfmt_misc/* 2>/dev/null | cksum)" = "$before" ]
}

# A program that needs neither libc nor a compiler: write(1, "hello\n", 6), exit(42).
riscv_tar() { # FILE
  python3 - "$1" <<'END'
import io, struct, sys, tarfile
def itype(op, rd, f3, rs, imm): return struct.pack('<I', (imm & 0xfff) << 20 | rs << 15 | f3 << 12 | rd << 7 | op)
def li(rd, n): return itype(0x13, rd, 0, 0, n)
ecall = struct.pack('<I', 0x73)
code = li(10, 1) + struct.pack('<I', 0x597) + itype(0x13, 11, 0, 11, 4 * 8)  # a1 = pc + 32: behind the code
code += li(12, 6) + li(17, 64) + ecall + li(10, 42) + li(17, 93) + ecall + b'hello\n'
base, size = 0x10000, 120 + len(code)
elf = b'\x7fELF\x02\x01\x01' + bytes(9) + struct.pack('<HHIQQQIHHHHHH', 2, 243, 1, base + 120, 64, 0, 0, 64, 56, 1, 0, 0, 0)
elf += struct.pack('<IIQQQQQQ', 1, 5, 0, base, base, size, size, 4096) + code
with tarfile.open(sys.argv[1], 'w') as tar:
    info = tarfile.TarInfo('hello')
    info.mode, info.size = 0o755, len(elf)
    tar.addfile(info, io.BytesIO(elf))
END
}

@test "a riscv64 image runs, in the foreground and detached" {
  [ -n "$qemu" ] || skip "no qemu-user"
  "$SAMPAN" emulator riscv64 || skip "no emulation here"
  riscv_tar "$T/rv.tar"
  "$SAMPAN" import --platform linux/riscv64 "$T/rv.tar" rv:1
  run "$SAMPAN" run --rm --network host rv:1 /hello
  [ "$status" -eq 42 ]
  [ "$output" = hello ]
  "$SAMPAN" run -d --name emulated --network host rv:1 /hello
  run timeout 20 "$SAMPAN" logs -f emulated
  [ "$output" = hello ]
  [[ $("$SAMPAN" ps -a) == *"Exited (42)"* ]]
  "$SAMPAN" rm emulated
}
