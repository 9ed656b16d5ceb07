/* attach: our terminal on a container that runs already, see run.h.
 *
 * conmon listens on bundle/attach, a socket of packets: what we send is its stdin, and what comes begins with a byte that says which stream
 * it is. The size of a terminal goes into the fifo bundle/ctl as "1 ROWS COLUMNS". Our terminal is raw meanwhile; ^P^Q leaves, as in docker. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "run/container.h"
#include "run/event.h"
#include "run/host_config.h"

enum { PACKET_MAX = 8193, STREAM_STDERR = 3, KEY_P = 16, KEY_Q = 17 };

struct attachment {
	const struct container *container;
	int socket;
	bool input, raw, saw_p;
	struct termios before;
	struct winsize size;
};

/* The path may be longer than a socket's address: it is reached by its folder's descriptor. */
static int connect_to(const struct container *container, struct error *err)
{
	_cleanup_(fd_close) int bundle = open(container->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(fd_close) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/attach", bundle);
	if (bundle < 0 || fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
		error_errno(err, errno, "cannot attach to container %s", container_text(container, "Name"));
		return error_hint(err, "one that was started in a terminal belongs to that terminal; -d makes it attachable");
	}
	return fd_steal(&fd);
}

static void send_size(struct attachment *attachment)
{
	_cleanup_(freep) char *path = path_join(attachment->container->bundle, "ctl");
	struct winsize now;

	if (!attachment->raw || ioctl(STDIN_FILENO, TIOCGWINSZ, &now) < 0 ||
	    (now.ws_row == attachment->size.ws_row && now.ws_col == attachment->size.ws_col))
		return;
	attachment->size = now;
	_cleanup_(fd_close) int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0)
		dprintf(fd, "1 %u %u\n", now.ws_row, now.ws_col);
}

static void make_raw(struct attachment *attachment)
{
	struct termios raw;

	if (!host_config_is(attachment->container->record, "Tty") || tcgetattr(STDIN_FILENO, &attachment->before) < 0)
		return;
	raw = attachment->before;
	cfmakeraw(&raw);
	attachment->raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

/* 1 when ^P^Q was typed. */
static int pass_input(struct attachment *attachment, struct error *err)
{
	char bytes[PACKET_MAX - 1];
	ssize_t len = read(STDIN_FILENO, bytes, sizeof bytes);

	if (len <= 0) {
		attachment->input = len < 0 && errno == EINTR;
		if (len == 0)
			shutdown(attachment->socket, SHUT_WR);
		return 0;
	}
	for (ssize_t i = 0; attachment->raw && i < len; i++) {
		if (attachment->saw_p && bytes[i] == KEY_Q)
			return 1;
		attachment->saw_p = bytes[i] == KEY_P;
	}
	if (attachment->saw_p)
		len--; /* kept back until the next key says what it was */
	return len ? fd_write_all(attachment->socket, bytes, (size_t)len, "the container", err) : 0;
}

/* 1 at the end. */
static int pass_output(struct attachment *attachment, struct error *err)
{
	char packet[PACKET_MAX];
	ssize_t len = recv(attachment->socket, packet, sizeof packet, 0);

	if (len < 0 && errno == EINTR)
		return 0;
	if (len <= 0)
		return 1;
	return fd_write_all(packet[0] == STREAM_STDERR ? STDERR_FILENO : STDOUT_FILENO, packet + 1, (size_t)len - 1, "output", err);
}

static int pass_all(struct attachment *attachment, struct error *err)
{
	int done = 0;

	while (done == 0) {
		struct pollfd waiting[2] = { { attachment->socket, POLLIN, 0 }, { attachment->input ? STDIN_FILENO : -1, POLLIN, 0 } };
		send_size(attachment);
		poll(waiting, 2, attachment->raw ? 250 : -1);
		if (interrupt_check(err) < 0)
			return -1;
		if (waiting[0].revents)
			done = pass_output(attachment, err);
		if (done == 0 && waiting[1].revents && (done = pass_input(attachment, err)) == 1)
			return 2;
	}
	return done;
}

int container_attach(struct store *store, const char *name, bool use_stdin, struct error *err)
{
	struct container container _cleanup_(container_clear) = { 0 };
	struct attachment attachment = { .container = &container };
	struct container_status status;

	if (container_open(store, name, &container, err) < 0)
		return -1;
	container_status(&container, &status);
	if (status.state != CONTAINER_RUNNING)
		return error_set(err, ERROR_INVALID, "container %s is not running", name);
	if ((attachment.socket = connect_to(&container, err)) < 0)
		return -1;
	container_event(store, &container, "attach", NULL, NULL);
	attachment.input = use_stdin && host_config_is(container.record, "OpenStdin");
	if (attachment.input)
		make_raw(&attachment);
	int result = pass_all(&attachment, err);
	if (attachment.raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &attachment.before);
	close(attachment.socket);
	if (result != 1)
		return result < 0 ? -1 : 0;
	return host_config_is(json_object_get(container.record, "HostConfig"), "AutoRemove") ? 0 : container_wait(store, container.id, err);
}
