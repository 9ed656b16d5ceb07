/* libcurl, loaded when something is first asked of another machine.
 *
 * It brings thirty libraries along (Kerberos, LDAP, OpenSSL for ssh, …), none of which a registry without upstreams ever calls, nor `images` or
 * `run`. Linked as usual they cost each start of sampan their relocations: 2 MB of a server's memory on riscv64 and most of the time to the first answer.
 * So the functions of libcurl that we use are defined here, by their own names and types, and pass on to those of the library; callers see
 * <curl/curl.h> and nothing else. A function that is not in the list fails to link.
 *
 * Debian's package depends on the library (a tool that looks at the program's NEEDED doesn't see it). A build against a static libcurl
 * says -Dlate_curl=false. */
#define CURL_DISABLE_TYPECHECK /* the callers' arguments are checked where they stand */
#include <assert.h>
#include <curl/curl.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"

#define LIBRARY "libcurl-gnutls.so.4"
#define FUNCTIONS(X) \
	X(curl_global_init) \
	X(curl_easy_init) X(curl_easy_setopt) X(curl_easy_perform) X(curl_easy_getinfo) X(curl_easy_reset) X(curl_easy_cleanup) \
	X(curl_easy_escape) X(curl_easy_strerror) X(curl_free) \
	X(curl_slist_append) X(curl_slist_free_all) \
	X(curl_url) X(curl_url_set) X(curl_url_get) X(curl_url_cleanup)

static struct {
#define MEMBER(name) typeof(name) *name;
	FUNCTIONS(MEMBER)
#undef MEMBER
} real;

static const struct {
	const char *name;
	void **at;
} functions[] = {
#define ENTRY(name) { #name, (void **)&real.name },
	FUNCTIONS(ENTRY)
#undef ENTRY
};

static void load(void)
{
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	bool whole = library;

	for (size_t i = 0; whole && i < array_len(functions); i++)
		whole = (*functions[i].at = dlsym(library, functions[i].name));
	if (!whole) { /* as a program ends whose library isn't there when it starts */
		log_error("%s; install the package that " LIBRARY " is in (libcurl3-gnutls, libcurl3t64-gnutls)", dlerror());
		exit(127);
	}
}

static typeof(real) *library(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, load);
	return &real;
}

CURLcode curl_global_init(long flags)
{
	return library()->curl_global_init(flags);
}

CURL *curl_easy_init(void)
{
	return library()->curl_easy_init();
}

/* The one argument behind the option is a long, a pointer or a curl_off_t: a register on every machine of ours. */
static_assert(sizeof(long) == sizeof(void *) && sizeof(curl_off_t) == sizeof(void *), "libcurl's arguments differ in size");

CURLcode(curl_easy_setopt)(CURL *handle, CURLoption option, ...)
{
	va_list list;

	va_start(list, option);
	void *value = va_arg(list, void *);
	va_end(list);
	return (library()->curl_easy_setopt)(handle, option, value);
}

CURLcode(curl_easy_getinfo)(CURL *handle, CURLINFO info, ...)
{
	va_list list;

	va_start(list, info);
	void *to = va_arg(list, void *);
	va_end(list);
	return (library()->curl_easy_getinfo)(handle, info, to);
}

CURLcode curl_easy_perform(CURL *handle)
{
	return library()->curl_easy_perform(handle);
}

void curl_easy_reset(CURL *handle)
{
	library()->curl_easy_reset(handle);
}

void curl_easy_cleanup(CURL *handle)
{
	library()->curl_easy_cleanup(handle);
}

char *curl_easy_escape(CURL *handle, const char *string, int length)
{
	return library()->curl_easy_escape(handle, string, length);
}

const char *curl_easy_strerror(CURLcode code)
{
	return library()->curl_easy_strerror(code);
}

void curl_free(void *memory)
{
	library()->curl_free(memory);
}

struct curl_slist *curl_slist_append(struct curl_slist *list, const char *string)
{
	return library()->curl_slist_append(list, string);
}

void curl_slist_free_all(struct curl_slist *list)
{
	library()->curl_slist_free_all(list);
}

CURLU *curl_url(void)
{
	return library()->curl_url();
}

CURLUcode curl_url_set(CURLU *handle, CURLUPart what, const char *part, unsigned int flags)
{
	return library()->curl_url_set(handle, what, part, flags);
}

#if LIBCURL_VERSION_NUM < 0x080000
#define READ_ONLY
#else
#define READ_ONLY const
#endif
CURLUcode curl_url_get(READ_ONLY CURLU *handle, CURLUPart what, char **part, unsigned int flags)
{
	return library()->curl_url_get(handle, what, part, flags);
}

void curl_url_cleanup(CURLU *handle)
{
	library()->curl_url_cleanup(handle);
}
