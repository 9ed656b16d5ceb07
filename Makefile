# sampan is built by meson; this file holds the few commands that people type. Each installs what it needs first (dist/setup.sh).
BUILD ?= build
CROSS ?= build-cross
.PHONY: all install deb demo test unit e2e browser bench bench-registry bench-build bench-emulation bench-board test-board cross-riscv64 cross-arm64 fresh fuzz clean

all: $(BUILD)/build.ninja
	ninja -C $(BUILD) sampan

$(BUILD)/build.ninja:
	./dist/setup.sh build
	@meson setup $(BUILD) >$(BUILD).log || { cat $(BUILD).log; exit 1; }; mv $(BUILD).log $(BUILD)/setup.log

# As root, or with DESTDIR=: the program, pages, completions, units. dist/debian has it as a package.
prefix ?= /usr/local
install: all
	./dist/setup.sh build
	meson configure $(BUILD) -Dprefix=$(prefix) -Dman=enabled
	ninja -C $(BUILD) sampan pages
	DESTDIR="$(and $(DESTDIR),$(abspath $(DESTDIR)))" meson install -C $(BUILD) --no-rebuild --strip --quiet

deb: all
	./dist/setup.sh run
	./dist/deb.sh $(ARCH) $(SUITE)

demo: all
	./examples/demo.sh

test:
	./dist/setup.sh build run test
	./tests/run.sh

browser:
	./dist/setup.sh build browser
	./tests/run.sh browser

test-board:
	./dist/setup.sh build run test board cross-riscv64
	./tests/run.sh board board-b board-docker board-c

unit e2e:
	./tests/run.sh $@

bench: bench-registry bench-build bench-emulation

bench-registry bench-build bench-emulation: all
	./dist/setup.sh run test bench
	./bench/$(@:bench-%=%).sh

# Another machine's sampan, against Debian 13's libraries: build-riscv64/sampan. CROSS is where those are kept; SOURCE: a line of
# sources.list to take them from instead of this machine's mirror.
cross-riscv64 cross-arm64:
	./dist/setup.sh build $@
	[ -f $(CROSS)/$(@:cross-%=%)/cross.ini ] || ./dist/cross/sysroot.sh --cache $(CROSS)/debs $(if $(SOURCE),--source '$(SOURCE)') $(@:cross-%=%) $(CROSS)/$(@:cross-%=%)
	[ -f build-$(@:cross-%=%)/build.ninja ] || meson setup build-$(@:cross-%=%) --cross-file $(CROSS)/$(@:cross-%=%)/cross.ini >/dev/null
	ninja -C build-$(@:cross-%=%) sampan

bench-board:
	./dist/setup.sh build board cross-riscv64
	./bench/board.sh

fuzz:
	./dist/setup.sh build fuzz
	./tests/fuzz.sh

fresh:
	./tests/fresh.sh

clean:
	rm -rf $(BUILD) build-sanitize build-fuzz build-riscv64 build-arm64
