/* SPDX-License-Identifier: ISC */
/* Counts a client's requests and transactions. */
#include "session/measure.h"

#include "session/client.h"

void measure_begin(struct client *client)
{
	struct pool_stats *stats = &client_pool(client)->stats;

	if (client->request_at == 0) {
		client->request_at = clock_now();
		client->asked =
			(uint32_t)((client->request_at - client->connected_at) / USEC_PER_SEC);
		stats->queries++;
	}
	if (client->transaction_at == 0) {
		client->transaction_at = client->request_at;
		stats->transactions++;
	}
}

void measure_end(struct client *client, bool over)
{
	struct pool_stats *stats = &client_pool(client)->stats;
	usec_t now = clock_now();

	if (client->request_at != 0)
		stats->query_usec += (uint64_t)(now - client->request_at);
	if (over && client->transaction_at != 0)
		stats->transaction_usec += (uint64_t)(now - client->transaction_at);
	measure_drop(client, over);
}

void measure_drop(struct client *client, bool over)
{
	client->request_at = 0;
	if (over)
		client->transaction_at = 0;
}
