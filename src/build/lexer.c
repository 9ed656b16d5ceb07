/* From the text of a Dockerfile to whole instructions: see lexer.h.
 *
 * A line goes on in the next if its last character but blanks is the escape character, unless another stands before it. Within such a
 * line comment lines are left out, and so are empty ones (docker tolerates them and warns). The bodies of heredocs follow the joined line as
 * they are: neither comments nor continuation exist in them. */
#include "build/lexer.h"

#include <ctype.h>
#include <strings.h>

#include "build/heredoc.h"

void statement_clear(struct statement *statement)
{
	buf_free(&statement->text);
	for (size_t i = 0; i < statement->heredocs_len; i++)
		heredoc_clear(&statement->heredocs[i]);
	free(statement->heredocs);
	*statement = (struct statement){ 0 };
}

bool lexer_line(struct lexer *lexer, const char **ret, size_t *ret_len)
{
	if (lexer->at >= lexer->end)
		return false;
	const char *newline = memchr(lexer->at, '\n', (size_t)(lexer->end - lexer->at));
	const char *end = newline ? newline : lexer->end;

	*ret = lexer->at;
	*ret_len = (size_t)(end - lexer->at);
	lexer->at = newline ? newline + 1 : lexer->end;
	lexer->line++;
	return true;
}

static void trim_end(const char *line, size_t *len)
{
	while (*len && line[*len - 1] == '\r')
		--*len;
}

static void trim_start(const char **line, size_t *len)
{
	while (*len && isspace((unsigned char)**line)) {
		++*line;
		--*len;
	}
}

/* Takes the escape character off the end of a line that goes on in the next. */
static bool take_continuation(const char *line, size_t *len, char escape)
{
	size_t last = *len;

	while (last && (line[last - 1] == ' ' || line[last - 1] == '\t'))
		last--;
	if (!last || line[last - 1] != escape || (last > 1 && line[last - 2] == escape))
		return false;
	*len = last - 1;
	return true;
}

/* Adds the lines that continue the statement. */
static int join_lines(struct lexer *lexer, struct statement *statement, struct error *err)
{
	const char *line;
	size_t len;

	for (bool more = true; more && lexer_line(lexer, &line, &len);) {
		trim_end(line, &len);
		const char *word = line;
		size_t word_len = len;
		trim_start(&word, &word_len);
		if (word_len && *word == '#')
			continue;
		if (!word_len) {
			statement->empty_continuation = true;
			continue;
		}
		more = take_continuation(line, &len, lexer->escape);
		if (statement->text.len + len > DOCKERFILE_INSTRUCTION_MAX)
			return error_set(err, ERROR_TOO_LARGE, "the instruction is longer than %d KiB", DOCKERFILE_INSTRUCTION_MAX >> 10);
		buf_add(&statement->text, line, len);
	}
	return 0;
}

/* The arguments of an instruction that may have heredocs, also behind ONBUILD; else NULL. */
static const char *heredoc_arguments(const char *text)
{
	static const char *const words[] = { "RUN", "COPY", "ADD" };
	size_t len = strcspn(text, " \t\v\f\r");

	if (len == 7 && !strncasecmp(text, "ONBUILD", len)) {
		text += len + strspn(text + len, " \t\v\f\r");
		len = strcspn(text, " \t\v\f\r");
	}
	for (size_t i = 0; i < array_len(words); i++)
		if (strlen(words[i]) == len && !strncasecmp(text, words[i], len))
			return text + len;
	return NULL;
}

static int read_body(struct lexer *lexer, struct heredoc *heredoc, struct error *err)
{
	_cleanup_(buf_free) struct buf body = { 0 };
	const char *line;
	size_t len, name_len = strlen(heredoc->name);

	while (lexer_line(lexer, &line, &len)) {
		while (heredoc->strip && len && *line == '\t') {
			line++;
			len--;
		}
		size_t bare = len;
		trim_end(line, &bare);
		if (bare == name_len && !memcmp(line, heredoc->name, bare)) {
			heredoc->body = buf_steal(&body);
			return 0;
		}
		if (body.len + len >= DOCKERFILE_HEREDOC_MAX)
			return error_set(err, ERROR_TOO_LARGE, "the heredoc %s is longer than %d KiB", heredoc->name,
					 DOCKERFILE_HEREDOC_MAX >> 10);
		buf_add(&body, line, len);
		buf_add_char(&body, '\n');
	}
	error_set(err, ERROR_INVALID, "unterminated heredoc: no line '%s' follows", heredoc->name);
	return error_hint(err, "write %s on a line of its own behind the text%s", heredoc->name,
			  heredoc->strip ? "" : ", without blanks before or after it");
}

static int read_heredocs(struct lexer *lexer, struct statement *statement, struct error *err)
{
	const char *text = heredoc_arguments(statement->text.data);
	struct heredoc_scan scan = { text, text };
	struct heredoc heredoc;

	if (!text)
		return 0;
	while (heredoc_next(&scan, &heredoc)) {
		xgrow(statement->heredocs, statement->heredocs_len);
		statement->heredocs[statement->heredocs_len++] = heredoc;
		if (statement->heredocs_len > DOCKERFILE_HEREDOCS_MAX)
			return error_set(err, ERROR_TOO_LARGE, "there are more than %d heredocs in the instruction", DOCKERFILE_HEREDOCS_MAX);
	}
	for (size_t i = 0; i < statement->heredocs_len; i++)
		if (read_body(lexer, &statement->heredocs[i], err) < 0)
			return -1;
	return 0;
}

/* The first line of the next statement. */
static bool find_statement(struct lexer *lexer, const char **ret, size_t *ret_len)
{
	while (lexer_line(lexer, ret, ret_len)) {
		trim_end(*ret, ret_len);
		trim_start(ret, ret_len);
		if (*ret_len && **ret != '#')
			return true;
	}
	return false;
}

int lexer_next(struct lexer *lexer, struct statement *ret, struct error *err)
{
	const char *line;
	size_t len;

	if (!find_statement(lexer, &line, &len))
		return 0;
	statement_clear(ret);
	ret->line = ret->end_line = lexer->line - 1;
	bool more = take_continuation(line, &len, lexer->escape);
	if (len > DOCKERFILE_INSTRUCTION_MAX)
		return error_set(err, ERROR_TOO_LARGE, "the instruction is longer than %d KiB", DOCKERFILE_INSTRUCTION_MAX >> 10);
	buf_add(&ret->text, line, len);
	int result = more ? join_lines(lexer, ret, err) : 0;
	while (ret->text.len && isspace((unsigned char)ret->text.data[ret->text.len - 1]))
		ret->text.data[--ret->text.len] = '\0';
	ret->end_line = lexer->line - 1;
	if (result == 0)
		result = read_heredocs(lexer, ret, err);
	if (result < 0)
		return -1;
	ret->end_line = lexer->line - 1;
	return 1;
}
