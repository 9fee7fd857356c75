# SPDX-License-Identifier: ISC
"""Named prepared statements while servers change hands."""
import random

import pytest

from harness import wire
from harness.helpers import backends, many, pid_of
from harness.wire import bind, close, describe, execute, flush, parse, query, sync


def prepare(client, name, sql):
    result = client.request(parse(name, sql), sync())
    assert result.types == "1Z", result.error
    return result


def run(client, name, params=(), timeout=None):
    """Bind and Execute of a named statement."""
    result = client.request(bind("", name, params), execute(), sync(), timeout=timeout)
    assert result.error is None, result.error
    return result.value


def server_statements(client):
    return [row[0] for row in client.query("SELECT statement FROM pg_prepared_statements").rows]


@pytest.mark.parametrize("mode", ["session", "transaction", "statement"])
def test_a_statement_is_used_in_later_requests(pgweir, single, mode):
    weir = pgweir(host=single, settings={"pool_mode": mode})
    with weir.connect() as client:
        prepare(client, "double", "SELECT $1::int * 2")
        for number in range(10):
            assert run(client, "double", [number]) == str(number * 2)


def test_a_statement_follows_its_client_to_other_servers(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client, many(weir.connect, 3) as others:
        prepare(client, "who", "SELECT pg_backend_pid()")
        pids = set()
        for other in others:
            pids.add(run(client, "who"))
            other.query("BEGIN")
            other.query("SELECT 1")
        pids.add(run(client, "who"))
        assert len(pids) == 4


def test_the_same_name_means_each_clients_own_statement(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with many(weir.connect, 10) as clients:
        for number, client in enumerate(clients):
            prepare(client, "mine", "SELECT 'client %d'" % number)
        for _ in range(3):
            for number, client in enumerate(clients):
                assert run(client, "mine") == "client %d" % number


def test_the_same_text_is_prepared_once_for_all_clients(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with many(weir.connect, 5) as clients:
        for number, client in enumerate(clients):
            prepare(client, "s%d" % number, "SELECT 'shared'")
            assert run(client, "s%d" % number) == "shared"
        assert server_statements(clients[0]).count("SELECT 'shared'") == 1


def test_statements_that_differ_in_parameter_types_are_different(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client:
        for name, oid in (("int", 23), ("text", 25)):
            client.request(parse(name, "SELECT pg_typeof($1)", [oid]), sync())
        assert run(client, "int", ["1"]) == "integer"
        assert run(client, "text", ["1"]) == "text"


def test_a_name_in_use_is_42P05_and_the_client_stays(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        prepare(client, "s", "SELECT 1")
        result = client.request(parse("s", "SELECT 2"), sync())
        assert result.error.sqlstate == "42P05"
        assert '"s"' in result.error["M"]
        weir.wait_log("prepared statement 's' was already prepared")
        assert run(client, "s") == "1"
        assert client.request(parse("s", "SELECT 1"), sync()).error.sqlstate == "42P05"


@pytest.mark.parametrize("messages", [
    lambda: (bind("", "nothing"), execute()), lambda: (describe("S", "nothing"),)])
def test_an_unknown_name_is_26000_and_the_client_stays(pgweir, single, messages):
    weir = pgweir(host=single)
    with weir.connect() as client:
        result = client.request(*messages(), sync())
        assert result.error.sqlstate == "26000"
        assert '"nothing"' in result.error["M"]
        assert client.value("SELECT 1") == "1"


def test_a_closed_statement_is_unknown_and_its_name_free(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client, weir.connect() as other:
        prepare(client, "s", "SELECT 1")
        prepare(other, "s", "SELECT 1")
        assert client.request(close("S", "s"), sync()).types == "3Z"
        assert client.request(bind("", "s"), execute(), sync()).error.sqlstate == "26000"
        assert run(other, "s") == "1"
        prepare(client, "s", "SELECT 2")
        assert run(client, "s") == "2"
        assert client.request(close("S", "never"), close("P", "never"), sync()).types == "33Z"


def test_closing_and_preparing_anew_in_one_batch(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        prepare(client, "s", "SELECT 1")
        for number in range(5):
            result = client.request(close("S", "s"), parse("s", "SELECT %d" % number),
                                    bind("", "s"), execute(), sync())
            assert (result.types, result.value) == ("312DCZ", str(number))


def test_a_statement_that_failed_to_parse_does_not_exist(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        assert client.request(parse("s", "SELEKT"), sync()).error.sqlstate == "42601"
        assert client.request(bind("", "s"), execute(), sync()).error.sqlstate == "26000"
        prepare(client, "s", "SELECT 1")
        assert run(client, "s") == "1"


def test_a_parse_that_was_skipped_behind_an_error_did_not_happen(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        result = client.request(parse("", "SELEKT"), parse("s", "SELECT 1"), close("S", "t"), sync())
        assert result.types == "EZ"
        assert client.request(bind("", "s"), execute(), sync()).error.sqlstate == "26000"
        prepare(client, "s", "SELECT 2")
        assert run(client, "s") == "2"


def test_a_statement_of_a_transaction_that_failed_stays(pgweir, single):
    """As in PostgreSQL: statements are not transactional."""
    weir = pgweir(host=single)
    with weir.connect() as client:
        client.query("BEGIN")
        prepare(client, "s", "SELECT 1")
        client.request(query("SELECT 1/0"))
        client.query("ROLLBACK")
        assert run(client, "s") == "1"


def test_describe_of_a_statement_on_another_server(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client, weir.connect() as other:
        prepare(client, "s", "SELECT $1::int, $2::text")
        other.query("BEGIN")
        other.query("SELECT 1")
        result = client.request(describe("S", "s"), sync())
        assert (result.types, len(result.columns)) == ("tTZ", 2)
        result = client.request(describe("S", "s"), bind("", "s", [1, "x"]), describe("P"),
                                execute(), sync())
        assert result.types == "tT2TDCZ"


def test_prepare_bind_and_execute_many_in_one_pipeline(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 2})
    with weir.connect() as one, weir.connect() as two:
        for client in (one, two):
            client.send(b"".join(
                parse("s%d" % n, "SELECT $1::int + %d" % n) + bind("", "s%d" % n, [n]) + execute()
                + (sync() if n % 3 == 2 else b"") for n in range(30)))
        for client in (one, two):
            values = [row[0] for _ in range(10) for row in client.recv_ready().rows]
            assert values == [str(2 * n) for n in range(30)]


def test_flush_after_a_parse_that_the_server_already_has(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as one, weir.connect() as two:
        prepare(one, "s", "SELECT 5")
        two.send(parse("s", "SELECT 5"), flush())
        assert two.recv().type == "1"
        two.send(describe("S", "s"), flush())
        assert [two.recv().type for _ in range(2)] == ["t", "T"]
        assert two.request(bind("", "s"), execute(), sync()).types == "2DCZ"


def test_the_limit_of_statements_on_a_server(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1, "max_prepared_statements": 5})
    with weir.connect() as client:
        for number in range(20):
            prepare(client, "s%d" % number, "SELECT %d" % number)
        assert len(server_statements(client)) <= 5
        order = list(range(20)) * 3
        random.Random(1).shuffle(order)
        for number in order:
            assert run(client, "s%d" % number) == str(number)
        assert len(server_statements(client)) <= 5


def test_more_statements_in_one_batch_than_the_limit(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1, "max_prepared_statements": 3})
    with weir.connect() as client:
        for _ in range(2):
            result = client.request(b"".join(
                (parse("s%d" % n, "SELECT %d" % n) if _ == 0 else b"")
                + bind("", "s%d" % n) + execute() for n in range(10)), sync())
            assert [row[0] for row in result.rows] == [str(n) for n in range(10)]
        assert len(server_statements(client)) <= 3


def test_without_tracking_names_are_the_servers(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1, "max_prepared_statements": 0})
    with weir.connect() as client:
        prepare(client, "s", "SELECT 'raw'")
        assert "SELECT 'raw'" in server_statements(client)
        assert client.value("SELECT name FROM pg_prepared_statements") == "s"


@pytest.mark.parametrize("sql", ["DEALLOCATE ALL", "DISCARD ALL"])
def test_deallocate_all_forgets_this_clients_and_no_others(pgweir, single, sql):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client, weir.connect() as other:
        prepare(client, "s", "SELECT 1")
        prepare(other, "s", "SELECT 2")
        client.query(sql)
        assert client.request(bind("", "s"), execute(), sync()).error.sqlstate == "26000"
        assert run(other, "s") == "2"
        prepare(client, "s", "SELECT 3")
        assert run(client, "s") == "3"


def test_a_terminated_server_loses_no_statement(pgweir, single, wait_until):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client:
        prepare(client, "s", "SELECT 1")
        pid = pid_of(client)
        single.query("SELECT pg_terminate_backend(%d)" % pid)
        wait_until(lambda: pid not in backends(single))
        assert run(client, "s") == "1"


def test_a_changed_result_type_is_the_servers_error_and_passes(pgweir, single):
    """PostgreSQL says 0A000; preparing anew cures it."""
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client:
        client.query("CREATE TABLE t (i int)")
        client.query("INSERT INTO t VALUES (1)")
        prepare(client, "s", "SELECT * FROM t")
        assert run(client, "s") == "1"
        client.query("ALTER TABLE t ADD j int")
        result = client.request(bind("", "s"), execute(), sync())
        assert result.error is None or result.error.sqlstate == "0A000"
        assert client.value("SELECT 1") == "1"


def test_the_unnamed_statement_lives_to_the_next_request(pgweir, single):
    """Some drivers parse and describe first, and bind in a request of its own."""
    weir = pgweir(host=single, settings={"default_pool_size": 2})
    with weir.connect() as one, weir.connect() as two:
        for number in range(5):
            for client, factor in ((one, 2), (two, 3)):
                result = client.request(parse("", "SELECT $1::int * %d" % factor), describe("S"), sync())
                assert result.types == "1tTZ"
            for client, factor in ((one, 2), (two, 3)):
                assert run(client, "", [number]) == str(number * factor)


def test_long_names_and_texts(pgweir, single):
    weir = pgweir(host=single)
    name, text = "n" * 2000, "x" * 200_000
    with weir.connect() as client:
        prepare(client, name, "SELECT '%s'" % text)
        for _ in range(2):
            assert run(client, name) == text
        large = "y" * 3_000_000
        prepare(client, "echo", "SELECT $1::text")
        assert run(client, "echo", [large]) == large


def test_many_clients_with_many_statements_at_random(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 2, "max_prepared_statements": 7})
    rng = random.Random(2)
    with many(weir.connect, 5) as clients:
        known = [{} for _ in clients]
        for _ in range(400):
            at = rng.randrange(len(clients))
            client, names = clients[at], known[at]
            name = "s%d" % rng.randrange(6)
            action = rng.random()
            if name not in names:
                number = rng.randrange(10)
                prepare(client, name, "SELECT %d" % number)
                names[name] = number
            elif action < 0.2:
                assert client.request(close("S", name), sync()).types == "3Z"
                del names[name]
            elif action < 0.3:
                assert client.request(parse("", "SELECT 1/0"), bind(), execute(),
                                      parse(name, "SELECT 1"), sync()).error
            else:
                assert run(client, name) == str(names[name])


def test_a_wire_error_shows_in_the_right_request(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        prepare(client, "bad", "SELECT 1 / $1::int")
        with pytest.raises(wire.WireError):
            result = client.request(bind("", "bad", [0]), execute(), sync())
            raise result.error
        assert run(client, "bad", [1]) == "1"


@pytest.mark.parametrize("how", ["simple", "extended", "named", "pipelined"])
@pytest.mark.parametrize("spelling", ["DEALLOCATE double", "deallocate prepare \"double\";"])
def test_deallocate_in_sql_takes_a_name_of_the_protocol(pgweir, single, spelling, how):
    weir = pgweir(host=single)
    with weir.connect() as client, weir.connect() as other:
        for each in (client, other):
            prepare(each, "double", "SELECT $1::int * 2")
        if how == "extended":
            result = client.request(parse("", spelling), bind(), execute(), sync())
        elif how == "named":
            prepare(client, "drops", spelling)
            result = client.request(bind("", "drops"), execute(), sync())
        elif how == "pipelined":
            client.send(parse("drops", spelling), describe("S", "drops"), sync(),
                        bind("", "drops"), execute(), sync())
            assert client.recv_ready().error is None
            result = client.recv_ready()
        else:
            result = client.query(spelling)
        assert (result.error, result.tags) == (None, ["DEALLOCATE"])
        result = client.request(bind("", "double", ["1"]), execute(), sync())
        assert result.error.sqlstate == "26000"
        assert run(other, "double", ["4"]) == "8"
        prepare(client, "double", "SELECT $1::int * 3")
        assert run(client, "double", ["4"]) == "12"


def test_a_named_deallocate_may_be_run_again_and_fails_by_the_clients_name(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        prepare(client, "drops", "DEALLOCATE \"my one\"")
        for _ in range(2):
            prepare(client, "my one", "SELECT 1")
            result = client.request(bind("", "drops"), execute(), sync())
            assert (result.error, result.tags) == (None, ["DEALLOCATE"])
            result = client.request(bind("", "drops"), execute(), sync())
            assert result.error.sqlstate == "26000"
            assert result.error["M"] == 'prepared statement "my one" does not exist'


# ---- prepared anew ----

def ask(client, name, params=()):
    """As libpq runs a statement: it asks for the columns each time."""
    return client.request(bind("", name, params), describe("P"), execute(), sync())


@pytest.mark.parametrize("change", [
    ["ALTER TABLE t ADD j int"], ["ALTER TABLE t ALTER i TYPE text"],
    ["DROP TABLE t", "CREATE TABLE t (i text, j text)"]])
def test_a_changed_result_type_is_mended_unseen(pgweir, single, change):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client, weir.connect() as other:
        client.query("CREATE TABLE t (i int)")
        client.query("INSERT INTO t VALUES (1)")
        for each in (client, other):
            prepare(each, "s", "SELECT * FROM t")
            assert ask(each, "s").error is None
        for sql in change:
            client.query(sql)
        client.query("INSERT INTO t VALUES ('7')")
        for each in (client, other):
            for _ in range(2):
                result = ask(each, "s")
                assert (result.error, result.rows[-1][0]) == (None, "7")
        assert server_statements(client).count("SELECT * FROM t") == 1


def test_a_changed_result_type_is_mended_with_a_large_bind(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client:
        client.query("CREATE TABLE t (i int)")
        client.query("INSERT INTO t VALUES (1)")
        prepare(client, "s", "SELECT t.*, length($1::text) FROM t")
        assert ask(client, "s", ["x"]).rows == [["1", "1"]]
        client.query("ALTER TABLE t ADD j int")
        assert ask(client, "s", ["x" * 20000]).rows == [["1", None, "20000"]]


def test_a_changed_result_type_in_a_transaction_is_told_and_the_next_try_works(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client:
        client.query("CREATE TABLE t (i int)")
        prepare(client, "s", "SELECT * FROM t")
        assert ask(client, "s").error is None
        client.query("ALTER TABLE t ADD j int")
        client.query("BEGIN")
        assert ask(client, "s").error.sqlstate == "0A000"
        assert client.status == "E"
        client.query("ROLLBACK")
        client.query("BEGIN")
        assert ask(client, "s").error is None
        client.query("COMMIT")


def test_a_client_that_knows_the_old_columns_is_told_until_it_prepares_anew(pgweir, single):
    """Its rows would be read by columns that they do not have: also on servers that never had
    the old plan."""
    weir = pgweir(host=single, settings={"default_pool_size": 2})
    with weir.connect() as client, weir.connect() as other:
        client.query("CREATE TABLE t (i int)")
        client.query("INSERT INTO t VALUES (1)")
        assert client.request(parse("s", "SELECT * FROM t"), describe("S", "s"), sync()).types == "1tTZ"
        assert run(client, "s") == "1"
        client.query("ALTER TABLE t ALTER i TYPE text")
        pid = pid_of(client)
        other.query("BEGIN")
        assert pid_of(other) == pid
        for _ in range(2):
            result = client.request(bind("", "s"), execute(), sync())
            assert (result.error.sqlstate, result.rows) == ("0A000", [])
        other.query("COMMIT")
        assert client.request(bind("", "s"), execute(), sync()).error.sqlstate == "0A000"
        client.query("SELECT 1")
        result = client.request(close("S", "s"), parse("s", "SELECT * FROM t"), describe("S", "s"),
                                sync())
        assert result.types == "31tTZ"
        assert run(client, "s") == "1"


def test_a_driver_that_heals_itself_finds_the_new_plan(pgweir, single):
    """On 0A000 it prepares the same text under another name."""
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client:
        client.query("CREATE TABLE t (i int)")
        client.query("INSERT INTO t VALUES (1)")
        client.request(parse("s1", "SELECT * FROM t"), describe("S", "s1"), sync())
        run(client, "s1")
        client.query("ALTER TABLE t ADD j int")
        assert client.request(bind("", "s1"), execute(), sync()).error.sqlstate == "0A000"
        result = client.request(parse("s2", "SELECT * FROM t"), describe("S", "s2"), sync())
        assert result.columns == ["i", "j"]
        assert client.request(bind("", "s2"), execute(), sync()).rows == [["1", None]]


def test_the_same_text_means_the_schema_of_the_moment(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client, weir.connect() as other:
        for schema in ("one", "two"):
            client.query("CREATE SCHEMA %s CREATE TABLE t (i text)" % schema)
            client.query("INSERT INTO %s.t VALUES ('%s')" % (schema, schema))
        for each, schema in ((client, "one"), (other, "two")) * 3:
            each.query("BEGIN")
            each.query("SET LOCAL search_path = %s" % schema)
            each.request(parse("s", "SELECT * FROM t"), sync())
            if each.status == "E":  # it has it already
                each.query("ROLLBACK")
                each.query("BEGIN")
                each.query("SET LOCAL search_path = %s" % schema)
            assert run(each, "s") == schema
            each.query("COMMIT")
        client.query("DROP SCHEMA one CASCADE")
        client.query("DROP SCHEMA two CASCADE")


# ---- types that are dropped and made again ----

TYPED = {
    "parameter": ("SELECT $1::mood", ["b"], "b"),
    "parameter of a table": ("INSERT INTO t VALUES ($1) RETURNING m", ["b"], "b"),
    "constant": ("SELECT 'b'::mood", [], "b"),
    "column": ("SELECT m FROM t", [], None),
    "array": ("SELECT $1::mood[]", ["{b}"], "{b}"),
    "row": ("SELECT ROW(1, 'b')::pair", [], "(1,b)"),
    "domain": ("SELECT $1::word", ["b"], "b"),
}


def make_types(client):
    for sql in ("DROP TABLE IF EXISTS t", "DROP TYPE IF EXISTS mood, pair, word CASCADE",
                "CREATE TYPE mood AS ENUM ('a', 'b')", "CREATE TYPE pair AS (i int, m mood)",
                "CREATE DOMAIN word AS text", "CREATE TABLE t (m mood)"):
        client.query(sql)


@pytest.fixture
def types_made(single):
    with wire.Wire(single.port, "app", "app") as ddl:
        make_types(ddl)
        yield lambda: make_types(ddl)
        for sql in "DROP TABLE IF EXISTS t", "DROP TYPE IF EXISTS mood, pair, word CASCADE":
            ddl.query(sql)


@pytest.mark.parametrize("asked", [True, False], ids=["asks", "knows nothing"])
@pytest.mark.parametrize("how", TYPED)
def test_a_type_that_was_made_again_is_mended_unseen(pgweir, single, types_made, how, asked):
    sql, params, value = TYPED[how]
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    asks = [describe("P")] if asked else []
    with weir.connect() as client, weir.connect() as other:
        for each in (client, other):
            prepare(each, "s", sql)
        for _ in range(2):
            for each in (client, other):
                result = each.request(bind("", "s", params), *asks, execute(), sync())
                assert (result.error, result.value) == (None, value)
            types_made()
        result = client.request(describe("S", "s"), sync())
        assert result.error is None


def test_a_type_that_was_made_again_in_a_transaction_is_told_and_the_next_try_works(
        pgweir, single, types_made):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client:
        prepare(client, "s", "SELECT $1::mood")
        types_made()
        client.query("BEGIN")
        assert ask(client, "s", ["a"]).error.sqlstate == "XX000"
        client.query("ROLLBACK")
        client.query("BEGIN")
        assert ask(client, "s", ["a"]).value == "a"
        client.query("COMMIT")


def test_a_client_that_was_told_the_old_type_prepares_anew(pgweir, single, types_made):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client:
        said = client.request(parse("s", "SELECT $1::mood"), describe("S", "s"), sync())
        types_made()
        assert client.request(bind("", "s", ["a"]), execute(), sync()).error.sqlstate == "XX000"
        assert client.request(bind("", "s", ["a"]), execute(), sync()).error.sqlstate == "0A000"
        now = client.request(close("S", "s"), parse("s", "SELECT $1::mood"), describe("S", "s"),
                             sync())
        assert now.error is None and now.types == "31tTZ" and said.types == "1tTZ"
        assert client.request(bind("", "s", ["a"]), execute(), sync()).value == "a"


def test_a_type_that_is_gone_for_good_is_told(pgweir, single, types_made):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client:
        prepare(client, "s", "SELECT $1::word")
        client.query("DROP TYPE word")
        for _ in range(2):
            assert ask(client, "s", ["a"]).error.sqlstate == "42704"
        assert client.value("SELECT 1") == "1"


# ---- deallocated behind our back ----

@pytest.mark.parametrize("mode", ["transaction", "statement"])
@pytest.mark.parametrize("sql", ["DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$",
                                 "SELECT 1; DEALLOCATE ALL"])
def test_a_statement_deallocated_by_another_client_is_prepared_anew(pgweir, single, mode, sql):
    weir = pgweir(host=single, settings={"default_pool_size": 1, "pool_mode": mode})
    with weir.connect() as client, weir.connect() as other:
        prepare(client, "s", "SELECT 1")
        assert run(client, "s") == "1"
        other.query(sql)
        assert run(client, "s") == "1"
        assert run(client, "s") == "1"


def test_a_statement_deallocated_unseen_is_told_in_a_transaction_and_then_there(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client:
        prepare(client, "s", "SELECT 1")
        client.query("BEGIN")
        client.query("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$")
        error = client.request(bind("", "s"), execute(), sync()).error
        assert (error.sqlstate, error["M"]) == ("26000", 'prepared statement "s" does not exist')
        client.query("ROLLBACK")
        assert run(client, "s") == "1"


@pytest.mark.parametrize("sql", ["DISCARD ALL", "DEALLOCATE ALL"])
def test_a_parse_sent_behind_a_discard_is_there(pgweir, single, sql):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client, weir.connect() as other:
        for each in (client, other):
            prepare(each, "s", "SELECT 1")
        client.send(query(sql), parse("s", "SELECT 1"), bind("", "s"), execute(), sync())
        assert client.recv_ready().error is None
        assert client.recv_ready().types == "12DCZ"
        assert run(client, "s") == "1"
        assert run(other, "s") == "1"
        prepare(client, "again", "SELECT 1")


def test_deallocate_all_and_a_parse_in_one_batch(pgweir, single):
    """As psycopg sends them in its pipeline mode."""
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client, weir.connect() as other:
        for each in (client, other):
            prepare(each, "s", "SELECT 1")
        result = client.request(parse("", "DEALLOCATE ALL"), bind(), execute(),
                                parse("t", "SELECT 1"), bind("", "t"), execute(), sync())
        assert (result.error, result.tags) == (None, ["DEALLOCATE ALL", "SELECT 1"])
        assert run(other, "s") == "1"


def test_a_statement_of_sql_with_a_name_like_ours_does_no_harm(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client, weir.connect() as other:
        prepare(client, "known", "SELECT 1")
        for number in range(1, 12):
            try:
                other.query('PREPARE "PGWEIR_%d" AS SELECT \'theirs\'' % number)
            except wire.WireError as error:
                assert error.sqlstate == "42P05"
        for number in range(5):
            result = client.request(parse("s%d" % number, "SELECT %d" % number),
                                    bind("", "s%d" % number), execute(), sync())
            assert (result.error, result.value) == (None, str(number))


def test_a_name_like_ours_is_not_another_clients_statement(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client, weir.connect() as other:
        prepare(client, "s", "SELECT 'secret'")
        for number in range(1, 4):
            name = "PGWEIR_%d" % number
            for messages in ((bind("", name), execute()), (describe("S", name),)):
                error = other.request(*messages, sync()).error
                assert (error.sqlstate, error["M"]) == (
                    "26000", 'prepared statement "%s" does not exist' % name)
            assert other.request(close("S", name), sync()).types == "3Z"
        prepare(other, "PGWEIR_1", "SELECT 'mine'")
        assert run(other, "PGWEIR_1") == "mine"
        assert run(client, "s") == "secret"


def test_an_unnamed_statement_is_never_another_clients(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client, weir.connect() as other:
        assert client.request(parse("", "SELECT 'one'"), bind(), execute(), sync()).value == "one"
        assert other.request(bind(), execute(), sync()).error.sqlstate == "26000"
        assert other.request(describe("S"), sync()).error.sqlstate == "26000"
        other.request(parse("", "SELECT 'two'"), sync())
        assert client.request(bind(), execute(), sync()).value == "one"
        assert other.request(bind(), execute(), sync()).value == "two"
        client.query("SELECT 1")
        assert client.request(bind(), execute(), sync()).error.sqlstate == "26000"


# ---- as PostgreSQL says it ----

def test_errors_name_the_statement_as_the_client_does(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        prepare(client, "mine", "SELECT $1::int")
        error = client.request(bind("", "mine", [1, 2]), execute(), sync()).error
        assert error["M"] == 'bind message supplies 2 parameters, but prepared statement "mine" requires 1'


def test_a_known_text_is_refused_in_a_transaction_that_failed(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client:
        prepare(client, "s", "SELECT 1")
        client.query("BEGIN")
        client.request(query("SELECT 1/0"))
        assert client.request(parse("t", "SELECT 1"), sync()).error.sqlstate == "25P02"
        client.query("ROLLBACK")
        assert client.request(bind("", "t"), execute(), sync()).error.sqlstate == "26000"
        assert run(client, "s") == "1"


def test_a_query_in_a_batch_that_failed_is_skipped(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        assert client.request(parse("s", "SELEKT"), query("SELECT 1"), sync()).types == "EZ"
        assert client.value("SELECT 2") == "2"


def test_a_deallocate_that_comes_in_pieces_is_understood(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        prepare(client, "s", "SELECT 1")
        data = query("DEALLOCATE s")
        client.send(data[:9])
        assert client.is_quiet(0.05)
        client.send(data[9:])
        assert client.recv_ready().tags == ["DEALLOCATE"]


def test_a_deallocate_that_is_not_run_takes_nothing(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        prepare(client, "s", "SELECT 1")
        assert client.request(parse("", "DEALLOCATE s"), sync()).types == "1Z"
        assert run(client, "s") == "1"
        client.request(parse("", "DEALLOCATE s"), sync())
        assert client.request(bind(), execute(), sync()).tags == ["DEALLOCATE"]
        assert client.request(bind("", "s"), execute(), sync()).error.sqlstate == "26000"


# ---- on the console ----

def test_statements_are_shown_with_who_has_them(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client, weir.connect() as other:
        for each in (client, other):
            each.request(parse("mine", "SELECT $1", [23]), sync())
            assert run(each, "mine", [5]) == "5"
        prepare(client, "long", "SELECT '%s'" % ("\u00e9" * 500))
        shown = {row["query"]: row for row in weir.admin("SHOW PREPARED_STATEMENTS")}
        mine = shown["SELECT $1"]
        assert (mine["parameters"], mine["clients"], mine["servers"], mine["uses"]) == ("1", "2", "1", "2")
        assert mine["name"] in [row[0] for row in client.query("SELECT name FROM pg_prepared_statements").rows]
        long = [query for query in shown if query.endswith("\u00e9...")]
        assert len(long) == 1 and len(long[0].encode()) < 192
        assert {row["prepared_statements"] for row in weir.admin("SHOW CLIENTS")
                if row["database"] == "app"} == {"2", "1"}
        assert [row["prepared_statements"] for row in weir.admin("SHOW SERVERS")] == ["2"]
        client.request(close("S", "mine"), sync())
        shown = {row["query"]: row for row in weir.admin("SHOW PREPARED_STATEMENTS")}
        assert shown["SELECT $1"]["clients"] == "1"
    with pytest.raises(wire.WireError) as error:
        weir.connect(user="stats", database="pgweir").query("SHOW PREPARED_STATEMENTS")
    assert error.value.sqlstate == "08P01"


def test_parses_and_binds_are_counted(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client, weir.connect() as other:
        for each in (client, other):
            prepare(each, "s", "SELECT 1")
            run(each, "s")
        row = [row for row in weir.admin("SHOW STATS_TOTALS") if row["database"] == "app"][0]
        assert (row["client_parse_count"], row["server_parse_count"], row["bind_count"]) == ("2", "1", "2")


@pytest.mark.parametrize("tracked", [0, 10])
def test_only_tracked_statements_are_counted(pgweir, single, tracked):
    weir = pgweir(host=single, settings={"max_prepared_statements": tracked, "default_pool_size": 1})
    with weir.connect() as client:
        assert client.extended("SELECT $1::int", ["1"]).value == "1"
        if not tracked:
            prepare(client, "s", "SELECT 1")
            run(client, "s")
        row = [row for row in weir.admin("SHOW STATS_TOTALS") if row["database"] == "app"][0]
        assert (row["client_parse_count"], row["server_parse_count"], row["bind_count"]) == ("0", "0", "0")


# ---- bounds ----

def test_a_client_with_too_many_statements_is_refused_more(pgweir, single):
    weir = pgweir(host=single, settings={"max_client_statement_memory": "64kB"})
    with weir.connect() as client, weir.connect() as other:
        for number in range(1000):
            result = client.request(parse("s%d" % number, "SELECT %d" % number), sync())
            if result.error:
                break
        assert result.error.sqlstate == "53200"
        assert "max_client_statement_memory" in result.error["M"]
        assert 100 < number < 1000
        assert run(client, "s0") == "0"
        prepare(other, "s", "SELECT 1")
        for at in range(number // 2):
            client.request(close("S", "s%d" % at), sync())
        prepare(client, "again", "SELECT 'again'")
        assert run(client, "again") == "again"
        client.query("BEGIN")
        client.request(parse("large", "SELECT '%s'" % ("x" * 70000)), sync())
        assert client.status == "E"
        client.query("ROLLBACK")


def test_a_text_that_is_too_large_is_an_error_and_the_client_stays(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        result = client.request(parse("large", "SELECT '%s'" % ("x" * (17 << 20))), bind("", "large"),
                                execute(), sync(), timeout=30)
        assert (result.types, result.error.sqlstate) == ("EZ", "54000")
        assert client.value("SELECT 1") == "1"


def test_statements_that_only_servers_have_make_room(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1, "max_statement_memory": "1MB"})
    with weir.connect() as client:
        for number in range(100):
            text = "SELECT %d -- %s" % (number, "x" * 20000)
            result = client.request(parse("s", text), bind("", "s"), execute(), close("S", "s"), sync())
            assert (result.error, result.value) == (None, str(number))


def test_statements_that_nobody_has_take_no_memory(pgweir, single):
    weir = pgweir(host=single, settings={"max_prepared_statements": 5})

    def used():
        return {row["name"]: int(row["used"]) for row in weir.admin("SHOW MEM")}

    with weir.connect() as client:
        for number in range(200):
            prepare(client, "s%d" % number, "SELECT %d" % number)
            client.request(close("S", "s%d" % number), sync())
        assert used()["statement"] <= 5 + 1
        assert used()["statement_name"] == 0


def test_errors_about_statements_name_the_routine_that_drivers_go_by(pgweir, single):
    """asyncpg, pgjdbc, postgres.js prepare anew if it is RevalidateCachedQuery that fails."""
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as one, weir.connect() as two:
        one.query("CREATE TABLE changing (i int)")
        for client in (one, two):
            client.request(parse("all", "SELECT * FROM changing"), describe("S", "all"), sync())
        one.query("ALTER TABLE changing ADD COLUMN j int")
        for client in (one, two):
            error = client.request(bind("", "all"), execute(), sync()).error
            assert (error.sqlstate, error["R"]) == ("0A000", "RevalidateCachedQuery")
        error = one.request(bind("", "nobody"), execute(), sync()).error
        assert (error.sqlstate, error["R"]) == ("26000", "FetchPreparedStatement")


@pytest.mark.parametrize("behind", ["SELECT 1", "DEALLOCATE b"])
def test_a_name_that_was_deallocated_is_gone_whatever_was_sent_behind(pgweir, single, behind):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client:
        client.request(wire.parse("b", "SELECT 1"), wire.sync())
        client.send(wire.parse("", "DEALLOCATE b"), wire.bind(), wire.execute(), wire.sync(),
                    wire.query(behind), wire.parse("b", "SELECT 2"), wire.sync())
        assert wire.Result(client.recv_until("Z")).tags == ["DEALLOCATE"]
        assert len(wire.Result(client.recv_until("Z")).errors) == (behind != "SELECT 1")
        assert not wire.Result(client.recv_until("Z")).errors
