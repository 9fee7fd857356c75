# SPDX-License-Identifier: ISC
"""The protocol beyond single queries: pipelines, Flush, large messages, function calls, notices."""
import os
import struct
import threading

import pytest

from harness import wire
from harness.fakepg import PARAMETERS, authentication, command, error, key_data, parameter, ready
from harness.helpers import backends, fatal, pid_of, refusal
from harness.wire import bind, close, describe, execute, flush, parse, query, sync

pytestmark = pytest.mark.majors

MEBIBYTE = 1 << 20
# What a transfer of any size may add to the resident set: 2.1 MB were seen, of a COPY with ASan.
# AddressSanitizer keeps what was freed for a while.
MARK_KIB = (64 if "asan" in os.environ.get("PGWEIR", "") else 4) * 1024


def batch(sql, *params):
    return parse("", sql) + bind("", "", params) + execute()


def grown_kib(weir, before):
    """Peak of the resident set since `before`, which is the peak at that time."""
    return peak_kib(weir) - before


def peak_kib(weir):
    with open("/proc/%d/status" % weir.pid) as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))


def reset_peak(weir):
    with open("/proc/%d/clear_refs" % weir.pid, "w") as file:
        file.write("5")
    return peak_kib(weir)


# Pipelines.

def test_a_pipeline_of_simple_queries_is_answered_in_order(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        client.send(*[query("SELECT %d" % number) for number in range(200)])
        for number in range(200):
            assert client.recv_ready().value == str(number)


def test_a_pipeline_of_batches_is_answered_in_order(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client, weir.connect() as other:
        client.send(*[batch("SELECT $1::int", number) + sync() for number in range(200)])
        other.send(query("SELECT 'other'"))
        for number in range(200):
            result = client.recv_ready()
            assert (result.value, result.types) == (str(number), "12DCZ")
        assert other.recv_ready().value == "other"


def test_more_requests_in_flight_than_pgweir_notes_at_a_time(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        count = 20000
        sender = threading.Thread(target=client.send, args=[
            b"".join(batch("SELECT $1::int", number) for number in range(count)) + sync()])
        sender.start()
        result = client.recv_ready(timeout=60)
        sender.join()
        assert [int(row[0]) for row in result.rows] == list(range(count))


@pytest.mark.parametrize("bad", ["parse", "bind", "execute"])
def test_an_error_in_a_batch_skips_to_its_sync_and_not_further(pgweir, single, bad):
    wrong = {
        "parse": parse("", "SELEKT 1") + bind() + describe("P") + execute(),
        "bind": parse("", "SELECT $1::int") + bind("", "", ["abc"]) + describe("P") + execute(),
        "execute": parse("", "SELECT 1/0") + bind() + execute(),
    }[bad]
    weir = pgweir(host=single)
    with weir.connect() as client:
        client.query("CREATE TABLE t (i int)")
        client.send(batch("INSERT INTO t VALUES (1)"), wrong, batch("INSERT INTO t VALUES (2)"),
                    close("S"), sync(), batch("SELECT 3"), sync())
        first, second = client.recv_ready(), client.recv_ready()
        assert len(first.errors) == 1 and first.types.endswith("EZ")
        assert first.status == "I"
        assert (second.value, second.types) == ("3", "12DCZ")
        assert client.value("SELECT count(*) FROM t") == "0"


def test_an_error_inside_a_transaction_of_a_pipeline(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        client.send(query("BEGIN"), batch("SELECT 1/0"), sync(), batch("SELECT 1"), sync(),
                    query("SELECT 2"), query("ROLLBACK"), query("SELECT 3"))
        results = [client.recv_ready() for _ in range(6)]
        assert [result.status for result in results] == list("TEEEII")
        assert [result.error.sqlstate if result.error else None for result in results] == [
            None, "22012", "25P02", "25P02", None, None]
        assert results[5].value == "3"


def test_simple_and_extended_requests_mix_in_a_pipeline(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        client.send(query("SELECT 1"), batch("SELECT 2"), sync(), query("SELECT 3"), sync(),
                    batch("SELECT 4"), batch("SELECT 5"), sync())
        assert [client.recv_ready().types for _ in range(5)] == [
            "TDCZ", "12DCZ", "TDCZ", "Z", "12DC12DCZ"]


def test_a_query_right_behind_extended_messages_without_a_sync(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client, weir.connect() as other:
        result = client.request(batch("SELECT 1"), query("SELECT 2"))
        assert result.types == "12DCTDCZ"
        if result.status == "T":
            # PostgreSQL 18 loses count: T, I after a Sync, and XX000 for what comes next.
            assert client.request(sync()).status == "I"
        assert other.value("SELECT 3") == "3"
        assert client.value("SELECT 4") == "4"
        servers = weir.log().count("new connection to server")
        assert servers == (2 if result.status == "T" else 1)


def test_flush_without_sync_brings_the_answers_and_keeps_the_server(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client, weir.connect() as other:
        client.send(parse("", "SELECT $1::int"), describe("S"), flush())
        assert [client.recv().type for _ in range(3)] == ["1", "t", "T"]
        other.send(query("SELECT 'other'"))
        assert other.is_quiet()
        client.send(bind("", "", [7]), execute(), flush())
        assert [client.recv().type for _ in range(3)] == ["2", "D", "C"]
        assert client.is_quiet()
        assert other.is_quiet()
        client.send(sync())
        assert client.recv_ready().types == "Z"
        assert other.recv_ready().value == "other"


def test_an_error_after_a_flush_skips_to_the_sync(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        client.send(parse("", "SELECT 1/0"), bind(), execute(), flush())
        assert [client.recv().type for _ in range(2)] == ["1", "E"]
        client.send(batch("SELECT 1"), flush())
        assert client.is_quiet()
        client.send(sync())
        assert client.recv_ready().types == "Z"
        assert client.value("SELECT 2") == "2"


def test_messages_sent_after_an_error_and_before_its_sync_are_skipped(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client, weir.connect() as other:
        for name in ("", "named"):
            client.send(parse("", "SELEKT"))
            assert client.recv().type == "E"
            client.send(parse(name, "SELECT 1"), bind("", name), describe("P"), execute(),
                        close("S", name), query("SELECT 2"))
            assert client.is_quiet()
            assert client.request(sync()).types == "Z"
            assert other.value("SELECT 3") == "3"
            assert client.request(parse(name, "SELECT 4"), bind("", name), execute(),
                                  close("S", name), sync()).value == "4"


def test_sync_alone_and_flush_alone(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        assert client.request(sync()).types == "Z"
        client.send(flush())
        assert client.is_quiet()
        assert client.request(sync(), ).types == "Z"
        assert client.value("SELECT 1") == "1"


def test_portals_are_fetched_in_parts_inside_a_transaction(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        client.query("BEGIN")
        client.send(parse("", "SELECT generate_series(1, 5)"), bind("p"), execute("p", 2), flush())
        assert [client.recv().type for _ in range(5)] == list("12DDs")
        result = client.request(execute("p", 2), sync())
        assert (result.types, result.rows) == ("DDsZ", [["3"], ["4"]])
        result = client.request(execute("p"), close("P", "p"), sync())
        assert (result.types, result.rows) == ("DC3Z", [["5"]])
        client.query("COMMIT")


def test_binary_parameters_and_results_pass_untouched(pgweir, single):
    weir = pgweir(host=single)
    value = bytes(range(256))
    with weir.connect() as client:
        result = client.request(
            parse("", "SELECT $1::bytea, $2::int4"),
            bind("", "", [value, struct.pack("!i", 7)], [1, 1], [1, 1]), execute(), sync())
        row = next(found for found in result.messages if found.type == "D").body
        assert row == struct.pack("!hi", 2, 256) + value + struct.pack("!ii", 4, 7)


def test_a_function_call_message(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        oid = int(client.value("SELECT 'pg_catalog.int4pl(int4,int4)'::regprocedure::oid"))
        call = wire.message("F", struct.pack("!ihhhi", oid, 1, 1, 2, 4) + struct.pack("!i", 40)
                            + struct.pack("!ii", 4, 2) + struct.pack("!h", 1))
        for _ in range(2):
            result = client.request(call)
            assert result.types == "VZ"
            assert result.messages[0].body == struct.pack("!ii", 4, 42)
        result = client.request(wire.message("F", struct.pack("!ihhh", 0, 0, 0, 0)))
        assert result.types == "EZ"
        assert client.value("SELECT 1") == "1"


def test_notices_reach_their_client(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client, weir.connect() as other:
        result = client.query("DO $$ BEGIN RAISE NOTICE 'one'; RAISE WARNING 'two'; END $$")
        assert [notice["M"] for notice in result.notices] == ["one", "two"]
        assert other.query("SELECT 1").notices == []


def test_notifications_reach_a_listener_that_keeps_its_server(pgweir, single):
    weir = pgweir(host=single, settings={"pool_mode": "session"})
    with weir.connect() as listener, weir.connect() as other:
        listener.query("LISTEN here")
        other.query("NOTIFY here, 'hello'")
        found = listener.recv()
        assert found.type == "A"
        assert found.body[4:] == b"here\0hello\0"
        assert listener.value("SELECT 1") == "1"


def test_a_notification_nobody_waits_for_is_dropped(pgweir, single):
    """LISTEN in transaction pooling leaves a server that is notified while nobody holds it."""
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client:
        client.query("LISTEN here")
        pid = pid_of(client)
        single.query("NOTIFY here, 'hello'", "app")
        with weir.connect() as other:
            other.query("SELECT 1")
            assert pid_of(client) == pid


# Sizes.

@pytest.mark.parametrize("size", [1, 1000, 16379, 16380, 16384, 65530, 65536, 262144, 5 * MEBIBYTE])
def test_messages_of_any_size_pass_whole(pgweir, single, size):
    weir = pgweir(host=single)
    text = "x" * size
    with weir.connect() as client:
        assert client.value("SELECT '%s'" % text) == text
        assert client.extended("SELECT $1::text", [text]).value == text
        assert client.value("SELECT 1") == "1"


def test_wide_rows_and_long_descriptions(pgweir, single):
    """1,600 columns with long names: a RowDescription of more than 100 kB."""
    weir = pgweir(host=single)
    columns = ", ".join("%d AS %s" % (number, ("c%d" % number).ljust(60, "_"))
                        for number in range(1600))
    with weir.connect() as client:
        assert len(client.query("SELECT " + columns).columns) == 1600
        for _ in range(2):
            result = client.extended("SELECT " + columns, timeout=20)
            assert len(result.columns) == 1600
            assert result.rows[0][1599] == "1599"
        result = client.request(parse("", "SELECT " + columns), describe("S"), sync())
        assert result.types == "1tTZ"
        assert client.value("SELECT 1") == "1"


def test_many_parameters(pgweir, single):
    """A ParameterDescription of more than 64 kB."""
    weir = pgweir(host=single)
    count = 30000
    sql = "SELECT 1 WHERE 0 = ANY (ARRAY[%s]::int[])" % ",".join("$%d" % (n + 1) for n in range(count))
    with weir.connect() as client:
        for name in ("", "many", "again"):
            result = client.request(parse(name, sql), describe("S", name), sync(), timeout=20)
            assert result.types == "1tTZ"
            assert client.request(bind("", name, ["0"] * count), execute(), sync()).value == "1"


@pytest.mark.parametrize("size", [70_000, 200_000])
def test_errors_and_notices_of_any_size(pgweir, single, size):
    weir = pgweir(host=single)
    raised = "DO $$ BEGIN RAISE %%s '%%%%', repeat('e', %d); END $$" % size
    with weir.connect() as client:
        for _ in range(2):
            result = client.request(query(raised % "EXCEPTION"))
            assert len(result.error["M"]) == size
            result = client.request(batch(raised % "EXCEPTION"), batch("SELECT 1"), sync(),
                                    batch("SELECT 2"), sync())
            assert len(result.error["M"]) == size
            assert client.recv_ready().value == "2"
            result = client.query(raised % "NOTICE")
            assert len(result.notices[0]["M"]) == size
        assert client.value("SELECT 1") == "1"


def test_a_large_result_passes_in_bounded_memory(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect(timeout=60) as client:
        client.query("SELECT 1")
        before = reset_peak(weir)
        client.send(query("SELECT repeat('x', 10000) FROM generate_series(1, 5000)"))
        received = drain(client)
        assert received > 50_000_000
        assert grown_kib(weir, before) < MARK_KIB


def test_one_large_row_passes_in_bounded_memory(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect(timeout=60) as client:
        client.query("SELECT 1")
        before = reset_peak(weir)
        client.send(query("SELECT repeat('x', 50000000)"))
        assert drain(client) > 50_000_000
        assert grown_kib(weir, before) < MARK_KIB


def drain(client):
    """Reads up to ReadyForQuery and keeps nothing; gives the bytes."""
    total = 0
    while True:
        found = client.recv(60)
        total += 5 + len(found.body)
        if found.type == "Z":
            return total


def test_a_slow_reader_does_not_make_pgweir_grow(pgweir, single, wait_until):
    weir = pgweir(host=single)
    with weir.connect(timeout=60) as slow, weir.connect() as other:
        slow.query("SELECT 1")
        other.query("SELECT 1")
        before = reset_peak(weir)
        slow.send(query("SELECT repeat('x', 10000) FROM generate_series(1, 5000)"))
        # The backend ends up waiting for us to read.
        wait_until(lambda: single.value(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'ClientWrite'") == "1")
        for _ in range(20):
            assert other.value("SELECT 1") == "1"
        assert grown_kib(weir, before) < MARK_KIB
        assert drain(slow) > 50_000_000
        assert grown_kib(weir, before) < MARK_KIB


@pytest.mark.parametrize("protocol", ["simple", "extended"])
def test_a_large_request_passes_in_bounded_memory(pgweir, single, protocol):
    weir = pgweir(host=single)
    text = "x" * 20_000_000
    with weir.connect(timeout=60) as client:
        client.query("SELECT 1")
        before = reset_peak(weir)
        if protocol == "simple":
            client.send(query("SELECT length('%s')" % text))
        else:
            client.send(batch("SELECT length($1::text)", text), sync())
        assert client.recv_ready(60).value == str(len(text))
        assert grown_kib(weir, before) < MARK_KIB


def test_a_server_that_does_not_read_does_not_make_pgweir_grow(pgweir, fake_postgres, wait_until):
    done = threading.Event()

    def script(server):
        server.accept()
        for found in server.messages():
            if found.type == "Q" and found.body.startswith(b"BLOCK"):
                done.wait(20)
            server.answer(found)

    fake = fake_postgres(script)
    weir = pgweir({"databases": {"app": {"host": "127.0.0.1", "port": fake.port}}})
    with weir.connect(timeout=30) as client:
        client.query("SELECT 1")
        before = reset_peak(weir)
        client.send(query("BLOCK"))
        client.sock.settimeout(1)
        sent = 0
        part = memoryview(query("SELECT '%s'" % ("x" * 60_000_000)))
        try:
            while sent < len(part):
                sent += client.sock.send(part[sent:sent + 65536])
        except TimeoutError:
            pass
        assert sent < 40_000_000
        assert grown_kib(weir, before) < MARK_KIB
        done.set()
        client.sock.settimeout(30)
        client.sock.sendall(part[sent:])
        assert client.recv_ready(30).tags == ["BLOCK"]
        assert client.recv_ready(30).value == "1"


def test_clients_with_large_and_small_results_share_fairly(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect(timeout=60) as large, weir.connect() as small:
        large.send(query("SELECT repeat('x', 10000) FROM generate_series(1, 5000)"))
        reader = threading.Thread(target=drain, args=[large])
        reader.start()
        for number in range(100):
            assert small.value("SELECT %d" % number) == str(number)
        reader.join()


def test_max_packet_size_bounds_a_message(pgweir, single):
    weir = pgweir(host=single, settings={"max_packet_size": "1MB"})
    with weir.connect() as client, weir.connect() as other:
        assert client.value("SELECT length('%s')" % ("x" * 900_000)) == "900000"
        client.send(wire.message("Q", b"SELECT 1")[:1] + struct.pack("!i", 2_000_000))
        errors = [found for found in client.recv_closed() if found.type == "E"]
        assert errors[0].fields()["C"] == "08P01"
        assert other.value("SELECT 1") == "1"


PROTOCOL_3_2 = 3 << 16 | 2


def greeting(version, key, negotiate=None):
    """A server's answer to its startup packet."""
    values = dict(PARAMETERS, server_version=version)
    return ([wire.message("v", struct.pack("!ii", negotiate, 0))] if negotiate else []) + [
        authentication(), *(parameter(*item) for item in values.items()), key_data(77, key), ready()]


def two_servers(pgweir, fake):
    """A pgweir whose second server knows what the first one said, busy both."""
    weir = pgweir({"databases": {"app": {"host": "127.0.0.1", "port": fake.port}}},
                  settings={"default_pool_size": 2})
    first, second = weir.connect(), weir.connect()
    first.query("BEGIN")
    second.query("BEGIN")
    return weir, first, second


def in_blocks(server):
    for found in server.messages():
        if found.body.startswith(b"BEGIN"):
            server.send(command("BEGIN"), ready("T"))
        elif not found.body.startswith(b"SLOW"):
            server.answer(found)


@pytest.mark.parametrize("length", [4, 32, 256])
def test_a_server_of_postgres_18_is_asked_for_protocol_3_2_and_its_key_kept_whole(
        pgweir, fake_postgres, wait_until, length):
    key = bytes(range(length % 256)) or bytes(256)

    def script(server):
        server.read_startup()
        server.send(*greeting("18.4", key))
        in_blocks(server)

    fake = fake_postgres(script)
    _, first, second = two_servers(pgweir, fake)
    with first, second:
        assert [server.protocol for server in fake.connections] == [wire.PROTOCOL_3_0, PROTOCOL_3_2]
        second.send(query("SLOW"))
        wait_until(lambda: any(b"SLOW" in found.body for found in fake.received("Q")))
        second.cancel()
        assert fake.cancels == [(77, key)]


@pytest.mark.parametrize("version", ["15.4", "17.10", "10.1", "9.6", "nonsense", ""])
def test_an_older_server_is_never_asked_for_more_than_protocol_3_0(pgweir, fake_postgres, version):
    def script(server):
        server.read_startup()
        server.send(*greeting(version, b"abcd"))
        in_blocks(server)

    fake = fake_postgres(script)
    _, first, second = two_servers(pgweir, fake)
    with first, second:
        assert {server.protocol for server in fake.connections} == {wire.PROTOCOL_3_0}


@pytest.mark.parametrize("how", ["negotiated", "0A000", "08P01"])
def test_a_pooler_before_postgres_18_that_knows_3_0_only(pgweir, fake_postgres, how):
    """It hands on the version of who is behind it."""
    def script(server):
        server.read_startup()
        newer = server.protocol != wire.PROTOCOL_3_0
        if newer and how != "negotiated":
            server.send(error(how, "bad packet header", "FATAL"))
            return
        server.send(*greeting("18.4", b"abcd", wire.PROTOCOL_3_0 if newer else None))
        in_blocks(server)

    fake = fake_postgres(script)
    weir, first, second = two_servers(pgweir, fake)
    with first, second:
        expected = [wire.PROTOCOL_3_0, PROTOCOL_3_2] + [wire.PROTOCOL_3_0] * (how != "negotiated")
        assert [server.protocol for server in fake.connections] == expected


@pytest.mark.parametrize("body", [
    struct.pack("!ii", 3 << 16 | 2, 0), struct.pack("!ii", 3 << 16 | 9, 0), struct.pack("!ii", 4 << 16, 0),
    struct.pack("!ii", 3 << 16, 1) + b"_pq_.x\0", struct.pack("!i", 3 << 16), b""], ids=str)
def test_a_negotiation_that_makes_no_sense_ends_the_login(pgweir, fake_postgres, body):
    def script(server):
        server.read_startup()
        server.send(wire.message("v", body), *greeting("18.4", b"abcd"))
        list(server.messages())

    fake = fake_postgres(script)
    weir = pgweir({"databases": {"app": {"host": "127.0.0.1", "port": fake.port}}})
    assert refusal(weir).sqlstate == "08P01"


@pytest.mark.parametrize("minor,names,answer", [
    (0, [], None), (1, [], None), (2, [], None), (3, [], 2), (9999, [], 2), (0, ["_pq_.a", "_pq_.b"], 0),
    (9999, ["_pq_.test_protocol_negotiation"], 2)])
def test_a_client_that_asks_for_more_is_told_what_there_is(pgweir, single, minor, names, answer):
    weir = pgweir(host=single)
    with weir.connect(protocol=3 << 16 | minor, params={name: "" for name in names}) as client:
        if answer is None:
            assert client.negotiated is None
        else:
            expected = struct.pack("!ii", 3 << 16 | answer, len(names))
            assert client.negotiated.body == expected + b"".join(wire.text(name) for name in names)
        assert len(client.key) == (32 if minor >= 2 else 4)
        assert client.value("SELECT 1") == "1"


@pytest.mark.parametrize("params", [{}, {"replication": "database"}], ids=["plain", "replication"])
def test_max_packet_size_is_the_size_of_the_largest_message_both_ways(pgweir, single, params):
    """To the byte: type, length and body."""
    weir = pgweir(host=single, settings={"max_packet_size": 20000})
    sql = "SELECT /*%s*/ 1"
    fits = 20000 - 5 - 1 - len(sql % "")
    with weir.connect("postgres", params=params, timeout=20) as client:
        assert client.value(sql % ("x" * fits)) == "1"
        client.send(query(sql % ("x" * (fits + 1))))
        assert fatal(client).sqlstate == "08P01"
    row = 20000 - 5 - 2 - 4
    for size in (row, 3 * row):  # in the middle of a read, and longer than one
        with weir.connect("postgres", params=params) as client:
            assert len(client.value("SELECT repeat('x', %d)" % row)) == row
            client.send(query("SELECT repeat('x', %d)" % (size + 1)))
            found = fatal(client)
            assert found.sqlstate == "08P01"
            assert "max_packet_size" in found["M"]
    with weir.connect("postgres") as client:
        assert client.value("SELECT 1") == "1"


@pytest.mark.parametrize("params", [{}, {"replication": "database"}], ids=["plain", "replication"])
def test_disable_pqexec_refuses_simple_queries_and_nothing_else(pgweir, single, params):
    weir = pgweir(host=single, settings={"disable_pqexec": 1, "default_pool_size": 1})
    with weir.connect() as client:
        assert client.extended("SELECT 1").value == "1"
        with weir.connect("postgres", params=params) as simple:
            simple.send(query("SELECT 1"))
            found = fatal(simple)
            assert (found.sqlstate, found["M"]) == ("08P01", "PQexec disallowed")
        assert client.extended("SELECT 2").value == "2"
    assert weir.admin("SHOW VERSION")


def test_nothing_stays_leased_after_all_this(pgweir, single, wait_until):
    weir = pgweir(host=single, settings={"default_pool_size": 2})
    with weir.connect() as client:
        client.request(batch("SELECT 1/0"), sync())
        client.request(query("SELEKT"), timeout=5)
        client.send(parse("", "SELECT 1"), flush())
        assert client.recv().type == "1"
    with weir.connect() as one, weir.connect() as two:
        one.query("BEGIN")
        two.query("BEGIN")
        assert pid_of(one) != pid_of(two)
    wait_until(lambda: len(backends(single)) <= 2)
