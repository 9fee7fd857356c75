/* SPDX-License-Identifier: ISC */
/* Configuration files from hostile hands: taken or refused, never anything else. */
#include <stdlib.h>
#include <string.h>

#include "conf/config.h"
#include "conf/diff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_difference(void *arg, const struct config_difference *difference)
{
	char line[300];

	config_difference_format(difference, line, sizeof(line));
	++*(unsigned *)arg;
}

/* What was taken must compare equal to itself, merge for anyone and survive a SET. */
static void use(struct config *config)
{
	struct config_error error;
	struct config *changed;
	struct settings settings;
	unsigned differences = 0, i;

	config_diff(config, config, on_difference, &differences);
	if (differences != 0)
		abort();
	for (i = 0; i < config->database_count; i++) {
		const struct config_database *database = &config->databases[i];

		if (config_database_find(config, database->name) != database)
			abort();
		if ((database->cluster == NULL) != (database->host_count > 0))
			abort();
		config_effective(config, database, "u", &settings);
	}
	changed = config_set(config, "verbose", "2", &error);
	if (changed == NULL || changed->settings.verbose != 2)
		abort();
	config_diff(config, changed, on_difference, &differences);
	if (differences != (config->settings.verbose != 2))
		abort();
	config_unref(changed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_error error = { .text = "" };
	struct config *config = config_load_text((const char *)data, size, &error);
	char line[1024];

	if (config == NULL) {
		if (error.text[0] == '\0')
			abort();
		config_error_format(&error, line, sizeof(line));
		return 0;
	}
	use(config);
	config_unref(config);
	return 0;
}
