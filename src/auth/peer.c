/* SPDX-License-Identifier: ISC */
/* The names of the operating system's users. */
#include "auth/peer.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>

bool peer_name_in(const char *path, uint32_t uid, char *name, size_t size)
{
	FILE *in = fopen(path, "re");
	struct passwd *entry;
	bool found = false;

	if (in == NULL)
		return false;
	while (!found && (entry = fgetpwent(in)) != NULL) {
		found = entry->pw_uid == uid && strlen(entry->pw_name) < size;
		if (found)
			snprintf(name, size, "%s", entry->pw_name);
	}
	fclose(in);
	return found;
}

bool peer_name(uint32_t uid, char *name, size_t size)
{
	return peer_name_in("/etc/passwd", uid, name, size);
}
