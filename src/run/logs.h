/* conmon's k8s-file log: a line is "TIME stdout|stderr F|P TEXT"; P says that the text goes on in the next one. */
#ifndef RUN_LOGS_H
#define RUN_LOGS_H
#include <stdbool.h>
#include <stddef.h>

struct log_line {
	const char *time, *text; /* into the line; not terminated */
	size_t time_len, text_len;
	bool is_error, partial;
};
/* False if the line is none of conmon's. */
bool log_line_parse(const char *line, size_t len, struct log_line *ret);
/* Where the last `tail` whole lines of a log begin. */
size_t log_tail(const char *text, size_t len, long long tail);
#endif
