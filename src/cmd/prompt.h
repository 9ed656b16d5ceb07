/* Secrets from people and from pipes. */
#ifndef CMD_PROMPT_H
#define CMD_PROMPT_H
#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"

/* Asks on the terminal; `hidden`: without echo. One line, without its end. Fails where stdin is no terminal. */
int prompt_ask(const char *question, bool hidden, struct buf *ret, struct error *err);
/* The first line of stdin, for --password-stdin: asked for, hidden, if that is a terminal. */
int prompt_password_stdin(struct buf *ret, struct error *err);
#endif
