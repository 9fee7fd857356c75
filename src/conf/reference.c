/* SPDX-License-Identifier: ISC */
/* ${env:NAME} and ${file:PATH} in values: secrets need not stand in the configuration. */
#include "conf/reference.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/readable.h"

#define TEXT_MAX 65536
#define NAME_MAX_BYTES 4096

static bool starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static bool is_reference(const char *s)
{
	return starts(s, "${env:") || starts(s, "${file:");
}

bool reference_is_in(const char *value)
{
	for (; (value = strchr(value, '$')) != NULL; value++)
		if (is_reference(value))
			return true;
	return false;
}

/* One line end is cut: editors and `echo` leave it. */
static size_t without_line_end(const char *data, size_t len)
{
	if (len > 0 && data[len - 1] == '\n')
		len--;
	if (len > 0 && data[len - 1] == '\r')
		len--;
	return len;
}

static const char *read_variable(struct config_source *source, const char *name, struct text *why)
{
	const char *value = getenv(name + strlen("env:"));

	if (value == NULL) {
		text_printf(why, "${%s}: the environment variable is not set", name);
		return NULL;
	}
	return source_remember(source, name, value, strlen(value));
}

static const char *read_whole(const char *path, char *data, size_t *len)
{
	const char *why;
	int fd = readable_open(path, READABLE_FILE, &why);
	ssize_t n = 0;

	while (fd >= 0 && *len <= TEXT_MAX && (n = read(fd, data + *len, TEXT_MAX + 1 - *len)) > 0)
		*len += (size_t)n;
	if (n < 0)
		why = strerror(errno);
	if (fd >= 0)
		close(fd);
	return why;
}

/* An empty one is taken for a mistake: a secret that is not there yet, or not any more. */
static const char *read_file(struct config_source *source, const char *name, struct text *why)
{
	char *data = mem_alloc(TEXT_MAX + 1);
	const char *value = NULL;
	size_t len = 0;
	const char *failed = read_whole(name + strlen("file:"), data, &len);

	if (failed != NULL)
		text_printf(why, "${%s}: cannot read the file: %s", name, failed);
	else if (len > TEXT_MAX)
		text_printf(why, "${%s}: the file is larger than 64 kB", name);
	else if (memchr(data, '\0', len) != NULL)
		text_printf(why, "${%s}: a NUL byte in the file", name);
	else if ((len = without_line_end(data, len)) == 0)
		text_printf(why, "${%s}: the file is empty", name);
	else
		value = source_remember(source, name, data, len);
	mem_wipe(data, TEXT_MAX + 1);
	free(data);
	return value;
}

/* `name` is what stands in the braces. */
static const char *look_up(struct config_source *source, const char *name, struct text *why)
{
	const char *known = source_recall(source, name);

	if (known != NULL)
		return known;
	if (starts(name, "env:"))
		return read_variable(source, name, why);
	if (!source->in_memory)
		return read_file(source, name, why);
	text_printf(why, "${%s}: files are not possible here", name);
	return NULL;
}

/* Adds what a reference stands for; returns what follows it, NULL if it stands for nothing. */
static const char *expand_one(struct config_source *source, const char *at, struct text *out,
			      struct text *why)
{
	const char *end = strchr(at, '}');
	size_t prefix = strchr(at, ':') + 1 - at;
	struct text name = { 0 };
	const char *value = NULL;

	if (end == NULL || end == at + prefix || end - at > NAME_MAX_BYTES) {
		text_printf(why, "%.*s: %s", (int)prefix, at,
			    end == NULL ? "'}' is missing behind it" : "no usable name behind it");
		return NULL;
	}
	text_add_n(&name, at + 2, (size_t)(end - at) - 2);
	value = look_up(source, text_string(&name), why);
	text_done(&name);
	if (value == NULL)
		return NULL;
	text_add(out, value);
	return end + 1;
}

const char *reference_expand(struct config_source *source, const char *value, struct text *why)
{
	struct text out = { 0 };
	const char *result = NULL;

	while (value != NULL && *value != '\0') {
		if (*value == '$' && value[1] == '$' && is_reference(value + 1)) {
			text_add(&out, "${");
			value += 3;
		} else if (is_reference(value)) {
			value = expand_one(source, value, &out, why);
		} else {
			text_add_char(&out, *value++);
		}
	}
	if (value != NULL)
		result = source_string_n(source, text_string(&out), out.len);
	if (out.data != NULL)
		mem_wipe(out.data, out.cap);
	text_done(&out);
	return result;
}
