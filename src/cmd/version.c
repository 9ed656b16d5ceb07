/* sampan version */
#include <stdio.h>

#include "cmd/command.h"
#include "oci/platform.h"

static int run(struct context *context, int argc, char **argv, struct error *err)
{
	char text[PLATFORM_TEXT_SIZE];
	struct platform host;

	(void)argc, (void)argv, (void)err;
	platform_host(&host);
	platform_print(&host, text);
	if (context->format == FORMAT_JSON)
		printf("{\"version\": \"%s\", \"platform\": \"%s\"}\n", SAMPAN_VERSION, text);
	else if (context->quiet)
		puts(SAMPAN_VERSION);
	else
		printf("sampan %s %s\n", SAMPAN_VERSION, text);
	return 0;
}

const struct command command_version = {
	.name = "version",
	.group = "About",
	.usage = "",
	.summary = "Show which sampan this is",
	.run = run,
};
