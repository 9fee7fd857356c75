/* SPDX-License-Identifier: ISC */
/* Nanoseconds of classify() for statements as applications send them: best of several runs. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sql/classify.h"

static const struct {
	const char *name;
	const char *sql;
} statements[] = {
	{ "pgbench select", "SELECT abalance FROM pgbench_accounts WHERE aid = 123456;" },
	{ "pgbench update",
	  "UPDATE pgbench_accounts SET abalance = abalance + -1234 WHERE aid = 123456;" },
	{ "pgbench insert", "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) "
			    "VALUES (1, 1, 123456, -1234, CURRENT_TIMESTAMP);" },
	{ "begin", "BEGIN" },
	{ "commit", "COMMIT" },
	{ "TPC-C stock level",
	  "SELECT count(DISTINCT s_i_id) FROM order_line, stock WHERE ol_w_id = $1 AND ol_d_id = $2 "
	  "AND ol_o_id < $3 AND ol_o_id >= $3 - 20 AND s_w_id = $1 AND s_i_id = ol_i_id "
	  "AND s_quantity < $4" },
	{ "ORM select",
	  "SELECT \"auth_user\".\"id\", \"auth_user\".\"password\", \"auth_user\".\"last_login\", "
	  "\"auth_user\".\"is_superuser\", \"auth_user\".\"username\", \"auth_user\".\"first_name\", "
	  "\"auth_user\".\"last_name\", \"auth_user\".\"email\", \"auth_user\".\"is_staff\", "
	  "\"auth_user\".\"is_active\", \"auth_user\".\"date_joined\" FROM \"auth_user\" INNER JOIN "
	  "\"auth_user_groups\" ON (\"auth_user\".\"id\" = \"auth_user_groups\".\"user_id\") WHERE "
	  "(\"auth_user\".\"is_active\" AND \"auth_user_groups\".\"group_id\" IN (1, 2, 3)) "
	  "ORDER BY \"auth_user\".\"username\" ASC LIMIT 21" },
	{ "report",
	  "WITH monthly AS (SELECT date_trunc('month', o.created_at) AS month, o.customer_id, "
	  "sum(o.total) AS total FROM orders o WHERE o.created_at >= now() - interval '1 year' AND "
	  "o.status IN ('paid', 'shipped') GROUP BY 1, 2), ranked AS (SELECT month, customer_id, "
	  "total, row_number() OVER (PARTITION BY month ORDER BY total DESC) AS place, "
	  "lag(total) OVER (PARTITION BY customer_id ORDER BY month) AS before FROM monthly) "
	  "SELECT to_char(r.month, 'YYYY-MM'), c.name, round(r.total, 2), coalesce(r.before, 0) "
	  "FROM ranked r JOIN customers c ON c.id = r.customer_id WHERE r.place <= 10 "
	  "ORDER BY r.month, r.place" },
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static double measure(const char *sql, size_t len, unsigned loops)
{
	static const struct classify_options options = { .std_strings = true, .max_scan = 1 << 20 };
	volatile unsigned sum = 0;
	double best = 1e18;
	unsigned run;

	for (run = 0; run < 14; run++) {
		double start = now();
		unsigned i;

		for (i = 0; i < loops; i++)
			sum += classify(sql, len, &options).route;
		start = (now() - start) / loops;
		if (start < best)
			best = start;
	}
	return best;
}

static void report(const char *name, const char *sql, size_t len, unsigned loops)
{
	double ns = measure(sql, len, loops);

	printf("%-22s %7zu bytes %10.1f ns %6.2f ns/byte\n", name, len, ns, ns / (double)len);
}

/* 64 kB of one piece: what a hostile client would send. */
static void report_repeated(const char *name, const char *start, const char *piece)
{
	static char sql[65536];
	size_t len = strlen(start);

	memcpy(sql, start, len);
	while (len + strlen(piece) <= sizeof(sql)) {
		memcpy(sql + len, piece, strlen(piece));
		len += strlen(piece);
	}
	report(name, sql, len, 20);
}

int main(void)
{
	size_t i;

	for (i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
		report(statements[i].name, statements[i].sql, strlen(statements[i].sql), 20000);
	report_repeated("IN list of integers", "SELECT * FROM t WHERE id IN (1", ",123456");
	report_repeated("terms", "SELECT 1", "+1");
	report_repeated("parentheses", "SELECT ", "(");
	report_repeated("calls", "SELECT ", "f(");
	report_repeated("names", "SELECT ", "a b ");
	report_repeated("key words", "SELECT ", "or as ");
	report_repeated("statements", "", "SELECT 1;");
	report_repeated("empty statements", "", "a;");
	report_repeated("nested comments", "SELECT ", "/*");
	report_repeated("set_config", "SELECT ", "set_config(");
	report_repeated("dollars", "SELECT $a$", "$a");
	report_repeated("literals", "SELECT ", "''\n");
	report_repeated("explain", "", "EXPLAIN(");
	return 0;
}
