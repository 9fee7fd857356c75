# SPDX-License-Identifier: ISC
"""What SHOW tells: the columns and types of PgBouncer 1.25, and the values in known situations."""
import os
import re
import threading
import time

import pytest

from harness.helpers import many
from harness.wire import WireError, bind, copy_data, copy_done, execute, parse, query, startup, sync

TYPES = {"t": 25, "i": 23, "q": 20, "n": 1700}

# Words without a type are texts.
CONNECTION = (
    "type user database replication state addr port:i local_addr local_port:i connect_time "
    "request_time wait:i wait_us:i close_needed:i ptr link remote_pid:i tls application_name "
    "prepared_statements:i id:i")
SOCKET = CONNECTION + (
    " recv_pos:i pkt_pos:i pkt_remain:i send_pos:i send_remain:i pkt_avail:i send_avail:i")
COUNTS = (
    "server_assignment_count xact_count query_count %s %s xact_time query_time wait_time "
    "client_parse_count server_parse_count bind_count client_login_count")


def counters(format, received, sent):
    return " ".join(format % word + ":n" for word in (COUNTS % (received, sent)).split())


COLUMNS = {
    "VERSION": "version",
    "STATE": "key value",
    "CONFIG": "key value default changeable",
    "DATABASES": "name host port:i database force_user pool_size:i min_pool_size:i "
                 "reserve_pool_size:i server_lifetime:i pool_mode load_balance_hosts "
                 "max_connections:i current_connections:i max_client_connections:i "
                 "current_client_connections:i paused:i disabled:i",
    "USERS": "name pool_size reserve_pool_size pool_mode max_user_connections:i "
             "current_connections:i max_user_client_connections:i current_client_connections:i",
    "POOLS": "database user cl_active:i cl_waiting:i cl_active_cancel_req:i "
             "cl_waiting_cancel_req:i sv_active:i sv_active_cancel:i sv_being_canceled:i "
             "sv_idle:i sv_used:i sv_tested:i sv_login:i maxwait:i maxwait_us:i pool_mode "
             "load_balance_hosts",
    "PEERS": "peer_id:i host port:i pool_size:i",
    "PEER_POOLS": "peer_id:i cl_active_cancel_req:i cl_waiting_cancel_req:i sv_active_cancel:i "
                  "sv_login:i",
    "CLIENTS": CONNECTION,
    "SERVERS": CONNECTION,
    "SOCKETS": SOCKET,
    "ACTIVE_SOCKETS": SOCKET,
    "LISTS": "list items:i",
    "MEM": "name size:i used:i free:i memtotal:i",
    "DNS_HOSTS": "hostname ttl:q addrs",
    "DNS_ZONES": "zonename serial:q count:i",
    "STATS": "database " + counters("total_%s", "received", "sent")
             + " " + counters("avg_%s", "recv", "sent"),
    "STATS_TOTALS": "database " + counters("%s", "bytes_received", "bytes_sent"),
    "STATS_AVERAGES": "database server_assignment_count:n xact_count:n query_count:n "
                      "bytes_received:n bytes_sent:n xact_time:n query_time:n wait_time:n "
                      "avg_client_parse_count:n avg_server_parse_count:n avg_bind_count:n "
                      "avg_client_login_count:n",
    "TOTALS": "name value:n",
    # Ours.
    "HOSTS": "cluster host port:i role health admin lag:n timeline:q lsn connections:i leased:i "
             "reads:q writes:q cause",
    "HELPERS": "pid:i state queue request_age:n killed_in:n age:n age_limit:n answers:i "
               "answers_limit:i memory:q memory_limit:q",
    "LOGIN_QUEUES": "queue waiting:i waiting_limit:i oldest:n bytes:q bytes_limit:q helpers:i "
                    "helpers_limit:i accepted:q denied:q failed:q left:q refused:q total_time:q",
    "ROUTES": "database cluster route read_consistency max_replica_lag no_replica",
    "COUNTERS": "name value:q",
}


@pytest.fixture
def weir(pgweir, single):
    return pgweir(host=single)


def expected(name):
    pairs = [word.split(":") for word in COLUMNS[name].split()]
    return [(pair[0], TYPES[pair[1] if len(pair) == 2 else "t"]) for pair in pairs]


def one(rows, **wanted):
    """The row with these values."""
    found = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
    assert len(found) == 1, (wanted, rows)
    return found[0]


def pool(weir, database="app", user="app"):
    """A pool's row: its counts as numbers, those that are 0 left out."""
    row = one(weir.admin("SHOW POOLS"), database=database, user=user)
    return {key: int(row[key]) for key in row
            if key.startswith(("cl_", "sv_")) and row[key] != "0"}


def totals(weir, database="app"):
    row = one(weir.admin("SHOW STATS_TOTALS"), database=database)
    return {key: int(value) for key, value in row.items() if key != "database"}


class Difference:
    """What SHOW STATS counted meanwhile, without what is 0."""

    def __init__(self, weir, database="app"):
        self.weir, self.database = weir, database
        self.before = totals(weir, database)

    def counts(self, *names):
        now = totals(self.weir, self.database)
        return tuple(now[name] - self.before[name] for name in names)


# Columns.


@pytest.mark.parametrize("name", sorted(COLUMNS))
def test_show_has_the_columns_and_types_of_pgbouncer(weir, name):
    with weir.connect("admin", "pgweir") as console:
        for done in (console.request(query("SHOW " + name)),
                     console.request(parse("", "show %s;" % name.lower()), bind(),
                                     b"D" + b"\0\0\0\6P\0", execute(), sync())):
            described, = [found for found in done.messages if found.type == "T"]
            assert described.columns() == expected(name)
            assert done.tags == ["SHOW"]


def test_lists_have_the_rows_of_pgbouncer(weir):
    rows = weir.admin("SHOW LISTS")
    assert [row["list"] for row in rows] == (
        "databases users peers pools peer_pools free_clients used_clients login_clients "
        "free_servers used_servers dns_names dns_zones dns_queries dns_pending").split()
    users = weir.admin("SHOW USERS")
    assert one(rows, list="users")["items"] == str(len(users))
    assert one(rows, list="databases")["items"] == str(len(weir.admin("SHOW DATABASES")))
    assert one(rows, list="pools")["items"] == str(len(weir.admin("SHOW POOLS")))


def test_totals_have_the_rows_of_pgbouncer(weir):
    names = ("server_assignment_count xact_count query_count client_bytes server_bytes xact_time "
             "query_time wait_time ps_client_parse_count ps_server_parse_count ps_bind_count "
             "client_login_count").split()
    assert [row["name"] for row in weir.admin("SHOW TOTALS")] == (
        ["total_" + name for name in names] + ["avg_" + name for name in names])


# Entries.


def test_databases_are_shown_as_configured(pgweir, single):
    plain = {"host": "127.0.0.1", "port": single.port}
    weir = pgweir({"databases": {
        "zoo": dict(plain, dbname="app", user="app", pool_mode="session", pool_size=3,
                    min_pool_size=1, reserve_pool_size=2, server_lifetime=60,
                    max_db_connections=9, max_db_client_connections=8),
        "app": plain,
        "many": {"host": "127.0.0.1,127.0.0.2", "port": single.port},
        "stick": {"host": "127.0.0.1,127.0.0.2", "load_balance_hosts": "disable"},
        "local": {}}}, settings={"max_db_connections": 50, "default_pool_size": 7})
    rows = weir.admin("SHOW DATABASES")
    assert [row["name"] for row in rows] == ["app", "local", "many", "pgbouncer", "stick", "zoo"]
    zoo, app, own = one(rows, name="zoo"), one(rows, name="app"), one(rows, name="pgbouncer")
    assert list(zoo.values())[3:12] == ["app", "app", "3", "1", "2", "60", "session", None, "9"]
    assert (zoo["max_client_connections"], zoo["paused"], zoo["disabled"]) == ("8", "0", "0")
    assert list(app.values())[1:13] == ["127.0.0.1", str(single.port), "app", None, "7", "0", "0",
                                        "3600", None, None, "50", "0"]
    assert one(rows, name="many")["load_balance_hosts"] == "round-robin"
    assert one(rows, name="stick")["load_balance_hosts"] == "disable"
    assert (one(rows, name="local")["host"], one(rows, name="local")["port"]) == (None, "5432")
    assert list(own.values()) == ["pgbouncer", None, str(weir.port), "pgbouncer", "pgbouncer", "2",
                                  "0", "0", "3600", "statement", None, "50", "0", "0", "1", "0", "0"]


def test_users_are_those_of_files_entries_and_guests(pgweir, single):
    weir = pgweir({"users": {"entry": {"pool_size": 3, "pool_mode": "session",
                                       "max_user_connections": 4}}},
                  host=single, settings={"max_user_client_connections": 6})
    with weir.connect() as client:
        client.query("SELECT 1")
        rows = weir.admin("SHOW USERS")
    names = [row["name"] for row in rows]
    assert names == sorted(set(names)) and {"entry", "app", "admin", "pgbouncer"} <= set(names)
    assert list(one(rows, name="entry").values()) == ["entry", "        3", "", "session", "4",
                                                      "0", "6", "0"]
    assert list(one(rows, name="app").values()) == ["app", "", "", None, "0", "1", "6", "1"]
    assert one(rows, name="admin")["current_client_connections"] == "1"


# Pools and connections.


def test_one_client_is_active_and_one_waits(pgweir, single, wait_until):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with many(weir.connect, 3) as (busy, queued, idle):
        assert pool(weir) == {"cl_active": 3, "sv_idle": 1}
        busy.query("BEGIN")
        assert pool(weir) == {"cl_active": 3, "sv_active": 1}
        queued.send(query("SELECT 2"))
        wait_until(lambda: pool(weir) == {"cl_active": 2, "cl_waiting": 1, "sv_active": 1})
        row = wait_until(lambda: [row for row in weir.admin("SHOW POOLS")
                                  if row["database"] == "app" and int(row["maxwait"]) == 1])[0]
        assert 0 <= int(row["maxwait_us"]) < 1000000
        clients = [row for row in weir.admin("SHOW CLIENTS") if row["database"] == "app"]
        assert sorted(row["state"] for row in clients) == ["active", "idle", "waiting"]
        waiting = one(clients, state="waiting")
        assert int(waiting["wait"]) >= 1 and waiting["link"] == ""
        sockets = [row["state"] for row in weir.admin("SHOW SOCKETS") if row["database"] == "app"]
        assert sorted(sockets) == ["cl_active", "cl_active", "cl_waiting", "sv_active"]
        busy.query("COMMIT")
        assert queued.recv_ready().value == "2"
        assert pool(weir) == {"cl_active": 3, "sv_idle": 1}
        assert idle.value("SELECT 3") == "3"


def test_clients_and_servers_are_linked(weir):
    with weir.connect(params={"application_name": "linked"}) as client:
        client.query("BEGIN")
        pid = client.value("SELECT pg_backend_pid()")
        mine = one(weir.admin("SHOW CLIENTS"), application_name="linked")
        server = one(weir.admin("SHOW SERVERS"), id=mine["link"])
        assert [mine[key] for key in ("type", "state", "database", "user", "replication", "tls")] \
            == ["C", "active", "app", "app", "none", ""]
        assert [server[key] for key in ("type", "state", "link", "remote_pid", "close_needed")] == [
            "S", "active", mine["id"], pid, "0"]
        assert int(mine["port"]) == client.sock.getsockname()[1]
        for row in (mine, server):
            assert row["addr"] == row["local_addr"] == "127.0.0.1"
            for key in ("connect_time", "request_time"):
                assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w+$", row[key])
        ids = [row["id"] for row in weir.admin("SHOW SOCKETS")]
        assert len(ids) == len(set(ids))


def test_request_time_is_that_of_the_last_request(weir, wait_until):
    with weir.connect(params={"application_name": "timed"}) as client:
        def row():
            return one(weir.admin("SHOW CLIENTS"), application_name="timed")

        assert row()["request_time"] == row()["connect_time"]

        def later():
            client.query("SELECT 1")
            return row()["request_time"] > row()["connect_time"]

        wait_until(later)
        assert row()["state"] == "idle"


def test_the_console_lists_itself(weir):
    row = one(weir.admin("SHOW CLIENTS"), database="pgbouncer")
    assert (row["user"], row["state"], row["link"]) == ("admin", "idle", "")
    row = one(weir.admin("SHOW POOLS"), database="pgbouncer")
    assert (row["user"], row["cl_active"], row["pool_mode"]) == ("pgbouncer", "1", "statement")


def test_an_idle_server_that_will_be_checked_is_used(pgweir, single, wait_until):
    weir = pgweir(host=single, settings={"server_check_delay": "300ms"})
    with weir.connect() as client:
        client.query("SELECT 1")
        wait_until(lambda: pool(weir) == {"cl_active": 1, "sv_used": 1})
        assert [row["state"] for row in weir.admin("SHOW SERVERS")] == ["used"]
        client.query("SELECT 1")
        assert pool(weir) == {"cl_active": 1, "sv_idle": 1}


def test_a_server_without_check_query_is_never_used(pgweir, single):
    weir = pgweir(host=single, settings={"server_check_delay": "0", "server_check_query": ""})
    with weir.connect() as client:
        client.query("SELECT 1")
        assert pool(weir) == {"cl_active": 1, "sv_idle": 1}


def test_a_server_that_is_reset_is_tested(pgweir, single, wait_until):
    weir = pgweir(host=single, settings={"server_reset_query_always": 1,
                                         "server_reset_query": "SELECT pg_sleep(2)"})
    with weir.connect() as client:
        client.query("SELECT 1")
        assert pool(weir) == {"cl_active": 1, "sv_tested": 1}
        assert [row["state"] for row in weir.admin("SHOW SERVERS")] == ["tested"]
        wait_until(lambda: pool(weir) == {"cl_active": 1, "sv_idle": 1})


def test_a_server_that_logs_in_is_new(pgweir, fake_postgres, wait_until):
    fake = fake_postgres(lambda server: server.take(1 << 20))
    weir = pgweir({"databases": {"app": {"host": "127.0.0.1", "port": fake.port}}})
    client = weir.connect(login=False)
    client.send(startup({"user": "app", "database": "app"}))
    wait_until(lambda: pool(weir) == {"cl_waiting": 1, "sv_login": 1})
    assert one(weir.admin("SHOW SERVERS"))["state"] == "new"
    states = [row["state"] for row in weir.admin("SHOW SOCKETS") if row["database"] == "app"]
    assert sorted(states) == ["cl_waiting", "sv_login"]
    client.close()


def test_a_cancel_request_is_listed_on_both_sides(pgweir, fake_postgres, wait_until):
    """The query ends before the cancel request has come through: nobody may have the server."""
    answer, end = threading.Event(), threading.Event()

    def script(server):
        if server.number != 0:
            server.take(16)
            end.wait(20)
            return
        server.accept()
        for found in server.messages():
            if b"slow" in found.body:
                answer.wait(20)
            server.answer(found)

    fake = fake_postgres(script)
    weir = pgweir({"databases": {"app": {"host": "127.0.0.1", "port": fake.port}}},
                  settings={"server_check_query": ""})
    with weir.connect() as client:
        client.send(query("SELECT slow"))
        wait_until(lambda: pool(weir) == {"cl_active": 1, "sv_active": 1})
        thread = threading.Thread(target=client.cancel, daemon=True)
        thread.start()
        wait_until(lambda: pool(weir) == {"cl_active": 1, "cl_active_cancel_req": 1,
                                          "sv_active": 1, "sv_active_cancel": 1})
        assert one(weir.admin("SHOW CLIENTS"), state="active_cancel_req")["database"] == "app"
        assert one(weir.admin("SHOW SERVERS"), state="active_cancel")
        answer.set()
        assert client.recv_ready().error is None
        wait_until(lambda: pool(weir) == {"cl_active": 1, "cl_active_cancel_req": 1,
                                          "sv_active_cancel": 1, "sv_being_canceled": 1})
        end.set()
        thread.join(10)
        wait_until(lambda: pool(weir) == {"cl_active": 1, "sv_idle": 1})


# Statistics.


def test_queries_and_transactions_count_when_they_begin(weir):
    with weir.connect() as client:
        client.query("SELECT 1")
        seen = Difference(weir)
        for sql, counts in (("SELECT 1", (1, 1)), ("BEGIN", (2, 2)), ("SELECT 1", (2, 3)),
                            ("SELECT 1", (2, 4)), ("COMMIT", (2, 5))):
            client.query(sql)
            assert seen.counts("xact_count", "query_count") == counts, sql


@pytest.mark.parametrize("messages,queries", [
    ([query("SELECT 1")] * 5, 5),
    ([query("SELECT 1; SELECT 2")], 1),
    ([parse("", "SELECT 1"), bind(), execute(), sync()], 1),
    ([parse("", "SELECT 1"), bind(), execute(), bind(), execute(), sync()], 1),
    ([parse("", "SELECT 1"), sync(), bind(), execute(), sync()], 2),
    ([query("")], 1),
    ([query("COPY (SELECT 1) TO STDOUT")], 1),
    ([query("SELECT 1/0")], 1),
])
def test_what_counts_as_a_query(weir, messages, queries):
    with weir.connect() as client:
        client.query("SELECT 1")
        seen = Difference(weir)
        client.send(*messages)
        for _ in range(sum(message[:1] in b"QS" for message in messages)):
            client.recv_ready()
        assert seen.counts("xact_count", "query_count") == (queries, queries)
        assert seen.counts("bytes_received") == (sum(map(len, messages)),)


def test_a_copy_counts_once_and_with_its_data(weir):
    with weir.connect() as client:
        client.query("CREATE TABLE copied (a text)")
        seen = Difference(weir)
        sql = query("COPY copied FROM STDIN")
        client.send(sql)
        assert client.recv().type == "G"
        data = [copy_data(b"x" * 999 + b"\n")] * 200 + [copy_done()]
        client.send(*data)
        assert client.recv_ready().tags == ["COPY 200"]
        assert seen.counts("xact_count", "query_count") == (1, 1)
        assert seen.counts("bytes_received") == (len(sql) + sum(map(len, data)),)


def test_bytes_are_counted_as_on_the_wire(weir):
    with weir.connect() as client:
        client.query("SELECT 1")
        seen = Difference(weir)
        message = query("SELECT repeat('x', 100000)")
        client.send(message)
        got = sum(5 + len(found.body) for found in client.recv_until("Z"))
        assert seen.counts("bytes_received", "bytes_sent") == (len(message), got)


def test_the_time_of_a_transaction_has_its_pauses_in_it(weir, wait_until):
    with weir.connect() as client, weir.connect() as sleeper:
        client.query("SELECT 1")
        seen = Difference(weir)
        client.query("BEGIN")
        sleeper.query("SELECT pg_sleep(0.3)")
        queries, = seen.counts("query_time")
        assert 300000 <= queries < 5000000
        client.query("COMMIT")
        assert seen.counts("xact_time")[0] >= 600000
        assert seen.counts("query_time")[0] < queries + 300000


def test_a_login_is_no_assignment_of_a_server(pgweir, single):
    weir = pgweir(host=single)
    weir.connect().close()
    assert weir.admin("SHOW STATS_TOTALS")[0]["server_assignment_count"] == "0"
    seen = Difference(weir)
    for _ in range(3):
        with weir.connect(params={"client_encoding": "UTF8", "DateStyle": "German"}):
            pass
    assert seen.counts("server_assignment_count", "client_login_count") == (0, 3)


def test_the_wait_for_a_server_is_counted_when_it_ends(pgweir, single, wait_until):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as one_client, weir.connect() as other:
        one_client.query("BEGIN")
        seen = Difference(weir)
        other.send(query("SELECT 1"))
        wait_until(lambda: pool(weir).get("cl_waiting") == 1)
        one_client.query("SELECT pg_sleep(0.3)")
        assert seen.counts("wait_time", "server_assignment_count", "query_count") == (0, 0, 2)
        one_client.query("COMMIT")
        assert other.recv_ready().value == "1"
        wait, assignments = seen.counts("wait_time", "server_assignment_count")
        assert wait >= 300000 and assignments == 1
        assert seen.counts("query_time")[0] >= 600000  # with the time in the queue


def test_prepared_statements_and_logins_are_counted(weir):
    seen = None
    with weir.connect() as client:
        client.query("SELECT 1")
        seen = Difference(weir)
        client.send(parse("s", "SELECT 1"), bind("", "s"), execute(), sync())
        client.recv_ready()
        client.send(bind("", "s"), execute(), sync())
        client.recv_ready()
        assert seen.counts("client_parse_count", "server_parse_count", "bind_count") == (1, 1, 2)
    with weir.connect() as client:
        client.send(parse("t", "SELECT 1"), bind("", "t"), execute(), sync())
        client.recv_ready()
        assert seen.counts("client_parse_count", "server_parse_count", "bind_count",
                           "client_login_count") == (2, 1, 3, 1)


def test_a_database_without_pools_has_no_statistics(pgweir, single):
    weir = pgweir(host=single, databases={"unused": {"host": "127.0.0.1", "port": single.port}})
    assert [row["database"] for row in weir.admin("SHOW STATS")] == ["pgbouncer"]
    with weir.connect() as client:
        client.query("SELECT 1")
    assert [row["database"] for row in weir.admin("SHOW STATS")] == ["app", "pgbouncer"]


def test_the_console_has_statistics_of_its_own(weir):
    with weir.connect("admin", "pgbouncer") as console:
        before = one(console.query("SHOW STATS_TOTALS").dicts(), database="pgbouncer")
        after = one(console.query("SHOW STATS_TOTALS").dicts(), database="pgbouncer")
    assert int(after["query_count"]) == int(before["query_count"]) + 1
    assert int(after["client_login_count"]) == int(before["client_login_count"]) == 1
    assert after["bytes_sent"] == "0"


def test_averages_are_there_at_once_and_follow(pgweir, single, wait_until):
    weir = pgweir(host=single, settings={"stats_period": 1})
    with weir.connect() as client:
        for _ in range(100):
            client.query("SELECT 1")
        row = one(weir.admin("SHOW STATS"), database="app")
        assert 5 < int(row["avg_query_count"]) <= 100
        assert 0 < int(row["avg_query_time"]) < 1000000
        assert int(row["avg_xact_time"]) >= int(row["avg_query_time"])
        assert int(row["avg_recv"]) > int(row["avg_query_count"])

        def is_quiet():
            quiet = one(weir.admin("SHOW STATS"), database="app")
            return quiet["avg_query_count"] == quiet["avg_recv"] == quiet["avg_query_time"] == "0"

        wait_until(is_quiet)
        assert int(one(weir.admin("SHOW STATS"), database="app")["total_query_count"]) == 100


def test_the_average_wait_is_one_of_those_who_waited(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as one_client, weir.connect() as other:
        one_client.query("BEGIN")
        other.send(query("SELECT 1"))
        one_client.query("SELECT pg_sleep(0.5)")
        one_client.query("COMMIT")
        other.recv_ready()
        row = one(weir.admin("SHOW STATS_AVERAGES"), database="app")
        assert 100000 <= int(row["wait_time"]) < 5000000  # two or three assignments


def test_a_stats_period_of_nothing_is_a_second(pgweir, single):
    """PgBouncer takes it; the loop is not to be busy with averages."""
    weir = pgweir(host=single, settings={"stats_period": 0})
    weir.wait_log("stats: ")
    started = time.monotonic()
    mark = weir.log_mark()
    weir.wait_log("stats: .*\n(.*\n)*.*stats: ", since=mark)
    assert time.monotonic() - started > 0.9


def test_a_line_of_statistics_is_logged_each_period(pgweir, single):
    weir = pgweir(host=single, settings={"stats_period": 1})
    with weir.connect() as client:
        weir.wait_log("stats: 0 xacts/s")
        for _ in range(50):
            client.query("SELECT 1")
        weir.wait_log(r"LOG stats: [1-9]\d* xacts/s, [1-9]\d* queries/s, \d+ client parses/s, "
                      r"\d+ server parses/s, \d+ binds/s, \d+ client logins/s, in \d+ B/s, "
                      r"out \d+ B/s, xact \d+ us, query \d+ us, wait \d+ us")


def test_a_client_that_is_cancelled_in_the_queue_leaves_no_time_behind(pgweir, single, wait_until):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as busy, weir.connect() as queued:
        busy.query("BEGIN")
        queued.send(query("SELECT 1"))
        wait_until(lambda: pool(weir).get("cl_waiting") == 1)
        queued.cancel()
        assert queued.recv_ready().error.sqlstate == "57014"
        assert pool(weir) == {"cl_active": 2, "sv_active": 1}


def test_a_client_of_the_unix_socket_has_the_port_that_names_it(weir):
    with weir.connect(host=weir.dir) as client:
        client.query("SELECT 1")
        shown = one(weir.admin("SHOW CLIENTS"), database="app")
        assert (shown["addr"], shown["port"], shown["local_addr"], shown["local_port"]) == (
            "unix", str(weir.port), "unix", str(weir.port))
        ports = [(row["task"], row["port"]) for row in weir.admin("SHOW FDS") if row["addr"] == "unix"]
        assert ports == [("pooler", str(weir.port)), ("client", str(weir.port))]
        weir.wait_log(r"LOG C-\d+: app/app@unix\(%d\):%d login attempt: " % (os.getpid(), weir.port))


# The log, as its watchers know it.


def test_the_log_says_who_comes_and_goes(weir):
    with weir.connect() as client:
        client.query("SELECT 1")
        weir.wait_log(r"UTC \[\d+\] LOG C-\d+: app/app@127\.0\.0\.1:\d+ login attempt: db=app user=app "
                      r"tls=no replication=no$")
        weir.wait_log(r"LOG S-\d+: app/app@127\.0\.0\.1:\d+ new connection to server "
                      r"\(from 127\.0\.0\.1:\d+\)$")
    weir.wait_log(r"LOG C-\d+: app/app@\S+ closing because: client close request \(age=\d+s\)$")
    weir.admin("RECONNECT")
    weir.wait_log(r"LOG S-\d+: app/app@\S+ closing because: .+ \(age=\d+s\)$")
    with pytest.raises(WireError):
        weir.connect(database="nowhere")
    weir.wait_log(r"WARNING C-\d+: \(?\w+\)?/app@\S+ pooler error: no such database: nowhere$")
    with weir.connect(login=False) as client:
        client.send(startup({"database": "app"}))
        assert client.recv_closed()
    weir.wait_log(r"LOG C-\d+: app/\(nouser\)@\S+ closing because: no username supplied \(age=0s\)$")
    with weir.connect("admin", "pgbouncer") as console:
        console.request(query("NONSENSE"))
    weir.wait_log(r"WARNING C-\d+: pgbouncer/admin@\S+ pooler error: invalid command 'NONSENSE', "
                  r"use SHOW HELP;$")
    weir.wait_log(r"\[\d+\] LOG process up: ")
    weir.wait_log(r"LOG C-\d+: pgbouncer/admin@\S+ closing because: client close request")


def test_the_log_is_silent_about_what_it_is_told_not_to_tell(pgweir, single):
    quiet = {"log_connections": 0, "log_disconnections": 0, "log_pooler_errors": 0, "log_stats": 0}
    weir = pgweir(host=single, settings=dict(quiet, stats_period=1))
    told = ("login attempt", "new connection to server", r"LOG C-\d+: .* closing because",
            r"LOG S-\d+: .* closing because", "pooler error", "LOG stats: ")

    def a_day_at_work():
        with weir.connect() as client:
            client.query("SELECT 1")
        with pytest.raises(WireError):
            weir.connect(database="nowhere")
        weir.admin("RECONNECT")

    a_day_at_work()
    mark = weir.log_mark()
    assert [words for words in told if re.search(words, weir.log())] == []
    for name in quiet:
        weir.admin("SET %s = 1" % name)
    a_day_at_work()
    for words in told:
        weir.wait_log(words, since=mark)
