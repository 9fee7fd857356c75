/* SPDX-License-Identifier: ISC */
/*
 * HBA and ident files from hostile hands: each line is taken or told of.  What is behind the first
 * NUL byte is the file that @ names.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "auth/hba.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const char *names;
	size_t names_len;
	unsigned warnings;
	unsigned reads;
};

static void on_warning(void *arg, const char *file, unsigned line, const char *why)
{
	struct input *input = arg;

	if (line == 0 || why[0] == '\0' || file[0] == '\0')
		abort();
	input->warnings++;
}

static char *read_names(void *arg, const char *path, size_t *len)
{
	struct input *input = arg;
	char *copy;

	/* A file that names itself twice a line would be read 2^10 times. */
	if (path[0] == '\0' || ++input->reads > 100)
		return NULL;
	copy = malloc(input->names_len + 1);
	memcpy(copy, input->names, input->names_len);
	*len = input->names_len;
	return copy;
}

/* What was read can be asked, and what it says holds. */
static void use(const struct hba *hba)
{
	static const uint8_t address[16] = { 10, 0, 0, 1 };
	static const int families[] = { AF_UNIX, AF_INET, AF_INET6 };

	for (unsigned i = 0; i < 12; i++) {
		struct hba_client client = {
			.database = "app",
			.user = i & 1 ? "app" : "alice",
			.family = families[i / 4],
			.address = address,
			.physical = (i & 2) != 0,
		};
		const struct hba_rule *rule = hba_match(hba, &client);

		if (rule != NULL && (rule->type == HBA_HOSTSSL || rule->map == NULL))
			abort();
		if (rule != NULL && (rule->type == HBA_LOCAL) != (client.family == AF_UNIX))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *nul = size != 0 ? memchr(data, 0, size) : NULL;
	size_t len = nul != NULL ? (size_t)(nul - text) : size;
	struct input input = { .names = text + len, .names_len = size - len };
	struct hba_reader reader = { .read = read_names, .warn = on_warning, .arg = &input };
	struct hba hba = { 0 };
	struct ident ident = { 0 };

	if (nul != NULL) {
		input.names++;
		input.names_len--;
	}
	hba_read(&hba, text, len, "/hba", &reader);
	use(&hba);
	ident_read(&ident, text, size, "/ident", on_warning, &input);
	ident_allows(&ident, "m", "root", "app");
	hba_done(&hba);
	ident_done(&ident);
	return 0;
}
