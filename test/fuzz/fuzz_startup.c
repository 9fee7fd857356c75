/* SPDX-License-Identifier: ISC */
/* First packets, their parameters and options. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "proto/compose.h"
#include "proto/startup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* Whatever the options are, they end, and what they set is text. */
static void try_options(const char *text)
{
	struct startup_options options;
	size_t left = 2 * strlen(text) + 1;
	const char *value = "";
	const char *name = "";
	char word[48];

	startup_options_begin(&options, text, word, sizeof(word));
	for (;;) {
		switch (startup_options_next(&options, &name, &value)) {
		case OPTION_SET:
			check(left-- > 0);
			check(strlen(name) < sizeof(word) && strlen(value) < sizeof(word));
			break;
		case OPTION_BAD:
		case OPTION_LACKS_VALUE:
			check(strlen(name) < sizeof(word));
			return;
		case OPTION_END:
			return;
		}
	}
}

/* What was read, written again, reads the same. */
static void try_again(const struct startup *startup)
{
	uint8_t packet[STARTUP_MAX];
	const char *at = startup->params;
	struct startup again;
	struct writer writer;
	const char *value;
	const char *name;

	writer_init(&writer, packet, sizeof(packet));
	startup_begin(&writer, startup->minor);
	while (startup_next(startup, &at, &name, &value))
		startup_param(&writer, name, value);
	check(startup_end(&writer) && writer.len == startup->len);
	check(startup_read(packet, writer.len, &again) == STARTUP_LOGIN);
	check(memcmp(again.params, startup->params, startup->len - 8) == 0);
}

static void try_login(const struct startup *startup)
{
	struct text text = { 0 };
	struct writer writer;

	try_again(startup);
	if (startup_find(startup, "options") != NULL)
		try_options(startup_find(startup, "options"));
	(void)startup_replication(startup_find(startup, "replication"));
	writer_init_text(&writer, &text);
	check(startup_negotiate(startup, &writer));
	check(startup_minor(startup) <= PROTOCOL_MINOR);
	text_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct startup startup;
	char *options;

	switch (startup_read(data, size, &startup)) {
	case STARTUP_LOGIN:
		check(startup.len <= size);
		try_login(&startup);
		break;
	case STARTUP_CANCEL:
		check(startup.key + startup.key_len == data + startup.len && startup.len <= size);
		break;
	case STARTUP_BAD:
		check(startup.why != NULL);
		break;
	default:
		break;
	}
	/* The same bytes as options, to get there sooner. */
	options = malloc(size + 1);
	memcpy(options, data, size);
	options[size] = '\0';
	try_options(options);
	(void)startup_replication(options);
	free(options);
	return 0;
}
