/* A whole Dockerfile: statements become instructions, instructions become stages. See dockerfile.h. */
#include "build/dockerfile.h"

#include <ctype.h>
#include <strings.h>

#include "build/diagnose.h"
#include "build/directive.h"
#include "build/instruction.h"

static void stage_clear(struct stage *stage)
{
	free(stage->name);
	free(stage->base);
	free(stage->platform);
	instruction_clear(&stage->from);
	for (size_t i = 0; i < stage->instructions_len; i++)
		instruction_clear(&stage->instructions[i]);
	free(stage->instructions);
}

void dockerfile_clear(struct dockerfile *dockerfile)
{
	free(dockerfile->file_name);
	free(dockerfile->source);
	free(dockerfile->syntax);
	strlist_free(&dockerfile->check.skip);
	for (size_t i = 0; i < dockerfile->global_args_len; i++)
		instruction_clear(&dockerfile->global_args[i]);
	free(dockerfile->global_args);
	for (size_t i = 0; i < dockerfile->stages_len; i++)
		stage_clear(&dockerfile->stages[i]);
	free(dockerfile->stages);
	*dockerfile = (struct dockerfile){ 0 };
}

int dockerfile_error_at(const struct dockerfile *dockerfile, int line, int end_line, struct error *err)
{
	const struct source source = { dockerfile->file_name, dockerfile->source, dockerfile->source_len };

	return diagnose_at(&source, line, end_line, err);
}

void dockerfile_excerpt(const struct dockerfile *dockerfile, int line, int end_line, struct buf *ret)
{
	const struct source source = { dockerfile->file_name, dockerfile->source, dockerfile->source_len };

	diagnose_excerpt(&source, line, end_line, ret);
}

/* Takes the FROM. */
static void add_stage(struct dockerfile *dockerfile, struct instruction *from)
{
	xgrow(dockerfile->stages, dockerfile->stages_len);
	struct stage *stage = &dockerfile->stages[dockerfile->stages_len++];

	*stage = (struct stage){ .base = xstrdup(from->words.items[0]), .platform = xstrdup(from->flags.platform),
				 .name = xstrdup(from->alias), .from = *from };
	for (char *at = stage->name; at && *at; at++)
		*at = (char)tolower((unsigned char)*at);
	*from = (struct instruction){ 0 };
}

/* Takes the instruction. */
static int add_instruction(struct dockerfile *dockerfile, struct instruction *instruction, struct error *err)
{
	if (instruction->kind == INSTRUCTION_FROM) {
		if (dockerfile->stages_len == DOCKERFILE_STAGES_MAX)
			return error_set(err, ERROR_TOO_LARGE, "there are more than %d stages", DOCKERFILE_STAGES_MAX);
		add_stage(dockerfile, instruction);
		return 0;
	}
	if (!dockerfile->stages_len && instruction->kind != INSTRUCTION_ARG) {
		error_set(err, ERROR_INVALID, "no build stage in current context: %s stands before the first FROM",
			  instruction_kind_name(instruction->kind));
		return error_hint(err, "begin with FROM image; only ARG may stand before it");
	}
	if (!dockerfile->stages_len) {
		xgrow(dockerfile->global_args, dockerfile->global_args_len);
		dockerfile->global_args[dockerfile->global_args_len++] = *instruction;
	} else {
		struct stage *stage = &dockerfile->stages[dockerfile->stages_len - 1];
		xgrow(stage->instructions, stage->instructions_len);
		stage->instructions[stage->instructions_len++] = *instruction;
	}
	*instruction = (struct instruction){ 0 };
	return 0;
}

static int parse_statements(struct dockerfile *dockerfile, struct lexer *lexer, struct error *err)
{
	_cleanup_(statement_clear) struct statement statement = { 0 };
	int more;

	while ((more = lexer_next(lexer, &statement, err)) > 0) {
		_cleanup_(instruction_clear) struct instruction instruction = { 0 };
		if (!statement.text.data[strspn(statement.text.data, " \t\v\f\r")])
			continue;
		if (instruction_parse(&statement, lexer->escape, &instruction, err) < 0 ||
		    add_instruction(dockerfile, &instruction, err) < 0)
			return dockerfile_error_at(dockerfile, statement.line, statement.end_line, err);
	}
	if (more < 0)
		return dockerfile_error_at(dockerfile, statement.line, statement.end_line, err);
	return 0;
}

/* What must hold before anything is read. */
static int check_text(const struct dockerfile *dockerfile, struct error *err)
{
	const char *at = dockerfile->source, *end = at + dockerfile->source_len;
	int lines = 1;

	if (memchr(at, '\0', dockerfile->source_len)) {
		error_set(err, ERROR_INVALID, "%s holds a NUL byte", dockerfile->file_name);
		return error_hint(err, "a Dockerfile is text in UTF-8; is this another file?");
	}
	while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		at++;
		lines++;
	}
	if (lines > DOCKERFILE_LINES_MAX)
		return error_set(err, ERROR_TOO_LARGE, "%s has more than %d lines", dockerfile->file_name, DOCKERFILE_LINES_MAX);
	return 0;
}

static int read_directives(struct dockerfile *dockerfile, const char *text, size_t len, struct error *err)
{
	struct directives directives;
	int line = 1;

	if (directives_parse(text, len, &directives, &line, err) < 0)
		return dockerfile_error_at(dockerfile, line, line, err);
	dockerfile->escape = directives.escape;
	dockerfile->syntax = directives.syntax;
	dockerfile->check = directives.check;
	return 0;
}

static int empty_file(const struct dockerfile *dockerfile, struct error *err)
{
	if (!dockerfile->global_args_len)
		error_set(err, ERROR_INVALID, "%s has no instructions", dockerfile->file_name);
	else
		error_set(err, ERROR_INVALID, "%s has no FROM: there is no build stage", dockerfile->file_name);
	return error_hint(err, "a Dockerfile begins with FROM image");
}

int dockerfile_parse(const char *text, size_t len, const char *file_name, struct dockerfile *ret, struct error *err)
{
	_cleanup_(dockerfile_clear) struct dockerfile dockerfile = { 0 };

	if (len > DOCKERFILE_SIZE_MAX)
		return error_set(err, ERROR_TOO_LARGE, "%s is longer than %d MiB", file_name, DOCKERFILE_SIZE_MAX >> 20);
	dockerfile.file_name = xstrdup(file_name);
	dockerfile.source = xcalloc(len + 1, 1);
	dockerfile.source_len = len;
	if (len)
		memcpy(dockerfile.source, text, len);
	const char *begin = dockerfile.source, *end = begin + len;
	if (str_starts(begin, "\xef\xbb\xbf"))
		begin += 3;
	if (check_text(&dockerfile, err) < 0 || read_directives(&dockerfile, begin, (size_t)(end - begin), err) < 0)
		return -1;
	struct lexer lexer = { begin, end, 1, dockerfile.escape };
	if (parse_statements(&dockerfile, &lexer, err) < 0)
		return -1;
	if (!dockerfile.stages_len)
		return empty_file(&dockerfile, err);
	*ret = dockerfile;
	dockerfile = (struct dockerfile){ 0 };
	return 0;
}

int dockerfile_parse_instruction(const char *text, char escape, struct instruction *ret, struct error *err)
{
	_cleanup_(statement_clear) struct statement statement = { 0 }, rest = { 0 };
	_cleanup_(instruction_clear) struct instruction instruction = { 0 };
	struct lexer lexer = { text, text + strlen(text), 1, escape };
	int found = lexer_next(&lexer, &statement, err);

	if (found < 0)
		return -1;
	if (!found)
		return error_set(err, ERROR_INVALID, "there is no instruction");
	if (instruction_parse(&statement, escape, &instruction, err) < 0)
		return -1;
	if (instruction.kind == INSTRUCTION_FROM || instruction.kind == INSTRUCTION_ONBUILD || instruction.kind == INSTRUCTION_MAINTAINER)
		return error_set(err, ERROR_INVALID, "%s isn't allowed as an ONBUILD trigger or a --change", instruction_kind_name(instruction.kind));
	found = lexer_next(&lexer, &rest, err);
	if (found)
		return found < 0 ? -1 : error_set(err, ERROR_INVALID, "there is more than one instruction");
	*ret = instruction;
	instruction = (struct instruction){ 0 };
	return 0;
}

int dockerfile_find_stage(const struct dockerfile *dockerfile, const char *name, size_t before)
{
	int64_t number;

	if (!strcmp(name, "scratch"))
		return -1;
	/* The last of two stages with the same name is the one that counts. */
	for (size_t i = before; i-- > 0;)
		if (dockerfile->stages[i].name && !strcasecmp(dockerfile->stages[i].name, name))
			return (int)i;
	if (isdigit((unsigned char)*name) && before && str_to_int(name, 0, (int64_t)before - 1, &number, NULL) == 0)
		return (int)number;
	return -1;
}
