/* Dockerfiles of the corpus: name.dockerfile parses into what name.dump shows, or fails as name.error says (the code, then words that the message
 * or, behind "hint: ", the hint holds). A file named expand-… is dumped with all variables expanded. With UPDATE=1 the dumps are written
 * anew: read the difference. */
#include "build/dockerfile.h"

#include <dirent.h>
#include <stdlib.h>

#include "base/fd.h"
#include "corpus.h"
#include "tap.h"

static void dump_string(struct buf *out, const char *name, const char *value)
{
	if (!value)
		return;
	buf_printf(out, "    %s \"", name);
	for (; *value; value++) {
		if (*value == '\n')
			buf_add_str(out, "\\n");
		else if (*value == '\t')
			buf_add_str(out, "\\t");
		else
			buf_add_char(out, *value);
	}
	buf_add_str(out, "\"\n");
}

static void dump_list(struct buf *out, const char *name, const struct strlist *list)
{
	for (size_t i = 0; i < list->len; i++)
		dump_string(out, name, list->items[i]);
}

static void dump_mount(struct buf *out, const struct run_mount *mount)
{
	buf_printf(out, "    mount type %d%s%s sharing %d mode %04o uid %lld gid %lld size %llu\n", mount->type,
		   mount->read_only ? " ro" : " rw", mount->required ? " required" : "", mount->sharing, mount->mode,
		   (long long)mount->uid, (long long)mount->gid, (unsigned long long)mount->size);
	dump_string(out, "  target", mount->target);
	dump_string(out, "  source", mount->source);
	dump_string(out, "  from", mount->from);
	dump_string(out, "  id", mount->id);
	dump_string(out, "  env", mount->env);
}

static void dump_flags(struct buf *out, const struct instruction_flags *flags)
{
	dump_string(out, "platform", flags->platform);
	dump_string(out, "from", flags->from);
	dump_string(out, "chown", flags->chown);
	dump_string(out, "chmod", flags->chmod);
	dump_string(out, "checksum", flags->checksum);
	dump_string(out, "network", flags->network);
	dump_string(out, "security", flags->security);
	dump_list(out, "exclude", &flags->exclude);
	dump_list(out, "device", &flags->devices);
	for (size_t i = 0; i < flags->mounts_len; i++)
		dump_mount(out, &flags->mounts[i]);
	if (flags->link || flags->parents || flags->keep_git_dir || flags->has_unpack)
		buf_printf(out, "   %s%s%s%s\n", flags->link ? " link" : "", flags->parents ? " parents" : "",
			   flags->keep_git_dir ? " keep-git-dir" : "",
			   flags->has_unpack ? (flags->unpack ? " unpack" : " no-unpack") : "");
}

static void dump_health(struct buf *out, const struct healthcheck *health)
{
	dump_list(out, "test", &health->test);
	if (health->interval || health->timeout || health->start_period || health->start_interval || health->retries)
		buf_printf(out, "    interval %lld timeout %lld start %lld/%lld retries %lld\n", (long long)health->interval,
			   (long long)health->timeout, (long long)health->start_period, (long long)health->start_interval,
			   (long long)health->retries);
}

static void dump_instruction(struct buf *out, const struct instruction *instruction)
{
	buf_printf(out, "  %d-%d %s%s%s%s%s\n", instruction->line, instruction->end_line, instruction_kind_name(instruction->kind),
		   instruction->json_form ? " json" : "", instruction->is_script ? " script" : "",
		   instruction->legacy_pair ? " legacy" : "", instruction->empty_continuation ? " empty-line" : "");
	dump_string(out, "text", instruction->text);
	dump_list(out, "flag", &instruction->raw_flags);
	dump_flags(out, &instruction->flags);
	dump_list(out, "word", &instruction->words);
	dump_string(out, "dest", instruction->dest);
	dump_string(out, "alias", instruction->alias);
	for (size_t i = 0; i < instruction->pairs_len; i++) {
		dump_string(out, "name", instruction->pairs[i].name);
		dump_string(out, "  value", instruction->pairs[i].value);
	}
	for (size_t i = 0; i < instruction->heredocs_len; i++) {
		const struct heredoc *heredoc = &instruction->heredocs[i];
		buf_printf(out, "    heredoc %s%s%s\n", heredoc->name, heredoc->expand ? " expand" : "", heredoc->strip ? " strip" : "");
		dump_string(out, "  body", heredoc->body);
	}
	dump_health(out, &instruction->health);
}

static const char *lookup(const char *name, size_t len, void *data)
{
	static const char *const values[][2] = {
		{ "VERSION", "1.2" },		{ "DIR", "/opt/app" },	{ "EMPTY", "" },    { "PORTS", "80 443/udp" }, { "USER_ID", "1000" },
		{ "PLATFORM", "linux/riscv64" }, { "TYPE", "tmpfs" },	{ "MODE", "0644" }, { "SIG", "SIGINT" },       { "SUM", "sha256:00" },
	};

	(void)data;
	for (size_t i = 0; i < array_len(values); i++)
		if (strlen(values[i][0]) == len && !memcmp(values[i][0], name, len))
			return values[i][1];
	return NULL;
}

static void dump_expanded(struct buf *out, const struct instruction *instruction, char escape)
{
	struct expand_options options = { .lookup = lookup, .escape = escape };
	_cleanup_(instruction_clear) struct instruction expanded = { 0 };
	_cleanup_(error_clear) struct error err = { 0 };

	if (instruction_expand(instruction, &options, &expanded, &err) < 0)
		buf_printf(out, "  error %s\n", err.message);
	else
		dump_instruction(out, &expanded);
}

static void dump(struct buf *out, const struct dockerfile *dockerfile, bool expand)
{
	buf_printf(out, "escape %c\n", dockerfile->escape);
	if (dockerfile->syntax)
		buf_printf(out, "syntax %s\n", dockerfile->syntax);
	for (size_t i = 0; i < dockerfile->check.skip.len; i++)
		buf_printf(out, "skip %s\n", dockerfile->check.skip.items[i]);
	if (dockerfile->check.error)
		buf_add_str(out, "check error\n");
	for (size_t i = 0; i < dockerfile->global_args_len; i++)
		dump_instruction(out, &dockerfile->global_args[i]);
	for (size_t i = 0; i < dockerfile->stages_len; i++) {
		const struct stage *stage = &dockerfile->stages[i];
		buf_printf(out, "stage %zu name %s base %s platform %s\n", i, stage->name ? stage->name : "-", stage->base,
			   stage->platform ? stage->platform : "-");
		if (expand)
			dump_expanded(out, &stage->from, dockerfile->escape);
		else
			dump_instruction(out, &stage->from);
		for (size_t j = 0; j < stage->instructions_len; j++)
			if (expand)
				dump_expanded(out, &stage->instructions[j], dockerfile->escape);
			else
				dump_instruction(out, &stage->instructions[j]);
	}
}

static void check_dump(int dir, const char *base, const char *name, const struct buf *text)
{
	_cleanup_(dockerfile_clear) struct dockerfile dockerfile = { 0 };
	_cleanup_(buf_free) struct buf got = { 0 }, want = { 0 };
	_cleanup_(freep) char *dump_name = xprintf("%s.dump", base);
	struct error err = { 0 };

	if (!works(dockerfile_parse(text->data, text->len, name, &dockerfile, &err), &err, name))
		return;
	dump(&got, &dockerfile, str_starts(base, "expand-"));
	if (getenv("UPDATE"))
		file_replace(dir, dump_name, got.data, got.len, 0644, &err);
	if (file_read(dir, dump_name, 1 << 20, &want, &err) < 0)
		error_clear(&err);
	is_str(got.data, want.data ? want.data : "", dump_name);
}

static void check_error(const char *name, const struct buf *text, const struct buf *want)
{
	_cleanup_(dockerfile_clear) struct dockerfile dockerfile = { 0 };
	_cleanup_(strlist_free) struct strlist lines = { 0 };
	_cleanup_(error_clear) struct error err = { 0 };
	int result = dockerfile_parse(text->data, text->len, name, &dockerfile, &err);
	bool right = result < 0;

	strlist_split(&lines, want->data, '\n');
	right = right && str_equal(error_code_name(err.code), lines.items[0]);
	for (size_t i = 1; right && i < lines.len; i++) {
		bool hint = str_starts(lines.items[i], "hint: ");
		const char *in = hint ? err.hint : err.message;
		right = in && strstr(in, lines.items[i] + (hint ? 6 : 0));
	}
	if (!ok(right, "%s", name))
		printf("# %d %s: %s (%s)\n", result, error_code_name(err.code), err.message, err.hint);
}

static void check_file(int dir, const char *name)
{
	_cleanup_(freep) char *base = xstrndup(name, strlen(name) - strlen(".dockerfile"));
	_cleanup_(freep) char *error_name = xprintf("%s.error", base);
	_cleanup_(buf_free) struct buf text = { 0 }, want = { 0 };
	struct error err = { 0 };

	if (!works(file_read(dir, name, 1 << 20, &text, &err), &err, name))
		return;
	if (file_read(dir, error_name, 1 << 20, &want, NULL) == 0)
		check_error(name, &text, &want);
	else
		check_dump(dir, base, name, &text);
}

static void check_trigger(const char *text, const char *problem)
{
	_cleanup_(instruction_clear) struct instruction instruction = { 0 };
	struct error err = { 0 };
	int result = dockerfile_parse_instruction(text, '\\', &instruction, &err);

	if (problem)
		fails(result, &err, ERROR_INVALID, problem, problem);
	else
		works(result, &err, "a trigger");
}

static void check_triggers(void)
{
	check_trigger("RUN make", NULL);
	check_trigger("COPY <<EOF /x\nbody\nEOF", NULL);
	check_trigger("", "there is no instruction");
	check_trigger("RUN a\nRUN b", "more than one instruction");
	check_trigger("FROM x", "isn't allowed");
	check_trigger("MAINTAINER x", "isn't allowed");
}

static void check_stages(void)
{
	static const char text[] = "FROM a AS one\nFROM b AS Two\nFROM c AS one\nFROM d\n";
	_cleanup_(dockerfile_clear) struct dockerfile dockerfile = { 0 };

	dockerfile_parse(text, strlen(text), "Dockerfile", &dockerfile, NULL);
	is_int(dockerfile_find_stage(&dockerfile, "ONE", 4), 2, "the last stage of a name counts");
	is_int(dockerfile_find_stage(&dockerfile, "one", 2), 0, "but only those before");
	is_int(dockerfile_find_stage(&dockerfile, "two", 4), 1, "any case");
	is_int(dockerfile_find_stage(&dockerfile, "two", 1), -1, "not those behind");
	is_int(dockerfile_find_stage(&dockerfile, "3", 4), 3, "by number");
	is_int(dockerfile_find_stage(&dockerfile, "3", 3), -1, "not its own number");
	is_int(dockerfile_find_stage(&dockerfile, "debian", 4), -1, "an image");
}

/* Over each limit: a clear error, and quickly. */
static void check_limit(const char *head, const char *piece, size_t times, const char *tail, const char *problem)
{
	_cleanup_(dockerfile_clear) struct dockerfile dockerfile = { 0 };
	_cleanup_(buf_free) struct buf text = { 0 };
	struct error err = { 0 };

	buf_add_str(&text, head);
	for (size_t i = 0; i < times; i++)
		buf_add_str(&text, piece);
	buf_add_str(&text, tail);
	fails(dockerfile_parse(text.data, text.len, "Dockerfile", &dockerfile, &err), &err, ERROR_TOO_LARGE, problem, problem);
}

static void check_limits(void)
{
	check_limit("FROM a\n", "# 0123456789 0123456789\n", 200000, "", "longer than 4 MiB");
	check_limit("FROM a\n", "#\n", DOCKERFILE_LINES_MAX, "", "more than 100000 lines");
	check_limit("FROM a\nRUN x", " \\\n 0123456789 0123456789 0123456789", 60000, "", "the instruction is longer than 1024 KiB");
	check_limit("FROM a\nRUN ", "0123456789", 200000, "", "the instruction is longer than 1024 KiB");
	check_limit("FROM a\nRUN <<E\n", "0123456789 0123456789 0123456789\n", 40000, "E\n", "heredoc E is longer");
	check_limit("FROM a\nRUN ", "<<E ", 65, "\n", "more than 64 heredocs");
	check_limit("", "FROM a\n", DOCKERFILE_STAGES_MAX + 1, "", "more than 1000 stages");
}

int main(int argc, char **argv)
{
	corpus_each(argc > 1 ? argv[1] : NULL, check_file);
	check_triggers();
	check_stages();
	check_limits();
	return done();
}
