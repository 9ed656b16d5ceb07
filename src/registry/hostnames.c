/* By which names and addresses this host may be called: see hostnames.h. */
#include "registry/hostnames.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <ifaddrs.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"

enum { NAMES_MAX = 100, HOST_MAX = 253, HOSTS_FILE_MAX = 1 << 20 };

static bool is_host(const char *text)
{
	size_t len = strlen(text);

	if (!len || len > HOST_MAX || text[0] == '.' || text[0] == '-' || strstr(text, ".."))
		return false;
	for (const char *at = text; *at; at++)
		if (!isalnum((unsigned char)*at) && *at != '.' && *at != '-')
			return false;
	return text[len - 1] != '.';
}

bool hostnames_add(struct strlist *list, const char *name)
{
	unsigned char address[16];

	if (inet_pton(AF_INET, name, address) != 1 && inet_pton(AF_INET6, name, address) != 1 && !is_host(name))
		return false;
	if (!strlist_has(list, name) && list->len < NAMES_MAX)
		strlist_add(list, name);
	return true;
}

/* The lines of /etc/hosts that have our name say which others we have: "127.0.1.1 board.example.org board". */
static void add_aliases(struct strlist *list, const char *host)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	char *line, *lines, *word, *words;

	if (file_read(AT_FDCWD, "/etc/hosts", HOSTS_FILE_MAX, &text, NULL) < 0 || !text.data)
		return;
	for (line = strtok_r(text.data, "\n", &lines); line; line = strtok_r(NULL, "\n", &lines)) {
		struct strlist names _cleanup_(strlist_free) = { 0 };
		*strchrnul(line, '#') = '\0';
		for (word = strtok_r(line, " \t", &words); word; word = strtok_r(NULL, " \t", &words))
			strlist_add(&names, word);
		for (size_t i = 1; strlist_has(&names, host) && i < names.len; i++)
			hostnames_add(list, names.items[i]);
	}
}

/* Link-local IPv6 addresses only mean something together with an interface, which no certificate can name. */
static void add_addresses(struct strlist *list)
{
	struct ifaddrs *all = NULL;
	char text[NI_MAXHOST];

	if (getifaddrs(&all) < 0)
		return;
	for (const struct ifaddrs *at = all; at; at = at->ifa_next) {
		int family = at->ifa_addr ? at->ifa_addr->sa_family : AF_UNSPEC;
		if (family != AF_INET && family != AF_INET6)
			continue;
		if (family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&((struct sockaddr_in6 *)(void *)at->ifa_addr)->sin6_addr))
			continue;
		socklen_t len = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
		if (getnameinfo(at->ifa_addr, len, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0)
			hostnames_add(list, text);
	}
	freeifaddrs(all);
}

void hostnames_find(struct strlist *ret)
{
	char host[HOST_NAME_MAX + 1] = "", local[HOST_NAME_MAX + 8];

	hostnames_add(ret, "localhost");
	hostnames_add(ret, "127.0.0.1");
	hostnames_add(ret, "::1");
	if (gethostname(host, sizeof host - 1) == 0 && hostnames_add(ret, host)) {
		if (!strchr(host, '.')) {
			snprintf(local, sizeof local, "%s.local", host);
			hostnames_add(ret, local);
		}
		add_aliases(ret, host);
	}
	add_addresses(ret);
}
