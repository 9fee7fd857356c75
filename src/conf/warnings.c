/* SPDX-License-Identifier: ISC */
/* What is allowed in a configuration but hardly meant. */
#include "conf/config.h"

#include <string.h>

#include "conf/mask.h"

struct warner {
	const struct config *config;
	void (*on_warning)(void *arg, const char *text);
	void *arg;
};

__attribute__((format(printf, 2, 3))) static void warn(const struct warner *warner, const char *fmt,
						       ...)
{
	struct text text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	text_vprintf(&text, fmt, ap);
	va_end(ap);
	warner->on_warning(warner->arg, text_string(&text));
	text_done(&text);
}

/* The default is not warned of: nobody asked for TLS then. */
static void warn_of_tls(const struct warner *warner, const char *name, const char *with)
{
	const struct setting *row = settings_find(name, IN_GLOBAL, NULL);
	struct text mode = { 0 };

	setting_show(row, &warner->config->settings, &mode);
	if (mask_has(&warner->config->set, settings_index(row)) &&
	    strcmp(text_string(&mode), "disable") != 0)
		warn(warner, "%s = %s: this version of pgweir has no TLS, connections %s are plain",
		     name, text_string(&mode), with);
	text_done(&mode);
}

void config_warn(const struct config *config, void (*on_warning)(void *arg, const char *text),
		 void *arg)
{
	const struct warner warner = { config, on_warning, arg };

	warn_of_tls(&warner, "client_tls_sslmode", "with clients");
	warn_of_tls(&warner, "server_tls_sslmode", "with servers");
}
