/* sampan build --check: the build checks as docker prints them, or as JSON. */
#include "cmd/build_check.h"

#include "build/context.h"
#include "build/dockerfile.h"

static const struct table_column columns[] = { { "RULE", "rule" }, { "LINE", "line" }, { "MESSAGE", "message" }, { NULL, "url" } };

struct output {
	const struct dockerfile *dockerfile;
	struct table *table; /* NULL: text */
	struct buf text;
};

static void add_finding(const struct check_finding *finding, void *data)
{
	struct output *output = data;
	char line[16];

	if (output->table) {
		snprintf(line, sizeof line, "%d", finding->line);
		table_cell(output->table, finding->rule);
		table_cell_number(output->table, line, finding->line);
		table_cell(output->table, finding->message);
		table_cell(output->table, finding->url);
		return;
	}
	buf_printf(&output->text, "\nWARNING: %s - %s\n%s\n%s:%d\n", finding->rule, finding->url, finding->message,
		   output->dockerfile->file_name, finding->line);
	dockerfile_excerpt(output->dockerfile, finding->line, finding->end_line, &output->text);
	buf_add_char(&output->text, '\n');
}

static void print_output(const struct output *output, size_t count)
{
	if (output->table)
		table_print(output->table, FORMAT_JSON, stdout);
	else if (!count)
		puts("Check complete, no warnings found.");
	else
		printf("Check complete, %zu warning%s been found!\n%s", count, count == 1 ? " has" : "s have", output->text.data);
}

int build_check(const struct context *context, const char *folder, const char *file, struct error *err)
{
	struct build_context from _cleanup_(context_close) = { .root = -1 };
	_cleanup_(dockerfile_clear) struct dockerfile dockerfile = { 0 };
	struct output output = { .dockerfile = &dockerfile };

	if (context_open(folder, file, &from, err) < 0 ||
	    dockerfile_parse(from.text.data ? from.text.data : "", from.text.len, from.file_name, &dockerfile, err) < 0)
		return -1;
	if (context->format == FORMAT_JSON)
		output.table = table_new(columns, array_len(columns));
	size_t count = dockerfile_check(&dockerfile, add_finding, &output);
	count += dockerfile_check_ignored(&dockerfile, from.ignore, add_finding, &output);
	print_output(&output, count);
	table_free(&output.table);
	buf_free(&output.text);
	return count > 0;
}
