/* Ports, networks, mounts, users, signals and logs: what people and images write. */
#include <stdlib.h>
#include <unistd.h>

#include "run/logs.h"
#include "run/network.h"
#include "run/run.h"
#include "run/runtime.h"
#include "run/user.h"
#include "store/store.h"
#include "tests/unit/tap.h"

static const struct {
	const char *text, *ip;
	int host, container;
	bool udp;
} ports[] = {
	{ "80", "", 0, 80, false },
	{ "8080:80", "", 8080, 80, false },
	{ "53:53/udp", "", 53, 53, true },
	{ "80/tcp", "", 0, 80, false },
	{ "127.0.0.1:8080:80", "127.0.0.1", 8080, 80, false },
	{ "127.0.0.1::80", "127.0.0.1", 0, 80, false },
	{ "[::1]:8080:80", "::1", 8080, 80, false },
	{ "65535:65535", "", 65535, 65535, false },
};
static const char *const bad_ports[] = { "", ":", "80:", ":80", "0", "65536", "x", "80/sctp", "80/", "1.2.3:80:80", "[::1:80:80", "a:80:80", "1:2:3:4",
					 "-1", "80 ", "127.0.0.1:80:80:80" };

static void check_ports(struct error *err)
{
	for (size_t i = 0; i < array_len(ports); i++) {
		struct port_spec port = { 0 };
		if (!works(port_parse(ports[i].text, &port, err), err, ports[i].text))
			continue;
		is_str(port.host_ip, ports[i].ip, "address");
		is_int(port.host_port, ports[i].host, "host port");
		is_int(port.container_port, ports[i].container, "container port");
		is_int(port.udp, ports[i].udp, "protocol");
	}
	for (size_t i = 0; i < array_len(bad_ports); i++) {
		struct port_spec port = { .container_port = 7 };
		fails(port_parse(bad_ports[i], &port, err), err, ERROR_USAGE, "no port to publish", bad_ports[i]);
		is_int(port.container_port, 7, "untouched");
	}
}

static void check_networks(struct error *err)
{
	enum network_mode mode = NETWORK_DEFAULT;

	works(network_mode_parse("host", &mode, err), err, "host");
	is_int(mode, NETWORK_HOST, "host it is");
	works(network_mode_parse("none", &mode, err), err, "none");
	is_int(mode, NETWORK_NONE, "none it is");
	int result = network_mode_parse("hots", &mode, err);
	is_str(err->hint, "did you mean host?", "the nearest name");
	fails(result, err, ERROR_USAGE, "no network", "a wrong name");
}

#define PASSWD "root:x:0:0:root:/root:/bin/sh\nbroken\n:::::\nbob:x:1000:1001:Bob:/home/bob:/bin/sh\n7:x:70:71::/seven:\nodd:x:-1:0::/:\nlast:x:5:6::rel:"
#define GROUP "root:x:0:\nbob:x:1001:\nstaff:x:50:alice,bob\nwheel:x:10:bob\nbroken:x\nbobby:x:51:bobby"

static const struct {
	const char *text;
	unsigned uid, gid, groups;
	const char *home;
} users[] = {
	{ NULL, 0, 0, 0, "/root" },	{ "", 0, 0, 0, "/root" },	  { "bob", 1000, 1001, 2, "/home/bob" },  { "1000", 1000, 1001, 2, "/home/bob" },
	{ "bob:staff", 1000, 50, 0, "/home/bob" }, { "bob:77", 1000, 77, 0, "/home/bob" }, { "4711", 4711, 0, 0, "/" }, { "4711:12", 4711, 12, 0, "/" },
	{ "7", 70, 71, 0, "/seven" },	{ "last", 5, 6, 0, "/" },
};

static void check_users(struct error *err)
{
	struct user user;

	for (size_t i = 0; i < array_len(users); i++) {
		if (!works(user_parse(users[i].text, PASSWD, GROUP, &user, err), err, users[i].text ? users[i].text : "(null)"))
			continue;
		is_int(user.uid, users[i].uid, "uid");
		is_int(user.gid, users[i].gid, "gid");
		is_int((long long)user.groups_len, users[i].groups, "supplementary groups");
		is_str(user.home, users[i].home, "home");
	}
	fails(user_parse("eve", PASSWD, GROUP, &user, err), err, ERROR_NOT_FOUND, "no user 'eve'", "an unknown user");
	fails(user_parse("bob:eve", PASSWD, GROUP, &user, err), err, ERROR_NOT_FOUND, "no group 'eve'", "an unknown group");
	fails(user_parse(":staff", PASSWD, GROUP, &user, err), err, ERROR_INVALID, "names no user", "no user at all");
	fails(user_parse("odd", PASSWD, GROUP, &user, err), err, ERROR_NOT_FOUND, "odd", "an entry with a negative id");
	works(user_parse("12", NULL, NULL, &user, err), err, "a number without any file");
	fails(user_parse("bob", NULL, NULL, &user, err), err, ERROR_NOT_FOUND, "bob", "a name without any file");
}

static void check_mounts(struct error *err)
{
	char root[] = "/tmp/sampan-test-run.XXXXXX";
	struct store *store _cleanup_(store_close) = NULL;
	struct mount_spec mount = { 0 };

	if (!mkdtemp(root) || !works(store_open(root, &store, err), err, "a store"))
		return;
	works(mount_parse(store, "data:/var/lib/data:ro", &mount, err), err, "a named volume");
	_cleanup_(freep) char *want = xprintf("%s/volumes/data", root);
	is_str(mount.source, want, "its folder");
	is_str(mount.target, "/var/lib/data", "its target");
	ok(mount.read_only && access(want, F_OK) == 0, "read-only, and made");
	free(mount.source), free(mount.target);
	works(mount_parse(store, "/tmp:/a/../b//c", &mount, err), err, "a folder");
	is_str(mount.target, "/b/c", "a clean target");
	free(mount.source), free(mount.target);
	static const char *const bad[] = { "", "x", "x:", "x:y", ":/x", "x:/", "x:/..", "x:/y:foo", "x:/y:ro:z", ".hidden:/x", "-x:/x", "a b:/x" };
	for (size_t i = 0; i < array_len(bad); i++)
		fails(mount_parse(store, bad[i], &mount, err), err, ERROR_USAGE, "", bad[i]);
	store_close(&store);
	_cleanup_(freep) char *command = xprintf("rm -rf %s", root);
	ok(system(command) == 0, "cleaned up");
}

static void check_signals(struct error *err)
{
	int number = 0;

	works(signal_parse("SIGTERM", &number, err), err, "SIGTERM");
	is_int(number, 15, "15");
	works(signal_parse("quit", &number, err), err, "quit");
	is_int(number, 3, "3");
	works(signal_parse("9", &number, err), err, "9");
	fails(signal_parse("SIGWHAT", &number, err), err, ERROR_USAGE, "no signal", "SIGWHAT");
	fails(signal_parse("0", &number, err), err, ERROR_USAGE, "no signal", "0");
	fails(signal_parse("", &number, err), err, ERROR_USAGE, "no signal", "nothing");
}

#define T "2026-01-02T03:04:05.000000000+00:00 "
static void check_logs(void)
{
	struct log_line line;
	static const char log[] = T "stdout F one\n" T "stderr P tw\n" T "stderr F o\n" T "stdout F three\n";
	static const char *const bad[] = { "", "x", T, T "stdout", T "stdout X y", T "stdin F y", T "stdoutF y" };

	ok(log_line_parse(T "stderr P text", strlen(T "stderr P text"), &line) && line.is_error && line.partial && line.text_len == 4, "a line");
	ok(log_line_parse(T "stdout F ", strlen(T "stdout F "), &line) && !line.text_len, "an empty line");
	for (size_t i = 0; i < array_len(bad); i++)
		ok(!log_line_parse(bad[i], strlen(bad[i]), &line), "no line: '%s'", bad[i]);
	is_int((long long)log_tail(log, strlen(log), -1), 0, "all");
	is_int((long long)log_tail(log, strlen(log), 99), 0, "more than there are");
	is_int((long long)log_tail(log, strlen(log), 0), (long long)strlen(log), "none");
	is_str(log + log_tail(log, strlen(log), 1), T "stdout F three\n", "the last");
	is_str(log + log_tail(log, strlen(log), 2), T "stderr P tw\n" T "stderr F o\n" T "stdout F three\n", "a line in two parts is one");
}

static void check_resolv(void)
{
	static const struct {
		const char *host, *want;
		enum network_mode mode;
	} cases[] = {
		{ "nameserver 10.0.0.1\nsearch x\n", "nameserver 10.0.0.1\nsearch x\n", NETWORK_DEFAULT },
		{ "nameserver 127.0.0.53\noptions edns0\n", "options edns0\nnameserver 169.254.1.1\n", NETWORK_DEFAULT },
		{ "nameserver 127.0.0.1\nnameserver 9.9.9.9", "nameserver 9.9.9.9\n", NETWORK_DEFAULT },
		{ NULL, "nameserver 169.254.1.1\n", NETWORK_DEFAULT },
		{ "nameserver 127.0.0.53\n", "nameserver 127.0.0.53\n", NETWORK_HOST },
	};

	for (size_t i = 0; i < array_len(cases); i++) {
		struct buf text _cleanup_(buf_free) = { 0 };
		network_resolv_conf(cases[i].host, cases[i].mode, &text);
		is_str(text.data, cases[i].want, "resolv.conf");
	}
}

static void check_pasta(void)
{
	const struct port_spec some[] = { { "", 8080, 80, false }, { "127.0.0.1", 53, 5353, true } };
	struct strlist argv _cleanup_(strlist_free) = { 0 };

	network_arguments("/b", some, 2, false, &argv);
	_cleanup_(freep) char *text = strlist_join(&argv, " ");
	is_str(text, "--quiet --config-net --runas 0 --no-map-gw -T none -U none -t none -u 127.0.0.1/53:5353 -P /b/pasta.pid --netns /b/netns",
	       "pasta opens the UDP ports that were asked for and nothing else");
}

static void check_runtime_log(void)
{
	_cleanup_(freep) char *said = runtime_log_error("{\"msg\":\"careful\",\"level\":\"warning\"}\nnoise\n{\"msg\":\"no such program\",\"level\":\"error\"}\n");

	is_str(said, "no such program", "the runtime's last error");
	ok(!runtime_log_error("") && !runtime_log_error("x"), "no error");
}

int main(void)
{
	struct error err = { 0 };

	check_ports(&err);
	check_networks(&err);
	check_users(&err);
	check_mounts(&err);
	check_signals(&err);
	check_logs();
	check_resolv();
	check_pasta();
	check_runtime_log();
	return done();
}
