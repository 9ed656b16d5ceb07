/* sampan emulator: what can run here, how, and why not. */
#include "cmd/command.h"
#include "emu/emu.h"

static const char *const how[] = { "native", "private", "global", "none" };

static const struct table_column columns[] = {
	{ "PLATFORM", "platform" }, { "HOW", "emulation" }, { "EMULATOR", "path" }, { "VERSION", "version" }, { "REMARK", "reason" }, { NULL, "hint" },
};

static void add_row(struct table *table, const struct emulator *emulator)
{
	char platform[PLATFORM_TEXT_SIZE];

	table_cell(table, platform_print(&emulator->platform, platform));
	table_cell(table, how[emulator->emulation]);
	table_cell(table, emulator->path);
	table_cell(table, emulator->version);
	table_cell(table, emulator->reason);
	table_cell(table, emulator->hint);
}

static int emulator_run(struct context *context, int argc, char **argv, struct error *err)
{
	struct table *table _cleanup_(table_free) = table_new(columns, array_len(columns));
	struct emulator *list, one;
	struct platform platform;

	if (argc) {
		if (platform_parse(argv[0], &platform, err) < 0)
			return -1;
		emulator_find(&platform, &one);
		add_row(table, &one);
		table_print(table, context->format, stdout);
		int result = emulator_check(&one, err);
		emulator_clear(&one);
		return result;
	}
	size_t len = emulator_list(&list);
	for (size_t i = 0; i < len; i++) {
		add_row(table, &list[i]);
		emulator_clear(&list[i]);
	}
	free(list);
	table_print(table, context->format, stdout);
	return 0;
}

const struct command command_emulator = {
	.name = "emulator",
	.group = "About",
	.usage = "[PLATFORM]",
	.summary = "Show which platforms run on this machine, and how",
	.details = "native: the machine itself.  private: QEMU, registered for the container alone (Linux 6.7 and newer); nothing has to be set up.\n"
		   "global: QEMU as registered for the whole machine.  none: not at all; the remark says why.\n"
		   "With a PLATFORM, the exit code says whether it runs.",
	.max_args = 1,
	.rootless_namespace = true,
	.run = emulator_run,
};
