/* SPDX-License-Identifier: ISC */
/* DNS zones and their serial numbers. */
#include "io/zones.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

/* Numbers of the protocol (RFC 1035). */
#define CLASS_IN 1
#define TYPE_SOA 6

/* A period is not shorter: name servers are not to be asked without a pause. */
#define PERIOD_MIN (100 * USEC_PER_MSEC)

struct zone {
	struct list_node node;
	struct zones *zones;
	unsigned names;
	bool asking;	/* it stays until the answer is there */
	int64_t serial; /* -1: not known yet */
	char text[];
};

const char *zone_of(const char *host)
{
	const char *dot = strchr(host, '.');

	return dot != NULL && dot[1] != '\0' ? dot + 1 : NULL;
}

static struct zone *find(const struct zones *zones, const char *text)
{
	list_for_each(&zones->list, node, after) {
		struct zone *zone = list_entry(node, struct zone, node);

		if (strcasecmp(zone->text, text) == 0)
			return zone;
	}
	return NULL;
}

static void drop_unused(struct zone *zone)
{
	if (zone->names != 0 || zone->asking)
		return;
	list_remove(&zone->node);
	free(zone);
}

/* A zone that cannot be asked for keeps its number: an outage is no change. */
static void on_serial(void *arg, int status, int timeouts, unsigned char *data, int len)
{
	struct zone *zone = arg;
	struct ares_soa_reply *soa = NULL;

	(void)timeouts;
	zone->asking = false;
	if (status == ARES_SUCCESS && ares_parse_soa_reply(data, len, &soa) == ARES_SUCCESS) {
		int64_t before = zone->serial;

		zone->serial = soa->serial;
		ares_free_data(soa);
		if (before >= 0 && before != zone->serial && zone->names != 0)
			zone->zones->on_changed(zone->zones, zone->text);
	}
	drop_unused(zone);
}

static void ask_all(struct zones *zones)
{
	if (zones->channel == NULL)
		return;
	list_for_each(&zones->list, node, after) {
		struct zone *zone = list_entry(node, struct zone, node);

		if (zone->asking)
			continue;
		zone->asking = true;
		ares_query(zones->channel, zone->text, CLASS_IN, TYPE_SOA, on_serial, zone);
	}
	zones->on_asked(zones);
}

static void on_timer(struct ev_loop *ev, struct ev_timer *timer, int events)
{
	(void)ev;
	(void)events;
	ask_all(timer->data);
}

void zones_init(struct zones *zones, struct loop *loop)
{
	memset(zones, 0, sizeof(*zones));
	zones->loop = loop;
	list_init(&zones->list);
	ev_init(&zones->timer, on_timer);
	zones->timer.data = zones;
}

void zones_done(struct zones *zones)
{
	struct list_node *node;

	ev_timer_stop(zones->loop->ev, &zones->timer);
	while ((node = list_pop(&zones->list)) != NULL)
		free(list_entry(node, struct zone, node));
}

void zones_set_period(struct zones *zones, usec_t period)
{
	double seconds;

	if (period != 0 && period < PERIOD_MIN)
		period = PERIOD_MIN;
	if (period == zones->period)
		return;
	zones->period = period;
	ev_timer_stop(zones->loop->ev, &zones->timer);
	if (period == 0)
		return;
	seconds = (double)period / (double)USEC_PER_SEC;
	ev_timer_set(&zones->timer, seconds, seconds);
	ev_timer_start(zones->loop->ev, &zones->timer);
}

void zones_set_channel(struct zones *zones, ares_channel channel)
{
	zones->channel = channel;
}

void zones_add(struct zones *zones, const char *host)
{
	const char *text = zone_of(host);
	struct zone *zone;
	size_t len;

	if (text == NULL)
		return;
	zone = find(zones, text);
	if (zone == NULL) {
		len = strlen(text);
		zone = mem_zero(sizeof(*zone) + len + 1);
		zone->zones = zones;
		zone->serial = -1;
		memcpy(zone->text, text, len);
		list_append(&zones->list, &zone->node);
	}
	zone->names++;
}

void zones_remove(struct zones *zones, const char *host)
{
	const char *text = zone_of(host);
	struct zone *zone = text != NULL ? find(zones, text) : NULL;

	if (zone == NULL)
		return;
	zone->names--;
	drop_unused(zone);
}

const char *zones_walk(const struct zones *zones, const struct list_node **node, int64_t *serial,
		       unsigned *names)
{
	const struct zone *zone;

	*node = *node == NULL ? list_first(&zones->list) : list_next(*node);
	if (*node == NULL)
		return NULL;
	zone = list_entry(*node, struct zone, node);
	*serial = zone->serial < 0 ? 0 : zone->serial;
	*names = zone->names;
	return zone->text;
}
