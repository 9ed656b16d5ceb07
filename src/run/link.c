/* A network with a name is a folder: each member binds a Unix datagram socket there, called by its address, and a datagram is an Ethernet frame.
 *
 * The process of a member has a tap device in the container's network namespace and that socket. A frame from inside goes to the socket that
 * the destination's hardware address names (02:42 and the four bytes of the IPv4 address), a broadcast to all in the folder; what comes in
 * goes to the tap. So there is no bridge, no daemon and no firewall rule, a kernel needs no more than pasta does (tun), it is the same for
 * root and for users, whose containers live in user namespaces that can't reach each other's devices, and what is killed or cut off leaves a
 * file that the next member of the address replaces.
 * Nobody inside sees the folder. Only frames from a member's own hardware address are let out, so that none can pass
 * for another's device; which IP addresses it writes in them is not looked at, as on any wire.
 * When the receiver's queue is full we wait with that frame, and go on taking in what others send: nobody waits for each other in a ring. */
#include "run/link.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "run/own.h"
#include "run/supervise.h"

enum { MTU = 65480, FRAME_MAX = MTU + 64, RETRIES_MAX = 500 /* milliseconds */, BURST = 64 };

struct carrier {
	uint32_t address;
	int tap, socket;
	unsigned char hardware[ETH_ALEN];
	unsigned char frame[FRAME_MAX]; /* from the tap, waiting for its receiver; waiting_len 0: none */
	size_t waiting_len;
	int retries;
};

static void hardware_of(uint32_t address, unsigned char out[ETH_ALEN])
{
	uint32_t order = htonl(address);

	out[0] = 0x02;
	out[1] = 0x42;
	memcpy(out + 2, &order, 4);
}

static void socket_name(uint32_t address, struct sockaddr_un *ret)
{
	struct in_addr in = { htonl(address) };

	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	inet_ntop(AF_INET, &in, ret->sun_path, sizeof ret->sun_path);
}

/* ---- setting up ---- */

static int set_up_loopback(int control, struct error *err)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

	return ioctl(control, SIOCSIFFLAGS, &request) < 0 ? error_errno(err, errno, "cannot set up the loopback interface") : 0;
}

static int set_address(int control, struct ifreq *request, int what, uint32_t value)
{
	struct sockaddr_in *address = (struct sockaddr_in *)&request->ifr_addr;

	*address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(value) };
	return ioctl(control, (unsigned long)what, request);
}

static int configure(const struct link *link, const unsigned char *hardware, struct error *err)
{
	_cleanup_(fd_close) int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { 0 };

	if (control < 0)
		return error_errno(err, errno, "cannot make a socket");
	if (set_up_loopback(control, err) < 0)
		return -1;
	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", link->interface);
	request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(request.ifr_hwaddr.sa_data, hardware, ETH_ALEN);
	bool done = ioctl(control, SIOCSIFHWADDR, &request) == 0;
	request.ifr_mtu = MTU;
	done = done && ioctl(control, SIOCSIFMTU, &request) == 0 && set_address(control, &request, SIOCSIFADDR, link->address) == 0 &&
	       set_address(control, &request, SIOCSIFNETMASK, prefix_mask(link->prefix)) == 0;
	request.ifr_flags = IFF_UP | IFF_RUNNING | IFF_BROADCAST | IFF_MULTICAST;
	done = done && ioctl(control, SIOCSIFFLAGS, &request) == 0;
	return done ? 0 : error_errno(err, errno, "cannot set up the interface %s", link->interface);
}

/* The device belongs to the network namespace in which its file was opened. */
static int open_tap(const struct link *link, const unsigned char *hardware, struct error *err)
{
	_cleanup_(fd_close) int netns = open(link->netns, O_RDONLY | O_CLOEXEC);
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };

	if (netns < 0 || setns(netns, CLONE_NEWNET) < 0)
		return error_errno(err, errno, "cannot enter the container's network");
	_cleanup_(fd_close) int tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (tap < 0) {
		error_errno(err, errno, "cannot open /dev/net/tun");
		return error_hint(err, "it must be there for you: 'chmod 666 /dev/net/tun' as root, or 'modprobe tun'");
	}
	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", link->interface);
	if (ioctl(tap, TUNSETIFF, &request) < 0)
		return error_errno(err, errno, "cannot make the interface %s", link->interface);
	return configure(link, hardware, err) < 0 ? -1 : fd_steal(&tap);
}

/* In the folder, which becomes ours: names of sockets are short. */
static int bind_socket(const struct link *link, struct error *err)
{
	_cleanup_(fd_close) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un name;
	int room = 4 << 20;

	if (chdir(link->folder) < 0)
		return error_errno(err, errno, "cannot use %s", link->folder);
	socket_name(link->address, &name);
	unlink(name.sun_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof name) < 0)
		return error_errno(err, errno, "cannot bind %s/%s", link->folder, name.sun_path);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	return fd_steal(&fd);
}

/* ---- carrying ---- */

/* False if its queue is full. One that isn't there has nothing to get. */
static bool send_to(const struct carrier *carrier, const struct sockaddr_un *name, size_t len)
{
	return sendto(carrier->socket, carrier->frame, len, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)name, sizeof *name) >= 0 ||
	       (errno != EAGAIN && errno != ENOBUFS);
}

static void send_to_all(const struct carrier *carrier, size_t len)
{
	struct sockaddr_un own, name;
	struct dirent *entry;
	struct in_addr in;
	DIR *dir = opendir(".");

	socket_name(carrier->address, &own);
	while (dir && (entry = readdir(dir))) {
		if (inet_pton(AF_INET, entry->d_name, &in) != 1 || str_equal(entry->d_name, own.sun_path))
			continue;
		socket_name(ntohl(in.s_addr), &name);
		send_to(carrier, &name, len);
	}
	if (dir)
		closedir(dir);
}

/* False if it has to wait. */
static bool pass_out(struct carrier *carrier, size_t len)
{
	const unsigned char *to = carrier->frame, *from = carrier->frame + ETH_ALEN;
	struct sockaddr_un name;
	uint32_t order;

	if (len < ETH_HLEN || memcmp(from, carrier->hardware, ETH_ALEN) != 0)
		return true;
	if (to[0] & 1) {
		send_to_all(carrier, len);
		return true;
	}
	if (to[0] != 0x02 || to[1] != 0x42)
		return true;
	memcpy(&order, to + 2, 4);
	socket_name(ntohl(order), &name);
	return send_to(carrier, &name, len);
}

static void read_tap(struct carrier *carrier)
{
	for (int i = 0; i < BURST && !carrier->waiting_len; i++) {
		ssize_t len = read(carrier->tap, carrier->frame, sizeof carrier->frame);
		if (len <= 0)
			return;
		if (!pass_out(carrier, (size_t)len))
			carrier->waiting_len = (size_t)len;
	}
}

static void try_again(struct carrier *carrier)
{
	if (!pass_out(carrier, carrier->waiting_len) && ++carrier->retries < RETRIES_MAX)
		return;
	carrier->waiting_len = 0;
	carrier->retries = 0;
}

static void read_socket(const struct carrier *carrier)
{
	static unsigned char frame[FRAME_MAX];

	for (int i = 0; i < BURST; i++) {
		ssize_t len = recv(carrier->socket, frame, sizeof frame, MSG_DONTWAIT);
		if (len <= 0)
			return;
		if (write(carrier->tap, frame, (size_t)len) < 0 && errno == EBADFD)
			return; /* the interface is down */
	}
}

static void carry(struct carrier *carrier)
{
	while (!interrupt_pending()) {
		struct pollfd waiting[2] = { { carrier->socket, POLLIN, 0 }, { carrier->waiting_len ? -1 : carrier->tap, POLLIN, 0 } };
		poll(waiting, 2, carrier->waiting_len ? 1 : -1);
		if (waiting[0].revents & POLLIN)
			read_socket(carrier);
		if (waiting[1].revents & (POLLERR | POLLHUP | POLLNVAL))
			return; /* the namespace is gone */
		if (carrier->waiting_len)
			try_again(carrier);
		else if (waiting[1].revents & POLLIN)
			read_tap(carrier);
	}
}

static int set_up(const struct link *link, struct carrier *carrier, struct error *err)
{
	_cleanup_(freep) char *number = xprintf("%d\n", (int)getpid());

	hardware_of(link->address, carrier->hardware);
	if ((carrier->tap = open_tap(link, carrier->hardware, err)) < 0)
		return -1;
	if (file_replace(AT_FDCWD, link->pid_file, number, strlen(number), 0644, err) < 0)
		return -1;
	return (carrier->socket = bind_socket(link, err)) < 0 ? -1 : 0;
}

int link_run(const struct link *link, struct error *err)
{
	_cleanup_(freep) struct carrier *carrier = xnew(struct carrier);

	*carrier = (struct carrier){ .address = link->address, .tap = -1, .socket = -1 };
	if (own_process_settle(set_up(link, carrier, err), err) < 0)
		return -1;
	carry(carrier); /* the socket's name stays: by now it may be that of our successor */
	return 0;
}

/* ---- starting ---- */

int link_start(const struct link *link, struct error *err)
{
	_cleanup_(freep) char *self = program_path(), *prefix = xprintf("%d", link->prefix), *address = xprintf("%u", link->address);
	const char *argv[] = { self, "link", link->netns, link->folder, link->pid_file, link->interface, address, prefix, NULL };

	if (!self)
		return error_set(err, ERROR_FAILED, "cannot find this program in /proc");
	return own_process_start(argv, "cannot join the network", err);
}
