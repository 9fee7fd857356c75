# SPDX-License-Identifier: ISC
"""Reads on replicas, writes on the primary, and nothing that a client of PostgreSQL would notice."""
import asyncio
import os

import asyncpg
import psycopg
import pytest

from harness import wire
from harness.cluster import wait_until
from harness.split import READ, WRITE, Load, ports, prepare, served, wait_for_reads
from harness.wire import bind, describe, execute, flush, parse, query, sync

DATABASES = {
    "app": {"cluster": "main"},
    "app_rw": {"cluster": "main", "dbname": "app", "route": "primary"},
    "app_ro": {"cluster": "main", "dbname": "app", "route": "replica"},
    "app_prefer": {"cluster": "main", "dbname": "app", "route": "prefer-replica"},
    "app_any": {"cluster": "main", "dbname": "app", "route": "any"},
}


@pytest.fixture
def places(cluster):
    """The shared cluster with the view `here` and the table `log`."""
    prepare(cluster)
    return cluster


@pytest.fixture
def weir(pgweir, places):
    """pgweir in front of it; all hosts are known and fresh."""
    running = pgweir(cluster=places, databases=DATABASES)
    wait_for_reads(running, places.replicas, wait_until)
    return running


def is_replica(places, port):
    return port in ports(places.replicas)


def fresh(weir, database="app", **params):
    """A client that has written nothing."""
    return weir.connect(database=database, **params)


def test_reads_reach_both_replicas_and_writes_the_primary(weir, places):
    clients = [fresh(weir) for _ in range(4)]
    with Load(weir, 6, lambda client, _: served(client)) as load:
        wait_until(lambda: {turn.value for turn in load.good()} >= ports(places.replicas),
                   what="reads on both")
    assert not load.errors
    assert {turn.value for turn in load.turns} == ports(places.replicas)
    for client in clients:
        assert served(client, WRITE) == places.primary.port
        client.close()


@pytest.mark.parametrize("sql", [
    "SELECT 1 AS one, served_by.port FROM here AS served_by",
    "WITH x AS (SELECT port FROM here) SELECT * FROM x",
    "SELECT port FROM (SELECT port FROM here) AS nested /* FOR UPDATE */",
    "(SELECT port FROM here)",
    "TABLE here",
    "SELECT port, 'nextval(''log_id_seq'')', now(), lower('A') FROM here -- FOR UPDATE",
    "SELECT port FROM here UNION ALL SELECT port FROM here",
    "VALUES ((SELECT port FROM here))",
    "SELECT count(*) FROM log; SELECT port FROM here",
])
def test_a_read_runs_on_a_replica(weir, places, sql):
    with fresh(weir) as client:
        result = client.query(sql)
        assert int(result.rows[-1][-1 if "one" in sql else 0]) in ports(places.replicas)


@pytest.mark.parametrize("sql", [
    "SELECT port FROM here, log FOR UPDATE OF log",
    "SELECT port FROM here; INSERT INTO log (note) VALUES ('second')",
    "INSERT INTO log (note) VALUES ('first'); SELECT port FROM here",
    "WITH w AS (INSERT INTO log (note) VALUES ('cte') RETURNING 1) SELECT port FROM here, w",
    "SELECT nextval('log_id_seq'), port FROM here",
    "SELECT port, pg_advisory_xact_lock(1) FROM here",
    "SELECT port, unknown_function() FROM here",
    "SELECT port INTO TEMP elsewhere FROM here",
    "EXPLAIN ANALYZE INSERT INTO log (note) VALUES ('explained')",
    "SELECT port FROM here WHERE 1 IN (SELECT 1 FROM (SELECT 1 FROM log FOR SHARE) AS locked) OR true",
])
def test_all_else_runs_on_the_primary(weir, places, sql):
    places.primary.query("SET ROLE app; CREATE FUNCTION unknown_function() RETURNS int LANGUAGE sql"
                         " AS 'SELECT 1'; INSERT INTO log (note) VALUES ('row')", "app")
    places.wait_caught_up()
    marks = [(host, len(host.log())) for host in places.replicas]
    with fresh(weir) as client:
        result = client.query(sql)
        found = [row[result.columns.index("port")] for row in result.rows if "port" in result.columns]
        assert set(found) <= {str(places.primary.port)}
        assert not [host for host, mark in marks if "ERROR" in host.log()[mark:]]


def test_show_hosts_counts_where_requests_went(weir, places):
    with fresh(weir) as writer:
        before = {int(row["port"]): row for row in weir.admin("SHOW HOSTS")}
        for _ in range(5):
            with fresh(weir) as reader:
                served(reader)
            served(writer, WRITE)
        after = {int(row["port"]): row for row in weir.admin("SHOW HOSTS")}

    def grown(name, hosts):
        return sum(int(after[host.port][name]) - int(before[host.port][name]) for host in hosts)

    assert grown("reads", places.replicas) == 5
    assert grown("writes", [places.primary]) == 5
    assert grown("writes", places.replicas) == 0
    assert [row["role"] for row in after.values()] == ["primary", "replica", "replica"]


def test_a_transaction_block_stays_on_the_primary(weir, places):
    with fresh(weir) as client:
        client.query("BEGIN")
        assert served(client) == places.primary.port
        assert served(client, WRITE) == places.primary.port
        assert served(client) == places.primary.port
        client.query("COMMIT")
        assert client.value("SELECT count(*) FROM log") == "1"


def test_a_failed_block_stays_failed_until_rollback(weir):
    with fresh(weir) as client:
        client.query("BEGIN")
        with pytest.raises(wire.WireError):
            client.query("SELECT 1/0")
        assert client.status == "E"
        with pytest.raises(wire.WireError) as caught:
            client.query(READ)
        assert caught.value.sqlstate == "25P02"
        assert client.query("COMMIT").tags == ["ROLLBACK"]
        assert client.status == "I"


@pytest.mark.parametrize("begin", [
    ["BEGIN READ ONLY"],
    ["START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"],
    ["BEGIN", "SET TRANSACTION READ ONLY"],
    ["BEGIN", "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SET TRANSACTION READ ONLY"],
    ["begin /* odd */ transaction read only;"],
])
def test_a_read_only_block_runs_on_a_replica(weir, places, begin):
    with fresh(weir) as client:
        for sql in begin:
            client.query(sql)
            assert client.status == "T"
        port = served(client)
        assert is_replica(places, port)
        assert client.value("SHOW transaction_read_only") == "on"
        assert served(client) == port
        with pytest.raises(wire.WireError) as caught:
            client.query(WRITE)
        assert caught.value.sqlstate == "25006"
        assert client.status == "E"
        client.query("ROLLBACK")
        assert served(client, WRITE) == places.primary.port


def test_a_block_begun_serializable_runs_on_the_primary(weir, places):
    with fresh(weir) as client:
        client.query("BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY")
        assert served(client) == places.primary.port
        client.query("COMMIT")


def test_default_transaction_read_only_sends_blocks_to_a_replica(weir, places):
    with fresh(weir, params={"options": "-c default_transaction_read_only=on"}) as client:
        client.query("BEGIN")
        assert is_replica(places, served(client))
        client.query("COMMIT")


def test_begin_alone_holds_no_server(pgweir, places):
    running = pgweir(cluster=places, settings={"default_pool_size": 1})
    wait_for_reads(running, places.replicas, wait_until)
    begun = [fresh(running) for _ in range(5)]
    try:
        for client in begun:
            assert client.query("BEGIN").tags == ["BEGIN"]
            assert client.status == "T"
        with fresh(running, timeout=5) as other:
            assert served(other, WRITE) == places.primary.port
        for client in begun:
            assert client.query("COMMIT").tags == ["COMMIT"]
            assert client.status == "I"
    finally:
        for client in begun:
            client.close()


def test_modes_told_after_a_lazy_begin_hold(weir):
    with fresh(weir) as client:
        client.query("BEGIN")
        client.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        assert client.value("SHOW transaction_isolation") == "repeatable read"
        client.query("ROLLBACK")


@pytest.mark.parametrize("begin", ["BEGIN -- now", "BEGIN; -- now", "START TRANSACTION /* now */"])
def test_modes_told_after_a_lazy_begin_with_a_comment_hold(weir, begin):
    with fresh(weir) as client:
        client.query(begin)
        client.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ -- strict")
        client.query("SET TRANSACTION READ ONLY")
        assert client.value("SHOW transaction_isolation") == "repeatable read"
        assert client.value("SHOW transaction_read_only") == "on"
        client.query("ROLLBACK")


@pytest.mark.parametrize("mode", [
    "TRANSACTION SNAPSHOT 'none'", "TRANSACTION READ", "TRANSACTION ISOLATION LEVEL FOO",
    "TRANSACTION READ ONLY x", "transaction_isolation = 'foo'", "transaction_read_only = on on"])
def test_wrong_modes_after_a_lazy_begin_fail_the_transaction(weir, places, mode):
    """And nothing that was said behind them runs outside of it."""
    with fresh(weir) as client, places.primary.connect() as direct:
        expected = []
        for connection in (client, direct):
            connection.query("BEGIN")
            told = [connection.request(query(sql)) for sql in (
                "SET " + mode, "INSERT INTO log (note) VALUES ('outside')", "ROLLBACK")]
            expected.append([(result.status, result.tags, [(e.sqlstate, e["M"]) for e in result.errors])
                             for result in told])
        assert expected[0] == expected[1]
    assert places.primary.value("SELECT count(*) FROM log WHERE note = 'outside'", "app") == "0"


@pytest.mark.parametrize("how", ["startup", "options", "SET", "CHARACTERISTICS"])
def test_who_is_serializable_by_default_reads_on_the_primary(pgweir, places, how):
    """A standby refuses serializable transactions."""
    weir = pgweir(cluster=places, settings={"track_session": 1})
    wait_for_reads(weir, places.replicas, wait_until)
    params = {"startup": {"default_transaction_isolation": "Serializable"},
              "options": {"options": "-c default_transaction_isolation=serializable"}}.get(how, {})
    with fresh(weir, params=params) as client:
        if how == "SET":
            client.query("SET default_transaction_isolation = 'serializable'")
        elif how == "CHARACTERISTICS":
            client.query("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        client.query("BEGIN READ ONLY")
        assert int(client.value("SELECT port FROM here")) == places.primary.port
        client.query("COMMIT")
        assert int(client.value("SELECT port FROM here")) == places.primary.port


def test_begin_twice_warns_as_postgresql_does(weir):
    with fresh(weir) as client:
        client.query("BEGIN")
        client.query("BEGIN")
        assert [notice["C"] for notice in client.notices] == ["25001"]
        client.query("ROLLBACK")


def test_a_lazy_begin_is_answered_as_it_was_said(weir):
    with fresh(weir) as client:
        for sql, tag in (("/* a */ start transaction read only", "START TRANSACTION"), ("BEGIN", "BEGIN")):
            assert client.query(sql).tags == [tag]
            assert client.query("COMMIT").tags == ["COMMIT"]


def test_begin_with_more_in_one_string(weir, places):
    with fresh(weir) as client:
        result = client.query("BEGIN; SELECT port FROM here; INSERT INTO log (note) VALUES ('m'); COMMIT")
        assert result.tags == ["BEGIN", "SELECT 1", "INSERT 0 1", "COMMIT"]
        assert result.value == str(places.primary.port)


def test_copy_out_runs_on_a_replica_and_copy_in_on_the_primary(weir, places):
    with fresh(weir) as client:
        result = client.request(query("COPY (SELECT port FROM here) TO STDOUT"))
        assert not result.errors
        lines = [message.body for message in result.messages if message.type == "d"]
        assert int(lines[0]) in ports(places.replicas)
        client.send(query("COPY log (note) FROM STDIN"))
        client.recv_until("G")
        result = client.request(wire.copy_data(b"one\ntwo\n"), wire.copy_done())
        assert result.tags == ["COPY 2"]
        assert client.value("SELECT count(*) FROM log") == "2"


# What the client asks for itself.

def test_set_route(weir, places):
    with fresh(weir) as client:
        client.query("SET pgweir.route = 'primary'")
        assert client.value("SHOW pgweir.route") == "primary"
        assert served(client) == places.primary.port
        client.query("SET pgweir.route TO replica")
        assert is_replica(places, served(client))
        client.query("RESET pgweir.route")
        assert client.value("SHOW pgweir.route") == "default"
        assert served(client, WRITE) == places.primary.port
        with pytest.raises(wire.WireError) as caught:
            client.query("SET pgweir.route = 'nowhere'")
        assert caught.value.sqlstate == "22023"


def test_route_in_startup_options(weir, places):
    with fresh(weir, params={"options": "-c pgweir.route=primary"}) as client:
        assert client.value("SHOW pgweir.route") == "primary"
        assert served(client) == places.primary.port


def test_a_hint_routes_one_request(weir, places):
    with fresh(weir) as client:
        assert served(client, "/* pgweir: route=primary */ " + READ) == places.primary.port
    with fresh(weir) as client:
        assert is_replica(places, served(client, "/* pgweir: route=replica */ SELECT inet_server_port()"))
        assert served(client, "SELECT inet_server_port()") == places.primary.port
        assert served(client, "/* route=replica */ SELECT inet_server_port()") == places.primary.port


def test_a_hint_in_a_prepared_statement_holds_when_it_is_executed_later(weir, places):
    with fresh(weir) as client:
        client.request(parse("p", "/* pgweir: route=primary */ " + READ), sync())
        for _ in range(3):
            assert client.request(bind("", "p"), execute(), sync()).value == str(places.primary.port)


def test_databases_with_a_route(weir, places):
    both, all_hosts = ports(places.replicas), ports(places.hosts)
    with fresh(weir, "app_rw") as client:
        assert served(client) == places.primary.port
    for database in ("app_ro", "app_prefer"):
        with fresh(weir, database) as client:
            assert served(client) in both
            with pytest.raises(wire.WireError) as caught:
                client.query(WRITE)
            assert caught.value.sqlstate == "25006"
    with fresh(weir, "app_any") as client:
        assert served(client) in all_hosts


def test_the_endpoint_never_looks_like_a_standby(weir, places):
    with fresh(weir) as client:
        for _ in range(5):
            assert is_replica(places, served(client))
            assert client.parameters.get("in_hot_standby", "off") == "off"
            assert client.parameters.get("default_transaction_read_only", "off") == "off"
        assert client.value("SELECT pg_is_in_recovery()") == "f"
        assert client.value("SHOW transaction_read_only") == "off"


# No replica fits.

def test_without_replicas_reads_run_on_the_primary(pgweir, places):
    running = pgweir(cluster=places, databases=DATABASES)
    wait_for_reads(running, places.replicas, wait_until)
    with fresh(running) as client, fresh(running, "app_prefer") as preferring:
        assert is_replica(places, served(client))
        for host in places.replicas:
            host.kill()
        for _ in range(10):
            assert served(client) == places.primary.port
            assert served(preferring) == places.primary.port


def test_no_replica_error_says_so_at_once(pgweir, places):
    running = pgweir(cluster=places, settings={"no_replica": "error"})
    wait_for_reads(running, places.replicas, wait_until)
    for host in places.replicas:
        host.kill()
    with fresh(running) as client:
        def refused():
            result = client.request(query(READ))
            return result.errors and result.error.sqlstate == "57P03"
        wait_until(refused, what="reads refused")
        assert client.status == "I"
        assert served(client, WRITE) == places.primary.port


def test_no_replica_wait_waits_for_one(pgweir, places):
    running = pgweir(cluster=places, databases={
        "app": {"cluster": "main", "no_replica": "wait", "query_wait_timeout": 20},
        "short": {"cluster": "main", "dbname": "app", "route": "replica", "query_wait_timeout": 1}})
    wait_for_reads(running, places.replicas, wait_until)
    for host in places.replicas:
        host.kill()
    with fresh(running) as client, fresh(running, "short") as short:
        client.send(query(READ))
        with pytest.raises((wire.WireError, wire.Closed)):
            short.query(READ)
        assert client.is_quiet(0.2)
        places.replicas[0].start()
        assert int(client.recv_ready(15).value) == places.replicas[0].port


# The extended protocol.

def test_the_extended_protocol_is_split_too(weir, places):
    with fresh(weir) as client:
        assert int(client.extended(READ).value) in ports(places.replicas)
        assert int(client.extended(WRITE).value) == places.primary.port


def test_a_prepared_read_is_executed_on_both_kinds_of_host(weir, places):
    with fresh(weir) as client:
        result = client.request(parse("r", "SELECT port, count(*) FROM here, log WHERE note <> $1"
                                      " GROUP BY 1"), sync())
        assert not result.errors
        client.request(parse("w", "INSERT INTO log (note) VALUES ($1) RETURNING inet_server_port()"),
                       sync())
        seen = set()
        for number in range(1, 41):
            assert client.request(bind("", "w", ["x%d" % number]), execute(), sync()).value \
                == str(places.primary.port)
            port, count = client.request(bind("", "r", [""]), execute(), sync()).rows[0]
            assert int(count) == number
            seen.add(int(port))
            if number % 10 == 0:  # leave the replicas time to catch up
                wait_until(lambda: is_replica(places, int(client.request(
                    bind("", "r", [""]), describe("P"), execute(), sync()).rows[0][0])),
                    what="the prepared read on a replica")
                client.query("BEGIN")
                port = client.request(bind("", "r", [""]), execute(), sync()).rows[0][0]
                assert int(port) == places.primary.port
                client.query("COMMIT")


def test_a_batch_with_a_write_runs_on_the_primary(weir, places):
    with fresh(weir) as client:
        result = client.request(
            parse("", READ), bind(), execute(),
            parse("", "INSERT INTO log (note) VALUES ('b')"), bind(), execute(), sync())
        assert result.value == str(places.primary.port)
        assert result.tags == ["SELECT 1", "INSERT 0 1"]


def test_a_batch_with_a_flush_stays_on_the_primary(weir, places):
    """Once some of it is answered it cannot be sent anew if a replica refuses the rest."""
    with fresh(weir) as client:
        client.send(parse("", READ), bind(), execute(), flush())
        first = [message for message in client.recv_until("C") if message.type == "D"]
        assert int(first[0].values()[0]) == places.primary.port
        result = client.request(parse("", READ), bind(), execute(), sync())
        assert int(result.value) == places.primary.port


def test_pipelined_requests_are_routed_one_by_one(weir, places):
    with fresh(weir) as client:
        for _ in range(10):
            client.send(parse("", WRITE), bind(), execute(), sync(),
                        parse("", "SELECT port, (SELECT count(*) FROM log) FROM here"), bind(),
                        execute(), sync(),
                        query(WRITE), query("SELECT (SELECT count(*) FROM log), port FROM here"))
            results = [client.recv_ready() for _ in range(4)]
            assert not any(result.errors for result in results)
            assert int(results[0].value) == int(results[2].value) == places.primary.port
            assert int(results[1].rows[0][1]) + 1 == int(results[3].rows[0][0])
        assert client.value("SELECT count(*) FROM log") == "20"


def test_pipelined_reads_before_a_write_stay_in_order(weir, places):
    with fresh(weir) as client:
        client.send(query(READ), query(READ), query(WRITE), query(READ))
        found = [int(client.recv_ready().value) for _ in range(4)]
        assert is_replica(places, found[0]) and is_replica(places, found[1])
        assert found[2] == places.primary.port


def test_psycopg_with_prepared_statements(weir, places):
    with psycopg.connect(weir.dsn(), autocommit=True, prepare_threshold=0) as connection:
        port, = connection.execute("SELECT port FROM here WHERE %s = 1", (1,)).fetchone()
        assert is_replica(places, port)
        for number in range(1, 31):
            port, = connection.execute("INSERT INTO log (note) VALUES (%s) RETURNING inet_server_port()",
                                       (str(number),)).fetchone()
            assert port == places.primary.port
            count, = connection.execute("SELECT count(*) FROM log WHERE note <> %s", ("",)).fetchone()
            assert count == number


def test_psycopg_without_autocommit_stays_on_the_primary(weir, places):
    with psycopg.connect(weir.dsn()) as connection:
        assert connection.execute(READ).fetchone() == (places.primary.port,)
        connection.commit()
        connection.read_only = True
        wait_until(lambda: (is_replica(places, connection.execute(READ).fetchone()[0]),
                            connection.rollback())[0], what="a read only transaction on a replica")


def test_psycopg_pipeline_of_write_read_write(weir, places):
    with psycopg.connect(weir.dsn(), autocommit=True) as connection:
        for turn in range(1, 11):
            with connection.pipeline() as pipeline:
                first = connection.execute("INSERT INTO log (note) VALUES (%s) RETURNING"
                                           " inet_server_port()", ("a",))
                pipeline.sync()
                read = connection.execute("SELECT count(*) FROM log WHERE note <> %s", ("",))
                pipeline.sync()
                second = connection.execute("INSERT INTO log (note) VALUES (%s) RETURNING"
                                            " inet_server_port()", ("b",))
                pipeline.sync()
                assert first.fetchone() == (places.primary.port,)
                assert read.fetchone() == (2 * turn - 1,)
                assert second.fetchone() == (places.primary.port,)


def test_asyncpg_alternates_between_hosts(weir, places):
    async def run():
        connection = await asyncpg.connect(host="127.0.0.1", port=weir.port, user="app", database="app",
                                           ssl=False, timeout=10, command_timeout=10)
        try:
            # asyncpg prepares with a Flush, on the primary; then it only executes.
            assert await connection.fetchval(READ) == places.primary.port
            for _ in range(100):
                if await connection.fetchval(READ) in ports(places.replicas):
                    break
                await asyncio.sleep(0.05)
            else:
                assert False, "never a read on a replica"
            insert = await connection.prepare("INSERT INTO log (note) VALUES ($1)"
                                              " RETURNING inet_server_port()")
            read = await connection.prepare("SELECT count(*) FROM log WHERE note <> $1")
            for number in range(1, 31):
                assert await insert.fetchval(str(number)) == places.primary.port
                assert await read.fetchval("") == number
                assert await connection.fetchval("SELECT count(*) FROM log WHERE id > $1", 0) == number
            async with connection.transaction(readonly=True):
                port = await connection.fetchval(READ)
                assert await connection.fetchval(READ) == port
            async with connection.transaction():
                assert await connection.fetchval(READ) == places.primary.port
        finally:
            await connection.close()

    asyncio.run(run())


# What a replica refuses, or does not have yet.

def test_a_table_that_was_just_made_is_never_missing(weir, places):
    with fresh(weir) as client, fresh(weir) as other:
        for number in range(20):
            client.query("CREATE TABLE made_%d (id int)" % number)
            assert other.value("SELECT count(*) FROM made_%d" % number) == "0"
            assert client.value("SELECT count(*) FROM made_%d" % number) == "0"
            client.query("ALTER TABLE made_%d ADD COLUMN note text" % number)
            assert other.query("SELECT note FROM made_%d" % number).rows == []


def test_asyncpg_finds_a_table_that_was_just_made(weir, places):
    for host in places.replicas:
        host.set_delay(300)
    for host in places.replicas:
        wait_until(lambda: host.value("SHOW recovery_min_apply_delay") == "300ms", what="the delay")

    async def run(other):
        connection = await asyncpg.connect(host="127.0.0.1", port=weir.port, user="app", database="app",
                                           ssl=False, timeout=10, command_timeout=10)
        try:
            for number in range(3):
                other.query("CREATE TABLE made_%d (id int)" % number)
                assert await connection.fetchval("SELECT count(*) FROM made_%d" % number) == 0
                await asyncio.sleep(0.3)
        finally:
            await connection.close()

    with fresh(weir) as other:
        asyncio.run(run(other))


def test_a_read_that_writes_after_all_is_answered_by_the_primary(weir, places):
    places.primary.query("SET ROLE app; CREATE SEQUENCE s; CREATE VIEW v AS SELECT nextval('s') AS n,"
                         " inet_server_port() AS port", "app")
    places.wait_caught_up()
    with fresh(weir) as client:
        for number in range(1, 10, 2):
            result = client.query("SELECT n, port FROM v")
            assert result.rows == [[str(number), str(places.primary.port)]]
            result = client.request(parse("", "SELECT n FROM v"), bind(), describe("P"), execute(), sync())
            assert not result.errors
            assert result.value == str(number + 1)
        assert not client.notices


def test_a_prepared_read_that_writes_after_all_is_answered_by_the_primary(weir, places):
    places.primary.query("SET ROLE app; CREATE SEQUENCE s; CREATE VIEW v AS SELECT nextval('s') AS n", "app")
    places.wait_caught_up()
    with fresh(weir) as client:
        assert not client.request(parse("v", "SELECT n FROM v"), describe("S", "v"), sync()).errors
        found = [client.request(bind("", "v"), execute(), sync()).value for _ in range(5)]
        assert [int(value) for value in found] == sorted(map(int, found))
        assert len(set(found)) == 5


def test_an_unlogged_table_is_read_on_the_primary(weir, places):
    places.primary.query("SET ROLE app; CREATE UNLOGGED TABLE u (id int); INSERT INTO u VALUES (7)", "app")
    places.wait_caught_up()
    with fresh(weir) as client:
        assert client.value("SELECT id FROM u") == "7"
        assert client.extended("SELECT id FROM u").value == "7"


def test_an_error_of_the_statement_itself_is_told_once(weir):
    with fresh(weir) as client:
        for sql, sqlstate in (("SELECT * FROM no_such_table", "42P01"), ("SELECT 1/0", "22012"),
                              ("SELECT port FROM here WHERE", "42601")):
            result = client.request(query(sql))
            assert [error.sqlstate for error in result.errors] == [sqlstate]
            assert result.status == "I"


@pytest.mark.slow
def test_recovery_conflicts_are_not_seen(pgweir, new_cluster):
    cluster = new_cluster(settings={"max_standby_streaming_delay": "0", "hot_standby_feedback": "off"})
    prepare(cluster, "CREATE TABLE hot (id int, n int)",
            "INSERT INTO hot SELECT i, 0 FROM generate_series(1, 2000) AS i")
    running = pgweir(cluster=cluster)
    wait_for_reads(running, cluster.replicas, wait_until)

    def turn(client, _):
        result = client.query("SELECT count(*), pg_sleep(0.02) FROM hot")
        return int(result.value)

    def conflicts():
        return sum(int(host.value("SELECT coalesce(sum(confl_snapshot + confl_lock), 0)"
                                  " FROM pg_stat_database_conflicts")) for host in cluster.replicas)

    with Load(running, 4, turn) as load:
        with cluster.primary.connect("app") as vacuum:
            def stir():
                for _ in range(5):
                    vacuum.query("UPDATE hot SET n = n + 1")
                    vacuum.query("VACUUM hot")
                return conflicts() >= 5
            wait_until(stir, 20, what="recovery conflicts")
    assert not load.errors
    load.check_connected()
    assert {turn.value for turn in load.turns} == {2000}


# The corpus of statements.

def corpus():
    """Statements of test/data/sql-corpus.tsv that need no catalogue of their own: (route, sql)."""
    path = os.path.join(os.path.dirname(__file__), "..", "data", "sql-corpus.tsv")
    with open(path) as file:
        for line in list(file)[1:]:
            route, sql, why = (line.rstrip("\n").split("\t") + ["", ""])[:3]
            if not why.startswith(("[catalog]", "[newer]", "[context]")) and sql:
                yield route, sql.replace("\\n", "\n")


SCHEMA = (
    "CREATE TABLE t (id int PRIMARY KEY, n int, v text, ts timestamptz DEFAULT '2026-01-01')",
    "CREATE TABLE u (id int PRIMARY KEY, t_id int, v text)",
    "CREATE TABLE audit (id serial, what text)",
    "CREATE SEQUENCE s",
    "CREATE VIEW v_plain AS SELECT * FROM t",
    "INSERT INTO t SELECT i, i % 7, 'v' || i FROM generate_series(1, 100) AS i",
    "INSERT INTO u SELECT i, i, 'u' || i FROM generate_series(1, 50) AS i",
    "GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC",
)

# Their answer differs from host to host or from moment to moment.
VARIES = ("now()", "current_", "clock_timestamp", "timeofday", "random", "pg_sleep", "localtime", "EXPLAIN",
          "statement_timestamp", "age(", "xmin", "gen_random", "ts)", "txid", "pg_stat", "version")


def test_reads_of_the_corpus_give_the_answer_of_the_primary(pgweir, cluster):
    prepare(cluster, *SCHEMA)
    running = pgweir(cluster=cluster)
    wait_for_reads(running, cluster.replicas, wait_until)
    count = 0
    with cluster.primary.connect("app", user="app") as direct, fresh(running) as client:
        for route, sql in corpus():
            if route not in ("replica", "either") or "pre:" in sql or any(word in sql for word in VARIES):
                continue
            wanted, found = direct.request(query(sql)), client.request(query(sql))
            assert (found.rows, found.columns, found.tags) == (wanted.rows, wanted.columns, wanted.tags), sql
            assert [error.sqlstate for error in found.errors] == [error.sqlstate for error in wanted.errors]
            assert found.status == wanted.status, sql
            count += 1
    assert count > 40


def test_what_the_corpus_calls_a_read_runs_on_replicas_only(pgweir, new_cluster):
    cluster = new_cluster(replicas=1, settings={"log_statement": "all"})
    prepare(cluster, *SCHEMA)
    running = pgweir(cluster=cluster)
    wait_for_reads(running, cluster.replicas, wait_until)
    marks = {host: len(host.log()) for host in cluster.hosts}
    reads = []
    for number, (route, sql) in enumerate(corpus()):
        # BEGIN is lazy, so that no host sees one alone.
        if route != "replica" or "pre:" in sql or sql.upper().startswith(("BEGIN", "START")):
            continue
        # A new client each: one that an error made read on the primary would stay there a while.
        with fresh(running) as client:
            if not client.request(query(sql + "\n/* corpus %d */" % number)).errors:
                reads.append((number, sql))
    primary = cluster.primary.log()[marks[cluster.primary]:]
    replica = cluster.replicas[0].log()[marks[cluster.replicas[0]]:]
    wrong = [sql for number, sql in reads if "/* corpus %d */" % number in primary
             or "/* corpus %d */" % number not in replica]
    assert not wrong
    assert len(reads) > 40


def test_writes_of_the_corpus_never_reach_a_replica(pgweir, new_cluster):
    cluster = new_cluster(replicas=1, settings={"log_statement": "all"})
    prepare(cluster, *SCHEMA)
    running = pgweir(cluster=cluster, settings={"server_idle_timeout": 60})
    wait_for_reads(running, cluster.replicas, wait_until)
    mark, count = len(cluster.replicas[0].log()), 0
    for number, (route, sql) in enumerate(corpus()):
        if route not in ("primary", "session") or "pre:" in sql or "terminate" in sql or "pg_sleep" in sql:
            continue
        with fresh(running) as client:
            try:
                result = client.request(query(sql + "\n/* corpus %d */" % number))
                if any(message.type == "G" for message in result.messages):
                    continue
            except (wire.Closed, OSError):
                pass
            count += 1
    replica = cluster.replicas[0].log()[mark:]
    assert "corpus" not in replica, [line for line in replica.splitlines() if "corpus" in line][:5]
    assert count > 100
