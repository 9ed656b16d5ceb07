/* Secrets from people: see prompt.h. */
#include "cmd/prompt.h"

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"

enum { STDIN_MAX = 64 << 10 };

static void cut_line(struct buf *text)
{
	buf_reserve(text, 0);
	text->data[text->len] = '\0';
	text->len = strcspn(text->data, "\r\n");
	text->data[text->len] = '\0';
}

int prompt_ask(const char *question, bool hidden, struct buf *ret, struct error *err)
{
	struct termios before, silent;
	char line[1024];

	if (!isatty(STDIN_FILENO)) {
		error_set(err, ERROR_USAGE, "there is no terminal to ask for the %s", hidden ? "password" : "user name");
		return error_hint(err, "use --username and --password-stdin");
	}
	interrupt_install(); /* ^C ends the read and not us, so that the terminal shows again what is typed */
	fprintf(stderr, "%s: ", question);
	tcgetattr(STDIN_FILENO, &before);
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	if (hidden)
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	ssize_t n = read(STDIN_FILENO, line, sizeof line - 1);
	if (hidden) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputc('\n', stderr);
	}
	if (n <= 0)
		return error_set(err, ERROR_INTERRUPTED, "interrupted");
	buf_add(ret, line, (size_t)n);
	explicit_bzero(line, sizeof line);
	cut_line(ret);
	return 0;
}

int prompt_password_stdin(struct buf *ret, struct error *err)
{
	if (isatty(STDIN_FILENO))
		return prompt_ask("Password", true, ret, err);
	if (fd_read_all(STDIN_FILENO, STDIN_MAX, ret, "stdin", err) < 0)
		return -1;
	cut_line(ret);
	return 0;
}
