# SPDX-License-Identifier: ISC
"""What a client sets is its own: it comes with it, and it does not stay for others."""
import struct

import psycopg
import pytest

from harness import wire
from harness.wire import WireError, bind, describe, execute, parse, query, sync

ONE = {"default_pool_size": 1}

# Every one as PostgreSQL takes it in a startup packet, and what SHOW says of it then.
STARTUP = {
    "extra_float_digits": ("2", "2"), "search_path": ("a, \"B c\"", "a, \"B c\""),
    "statement_timeout": ("5000", "5s"), "lock_timeout": ("3s", "3s"), "geqo": ("off", "off"),
    "idle_in_transaction_session_timeout": ("60000", "1min"), "jit": ("false", "off"),
    "default_transaction_isolation": ("serializable", "serializable"),
    "default_transaction_read_only": ("on", "on"), "TimeZone": ("asia/kathmandu", "Asia/Kathmandu"),
    "work_mem": ("64", "64kB"), "myapp.tenant": ("it's \\ 100% é", "it's \\ 100% é"),
    "Row_Security": ("off", "off"), "temp_tablespaces": ("", ""), "role": ("app", "app"),
    "application_name": ("x" * 63, "x" * 63), "my.long": ("v" * 5000, "v" * 5000),
}

# What drivers and people do, and how it shows.
DIRTY = {
    "SET": "SET work_mem = '123kB'",
    "SET SESSION": "SET SESSION work_mem TO '123kB'",
    "second statement": "SELECT 1; SET work_mem = '123kB'",
    "comment first": "/* c */ -- d\n SET work_mem = '123kB'",
    "set_config": "SELECT set_config('work_mem', '123kB', false)",
    "qualified": "SELECT pg_catalog.\"set_config\" ('work_mem', '123kB', 1 = 2)",
    "in a CTE": "WITH w AS (SELECT set_config('work_mem', '123kB', false)) SELECT * FROM w",
    "DO": "DO $$ BEGIN SET work_mem = '123kB'; END $$",
    "DO set_config": "DO $$ BEGIN PERFORM set_config('work_mem', '123kB', false); END $$",
    "in a block": "BEGIN; SET work_mem = '123kB'; COMMIT",
    "far behind a reported one": "SET application_name = 'x'; " + "SELECT 1; " * 20000 + "SET work_mem = '123kB'",
    "after SET LOCAL": "BEGIN; SET LOCAL geqo = off; SET work_mem = '123kB'; COMMIT",
}


def show(client, name):
    return client.value("SELECT current_setting('%s', true)" % name)


def backend(client):
    return client.value("SELECT pg_backend_pid()")


@pytest.fixture
def tracked(pgweir, single):
    return pgweir(host=single, settings=dict(ONE, track_session=1))


@pytest.fixture
def untracked(pgweir, single):
    return pgweir(host=single, settings=ONE)


# Startup parameters.


@pytest.mark.parametrize("mode", ["session", "transaction", "statement"])
def test_any_startup_parameter_of_postgresql_holds(pgweir, single, mode):
    weir = pgweir(host=single, settings=dict(ONE, pool_mode=mode))
    for name, (value, shown) in STARTUP.items():
        with weir.connect(params={name: value}) as one:
            for _ in range(2):
                assert show(one, name) == shown, name
            if mode != "session":
                with weir.connect() as two:
                    assert show(two, name) != shown or name in ("role", "temp_tablespaces"), name
                assert show(one, name) == shown, name
    with weir.connect() as late:
        assert show(late, "work_mem") == "4MB"
    assert len(weir.admin("SHOW SERVERS")) == 1


def test_all_at_once_and_from_options(untracked):
    options = "-c geqo=off -cjit=off --lock-timeout=3s -fs -S 64 -c my.text=a\\ b\\\\c"
    with untracked.connect(params={"options": options, "geqo": "on"}) as one:
        with untracked.connect() as two:
            for _ in range(2):
                assert [show(one, name) for name in ("geqo", "jit", "lock_timeout",
                                                     "enable_seqscan", "work_mem", "my.text")] == [
                    "on", "off", "3s", "off", "64kB", "a b\\c"]
                assert show(two, "jit") == "on" and show(two, "my.text") in ("", None)


@pytest.mark.parametrize("params", [
    {"no_such_setting": "1"}, {"work_mem": "abc"}, {"work_mem": "1"}, {"shared_buffers": "1MB"},
    {"log_statement": "all"}, {"role": "nobody"}, {"TimeZone": "No/Such"}, {"is_superuser": "on"},
    {"client_encoding": "nonsense"}, {"DateStyle": "never"}, {"options": "-c foo"},
    {"options": "--foo"}, {"options": "-Z"}, {"options": "xyz"}, {"options": "-c work_mem=x"},
    {"bad name.x": "1"}, {"default_transaction_isolation": "never"}, {"transaction_read_only": "x"}],
    ids=str)
def test_a_login_with_a_wrong_parameter_is_refused_as_postgresql_does(untracked, single, params):
    with pytest.raises(WireError) as direct:
        wire.Wire(single.port, "app", "app", params=params)
    with untracked.connect() as other:
        pid = backend(other)
        with pytest.raises(WireError) as pooled:
            untracked.connect(params=params)
        for field in "SCM":
            assert pooled.value.fields[field] == direct.value.fields[field]
        assert backend(other) == pid


def test_a_parameter_refused_among_good_ones_leaves_none_of_them(untracked):
    with untracked.connect() as other:
        for _ in range(3):
            with pytest.raises(WireError) as error:
                untracked.connect(params={"work_mem": "64kB", "geqo": "off", "no_such": "x",
                                          "TimeZone": "Asia/Kathmandu"})
            assert error.value.sqlstate == "42704"
        assert show(other, "work_mem") == "4MB" and show(other, "geqo") == "on"
        assert show(other, "TimeZone") != "Asia/Kathmandu"


def test_ignored_parameters_are_dropped_wrong_or_not(pgweir, single):
    weir = pgweir(host=single, settings=dict(
        ONE, ignore_startup_parameters="no_such, geqo, search_path, options"))
    params = {"no_such": "1", "geqo": "off", "search_path": "x", "options": "-c work_mem=nonsense",
              "jit": "off"}
    with weir.connect(params=params) as client:
        assert show(client, "geqo") == "on" and show(client, "jit") == "off"
        assert show(client, "search_path") != "x" and show(client, "work_mem") == "4MB"


def test_a_login_does_not_wait_for_a_busy_server(untracked):
    """Its parameters are looked at later: there is no server for it now."""
    with untracked.connect() as one:
        one.query("BEGIN")
        with untracked.connect(params={"geqo": "off"}) as two:
            two.send(query("SHOW geqo"))
            one.query("COMMIT")
            assert two.recv_ready().value == "off"


def test_the_same_startup_parameters_are_tried_once(untracked, single):
    params = {"geqo": "off", "TimeZone": "asia/kathmandu"}
    with untracked.connect(params=params) as one:
        assert one.parameters["TimeZone"] == "Asia/Kathmandu"
        one.query("BEGIN")
        with untracked.connect(params=dict(params, application_name="another")) as two:
            assert two.parameters["TimeZone"] == "Asia/Kathmandu"
            assert two.parameters["application_name"] == "another"
        one.query("COMMIT")


def test_too_many_startup_parameters(untracked):
    many = {"a.b%d" % i: "x" for i in range(300)}
    with pytest.raises(WireError) as error:
        untracked.connect(params=many)
    assert error.value.sqlstate == "54000"


# What stays behind.


@pytest.mark.parametrize("how", DIRTY)
@pytest.mark.parametrize("extended", [False, True])
def test_a_setting_does_not_leak(untracked, how, extended):
    sql = DIRTY[how]
    if extended and (";" in sql.replace("; END", "").replace("'; ", "") and how != "DO"
                     and how != "DO set_config"):
        pytest.skip("several statements")
    with untracked.connect() as one, untracked.connect() as two:
        if extended:
            one.extended(sql)
            one.extended(sql, name="s1")
            one.extended(sql)
        else:
            one.query(sql)
        assert show(two, "work_mem") == "4MB"
        assert show(one, "work_mem") == "4MB"
        assert backend(one) == backend(two)


@pytest.mark.parametrize("ask", ["query", "extended"])
@pytest.mark.parametrize("mode", ["session", "transaction"])
@pytest.mark.parametrize("reset", ["RESET ALL", "RESET work_mem"])
def test_set_transaction_may_follow_a_reset(pgweir, single, mode, reset, ask):
    weir = pgweir(host=single, settings=dict(ONE, pool_mode=mode))
    with weir.connect(params={"work_mem": "64"}) as one:
        for end in "ROLLBACK", "COMMIT":
            for sql in "BEGIN", reset, "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE":
                getattr(one, ask)(sql)
            assert show(one, "work_mem") == "64kB"
            assert show(one, "transaction_isolation") == "serializable"
            one.query(end)
            assert show(one, "work_mem") == "64kB"
        for sql in "BEGIN", reset, "COMMIT":
            getattr(one, ask)(sql)
        assert show(one, "work_mem") == "64kB"


def test_set_transaction_that_was_prepared_earlier_may_follow_a_reset(untracked):
    with untracked.connect(params={"work_mem": "64"}) as one, untracked.connect() as two:
        one.request(parse("s", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"), sync())
        for _ in range(2):
            for sql in "BEGIN", "RESET ALL":
                one.query(sql)
            assert not one.request(bind("", "s"), execute(""), sync()).errors
            assert show(one, "work_mem") == "64kB"
            assert show(one, "transaction_isolation") == "serializable"
            one.query("COMMIT")
            assert show(two, "work_mem") == "4MB"
            assert show(one, "work_mem") == "64kB"


@pytest.mark.parametrize("tracked_statements", [200, 0])
def test_a_statement_that_was_prepared_earlier_does_not_leak(pgweir, single, tracked_statements):
    weir = pgweir(host=single, settings=dict(ONE, max_prepared_statements=tracked_statements))
    with weir.connect() as one, weir.connect() as two:
        one.request(parse("s", "SELECT set_config('work_mem', $1, false)"), sync())
        one.request(parse("", "SET geqo = off"), sync())
        one.request(bind("", "", []), execute(""), sync())
        assert show(two, "geqo") == "on"
        one.request(bind("", "s", ["123kB"]), execute(""), sync())
        assert show(two, "work_mem") == "4MB"


EXECUTE = {
    "alone": ["EXECUTE p('123kB')"],
    "behind another": ["SELECT 1; EXECUTE p('123kB')"],
    "explained": ["EXPLAIN ANALYZE EXECUTE p('123kB')"],
    "into a table": ["CREATE TABLE executed AS EXECUTE p('123kB')"],
    "in a block": ["BEGIN", "EXECUTE p('123kB')", "COMMIT"],
}


@pytest.mark.parametrize("how", EXECUTE)
@pytest.mark.parametrize("ask", ["query", "extended", "named"])
@pytest.mark.parametrize("tracked_statements", [200, 0])
def test_a_statement_that_sql_prepared_does_not_leak(pgweir, single, how, ask, tracked_statements):
    weir = pgweir(host=single, settings=dict(ONE, max_prepared_statements=tracked_statements))
    with weir.connect() as one, weir.connect() as two:
        if ask == "query":
            one.query("PREPARE p AS SELECT set_config('work_mem', $1, false)")
        else:
            one.extended("PREPARE p AS SELECT set_config('work_mem', $1, false)", name="x")
        assert show(two, "work_mem") == "4MB"
        for number, sql in enumerate(EXECUTE[how]):
            if ask == "query":
                one.query(sql)
            elif ";" in sql:
                pytest.skip("several statements")
            else:
                one.extended(sql, name="s%d" % number if ask == "named" else "")
        assert show(two, "work_mem") == "4MB"
        assert backend(one) == backend(two)


def test_what_sql_prepares_follows_when_it_is_executed(tracked):
    with tracked.connect() as one, tracked.connect() as two:
        one.query("PREPARE p AS SELECT set_config('work_mem', $1, false)")
        one.query("EXECUTE p('123kB')")
        assert show(two, "work_mem") == "4MB"
        assert show(one, "work_mem") == "123kB"


def call_function(client, oid, *arguments):
    """FunctionCall, all in text."""
    body = struct.pack("!ihh", int(oid), 0, len(arguments))
    for argument in arguments:
        body += struct.pack("!i", len(argument)) + argument.encode()
    return client.request(wire.message("F", body + struct.pack("!h", 0)))


@pytest.mark.parametrize("whose", ["PostgreSQL's", "one's own"])
def test_a_function_call_does_not_leak(untracked, single, whose):
    name = "set_config(text,text,boolean)"
    if whose != "PostgreSQL's":
        single.query("CREATE FUNCTION set_mine(text, text, boolean) RETURNS text LANGUAGE sql"
                     " AS 'SELECT set_config($1, $2, $3)'", "app")
        name = "set_mine(text,text,boolean)"
    with untracked.connect() as one, untracked.connect() as two:
        oid = one.value("SELECT '%s'::regprocedure::oid" % name)
        assert not call_function(one, oid, "work_mem", "123kB", "f").errors
        assert show(two, "work_mem") == "4MB"
        assert backend(one) == backend(two)


def test_what_a_function_call_sets_follows(tracked):
    with tracked.connect() as one, tracked.connect() as two:
        assert not call_function(one, 2078, "work_mem", "123kB", "f").errors
        assert show(two, "work_mem") == "4MB"
        assert show(one, "work_mem") == "123kB"


@pytest.mark.parametrize("sql, expression", [
    ("SET ROLE app2", "current_user"), ("SET SESSION AUTHORIZATION app2", "session_user")])
def test_who_a_client_is_does_not_leak(pgweir, single, sql, expression):
    weir = pgweir(host=single, settings=ONE)
    with weir.connect("postgres") as one, weir.connect("postgres") as two:
        one.query(sql)
        assert two.value("SELECT " + expression) == "postgres"
        assert one.value("SELECT " + expression) == "postgres"
        assert two.parameters["is_superuser"] == "on"
        assert one.parameters["is_superuser"] == "on"


def test_what_else_outlives_a_transaction_does_not_leak(untracked):
    with untracked.connect() as one, untracked.connect() as two:
        one.query("CREATE TEMP TABLE mine (i int)")
        assert two.value("SELECT to_regclass('mine')") is None
        one.query("LISTEN mine")
        assert two.query("SELECT pg_listening_channels()").rows == []
        one.query("BEGIN")
        one.query("DECLARE c CURSOR WITH HOLD FOR SELECT 1")
        one.query("COMMIT")
        assert two.value("SELECT count(*) FROM pg_cursors") == "0"


@pytest.mark.parametrize("sql", [
    "BEGIN; SET LOCAL work_mem = '123kB'; COMMIT", "SELECT set_config('work_mem', '1MB', true)",
    "SET application_name = 'mine'", "SET TIME ZONE 'UTC'", "SELECT 1", "CREATE TABLE IF NOT EXISTS t ()",
    "BEGIN; SET TRANSACTION READ ONLY; COMMIT", "SHOW work_mem"])
def test_what_is_harmless_costs_no_cleaning(untracked, single, sql):
    single.query("ALTER SYSTEM SET log_statement = 'all'", "postgres")
    single.query("SELECT pg_reload_conf()", "postgres")
    try:
        with untracked.connect() as one:
            for statement in sql.split("; "):
                one.query(statement)
            one.value("SELECT 'the end of it'")
            before = single.log().rpartition("the end of it")[0].splitlines()
            assert not any("RESET ALL" in line for line in before)
    finally:
        single.query("ALTER SYSTEM RESET log_statement", "postgres")
        single.query("SELECT pg_reload_conf()", "postgres")


def test_connect_query_is_run_again(pgweir, single):
    entry = {"host": "127.0.0.1", "port": single.port,
             "connect_query": "'SET work_mem = ''77kB''; SET TimeZone = ''Asia/Kathmandu'''"}
    weir = pgweir({"databases": {"app": entry}, "pgweir": ONE})
    with weir.connect() as one, weir.connect(params={"geqo": "off"}) as two:
        assert one.parameters["TimeZone"] == "Asia/Kathmandu"
        for _ in range(2):
            assert show(one, "TimeZone") == "Asia/Kathmandu"
            one.query("SET work_mem = '123kB'")
            assert show(two, "work_mem") == "77kB" and show(two, "geqo") == "off"
            assert show(two, "TimeZone") == "Asia/Kathmandu"
            assert show(one, "work_mem") == "77kB" and show(one, "geqo") == "on"


def test_a_client_that_leaves_in_a_transaction_leaves_nothing(untracked):
    with untracked.connect() as two:
        with untracked.connect() as one:
            one.query("SET work_mem = '123kB'")
            one.query("BEGIN")
            one.query("SET geqo = off")
        assert show(two, "geqo") == "on" and show(two, "work_mem") == "4MB"


# RESET.


@pytest.mark.parametrize("mode", ["session", "transaction"])
@pytest.mark.parametrize("reset", [
    "RESET {0}", "RESET ALL", "DISCARD ALL", "SET {0} TO DEFAULT", "SET SESSION {0} = DEFAULT"])
@pytest.mark.parametrize("name, value, other", [
    ("statement_timeout", "5s", "7s"), ("TimeZone", "Asia/Kathmandu", "UTC"),
    ("my.name", "startup", "later")])
def test_reset_goes_back_to_the_startup_packet(pgweir, single, mode, reset, name, value, other):
    weir = pgweir(host=single, settings=dict(ONE, pool_mode=mode))
    with weir.connect(params={name: value}) as client:
        client.query("SET %s = '%s'" % (name, other))
        client.query(reset.format(name))
        assert show(client, name) == value
        if reset != "DISCARD ALL":
            client.query("BEGIN")
            client.query("SET %s = '%s'" % (name, other))
            client.query(reset.format(name))
            assert show(client, name) == value
            client.query("ROLLBACK")
        assert show(client, name) == value
        if name == "TimeZone":
            assert client.parameters["TimeZone"] == value


def test_reset_of_one_leaves_what_the_client_set_of_others(pgweir, single):
    weir = pgweir(host=single, settings=dict(ONE, pool_mode="session"))
    with weir.connect(params={"work_mem": "64kB", "geqo": "off"}) as client:
        client.query("SET work_mem = '128kB'")
        client.query("RESET geqo")
        assert show(client, "work_mem") == "128kB" and show(client, "geqo") == "off"


# track_session.


@pytest.mark.parametrize("how", [how for how in DIRTY])
def test_a_setting_follows_its_client(tracked, how):
    with tracked.connect() as one, tracked.connect() as two:
        one.query(DIRTY[how])
        for _ in range(3):
            assert show(two, "work_mem") == "4MB"
            assert show(one, "work_mem") == "123kB"
        one.query("RESET work_mem")
        assert show(two, "work_mem") == "4MB"
        assert show(one, "work_mem") == "4MB"


def test_values_of_any_kind_follow(tracked):
    values = {"my.text": "it's \\ %s é ☃" + "x" * 20000, "search_path": "a, \"B c\", \"d'e\"",
              "statement_timeout": "90s", "app.empty": "", "DateStyle": "German, DMY",
              "temp_tablespaces": "", "default_transaction_isolation": "repeatable read"}
    with tracked.connect() as one, tracked.connect() as two:
        for name, value in values.items():
            one.extended("SELECT set_config('%s', $1, false)" % name, [value])
        before = {name: show(two, name) for name in values}
        for _ in range(2):
            for name, value in values.items():
                assert show(one, name) == value, name
                if name not in ("app.empty", "temp_tablespaces"):
                    assert show(two, name) == before[name] != value, name


def test_what_is_rolled_back_does_not_follow(tracked):
    with tracked.connect() as one, tracked.connect() as two:
        one.query("SET work_mem = '1MB'")
        one.query("BEGIN")
        one.query("SET work_mem = '2MB'")
        one.query("SAVEPOINT s")
        one.query("SET geqo = off")
        one.query("ROLLBACK TO s")
        one.query("COMMIT")
        assert show(two, "work_mem") == "4MB"
        assert show(one, "work_mem") == "2MB" and show(one, "geqo") == "on"
        one.query("BEGIN")
        one.query("SET work_mem = '3MB'")
        one.query("ROLLBACK")
        assert show(two, "work_mem") == "4MB" and show(one, "work_mem") == "2MB"


def test_a_pipelined_request_sees_what_was_set_before_it(tracked):
    with tracked.connect() as one, tracked.connect() as two:
        one.send(query("SET work_mem = '1MB'"), query("SHOW work_mem"), query("SET geqo = off"),
                 query("SHOW geqo"))
        assert [one.recv_ready().tags, one.recv_ready().value] == [["SET"], "1MB"]
        assert [one.recv_ready().tags, one.recv_ready().value] == [["SET"], "off"]
        assert show(two, "work_mem") == "4MB"
        assert show(one, "work_mem") == "1MB"


@pytest.mark.parametrize("sql, expression", [
    ("SET ROLE app2", "current_user"), ("SET SESSION AUTHORIZATION app2", "session_user")])
def test_who_a_client_is_follows_it(pgweir, single, sql, expression):
    weir = pgweir(host=single, settings=dict(ONE, track_session=1))
    with weir.connect("postgres") as one, weir.connect("postgres") as two:
        one.query("SET log_statement = 'none'")
        one.query(sql)
        for _ in range(3):
            assert two.value("SELECT " + expression) == "postgres"
            assert one.value("SELECT " + expression) == "app2"
            assert one.parameters["is_superuser"] == "off"
            assert two.parameters["is_superuser"] == "on"
        one.query("RESET SESSION AUTHORIZATION")
        one.query("RESET ROLE")
        assert two.value("SELECT " + expression) == "postgres"
        assert one.value("SELECT " + expression) == "postgres"


def test_settings_follow_to_a_replica(pgweir, cluster, wait_until):
    weir = pgweir(cluster=cluster, settings={"track_session": 1})
    on_replica = "/* pgweir: route=prefer-replica */ SELECT "
    with weir.connect() as client:
        client.query("SET work_mem = '1MB'")
        client.query("SELECT set_config('app.tenant', 'é', false)")
        wait_until(lambda: client.value(on_replica + "pg_is_in_recovery()") == "t")
        for _ in range(4):
            assert client.value(on_replica + "current_setting('work_mem')") == "1MB"
            assert client.value(on_replica + "current_setting('app.tenant')") == "é"


def test_track_session_of_a_user(pgweir, single):
    weir = pgweir({"databases": {"app": {"host": "127.0.0.1", "port": single.port}},
                   "users": {"app2": {"track_session": 1}}, "pgweir": ONE})
    for user, value in (("app", "4MB"), ("app2", "1MB")):
        with weir.connect(user) as one:
            one.query("SET work_mem = '1MB'")
            assert show(one, "work_mem") == value


def test_more_than_can_follow_is_cleaned(tracked):
    with tracked.connect() as one, tracked.connect() as two:
        one.query("DO $$ BEGIN PERFORM set_config('work_mem', '1MB', false);"
                  " PERFORM set_config('my.name', repeat('x', 100000), false); END $$")
        one.query("SELECT set_config('my.large', repeat('x', 100000), false)")
        assert show(two, "work_mem") == "4MB"
        assert show(two, "my.large") in ("", None) and show(two, "my.name") in ("", None)
        assert one.value("SELECT 1") == "1"


# Reported parameters.


def test_a_value_of_a_transaction_that_is_lost_is_told(pgweir, single):
    weir = pgweir(host=single, settings=ONE)
    with weir.connect() as one:
        before = one.parameters["TimeZone"]
        one.query("BEGIN")
        one.query("SET TimeZone = 'Asia/Kathmandu'")
        assert one.parameters["TimeZone"] == "Asia/Kathmandu"
        single.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                     "WHERE usename = 'app' AND state LIKE 'idle in%'", "postgres")
        one.request(query("SELECT 1"))
        one.query("ROLLBACK")
        assert one.parameters["TimeZone"] == before == show(one, "TimeZone")


def test_a_promotion_is_told_to_clients_of_a_plain_entry(pgweir, new_cluster, wait_until):
    cluster = new_cluster(replicas=1)
    replica = cluster.replicas[0]
    weir = pgweir(host=replica)
    with weir.connect() as one, weir.connect() as two:
        assert one.parameters["in_hot_standby"] == two.parameters["in_hot_standby"] == "on"
        cluster.promote(replica.name)
        for client in (one, two):
            wait_until(lambda: client.value("SELECT pg_is_in_recovery()") == "f")
            wait_until(lambda: client.value("SELECT 1") and
                       client.parameters["in_hot_standby"] == "off")


# With a driver.


def test_psycopg_in_transaction_mode(tracked):
    first = psycopg.connect(tracked.dsn("app"), options="-c statement_timeout=7s -c app.me=first",
                            autocommit=True)
    second = psycopg.connect(tracked.dsn("app"), autocommit=True)
    with first, second:
        for _ in range(3):
            assert first.execute("SHOW statement_timeout").fetchone()[0] == "7s"
            assert second.execute("SHOW statement_timeout").fetchone()[0] == "0"
            assert first.execute("SHOW app.me").fetchone()[0] == "first"
        first.execute("SELECT set_config('app.me', %s, false)", ["later"])
        assert second.execute("SELECT current_setting('app.me', true)").fetchone()[0] in ("", None)
        assert first.execute("SHOW app.me").fetchone()[0] == "later"
        with pytest.raises(psycopg.OperationalError) as error:
            psycopg.connect(tracked.dsn("app"), options="-c no_such=1")
        assert 'unrecognized configuration parameter "no_such"' in str(error.value)


# What it has set is refused by now.


@pytest.fixture
def limited(single):
    """A role that app may become, and a table that tells who wrote to it."""
    single.query("CREATE ROLE limited; GRANT limited TO app; CREATE TABLE who (name text);"
                 "GRANT ALL ON who TO public", "app")
    yield "limited"
    single.query("DROP TABLE who; DROP OWNED BY limited; DROP ROLE limited", "app")


@pytest.mark.parametrize("send", [
    lambda: query("INSERT INTO who VALUES (current_user)"),
    lambda: parse("", "INSERT INTO who VALUES (current_user)") + bind() + execute() + sync(),
], ids=["simple", "extended"])
def test_nothing_runs_as_somebody_else_when_the_role_is_gone(pgweir, single, limited, send):
    weir = pgweir(host=single, settings=ONE)
    with weir.connect(params={"role": limited}) as client, weir.connect() as other:
        assert not client.request(send()).errors
        backend(other)
        single.query("REVOKE limited FROM app", "app")
        client.send(send())
        fatal = client.recv_until("E")[-1].fields()
        assert fatal["S"] == "FATAL" and "limited" in fatal["M"]
        client.recv_closed()
        assert show(other, "role") == "none"
        assert single.query("SELECT name FROM who", "app") == [["limited"]]


def test_clients_with_settings_of_their_own_take_turns_on_a_server(pgweir, single):
    weir = pgweir(host=single, settings=ONE)
    clients = [weir.connect(params={"my.number": str(n)}) for n in range(8)]
    for _ in range(20):
        for client in clients:
            client.send(query("BEGIN"), query("SELECT current_setting('my.number')"), query("COMMIT"))
        for n, client in enumerate(clients):
            client.recv_until("Z")
            assert wire.Result(client.recv_until("Z")).value == str(n)
            client.recv_until("Z")


@pytest.mark.parametrize("params, track", [({}, 1), ({"work_mem": "100"}, 0), ({"my.name": "x"}, 1)])
def test_a_discard_all_in_a_pipeline_is_answered(pgweir, single, params, track):
    weir = pgweir(host=single, settings=dict(ONE, track_session=track))
    with weir.connect(params=params) as client:
        for _ in range(3):
            client.send(query("SELECT 1"), parse("", "DISCARD ALL") + bind() + execute() + sync())
            client.recv_until("Z")
            assert wire.Result(client.recv_until("Z")).tags == ["DISCARD ALL"]


# Timeouts that are shorter than queries of ours take.


MANY = {"my.n%d" % number: "x" * 20 for number in range(240)}


def test_a_short_timeout_of_one_client_does_not_hurt_others(untracked):
    """To fit another its server runs a query that takes longer than that."""
    with untracked.connect() as other, untracked.connect(params={"statement_timeout": "1"}) as one:
        for number in range(20):
            try:
                one.query("SELECT 1")
            except WireError as error:
                assert error.sqlstate == "57014"
            with untracked.connect(params=dict(MANY, work_mem="%dkB" % (64 + number))) as two:
                assert show(two, "work_mem") == "%dkB" % (64 + number)
                assert show(two, "statement_timeout") == "0"
            assert show(other, "statement_timeout") == "0"


def test_a_timeout_shorter_than_the_question_follows_with_what_was_set_beside_it(
        tracked, single, wait_until):
    waits = ("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
             " AND query LIKE 'SHOW statement_timeout;%'")
    with wire.Wire(single.port, "postgres", "app") as holds, \
            wire.Wire(single.port, "postgres", "app") as looks, \
            tracked.connect() as one, tracked.connect() as two:
        holds.query("BEGIN")
        holds.query("LOCK TABLE pg_settings IN ACCESS EXCLUSIVE MODE")
        one.query("SET work_mem = '123kB'; SET statement_timeout = 200")
        wait_until(lambda: looks.value(waits) == "1")
        holds.query("COMMIT")
        assert show(two, "statement_timeout") == "0" and show(two, "work_mem") == "4MB"
        assert show(one, "statement_timeout") == "200ms" and show(one, "work_mem") == "123kB"
