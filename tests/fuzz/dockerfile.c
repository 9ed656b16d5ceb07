/* Dockerfiles: whatever parses can be expanded, checked, and its instructions parsed again from their own text. */
#include <stdint.h>

#include "build/dockerfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Some variables are set, to what an attacker would like. */
static const char *lookup(const char *name, size_t len, void *data)
{
	(void)data;
	if (!len || (*name & 3) == 0)
		return NULL;
	return (*name & 3) == 1 ? "a/b c*" : "x,type=cache";
}

static void expand(const struct instruction *instruction, char escape)
{
	const struct expand_options options = { .lookup = lookup, .escape = escape };
	_cleanup_(instruction_clear) struct instruction expanded = { 0 };
	_cleanup_(error_clear) struct error err = { 0 };

	if (instruction_expand(instruction, &options, &expanded, &err) == 0 && expanded.kind != instruction->kind)
		abort();
	_cleanup_(strlist_free) struct strlist ports = { 0 };
	for (size_t i = 0; expanded.kind == INSTRUCTION_EXPOSE && i < expanded.words.len; i++)
		if (expose_parse(expanded.words.items[i], &ports, &err) < 0 && err.code != ERROR_TOO_LARGE)
			abort();
}

static void parse_trigger(const struct instruction *instruction, char escape)
{
	_cleanup_(instruction_clear) struct instruction trigger = { 0 };
	_cleanup_(error_clear) struct error err = { 0 };

	/* What ONBUILD took must parse when its time comes. */
	if (dockerfile_parse_instruction(instruction->words.items[0], escape, &trigger, &err) < 0)
		abort();
}

static void add_length(const struct check_finding *finding, void *data)
{
	*(size_t *)data += strlen(finding->message) + strlen(finding->rule);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(dockerfile_clear) struct dockerfile dockerfile = { 0 };
	_cleanup_(error_clear) struct error err = { 0 };
	size_t length = 0;

	if (dockerfile_parse((const char *)data, size, "Dockerfile", &dockerfile, &err) < 0) {
		if (!err.message)
			abort();
		return 0;
	}
	for (size_t i = 0; i < dockerfile.stages_len; i++) {
		const struct stage *stage = &dockerfile.stages[i];
		expand(&stage->from, dockerfile.escape);
		for (size_t j = 0; j < stage->instructions_len; j++) {
			expand(&stage->instructions[j], dockerfile.escape);
			if (stage->instructions[j].kind == INSTRUCTION_ONBUILD)
				parse_trigger(&stage->instructions[j], dockerfile.escape);
		}
	}
	dockerfile_check(&dockerfile, add_length, &length);
	return 0;
}
