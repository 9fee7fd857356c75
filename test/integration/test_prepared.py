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


@pytest.mark.parametrize("extended", [False, True], ids=["simple", "extended"])
@pytest.mark.parametrize("spelling", ["DEALLOCATE double", "deallocate prepare \"double\";"])
def test_deallocate_in_sql_takes_a_name_of_the_protocol(pgweir, single, spelling, extended):
    weir = pgweir(host=single)
    with weir.connect() as client, weir.connect() as other:
        for each in (client, other):
            prepare(each, "double", "SELECT $1::int * 2")
        if extended:
            result = client.request(parse("", spelling), bind(), execute(), sync())
        else:
            result = client.query(spelling)
        assert (result.error, result.tags) == (None, ["DEALLOCATE"])
        result = client.request(bind("", "double", ["1"]), execute(), sync())
        assert result.error.sqlstate == "26000"
        assert run(other, "double", ["4"]) == "8"
        prepare(client, "double", "SELECT $1::int * 3")
        assert run(client, "double", ["4"]) == "12"
