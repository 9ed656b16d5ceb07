/* The network of a container: see network.h. */
#include "run/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/process.h"
#include "base/str.h"
#include "run/container.h"
#include "run/forward.h"

/* Link-local, so that it can't be anybody's; pasta takes what is sent to its port 53 to the host's own resolver. */
#define FORWARDED_DNS "169.254.1.1"

static bool is_loopback(const char *address)
{
	return str_starts(address, "127.") || str_equal(address, "::1");
}

void network_resolv_conf(const char *host, enum network_mode mode, struct buf *ret)
{
	bool any = false;

	if (mode != NETWORK_DEFAULT) {
		buf_add_str(ret, host ? host : "");
		return;
	}
	for (const char *at = host ? host : "", *end; *at; at = *end ? end + 1 : end) {
		char word[64] = "", address[64] = "";
		end = strchrnul(at, '\n');
		_cleanup_(freep) char *line = xstrndup(at, (size_t)(end - at));
		bool server = sscanf(line, "%63s %63s", word, address) == 2 && str_equal(word, "nameserver");
		if (server && is_loopback(address))
			continue;
		any |= server;
		buf_printf(ret, "%s\n", line);
	}
	if (!any)
		buf_add_str(ret, "nameserver " FORWARDED_DNS "\n");
}

/* UDP alone: see forward.c for TCP. */
static void add_ports(struct strlist *argv, const struct port_spec *ports, size_t len)
{
	bool any = false;

	for (size_t i = 0; i < len; i++) {
		const struct port_spec *port = &ports[i];
		if (!port->udp)
			continue;
		any = true;
		strlist_add(argv, "-u");
		if (*port->host_ip)
			strlist_printf(argv, "%s/%d:%d", port->host_ip, port->host_port, port->container_port);
		else
			strlist_printf(argv, "%d:%d", port->host_port, port->container_port);
	}
	if (!any) {
		strlist_add(argv, "-u");
		strlist_add(argv, "none");
	}
}

void network_arguments(const char *bundle, const struct port_spec *ports, size_t len, bool forward_dns, struct strlist *argv)
{
	/* As root it would become nobody, who may not enter the namespace. It gives up what it has by itself, later. */
	static const char *const fixed[] = { "--quiet", "--config-net", "--runas", "0", "--no-map-gw",
					     /* the defaults open every port of the host's loopback to the container */
					     "-T", "none", "-U", "none", "-t", "none" };

	for (size_t i = 0; i < array_len(fixed); i++)
		strlist_add(argv, fixed[i]);
	add_ports(argv, ports, len);
	/* Only where it is used: pasta would put this address on the answers of the host's real name server, too. */
	if (forward_dns) {
		strlist_add(argv, "--dns-forward");
		strlist_add(argv, FORWARDED_DNS);
	}
	strlist_add(argv, "-P");
	strlist_printf(argv, "%s/pasta.pid", bundle);
	strlist_add(argv, "--netns");
	strlist_printf(argv, "%s/netns", bundle);
}

/* The namespace is made by a child, since we stay in the host's; the mount keeps it when the child is gone. */
static int netns_make(const char *at, struct error *err)
{
	_cleanup_(fd_close) int file = open(at, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	int ready[2], number = 0;

	if (file < 0)
		return error_errno(err, errno, "cannot make %s", at);
	if (pipe2(ready, O_CLOEXEC) < 0)
		return error_errno(err, errno, "cannot make a pipe");
	pid_t pid = fork();
	if (pid == 0) {
		number = unshare(CLONE_NEWNET) < 0 ? errno : 0;
		if (write(ready[1], &number, sizeof number) < 0)
			_exit(1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	ssize_t n = pid < 0 ? -1 : read(ready[0], &number, sizeof number);
	close(ready[0]);
	_cleanup_(freep) char *from = xprintf("/proc/%d/ns/net", (int)pid);
	int result = n == sizeof number && !number && mount(from, at, NULL, MS_BIND, NULL) == 0 ? 0 : -1;
	if (result < 0)
		error_errno(err, number ? number : errno, "cannot make a network namespace");
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return result;
}

static void drop_noise(struct buf *said)
{
	struct strlist lines _cleanup_(strlist_free) = { 0 };
	struct buf kept = { 0 };

	strlist_split(&lines, said->data ? said->data : "", '\n');
	for (size_t i = 0; i < lines.len; i++)
		if (*lines.items[i] && !str_starts(lines.items[i], "Failed to send") && !str_starts(lines.items[i], "Don't run as root"))
			buf_printf(&kept, "%s%s", kept.len ? "; " : "", lines.items[i]);
	buf_free(said);
	*said = kept;
}

static int pasta_start(const char *bundle, const struct port_spec *ports, size_t ports_len, struct error *err)
{
	_cleanup_(freep) char *log = path_join(bundle, "pasta.log");
	_cleanup_(freep) char *resolv_path = path_join(bundle, "resolv.conf");
	struct strlist argv _cleanup_(strlist_free) = { 0 };
	struct buf said _cleanup_(buf_free) = { 0 }, resolv _cleanup_(buf_free) = { 0 };
	_cleanup_(fd_close) int out = open(log, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	file_read(AT_FDCWD, resolv_path, 1 << 20, &resolv, NULL);
	strlist_add(&argv, "pasta");
	network_arguments(bundle, ports, ports_len, resolv.data && strstr(resolv.data, FORWARDED_DNS), &argv);
	struct process_options options = { .argv = (const char *const *)argv.items, .in = PROCESS_NULL, .out = out, .err = out, .new_session = true };
	int code = out < 0 ? error_errno(err, errno, "cannot make %s", log) : process_run(&options, err);
	if (code == 0)
		return 0;
	if (code > 0) {
		file_read(AT_FDCWD, log, 65536, &said, NULL);
		drop_noise(&said);
		error_set(err, ERROR_FAILED, "pasta ended with exit code %d: %s", code, said.len ? said.data : "it said nothing");
	}
	error_wrap(err, "cannot set up the container's network");
	if (err && err->message && strstr(err->message, "tun socket"))
		return error_hint(err, "/dev/net/tun must be there for you ('chmod 666 /dev/net/tun' as root, or 'modprobe tun'); or use --network host");
	return error_hint(err, "install passt, or use the host's network: --network host");
}

int network_start_empty(const char *bundle, struct error *err)
{
	_cleanup_(freep) char *at = path_join(bundle, "netns");

	return netns_make(at, err);
}

int network_start(const char *bundle, const struct port_spec *ports, size_t ports_len, struct error *err)
{
	_cleanup_(freep) char *at = path_join(bundle, "netns");

	if (netns_make(at, err) < 0)
		return -1;
	if (pasta_start(bundle, ports, ports_len, err) < 0)
		return -1;
	int pasta = pid_file_read(bundle, "pasta.pid");
	if (forward_start(at, pasta, ports, ports_len, err) == 0)
		return 0;
	if (pasta > 0)
		kill(pasta, SIGTERM);
	return -1;
}

socklen_t port_address(const char *ip, int port, struct sockaddr_storage *ret)
{
	struct sockaddr_in *four = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret;

	*ret = (struct sockaddr_storage){ 0 };
	if (strchr(ip, ':')) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons((uint16_t)port);
		inet_pton(AF_INET6, ip, &six->sin6_addr);
		return sizeof *six;
	}
	four->sin_family = AF_INET;
	four->sin_port = htons((uint16_t)port);
	if (*ip)
		inet_pton(AF_INET, ip, &four->sin_addr);
	return sizeof *four;
}

static int port_settle(struct port_spec *port, struct error *err)
{
	struct sockaddr_storage address;
	socklen_t len = port_address(port->host_ip, port->host_port, &address);
	_cleanup_(fd_close) int fd = socket(address.ss_family, (port->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		return error_errno(err, errno, "cannot make a socket");
	if (!port->udp)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&address, len) < 0 || (!port->udp && listen(fd, 1) < 0)) {
		const char *ip = *port->host_ip ? port->host_ip : "0.0.0.0";
		if (errno == EADDRINUSE)
			return error_set(err, ERROR_BUSY, "port %s:%d is in use on this machine", ip, port->host_port),
			       error_hint(err, "choose another one: -p OTHER:%d", port->container_port);
		return error_errno(err, errno, "cannot publish port %s:%d", ip, port->host_port);
	}
	if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return error_errno(err, errno, "cannot read a socket's address");
	port->host_port = ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port : ((struct sockaddr_in *)&address)->sin_port);
	return 0;
}

int ports_settle(struct port_spec *ports, size_t len, struct error *err)
{
	for (size_t i = 0; i < len; i++)
		if (port_settle(&ports[i], err) < 0)
			return -1;
	return 0;
}
