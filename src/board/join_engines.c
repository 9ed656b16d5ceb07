/* What each engine must be told: the formats are those of its own documentation (dockerd's daemon.json, containerd's hosts.md, K3s' private registry
 * configuration, containers-registries.conf(5)). Each function edits texts of the plan's change set and names the services that must reread them. */
#include "board/containerd.h"
#include "board/edit.h"
#include "board/join.h"
#include "board/toml.h"
#include "board/yaml_read.h"

/* An edit of one file; the error names it. */
#define EDITED(path, call) ((call) < 0 ? error_wrap(err, "%s", path) : 0)

static int put_ca(struct join *join, const char *path, struct error *err)
{
	struct buf *text;

	if (!join->probe->ca)
		return 0;
	if (change_set_file(&join->plan->set, path, 0644, &text, err) < 0)
		return -1;
	buf_clear(text);
	buf_add_str(text, join->probe->ca);
	return 0;
}

/* ---- credentials of docker, podman and sampan: root's config.json ---- */

static int put_login(struct join *join, struct error *err)
{
	static const char path[] = "/root/.docker/config.json";
	struct buf *text;

	if (!join->authorization)
		return 0;
	if (change_set_file(&join->plan->set, path, 0600, &text, err) < 0)
		return -1;
	if (text->len && (strstr(text->data, "\"credsStore\"") || strstr(text->data, "\"credHelpers\""))) {
		_cleanup_(freep) char *note =
			xprintf("%s names a credential helper, which keeps credentials itself: run 'sampan login %s'", path, join->options->registry);
		if (!strlist_has(&join->plan->notes, note))
			strlist_add(&join->plan->notes, note);
		return 0;
	}
	_cleanup_(freep) char *others = xprintf("root is logged in; other users run 'sampan login %s'", join->options->registry);
	if (!strlist_has(&join->plan->notes, others))
		strlist_add(&join->plan->notes, others);
	return EDITED(path, edit_set(text, EDIT_JSON, EDIT_PATH("auths", join->options->registry, "auth"), join->authorization, err));
}

/* ---- docker ---- */

static int put_docker_mirrors(struct join *join, struct buf *text, struct error *err)
{
	for (size_t i = 0; i < join->mirrors_len; i++) {
		const struct join_mirror *mirror = &join->mirrors[i];
		if (!str_equal(mirror->registry, "docker.io") || *mirror->prefix) {
			strlist_printf(&join->plan->notes, "docker has mirrors of docker.io alone, without a prefix: %s%s%s is not set up for it",
				       mirror->registry, *mirror->prefix ? "=" : "", mirror->prefix);
			continue;
		}
		if (edit_add(text, EDIT_JSON, EDIT_PATH("registry-mirrors"), join->url, err) < 0)
			return -1;
	}
	return 0;
}

static int prepare_docker(struct join *join, struct error *err)
{
	static const char path[] = "/etc/docker/daemon.json";
	_cleanup_(freep) char *ca = xprintf("/etc/docker/certs.d/%s/ca.crt", join->options->registry);
	struct change_set *set = &join->plan->set;
	struct buf *text;

	if (change_set_file(set, path, 0644, &text, err) < 0)
		return -1;
	if (!join->probe->tls && EDITED(path, edit_add(text, EDIT_JSON, EDIT_PATH("insecure-registries"), join->options->registry, err)) < 0)
		return -1;
	if (EDITED(path, put_docker_mirrors(join, text, err)) < 0)
		return -1;
	if (change_set_differs(set, path))
		strlist_add(&join->plan->commands, "systemctl reload docker");
	return put_ca(join, ca, err) < 0 ? -1 : put_login(join, err);
}

/* ---- containerd ---- */

static int put_host(struct join *join, const char *folder, const char *registry, const struct containerd_host *host, struct error *err)
{
	_cleanup_(freep) char *path = xprintf("%s/%s/hosts.toml", folder, registry);
	struct buf *text;

	if (change_set_file(&join->plan->set, path, 0644, &text, err) < 0)
		return -1;
	if (host->authorization)
		change_set_keep_private(&join->plan->set, path);
	return EDITED(path, containerd_hosts_edit(text, host, err));
}

static int put_hosts(struct join *join, const char *folder, struct error *err)
{
	_cleanup_(freep) char *ca = xprintf("%s/%s/ca.crt", folder, join->options->registry);
	_cleanup_(freep) char *basic = join->authorization ? xprintf("Basic %s", join->authorization) : NULL;
	struct containerd_host host = { .server = join->url, .url = join->url, .ca = join->probe->ca ? ca : NULL, .authorization = basic, .push = true };

	if (put_ca(join, ca, err) < 0 || put_host(join, folder, join->options->registry, &host, err) < 0)
		return -1;
	for (size_t i = 0; i < join->mirrors_len; i++) {
		const struct join_mirror *mirror = &join->mirrors[i];
		bool hub = str_equal(mirror->registry, "docker.io");
		_cleanup_(freep) char *server = xprintf("https://%s", hub ? "registry-1.docker.io" : mirror->registry);
		_cleanup_(freep) char *url = *mirror->prefix ? xprintf("%s/v2/%s", join->url, mirror->prefix) : xstrdup(join->url);
		host = (struct containerd_host){ server, url, join->probe->ca ? ca : NULL, basic, *mirror->prefix != '\0', false };
		if (put_host(join, folder, mirror->registry, &host, err) < 0)
			return -1;
	}
	return 0;
}

static int prepare_containerd(struct join *join, struct error *err)
{
	static const char path[] = "/etc/containerd/config.toml";
	_cleanup_(freep) char *folder = NULL;
	struct buf *text;

	if (change_set_file(&join->plan->set, path, 0644, &text, err) < 0)
		return -1;
	int changed = containerd_config_edit(text, &folder, err);
	if (changed < 0)
		return error_wrap(err, "%s", path);
	if (changed)
		strlist_add(&join->plan->commands, "systemctl restart containerd");
	if (!folder)
		strlist_printf(&join->plan->notes, "containerd's CRI plugin is switched off: " CONTAINERD_CERTS " is for nerdctl, and for ctr with --hosts-dir");
	return put_hosts(join, folder ? folder : CONTAINERD_CERTS, err);
}

/* ---- K3s ---- */

/* Does the mirror ask others already? */
static bool k3s_has_others(const struct buf *text, const char *registry, const char *url)
{
	struct yaml yaml = { 0 };
	bool others = false;

	if (yaml_load(text->data, text->len, 1, &yaml, NULL) < 0 || !yaml.len)
		return yaml_release(&yaml), false;
	yaml_document_t *document = &yaml.documents[0];
	yaml_node_t *mirrors = yaml_get(document, yaml_document_get_root_node(document), "mirrors");
	yaml_node_t *list = yaml_get(document, yaml_get(document, mirrors, registry), "endpoint");
	if (list && list->type == YAML_SEQUENCE_NODE)
		for (yaml_node_item_t *item = list->data.sequence.items.start; item < list->data.sequence.items.top; item++)
			others |= !str_equal(yaml_scalar(yaml_document_get_node(document, *item)), url);
	yaml_release(&yaml);
	return others;
}

/* A rewrite counts for all endpoints of a mirror, so it can't be added to those of others. */
static int put_k3s_mirror(struct join *join, struct buf *text, const struct join_mirror *mirror, struct error *err)
{
	_cleanup_(freep) char *rewrite = xprintf("%s/$1", mirror->prefix);

	if (*mirror->prefix && k3s_has_others(text, mirror->registry, join->url)) {
		error_set(err, ERROR_UNSUPPORTED, "the mirror of %s has other endpoints, for which the prefix '%s' would count as well", mirror->registry,
			  mirror->prefix);
		return error_hint(err, "take them out, or join without a prefix");
	}
	if (edit_add(text, EDIT_YAML, EDIT_PATH("mirrors", mirror->registry, "endpoint"), join->url, err) < 0)
		return -1;
	return *mirror->prefix ? edit_set(text, EDIT_YAML, EDIT_PATH("mirrors", mirror->registry, "rewrite", "^(.*)$"), rewrite, err) : 0;
}

static int put_k3s_config(struct join *join, struct buf *text, const char *ca, struct error *err)
{
	const struct probe_options *login = &join->options->probe;
	const char *registry = join->options->registry;

	if (join->probe->ca && edit_set(text, EDIT_YAML, EDIT_PATH("configs", registry, "tls", "ca_file"), ca, err) < 0)
		return -1;
	if (!login->username)
		return 0;
	if (edit_set(text, EDIT_YAML, EDIT_PATH("configs", registry, "auth", "username"), login->username, err) < 0)
		return -1;
	return edit_set(text, EDIT_YAML, EDIT_PATH("configs", registry, "auth", "password"), login->password, err);
}

/* "systemctl restart k3s", or k3s-agent where that is what runs here. */
static const char *k3s_restart(const struct join *join)
{
	return change_set_has(&join->plan->set, "/etc/systemd/system/k3s-agent.service") ? "systemctl restart k3s-agent" : "systemctl restart k3s";
}

static int prepare_k3s(struct join *join, struct error *err)
{
	const char *path = join->options->k3s_registries ? join->options->k3s_registries : "/etc/rancher/k3s/registries.yaml";
	const struct join_mirror own = { (char *)join->options->registry, (char *)"" };
	_cleanup_(freep) char *name = join_file_name(join->options->registry), *ca = xprintf("/etc/rancher/k3s/sampan-%s.crt", name);
	struct change_set *set = &join->plan->set;
	struct buf *text;

	if (change_set_file(set, path, 0600, &text, err) < 0)
		return -1;
	if (EDITED(path, put_k3s_mirror(join, text, &own, err)) < 0)
		return -1;
	for (size_t i = 0; i < join->mirrors_len; i++)
		if (EDITED(path, put_k3s_mirror(join, text, &join->mirrors[i], err)) < 0)
			return -1;
	if (EDITED(path, put_k3s_config(join, text, ca, err)) < 0)
		return -1;
	if (join->authorization)
		change_set_keep_private(set, path);
	if (change_set_differs(set, path))
		strlist_add(&join->plan->commands, k3s_restart(join));
	return put_ca(join, ca, err);
}

/* ---- podman, buildah, skopeo ---- */

static void add_podman_setting(struct buf *text, const char *name, const char *value)
{
	buf_printf(text, "%s = ", name);
	toml_add_quoted(text, value);
	buf_add_char(text, '\n');
}

static void print_podman(const struct join *join, struct buf *text)
{
	buf_printf(text, "# Written by 'sampan join %s'.\n", join->options->registry);
	if (!join->probe->tls) {
		buf_add_str(text, "[[registry]]\n");
		add_podman_setting(text, "location", join->options->registry);
		buf_add_str(text, "insecure = true\n");
	}
	for (size_t i = 0; i < join->mirrors_len; i++) {
		const struct join_mirror *mirror = &join->mirrors[i];
		_cleanup_(freep) char *location = xprintf("%s%s%s", join->options->registry, *mirror->prefix ? "/" : "", mirror->prefix);
		buf_add_str(text, "[[registry]]\n");
		add_podman_setting(text, "prefix", mirror->registry);
		add_podman_setting(text, "location", mirror->registry);
		buf_add_str(text, "[[registry.mirror]]\n");
		add_podman_setting(text, "location", location);
		if (!join->probe->tls)
			buf_add_str(text, "insecure = true\n");
	}
}

/* A file of the old format makes podman refuse all drop-ins of the new one. */
static int check_podman_format(struct join *join, struct error *err)
{
	static const char path[] = "/etc/containers/registries.conf";
	struct toml toml _cleanup_(toml_clear) = { 0 };
	const char *old[] = { "registries" };
	struct buf *text;

	if (change_set_file(&join->plan->set, path, 0644, &text, err) < 0)
		return -1;
	if (toml_scan(text->data, text->len, &toml, err) < 0)
		return error_wrap(err, "%s", path);
	for (size_t i = 0; i < toml.len; i++)
		if (toml_path_is(&toml.items[i], old, 1, false)) {
			error_set(err, ERROR_UNSUPPORTED, "%s is in the old format ([registries.…])", path);
			return error_hint(err, "change it to version 2 ([[registry]], containers-registries.conf(5)) first");
		}
	return 0;
}

static int prepare_podman(struct join *join, struct error *err)
{
	_cleanup_(freep) char *name = join_file_name(join->options->registry);
	_cleanup_(freep) char *path = xprintf("/etc/containers/registries.conf.d/sampan-%s.conf", name);
	_cleanup_(freep) char *ca = xprintf("/etc/containers/certs.d/%s/ca.crt", join->options->registry);
	struct buf *text;

	if (check_podman_format(join, err) < 0)
		return -1;
	if (!join->probe->tls || join->mirrors_len) {
		if (change_set_file(&join->plan->set, path, 0644, &text, err) < 0)
			return -1;
		buf_clear(text);
		print_podman(join, text);
	}
	return put_ca(join, ca, err) < 0 ? -1 : put_login(join, err);
}

/* ---- sampan: it looks for CAs where docker does ---- */

static int prepare_sampan(struct join *join, struct error *err)
{
	static const char path[] = "/etc/sampan/sampan.json";
	_cleanup_(freep) char *ca = xprintf("/etc/docker/certs.d/%s/ca.crt", join->options->registry);
	struct buf *text;

	if (!join->probe->tls) {
		if (change_set_file(&join->plan->set, path, 0644, &text, err) < 0 ||
		    EDITED(path, edit_add(text, EDIT_JSON, EDIT_PATH("insecure-registries"), join->options->registry, err)) < 0)
			return -1;
	}
	return put_ca(join, ca, err) < 0 ? -1 : put_login(join, err);
}

const struct join_engine join_engines[] = {
	{ "docker", { "/usr/bin/dockerd", "/usr/sbin/dockerd", "/usr/local/bin/dockerd", "/etc/docker/daemon.json" }, prepare_docker },
	{ "containerd", { "/usr/bin/containerd", "/usr/local/bin/containerd", "/etc/containerd" }, prepare_containerd },
	{ "k3s", { "/usr/local/bin/k3s", "/usr/bin/k3s", "/opt/bin/k3s", "/etc/rancher/k3s", "/var/lib/rancher/k3s" }, prepare_k3s },
	{ "podman", { "/usr/bin/podman", "/usr/bin/buildah", "/usr/bin/skopeo", "/usr/local/bin/podman", "/etc/containers" }, prepare_podman },
	{ "sampan", { "/usr/bin/sampan", "/usr/local/bin/sampan", "/etc/sampan" }, prepare_sampan },
	{ 0 },
};
