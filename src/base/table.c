/* One serializer for people and programs: see table.h. */
#include "base/table.h"

#include <jansson.h>
#include <stdbool.h>
#include <string.h>

#include "base/str.h"

struct cell {
	char *text;
	int64_t number;
	bool is_number;
};

struct table {
	const struct table_column *columns;
	size_t width;
	struct cell *cells;
	size_t len;
};

struct table *table_new(const struct table_column *columns, size_t len)
{
	struct table *table = xnew(struct table);

	table->columns = columns;
	table->width = len;
	return table;
}

void table_free(struct table **at)
{
	struct table *table = *at;

	if (!table)
		return;
	for (size_t i = 0; i < table->len; i++)
		free(table->cells[i].text);
	free(table->cells);
	free(table);
	*at = NULL;
}

static struct cell *next_cell(struct table *table, const char *text)
{
	xgrow(table->cells, table->len);
	struct cell *cell = &table->cells[table->len++];
	*cell = (struct cell){ .text = xstrdup(text) };
	return cell;
}

void table_cell(struct table *table, const char *text)
{
	next_cell(table, text);
}

void table_cell_number(struct table *table, const char *text, int64_t number)
{
	struct cell *cell = next_cell(table, text);

	cell->number = number;
	cell->is_number = true;
}

static void print_json(const struct table *table, FILE *out)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < table->len; i += table->width) {
		json_t *row = json_object();
		for (size_t j = 0; j < table->width; j++) {
			const struct cell *cell = &table->cells[i + j];
			if (table->columns[j].key)
				json_object_set_new(row, table->columns[j].key,
						    cell->is_number ? json_integer(cell->number) :
						    cell->text	    ? json_string(cell->text) :
								      json_null());
		}
		json_array_append_new(rows, row);
	}
	json_dumpf(rows, out, JSON_INDENT(2));
	putc('\n', out);
	json_decref(rows);
}

static void print_text(const struct table *table, FILE *out)
{
	_cleanup_(freep) int *widths = xcalloc(table->width, sizeof *widths);

	for (size_t j = 0; j < table->width; j++) {
		widths[j] = str_columns(table->columns[j].head);
		for (size_t i = j; i < table->len; i += table->width)
			if (str_columns(table->cells[i].text) > widths[j])
				widths[j] = str_columns(table->cells[i].text);
	}
	for (size_t i = 0; i <= table->len; i += table->width) {
		int blanks = 0; /* owed before the next text, so that no line ends with blanks */
		for (size_t j = 0; j < table->width; j++) {
			const char *head = table->columns[j].head;
			const char *text = i ? table->cells[i - table->width + j].text : head;
			if (!head)
				continue;
			if (!str_empty(text)) {
				fprintf(out, "%*s%s", blanks, "", text);
				blanks = -str_columns(text);
			}
			blanks += widths[j] + 3;
		}
		putc('\n', out);
	}
}

void table_print(const struct table *table, enum output_format format, FILE *out)
{
	if (format == FORMAT_JSON)
		print_json(table, out);
	else
		print_text(table, out);
}
