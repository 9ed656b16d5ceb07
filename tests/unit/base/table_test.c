/* The one serializer, as text and as JSON. */
#include "base/table.h"

#include "tap.h"

static char *print(enum output_format format)
{
	static const struct table_column columns[] = { { "NAME", "name" }, { "SIZE", "size" }, { NULL, "hidden" }, { "LAST", NULL } };
	struct table *table = table_new(columns, 4);
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	table_cell(table, "sch\xc3\xb6n");
	table_cell_number(table, "1kB", 1000);
	table_cell(table, "h");
	table_cell(table, "l");
	table_cell(table, "a longer name");
	table_cell_number(table, "2kB", 2000);
	table_cell(table, NULL);
	table_cell(table, "");
	table_print(table, format, out);
	fclose(out);
	table_free(&table);
	return text;
}

int main(void)
{
	_cleanup_(freep) char *text = print(FORMAT_TEXT), *json = print(FORMAT_JSON);

	is_str(text, "NAME            SIZE   LAST\nsch\xc3\xb6n           1kB    l\na longer name   2kB\n", "columns line up");
	ok(strstr(json, "\"size\": 1000") && strstr(json, "\"hidden\": null") && !strstr(json, "LAST"), "JSON has numbers, null, and no text-only column");
	return done();
}
