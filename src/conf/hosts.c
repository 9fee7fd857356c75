/* SPDX-License-Identifier: ISC */
/* Lists of hosts in entries. */
#include "conf/hosts.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define STANDARD_PORT 5432
#define HOST_MAX 255 /* a name of the DNS; paths of sockets are shorter */

static bool is_blank_or_control(char c)
{
	return isspace((unsigned char)c) || iscntrl((unsigned char)c);
}

/* The part up to the next comma, without the blanks around it; *rest is NULL at the end. */
static const char *next_part(const char *list, size_t *len, const char **rest)
{
	const char *end = strchr(list, ',');

	*rest = end != NULL ? end + 1 : NULL;
	if (end == NULL)
		end = list + strlen(list);
	while (isspace((unsigned char)*list))
		list++;
	while (end > list && isspace((unsigned char)end[-1]))
		end--;
	*len = (size_t)(end - list);
	return list;
}

static unsigned count_parts(const char *list)
{
	unsigned n = 1;

	for (; *list != '\0'; list++)
		n += *list == ',';
	return n;
}

static bool check_name(const char *name, size_t len, struct text *why)
{
	size_t i;

	if (len == 0) {
		text_add(why, "an empty host in the list");
		return false;
	}
	if (len > HOST_MAX) {
		text_printf(why, "a host is longer than %d bytes", HOST_MAX);
		return false;
	}
	for (i = 0; i < len; i++) {
		if (is_blank_or_control(name[i]) || strchr("[]", name[i]) != NULL) {
			text_printf(why, "\"%.*s\" is not a host", (int)len, name);
			return false;
		}
	}
	return true;
}

bool hosts_read_plain(const char *list, int port, struct config_source *source,
		      struct config_host **hosts, unsigned *count, struct text *why)
{
	*hosts = source_alloc(source, count_parts(list) * sizeof(**hosts));
	*count = 0;
	while (list != NULL) {
		size_t len;
		const char *part = next_part(list, &len, &list);

		if (!check_name(part, len, why))
			return false;
		(*hosts)[*count].host = source_string_n(source, part, len);
		(*hosts)[*count].port = port;
		++*count;
	}
	return true;
}

/* Digits only: 1 to 65535. */
static bool read_port(const char *s, size_t len, int *port)
{
	size_t i;
	int n = 0;

	if (len == 0 || len > 5)
		return false;
	for (i = 0; i < len; i++) {
		if (!isdigit((unsigned char)s[i]))
			return false;
		n = n * 10 + (s[i] - '0');
	}
	*port = n;
	return n >= 1 && n <= 65535;
}

/* Parts host[:port] into both; the length of the host is left in *len, brackets are dropped. */
static bool split_port(const char **part, size_t *len, int *port, struct text *why)
{
	const char *p = *part, *end = p + *len, *colon;
	const char *host_end;

	*port = STANDARD_PORT;
	if (*len > 0 && *p == '[') {
		host_end = memchr(p, ']', *len);
		if (host_end == NULL || (host_end + 1 < end && host_end[1] != ':')) {
			text_printf(why, "\"%.*s\" is not [address]:port", (int)*len, p);
			return false;
		}
		colon = host_end + 1 < end ? host_end + 1 : NULL;
		++*part;
	} else {
		colon = memrchr(p, ':', *len);
		if (colon != NULL && *p != '/' && memchr(p, ':', (size_t)(colon - p)) != NULL) {
			text_printf(why, "\"%.*s\": an IPv6 address needs brackets: [address]:port",
				    (int)*len, p);
			return false;
		}
		host_end = colon != NULL ? colon : end;
	}
	if (colon != NULL && !read_port(colon + 1, (size_t)(end - colon - 1), port)) {
		text_printf(why, "\"%.*s\": the port is not a number from 1 to 65535", (int)*len,
			    p);
		return false;
	}
	*len = (size_t)(host_end - *part);
	return true;
}

/* Names of hosts know no case, folders do. */
static bool is_same(const struct config_host *a, const struct config_host *b)
{
	if (a->port != b->port)
		return false;
	return *a->host == '/' ? strcmp(a->host, b->host) == 0 : strcasecmp(a->host, b->host) == 0;
}

bool hosts_read_cluster(const char *list, struct config_source *source, struct config_host **hosts,
			unsigned *count, struct text *why)
{
	*hosts = NULL;
	*count = 0;
	if (*list == '\0') {
		text_add(why, "hosts= is missing");
		return false;
	}
	*hosts = source_alloc(source, count_parts(list) * sizeof(**hosts));
	while (list != NULL) {
		struct config_host *host = &(*hosts)[*count];
		size_t len;
		const char *part = next_part(list, &len, &list);
		unsigned i;

		if (len > HOST_MAX + 8) {
			text_printf(why, "a host is longer than %d bytes", HOST_MAX);
			return false;
		}
		if (!split_port(&part, &len, &host->port, why) || !check_name(part, len, why))
			return false;
		host->host = source_string_n(source, part, len);
		for (i = 0; i < *count; i++) {
			if (is_same(&(*hosts)[i], host)) {
				text_printf(why, "the host %s:%d stands twice", host->host,
					    host->port);
				return false;
			}
		}
		++*count;
	}
	return true;
}
