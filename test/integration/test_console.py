# SPDX-License-Identifier: ISC
"""The console: what PgBouncer's users and drivers expect of it."""
import asyncio
import decimal
import os
import re
import socket
import struct
import subprocess
import threading

import asyncpg
import psycopg
import psycopg2
import psycopg2.extensions
import pytest

from harness import wire

@pytest.fixture
def weir(pgweir, single):
    return pgweir(host=single)


def console(weir, user="admin", **arguments):
    return weir.connect(user, "pgweir", **arguments)


# Results.


def test_show_hosts_tells_roles_and_lag(pgweir, cluster, wait_until):
    weir = pgweir(cluster=cluster)

    def complete():
        rows = weir.admin("SHOW HOSTS")
        return len(rows) == 3 and all(row["lag"] and row["lsn"] for row in rows) and rows

    rows = wait_until(complete, what="all hosts known")
    assert sorted(row["role"] for row in rows) == ["primary", "replica", "replica"]
    primary, = [row for row in rows if row["role"] == "primary"]
    assert int(primary["port"]) == cluster.primary.port
    assert float(primary["lag"]) == 0
    assert {row["health"] for row in rows} == {"up"}
    assert {row["admin"] for row in rows} == {"enabled"}
    assert re.match(r"[0-9A-F]+/[0-9A-F]+$", primary["lsn"])


def test_show_config_has_every_setting_in_order(weir):
    rows = weir.admin("SHOW CONFIG")
    names = [row["key"] for row in rows]
    assert names == sorted(names)
    assert {"listen_port", "pool_mode", "max_client_conn"} <= set(names)
    port, = [row for row in rows if row["key"] == "listen_port"]
    assert (port["value"], port["default"], port["changeable"]) == (str(weir.port), "6432", "no")


def test_help_is_a_notice(weir):
    with console(weir) as session:
        result = session.query("SHOW HELP")
        assert result.tags == ["SHOW"] and not result.rows
        text = (result.notices or session.notices)[-1]
        fields = text if isinstance(text, dict) else text.fields()
        assert fields["M"] == "Console usage"
        assert "SHOW HOSTS" in fields["D"] and "SHUTDOWN WAIT_FOR_CLIENTS" in fields["D"]


# Syntax and errors.


@pytest.mark.parametrize("sql", [
    "show version", "SHOW VERSION;", "  Show\n version ;", "SELECT version", "select version()", 'SHOW "version"',
    "/* hello */ SHOW VERSION -- bye"])
def test_commands_are_read_generously(weir, sql):
    with console(weir) as session:
        assert session.value(sql).startswith("pgweir ")


@pytest.mark.parametrize("sql,sqlstate,text", [
    ("NONSENSE", "08P01", "invalid command 'NONSENSE', use SHOW HELP;"),
    ("SHOW", "08P01", "invalid command"),
    ("SHOW NONSENSE", "08P01", "invalid command"),
    ("SHOW POOLS POOLS", "08P01", "invalid command"),
    ("SHOW POOLS; SHOW LISTS", "08P01", "invalid command"),
    ("SHOW 'POOLS", "08P01", "invalid command"),
    ("RELOAD now", "08P01", "invalid command"),
    ("SHUTDOWN NICELY", "08P01", "invalid command"),
    ("PAUSE nowhere", "08P01", "no such database: nowhere"),
    ("KILL nowhere", "08P01", "no such database: nowhere"),
    ("PAUSE pgbouncer", "08P01", "cannot pause admin db: pgbouncer"),
    ("KILL pgweir", "08P01", "cannot kill admin db: pgweir"),
    ("RESUME", "08P01", "pooler is not paused/suspended"),
    ("RESUME app", "08P01", "database app is not paused"),
    ("DISABLE", "08P01", "a database is required"),
    ("KILL_CLIENT 999999", "08P01", "client not found"),
    ("KILL_CLIENT 0x55aa", "08P01", "invalid client pointer supplied"),
    ("SET no_such_setting = 1", "08P01", "SET failed"),
    ("SET pool_mode = nonsense", "08P01", "SET failed"),
    ("SET listen_port = 1", "08P01", "SET failed"),
    ("SET", "08P01", "invalid command"),
])
@pytest.mark.parametrize("protocol", ["simple", "extended"])
def test_an_error_leaves_the_connection_open(weir, sql, sqlstate, text, protocol):
    with console(weir) as session:
        run = session.query if protocol == "simple" else session.extended
        with pytest.raises(wire.WireError) as caught:
            run(sql)
        assert caught.value.sqlstate == sqlstate
        assert text in caught.value["M"]
        assert caught.value["S"] == "ERROR"
        assert session.value("SHOW VERSION").startswith("pgweir ")


@pytest.mark.parametrize("sql", ["", ";", "  -- nothing"])
def test_an_empty_command_is_answered_as_such(weir, sql):
    with console(weir) as session:
        assert session.query(sql).types == "IZ"
        assert session.extended(sql).types == "12nIZ"


def test_a_command_that_is_too_long_is_refused(weir):
    with console(weir) as session:
        with pytest.raises(wire.WireError) as caught:
            session.query("SHOW " + "x" * 60000)
        assert caught.value.sqlstate == "08P01"
        session.send(wire.query("SHOW " + "x" * 100000))
        last = session.recv_closed()[-1]
        assert last.fields()["C"] == "08P01"
    assert weir.admin("SHOW VERSION")


@pytest.mark.parametrize("body", [b"", b"no terminator", b"SHOW\0POOLS\0"])
def test_a_malformed_query_ends_the_connection(weir, body):
    with console(weir) as session:
        session.send(wire.message("Q", body))
        assert session.recv_closed()[-1].fields()["C"] == "08P01"
    assert weir.admin("SHOW VERSION")


@pytest.mark.parametrize("kind", ["P", "B", "D", "E", "C"])
def test_a_malformed_extended_message_ends_the_connection(weir, kind):
    with console(weir) as session:
        session.send(wire.message(kind, b"\xff"))
        assert session.recv_closed()[-1].fields()["C"] == "08P01"
    assert weir.admin("SHOW VERSION")


def test_an_unknown_message_ends_the_connection(weir):
    with console(weir) as session:
        session.send(wire.message("z", b""))
        assert session.recv_closed()[-1].fields()["C"] == "08P01"


# Who may.


def test_the_console_reports_what_drivers_need(weir):
    with console(weir) as session:
        assert session.parameters["client_encoding"] == "UTF8"
        assert session.parameters["server_encoding"] == "UTF8"
        assert session.parameters["DateStyle"] == "ISO"
        assert session.parameters["TimeZone"] == "GMT"
        assert session.parameters["is_superuser"] == "on"
        assert session.parameters["standard_conforming_strings"] == "on"
        assert re.match(r"\d+\.\d+\.\d+/pgweir$", session.parameters["server_version"])
        assert session.pid and session.key


def test_stats_users_may_look_only(weir):
    with console(weir, "stats") as session:
        assert session.query("SHOW POOLS").columns
        for sql in ("PAUSE", "RELOAD", "KILL app", "SET pool_mode = session", "SHUTDOWN",
                    "KILL_CLIENT 1", "DISABLE app"):
            with pytest.raises(wire.WireError) as caught:
                session.query(sql)
            assert caught.value.sqlstate == "08P01"
            assert caught.value["M"] == "admin access needed"
        ignored = session.query("SET client_encoding = 'UTF8'")
        assert ignored.tags == ["SET"]
        assert [notice["M"] for notice in ignored.notices or session.notices] == ["SET ignored"]


@pytest.mark.parametrize("user", ["app", "nobody_knows", "pgweir", "pgbouncer"])
def test_others_are_not_let_in(weir, user):
    with pytest.raises(wire.WireError) as caught:
        console(weir, user)
    assert caught.value.sqlstate in ("28000", "28P01")


@pytest.mark.parametrize("user", ["pgweir", "pgbouncer"])
def test_the_process_owner_enters_by_the_socket(weir, user):
    from harness.cluster import unprivileged

    run = subprocess.run(["psql", "-X", "-At", "-h", weir.dir, "-p", str(weir.port), "-U", user,
                          "pgweir", "-c", "SHOW VERSION", "-c", "PAUSE app"],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         timeout=10, **unprivileged())
    assert run.returncode == 0, run.stdout
    assert run.stdout.splitlines()[-1] == "PAUSE"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_another_user_does_not_enter_by_the_socket(weir):
    with pytest.raises(wire.WireError):
        console(weir, "pgweir", host=weir.dir)


def test_console_logins_prove_who_they_are(pgweir, single):
    weir = pgweir(host=single, settings={"auth_type": "scram-sha-256"})
    with console(weir, password="admin-secret") as session:
        assert session.value("SHOW VERSION")
    with pytest.raises(wire.WireError) as caught:
        console(weir, password="wrong")
    assert caught.value.sqlstate == "28P01"


def test_commands_are_logged_with_the_user_in_the_words_of_pgbouncer(weir):
    for sql, words in (("RELOAD", "RELOAD"), ("PAUSE app", "PAUSE 'app'"), ("resume app", "RESUME 'app'"),
                       ("SET verbose = 0", "SET verbose")):
        weir.admin(sql)
        weir.wait_log(r"LOG C-\d+: \S+/admin@\S+ %s command issued$" % words)


# The extended protocol.


def test_statements_and_portals_are_kept(weir):
    with console(weir) as session:
        done = session.request(wire.parse("s", "SHOW STATE"), wire.describe("S", "s"), wire.sync())
        assert done.types == "1tTZ"
        for _ in range(2):
            done = session.request(wire.bind("p", "s"), wire.execute("p", 2), wire.execute("p"),
                                   wire.close("P", "p"), wire.sync())
            assert done.types == "2DDsDC3Z"
        assert session.request(wire.close("S", "s"), wire.sync()).types == "3Z"
        done = session.request(wire.bind("", "s"), wire.execute(), wire.sync())
        assert done.types == "EZ"
        assert done.error.sqlstate == "26000"


@pytest.mark.parametrize("messages,sqlstate", [
    ([wire.execute("none")], "34000"),
    ([wire.describe("P", "none")], "34000"),
    ([wire.describe("S", "none")], "26000"),
    ([wire.parse("", "SHOW STATE"), wire.bind("", "", ["1"])], "08P01"),
    ([wire.parse("", "SHOW STATE", [23])], "0A000"),
    ([wire.parse("a", "SHOW STATE"), wire.parse("a", "SHOW STATE")], "42P05"),
    ([wire.parse("", "SHOW STATE"), wire.bind("p"), wire.bind("p")], "42P03"),
    ([wire.parse("", "SHOW STATE"), wire.bind("", result_formats=[0, 0, 0])], "08P01"),
])
def test_an_extended_error_skips_to_sync(weir, messages, sqlstate):
    with console(weir) as session:
        done = session.request(*messages, wire.parse("", "SHOW LISTS"), wire.bind(), wire.execute(),
                               wire.sync())
        assert done.error.sqlstate == sqlstate
        assert done.types.endswith("EZ") and len(done.errors) == 1
        assert session.extended("SHOW VERSION").rows


def test_what_a_session_keeps_is_bounded(weir):
    with console(weir) as session:
        names = ["s%d" % i for i in range(300)]
        done = session.request(*[wire.parse(name, "SHOW STATE") for name in names], wire.sync())
        assert done.error.sqlstate == "54000"
        done = session.request(wire.parse("", "SHOW STATE"),
                               *[wire.bind(name) for name in names], wire.sync())
        assert done.error.sqlstate == "54000"
        assert session.value("SHOW VERSION")


def test_binary_results(weir):
    with console(weir) as session:
        done = session.request(wire.parse("", "SHOW DATABASES"), wire.bind(result_formats=[1]),
                               wire.execute(), wire.sync())
        raw = [message.body for message in done.messages if message.type == "D"][0]
        values, at = [], 2
        for _ in range(struct.unpack_from("!h", raw)[0]):
            size, = struct.unpack_from("!i", raw, at)
            values.append(None if size < 0 else raw[at + 4:at + 4 + size])
            at += 4 + max(size, 0)
        assert values[0] == b"app"
        assert struct.unpack("!i", values[5]) == (20,)


# Drivers.


def test_psycopg2(weir):
    connection = psycopg2.connect(weir.dsn("admin", "pgweir"))
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW POOLS")
            assert cursor.description[0].name == "database"
            assert cursor.fetchall()
        connection.commit()
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SHOW VERSION")
            assert cursor.fetchone()[0].startswith("pgweir")
            with pytest.raises(psycopg2.errors.ProtocolViolation):
                cursor.execute("NONSENSE")
    finally:
        connection.close()


@pytest.mark.parametrize("autocommit", [True, False])
@pytest.mark.parametrize("in_binary", [True, False])
def test_psycopg3(weir, autocommit, in_binary):
    with psycopg.connect(weir.dsn("admin", "pgweir"), autocommit=autocommit) as connection:
        for _ in range(10):  # from the sixth on as a prepared statement
            with connection.cursor(binary=in_binary) as cursor:
                rows = cursor.execute("SHOW DATABASES").fetchall()
                assert [row for row in rows if row[0] == "app" and row[5] == 20]
                row, = cursor.execute("SHOW STATS").fetchmany(1)
                assert isinstance(row[1], decimal.Decimal)
        with pytest.raises(psycopg.errors.ProtocolViolation):
            connection.execute("PAUSE nowhere")


def test_asyncpg(weir):
    async def run():
        connection = await asyncpg.connect(host="127.0.0.1", port=weir.port, user="admin",
                                           database="pgweir", ssl=False, timeout=5)
        try:
            rows = await connection.fetch("SHOW DATABASES")
            assert [row for row in rows if row["name"] == "app" and row["pool_size"] == 20]
            rows = await connection.fetch("SHOW STATS")
            assert rows[0]["total_sent"] == decimal.Decimal(0)
            rows = await connection.fetch("SHOW HOSTS")
            assert rows[0]["lag"] is None and rows[0]["reads"] == 0
            assert await connection.execute("RELOAD") == "RELOAD"
            with pytest.raises(asyncpg.exceptions.ProtocolViolationError):
                await connection.fetch("NONSENSE")
            async with connection.transaction():
                assert await connection.fetchval("SELECT 1") == 1
        finally:
            await connection.close()

    asyncio.run(run())


def test_lag_in_binary_is_the_same_number(pgweir, cluster, wait_until):
    weir = pgweir(cluster=cluster)
    wait_until(lambda: all(row["lag"] for row in weir.admin("SHOW HOSTS")), what="lag known")

    async def run():
        connection = await asyncpg.connect(host="127.0.0.1", port=weir.port, user="admin",
                                           database="pgweir", ssl=False, timeout=5)
        try:
            return await connection.fetch("SHOW HOSTS")
        finally:
            await connection.close()

    lags = [row["lag"] for row in asyncio.run(run())]
    assert all(0 <= lag < 10 and lag.as_tuple().exponent == -3 for lag in lags)


def test_what_drivers_ask_for_at_login_is_harmless(weir):
    with console(weir, params={"extra_float_digits": "2", "search_path": "x", "lc_monetary": "C",
                               "options": "-c geqo=off -c statement_timeout=5s -B 5"}) as session:
        assert session.query("SHOW VERSION").rows


@pytest.mark.parametrize("sql", [
    "SET extra_float_digits = 3", "SET application_name = 'PostgreSQL JDBC Driver'",
    "SET DateStyle TO 'ISO'", "SET SESSION client_encoding = 'UTF8'", "SET TimeZone TO 'UTC'",
    "SET default_transaction_isolation TO 'read committed'", "BEGIN", "COMMIT", "ROLLBACK",
    "BEGIN ISOLATION LEVEL READ COMMITTED", "DISCARD ALL", "SHOW TRANSACTION ISOLATION LEVEL",
    "SHOW client_encoding", "SELECT 1", "SHOW server_version", "show standard_conforming_strings"])
def test_what_drivers_send_by_themselves_is_harmless(weir, sql):
    with console(weir) as session:
        session.query(sql)
        session.extended(sql)


# Commands.


def in_background(function, *arguments):
    thread = threading.Thread(target=function, args=arguments, daemon=True)
    thread.start()
    return thread


def test_pause_waits_for_transactions_and_resume_goes_on(weir, wait_until):
    with weir.connect() as busy, weir.connect() as other, console(weir) as session:
        busy.query("BEGIN")
        busy.query("SELECT 1")
        session.send(wire.query("PAUSE"))
        assert session.is_quiet(0.2)
        other.send(wire.query("SELECT 2"))
        assert other.is_quiet(0.2)
        assert busy.value("SELECT 3") == "3"
        busy.query("COMMIT")
        assert session.recv_ready().tags == ["PAUSE"]
        assert weir.admin("SHOW SERVERS") == []
        assert {row["key"]: row["value"] for row in weir.admin("SHOW STATE")}["paused"] == "yes"
        with pytest.raises(wire.WireError) as caught:
            session.query("PAUSE")
        assert caught.value.sqlstate == "08P01"
        assert session.query("RESUME").tags == ["RESUME"]
        assert other.recv_ready().value == "2"


def test_pause_of_one_database(pgweir, single):
    weir = pgweir(host=single, databases={
        "app2": {"host": "127.0.0.1", "port": single.port}})
    with weir.connect() as one, weir.connect(database="app2") as two, console(weir) as session:
        one.query("SELECT 1")
        assert session.query("PAUSE app").tags == ["PAUSE"]
        one.send(wire.query("SELECT 1"))
        assert two.value("SELECT 2") == "2"
        assert one.is_quiet(0.1)
        rows = {row["name"]: row["paused"] for row in weir.admin("SHOW DATABASES")}
        assert (rows["app"], rows["app2"]) == ("1", "0")
        session.query("RESUME app")
        assert one.recv_ready().value == "1"


def test_a_pause_that_is_resumed_by_another_ends_the_wait(weir):
    with weir.connect() as busy, console(weir) as session:
        busy.query("BEGIN")
        busy.query("SELECT 1")
        session.send(wire.query("PAUSE"))
        assert session.is_quiet(0.1)
        weir.admin("RESUME")
        assert session.recv_ready().error.sqlstate == "57014"


def test_a_console_that_leaves_gives_up_its_wait(weir):
    with weir.connect() as busy:
        busy.query("BEGIN")
        busy.query("SELECT 1")
        for protocol in ("simple", "extended"):
            session = console(weir)
            session.send(wire.query("PAUSE") if protocol == "simple" else
                         wire.parse("", "PAUSE") + wire.bind() + wire.execute() + wire.sync())
            assert session.is_quiet(0.1) or protocol == "extended"
            session.abort()
            weir.admin("RESUME")
        assert busy.value("SELECT 1") == "1"


def test_pause_by_the_extended_protocol(weir):
    with console(weir) as session:
        assert session.extended("PAUSE").types == "12nCZ"
        assert session.extended("RESUME").types == "12nCZ"


def refused(session, sql):
    with pytest.raises(wire.WireError) as caught:
        session.query(sql)
    return caught.value.sqlstate, caught.value["M"]


def paused(weir):
    return {row["name"] for row in weir.admin("SHOW DATABASES") if row["paused"] == "1"}


def test_kill_closes_and_pauses(weir):
    with weir.connect() as busy:
        busy.query("BEGIN")
        busy.query("SELECT 1")
        assert weir.admin("KILL app") == []
        last = busy.recv_closed()[-1].fields()
        assert (last["C"], last["S"], last["M"]) == ("57P01", "FATAL", "database removed")
    assert weir.admin("SHOW SERVERS") == []
    weir.admin("RESUME app")
    with weir.connect() as client:
        assert client.value("SELECT 1") == "1"


def test_kill_of_all_databases_pauses_each(pgweir, single):
    weir = pgweir(host=single, databases={
        "app2": {"host": "127.0.0.1", "port": single.port},
        "*": {"host": "127.0.0.1", "port": single.port}})
    with console(weir) as session:
        with weir.connect() as client:
            client.query("SELECT 1")
            session.query("KILL")
            assert client.recv_closed()[-1].fields()["M"] == "database removed"
        assert paused(weir) == {"app", "app2"}
        state = {row["key"]: row["value"] for row in weir.admin("SHOW STATE")}
        assert state == {"active": "yes", "paused": "no", "suspended": "no"}
        session.query("RESUME app")  # one by one, as with PgBouncer
        with weir.connect() as client:
            assert client.value("SELECT 1") == "1"
        session.query("PAUSE postgres")  # made from *
        session.query("RESUME")  # or all together
        assert paused(weir) == set()
        assert refused(session, "RESUME") == ("08P01", "pooler is not paused/suspended")


def test_what_pause_resume_and_kill_say_in_the_middle_of_one_another(weir):
    with console(weir) as session:
        session.query("PAUSE app")
        session.query("PAUSE app")
        session.query("PAUSE")
        for sql in ("PAUSE", "PAUSE app", "KILL", "KILL app", "PAUSE nowhere"):
            assert refused(session, sql) == ("08P01", "already suspended/paused"), sql
        session.query("RESUME")
        assert paused(weir) == {"app"}
        assert refused(session, "RESUME") == ("08P01", "pooler is not paused/suspended")
        session.query("RESUME app")
        assert refused(session, "RESUME app") == ("08P01", "database app is not paused")
        assert refused(session, "RESUME pgbouncer") == (
            "08P01", "database pgbouncer is not paused")
        for sql, verb in (("PAUSE", "pause"), ("KILL", "kill"), ("DISABLE", "disable"),
                          ("ENABLE", "enable"), ("RECONNECT", "reconnect"),
                          ("WAIT_CLOSE", "wait in")):
            assert refused(session, sql + " pgbouncer") == (
                "08P01", "cannot %s admin db: pgbouncer" % verb)
            assert refused(session, sql + " nowhere") == ("08P01", "no such database: nowhere")
        assert refused(session, "RESUME nowhere") == ("08P01", "no such database: nowhere")


def test_commands_on_names_of_an_automatic_database(pgweir, single):
    weir = pgweir({"databases": {"*": {"host": "127.0.0.1", "port": single.port}}})

    def names():
        return {row["name"] for row in weir.admin("SHOW DATABASES")} - {"pgbouncer"}

    with console(weir) as session:
        for sql in ("RESUME app", "ENABLE app"):
            assert refused(session, sql) == ("08P01", "no such database: app")
        assert names() == set()
        session.query("DISABLE app")
        assert names() == {"app"}
        with pytest.raises(wire.WireError) as caught:
            weir.connect()
        assert caught.value["M"] == 'database "app" is disabled'
        session.query("ENABLE app")
        for sql in ("PAUSE app2", "RESUME app2", "RECONNECT postgres", "WAIT_CLOSE postgres"):
            assert session.query(sql).tags == [sql.split()[0]]
        assert names() == {"app", "app2", "postgres"}
    with weir.connect() as client:
        assert client.value("SELECT 1") == "1"


@pytest.mark.parametrize("sql", ["PAUSE", "PAUSE app"])
def test_a_cancel_request_ends_a_pause_that_waits(weir, sql):
    with weir.connect() as busy, weir.connect() as other, console(weir) as session:
        busy.query("BEGIN")
        session.send(wire.query(sql))
        assert session.is_quiet(0.1)
        other.send(wire.query("SELECT 2"))
        assert other.is_quiet(0.1)
        session.cancel()
        error = session.recv_ready().error
        assert (error.sqlstate, error["M"]) == (
            "57014", "canceling statement due to user request")
        assert other.recv_ready().value == "2"
        assert paused(weir) == set()
        assert session.query("SHOW VERSION").rows


def test_a_cancel_request_ends_wait_close(weir):
    with weir.connect() as busy, console(weir) as session:
        busy.query("BEGIN")
        busy.query("SELECT 1")
        session.query("RECONNECT")
        session.send(wire.parse("", "WAIT_CLOSE"), wire.bind(), wire.execute(), wire.sync())
        session.recv_until("2")
        assert session.is_quiet(0.1)
        session.cancel()
        assert session.recv_ready().error.sqlstate == "57014"
        session.cancel()  # nothing waits any more
        assert session.query("SHOW VERSION").rows
        assert busy.value("SELECT 1") == "1"


def test_psql_interrupts_a_pause(weir, wait_until):
    from harness.cluster import find_bin

    with weir.connect() as busy:
        busy.query("BEGIN")
        psql = subprocess.Popen(
            [os.path.join(find_bin(), "psql"), "-X", weir.dsn("admin", "pgweir"), "-c", "PAUSE"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)
        wait_until(lambda: {row["key"]: row["value"]
                            for row in weir.admin("SHOW STATE")}["paused"] == "yes")
        psql.send_signal(2)
        out, _ = psql.communicate(timeout=10)
        assert "canceling statement" in out
        assert busy.value("SELECT 1") == "1"


@pytest.mark.parametrize("words", ["KILL_CLIENT %s", "KILL CLIENT %s", 'kill client "%s"'])
def test_kill_client_closes_one(weir, words):
    with weir.connect(params={"application_name": "victim"}) as victim, weir.connect() as other:
        row, = [row for row in weir.admin("SHOW CLIENTS") if row["application_name"] == "victim"]
        weir.admin(words % row["id"])
        assert victim.recv_closed()[-1].fields()["C"] == "57P01"
        assert other.value("SELECT 1") == "1"


def test_a_console_can_kill_itself(weir):
    for protocol in ("simple", "extended"):
        with console(weir, params={"application_name": protocol}) as session:
            me = max(weir.admin("SHOW CLIENTS"),
                     key=lambda row: int(row["id"]) if int(row["port"]) ==
                     session.sock.getsockname()[1] else -1)["id"]
            sql = "KILL_CLIENT " + me
            session.send(wire.query(sql) if protocol == "simple" else
                         wire.parse("", sql) + wire.bind() + wire.execute() + wire.sync())
            assert session.recv_closed()[-1].fields()["C"] == "57P01"
    assert weir.admin("SHOW VERSION")


def test_reconnect_replaces_servers(weir):
    with weir.connect() as client, weir.connect() as busy, console(weir) as session:
        before = client.value("SELECT pg_backend_pid()")
        busy.query("BEGIN")
        held = busy.value("SELECT pg_backend_pid()")
        session.query("RECONNECT")
        session.send(wire.query("WAIT_CLOSE"))
        assert session.is_quiet(0.2)
        assert busy.value("SELECT pg_backend_pid()") == held
        busy.query("COMMIT")
        assert session.recv_ready().tags == ["WAIT_CLOSE"]
        assert client.value("SELECT pg_backend_pid()") not in (before, held)


def test_disable_refuses_new_clients(weir):
    with weir.connect() as before:
        weir.admin("DISABLE app")
        with pytest.raises(wire.WireError) as caught:
            weir.connect()
        assert caught.value["M"] == 'database "app" is disabled'
        assert before.value("SELECT 1") == "1"
        weir.admin("ENABLE app")
    with weir.connect() as client:
        assert client.value("SELECT 1") == "1"


def test_set_holds_until_reload(weir):
    def value(name):
        return {row["key"]: row["value"] for row in weir.admin("SHOW CONFIG")}[name]

    with console(weir) as session:
        assert session.query("SET default_pool_size=7").tags == ["SET default_pool_size=7"]
        assert session.query("SET query_wait_timeout TO '3'").tags == ["SET query_wait_timeout=3"]
        assert session.query("SET server_reset_query = 'DISCARD ALL'").tags
    assert (value("default_pool_size"), value("query_wait_timeout")) == ("7", "3")
    weir.admin("RELOAD")
    assert (value("default_pool_size"), value("query_wait_timeout")) == ("20", "120")


def test_a_wrong_reload_says_why_and_changes_nothing(weir):
    with open(weir.ini, "a") as file:
        file.write("[pgweir]\npool_mod = session\n")
    with console(weir) as session:
        with pytest.raises(wire.WireError) as caught:
            session.query("RELOAD")
        assert caught.value.sqlstate == "F0000"
        assert caught.value["M"].startswith("RELOAD failed, see logs for additional details; ")
        assert re.search(r"pgweir\.ini:\d+: .*pool_mode", caught.value["M"])
        assert session.value("SHOW VERSION")
    with weir.connect() as client:
        assert client.value("SELECT 1") == "1"


def test_shutdown_answers_nothing_and_ends(weir, wait_until):
    session = console(weir)
    session.send(wire.query("SHUTDOWN"))
    assert [message.type for message in session.recv_closed() if message.type in "CZ"] == []
    wait_until(lambda: not weir.is_running(), what="the end")
    assert weir.process.returncode == 0


def test_shutdown_wait_for_servers(weir, wait_until):
    with weir.connect() as busy, weir.connect() as idle:
        idle.query("SELECT 1")
        busy.query("BEGIN")
        busy.query("SELECT 1")
        session = console(weir)
        session.send(wire.query("SHUTDOWN WAIT_FOR_SERVERS"))
        assert session.recv_ready().tags == ["SHUTDOWN"]
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", weir.port), 1).close()
        idle.send(wire.query("SELECT 2"))
        last = idle.recv_closed()[-1].fields()
        assert (last["C"], last["M"]) == ("57P01", "server shutting down")
        assert busy.value("SELECT 3") == "3"
        busy.query("COMMIT")
        assert [message.type for message in session.recv_closed()] == ["E"]
    wait_until(lambda: not weir.is_running(), what="the end")
    assert weir.process.returncode == 0


def test_shutdown_wait_for_clients(weir, wait_until):
    with weir.connect() as client:
        session = console(weir)
        assert session.query("SHUTDOWN WAIT_FOR_CLIENTS").tags == ["SHUTDOWN"]
        assert client.value("SELECT 1") == "1"
        with console(weir, "admin", host=weir.dir) as operator:
            with pytest.raises(wire.WireError) as caught:
                operator.query("RESUME")
            assert caught.value["M"] == "pooler is shutting down"
        with pytest.raises(wire.WireError) as caught:
            weir.connect(host=weir.dir)
        assert caught.value["M"] == "pooler is shutting down"
        assert weir.is_running()
    assert [message.type for message in session.recv_closed()] == ["E"]
    wait_until(lambda: not weir.is_running(), what="the end")
    assert weir.process.returncode == 0


def test_a_shutdown_under_way_goes_on_in_another_mode(weir, wait_until):
    with weir.connect() as client, console(weir) as session:
        assert session.query("SHUTDOWN WAIT_FOR_CLIENTS").tags == ["SHUTDOWN"]
        assert client.value("SELECT 1") == "1"
        assert session.query("SHUTDOWN WAIT_FOR_CLIENTS").tags == ["SHUTDOWN"]
        client.query("BEGIN")
        assert session.extended("SHUTDOWN WAIT_FOR_SERVERS").tags == ["SHUTDOWN"]
        assert weir.is_running()
        client.query("COMMIT")
        assert client.recv_closed()[-1].fields()["M"] == "server shutting down"
    wait_until(lambda: not weir.is_running(), what="the end")
    assert weir.process.returncode == 0


def test_shutdown_in_the_middle_of_a_pause(weir, wait_until):
    with weir.connect() as busy, console(weir) as waiting, console(weir) as session:
        busy.query("BEGIN")
        waiting.send(wire.query("PAUSE"))
        assert waiting.is_quiet(0.1)
        session.send(wire.query("SHUTDOWN"))
        assert [found.type for found in waiting.recv_closed()] == ["E"]
    wait_until(lambda: not weir.is_running(), what="the end")
    assert weir.process.returncode == 0


# Size.


def test_many_clients_are_listed_to_a_slow_reader(pgweir, single, wait_until):
    weir = pgweir(host=single, settings={"max_client_conn": 600})
    clients = [weir.connect() for _ in range(400)]
    try:
        with console(weir) as session:
            session.send(*[wire.query("SHOW CLIENTS")] * 200)
            with weir.connect() as other:
                assert other.value("SELECT 1") == "1"
            queued = wait_until(lambda: max(int(row["send_remain"])
                                            for row in weir.admin("SHOW SOCKETS")),
                                what="more than the kernel takes")
            assert queued < 1 << 20
            for _ in range(200):
                assert len(session.recv_ready().rows) >= 401
    finally:
        for client in clients:
            client.close()
