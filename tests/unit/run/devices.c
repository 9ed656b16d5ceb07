/* Rules for devices: docker's list, --device, and how v1 spells them. */
#include "run/devices.h"

#include <linux/bpf.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "run/host_config.h"
#include "tests/unit/tap.h"

static bool allows(const struct device_rule *rules, size_t len, char type, int64_t major, int64_t minor, int access)
{
	for (size_t i = 0; i < len; i++)
		if (rules[i].type == type && (rules[i].major == -1 || rules[i].major == major) && (rules[i].minor == -1 || rules[i].minor == minor) &&
		    (rules[i].access & access) == access)
			return true;
	return false;
}

static void test_defaults(void)
{
	struct device_rule rules[DEVICE_RULES_MAX];
	size_t len = device_rules(NULL, rules);
	static const int harmless[][2] = { { 1, 3 }, { 1, 5 }, { 1, 7 }, { 1, 8 }, { 1, 9 }, { 5, 0 }, { 5, 2 }, { 136, 7 } };
	static const struct {
		char type;
		int major, minor;
	} others[] = { { 'c', 1, 1 }, { 'c', 1, 11 }, { 'c', 5, 1 }, { 'c', 10, 200 }, { 'c', 10, 229 }, { 'b', 8, 0 }, { 'b', 1, 3 }, { 'b', 254, 0 } };

	for (size_t i = 0; i < array_len(harmless); i++)
		ok(allows(rules, len, 'c', harmless[i][0], harmless[i][1], BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE), "%d:%d may be opened", harmless[i][0],
		   harmless[i][1]);
	for (size_t i = 0; i < array_len(others); i++) {
		ok(allows(rules, len, others[i].type, others[i].major, others[i].minor, BPF_DEVCG_ACC_MKNOD), "%c %d:%d may be made", others[i].type,
		   others[i].major, others[i].minor);
		ok(!allows(rules, len, others[i].type, others[i].major, others[i].minor, BPF_DEVCG_ACC_READ) &&
			   !allows(rules, len, others[i].type, others[i].major, others[i].minor, BPF_DEVCG_ACC_WRITE),
		   "and not opened");
	}
}

static void test_device(void)
{
	json_t *host _cleanup_(json_release) = json_object();
	struct device_rule rules[DEVICE_RULES_MAX];

	is_int(host_config_take(host, "device", "/dev/tty:/dev/x:r", NULL), 0, "--device");
	size_t len = device_rules(host, rules);
	is_int((long long)len, (long long)device_rules(NULL, rules) + 1, "one rule more");
	len = device_rules(host, rules);
	is_int(rules[len - 1].access, BPF_DEVCG_ACC_READ, "for reading alone");
	for (int i = 0; i < 2 * DEVICE_RULES_MAX; i++)
		host_config_take(host, "device", "/dev/null", NULL);
	is_int((long long)device_rules(host, rules), DEVICE_RULES_MAX, "never more than there is room for");
}

static char *text_of(const char *dir, const char *name)
{
	_cleanup_(freep) char *path = path_join(dir, name);
	struct buf text = { 0 };

	file_read(AT_FDCWD, path, 4096, &text, NULL);
	return buf_steal(&text);
}

static void test_v1(void)
{
	char dir[] = "/tmp/devices.XXXXXX";

	if (!mkdtemp(dir))
		return (void)ok(false, "a folder");
	_cleanup_(freep) char *deny = path_join(dir, "devices.deny"), *allow = path_join(dir, "devices.allow");
	is_int(device_rules_v1(dir, NULL, NULL), -1, "no such group");
	close(open(deny, O_CREAT | O_WRONLY, 0600));
	close(open(allow, O_CREAT | O_WRONLY | O_APPEND, 0600));
	is_int(device_rules_v1(dir, NULL, NULL), 0, "written");
	_cleanup_(freep) char *denied = text_of(dir, "devices.deny"), *allowed = text_of(dir, "devices.allow");
	is_str(denied, "a", "all is denied first");
	ok(strstr(allowed, "136:* rwm") != NULL, "the last rule is there, in the kernel's words");
	unlink(deny);
	unlink(allow);
	rmdir(dir);
}

int main(void)
{
	test_defaults();
	test_device();
	test_v1();
	return done();
}
