/* SPDX-License-Identifier: ISC */
/*
 * INI files by libinih, with what PgBouncer's files have and it has not: %include, names in
 * quotes, lines of any length.
 *
 * libinih pulls lines from next_line(), which keeps the stack of included files and hands one
 * line at a time; it calls on_assignment() before it asks for another one.  So the reader always
 * knows the file and line of an assignment, and can keep a name aside that libinih would split
 * at its '=' or ':'.
 */
#include "conf/reader.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

/* Debian's library passes the line though its header says that it does not. */
#define INI_HANDLER_LINENO 1
#include <ini.h>

#include "base/mem.h"
#include "base/readable.h"

#define INCLUDE_DEPTH 10
#define LINE_SIZE (1 << 20) /* with name, line end and NUL */

struct input {
	FILE *file;
	const char *name;
	unsigned line;
};

struct reader {
	struct config_source *source;
	struct config_error *error;
	bool failed;
	bool may_include;
	bool has_main; /* a [pgweir] or [pgbouncer] was there */
	struct input inputs[INCLUDE_DEPTH + 1];
	int depth; /* inputs open */

	char *raw; /* of getline */
	size_t raw_size;
	struct text line; /* as libinih gets it, with its line end */
	size_t given;	  /* bytes of it that libinih has */
	struct text name; /* of the assignment in `line` */
};

static const struct {
	const char *name;
	enum config_section section;
} sections[] = {
	{ "pgweir", SECTION_PGWEIR },	    { "pgbouncer", SECTION_PGWEIR },
	{ "databases", SECTION_DATABASES }, { "users", SECTION_USERS },
	{ "clusters", SECTION_CLUSTERS },   { "peers", SECTION_PEERS },
};

static enum config_section find_section(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
		if (strlen(sections[i].name) == len && memcmp(sections[i].name, name, len) == 0)
			return sections[i].section;
	return SECTION_NONE;
}

static struct input *current(struct reader *reader)
{
	return &reader->inputs[reader->depth - 1];
}

__attribute__((format(printf, 2, 3))) static bool refuse(struct reader *reader, const char *fmt,
							 ...)
{
	struct text text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	text_vprintf(&text, fmt, ap);
	va_end(ap);
	config_error_set(reader->error, current(reader)->name, current(reader)->line, "%s",
			 text_string(&text));
	text_done(&text);
	reader->failed = true;
	return false;
}

static const char *skip_blanks(const char *p)
{
	while (isspace((unsigned char)*p))
		p++;
	return p;
}

static void push_input(struct reader *reader, FILE *file, const char *name)
{
	struct input *input = &reader->inputs[reader->depth++];

	input->file = file;
	input->name = source_string(reader->source, name);
	input->line = 0;
}

static void pop_input(struct reader *reader)
{
	fclose(current(reader)->file);
	reader->depth--;
}

/* At the start it may be what another program writes: `pgweir <(make-config)`. */
static FILE *open_file(const char *path, const char **why)
{
	int fd = readable_open(path, READABLE_PIPE_AT_START, why);

	return fd >= 0 ? fdopen(fd, "r") : NULL;
}

/* Relative to the working directory, as in PgBouncer. */
static bool include_file(struct reader *reader, const char *rest)
{
	struct text path = { 0 };
	const char *p = skip_blanks(rest);
	size_t len = strlen(p);
	const char *why;
	FILE *file = NULL;

	while (len > 0 && isspace((unsigned char)p[len - 1]))
		len--;
	text_add_n(&path, p, len);
	if (p == rest || len == 0)
		refuse(reader, "%%include needs a file name");
	else if (!reader->may_include)
		refuse(reader, "%%include is not possible here");
	else if (reader->depth > INCLUDE_DEPTH)
		refuse(reader, "%%include is nested deeper than %d files", INCLUDE_DEPTH);
	else if ((file = open_file(text_string(&path), &why)) == NULL)
		refuse(reader, "cannot open \"%.200s\": %s", text_string(&path), why);
	else
		push_input(reader, file, text_string(&path));
	text_done(&path);
	return !reader->failed;
}

static bool check_section(struct reader *reader, const char *p)
{
	const char *name = skip_blanks(p + 1), *end = strchr(name, ']'), *rest;
	size_t len;

	if (end == NULL)
		return refuse(reader, "']' is missing");
	rest = skip_blanks(end + 1);
	if (*rest != '\0' && *rest != ';' && *rest != '#')
		return refuse(reader, "nothing may follow a section's ']'");
	len = (size_t)(end - name);
	while (len > 0 && isspace((unsigned char)name[len - 1]))
		len--;
	if (find_section(name, len) == SECTION_NONE)
		return refuse(reader,
			      "unknown section [%.*s]; there are [pgweir] (or [pgbouncer]), "
			      "[clusters], [databases], [users], [peers]",
			      len < 100 ? (int)len : 100, name);
	if (find_section(name, len) == SECTION_PGWEIR)
		reader->has_main = true;
	text_add_char(&reader->line, '[');
	text_add_n(&reader->line, name, len);
	text_add_char(&reader->line, ']');
	return true;
}

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || strchr("_.-*", c) != NULL;
}

/* Takes the name of an assignment aside; returns what follows it, NULL if there is none. */
static const char *take_name(struct reader *reader, const char *p)
{
	if (*p != '\'') {
		while (*p != '\0' && is_name_char(*p))
			text_add_char(&reader->name, *p++);
		return reader->name.len > 0 ? p : NULL;
	}
	for (p++; *p != '\0'; p++) {
		if (*p == '\'' && *++p != '\'')
			return reader->name.len > 0 ? p : NULL;
		text_add_char(&reader->name, *p);
	}
	return NULL;
}

static bool check_assignment(struct reader *reader, const char *p)
{
	const char *rest;

	text_clear(&reader->name);
	rest = take_name(reader, p);
	if (rest == NULL)
		return refuse(reader,
			      "a name = value is expected; names with other characters than "
			      "letters, digits and _.-* need single quotes");
	rest = skip_blanks(rest);
	if (*rest != '=')
		return refuse(reader,
			      "'=' is missing after \"%.100s\"; names with other characters "
			      "than letters, digits and _.-* need single quotes",
			      text_string(&reader->name));
	text_add(&reader->line, "name ");
	text_add(&reader->line, rest);
	return true;
}

/* Makes what libinih gets of a line that was read; an %include is done and leaves nothing. */
static bool prepare_line(struct reader *reader, const char *raw)
{
	const char *p = skip_blanks(raw);

	text_clear(&reader->line);
	reader->given = 0;
	switch (*p) {
	case '\0':
	case ';':
	case '#':
		return true;
	case '%':
		if (strncmp(p, "%include", 8) != 0)
			return refuse(reader, "unknown directive; there is %%include");
		return include_file(reader, p + 8);
	case '[':
		if (!check_section(reader, p))
			return false;
		break;
	default:
		if (!check_assignment(reader, p))
			return false;
	}
	/* Always with a line end: libinih would otherwise go on into the next file. */
	text_add_char(&reader->line, '\n');
	return true;
}

/* Reads lines until there is something for libinih; false at the end or if something is wrong. */
static bool fetch_line(struct reader *reader)
{
	text_clear(&reader->line);
	reader->given = 0;
	while (reader->depth > 0 && reader->line.len == 0) {
		struct input *input = current(reader);
		const char *raw;
		ssize_t len;

		errno = 0;
		len = getline(&reader->raw, &reader->raw_size, input->file);
		if (len < 0 && ferror(input->file))
			return refuse(reader, "cannot read: %s", strerror(errno));
		if (len < 0) {
			pop_input(reader);
			continue;
		}
		input->line++;
		if (memchr(reader->raw, '\0', (size_t)len) != NULL)
			return refuse(reader, "a NUL byte");
		if (len > LINE_SIZE - 64)
			return refuse(reader, "the line is longer than 1 MB");
		raw = reader->raw;
		if (input->line == 1 && strncmp(raw, "\xef\xbb\xbf", 3) == 0)
			raw += 3;
		if (!prepare_line(reader, raw))
			return false;
	}
	return reader->line.len > 0;
}

/* As fgets: libinih calls again for the rest of a line that was longer than its buffer. */
static char *next_line(char *buffer, int size, void *stream)
{
	struct reader *reader = stream;
	size_t len;

	if (reader->failed)
		return NULL;
	if (reader->given == reader->line.len && !fetch_line(reader))
		return NULL;
	len = reader->line.len - reader->given;
	if (len > (size_t)size - 1)
		len = (size_t)size - 1;
	memcpy(buffer, reader->line.data + reader->given, len);
	buffer[len] = '\0';
	reader->given += len;
	return buffer;
}

static int on_assignment(void *arg, const char *section, const char *name, const char *value,
			 int lineno)
{
	struct reader *reader = arg;
	enum config_section where = find_section(section, strlen(section));

	(void)name;
	(void)lineno;
	if (where == SECTION_NONE)
		return refuse(reader, "a setting before the first [section]");
	source_add(reader->source, current(reader)->name, current(reader)->line, where,
		   text_string(&reader->name), value);
	return 1;
}

static bool run(struct reader *reader)
{
	int rc;

	ini_max_line = LINE_SIZE;
	ini_use_stack = false;
	ini_allow_realloc = true;
	ini_allow_inline_comments = false;
	ini_allow_multiline = false;
	ini_allow_no_value = false;
	ini_allow_bom = false;
	ini_stop_on_first_error = true;
	rc = ini_parse_stream(next_line, reader, on_assignment, reader);
	if (rc != 0 && !reader->failed) {
		/* Not seen before libinih; but it has the last word on its own grammar. */
		if (reader->depth > 0)
			refuse(reader, "syntax error");
		else
			config_error_set(reader->error, NULL, 0, "out of memory");
		reader->failed = true;
	}
	while (reader->depth > 0)
		pop_input(reader);
	if (reader->raw != NULL)
		mem_wipe(reader->raw, reader->raw_size);
	if (reader->line.data != NULL)
		mem_wipe(reader->line.data, reader->line.cap);
	free(reader->raw);
	text_done(&reader->line);
	text_done(&reader->name);
	return !reader->failed;
}

bool reader_read_file(struct config_source *source, const char *path, struct config_error *error)
{
	struct reader reader = { .source = source, .error = error, .may_include = true };
	const char *why;
	FILE *file = open_file(path, &why);

	if (file == NULL) {
		config_error_set(error, path, 0, "cannot open: %s", why);
		return false;
	}
	push_input(&reader, file, path);
	if (!run(&reader))
		return false;
	if (!reader.has_main)
		config_error_set(error, path, 0, "section [pgweir] (or [pgbouncer]) is missing");
	return reader.has_main;
}

bool reader_read_text(struct config_source *source, const char *text, size_t len,
		      struct config_error *error)
{
	struct reader reader = { .source = source, .error = error };
	FILE *file;

	source->in_memory = true;

	/* fmemopen refuses to read nothing. */
	if (len == 0)
		return true;
	file = fmemopen((char *)text, len, "r");
	if (file == NULL) {
		config_error_set(error, NULL, 0, "cannot read: %s", strerror(errno));
		return false;
	}
	push_input(&reader, file, "");
	return run(&reader);
}
