/* HostConfig: flags in, docker's object out, and what is read from it; seccomp profiles in docker's form. */
#include "run/host_config.h"

#include "base/json.h"
#include "run/seccomp.h"
#include "tests/unit/tap.h"

#define ALL_POSSIBLE UINT64_C(0x1ffffffffff)

static void test_taken(void)
{
	static const struct {
		const char *flag, *value, *json;
	} cases[] = {
		{ "cap-add", "net_admin", "{\"CapAdd\":[\"CAP_NET_ADMIN\"]}" },
		{ "cap-drop", "all", "{\"CapDrop\":[\"ALL\"]}" },
		{ "memory", "6m", "{\"Memory\":6291456}" },
		{ "cpus", "0.5", "{\"NanoCpus\":500000000}" },
		{ "pids-limit", "-1", "{\"PidsLimit\":0}" },
		{ "restart", "on-failure:3", "{\"RestartPolicy\":{\"Name\":\"on-failure\",\"MaximumRetryCount\":3}}" },
		{ "add-host", "db=::1", "{\"ExtraHosts\":[\"db:::1\"]}" },
		{ "dns", "10.0.0.1", "{\"Dns\":[\"10.0.0.1\"]}" },
		{ "ulimit", "nofile=5", "{\"Ulimits\":[{\"Name\":\"nofile\",\"Soft\":5,\"Hard\":5}]}" },
		{ "ulimit", "core=0:-1", "{\"Ulimits\":[{\"Name\":\"core\",\"Soft\":0,\"Hard\":-1}]}" },
		{ "tmpfs", "/a/../run:size=1m", "{\"Tmpfs\":{\"/run\":\"size=1m\"}}" },
		{ "device", "/dev/null:/dev/x:r",
		  "{\"Devices\":[{\"PathOnHost\":\"/dev/null\",\"PathInContainer\":\"/dev/x\",\"CgroupPermissions\":\"r\"}]}" },
		{ "log-opt", "max-size=10m", "{\"LogConfig\":{\"Config\":{\"max-size\":\"10m\"}}}" },
		{ "security-opt", "no-new-privileges:true", "{\"SecurityOpt\":[\"no-new-privileges\"]}" },
	};

	for (size_t i = 0; i < array_len(cases); i++) {
		json_t *host _cleanup_(json_release) = json_object();
		ok(host_config_take(host, cases[i].flag, cases[i].value, NULL) == 0, "--%s %s", cases[i].flag, cases[i].value);
		_cleanup_(freep) char *text = json_text(host);
		is_str(text, cases[i].json, cases[i].flag);
	}
}

static void test_refused(void)
{
	static const char *const cases[][2] = {
		{ "cap-add", "" },	       { "cap-add", "NET" },	   { "memory", "5m" },		 { "memory", "-1" },
		{ "memory", "99999999999999999999g" }, { "cpus", "0" },	   { "cpus", "nan" },		 { "cpus", "1x" },
		{ "pids-limit", "0" },	       { "restart", "" },	   { "restart", "always:3" },	 { "restart", "on-failure:-1" },
		{ "restart", "on-failure:" },  { "add-host", ":1.2.3.4" }, { "add-host", "a b:1.2.3.4" }, { "add-host", "a:1.2.3" },
		{ "add-host", "a\nb:1.2.3.4" }, { "dns", "1.2.3.4\nx" },   { "ulimit", "=1" },		 { "ulimit", "nofile=2:1" },
		{ "ulimit", "nofile=-1:5" },   { "tmpfs", "/" },	   { "tmpfs", "/.." },		 { "tmpfs", "run" },
		{ "device", "/dev/null:x" },   { "device", "null" },	   { "device", "/dev/null:/a:/b:r" }, { "device", "/nowhere" },
		{ "log-opt", "max-size=1" },   { "log-opt", "tag=x" },	   { "security-opt", "seccomp=/dev/null" }, { "nosuch", "1" },
	};

	for (size_t i = 0; i < array_len(cases); i++) {
		json_t *host _cleanup_(json_release) = json_object();
		struct error err = { 0 };
		ok(host_config_take(host, cases[i][0], cases[i][1], &err) < 0 && err.message, "refused: --%s '%s'", cases[i][0], cases[i][1]);
		error_clear(&err);
	}
}

static uint64_t set_of(const char *flag, const char *value, const char *flag2, const char *value2)
{
	json_t *host _cleanup_(json_release) = json_object();

	if (flag)
		host_config_take(host, flag, value, NULL);
	if (flag2)
		host_config_take(host, flag2, value2, NULL);
	return host_config_capabilities(host, ALL_POSSIBLE);
}

static void test_capabilities(void)
{
	is_int((long long)host_config_capabilities(NULL, ALL_POSSIBLE), 0xa80425fb, "docker's default");
	is_int((long long)host_config_capabilities(NULL, 1), 1, "never more than is possible");
	is_int((long long)set_of("cap-drop", "ALL", NULL, NULL), 0, "all dropped");
	is_int((long long)set_of("cap-drop", "ALL", "cap-add", "CHOWN"), 1, "all dropped, one added");
	is_int((long long)set_of("cap-add", "ALL", "cap-drop", "CHOWN"), (long long)(ALL_POSSIBLE & ~UINT64_C(1)), "all added, one dropped");
	is_int((long long)set_of("privileged", "true", "cap-drop", "CHOWN"), (long long)ALL_POSSIBLE, "privileged");
}

static void test_restart(void)
{
	json_t *host _cleanup_(json_release) = json_object();
	int64_t most;

	ok(host_config_restart(NULL, &most) == RESTART_NO && most == 0, "no policy");
	host_config_take(host, "restart", "unless-stopped", NULL);
	ok(host_config_restart(host, &most) == RESTART_UNLESS_STOPPED, "unless-stopped");
	ok(host_config_check(host, NULL) == 0, "nothing contradicts it");
	host_config_take(host, "rm", "true", NULL);
	ok(host_config_check(host, NULL) < 0, "--rm does");
}

static void test_seccomp(void)
{
	static const char profile[] = "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"archMap\":[],\"syscalls\":["
				      "{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"comment\":\"\",\"includes\":{},\"excludes\":{}},"
				      "{\"names\":[\"mount\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}},"
				      "{\"names\":[\"s390_x\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"arches\":[\"s390\"]}}]}";
	json_t *few _cleanup_(json_release) = seccomp_for(profile, 0), *more _cleanup_(json_release) = seccomp_for(profile, UINT64_C(1) << 21);
	json_t *none = seccomp_for("unconfined", 0), *broken = seccomp_for("{", 0);

	is_int((long long)json_array_size(json_object_get(few, "syscalls")), 1, "rules for others are left out");
	is_int((long long)json_array_size(json_object_get(more, "syscalls")), 2, "a rule for CAP_SYS_ADMIN is taken with it");
	is_str(json_string_value(json_object_get(few, "defaultAction")), "SCMP_ACT_ERRNO", "the default is the profile's");
	ok(!json_object_get(json_array_get(json_object_get(few, "syscalls"), 0), "includes"), "what a runtime doesn't know is taken out");
	ok(!none && !broken, "unconfined, and what is no JSON");
}

int main(void)
{
	test_taken();
	test_refused();
	test_capabilities();
	test_restart();
	test_seccomp();
	return done();
}
