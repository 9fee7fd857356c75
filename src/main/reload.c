/* SPDX-License-Identifier: ISC */
/*
 * A reload makes a new world beside the old one and swaps them when nothing can go wrong any more:
 * configuration, log and secrets are there before the pools hear of it.
 */
#include "main/reload.h"

#include <stdio.h>

#include "conf/diff.h"
#include "main/daemon.h"
#include "main/program.h"
#include "main/service.h"
#include "session/timeouts.h"

static void on_difference(void *arg, const struct config_difference *difference)
{
	char line[512];

	(void)arg;
	if (difference->kind != CONFIG_SETTING || difference->applies != RESTART)
		return;
	config_difference_format(difference, line, sizeof(line));
	log_warn(process, "%s", line);
}

static void on_warning(void *arg, const char *text)
{
	(void)arg;
	log_warn(process, "%s", text);
}

void reload_warn(const struct config *config)
{
	config_warn(config, on_warning, NULL);
}

/*
 * Takes over a checked configuration; on failure it is let go and nothing has changed.  `again`:
 * files that it names are read even if they are the same.
 */
static bool take_over(struct program *program, struct config *config, bool again, char *error,
		      size_t size)
{
	struct pooler *pooler = &program->pooler;
	struct log_options old = program_log_options(program, &pooler->config->settings);
	struct log_options fresh = program_log_options(program, &config->settings);
	char ignored[256];

	if (!log_open(&fresh, error, size)) {
		config_unref(config);
		return false;
	}
	if ((again || access_differs(&pooler->config->settings, &config->settings)) &&
	    !pooler_load_access(pooler, config, error, size)) {
		log_open(&old, ignored, sizeof(ignored));
		config_unref(config);
		return false;
	}
	pooler_reconfigure(pooler, config);
	timeouts_refresh();
	listeners_tune(&program->listeners, &config->settings);
	limits_check(config);
	return true;
}

static bool reload(struct program *program, char *error, size_t size)
{
	struct pooler *pooler = &program->pooler;
	struct config_error problem;
	struct config *config = config_load(pooler->config->settings.conffile, &problem);

	if (config == NULL) {
		config_error_format(&problem, error, size);
		return false;
	}
	config_diff(pooler->config, config, on_difference, NULL);
	config_carry(config, pooler->config);
	reload_warn(config);
	if (!take_over(program, config, true, error, size))
		return false;
	log_info(process, "reload complete");
	return true;
}

bool reload_run(struct program *program, char *error, size_t size)
{
	bool reloaded;

	service_reloading();
	reloaded = reload(program, error, size);
	service_ready();
	return reloaded;
}

bool reload_set(struct program *program, const char *key, const char *value, char *error,
		size_t size)
{
	struct config_error problem;
	struct config *config = config_set(program->pooler.config, key, value, &problem);

	if (config == NULL) {
		config_error_format(&problem, error, size);
		return false;
	}
	return take_over(program, config, false, error, size);
}
