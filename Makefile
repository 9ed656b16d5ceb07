# sampan is built by meson; this file holds the few commands that people type. Each installs what it needs first (dist/setup.sh).
BUILD ?= build
.PHONY: all install deb demo test unit e2e browser bench bench-registry bench-build bench-emulation fresh fuzz clean

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

unit e2e:
	./tests/run.sh $@

bench: bench-registry bench-build bench-emulation

bench-registry bench-build bench-emulation: all
	./dist/setup.sh run test bench
	./bench/$(@:bench-%=%).sh

fuzz:
	./dist/setup.sh build fuzz
	./tests/fuzz.sh

fresh:
	./tests/fresh.sh

clean:
	rm -rf $(BUILD) build-sanitize build-fuzz
