/* The part of docker's Go templates that people write on a command line. */
#ifndef CMD_TEMPLATE_H
#define CMD_TEMPLATE_H
#include <jansson.h>

#include "base/buf.h"
#include "base/error.h"
#include "cmd/command.h"

/* Appends `text` with {{.Key}}, {{.Key.Key}}, {{json .Key}}, {{len .Key}} and {{index .Key "name"}} replaced by what `object` has there, \t and \n by a tab
 * and a newline. Keys that aren't there, and what we don't know (range, if …), are ERROR_USAGE. */
int template_print(const char *text, const json_t *object, struct buf *ret, struct error *err);
/* As a line on stdout. */
int template_print_line(const char *text, const json_t *object, struct error *err);
/* What the --format of a list asks for (NULL: nothing): a template, borrowed in *ret, or *ret is NULL and json is in the context. A word that is
 * none of them is ERROR_USAGE, in which `example` shows what a template is. */
int template_of_format(const char *format, const char *example, struct context *context, const char **ret, struct error *err);
#endif
