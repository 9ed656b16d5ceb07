/* Credentials in config.json: "find" (the file, registry, repository, what is found) and "bad" (the file, part of the message); then that what is
 * stored is found again, and sampan.json. */
#include "remote/config.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/json.h"
#include "cases.h"

static char *found_text(const struct credentials *found)
{
	if (found->identity_token)
		return xprintf("identity %s", found->identity_token);
	if (found->registry_token)
		return xprintf("token %s", found->registry_token);
	return found->username ? xprintf("%s:%s", found->username, found->password) : xstrdup("none");
}

static void run(const struct strlist *f)
{
	struct credentials found _cleanup_(credentials_clear) = { 0 };
	struct error err = { 0 };
	json_t *root _cleanup_(json_release) = json_parse(f->items[1], strlen(f->items[1]), "test", &err);

	if (!root) {
		ok(false, "%s is JSON", f->items[1]);
	} else if (str_equal(f->items[0], "bad")) {
		fails(credentials_from_json(root, "example.com", "a", &found, &err), &err, ERROR_INVALID, f->items[2], f->items[1]);
	} else {
		works(credentials_from_json(root, f->items[2], f->items[3], &found, &err), &err, f->items[1]);
		_cleanup_(freep) char *text = found_text(&found);
		is_str(text, f->items[4], "  finds");
	}
}

static void put_file(const char *path, const char *text)
{
	struct error err = { 0 };

	works(file_replace(AT_FDCWD, path, text, strlen(text), 0600, &err), &err, path);
}

static void store_and_find(const char *folder)
{
	_cleanup_(freep) char *path = xprintf("%s/deep/config.json", folder);
	struct remote_options options = { .auth_file = path };
	struct credentials found _cleanup_(credentials_clear) = { 0 };
	struct error err = { 0 };
	struct stat status;

	works(credentials_store("example.com:5000", "bob", "a:b", &options, &err), &err, "stored");
	ok(stat(path, &status) == 0 && (status.st_mode & 0777) == 0600, "for the owner's eyes alone");
	works(credentials_store("docker.io", "hub", "x", &options, &err), &err, "stored for the Hub");
	works(credentials_find("example.com:5000", "a", &options, &found, &err), &err, "looked up");
	is_str(found.password, "a:b", "  found");
	credentials_clear(&found);
	works(credentials_store("example.com:5000", NULL, NULL, &options, &err), &err, "removed");
	works(credentials_find("example.com:5000", "a", &options, &found, &err), &err, "looked up again");
	ok(credentials_empty(&found), "  gone");
	fails(credentials_store("example.com:5000", NULL, NULL, &options, &err), &err, ERROR_NOT_FOUND, "not logged in", "removed twice");
	works(credentials_find("docker.io", "library/x", &options, &found, &err), &err, "the other stayed");
	is_str(found.username, "hub", "  found");
	credentials_clear(&found);
	put_file(path, "{\"auths\": {}, \"credsStore\": \"../../bin/sh\"}");
	fails(credentials_find("example.com", "a", &options, &found, &err), &err, ERROR_INVALID, "no name of a credential helper", "a helper with a path");
	put_file(path, "{not json");
	fails(credentials_store("example.com", "a", "b", &options, &err), &err, ERROR_INVALID, "cannot use", "a broken file is not overwritten");
}

static void settings(const char *folder)
{
	struct settings settings _cleanup_(settings_clear) = { 0 };
	struct error err = { 0 };
	_cleanup_(freep) char *path = xprintf("%s/sampan/sampan.json", folder);

	setenv("XDG_CONFIG_HOME", folder, 1);
	works(dir_make(AT_FDCWD, folder, 0700, &err), &err, folder);
	_cleanup_(freep) char *own = xprintf("%s/sampan", folder);
	works(dir_make(AT_FDCWD, own, 0700, &err), &err, own);
	put_file(path, "{\"insecure-registries\": [\"10.0.0.5:6000\", \"board\", \"[::2]\", \"192.168.4.0/22\"]}");
	works(settings_load(&settings, &err), &err, "sampan.json");
	ok(settings_is_insecure(&settings, "10.0.0.5:6000"), "host and port");
	ok(!settings_is_insecure(&settings, "10.0.0.5:60001"), "another port");
	ok(!settings_is_insecure(&settings, "10.0.0.5"), "no port");
	ok(settings_is_insecure(&settings, "board:1234"), "a host covers its ports");
	ok(!settings_is_insecure(&settings, "boarding:1234"), "and nothing longer");
	ok(settings_is_insecure(&settings, "[::2]:5000"), "an IPv6 host");
	ok(settings_is_insecure(&settings, "192.168.7.255:5000"), "an address of a network");
	ok(!settings_is_insecure(&settings, "192.168.8.0:5000"), "one behind its end");
	ok(!settings_is_insecure(&settings, "192.168.4.0.evil.org"), "no address");
	settings_clear(&settings);
	settings = (struct settings){ 0 };
	put_file(path, "{\"insecure-registries\": \"all\"}");
	fails(settings_load(&settings, &err), &err, ERROR_INVALID, "sampan.json", "a list that is none");
}

int main(int argc, char **argv)
{
	char folder[] = "/tmp/sampan-remote-config.XXXXXX";
	struct error err = { 0 };

	for (int i = 1; i < argc; i++)
		case_file(argv[i], run);
	if (!mkdtemp(folder))
		return 1;
	store_and_find(folder);
	settings(folder);
	works(dir_remove(AT_FDCWD, folder, &err), &err, "tidied up");
	return done();
}
