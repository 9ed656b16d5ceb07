/* commit --change: a Dockerfile's words on a configuration. */
#include "build/change.h"

#include "tap.h"

static int change(struct image_config *config, const char *text, struct error *err)
{
	struct strlist list _cleanup_(strlist_free) = { 0 };

	strlist_add(&list, text);
	return config_change(config, &list, err);
}

static void test_words(void)
{
	struct image_config config _cleanup_(config_clear) = { 0 };
	struct error err = { 0 };

	strlist_add(&config.env, "HOME=/root");
	is_int(change(&config, "ENV A=$HOME/x B=\"a b\"", &err), 0, "ENV");
	is_str(strlist_env_get(&config.env, "A"), "/root/x", "knows what was set before");
	is_str(strlist_env_get(&config.env, "B"), "a b", "and quotes");
	is_int(change(&config, "CMD [\"a\", \"b c\"]", &err), 0, "CMD as a list");
	is_str(config.cmd.items[1], "b c", "its second word");
	is_int(change(&config, "cmd a b", &err), 0, "CMD as a line");
	is_str(config.cmd.items[2], "a b", "is the shell's");
	is_int(change(&config, "ENTRYPOINT [\"x\"]", &err), 0, "ENTRYPOINT");
	is_int((long long)config.cmd.len, 0, "drops a CMD that came before");
	is_int(change(&config, "EXPOSE 80 53/udp", &err), 0, "EXPOSE");
	is_int((long long)config.exposed_ports.len, 2, "two ports");
	is_int(change(&config, "WORKDIR /a/../b", &err), 0, "WORKDIR");
	is_str(config.working_dir, "/b", "clean");
	is_int(change(&config, "ONBUILD RUN make", &err), 0, "ONBUILD");
	is_str(config.onbuild.items[0], "RUN make", "its trigger");
	is_int(change(&config, "LABEL k=v", &err), 0, "LABEL");
	is_int(change(&config, "USER bob", &err), 0, "USER");
	is_int(change(&config, "VOLUME /data", &err), 0, "VOLUME");
	is_int((long long)config.history_len, 0, "no history");
}

static void test_refused(void)
{
	static const char *const bad[] = { "", "RUN x", "COPY a b", "ADD a b", "ARG x", "FROM x", "CMDD x", "WORKDIR x", "EXPOSE x", "ENV", "ONBUILD FROM x",
					   "ONBUILD ", "USER", "STOPSIGNAL NONE" };
	struct image_config config _cleanup_(config_clear) = { 0 };

	config.user = xstrdup("bob");
	for (size_t i = 0; i < array_len(bad); i++) {
		struct error err = { 0 };
		ok(change(&config, bad[i], &err) < 0, "'%s' is refused", bad[i]);
		error_clear(&err);
	}
	is_str(config.user, "bob", "and nothing is changed");
}

int main(void)
{
	test_words();
	test_refused();
	return done();
}
