/* ^C and SIGTERM: see interrupt.h. */
#include "base/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static int pending; /* the signal; atomic: a handler writes it, and all threads ask */
static int wake[2] = { -1, -1 };

static void on_signal(int number)
{
	int saved = errno;

	if (__atomic_exchange_n(&pending, number, __ATOMIC_RELAXED))
		_exit(128 + number);
	ssize_t ignored = write(wake[1], "", 1); /* if the pipe is full, a reader will wake anyway */
	(void)ignored;
	errno = saved;
}

void interrupt_install(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	if (wake[0] < 0 && pipe2(wake, O_CLOEXEC | O_NONBLOCK) < 0)
		abort();
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

bool interrupt_pending(void)
{
	return __atomic_load_n(&pending, __ATOMIC_RELAXED) != 0;
}

int interrupt_fd(void)
{
	return wake[0];
}

int interrupt_check(struct error *err)
{
	return interrupt_pending() ? error_set(err, ERROR_INTERRUPTED, "interrupted") : 0;
}
