#!/usr/bin/env bats
# Twins give the very bytes that emulation gives: the whole corpus, some forty minutes (tests/run.sh twins). ARCHITECTURE=arm64 builds it for another machine.
load ../common
load ../twins
TOP=$(cd "$BATS_TEST_DIRNAME/../../.." && pwd)

setup_file() {
  setup_folder
  twins_base gcc g++ libc6-dev make cmake ninja-build pkg-config autoconf automake libtool m4 bison flex zip unzip bzip2 xz-utils cpio fakeroot sudo patch gawk \
    zlib1g-dev gcc-14-plugin-dev busybox-static locales re2c python3-minimal gcc-13 g++-13 libnss-extrausers file zstd ccache
}

teardown_file() { remove_folder; }

@test ".s and .S, the assembler by itself, its listing, its macros and a file that it takes in" { verified assembler; }
@test "Response files, with everything in them" { verified atfiles; }
@test "autoconf, automake and libtool" { verified autotools; }
@test "awk" { verified awk; }
@test "A program of two files and a header, at several levels of optimisation and of debug information" { verified c; }
@test "The command lines and environments that the driver gives to the programs beneath it, seen by scripts in their places" { verified calls; }
@test "A wrapper before the compiler: ccache, and one's own" { verified ccache; }
@test "Beneath a chroot, where neither twins nor QEMU can be seen, programs run all the same" { verified chroot; }
@test "CMake with ninja and with make, with a precompiled header, a library, pkg-config and a job server" { verified cmake; }
@test "Archives and compressors, at several levels and sizes: what they write is compared byte by byte" { verified compress; }
@test "Instrumented code: coverage, profiles, -pg, sanitizers, OpenMP, stack protection" { verified coverage; }
@test "C++ with templates, exceptions and the standard library" { verified cxx; }
@test "What lands in debug information and notes: macros, split units, switches, mapped paths, compressed sections" { verified debug; }
@test "Output that names the headers" { verified depend; }
@test "What the compiler tells of its work: dumps, notes, the analyzer, predefined macros" { verified dumps; }
@test "The many ways to start a program" { verified exec; }
@test "Files as build steps make and move them, and archives of them" { verified files; }
@test "For machines without a system: other ABIs, boot images, linker scripts, binary data" { verified freestanding; }
@test "The order in which headers are found" { verified include; }
@test "Many at once: parallel jobs, pipes, locks, signals, limits" { verified jobs; }
@test "Libraries in the distribution's own folder that are not the distribution's" { verified libraries; }
@test "Symbols, constructors, thread-local storage, comdats, and the linker's options" { verified linkage; }
@test "Link-time optimisation" { verified lto; }
@test "Binutils on objects that hold nothing but the compiler's intermediate code, with the plug-in at hand and with the compiler removed" { verified ltotools; }
@test "make: functions, rules, included and remade files, a module of the image's" { verified makes; }
@test "Machine options, and those of the machine itself" { verified march; }
@test "C++ modules, coroutines, concepts" { verified modules; }
@test "A needed library that only ld.so.conf.d, or LD_LIBRARY_PATH, leads to: a cross linker looks in neither" { verified needed; }
@test "Numbers that the compiler works out itself" { verified numbers; }
@test "Debian packages made, installed, upgraded, diverted and purged by hand" { verified packages; }
@test "Precompiled headers, made and used" { verified pch; }
@test "Libraries that are put into programs" { verified preload; }
@test "What the kernel, as QEMU shows it, says of machine and process" { verified proc; }
@test "Tools that are replaced, patched or removed are never twinned" { verified replaced; }
@test "Linker scripts, map files, build ids, the linker by itself with its own folders, and the table that it writes about itself" { verified script; }
@test "Shared libraries" { verified shared; }
@test "What shells read beyond their own text, and commands that print all that they know" { verified shells; }
@test "Static, static-pie, without the start files, with --gc-sections" { verified static; }
@test "Programs that come, go or change within one step: installed and used at once, upgraded and downgraded, removed" { verified step; }
@test "strip, objcopy and install -s on programs, archives and objects" { verified strip; }
@test "What the compilers and binutils say of themselves, kept in files" { verified tells; }
@test "Text tools: sorting in several locales, large numbers, patches, m4, bison, flex, re2c, sums" { verified text; }
@test "Environment variables that lead a compiler elsewhere" { verified variables; }
