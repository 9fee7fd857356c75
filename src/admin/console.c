/* SPDX-License-Identifier: ISC */
/* The virtual databases of the operator. */
#include "admin/console.h"

#include "session/client.h"

const char *console_version(void)
{
	return "pgweir " PACKAGE_VERSION;
}

void console_init(struct pooler *pooler, struct console_owner *owner)
{
	(void)pooler;
	(void)owner;
}

void console_shutdown_complete(void)
{
}

void console_done(void)
{
}
