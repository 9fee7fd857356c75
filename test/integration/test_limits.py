# SPDX-License-Identifier: ISC
"""Limits on connections and on time."""
import time

import pytest

from harness import wire
from harness.helpers import activity, backends, fatal, is_running, many, pid_of, refusal
from harness.wire import bind, execute, flush, parse, query, sync


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


def test_server_connect_timeout_covers_the_login(pgweir, fake_postgres, wait_until):
    fake = fake_postgres(lambda server: server.take(1 << 20))
    weir = pgweir({"databases": {"app": {"host": "127.0.0.1", "port": fake.port}}},
                  settings={"server_connect_timeout": "300ms"})
    error = refusal(weir)
    assert error.sqlstate.startswith("08")
    assert "connect timeout" in error["M"]


def test_server_login_retry_does_not_hammer_a_host(pgweir, fake_postgres):
    fake = fake_postgres(lambda server: server.abort())
    weir = pgweir({"databases": {"app": {"host": "127.0.0.1", "port": fake.port}}},
                  settings={"server_login_retry": "30s"})
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


def test_an_extended_request_that_waits_too_long_ends_as_a_simple_one(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1, "query_wait_timeout": "200ms"})
    with weir.connect() as one, weir.connect() as two:
        hold(one)
        two.send(parse("", "SELECT 1"), bind(), execute(), flush(), sync())
        assert fatal(two).sqlstate == "57014"
