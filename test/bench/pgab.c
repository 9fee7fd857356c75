/* SPDX-License-Identifier: ISC */
/*
 * Compares the cost of poolers: closed-loop clients against several of them ("arms") in turn.
 *
 * Each arm has its own clients, connected once. Time is cut into short slices; in a slice the
 * clients of one arm run transactions while the others are idle. A round gives every arm one slice,
 * in a new random order, so that all arms see the same noise of the machine. The first round warms
 * up and is not counted. The cost is the run time that the scheduler booked for all threads of the
 * arm's process (schedstat: exact, where utime counts ticks). The figure to trust is the median of
 * the ratios, round by round, to the first arm; the absolute one drifts.
 *
 *   pgab [-c CLIENTS] [-m simple|extended|prepared] [-s SLICE_MSEC] [-r ROUNDS] [-u USER]
 *        [-a ROWS] NAME:PORT:PID:DATABASE[:bound]...
 *
 * bound: the prepared statement p0 is there on every server, do not send Parse.
 * Prints a line an arm, fields by tabs: name, µs a transaction (median, mean), share of user time,
 * transactions a second, voluntary and involuntary switches a transaction, ratio to the first arm
 * (median, quartiles), transactions in all (with those of the warm-up).
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SQL_TEXT "SELECT abalance FROM pgbench_accounts WHERE aid = "
#define STATEMENT "p0"
#define STUCK_SEC 10
#define MAX_EVENTS 256

enum mode { MODE_SIMPLE, MODE_EXTENDED, MODE_PREPARED };

struct arm;

struct client {
	struct arm *arm;
	int fd;
	bool prepared;	/* the statement is there */
	bool preparing; /* the reply under way is of Parse, not of a transaction */
	size_t have;
	uint8_t in[16384];
};

/* Counters of a process: nanoseconds on a CPU, ticks, context switches. */
struct usage {
	double cpu_nsec;
	double user_ticks;
	double system_ticks;
	long voluntary;
	long involuntary;
};

struct arm {
	char name[32];
	char database[64];
	int port;
	int pid;
	bool bound;
	struct client **clients;
	double *usec; /* of a transaction, by round */
	struct usage used;
	long transactions;
	long all_transactions;
	double wall_sec;
};

static struct {
	int clients;
	int slice_msec;
	int rounds;
	int rows;
	enum mode mode;
	const char *user;
} options = { 32, 250, 16, 100000, MODE_SIMPLE, "app" };

static int epoll_fd;
static unsigned seed;
static bool slice_over;
static long in_flight;
static long finished;

static void die(const char *who, const char *what)
{
	fprintf(stderr, "pgab: %s: %s\n", who, what);
	exit(1);
}

static double now_sec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Messages. */

static uint8_t *put32(uint8_t *at, uint32_t value)
{
	value = htonl(value);
	memcpy(at, &value, 4);
	return at + 4;
}

static uint8_t *put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

static uint8_t *put_string(uint8_t *at, const char *text)
{
	size_t size = strlen(text) + 1;

	memcpy(at, text, size);
	return at + size;
}

static uint8_t *begin_message(uint8_t *at, char type)
{
	*at = (uint8_t)type;
	return at + 5;
}

static uint8_t *end_message(uint8_t *start, uint8_t *end)
{
	put32(start + 1, (uint32_t)(end - start - 1));
	return end;
}

static uint8_t *put_empty(uint8_t *at, char type)
{
	return end_message(at, begin_message(at, type));
}

static uint8_t *put_parse(uint8_t *at, const char *name)
{
	uint8_t *end = begin_message(at, 'P');

	end = put_string(end, name);
	end = put_string(end, SQL_TEXT "$1");
	return end_message(at, put16(end, 0));
}

static uint8_t *put_bind(uint8_t *at, const char *name, int key)
{
	uint8_t *end = begin_message(at, 'B');
	char text[16];
	int size = snprintf(text, sizeof(text), "%d", key);

	end = put_string(end, "");
	end = put_string(end, name);
	end = put16(end, 0);
	end = put16(end, 1);
	end = put32(end, (uint32_t)size);
	memcpy(end, text, (size_t)size);
	return end_message(at, put16(end + size, 0));
}

static uint8_t *put_describe_execute(uint8_t *at)
{
	uint8_t *end = begin_message(at, 'D');

	*end++ = 'P';
	at = end_message(at, put_string(end, ""));
	end = put_string(begin_message(at, 'E'), "");
	return end_message(at, put32(end, 0));
}

static uint8_t *put_query(uint8_t *at, int key)
{
	char text[128];

	snprintf(text, sizeof(text), SQL_TEXT "%d;", key);
	return end_message(at, put_string(begin_message(at, 'Q'), text));
}

/* Clients. */

static void send_all(struct client *client, const uint8_t *from, const uint8_t *to)
{
	ssize_t sent = send(client->fd, from, (size_t)(to - from), MSG_NOSIGNAL);

	if (sent != to - from)
		die(client->arm->name, sent < 0 ? strerror(errno) : "short send");
}

static void start_transaction(struct client *client)
{
	uint8_t out[512];
	uint8_t *end = out;
	int key = 1 + rand_r(&seed) % options.rows;

	if (options.mode == MODE_PREPARED && !client->prepared) {
		end = put_empty(put_parse(end, STATEMENT), 'S');
		client->prepared = client->preparing = true;
	} else if (options.mode == MODE_SIMPLE) {
		end = put_query(end, key);
	} else {
		if (options.mode == MODE_EXTENDED)
			end = put_parse(end, "");
		end = put_bind(end, options.mode == MODE_PREPARED ? STATEMENT : "", key);
		end = put_empty(put_describe_execute(end), 'S');
	}
	in_flight++;
	send_all(client, out, end);
}

static void report_error(const struct client *client, const uint8_t *fields, size_t size)
{
	size_t i;

	fprintf(stderr, "pgab: %s:", client->arm->name);
	for (i = 0; i < size; i++)
		fputc(fields[i] ? fields[i] : ' ', stderr);
	fputc('\n', stderr);
	exit(1);
}

/* Takes whole messages off the input. Returns how many ReadyForQuery were among them. */
static int take_messages(struct client *client)
{
	size_t at = 0;
	int ready = 0;

	while (client->have - at >= 5) {
		uint32_t size;

		memcpy(&size, client->in + at + 1, 4);
		size = ntohl(size) + 1;
		if (client->have - at < size)
			break;
		if (client->in[at] == 'E')
			report_error(client, client->in + at + 5, size - 5);
		ready += client->in[at] == 'Z';
		at += size;
	}
	client->have -= at;
	memmove(client->in, client->in + at, client->have);
	return ready;
}

/* Returns false when there was nothing to read. */
static bool fill_input(struct client *client)
{
	ssize_t got =
		recv(client->fd, client->in + client->have, sizeof(client->in) - client->have, 0);

	if (got < 0 && errno == EAGAIN)
		return false;
	if (got <= 0)
		die(client->arm->name, got < 0 ? strerror(errno) : "connection closed");
	client->have += (size_t)got;
	return true;
}

static void on_input(struct client *client)
{
	if (!fill_input(client) || take_messages(client) == 0)
		return;
	in_flight--;
	finished += !client->preparing;
	client->preparing = false;
	if (!slice_over)
		start_transaction(client);
}

static struct client *client_new(struct arm *arm)
{
	struct client *client = calloc(1, sizeof(*client));
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons((uint16_t)arm->port) };
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };
	uint8_t out[256];
	uint8_t *end;
	int one = 1;

	if (!client)
		die(arm->name, "out of memory");
	client->arm = arm;
	client->prepared = arm->bound;
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(client->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		die(arm->name, strerror(errno));
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));

	end = put32(out + 4, 196608);
	end = put_string(put_string(end, "user"), options.user);
	end = put_string(put_string(end, "database"), arm->database);
	*end++ = 0;
	put32(out, (uint32_t)(end - out));
	send_all(client, out, end);
	/* AuthenticationOk has the form of any message, and ends in the first ReadyForQuery. */
	do
		fill_input(client);
	while (take_messages(client) == 0);

	fcntl(client->fd, F_SETFL, O_NONBLOCK);
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, client->fd, &event) < 0)
		die(arm->name, strerror(errno));
	return client;
}

/* What the kernel knows of a process. */

static void add_task_usage(const char *task, struct usage *usage)
{
	char path[320], line[256];
	double nsec;
	long count;
	FILE *file;

	snprintf(path, sizeof(path), "%s/schedstat", task);
	file = fopen(path, "r");
	if (file && fscanf(file, "%lf", &nsec) == 1)
		usage->cpu_nsec += nsec;
	if (file)
		fclose(file);
	snprintf(path, sizeof(path), "%s/status", task);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "voluntary_ctxt_switches: %ld", &count) == 1)
			usage->voluntary += count;
		else if (sscanf(line, "nonvoluntary_ctxt_switches: %ld", &count) == 1)
			usage->involuntary += count;
	}
	if (file)
		fclose(file);
}

static void read_ticks(int pid, struct usage *usage)
{
	char path[64], text[1024];
	long user, kernel;
	char *rest;
	size_t size;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (!file)
		return;
	size = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[size] = 0;
	rest = strrchr(text, ')');
	if (rest && sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user,
			   &kernel) == 2) {
		usage->user_ticks = (double)user;
		usage->system_ticks = (double)kernel;
	}
}

static struct usage read_usage(const struct arm *arm)
{
	struct usage usage = { 0 };
	struct dirent *entry;
	char path[64], task[300];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", arm->pid);
	dir = opendir(path);
	if (!dir)
		die(arm->name, "the process is gone");
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(task, sizeof(task), "%s/%.20s", path, entry->d_name);
		add_task_usage(task, &usage);
	}
	closedir(dir);
	read_ticks(arm->pid, &usage);
	return usage;
}

static void add_difference(struct usage *sum, const struct usage *from, const struct usage *to)
{
	sum->cpu_nsec += to->cpu_nsec - from->cpu_nsec;
	sum->user_ticks += to->user_ticks - from->user_ticks;
	sum->system_ticks += to->system_ticks - from->system_ticks;
	sum->voluntary += to->voluntary - from->voluntary;
	sum->involuntary += to->involuntary - from->involuntary;
}

/* Slices. */

/* Runs transactions until the slice is over and none is under way. */
static void run_loop(const struct arm *arm, double end)
{
	struct epoll_event events[MAX_EVENTS];
	unsigned long turn = 0;
	int count, i;

	while (!slice_over || in_flight > 0) {
		count = epoll_wait(epoll_fd, events, MAX_EVENTS, 100);
		for (i = 0; i < count; i++)
			on_input(events[i].data.ptr);
		if (turn++ % 16 != 0 && count > 0)
			continue;
		slice_over = now_sec() >= end;
		if (now_sec() > end + STUCK_SEC)
			die(arm->name, "transactions are stuck");
	}
}

/* A round of -1 warms up. */
static void run_slice(struct arm *arm, int round)
{
	struct usage before, after;
	double start, nsec;
	int i;

	slice_over = false;
	finished = 0;
	before = read_usage(arm);
	start = now_sec();
	for (i = 0; i < options.clients; i++)
		start_transaction(arm->clients[i]);
	run_loop(arm, start + (round < 0 ? 100 : options.slice_msec) / 1e3);
	after = read_usage(arm);

	arm->all_transactions += finished;
	if (round < 0)
		return;
	nsec = after.cpu_nsec - before.cpu_nsec;
	arm->usec[round] = nsec / (double)finished / 1e3;
	arm->transactions += finished;
	arm->wall_sec += now_sec() - start;
	add_difference(&arm->used, &before, &after);
}

static void shuffle(int *order, int count)
{
	int i, other, kept;

	for (i = count - 1; i > 0; i--) {
		other = rand_r(&seed) % (i + 1);
		kept = order[i];
		order[i] = order[other];
		order[other] = kept;
	}
}

/* Results. */

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double quantile(const double *values, int count, double share)
{
	double *sorted = malloc((size_t)count * sizeof(*sorted));
	double at = share * (count - 1);
	int low = (int)at, high = low + 1 < count ? low + 1 : low;
	double value;

	if (!sorted)
		die("quantile", "out of memory");
	memcpy(sorted, values, (size_t)count * sizeof(*sorted));
	qsort(sorted, (size_t)count, sizeof(*sorted), compare_doubles);
	value = sorted[low] + (sorted[high] - sorted[low]) * (at - low);
	free(sorted);
	return value;
}

static void print_arm(const struct arm *arm, const struct arm *first)
{
	double *ratios = calloc((size_t)options.rounds, sizeof(*ratios));
	double ticks = arm->used.user_ticks + arm->used.system_ticks;
	double count = (double)arm->transactions;
	int round;

	if (!ratios)
		die(arm->name, "out of memory");
	for (round = 0; round < options.rounds; round++)
		ratios[round] = arm->usec[round] / first->usec[round];
	printf("%s\t%.3f\t%.3f\t%.3f\t%.0f\t%.3f\t%.3f\t%.4f\t%.4f\t%.4f\t%ld\n", arm->name,
	       quantile(arm->usec, options.rounds, 0.5), arm->used.cpu_nsec / count / 1e3,
	       ticks > 0 ? arm->used.user_ticks / ticks : 0, count / arm->wall_sec,
	       (double)arm->used.voluntary / count, (double)arm->used.involuntary / count,
	       quantile(ratios, options.rounds, 0.5), quantile(ratios, options.rounds, 0.25),
	       quantile(ratios, options.rounds, 0.75), arm->all_transactions);
	free(ratios);
}

/* Start. */

static void read_options(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "c:m:s:r:u:a:")) > 0) {
		switch (option) {
		case 'c':
			options.clients = atoi(optarg);
			break;
		case 'm':
			options.mode = *optarg == 's'	? MODE_SIMPLE
				       : *optarg == 'e' ? MODE_EXTENDED
							: MODE_PREPARED;
			break;
		case 's':
			options.slice_msec = atoi(optarg);
			break;
		case 'r':
			options.rounds = atoi(optarg);
			break;
		case 'u':
			options.user = optarg;
			break;
		case 'a':
			options.rows = atoi(optarg);
			break;
		default:
			exit(2);
		}
	}
	if (optind == argc || options.clients < 1 || options.rounds < 1 || options.rows < 1)
		die("usage", "NAME:PORT:PID:DATABASE[:bound]...");
}

static void arm_init(struct arm *arm, const char *text)
{
	char flag[16] = "";
	int i;

	if (sscanf(text, "%31[^:]:%d:%d:%63[^:]:%15s", arm->name, &arm->port, &arm->pid,
		   arm->database, flag) < 4)
		die(text, "is not NAME:PORT:PID:DATABASE[:bound]");
	arm->bound = strcmp(flag, "bound") == 0;
	arm->clients = calloc((size_t)options.clients, sizeof(*arm->clients));
	arm->usec = calloc((size_t)options.rounds, sizeof(*arm->usec));
	if (!arm->clients || !arm->usec)
		die(arm->name, "out of memory");
	for (i = 0; i < options.clients; i++)
		arm->clients[i] = client_new(arm);
}

int main(int argc, char **argv)
{
	struct rlimit limit;
	struct arm *arms;
	int *order;
	int count, round, i;

	read_options(argc, argv);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	seed = (unsigned)time(NULL) ^ (unsigned)getpid();
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	count = argc - optind;
	arms = calloc((size_t)count, sizeof(*arms));
	order = calloc((size_t)count, sizeof(*order));
	if (!arms || !order)
		die("start", "out of memory");
	for (i = 0; i < count; i++) {
		arm_init(&arms[i], argv[optind + i]);
		order[i] = i;
	}
	for (round = -1; round < options.rounds; round++) {
		shuffle(order, count);
		for (i = 0; i < count; i++)
			run_slice(&arms[order[i]], round);
	}
	for (i = 0; i < count; i++)
		print_arm(&arms[i], &arms[0]);
	return 0;
}
