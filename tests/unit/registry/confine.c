/* The sandbox, tried from inside: each case is a child that confines itself to a folder and then does one thing. */
#include "registry/confine.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <netdb.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "tap.h"

static char folder[] = "/tmp/sampan-confine.XXXXXX";
static char inside[64], other[64], outside[] = "/tmp/sampan-outside.XXXXXX";
static char logs[] = "/tmp/sampan-logs.XXXXXX";
static const struct strlist readable = { (char *[]){ "/etc/hostname", NULL }, 1 }, writable = { (char *[]){ logs, NULL }, 1 };

/* Each returns 0 or an errno. */
static int try_open(const char *path, int flags)
{
	_cleanup_(fd_close) int fd = open(path, flags | O_CLOEXEC, 0600);

	return fd < 0 ? errno : 0;
}

static int read_outside(void)
{
	return try_open(outside, O_RDONLY);
}

static int write_outside(void)
{
	return try_open(outside, O_WRONLY);
}

static int read_readable(void)
{
	return access("/etc/hostname", F_OK) == 0 ? try_open("/etc/hostname", O_RDONLY) : 0;
}

static int write_readable(void)
{
	return try_open("/etc/hostname", O_WRONLY);
}

static int write_log(void)
{
	char path[64];

	snprintf(path, sizeof path, "%s/access.log", logs);
	return try_open(path, O_WRONLY | O_CREAT | O_TRUNC);
}

static int write_inside(void)
{
	return try_open(inside, O_RDWR | O_CREAT);
}

static int rename_inside(void)
{
	write_inside();
	return rename(inside, other) < 0 ? errno : 0;
}

static int try_socket(int domain)
{
	_cleanup_(fd_close) int fd = socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? errno : 0;
}

static int open_inet(void)
{
	return try_socket(AF_INET);
}

static int open_unix(void)
{
	return try_socket(AF_UNIX);
}

static int resolve(void)
{
	struct addrinfo *list = NULL;
	int result = getaddrinfo("localhost", "80", NULL, &list);

	if (list)
		freeaddrinfo(list);
	return result ? EIO : 0;
}

static int port; /* of a server that answers one request with "x" */

static void serve_one(int listening)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx";
	char request[4096];
	int fd = accept(listening, NULL, NULL);

	if (fd >= 0 && read(fd, request, sizeof request) > 0 && write(fd, answer, sizeof answer - 1) > 0)
		shutdown(fd, SHUT_WR);
	_exit(0);
}

/* Returns the server's process. */
static pid_t start_server(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof address;
	_cleanup_(fd_close) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, 1) < 0 || getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return -1;
	port = ntohs(address.sin_port);
	pid_t pid = fork();
	if (pid == 0)
		serve_one(fd);
	return pid;
}

static size_t count_bytes(char *bytes, size_t size, size_t count, void *total)
{
	(void)bytes;
	*(size_t *)total += size * count;
	return size * count;
}

/* With all that the library does beside: threads that resolve names, pipes between them. */
static int transfer(void)
{
	_cleanup_(freep) char *url = xprintf("http://localhost:%d/", port);
	CURL *handle = curl_easy_init();
	size_t total = 0;

	curl_easy_setopt(handle, CURLOPT_URL, url);
	curl_easy_setopt(handle, CURLOPT_PROXY, "");
	curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(handle, CURLOPT_TIMEOUT, 10L);
	curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, count_bytes);
	curl_easy_setopt(handle, CURLOPT_WRITEDATA, &total);
	CURLcode result = curl_easy_perform(handle);
	curl_easy_cleanup(handle);
	return result != CURLE_OK ? (int)result : total == 1 ? 0 : EIO;
}

static int start_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid < 0 ? errno : 0;
}

static int start_program(void)
{
	execl("/bin/true", "true", (char *)NULL);
	return errno;
}

static void *nothing(void *data)
{
	return data;
}

static int start_thread(void)
{
	pthread_t thread;
	int result = pthread_create(&thread, NULL, nothing, NULL);

	return result ? result : pthread_join(thread, NULL);
}

static int map_executable(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0;
}

static int trace(void)
{
	return syscall(SYS_ptrace, 0, 0, 0, 0) < 0 ? errno : 0;
}

static int make_device(void)
{
	return mknodat(AT_FDCWD, other, S_IFREG | 0600, 0) < 0 ? errno : 0;
}

static const struct {
	const char *what;
	int (*act)(void);
	bool outgoing;
	int want;      /* errno; negative: the signal that ends it */
	bool landlock; /* needs it */
} cases[] = {
	{ "a file elsewhere can't be read", read_outside, false, EACCES, true },
	{ "nor written", write_outside, false, EACCES, true },
	{ "a certificate can be read", read_readable, false, 0, false },
	{ "but not written", write_readable, false, EACCES, true },
	{ "a log can be begun in its folder", write_log, false, 0, false },
	{ "a file of the store can be made", write_inside, false, 0, false },
	{ "and moved into another folder of it", rename_inside, false, 0, false },
	{ "no connection goes out", open_inet, false, EACCES, false },
	{ "unless the settings name an upstream", open_inet, true, 0, false },
	{ "whose name can be resolved", resolve, true, 0, false },
	{ "and from which it fetches", transfer, true, 0, false },
	{ "never to a daemon of this machine", open_unix, true, EACCES, false },
	{ "no process", start_process, false, EPERM, false },
	{ "no program: the end", start_program, false, -SIGSYS, false },
	{ "no tracing: the end", trace, false, -SIGSYS, false },
	{ "threads are fine", start_thread, false, 0, false },
	{ "no memory for code", map_executable, false, EPERM, false },
	{ "an unknown call looks like one of a newer kernel", make_device, false, ENOSYS, false },
};

static int run(size_t i)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		log_set_level(LOG_LEVEL_QUIET);
		struct confinement confinement = { folder, &readable, &writable, cases[i].outgoing };
		_exit(confine(&confinement, NULL) < 0 ? 255 : cases[i].act());
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return 255;
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* As an older kernel: a system call that isn't there. */
static void take_away(int number)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { array_len(code), code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* Returns what `act` returned, in a child that lacks the call. */
static int run_without(int number, int (*act)(void))
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		struct confinement confinement = { folder, &readable, &writable, false };
		log_set_level(LOG_LEVEL_QUIET);
		take_away(number);
		_exit(confine(&confinement, NULL) < 0 ? 255 : act());
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return 255;
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void *wait_forever(void *data)
{
	pause();
	return data;
}

static void check_threads(void)
{
	struct confinement confinement = { folder, &readable, &writable, false };
	struct error err _cleanup_(error_clear) = { 0 };
	pthread_t thread;

	pthread_create(&thread, NULL, wait_forever, NULL);
	ok(confine(&confinement, &err) < 0 && err.code == ERROR_FAILED, "a thread that it would not hold is noticed");
	pthread_cancel(thread);
	pthread_join(thread, NULL);
}

int main(void)
{
	bool landlock = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 2;
	int fd = mkstemp(outside);

	if (fd < 0 || !mkdtemp(folder) || !mkdtemp(logs))
		return 2;
	close(fd);
	snprintf(inside, sizeof inside, "%s/a", folder);
	snprintf(other, sizeof other, "%s/b", folder);
	mkdir(other, 0700);
	snprintf(other, sizeof other, "%s/b/c", folder);
	pid_t server = start_server();
	curl_global_init(CURL_GLOBAL_DEFAULT);
	for (size_t i = 0; i < array_len(cases); i++)
		if (cases[i].landlock && !landlock)
			ok(true, "%s # SKIP this kernel has no Landlock", cases[i].what);
		else
			is_int(run(i), cases[i].want, cases[i].what);
	is_int(run_without(SYS_landlock_create_ruleset, read_outside), 0, "without Landlock it goes on");
	is_int(run_without(SYS_landlock_create_ruleset, open_inet), EACCES, "with what is left");
	is_int(run_without(SYS_seccomp, open_inet), 0, "without seccomp it goes on");
	is_int(run_without(SYS_seccomp, read_outside), landlock ? EACCES : 0, "with what is left");
	unlink(outside);
	dir_remove(AT_FDCWD, folder, NULL);
	dir_remove(AT_FDCWD, logs, NULL);
	check_threads();
	if (server > 0) {
		kill(server, SIGTERM);
		waitpid(server, NULL, 0);
	}
	return done();
}
