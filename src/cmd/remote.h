/* What the commands that talk to registries share: their options and how pull reports. */
#ifndef CMD_REMOTE_H
#define CMD_REMOTE_H
#include "cmd/command.h"
#include "remote/remote.h"

/* The values of REMOTE_OPTIONS; one command runs in a process, so one set is enough. */
struct remote_flags {
	bool plain_http, tls_verify;
	const char *ca_file, *auth_file, *credentials, *jobs;
};
extern struct remote_flags remote_flags;

#define REMOTE_OPTIONS_CONNECTION                                                                                       \
	{ 0, "plain-http", OPTION_FLAG, &remote_flags.plain_http, NULL, "speak HTTP (automatic on loopback)" },         \
	{ 0, "tls-verify", OPTION_FLAG, &remote_flags.tls_verify, NULL, "check the certificate (=false: do not)" },     \
	{ 0, "ca-file", OPTION_STRING, &remote_flags.ca_file, "PATH", "certificates of the registry's CA" },            \
	{ 0, "authfile", OPTION_STRING, &remote_flags.auth_file, "PATH", "file with credentials (default: docker's and podman's)" }

#define REMOTE_OPTIONS                                                                                                  \
	REMOTE_OPTIONS_CONNECTION,                                                                                      \
	{ 0, "creds", OPTION_STRING, &remote_flags.credentials, "USER:PASSWORD", "credentials for the registry" },      \
	{ 0, "jobs", OPTION_STRING, &remote_flags.jobs, "N", "layers at once (4)" }

/* Commands with two registries: flags of one side win over those for both. */
struct side_flags {
	const char *credentials;
	bool plain_http, tls_verify;
};
extern struct side_flags from_flags, to_flags;

#define REMOTE_OPTIONS_SIDES                                                                                                             \
	{ 0, "src-creds", OPTION_STRING, &from_flags.credentials, "USER:PASSWORD", "credentials where it comes from" },                  \
	{ 0, "dest-creds", OPTION_STRING, &to_flags.credentials, "USER:PASSWORD", "credentials where it goes" },                        \
	{ 0, "src-plain-http", OPTION_FLAG, &from_flags.plain_http, NULL, "speak HTTP where it comes from" },                           \
	{ 0, "dest-plain-http", OPTION_FLAG, &to_flags.plain_http, NULL, "speak HTTP where it goes" },                                  \
	{ 0, "src-tls-verify", OPTION_FLAG, &from_flags.tls_verify, NULL, "check the certificate where it comes from (=false: do not)" }, \
	{ 0, "dest-tls-verify", OPTION_FLAG, &to_flags.tls_verify, NULL, "check the certificate where it goes (=false: do not)" }

/* Borrowed strings: valid until the program ends. `progress` may be NULL. */
int remote_flags_read(struct progress *progress, struct remote_options *ret, struct error *err);
int remote_sides_read(struct progress *progress, struct remote_options *ret_from, struct remote_options *ret_to, struct error *err);
/* docker's words of a pull, or a JSON object. */
void pull_print(const struct context *context, const struct reference *reference, const struct pull_result *result);
#endif
