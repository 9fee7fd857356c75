# SPDX-License-Identifier: ISC
"""Cancel requests: they reach the query they are meant for and no other."""
import random
import subprocess
import threading

import psycopg2
import pytest

from harness import wire
from harness.fakepg import PARAMETERS, authentication, key_data, parameter, ready
from harness.helpers import backends, is_running, many, refusal
from harness.wire import bind, execute, parse, query, sync

pytestmark = pytest.mark.majors


def sleeper(mark, seconds=30):
    return "SELECT pg_sleep(%s), '%s'" % (seconds, mark)


@pytest.fixture(params=["session", "transaction", "statement"])
def mode(request):
    return request.param


@pytest.mark.parametrize("protocol", ["simple", "extended"])
def test_a_cancel_ends_the_running_query(pgweir, single, wait_until, mode, protocol):
    weir = pgweir(host=single, settings={"pool_mode": mode})
    with weir.connect() as client, weir.connect() as other:
        other.send(query(sleeper("other", 1)))
        sql = sleeper("victim")
        client.send(query(sql) if protocol == "simple" else
                    parse("", sql) + bind() + execute() + sync())
        wait_until(lambda: is_running(single, "%victim%"))
        client.cancel()
        result = client.recv_ready()
        assert (result.error.sqlstate, result.status) == ("57014", "I")
        assert client.value("SELECT 1") == "1"
        assert other.recv_ready().error is None


def test_a_cancel_inside_a_transaction_aborts_it(pgweir, single, wait_until):
    weir = pgweir(host=single)
    with weir.connect() as client:
        client.query("BEGIN")
        client.send(query(sleeper("victim")))
        wait_until(lambda: is_running(single, "%victim%"))
        client.cancel()
        assert client.recv_ready().status == "E"
        client.query("ROLLBACK")
        assert client.value("SELECT 1") == "1"


def test_psql_is_cancelled_by_an_interrupt(pgweir, single, wait_until):
    weir = pgweir(host=single)
    psql = subprocess.Popen(
        ["psql", "-X", "-At", weir.dsn(), "-c", sleeper("psql")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    wait_until(lambda: is_running(single, "%psql%"))
    psql.send_signal(2)
    _, errors = psql.communicate(timeout=10)
    assert b"canceling statement due to user request" in errors


def test_a_driver_cancels_from_another_thread(pgweir, single, wait_until):
    weir = pgweir(host=single)
    connection = psycopg2.connect(weir.dsn())
    try:
        threading.Timer(0.3, connection.cancel).start()
        with pytest.raises(psycopg2.errors.QueryCanceled):
            connection.cursor().execute("SELECT pg_sleep(30)")
        connection.rollback()
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
    finally:
        connection.close()


def test_a_cancel_of_a_waiting_client_ends_its_wait_and_it_stays(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as holder, weir.connect() as waiter, weir.connect() as third:
        holder.query("BEGIN")
        waiter.send(query("SELECT 1"), query("SELECT 2"))
        third.send(query("SELECT 3"))
        assert waiter.is_quiet()
        waiter.cancel()
        result = waiter.recv_ready()
        assert (result.error.sqlstate, result.status) == ("57014", "I")
        holder.query("COMMIT")
        assert third.recv_ready().value == "3"
        assert waiter.recv_ready().value == "2"
        waiter.send(parse("", "SELECT 4"), bind(), execute(), sync())
        assert waiter.recv_ready().value == "4"


def test_a_cancel_of_a_waiting_batch_skips_it_whole(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as holder, weir.connect() as waiter:
        holder.query("BEGIN")
        waiter.send(parse("", "SELECT 1"), bind(), execute(), sync(), query("SELECT 2"))
        assert waiter.is_quiet()
        waiter.cancel()
        assert waiter.recv_ready().types == "EZ"
        holder.query("COMMIT")
        assert waiter.recv_ready().value == "2"


def test_a_cancel_of_an_idle_client_does_nothing(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as idle, weir.connect() as other:
        idle.query("SELECT 1")
        other.send(query(sleeper("other", 0.5)))
        for _ in range(5):
            idle.cancel()
        assert other.recv_ready().error is None
        assert idle.value("SELECT 1") == "1"


def test_a_cancel_of_a_client_idle_in_a_transaction_does_nothing(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        client.query("BEGIN")
        client.cancel()
        assert client.value("SELECT 1") == "1"
        assert client.query("COMMIT").status == "I"


@pytest.mark.parametrize("key", [b"", b"\0" * 4, b"\xff" * 4, b"\0" * 32, b"\0" * 256])
def test_a_cancel_with_a_wrong_key_does_nothing(pgweir, single, wait_until, key):
    weir = pgweir(host=single)
    with weir.connect() as client:
        client.send(query(sleeper("victim", 0.6)))
        wait_until(lambda: is_running(single, "%victim%"))
        for pid in (client.pid, client.pid + 1, 0):
            with wire.Wire(weir.port, login=False) as other:
                other.send(wire.cancel_request(pid, key))
                assert [found for found in other.recv_closed() if found.type != "E"] == []
        assert client.recv_ready().error is None


def test_a_truncated_cancel_request_does_nothing(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        packet = wire.cancel_request(client.pid, client.key)
        for length in (4, 8, 12, 15):
            with wire.Wire(weir.port, login=False) as other:
                other.send(packet[:length])
                other.abort()
        assert client.value("SELECT 1") == "1"


def test_a_cancel_connection_is_closed_after_the_server_has_it(pgweir, single, wait_until):
    """libpq waits for the end of the cancel connection: then the request must be on its way."""
    weir = pgweir(host=single)
    with weir.connect() as client:
        for number in range(10):
            client.send(query(sleeper("victim%d" % number)))
            wait_until(lambda: is_running(single, "%%victim%d%%" % number))
            client.cancel()
            assert client.recv_ready().error.sqlstate == "57014"


def test_a_storm_of_cancels_never_hits_another_clients_query(pgweir, single):
    """Victims run short queries and are cancelled at random moments, so that cancels arrive
    when the query has ended and the server is somebody else's: those must never fail."""
    weir = pgweir(host=single, settings={"default_pool_size": 3, "max_client_conn": 1000})
    over, failed, cancelled = threading.Event(), [], []

    def bystander(number):
        try:
            with weir.connect() as client:
                while not over.is_set():
                    value = "%d-%d" % (number, random.getrandbits(30))
                    assert client.value("SELECT '%s' FROM pg_sleep(0.002)" % value) == value
        except BaseException as error:
            failed.append(error)

    def victim():
        try:
            with weir.connect() as client:
                while not over.is_set():
                    client.send(query("SELECT pg_sleep(0.003)"))
                    threads = [threading.Thread(target=client.cancel) for _ in range(2)]
                    for thread in threads:
                        thread.start()
                    result = client.recv_ready()
                    for thread in threads:
                        thread.join()
                    if result.error:
                        assert result.error.sqlstate == "57014"
                        cancelled.append(1)
        except BaseException as error:
            failed.append(error)

    threads = ([threading.Thread(target=bystander, args=(n,)) for n in range(4)]
               + [threading.Thread(target=victim) for _ in range(4)])
    for thread in threads:
        thread.start()
    over.wait(4)
    over.set()
    for thread in threads:
        thread.join()
    assert not failed, failed[0]
    assert cancelled
    assert len(backends(single)) <= 3


def test_cancels_go_before_waiting_clients_and_beyond_the_pool(pgweir, single, wait_until):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as client, many(weir.connect, 5) as others:
        client.send(query(sleeper("victim")))
        wait_until(lambda: is_running(single, "%victim%"))
        for other in others:
            other.send(query("SELECT 1"))
        client.cancel()
        assert client.recv_ready().error.sqlstate == "57014"
        for other in others:
            assert other.recv_ready().value == "1"


def test_a_cancel_that_cannot_reach_the_host_harms_nobody(pgweir, fake_postgres, wait_until):
    """The host does not take the cancel's connection: it is given up, the query goes on."""
    release = threading.Event()

    def script(server):
        if server.number > 0:
            release.wait(10)
            return
        server.accept()
        for found in server.messages():
            if found.body.startswith(b"SLOW"):
                release.wait(10)
            server.answer(found)

    fake = fake_postgres(script)
    weir = pgweir({"databases": {"app": {"host": "127.0.0.1", "port": fake.port}}},
                  settings={"cancel_wait_timeout": "300ms", "default_pool_size": 1})
    with weir.connect() as client:
        client.send(query("SLOW"))
        wait_until(lambda: fake.received("Q"))
        client.cancel()
        release.set()
        assert client.recv_ready().error is None
        assert client.value("SELECT 1") == "1"


def test_no_more_cancels_travel_than_twice_the_pool_has_room_for(pgweir, fake_postgres, wait_until):
    """The others wait, and come to nothing once the query is over."""
    finish, close = threading.Event(), threading.Event()

    def script(server):
        try:
            server.accept()
        except wire.Closed:
            close.wait(20)
            raise
        for found in server.messages():
            if found.body.startswith(b"SLOW"):
                finish.wait(20)
            server.answer(found)

    fake = fake_postgres(script)
    weir = pgweir({"databases": {"app": {"host": "127.0.0.1", "port": fake.port}}},
                  settings={"default_pool_size": 1})

    def pool():
        found = next(row for row in weir.admin("SHOW POOLS") if row["database"] == "app")
        return [int(found[name]) for name in ("sv_active", "sv_active_cancel", "cl_active_cancel_req",
                                              "cl_waiting_cancel_req", "sv_being_canceled", "sv_idle")]

    with weir.connect() as client:
        client.send(query("SLOW"))
        wait_until(lambda: fake.received("Q"))
        threads = [threading.Thread(target=client.cancel) for _ in range(4)]
        for thread in threads:
            thread.start()
        wait_until(lambda: pool() == [1, 1, 1, 3, 0, 0])
        finish.set()
        assert client.recv_ready().error is None
        wait_until(lambda: pool() == [0, 1, 1, 0, 1, 0])
        assert len(fake.cancels) == 1
        close.set()
        for thread in threads:
            thread.join()
        wait_until(lambda: pool() == [0, 0, 0, 0, 0, 1])
        assert client.value("SELECT 1") == "1"


def test_a_cancel_that_waits_is_given_up_after_cancel_wait_timeout(pgweir, fake_postgres, wait_until):
    finish = threading.Event()

    def script(server):
        try:
            server.accept()
        except wire.Closed:
            finish.wait(20)
            raise
        for found in server.messages():
            if found.body.startswith(b"SLOW"):
                finish.wait(20)
            server.answer(found)

    fake = fake_postgres(script)
    weir = pgweir({"databases": {"app": {"host": "127.0.0.1", "port": fake.port}}},
                  settings={"default_pool_size": 1, "cancel_wait_timeout": "300ms"})
    with weir.connect() as client:
        client.send(query("SLOW"))
        wait_until(lambda: fake.received("Q"))
        threads = [threading.Thread(target=client.cancel) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        finish.set()
        assert client.recv_ready().error is None
        assert client.value("SELECT 1") == "1"


@pytest.mark.parametrize("key", [b"", b"abc", None], ids=["empty", "3 bytes", "no key at all"])
def test_a_server_without_a_good_key_is_refused_or_not_cancelled(pgweir, fake_postgres, wait_until, key):
    def script(server):
        server.read_startup()
        parts = [authentication()] + [parameter(*item) for item in PARAMETERS.items()]
        server.send(*parts, *([key_data(1, key)] if key is not None else []), ready())
        for found in server.messages():
            if not found.body.startswith(b"SLOW"):
                server.answer(found)

    fake = fake_postgres(script)
    weir = pgweir({"databases": {"app": {"host": "127.0.0.1", "port": fake.port}}})
    if key is not None:
        assert refusal(weir).sqlstate == "08P01"
        return
    with weir.connect() as client:
        client.send(query("SLOW"))
        wait_until(lambda: fake.received("Q"))
        client.cancel()
        assert weir.is_running()


def test_a_cancel_of_the_newest_protocol_both_ways(pgweir, single, wait_until):
    """The second server is asked for 3.2 where the first one said that it is PostgreSQL 18."""
    weir = pgweir(host=single)
    with weir.connect(protocol=3 << 16 | 2) as first, weir.connect(protocol=3 << 16 | 2) as second:
        for client in (first, second):
            client.query("BEGIN")
        for client in (first, second):
            client.send(query(sleeper("victim")))
            wait_until(lambda: is_running(single, "%victim%"))
            client.cancel()
            assert client.recv_ready().error.sqlstate == "57014"
            client.query("ROLLBACK")
            client.query("BEGIN")
