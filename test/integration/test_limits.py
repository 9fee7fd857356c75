# SPDX-License-Identifier: ISC
"""Limits on connections and on time."""
import re
import subprocess
import threading
import time

import pytest

from harness import wire
from harness.helpers import activity, backends, fatal, is_running, many, pid_of, refusal
from harness.wire import bind, copy_data, copy_done, execute, flush, parse, query, sync


class Clock:
    """How long something took."""

    def __enter__(self):
        self.started = time.monotonic()
        return self

    def __exit__(self, *_):
        self.took = time.monotonic() - self.started


def hold(client):
    client.query("BEGIN")
    client.query("SELECT 1")


# Connections.

def test_default_pool_size_bounds_the_servers(pgweir, single, wait_until):
    weir = pgweir(host=single, settings={"default_pool_size": 3})
    with many(weir.connect, 10) as clients:
        for client in clients:
            client.send(query("SELECT pg_sleep(0.05)"))
        for client in clients:
            assert client.recv_ready().error is None
        assert len(backends(single)) == 3


def test_pool_size_is_counted_for_each_user_and_database(pgweir, single):
    plain = {"host": "127.0.0.1", "port": single.port}
    weir = pgweir({"databases": {"app": dict(plain, pool_size=1), "app2": plain}},
                  settings={"default_pool_size": 2})
    holders = [("app", "app"), ("app2", "app"), ("app", "app2"), ("app", "app2")]
    clients = [weir.connect(*each) for each in holders]
    for client in clients:
        hold(client)
    with weir.connect("app", "app") as late:
        late.send(query("SELECT 1"))
        assert late.is_quiet()
    for client in clients:
        client.close()


def test_pool_size_zero_is_without_limit(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 0})
    with many(weir.connect, 30) as clients:
        for client in clients:
            hold(client)
        assert len(backends(single)) == 30


def test_the_reserve_is_used_when_a_client_waits_too_long(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1, "reserve_pool_size": 2,
                                         "reserve_pool_timeout": "300ms"})
    with many(weir.connect, 4) as clients:
        hold(clients[0])
        with Clock() as clock:
            for client in clients[1:]:
                client.send(query("BEGIN; SELECT 1"))
            assert clients[1].recv_ready().value == "1"
        assert 0.25 < clock.took < 5
        assert clients[2].recv_ready().value == "1"
        assert clients[3].is_quiet(0.5)
        assert len(backends(single)) == 3
        assert weir.log().count("app/app taking connection from reserve_pool") == 2
        clients[0].query("COMMIT")
        assert clients[3].recv_ready().value == "1"


def test_max_client_conn(pgweir, single, wait_until):
    weir = pgweir(host=single, settings={"max_client_conn": 3})
    with many(weir.connect, 3) as clients:
        error = refusal(weir)
        assert (error.sqlstate, error["M"]) == (
            "53300", "no more connections allowed (max_client_conn)")
        clients[0].close()
        wait_until(lambda: weir.connect().close() is None)
        assert clients[1].value("SELECT 1") == "1"


def test_a_client_beyond_max_client_conn_is_refused_before_it_is_asked_who_it_is(pgweir, single):
    """Who never finishes its login counts, so that nobody opens more than that; as in PgBouncer."""
    weir = pgweir(host=single, settings={"max_client_conn": 2, "auth_type": "md5"})
    packet = wire.startup({"user": "app", "database": "app"})
    with many(lambda: wire.Wire(weir.port, login=False), 3) as clients:
        for client in clients[:2]:
            client.send(packet)
            assert client.recv().type == "R"
        clients[2].send(packet)
        assert fatal(clients[2]).sqlstate == "53300"
        with weir.connect("admin", "pgweir", password="admin-secret") as console:
            assert console.query("SHOW VERSION").rows
            clients[2].close()
            clients[0].send(wire.password(wire.md5_secret("app", "wrong")))
            assert fatal(clients[0]).sqlstate == "28P01"
            with weir.connect(password="app-secret") as late:
                assert late.value("SELECT 1") == "1"


def test_clients_of_the_console_do_not_count(pgweir, single):
    weir = pgweir(host=single, settings={"max_client_conn": 1})
    with weir.connect("admin", "pgweir", password="admin-secret") as console:
        with weir.connect() as client:
            assert client.value("SELECT 1") == "1"
            with weir.connect("admin", "pgweir", password="admin-secret") as other:
                assert other.query("SHOW VERSION").rows
        assert console.query("SHOW VERSION").rows


def test_max_db_client_connections(pgweir, single):
    plain = {"host": "127.0.0.1", "port": single.port}
    weir = pgweir({"databases": {"app": dict(plain, max_db_client_connections=2), "app2": plain}})
    with many(weir.connect, 2):
        error = refusal(weir)
        assert (error.sqlstate, error["M"]) == (
            "53300", "client connections exceeded (max_db_client_connections)")
        with weir.connect("app", "app2") as client:
            assert client.value("SELECT 1") == "1"
    with weir.connect() as client:
        assert client.value("SELECT 1") == "1"


def test_client_limits_hold_on_the_console_for_all_but_admins(pgweir, single):
    weir = pgweir({"pgweir": {"max_user_client_connections": 2}}, host=single)

    def login(user):
        return weir.connect(user=user, database="pgbouncer")

    with login("stats"), login("stats"), login("admin"), login("admin"), login("admin"):
        with pytest.raises(wire.WireError) as caught:
            login("stats")
        assert (caught.value.sqlstate, caught.value["M"]) == (
            "53300", "client connections exceeded (max_user_client_connections)")
        weir.admin("SET max_user_client_connections = 0")
        weir.admin("SET max_db_client_connections = 5")
        with pytest.raises(wire.WireError) as caught:
            login("stats")
        assert caught.value["M"] == "client connections exceeded (max_db_client_connections)"
        login("admin").close()


def test_max_user_client_connections(pgweir, single):
    weir = pgweir({"users": {"app": {"max_user_client_connections": 2}}}, host=single)
    with many(weir.connect, 2):
        error = refusal(weir)
        assert (error.sqlstate, error["M"]) == (
            "53300", "client connections exceeded (max_user_client_connections)")
        with weir.connect("app2") as client:
            assert client.value("SELECT 1") == "1"


def test_max_db_connections_bounds_the_servers_of_all_users(pgweir, single):
    weir = pgweir(host=single, settings={"max_db_connections": 2})
    with weir.connect("app") as one, weir.connect("app2") as two, weir.connect("app") as three:
        hold(one)
        hold(two)
        three.send(query("SELECT 3"))
        assert three.is_quiet()
        assert len(backends(single)) == 2
        one.query("COMMIT")
        assert three.recv_ready().value == "3"


def test_max_db_connections_takes_idle_servers_of_other_users(pgweir, single):
    weir = pgweir(host=single, settings={"max_db_connections": 1})
    with weir.connect("app") as one, weir.connect("app2") as two:
        for client in (one, two, one, two):
            assert client.value("SELECT 1") == "1"
            assert len(backends(single)) <= 1
        hold(one)
        two.send(query("SELECT 2"))
        assert two.is_quiet()
        one.query("COMMIT")
        assert two.recv_ready().value == "2"


class Busy:
    """Clients of a user that ask without a pause, and how often they were answered."""

    def __init__(self, weir, user, database="app", count=3):
        self.stop, self.answers = False, 0
        self.clients = [weir.connect(user, database) for _ in range(count)]
        self.threads = [threading.Thread(target=self.ask, args=(client,), daemon=True)
                        for client in self.clients]

    def ask(self, client):
        while not self.stop:
            client.query("SELECT pg_sleep(0.005)")
            self.answers += 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop = True
        for thread in self.threads:
            thread.join(10)
        for client in self.clients:
            client.close()


@pytest.mark.parametrize("limit", ["max_db_connections", "max_user_connections"])
@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_a_pool_that_is_always_busy_does_not_starve_another(pgweir, single, wait_until, limit, mode):
    plain = {"host": "127.0.0.1", "port": single.port}
    weir = pgweir({"databases": {"app": plain, "app2": plain}},
                  settings={limit: 1, "pool_mode": mode})
    others = ("app2", "app") if limit == "max_db_connections" else ("app", "app2")
    with Busy(weir, "app"), weir.connect(*others) as other:
        for _ in range(3):
            with Clock() as clock:
                assert other.value("SELECT 1") == "1"
            assert clock.took < 3
        with Busy(weir, *others) as second, Busy(weir, "app") as first:
            wait_until(lambda: first.answers > 20 and second.answers > 20)
        assert len(backends(single, "app") + backends(single, "app2")) <= 1


def test_room_goes_to_who_waits_longest(pgweir, single, wait_until):
    weir = pgweir(host=single, settings={"max_db_connections": 1})
    users = ("app", "app2", "postgres")
    with weir.connect("app") as holder:
        hold(holder)
        waiters = []
        for at, user in enumerate(users[1:] + users[:1], 1):
            client = weir.connect(user, login=False)
            client.send(wire.startup({"user": user, "database": "app"}))
            waiters.append(client)
            wait_until(lambda: waiting(weir) == at or user == "app")
        holder.query("COMMIT")
        for client in waiters:
            client.finish_login()
            assert client.value("SELECT 1") == "1"
            client.close()


def test_min_pool_size_takes_nothing_from_other_pools(pgweir, single, wait_until):
    weir = pgweir(host=single, settings={"max_db_connections": 1, "min_pool_size": 1})
    with weir.connect("app") as one, weir.connect("app2") as two:
        for client in (one, two):
            assert client.value("SELECT 1") == "1"
        pids = backends(single)
        assert two.is_quiet(0.5)
        assert backends(single) == pids


def test_max_user_connections_bounds_the_servers_of_all_databases(pgweir, single):
    plain = {"host": "127.0.0.1", "port": single.port}
    weir = pgweir({"databases": {"app": plain, "app2": plain},
                   "users": {"app": {"max_user_connections": 1}}})
    with weir.connect("app", "app") as one, weir.connect("app", "app2") as two:
        for client in (one, two, one, two):
            assert client.value("SELECT 1") == "1"
        hold(one)
        two.send(query("SELECT 2"))
        assert two.is_quiet()
        assert backends(single, "app2") == []
        with weir.connect("app2", "app2") as other:
            assert other.value("SELECT 1") == "1"
        one.query("COMMIT")
        assert two.recv_ready().value == "2"


def test_a_limit_of_the_host_makes_clients_wait_or_fail_with_its_error(pgweir, new_cluster):
    """PostgreSQL has no room for more: those who have servers go on, the others wait for one."""
    host = new_cluster(replicas=0, settings={"max_connections": "6",
                                             "superuser_reserved_connections": "3"}).primary
    weir = pgweir(host=host, settings={"server_login_retry": "200ms"})
    with many(weir.connect, 8) as clients:
        for client in clients:
            client.send(query("SELECT pg_sleep(0.1), 1"))
        for client in clients:
            assert client.recv_ready().error is None


# Servers.


def test_a_pool_that_was_made_smaller_closes_the_surplus(pgweir, single, wait_until):
    weir = pgweir(host=single, settings={"default_pool_size": 4})
    with many(weir.connect, 4) as clients:
        for client in clients:
            hold(client)
        for client in clients[:2]:
            client.query("COMMIT")
        assert len(backends(single)) == 4
        weir.admin("SET default_pool_size = 1")
        wait_until(lambda: len(backends(single)) == 2)
        weir.wait_log("closing because: too many servers in the pool")
        clients[2].query("COMMIT")
        wait_until(lambda: len(backends(single)) == 1)
        clients[3].query("COMMIT")
        assert clients[0].value("SELECT 1") == "1"
        assert len(backends(single)) == 1


def test_servers_that_were_opened_together_are_not_closed_together(pgweir, single, wait_until):
    weir = pgweir(host=single, settings={"default_pool_size": 2, "server_lifetime": 2})
    with many(weir.connect, 2) as clients:
        for client in clients:
            hold(client)
        for client in clients:
            client.query("COMMIT")
        assert len(backends(single)) == 2
        wait_until(lambda: len(backends(single)) == 1)
        with Clock() as clock:
            wait_until(lambda: len(backends(single)) == 0)
        assert 0.7 < clock.took < 5


def test_idle_servers_below_min_pool_size_grow_old_but_not_idle(pgweir, single, wait_until):
    weir = pgweir(host=single, settings={"min_pool_size": 1, "server_idle_timeout": 1,
                                         "server_lifetime": 60})
    with weir.connect() as client:
        pid = pid_of(client)
        assert client.is_quiet(2.5)
        assert backends(single) == [pid]


@pytest.mark.parametrize("fast", [0, 1])
def test_server_fast_close(pgweir, single, wait_until, fast):
    weir = pgweir(host=single, settings={"pool_mode": "session", "server_fast_close": fast})
    with many(weir.connect, 3) as (idle, in_block, running):
        idle.query("SELECT 1")
        hold(in_block)
        running.send(query("SELECT pg_sleep(1)"))
        wait_until(lambda: is_running(single, "%pg_sleep%"))
        weir.admin("RECONNECT")
        if not fast:
            assert idle.is_quiet(0.3)
            assert running.recv_ready().error is None
            assert running.value("SELECT 1") == in_block.value("SELECT 1") == "1"
            return
        error = fatal(idle)
        assert (error.sqlstate, error["M"]) == ("57P01", "database configuration changed")
        assert in_block.value("SELECT 1") == "1"
        done = running.recv_closed()
        assert [found.type for found in done][-2:] == ["Z", "E"]
        in_block.send(query("COMMIT"))
        assert [found.type for found in in_block.recv_closed()] == ["C", "Z", "E"]
        with weir.connect() as client:
            assert client.value("SELECT 1") == "1"


@pytest.mark.parametrize("side", ["client", "server"])
def test_tcp_settings_are_on_the_sockets(pgweir, single, wait_until, side):
    weir = pgweir(host=single, settings={
        "tcp_keepalive": 1, "tcp_keepidle": 77, "tcp_keepintvl": 33, "tcp_keepcnt": 5,
        "tcp_user_timeout": 12345, "tcp_socket_buffer": 65536})
    with weir.connect() as client:
        client.query("BEGIN")
        if side == "client":
            end = "sport = :%d and dport = :%d" % (weir.port, client.sock.getsockname()[1])
        else:
            end = "dport = :%d" % single.port

        def options():
            shown = subprocess.run(["ss", "-tnomH", "state", "established", end],
                                   stdout=subprocess.PIPE, text=True).stdout
            return re.search(r"timer:\(keepalive,1min(\d+)sec,0\).*rb(\d+),\w+,tb(\d+),",
                             " ".join(shown.split()))

        found = wait_until(options)
        # tcp_keepidle counts down; the kernel doubles the buffers that are asked for.
        assert 10 <= int(found[1]) <= 17
        assert found[2] == found[3] == "131072"


# Time.

def test_query_wait_timeout(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1, "query_wait_timeout": "300ms"})
    with weir.connect() as one, weir.connect() as two:
        hold(one)
        with Clock() as clock:
            two.send(query("SELECT 2"))
            error = fatal(two)
        assert (error.sqlstate, error["M"]) == ("57014", "query_wait_timeout")
        assert 0.25 < clock.took < 5
        assert one.query("COMMIT").status == "I"
        with weir.connect() as three:
            assert three.value("SELECT 3") == "3"


def test_query_wait_timeout_of_a_user_and_of_a_database(pgweir, single):
    plain = {"host": "127.0.0.1", "port": single.port, "pool_size": 1}
    weir = pgweir({"databases": {"app": plain, "app2": dict(plain, query_wait_timeout=1)},
                   "users": {"app2": {"query_wait_timeout": 1}}})
    for user, database in (("app", "app2"), ("app2", "app")):
        with weir.connect(user, database) as one, weir.connect(user, database) as two:
            hold(one)
            two.send(query("SELECT 2"))
            assert fatal(two)["M"] == "query_wait_timeout"


def test_query_wait_notify_tells_once(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1, "query_wait_notify": "200ms"})
    with weir.connect() as one, weir.connect() as two:
        hold(one)
        two.send(query("SELECT 2"))
        notice = two.recv(5)
        assert notice.type == "N"
        assert "client being queued" in notice.fields()["M"]
        assert two.is_quiet(0.5)
        one.query("COMMIT")
        assert two.recv_ready().value == "2"


def test_client_idle_timeout(pgweir, single):
    weir = pgweir(host=single, settings={"client_idle_timeout": "400ms"})
    with weir.connect() as idle, weir.connect() as busy:
        hold(busy)
        error = fatal(idle)
        assert (error.sqlstate, error["M"]) == ("57P05", "client_idle_timeout")
        assert busy.value("SELECT 1") == "1"  # a transaction is not idleness


def test_client_idle_timeout_of_one_user_leaves_the_others_alone(pgweir, single):
    weir = pgweir({"users": {"app": {"client_idle_timeout": 1}}}, host=single)
    with weir.connect("app") as one, weir.connect("app2") as two:
        assert fatal(one)["M"] == "client_idle_timeout"
        assert two.is_quiet(0.5)
        assert two.value("SELECT 1") == "1"


def forced(single, **more):
    """Two entries, the first of which makes app of whoever logs in."""
    plain = {"host": "127.0.0.1", "port": single.port}
    return {"app": dict(plain, user="app", **more), "app2": dict(plain, dbname="app")}


def test_limits_of_a_client_are_those_of_the_user_who_logged_in(pgweir, single, wait_until):
    """With a forced user the pool's user is another one; its limits are for servers."""
    weir = pgweir({"databases": forced(single, pool_size=1),
                   "users": {"app": {"client_idle_timeout": 1, "query_wait_timeout": 1,
                                     "max_user_client_connections": 1},
                             "app2": {"client_idle_timeout": 60, "query_wait_timeout": 60}}})
    with weir.connect("app2") as patient, weir.connect("app2") as busy, \
            weir.connect("app") as hasty:
        assert refusal(weir)["M"] == "client connections exceeded (max_user_client_connections)"
        hold(busy)
        patient.send(query("SELECT 1"))
        hasty.send(query("SELECT 1"))
        assert fatal(hasty)["M"] == "query_wait_timeout"
        with weir.connect("app") as idle:
            assert fatal(idle)["M"] == "client_idle_timeout"
        assert patient.is_quiet(0.1)
        busy.query("COMMIT")
        assert patient.recv_ready().value == "1"


def test_limits_of_a_server_are_those_of_its_user(pgweir, single):
    weir = pgweir({"databases": forced(single),
                   "users": {"app": {"idle_transaction_timeout": 1, "pool_size": 1,
                                     "max_user_connections": 1},
                             "app2": {"idle_transaction_timeout": 60, "pool_size": 5}}})
    with weir.connect("app2") as one, weir.connect("app2") as two:
        hold(one)
        two.send(query("SELECT 2"))
        assert two.is_quiet(0.1)
        assert fatal(one)["M"] == "idle transaction timeout"
        assert two.recv_ready().value == "2"


@pytest.mark.parametrize("name,sql", [
    ("query_timeout", "SELECT pg_sleep(20)"),
    ("transaction_timeout", "BEGIN; SELECT pg_sleep(20)"),
])
def test_time_outs_of_what_runs_are_those_of_the_servers_user(pgweir, single, name, sql):
    """Each way round: the user who logged in has no say in it."""
    weir = pgweir({"databases": forced(single, pool_size=2),
                   "users": {"app": {name: 1}, "app2": {name: 60}}})
    reverse = pgweir({"databases": forced(single, pool_size=2),
                      "users": {"app": {name: 60}, "app2": {name: 1}}})
    with weir.connect("app2") as one, reverse.connect("app2") as other:
        one.send(query(sql))
        other.send(query(sql))
        assert fatal(one)["M"].replace(" ", "_") == name
        assert other.is_quiet(0.5)


def test_query_timeout_in_the_queue_is_that_of_the_servers_user(pgweir, single):
    weir = pgweir({"databases": forced(single, pool_size=1),
                   "users": {"app": {"query_timeout": 1}, "app2": {"query_timeout": 60}}})
    with weir.connect("app2") as one, weir.connect("app2") as two:
        hold(one)
        two.send(query("SELECT 2"))
        assert fatal(two)["M"] == "query_timeout"
        assert one.value("SELECT 1") == "1"


@pytest.mark.parametrize("name,provoke", [
    ("query_timeout", lambda client: client.send(query("SELECT pg_sleep(4)"))),
    ("idle_transaction_timeout", hold),
    ("client_idle_timeout", lambda client: None),
    ("transaction_timeout", lambda client: client.send(query("BEGIN; SELECT pg_sleep(4)"))),
])
def test_the_user_goes_before_the_database_and_that_before_all(pgweir, single, name, provoke):
    plain = {"host": "127.0.0.1", "port": single.port}
    weir = pgweir({"databases": {"app": dict(plain, **{name: 1}), "app2": dict(plain, dbname="app")},
                   "users": {"app2": {name: 1}, "plain_user": {name: 60}}},
                  settings={name: 60})
    short = [("app", "app"), ("app2", "app2")]
    long = [("app", "app2"), ("plain_user", "app")]
    clients = {each: weir.connect(*each) for each in short + long}
    for client in clients.values():
        provoke(client)
    for each in short:
        assert fatal(clients[each])["M"].replace(" ", "_") == name
    for each in long:
        assert clients[each].is_quiet(0.5)
        clients[each].close()


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_idle_transaction_timeout(pgweir, single, wait_until, mode):
    weir = pgweir(host=single, settings={"idle_transaction_timeout": "400ms", "pool_mode": mode})
    with weir.connect() as idle, weir.connect() as busy:
        pid = pid_of(idle)
        idle.query("BEGIN")
        busy.query("BEGIN")
        assert busy.value("SELECT 1 FROM pg_sleep(0.7)") == "1"
        error = fatal(idle)
        assert (error.sqlstate, error["M"]) == ("25P03", "idle transaction timeout")
        wait_until(lambda: "idle in transaction" not in dict(activity(single, "BEGIN")).values())
        assert pid


def test_idle_transaction_timeout_spares_who_has_only_deallocated(pgweir, cluster, wait_until):
    """In session pooling: it keeps its server, but has no transaction."""
    weir = pgweir(cluster=cluster, settings={"idle_transaction_timeout": "300ms", "pool_mode": "session"})
    with weir.connect() as client, weir.connect() as other:
        client.request(wire.parse("s", "SELECT 1"), wire.sync())
        client.query("CREATE TABLE mine (i int)")  # from now on it keeps to the primary
        client.query("DEALLOCATE s")
        other.query("BEGIN")
        other.query("SELECT 1")
        wait_until(lambda: "idle transaction timeout" in weir.log(), what="that of the other")
        assert client.value("SELECT 1") == "1"


def test_idle_transaction_timeout_does_not_count_the_time_of_queries(pgweir, single):
    """A query that was sent before the answer to BEGIN was in is not idleness."""
    weir = pgweir(host=single, settings={"idle_transaction_timeout": "300ms"})
    with weir.connect() as client:
        client.send(query("BEGIN"), query("SELECT 1 FROM pg_sleep(0.8)"))
        assert client.recv_ready().status == "T"
        assert client.recv_ready().value == "1"
        assert fatal(client).sqlstate == "25P03"


def test_query_timeout(pgweir, single, wait_until):
    weir = pgweir(host=single, settings={"query_timeout": "400ms"})
    with weir.connect() as slow, weir.connect() as quick:
        slow.send(query("SELECT pg_sleep(60), 'too slow'"))
        quick.query("SELECT 1")
        error = fatal(slow)
        assert (error.sqlstate, error["M"]) == ("57014", "query timeout")
        assert quick.value("SELECT 1") == "1"


def test_query_timeout_holds_for_each_query_of_a_pipeline(pgweir, single):
    weir = pgweir(host=single, settings={"query_timeout": "500ms"})
    with weir.connect() as client:
        client.send(*[query("SELECT 1 FROM pg_sleep(0.2)")] * 5)
        for _ in range(5):
            assert client.recv_ready().value == "1"
        client.send(query("SELECT 1"), query("SELECT pg_sleep(5)"))
        assert client.recv_ready().value == "1"
        with Clock() as clock:
            assert fatal(client)["M"] == "query timeout"
        assert clock.took < 4


def test_query_timeout_covers_the_time_in_the_queue(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1, "query_timeout": "400ms"})
    with weir.connect() as one, weir.connect() as two:
        hold(one)
        with Clock() as clock:
            two.send(query("SELECT 2"))
            error = fatal(two)
        assert (error.sqlstate, error["M"]) == ("57014", "query_timeout")
        assert 0.35 < clock.took < 5
        assert one.query("COMMIT").status == "I"


def test_query_timeout_is_not_for_a_copy_whose_data_comes(pgweir, single):
    weir = pgweir(host=single, settings={"query_timeout": "400ms"})
    with weir.connect() as client, weir.connect() as stalled:
        client.query("CREATE TABLE copied (a text)")
        client.send(query("COPY copied FROM STDIN"))
        assert client.recv().type == "G"
        for _ in range(12):
            client.send(copy_data(b"x\n"))
            assert client.is_quiet(0.1)
        client.send(copy_done())
        assert client.recv_ready().tags == ["COPY 12"]
        stalled.send(query("COPY copied FROM STDIN"))
        assert stalled.recv().type == "G"
        assert fatal(stalled)["M"] == "query timeout"


def test_query_timeout_counts_from_each_flush_of_a_batch(pgweir, single):
    weir = pgweir(host=single, settings={"query_timeout": "500ms"})
    with weir.connect() as client:
        for _ in range(4):
            client.send(parse("", "SELECT pg_sleep(0.2)"), bind(), execute(), flush())
            client.recv_until("C")
        assert client.request(sync()).status == "I"


def test_transaction_timeout(pgweir, single, wait_until):
    weir = pgweir(host=single, settings={"transaction_timeout": "600ms"})
    with weir.connect() as client, weir.connect() as other:
        client.query("BEGIN")
        with pytest.raises((wire.Closed, OSError)):
            for _ in range(100):
                client.query("SELECT 1 FROM pg_sleep(0.05)")
        with Clock() as clock:
            while clock_since(clock) < 0.8:
                other.query("SELECT 1 FROM pg_sleep(0.05)")
        wait_until(lambda: len(backends(single)) <= 1)


def clock_since(clock):
    return time.monotonic() - clock.started


@pytest.mark.parametrize("stage", ["silent", "half a packet", "no password", "half a password"])
def test_a_login_that_never_finishes_is_ended(pgweir, single, stage):
    weir = pgweir(host=single, settings={"client_login_timeout": "500ms", "auth_type": "md5",
                                         "tcp_defer_accept": 0})
    packet = wire.startup({"user": "app", "database": "app"})
    with wire.Wire(weir.port, login=False) as client:
        if stage == "half a packet":
            client.send(packet[:11])
        elif stage != "silent":
            client.send(packet)
            assert client.recv().type == "R"
            if stage == "half a password":
                client.send(wire.password("md5" + "0" * 32)[:9])
        error = fatal(client)
        assert error["M"] == "client_login_timeout"
    with weir.connect(password="app-secret") as client:
        assert client.value("SELECT 1") == "1"


def test_client_login_timeout_covers_the_wait_for_the_first_server(pgweir, fake_postgres):
    fake = fake_postgres(lambda server: server.take(1 << 20))
    weir = pgweir({"databases": {"app": {"host": "127.0.0.1", "port": fake.port}}},
                  settings={"client_login_timeout": "500ms"})
    error = refusal(weir)
    assert error["M"] == "client_login_timeout (server down)"


def test_client_login_timeout_counts_from_the_connection(pgweir, fake_postgres):
    fake = fake_postgres(lambda server: server.take(1 << 20))
    weir = pgweir({"databases": {"app": {"host": "127.0.0.1", "port": fake.port}}},
                  settings={"client_login_timeout": "800ms", "auth_type": "md5",
                            "tcp_defer_accept": 0})
    with Clock() as clock, wire.Wire(weir.port, login=False) as client:
        client.is_quiet(0.5)
        client.user, client.database, client.password = "app", "app", "app-secret"
        client.send(wire.startup({"user": "app", "database": "app"}))
        with pytest.raises((wire.WireError, wire.Closed)):
            client.finish_login()
    assert clock.took < 1.2


def test_query_wait_timeout_bounds_the_wait_for_the_first_server_too(pgweir, fake_postgres):
    fake = fake_postgres(lambda server: server.take(1 << 20))
    weir = pgweir({"databases": {"app": {"host": "127.0.0.1", "port": fake.port}}},
                  settings={"query_wait_timeout": "300ms"})
    assert refusal(weir)["M"] == "query_wait_timeout"


def test_cancel_wait_timeout_gives_up_a_request_that_cannot_be_passed_on(pgweir, fake_postgres,
                                                                         wait_until):
    end = threading.Event()

    def script(server):
        if server.number != 0:
            end.wait(20)  # the cancel request is never taken
            return
        server.accept()
        for found in server.messages():
            if b"slow" in found.body:
                continue
            server.answer(found)

    fake = fake_postgres(script)
    weir = pgweir({"databases": {"app": {"host": "127.0.0.1", "port": fake.port}}},
                  settings={"cancel_wait_timeout": "300ms"})
    with weir.connect() as client:
        client.send(query("SELECT slow"))
        wait_until(lambda: weir.admin("SHOW SERVERS") and
                   weir.admin("SHOW SERVERS")[0]["state"] == "active")
        with Clock() as clock:
            client.cancel()  # returns when the connection is closed
        assert 0.25 < clock.took < 5
        wait_until(lambda: [row["state"] for row in weir.admin("SHOW SERVERS")] == ["active"])
        end.set()


def test_server_connect_timeout_covers_the_login(pgweir, fake_postgres, wait_until):
    fake = fake_postgres(lambda server: server.take(1 << 20))
    weir = pgweir({"databases": {"app": {"host": "127.0.0.1", "port": fake.port}}},
                  settings={"server_connect_timeout": "300ms", "client_login_timeout": "1s"})
    assert refusal(weir)["M"] == "client_login_timeout (server down)"
    weir.wait_log(r"closing because: connect timeout \(")
    error = refusal(weir)
    assert error.sqlstate.startswith("08")
    assert "connect timeout" in error["M"]


def test_a_login_that_waits_for_its_first_server_is_bound_by_query_timeout(pgweir, fake_postgres):
    fake = fake_postgres(lambda server: server.take(1 << 20))
    weir = pgweir({"databases": {"app": {"host": "127.0.0.1", "port": fake.port}}},
                  settings={"query_timeout": "300ms"})
    assert refusal(weir)["M"] == "query_timeout"


def test_who_waits_when_a_server_goes_is_served_when_it_is_back(pgweir, fake_postgres):
    """Who comes while it is away is told at once."""
    back = threading.Event()

    def script(server):
        if not back.is_set():
            server.close()
        else:
            server.greet()

    fake = fake_postgres(script)
    weir = pgweir({"databases": {"app": {"host": "127.0.0.1", "port": fake.port}}},
                  settings={"server_login_retry": "2s"})
    with weir.connect(login=False) as first:
        first.send(wire.startup({"user": "app", "database": "app"}))
        weir.wait_log(r"S-\d+: \S+ closing because: ")
        error = refusal(weir)
        assert error.sqlstate.startswith("08")
        assert "server login has been failing, cached error" in error["M"]
        back.set()
        first.recv_until("Z")


def test_server_login_retry_does_not_hammer_a_host(pgweir, fake_postgres):
    fake = fake_postgres(lambda server: server.abort())
    weir = pgweir({"databases": {"app": {"host": "127.0.0.1", "port": fake.port}}},
                  settings={"server_login_retry": "30s", "client_login_timeout": "1s"})
    assert refusal(weir)["M"] == "client_login_timeout (server down)"
    for _ in range(5):
        error = refusal(weir)
        assert error.sqlstate.startswith("08")
    assert len(fake.connections) <= 2


def test_limits_changed_by_a_reload_hold_at_once(pgweir, single, wait_until):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as one, weir.connect() as two:
        hold(one)
        two.send(query("SELECT 2"))
        assert two.is_quiet()
        config = dict(weir.template)
        config["pgweir"] = dict(config["pgweir"], default_pool_size=2)
        weir.reload(config)
        assert two.recv_ready().value == "2"


def test_limits_of_time_changed_by_set_hold_at_once(pgweir, single, wait_until):
    """For those who wait, who run and who idle already."""
    weir = pgweir(host=single, settings={"default_pool_size": 3})
    with many(weir.connect, 5) as (running, holding, idle_in, queued, idle):
        for client in (running, holding):
            hold(client)
        running.send(query("SELECT pg_sleep(60)"))
        hold(idle_in)
        queued.send(query("SELECT 1"))
        wait_until(lambda: waiting(weir) == 1)
        for name, client in (("query_wait_timeout", queued), ("client_idle_timeout", idle),
                             ("query_timeout", running),
                             ("idle_transaction_timeout", idle_in)):
            assert client.is_quiet(0.1), name
            weir.admin("SET %s = 1" % name)
            assert fatal(client)["M"].replace(" ", "_") == name
            weir.admin("SET %s = 0" % name)
        assert fatal(holding)["M"] == "idle transaction timeout"


def waiting(weir, database="app"):
    return sum(int(row["cl_waiting"]) for row in weir.admin("SHOW POOLS")
               if row["database"] == database)


def test_an_extended_request_that_waits_too_long_ends_as_a_simple_one(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1, "query_wait_timeout": "200ms"})
    with weir.connect() as one, weir.connect() as two:
        hold(one)
        two.send(parse("", "SELECT 1"), bind(), execute(), flush(), sync())
        assert fatal(two).sqlstate == "57014"
