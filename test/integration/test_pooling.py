# SPDX-License-Identifier: ISC
"""When a client gets a server, when it gives it back, and in which order."""
import threading

import pytest

from harness import wire
from harness.helpers import backends, fatal, is_running, many, pid_of
from harness.wire import bind, describe, execute, parse, query, sync

MODES = ["session", "transaction", "statement"]


def simple(client, sql):
    return client.query(sql).value


def extended(client, sql):
    return client.extended(sql).value


PROTOCOLS = pytest.mark.parametrize("ask", [simple, extended], ids=["simple", "extended"])


@PROTOCOLS
@pytest.mark.parametrize("mode", MODES)
def test_queries_work_in_each_mode(pgweir, single, mode, ask):
    weir = pgweir(host=single, settings={"pool_mode": mode})
    with weir.connect() as client:
        for number in range(5):
            assert ask(client, "SELECT %d" % number) == str(number)
            assert client.status == "I"


@PROTOCOLS
def test_session_mode_keeps_the_server_until_the_client_leaves(pgweir, single, wait_until, ask):
    weir = pgweir(host=single, settings={"pool_mode": "session", "default_pool_size": 1})
    with weir.connect() as one:
        pid = ask(one, "SELECT pg_backend_pid()")
        with weir.connect() as two:
            two.send(query("SELECT pg_backend_pid()"))
            assert two.is_quiet()
            assert ask(one, "SELECT pg_backend_pid()") == pid
            one.close()
            assert two.recv_ready().value == pid


@PROTOCOLS
@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_the_server_is_given_back_after_each_query(pgweir, single, mode, ask):
    weir = pgweir(host=single, settings={"pool_mode": mode, "default_pool_size": 1})
    with weir.connect() as one, weir.connect() as two:
        pids = {ask(client, "SELECT pg_backend_pid()") for client in (one, two, one, two)}
        assert len(pids) == 1


@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK"])
@PROTOCOLS
def test_a_transaction_keeps_its_server_to_its_end(pgweir, single, ask, end):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as one, weir.connect() as two:
        ask(one, "BEGIN")
        two.send(query("SELECT 2"))
        ask(one, "SELECT 1")
        assert two.is_quiet()
        ask(one, end)
        assert two.recv_ready().value == "2"


def test_a_failed_transaction_keeps_its_server_to_its_rollback(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as one, weir.connect() as two:
        one.query("BEGIN")
        with pytest.raises(wire.WireError):
            one.query("SELECT 1/0")
        assert one.status == "E"
        two.send(query("SELECT 2"))
        assert two.is_quiet()
        with pytest.raises(wire.WireError) as caught:
            one.query("SELECT 1")
        assert caught.value.sqlstate == "25P02"
        one.query("ROLLBACK")
        assert two.recv_ready().value == "2"


def test_a_query_of_several_statements_is_one_transaction_on_one_server(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        result = client.query("SELECT 1; SELECT 2; SELECT 3")
        assert [row[0] for row in result.rows] == ["1", "2", "3"]
        result = client.request(query("CREATE TABLE t (i int); INSERT INTO t VALUES (1); SELECT 1/0"))
        assert result.error.sqlstate == "22012"
        assert client.status == "I"
        assert client.value("SELECT to_regclass('t')") is None


def test_an_empty_query_is_answered(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        assert client.query("").types == "IZ"
        assert client.query(" ; ; ").types == "IZ"


@PROTOCOLS
def test_statement_mode_refuses_transaction_blocks(pgweir, single, wait_until, ask):
    weir = pgweir(host=single, settings={"pool_mode": "statement", "default_pool_size": 1})
    with weir.connect() as client, weir.connect() as other:
        client.send(query("BEGIN") if ask is simple else
                    parse("", "BEGIN") + bind() + describe("P") + execute() + sync())
        assert "transaction blocks not allowed in statement pooling mode" in fatal(client)["M"]
        assert ask(other, "SELECT 1") == "1"
    wait_until(lambda: not is_running(single, "BEGIN%"))
    weir.wait_log(r"LOG S-\d+: \S+ closing because: transaction blocks not allowed in statement")


def test_pool_mode_of_a_database_and_of_a_user(pgweir, single):
    plain = {"host": "127.0.0.1", "port": single.port, "pool_size": 1}
    weir = pgweir({"databases": {"app": dict(plain, pool_mode="session"),
                                 "app2": dict(plain, dbname="app")},
                   "users": {"app2": {"pool_mode": "session"}}})
    for user, database, shared in (("app", "app", False), ("app", "app2", True),
                                   ("app2", "app2", False)):
        with weir.connect(user, database) as one, weir.connect(user, database) as two:
            pid_of(one)
            two.send(query("SELECT 2"))
            if shared:
                assert two.recv_ready().value == "2"
            else:
                assert two.is_quiet()


def test_server_reset_query_runs_between_clients_of_session_mode(pgweir, single, wait_until):
    weir = pgweir(host=single, settings={"pool_mode": "session", "default_pool_size": 1})
    with weir.connect() as one:
        pid = pid_of(one)
        one.query("SET work_mem = '123kB'; CREATE TEMP TABLE mine (i int)")
        one.query("PREPARE mine AS SELECT 1")
        one.query("LISTEN here")
    with weir.connect() as two:
        assert pid_of(two) == pid
        assert two.value("SHOW work_mem") != "123kB"
        assert two.value("SELECT to_regclass('pg_temp.mine')") is None
        assert two.value("SELECT count(*) FROM pg_prepared_statements") == "0"
        assert two.value("SELECT count(*) FROM pg_listening_channels()") == "0"


def test_without_a_reset_query_session_state_stays(pgweir, single):
    weir = pgweir(host=single, settings={"pool_mode": "session", "default_pool_size": 1,
                                         "server_reset_query": ""})
    with weir.connect() as one:
        one.query("SET work_mem = '123kB'")
    with weir.connect() as two:
        assert two.value("SHOW work_mem") == "123kB"


@pytest.mark.parametrize("always", [0, 1])
def test_server_reset_query_always_resets_in_transaction_mode(pgweir, single, always):
    weir = pgweir(host=single, settings={"default_pool_size": 1,
                                         "server_reset_query_always": always})
    with weir.connect() as client:
        client.query("PREPARE left_behind AS SELECT 1")
        left = client.value("SELECT count(*) FROM pg_prepared_statements")
        assert (left == "0") == bool(always)


def test_a_reset_query_that_fails_costs_only_the_server(pgweir, single):
    weir = pgweir(host=single, settings={"pool_mode": "session", "default_pool_size": 1,
                                         "server_reset_query": "SELECT 1/0"})
    with weir.connect() as one:
        pid = pid_of(one)
    with weir.connect() as two:
        assert pid_of(two) != pid


def test_waiting_clients_are_served_first_come_first_served(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as writer, many(weir.connect, 12) as clients:
        writer.query("CREATE TABLE turns (at serial, number int)")
        writer.query("BEGIN")
        for number, client in enumerate(clients):
            client.send(query("INSERT INTO turns (number) VALUES (%d)" % number))
            # What is sent after this one is read is read later than the one.
            weir.connect().close()
        writer.query("COMMIT")
        for client in clients:
            assert client.recv_ready().tags == ["INSERT 0 1"]
        rows = writer.query("SELECT number FROM turns ORDER BY at").rows
        assert [int(row[0]) for row in rows] == list(range(12))


def test_one_who_asks_again_does_not_overtake_those_who_wait(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as greedy, many(weir.connect, 5) as clients:
        greedy.query("CREATE TABLE turns (at serial, who text)")
        greedy.query("BEGIN")
        for client in clients:
            client.send(query("INSERT INTO turns (who) VALUES ('patient')"))
        weir.connect().close()
        greedy.send(query("COMMIT"), query("INSERT INTO turns (who) VALUES ('greedy')"))
        for client in clients:
            client.recv_ready()
        greedy.recv_ready()
        greedy.recv_ready()
        # A pipelined request keeps the server that it has, so the greedy one may be the first, or
        # the last; in between would be a disorder.
        rows = [row[0] for row in greedy.query("SELECT who FROM turns ORDER BY at").rows]
        assert rows.index("greedy") in (0, 5)


def test_min_pool_size_servers_are_opened_before_they_are_needed(pgweir, single, wait_until):
    weir = pgweir(host=single, settings={"min_pool_size": 4})
    with weir.connect() as client:
        client.query("SELECT 1")
        wait_until(lambda: len(backends(single)) == 4)
        single.query("SELECT pg_terminate_backend(%d)" % backends(single)[0])
        wait_until(lambda: len(backends(single)) == 4)


def test_min_pool_size_of_a_list_is_its_hosts_together(pgweir, fake_postgres, wait_until):
    one = fake_postgres()
    two = fake_postgres(address="127.0.0.5", port=one.port)
    weir = pgweir({"databases": {"app": {"host": "127.0.0.1,127.0.0.5", "port": one.port,
                                         "user": "app", "min_pool_size": 4}}})
    wait_until(lambda: [row["state"] for row in weir.admin("SHOW SERVERS")] == ["idle"] * 4)
    assert (len(one.connections), len(two.connections)) == (2, 2)
    weir.reload()
    assert weir.connect().value("SELECT 1") == "1"
    assert len(weir.admin("SHOW SERVERS")) == 4


def test_min_pool_size_with_a_forced_user_needs_no_client(pgweir, single, wait_until):
    entry = {"host": "127.0.0.1", "port": single.port, "user": "app", "min_pool_size": 2}
    pgweir({"databases": {"app": entry}})
    wait_until(lambda: len(backends(single)) == 2)


def test_server_idle_timeout_closes_down_to_min_pool_size(pgweir, single, wait_until):
    weir = pgweir(host=single, settings={"server_idle_timeout": "300ms", "min_pool_size": 1})
    with many(weir.connect, 3) as clients:
        for client in clients:
            client.query("BEGIN")
            client.query("SELECT 1")
        assert len(backends(single)) == 3
        for client in clients:
            client.query("COMMIT")
        wait_until(lambda: len(backends(single)) == 1)
        assert clients[0].value("SELECT 1") == "1"


def test_server_lifetime_closes_idle_servers_and_never_busy_ones(pgweir, single, wait_until):
    weir = pgweir(host=single, settings={"server_lifetime": "500ms"})
    with weir.connect() as client:
        client.query("BEGIN")
        pid = pid_of(client)
        client.query("SELECT pg_sleep(0.7)")
        assert pid_of(client) == pid
        client.query("COMMIT")
        wait_until(lambda: pid not in backends(single))
        assert pid_of(client) != pid


def test_server_lifetime_zero_is_one_use(pgweir, single):
    weir = pgweir(host=single, settings={"server_lifetime": 0})
    with weir.connect() as client:
        assert len({pid_of(client) for _ in range(4)}) == 4


@pytest.mark.parametrize("round_robin", [0, 1])
def test_server_round_robin_takes_the_one_that_rested_longest(pgweir, single, round_robin):
    weir = pgweir(host=single, settings={"server_round_robin": round_robin})
    with many(weir.connect, 3) as clients:
        for client in clients:
            client.query("BEGIN")
            client.query("SELECT 1")
        for client in clients:
            client.query("COMMIT")
        pids = {pid_of(clients[0]) for _ in range(6)}
        assert len(pids) == (3 if round_robin else 1)


def test_a_server_that_rested_is_checked_before_use(pgweir, fake_postgres):
    fake = fake_postgres()
    weir = pgweir({"databases": {"app": {"host": "127.0.0.1", "port": fake.port}}},
                  settings={"server_check_delay": 0, "server_check_query": "SELECT 7"})
    with weir.connect() as client:
        for _ in range(3):
            assert client.value("SELECT 1") == "1"
    asked = [found.body for found in fake.received("Q")]
    assert asked == [b"SELECT 1\0"] + [b"SELECT 7\0", b"SELECT 1\0"] * 2  # a new one is not
    assert len(fake.connections) == 1


def test_a_server_that_fails_its_check_is_replaced(pgweir, fake_postgres):
    def script(server):
        server.accept()
        for found in server.messages():
            if server.number == 0 and found.body == b"SELECT 7\0":
                return
            server.answer(found)

    fake = fake_postgres(script)
    weir = pgweir({"databases": {"app": {"host": "127.0.0.1", "port": fake.port}}},
                  settings={"server_check_delay": 0, "server_check_query": "SELECT 7"})
    with weir.connect() as client:
        assert client.value("SELECT 1") == "1"
        assert client.value("SELECT 1") == "1"
    assert len(fake.connections) == 2


def test_an_idle_server_that_is_terminated_is_replaced_without_an_error(pgweir, single, wait_until):
    weir = pgweir(host=single)
    with weir.connect() as client:
        for _ in range(5):
            pid = pid_of(client)
            single.query("SELECT pg_terminate_backend(%d)" % pid)
            wait_until(lambda: pid not in backends(single))
            assert pid_of(client) != pid


def test_a_terminated_query_is_an_error_and_the_client_stays(pgweir, single, wait_until):
    weir = pgweir(host=single)
    with weir.connect() as client:
        client.send(query("SELECT pg_sleep(60), 'terminated'"))
        wait_until(lambda: is_running(single, "%''terminated''%"))
        single.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                     " WHERE query LIKE '%''terminated''%' AND pid <> pg_backend_pid()")
        result = client.recv_ready()
        assert result.error.sqlstate in ("08006", "57P01")
        assert result.status == "I"
        assert client.value("SELECT 1") == "1"


def test_a_terminated_transaction_stays_aborted_until_its_rollback(pgweir, single, wait_until):
    weir = pgweir(host=single)
    with weir.connect() as client:
        client.query("CREATE TABLE t (i int)")
        client.query("BEGIN")
        client.query("INSERT INTO t VALUES (1)")
        single.query("SELECT pg_terminate_backend(%d)" % pid_of(client))
        states = [client.request(query("INSERT INTO t VALUES (2)")) for _ in range(2)]
        assert all(result.error and result.status == "E" for result in states)
        assert states[1].error.sqlstate == "25P02"
        assert client.query("ROLLBACK").status == "I"
        assert client.value("SELECT count(*) FROM t") == "0"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("where", ["idle", "query", "transaction", "batch", "result", "copy", "waiting"])
def test_a_client_that_vanishes_disturbs_nobody(pgweir, single, wait_until, mode, where):
    if mode == "statement" and where == "transaction":
        pytest.skip("statement mode has no transaction blocks")
    weir = pgweir(host=single, settings={"pool_mode": mode, "default_pool_size": 2})
    with weir.connect() as admin:
        admin.query("CREATE TABLE t (i text)")
    with weir.connect() as other:
        other.query("SELECT 1")
        for _ in range(4):
            client = weir.connect()
            if where == "query":
                client.send(query("SELECT pg_sleep(0.2)"))
            elif where == "transaction":
                client.query("BEGIN")
                client.query("INSERT INTO t VALUES ('a')")
            elif where == "batch":
                client.send(parse("", "INSERT INTO t VALUES ('a')"), bind(), execute())
            elif where == "result":
                client.send(query("SELECT repeat('x', 1000) FROM generate_series(1, 20000)"))
                client.recv()
            elif where == "copy":
                client.send(query("COPY t FROM STDIN"))
                assert client.recv().type == "G"
                client.send(wire.copy_data(b"a\nb\n"))
            elif where == "waiting":
                client.send(query("SELECT 1"))
            client.abort()
            if mode != "session":
                assert other.value("SELECT 1") == "1"
        wait_until(lambda: len(backends(single)) <= 2)
        assert other.value("SELECT 1") == "1"
        assert other.value("SELECT count(*) FROM t") == "0"
    with many(weir.connect, 2) as clients:
        for client in clients:
            assert client.value("SELECT 1") == "1"


def test_a_client_that_leaves_a_transaction_has_it_rolled_back(pgweir, single, wait_until):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client:
        client.query("CREATE TABLE t (i int)")
    for leave in (wire.Wire.close, wire.Wire.abort):
        client = weir.connect()
        client.query("BEGIN")
        client.query("INSERT INTO t VALUES (1)")
        leave(client)
        with weir.connect() as other:
            assert other.value("SELECT count(*) FROM t") == "0"
            assert other.status == "I"


def test_many_clients_at_once(pgweir, single):
    """Forty clients, four servers, simple and extended, commits and rollbacks: sums must fit."""
    weir = pgweir(host=single, settings={"default_pool_size": 4})
    with weir.connect() as client:
        client.query("CREATE TABLE t (who int, n int)")
    failed = []

    def work(who):
        try:
            with weir.connect() as client:
                for n in range(10):
                    client.query("BEGIN")
                    client.extended("INSERT INTO t VALUES ($1, $2)", [who, n])
                    assert client.value("SELECT count(*) FROM t WHERE who = %d AND n = %d"
                                        % (who, n)) == "1"
                    client.query("ROLLBACK" if n % 2 else "COMMIT")
                    assert client.extended("SELECT $1::int", [n]).value == str(n)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(who,)) for who in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    with weir.connect() as client:
        assert client.value("SELECT count(*) FROM t") == "200"
    assert len(backends(single)) <= 4
