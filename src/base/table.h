/* One serializer for people and programs: rows of named columns, printed as docker prints them (upper-case heads, three blanks
 * between) or as JSON (an array of objects). */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

enum output_format { FORMAT_TEXT, FORMAT_JSON };

struct table_column {
	const char *head; /* "IMAGE ID"; NULL: only in JSON */
	const char *key;  /* "id"; NULL: only in text */
};

struct table;
/* `columns` is borrowed and must outlive the table. */
struct table *table_new(const struct table_column *columns, size_t len);
void table_free(struct table **at);
/* The next cell of the current row; after the last column the next row begins. `text` is copied; NULL is "" or null. */
void table_cell(struct table *table, const char *text);
/* The text is for people, the number for JSON. */
void table_cell_number(struct table *table, const char *text, int64_t number);
void table_print(const struct table *table, enum output_format format, FILE *out);
#endif
