# SPDX-License-Identifier: ISC
"""COPY in both directions, its errors and its sizes."""
import threading

import psycopg
import pytest

from harness import wire
from harness.helpers import backends
from harness.wire import bind, copy_data, copy_done, copy_fail, describe, execute, parse, query, sync
from test_protocol import MARK_KIB, grown_kib, reset_peak

MODES = pytest.mark.parametrize("mode", ["session", "transaction", "statement"])


@pytest.fixture
def table(single):
    with single.connect("app", "app") as connection:
        connection.query("CREATE TABLE t (line text)")


def count(client):
    return int(client.value("SELECT count(*) FROM t"))


def begin_copy(client, how):
    """Sends COPY FROM STDIN and reads up to CopyInResponse."""
    sql = "COPY t FROM STDIN"
    if how == "simple":
        client.send(query(sql))
    else:
        client.send(parse("", sql), bind(), describe("P"), execute(), wire.flush())
    while client.recv().type != "G":
        pass


HOWS = pytest.mark.parametrize("how", ["simple", "extended"])


@MODES
@HOWS
def test_copy_in(pgweir, single, table, mode, how):
    weir = pgweir(host=single, settings={"pool_mode": mode, "default_pool_size": 1})
    with weir.connect() as client:
        begin_copy(client, how)
        for number in range(10):
            client.send(copy_data(b"line %d\n" % number))
        result = client.request(copy_done(), *([sync()] if how == "extended" else []))
        assert (result.tags, result.status) == (["COPY 10"], "I")
        assert count(client) == 10
    with weir.connect() as other:
        assert count(other) == 10


@MODES
@HOWS
def test_copy_out(pgweir, single, table, mode, how):
    weir = pgweir(host=single, settings={"pool_mode": mode, "default_pool_size": 1})
    sql = "COPY (SELECT generate_series(1, 1000)) TO STDOUT"
    with weir.connect() as client:
        result = client.query(sql) if how == "simple" else client.extended(sql)
        assert result.tags == ["COPY 1000"]
        lines = [found.body for found in result.messages if found.type == "d"]
        assert lines == [b"%d\n" % (number + 1) for number in range(1000)]
        assert client.value("SELECT 1") == "1"


@HOWS
def test_a_copy_keeps_its_server(pgweir, single, table, how):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client, weir.connect() as other:
        begin_copy(client, how)
        client.send(copy_data(b"a\n"))
        other.send(query("SELECT 1"))
        assert other.is_quiet()
        client.request(copy_done(), *([sync()] if how == "extended" else []))
        assert other.recv_ready().value == "1"


@HOWS
def test_copy_fail_ends_a_copy(pgweir, single, table, how):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client, weir.connect() as other:
        begin_copy(client, how)
        client.send(copy_data(b"a\n"))
        result = client.request(copy_fail("no more"), *([sync()] if how == "extended" else []))
        assert result.error.sqlstate == "57014"
        assert "no more" in result.error["M"]
        assert count(client) == 0
        assert other.value("SELECT 1") == "1"


@HOWS
def test_an_error_in_the_middle_of_a_copy(pgweir, single, how):
    """The client hears of it early and goes on sending what it has: that is dropped."""
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client, weir.connect() as other:
        client.query("CREATE TABLE t (line int)")
        begin_copy(client, how)
        client.send(copy_data(b"1\n" * 10), copy_data(b"wrong\n"), copy_data(b"2\n" * 100000))
        error = client.recv()
        assert error.fields()["C"] == "22P02"
        for _ in range(20):
            client.send(copy_data(b"3\n" * 1000))
        if how == "extended":
            result = client.request(copy_done(), sync())
        else:
            result = client.recv_ready()
            client.send(copy_done())
        assert result.types == "Z"
        assert result.status == "I"
        assert other.value("SELECT count(*) FROM t") == "0"
        assert client.value("SELECT count(*) FROM t") == "0"


def test_copy_to_a_table_that_is_not_there(pgweir, single):
    """The data may already be on its way when the error comes."""
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client, weir.connect() as other:
        result = client.request(query("COPY nowhere FROM STDIN"), copy_data(b"a\n"), copy_done())
        assert result.error.sqlstate == "42P01"
        assert client.value("SELECT 1") == "1"
        assert other.value("SELECT 2") == "2"


def test_copy_in_whose_data_is_sent_at_once(pgweir, single, table):
    """Query, data and end in one packet, as some drivers do."""
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client:
        result = client.request(query("COPY t FROM STDIN"), copy_data(b"a\nb\n"), copy_done())
        assert result.tags == ["COPY 2"]
        result = client.request(parse("", "COPY t FROM STDIN"), bind(), execute(),
                                copy_data(b"c\n"), copy_done(), sync())
        assert result.tags == ["COPY 1"]
        assert count(client) == 3


def test_copies_among_other_statements_of_one_query(pgweir, single, table):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client:
        client.send(query("INSERT INTO t VALUES ('first'); COPY t FROM STDIN; COPY t FROM STDIN;"
                          " COPY t TO STDOUT; SELECT count(*) FROM t"))
        client.recv_until("G")
        client.send(copy_data(b"a\n"), copy_done())
        client.recv_until("G")
        client.send(copy_data(b"b\n"), copy_done())
        result = client.recv_ready()
        assert result.value == "3"
        assert result.tags == ["COPY 1", "COPY 3", "SELECT 1"]


def test_a_copy_inside_a_transaction_that_is_rolled_back(pgweir, single, table):
    weir = pgweir(host=single)
    with weir.connect() as client:
        client.query("BEGIN")
        begin_copy(client, "simple")
        result = client.request(copy_data(b"a\n"), copy_done())
        assert result.status == "T"
        client.query("ROLLBACK")
        assert count(client) == 0


def test_stray_copy_messages_are_ignored_as_by_postgresql(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        client.send(copy_data(b"a\n"), copy_done(), copy_fail("why"))
        assert client.value("SELECT 1") == "1"


def test_a_client_that_leaves_in_the_middle_of_a_copy(pgweir, single, table, wait_until):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    for how in ("simple", "extended"):
        for leave in (wire.Wire.abort, wire.Wire.close):
            client = weir.connect()
            begin_copy(client, how)
            client.send(copy_data(b"a\n" * 1000))
            leave(client)
            with weir.connect() as other:
                assert count(other) == 0
    wait_until(lambda: len(backends(single)) <= 1)


def test_a_large_copy_passes_in_bounded_memory_both_ways(pgweir, single, table):
    weir = pgweir(host=single)
    block = b"".join(b"%063d\n" % number for number in range(1024))
    with weir.connect(timeout=60) as client:
        client.query("SELECT 1")
        before = reset_peak(weir)
        begin_copy(client, "simple")
        for _ in range(800):
            client.send(copy_data(block))
        assert client.request(copy_done(), timeout=60).tags == ["COPY 819200"]
        assert grown_kib(weir, before) < MARK_KIB
        client.send(query("COPY t TO STDOUT"))
        total = 0
        while True:
            found = client.recv(60)
            total += len(found.body) if found.type == "d" else 0
            if found.type == "Z":
                break
        assert total == 800 * len(block)
        assert grown_kib(weir, before) < MARK_KIB


def test_many_copies_at_once(pgweir, single, table):
    weir = pgweir(host=single, settings={"default_pool_size": 2})
    failed = []

    def work():
        try:
            with psycopg.connect(weir.dsn(), autocommit=True) as connection:
                for _ in range(5):
                    with connection.cursor().copy("COPY t FROM STDIN") as copy:
                        for number in range(100):
                            copy.write_row(["line %d" % number])
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert single.value("SELECT count(*) FROM t", "app") == "4000"
