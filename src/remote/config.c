/* Settings and credentials: see config.h.
 *
 * Files are looked through in the order of config_files; docker writes its entries by host ("127.0.0.1:5000"), with the old
 * URL for Docker Hub, podman by host and part of the path. Both are matched by the same rule: scheme, /v1/ and /v2/ are taken off the
 * key, and what is left must be the registry, or the registry and leading components of the repository. */
#include "remote/config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <strings.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/process.h"

enum { CONFIG_FILE_MAX = 4 << 20, HELPER_OUTPUT_MAX = 64 << 10, HELPER_NAME_MAX = 64 };
#define HUB_KEY "https://index.docker.io/v1/"

/* $VARIABLE/rest, or ~/fallback/rest if that is given and the variable is not set; NULL where there is neither. */
static char *path_from(const char *variable, const char *fallback, const char *rest)
{
	const char *base = getenv(variable), *home = getenv("HOME");

	if (!str_empty(base))
		return path_join(base, rest);
	if (!fallback || str_empty(home))
		return NULL;
	return xprintf("%s/%s/%s", home, fallback, rest);
}

/* ---- sampan.json ---- */

static int settings_add(const char *path, struct settings *settings, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	json_t *root _cleanup_(json_release) = NULL;
	struct error missing _cleanup_(error_clear) = { 0 };

	if (file_read(AT_FDCWD, path, CONFIG_FILE_MAX, &text, &missing) < 0) {
		if (missing.code == ERROR_NOT_FOUND)
			return 0;
		error_move(err, &missing);
		return -1;
	}
	root = json_parse(text.data ? text.data : "", text.len, "settings", err);
	if (!root || json_get_strlist(root, "insecure-registries", &settings->insecure_registries, err) < 0 ||
	    json_get_strlist(root, "token-hosts", &settings->token_hosts, err) < 0)
		return error_wrap(err, "cannot use %s", path);
	return 0;
}

int settings_load(struct settings *ret, struct error *err)
{
	struct settings settings _cleanup_(settings_clear) = { 0 };
	_cleanup_(freep) char *own = path_from("XDG_CONFIG_HOME", ".config", "sampan/sampan.json");

	if ((own && settings_add(own, &settings, err) < 0) || settings_add("/etc/sampan/sampan.json", &settings, err) < 0)
		return -1;
	*ret = settings;
	settings = (struct settings){ 0 };
	return 0;
}

void settings_clear(struct settings *settings)
{
	strlist_free(&settings->insecure_registries);
	strlist_free(&settings->token_hosts);
}

/* "10.0.0.0/8", as docker's daemon.json has it. */
static bool network_covers(const char *network, const char *registry)
{
	_cleanup_(freep) char *base = xstrndup(network, strcspn(network, "/")), *host = xstrndup(registry, strcspn(registry, ":"));
	struct in_addr from, at;
	int64_t bits;

	if (!strchr(network, '/') || str_to_int(strchr(network, '/') + 1, 0, 32, &bits, NULL) < 0)
		return false;
	if (inet_pton(AF_INET, base, &from) != 1 || inet_pton(AF_INET, host, &at) != 1)
		return false;
	uint32_t mask = bits ? UINT32_MAX << (32 - bits) : 0;
	return (ntohl(from.s_addr) & mask) == (ntohl(at.s_addr) & mask);
}

static bool entry_covers(const char *entry, const char *registry)
{
	size_t len = strlen(entry);
	bool has_port = entry[0] == '[' ? strstr(entry, "]:") != NULL : strchr(entry, ':') != NULL;

	if (!strncasecmp(entry, registry, len) && (!registry[len] || (!has_port && registry[len] == ':')))
		return true;
	return network_covers(entry, registry);
}

bool settings_is_insecure(const struct settings *settings, const char *registry)
{
	for (size_t i = 0; i < settings->insecure_registries.len; i++)
		if (entry_covers(settings->insecure_registries.items[i], registry))
			return true;
	return false;
}

/* ---- credentials ---- */

void credentials_clear(struct credentials *credentials)
{
	free(credentials->username);
	if (credentials->password)
		explicit_bzero(credentials->password, strlen(credentials->password));
	free(credentials->password);
	free(credentials->identity_token);
	free(credentials->registry_token);
	*credentials = (struct credentials){ 0 };
}

bool credentials_empty(const struct credentials *credentials)
{
	return !credentials->username && !credentials->identity_token && !credentials->registry_token;
}

char *credentials_encode(const char *username, const char *password)
{
	_cleanup_(freep) char *both = xprintf("%s:%s", username, password);
	struct buf text = { 0 };

	base64_write(BASE64, both, strlen(both), &text);
	return buf_steal(&text);
}

static int decode_auth(const char *text, struct credentials *ret, struct error *err)
{
	struct buf both _cleanup_(buf_free) = { 0 };

	if (!base64_read(BASE64, text, strlen(text), &both))
		return error_set(err, ERROR_INVALID, "'auth' is not base64");
	char *colon = both.len ? memchr(both.data, ':', both.len) : NULL;
	if (!colon || strlen(both.data) != both.len)
		return error_set(err, ERROR_INVALID, "'auth' holds no user:password");
	ret->username = xstrndup(both.data, (size_t)(colon - both.data));
	ret->password = xstrdup(colon + 1);
	return 0;
}

/* How many bytes of the key speak for this image: 0 if it is another's. */
static size_t key_match(const char *key, const char *registry, const char *repository)
{
	size_t host = strlen(registry), len, rest;

	if (str_starts(key, "https://") || str_starts(key, "http://"))
		key = strstr(key, "://") + 3;
	if (str_equal(registry, "docker.io") && str_starts(key, "index.docker.io") && (!key[15] || key[15] == '/'))
		return 9;
	if (strncasecmp(key, registry, host) || (key[host] && key[host] != '/'))
		return 0;
	key += host;
	if (!*key || str_equal(key, "/") || str_equal(key, "/v1/") || str_equal(key, "/v2/") || str_equal(key, "/v1") || str_equal(key, "/v2"))
		return host;
	len = strlen(++key);
	rest = str_empty(repository) ? 0 : strlen(repository);
	if (len > rest || strncmp(key, repository, len) || (repository[len] && repository[len] != '/'))
		return 0;
	return host + 1 + len;
}

static int entry_read(const json_t *entry, struct credentials *ret, struct error *err)
{
	const char *auth, *username, *password, *identity, *token;

	if (!json_is_object(entry))
		return error_set(err, ERROR_INVALID, "an entry of 'auths' is no object");
	if (json_get_string(entry, "auth", &auth, err) < 0 || json_get_string(entry, "username", &username, err) < 0 ||
	    json_get_string(entry, "password", &password, err) < 0 || json_get_string(entry, "identitytoken", &identity, err) < 0 ||
	    json_get_string(entry, "registrytoken", &token, err) < 0)
		return -1;
	if (!str_empty(identity))
		ret->identity_token = xstrdup(identity);
	if (!str_empty(token))
		ret->registry_token = xstrdup(token);
	if (!str_empty(auth))
		return decode_auth(auth, ret, err) < 0 ? -1 : 1;
	if (!str_empty(username) && password) {
		ret->username = xstrdup(username);
		ret->password = xstrdup(password);
	}
	return !credentials_empty(ret);
}

int credentials_from_json(const json_t *root, const char *registry, const char *repository, struct credentials *ret, struct error *err)
{
	struct credentials found _cleanup_(credentials_clear) = { 0 };
	json_t *auths, *entry, *best = NULL;
	const char *key;
	size_t best_len = 0;

	if (json_get_object(root, "auths", &auths, err) < 0)
		return -1;
	json_object_foreach(auths, key, entry) {
		size_t len = key_match(key, registry, repository);
		if (len > best_len && (!json_is_object(entry) || json_object_size(entry))) {
			best = entry;
			best_len = len;
		}
	}
	int has = best ? entry_read(best, &found, err) : 0;
	if (has <= 0)
		return has;
	*ret = found;
	found = (struct credentials){ 0 };
	return 1;
}

/* The helper for a registry: credHelpers first, then credsStore. *ret is NULL if there is none; borrowed. */
static int helper_for(const json_t *root, const char *registry, const char **ret, struct error *err)
{
	json_t *helpers;
	const char *name = NULL;

	if (json_get_object(root, "credHelpers", &helpers, err) < 0 || (helpers && json_get_string(helpers, registry, &name, err) < 0))
		return -1;
	if (!name && json_get_string(root, "credsStore", &name, err) < 0)
		return -1;
	if (str_empty(name)) {
		*ret = NULL;
		return 0;
	}
	for (const char *at = name; *at; at++)
		if ((!isalnum((unsigned char)*at) && !strchr("-_.", *at)) || at - name > HELPER_NAME_MAX)
			return error_set(err, ERROR_INVALID, "'%s' is no name of a credential helper", name);
	*ret = name;
	return 0;
}

static const char *helper_key(const char *registry)
{
	return str_equal(registry, "docker.io") ? HUB_KEY : registry;
}

/* docker-credential-NAME VERB, as docker-credential-helpers documents it. What it prints on failure may hold anything, so it is not shown. */
static int helper_run(const char *name, const char *verb, const char *input, struct buf *ret, struct error *err)
{
	_cleanup_(freep) char *program = xprintf("docker-credential-%s", name);
	const char *argv[] = { program, verb, NULL };
	struct error failure _cleanup_(error_clear) = { 0 };

	if (process_capture(argv, input, HELPER_OUTPUT_MAX, ret, &failure) >= 0)
		return 0;
	if (failure.code == ERROR_FAILED)
		return error_set(err, ERROR_NOT_FOUND, "%s %s gave no credentials", program, verb);
	error_move(err, &failure);
	return -1;
}

static int helper_get(const char *name, const char *registry, struct credentials *ret, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	json_t *root _cleanup_(json_release) = NULL;
	struct error failure _cleanup_(error_clear) = { 0 };
	const char *username, *secret;

	if (helper_run(name, "get", helper_key(registry), &text, &failure) < 0) {
		if (failure.code == ERROR_NOT_FOUND && !failure.hint)
			return 0; /* it runs, and has none */
		error_move(err, &failure);
		return -1;
	}
	root = json_parse(text.data ? text.data : "", text.len, "answer of the credential helper", err);
	if (!root || json_get_string(root, "Username", &username, err) < 0 || json_get_string(root, "Secret", &secret, err) < 0)
		return -1;
	if (str_empty(username) || !secret)
		return 0;
	if (str_equal(username, "<token>")) {
		ret->identity_token = xstrdup(secret);
		return 1;
	}
	ret->username = xstrdup(username);
	ret->password = xstrdup(secret);
	return 1;
}

/* NULL with an empty error: there is no such file. */
static json_t *config_read(const char *path, struct error *err)
{
	struct buf text _cleanup_(buf_free) = { 0 };
	struct error failure _cleanup_(error_clear) = { 0 };

	if (file_read(AT_FDCWD, path, CONFIG_FILE_MAX, &text, &failure) < 0) {
		if (failure.code != ERROR_NOT_FOUND)
			error_move(err, &failure);
		return NULL;
	}
	json_t *root = json_parse(text.data ? text.data : "", text.len, "configuration", err);
	if (!root)
		error_wrap(err, "cannot use %s", path);
	return root;
}

static int config_lookup(const char *path, const char *registry, const char *repository, bool helpers, struct credentials *ret, struct error *err)
{
	struct error failure _cleanup_(error_clear) = { 0 };
	json_t *root _cleanup_(json_release) = config_read(path, &failure);
	const char *helper;

	if (!root && failure.code == ERROR_NONE)
		return 0;
	int has = root ? helper_for(root, registry, &helper, &failure) : -1;
	if (has >= 0 && helper && !helpers)
		has = 0;
	else if (has >= 0 && helper)
		has = helper_get(helper, registry, ret, &failure);
	if (has == 0)
		has = credentials_from_json(root, registry, repository, ret, &failure);
	if (has < 0) {
		error_move(err, &failure);
		return error_wrap(err, "cannot get the credentials for %s from %s", registry, path);
	}
	return has;
}

/* podman's for this user. The folder is root's alone on many machines; what can't be there isn't looked for. */
static char *runtime_file(void)
{
	_cleanup_(freep) char *folder = xprintf("/run/containers/%u", (unsigned)geteuid());

	return access(folder, X_OK) == 0 ? path_join(folder, "auth.json") : NULL;
}

/* Where the credentials may be, in order of preference. */
static void config_files(const struct remote_options *options, struct strlist *ret)
{
	char *const places[] = {
		xstrdup(getenv("REGISTRY_AUTH_FILE")),
		path_from("DOCKER_CONFIG", ".docker", "config.json"),
		path_from("XDG_RUNTIME_DIR", NULL, "containers/auth.json"),
		runtime_file(),
		path_from("XDG_CONFIG_HOME", ".config", "containers/auth.json"),
	};

	if (options->auth_file)
		strlist_add(ret, options->auth_file);
	for (size_t i = 0; i < array_len(places); i++) {
		if (!options->auth_file && !str_empty(places[i]))
			strlist_add(ret, places[i]);
		free(places[i]);
	}
}

int credentials_find(const char *registry, const char *repository, const struct remote_options *options, struct credentials *ret,
		     struct error *err)
{
	struct strlist files _cleanup_(strlist_free) = { 0 };

	if (options->username) {
		*ret = (struct credentials){ .username = xstrdup(options->username),
					     .password = xstrdup(options->password ? options->password : "") };
		return 0;
	}
	*ret = (struct credentials){ 0 };
	if (options->anonymous && !options->auth_file)
		return 0;
	config_files(options, &files);
	for (size_t i = 0; i < files.len; i++) {
		int has = config_lookup(files.items[i], registry, repository, !options->anonymous, ret, err);
		if (has)
			return has < 0 ? -1 : 0;
	}
	return 0;
}

/* ---- login and logout ---- */

static int helper_store(const char *helper, const char *registry, const char *username, const char *password, struct error *err)
{
	struct buf output _cleanup_(buf_free) = { 0 };

	if (!password)
		return helper_run(helper, "erase", helper_key(registry), &output, err);
	json_t *input _cleanup_(json_release) =
		json_pack("{ss ss ss}", "ServerURL", helper_key(registry), "Username", username, "Secret", password);
	_cleanup_(freep) char *text = input ? json_text(input) : NULL;
	if (!text)
		return error_set(err, ERROR_INVALID, "the user name or password is not UTF-8");
	return helper_run(helper, "store", text, &output, err);
}

/* Removes every key that means this registry as a whole. */
static bool auths_remove(json_t *auths, const char *registry)
{
	bool removed = false;
	const char *key;
	json_t *entry;
	void *next;

	json_object_foreach_safe(auths, next, key, entry) {
		if (key_match(key, registry, NULL)) {
			json_object_del(auths, key);
			removed = true;
		}
	}
	return removed;
}

static int auths_change(json_t *root, const char *registry, const char *username, const char *password, struct error *err)
{
	json_t *auths;

	if (json_get_object(root, "auths", &auths, err) < 0)
		return -1;
	if (!auths) {
		auths = json_object();
		json_object_set_new(root, "auths", auths);
	}
	bool removed = auths_remove(auths, registry);
	if (!password)
		return removed ? 0 : error_set(err, ERROR_NOT_FOUND, "not logged in to %s", registry);
	_cleanup_(freep) char *auth = credentials_encode(username, password);
	json_object_set_new(auths, helper_key(registry), json_pack("{ss}", "auth", auth));
	return 0;
}

static int config_write(const char *path, const json_t *root, struct error *err)
{
	_cleanup_(freep) char *folder = xstrdup(path), *text = json_dumps(root, JSON_INDENT(4) | JSON_PRESERVE_ORDER);
	char *slash = strrchr(folder, '/');

	if (slash)
		*slash = '\0';
	if (slash && *folder && dir_make(AT_FDCWD, folder, 0700, err) < 0)
		return -1;
	return file_replace(AT_FDCWD, path, text, strlen(text), 0600, err);
}

int credentials_store(const char *registry, const char *username, const char *password, const struct remote_options *options, struct error *err)
{
	_cleanup_(freep) char *path = options->auth_file ? xstrdup(options->auth_file) : path_from("DOCKER_CONFIG", ".docker", "config.json");
	struct error failure _cleanup_(error_clear) = { 0 };
	json_t *root _cleanup_(json_release) = NULL;
	const char *helper;

	if (!path)
		return error_set(err, ERROR_NOT_FOUND, "there is no home folder to keep credentials in"), error_hint(err, "give --authfile");
	root = config_read(path, &failure);
	if (!root && failure.code != ERROR_NONE) {
		error_move(err, &failure);
		return -1;
	}
	if (!root)
		root = json_object();
	if (helper_for(root, registry, &helper, err) < 0)
		return -1;
	if (helper)
		return helper_store(helper, registry, username, password, err);
	if (auths_change(root, registry, username, password, err) < 0)
		return -1;
	return config_write(path, root, err);
}
