/* SPDX-License-Identifier: ISC */
/* Socket addresses and lists of them. */
#include "io/addr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static bool parse_unix(struct addr *addr, const char *host, uint16_t port)
{
	struct sockaddr_un *un = &addr->un;
	int len;

	len = snprintf(un->sun_path, sizeof(un->sun_path), "%s/.s.PGSQL.%u", host, port);
	if (len < 0 || (size_t)len >= sizeof(un->sun_path))
		return false;
	un->sun_family = AF_UNIX;
	if (host[0] == '@') {
		un->sun_path[0] = '\0';
		addr->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len);
	} else {
		addr->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len + 1);
	}
	return true;
}

static bool parse_in6(struct addr *addr, const char *host, uint16_t port)
{
	char text[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
	size_t len = strlen(host);
	char *scope;

	if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
	}
	if (len >= sizeof(text))
		return false;
	memcpy(text, host, len);
	text[len] = '\0';
	scope = strchr(text, '%');
	if (scope != NULL)
		*scope++ = '\0';
	if (inet_pton(AF_INET6, text, &addr->in6.sin6_addr) != 1)
		return false;
	if (scope != NULL) {
		addr->in6.sin6_scope_id = if_nametoindex(scope);
		if (addr->in6.sin6_scope_id == 0)
			addr->in6.sin6_scope_id = (uint32_t)strtoul(scope, NULL, 10);
	}
	addr->in6.sin6_family = AF_INET6;
	addr->in6.sin6_port = htons(port);
	addr->len = sizeof(addr->in6);
	return true;
}

bool addr_parse(struct addr *addr, const char *host, uint16_t port)
{
	memset(addr, 0, sizeof(*addr));
	if (host[0] == '/' || host[0] == '@')
		return parse_unix(addr, host, port);
	if (inet_pton(AF_INET, host, &addr->in.sin_addr) == 1) {
		addr->in.sin_family = AF_INET;
		addr->in.sin_port = htons(port);
		addr->len = sizeof(addr->in);
		return true;
	}
	return parse_in6(addr, host, port);
}

bool addr_is_unix(const struct addr *addr)
{
	return addr->sa.sa_family == AF_UNIX;
}

uint16_t addr_port(const struct addr *addr)
{
	switch (addr->sa.sa_family) {
	case AF_INET:
		return ntohs(addr->in.sin_port);
	case AF_INET6:
		return ntohs(addr->in6.sin6_port);
	default:
		return 0;
	}
}

const char *addr_number(const struct addr *addr, char *buffer, size_t size)
{
	char text[INET6_ADDRSTRLEN] = "";

	buffer[0] = '\0';
	if (addr->sa.sa_family == AF_INET) {
		inet_ntop(AF_INET, &addr->in.sin_addr, text, sizeof(text));
		snprintf(buffer, size, "%s", text);
	} else if (addr->sa.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &addr->in6.sin6_addr, text, sizeof(text));
		if (addr->in6.sin6_scope_id != 0)
			snprintf(buffer, size, "%s%%%u", text, addr->in6.sin6_scope_id);
		else
			snprintf(buffer, size, "%s", text);
	}
	return buffer;
}

static void format_unix(const struct addr *addr, char *buffer, size_t size)
{
	const size_t before = offsetof(struct sockaddr_un, sun_path);
	size_t len = addr->len > before ? addr->len - before : 0;

	if (len == 0)
		snprintf(buffer, size, "unix");
	else if (addr->un.sun_path[0] == '\0')
		snprintf(buffer, size, "@%.*s", (int)len - 1, addr->un.sun_path + 1);
	else
		snprintf(buffer, size, "%.*s", (int)strnlen(addr->un.sun_path, len),
			 addr->un.sun_path);
}

const char *addr_text(const struct addr *addr, char *buffer, size_t size)
{
	char number[INET6_ADDRSTRLEN + 16];

	switch (addr->sa.sa_family) {
	case AF_UNIX:
		format_unix(addr, buffer, size);
		break;
	case AF_INET:
		snprintf(buffer, size, "%s:%u", addr_number(addr, number, sizeof(number)),
			 addr_port(addr));
		break;
	case AF_INET6:
		snprintf(buffer, size, "[%s]:%u", addr_number(addr, number, sizeof(number)),
			 addr_port(addr));
		break;
	default:
		snprintf(buffer, size, "unknown");
	}
	return buffer;
}

void addr_unmap(struct addr *addr)
{
	struct sockaddr_in in = { .sin_family = AF_INET };

	if (addr->sa.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&addr->in6.sin6_addr))
		return;
	in.sin_port = addr->in6.sin6_port;
	memcpy(&in.sin_addr, &addr->in6.sin6_addr.s6_addr[12], 4);
	addr->in = in;
	addr->len = sizeof(in);
}

bool addr_equals(const struct addr *a, const struct addr *b)
{
	return a->len == b->len && memcmp(&a->sa, &b->sa, a->len) == 0;
}

struct addr_list *addr_list_new(unsigned room)
{
	return mem_zero(sizeof(struct addr_list) + room * sizeof(struct addr));
}

struct addr_list *addr_list_copy(const struct addr_list *list)
{
	struct addr_list *copy = addr_list_new(list->count);

	copy->count = list->count;
	memcpy(copy->addrs, list->addrs, list->count * sizeof(list->addrs[0]));
	return copy;
}

void addr_list_set_port(struct addr_list *list, uint16_t port)
{
	for (unsigned i = 0; i < list->count; i++) {
		struct addr *addr = &list->addrs[i];

		if (addr->sa.sa_family == AF_INET)
			addr->in.sin_port = htons(port);
		else if (addr->sa.sa_family == AF_INET6)
			addr->in6.sin6_port = htons(port);
	}
}

/* "host", "host:port", "[v6]:port", "v6" (several colons), "/path", "/path:port". */
static const char *find_port(const char *part, const char *end)
{
	const char *colon = NULL;

	if (*part == '[') {
		const char *bracket = memchr(part, ']', (size_t)(end - part));

		if (bracket == NULL)
			return NULL;
		return bracket + 1 < end && bracket[1] == ':' ? bracket + 1 : NULL;
	}
	for (const char *p = part; p < end; p++) {
		if (*p != ':')
			continue;
		if (colon != NULL)
			return NULL;
		colon = p;
	}
	return colon;
}

static bool parse_port(const char *from, const char *end, uint16_t *port)
{
	unsigned value = 0;

	if (from == end || end - from > 5)
		return false;
	for (; from < end; from++) {
		if (*from < '0' || *from > '9')
			return false;
		value = value * 10 + (unsigned)(*from - '0');
	}
	if (value == 0 || value > 65535)
		return false;
	*port = (uint16_t)value;
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

enum addr_step addr_list_next(const char **list, char *host, size_t size, uint16_t *port,
			      uint16_t default_port)
{
	const char *part = *list, *end, *colon;
	size_t len;

	while (is_blank(*part))
		part++;
	if (*part == '\0')
		return ADDR_END;
	end = part + strcspn(part, ",");
	*list = *end == ',' ? end + 1 : end;
	if (*end == ',' && (*list)[strspn(*list, " \t")] == '\0')
		return ADDR_BAD;
	while (end > part && is_blank(end[-1]))
		end--;
	colon = find_port(part, end);
	*port = default_port;
	if (colon != NULL && !parse_port(colon + 1, end, port))
		return ADDR_BAD;
	if (colon != NULL)
		end = colon;
	if (*part == '[') {
		if (end[-1] != ']')
			return ADDR_BAD;
		part++;
		end--;
	}
	len = (size_t)(end - part);
	if (len == 0 || len >= size)
		return ADDR_BAD;
	for (const char *p = part; p < end; p++)
		if (is_blank(*p))
			return ADDR_BAD;
	memcpy(host, part, len);
	host[len] = '\0';
	return ADDR_NEXT;
}
