# SPDX-License-Identifier: ISC
"""Hostile and broken peers: PostgreSQL's SQLSTATE for them, nothing for the others."""
import os
import random
import socket
import struct
import threading

import pytest

from harness import wire
from harness.fakepg import (authentication, command, data, description, error, key_data, parameter,
                            ready, row)
from harness.helpers import backends, refusal
from harness.wire import bind, describe, execute, message, parse, query, sync, text


@pytest.fixture
def weir(pgweir, single, wait_until):
    """A running pgweir, with a client that must not notice anything, and no server leaked."""
    running = pgweir(host=single, settings={"default_pool_size": 3})
    with running.connect() as witness:
        witness.query("SELECT 1")
        files = running.open_files()
        yield running
        assert witness.value("SELECT 'undisturbed'") == "undisturbed"
        assert running.is_running()
        # The kernel may tell of connections that waited in a full backlog some seconds late.
        wait_until(lambda: running.open_files() <= files + 3, 20, what="files left open")
        assert len(backends(single)) <= 3
        with running.connect() as late:
            assert late.value("SELECT 1") == "1"


def errors_of(client, timeout=10):
    try:
        found = client.recv_closed(timeout)
    except UnicodeDecodeError:
        return []
    return [wire.WireError(each.fields()) for each in found if each.type == "E"]


def raw(weir, *parts, shut=True):
    """Sends bytes on a new connection and gives the errors that come until it is closed."""
    with wire.Wire(weir.port, login=False) as client:
        try:
            client.send(*parts)
            if shut:
                client.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        return errors_of(client)


# Before the login.

@pytest.mark.parametrize("garbage", [
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\0" * 64, b"\xff" * 64, b"\0\0\0\0\0\0\0\0",
    b"\0\0\0\x08\0\0\0\0", b"\0\0\0\x07\0\x03\0", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
    b"\x7f\xff\xff\xff\0\x03\0\0", b"\0\0\x27\x15\0\x03\0\0", b"\x80\0\0\0\0\x03\0\0",
], ids=["http", "zeros", "ones", "length 0", "version 0", "length 7", "tls", "2 GB", "10005",
        "negative"])
def test_garbage_instead_of_a_startup_packet(weir, garbage):
    for each in raw(weir, garbage):
        assert each["S"] == "FATAL"
        assert each.sqlstate in ("08P01", "0A000")


def test_random_bytes_instead_of_a_startup_packet(weir):
    rng = random.Random(3)
    for _ in range(60):
        raw(weir, rng.randbytes(rng.randrange(1, 200)))
        size = rng.randrange(8, 100)
        raw(weir, struct.pack("!ii", size, 196608) + rng.randbytes(size - 8))


@pytest.mark.parametrize("body", [
    b"", b"\0", b"user\0app", b"user\0app\0", b"user\0app\0database\0", b"user\0app\0\0trailing\0",
    b"user\0\xff\xfe\0database\0app\0\0", b"\0user\0app\0\0", b"user\0app\0user\0app2\0\0",
], ids=str)
def test_broken_startup_packets(weir, body):
    packet = struct.pack("!ii", len(body) + 8, 196608) + body
    for each in raw(weir, packet):
        assert each.sqlstate in ("08P01", "28000", "28P01", "3D000"), each


def test_truncated_startup_packets(weir):
    packet = wire.startup({"user": "app", "database": "app"})
    for length in range(len(packet)):
        raw(weir, packet[:length])


def test_names_that_are_no_utf8_or_hold_odd_characters(weir):
    for name in (b"\xff\xfe\xfd", b"\xc3\x28", b"a'b\"c;--", b"%s%n%x", b"\x01\x02\x1b[31m", b" "):
        for params in ({"user": name, "database": b"app"}, {"user": b"app", "database": name},
                       {"user": b"app", "database": b"app", "application_name": name}):
            body = b"".join(text(key) + text(value) for key, value in params.items()) + b"\0"
            raw(weir, struct.pack("!ii", len(body) + 8, 196608) + body, query("SELECT 1"))
    log = weir.log()
    assert "\x1b" not in log


def test_endless_requests_for_encryption(weir):
    with wire.Wire(weir.port, login=False) as client:
        with pytest.raises((AssertionError, wire.Closed, OSError)):
            for _ in range(100):
                client.send(wire.request(wire.SSL_REQUEST))
                assert client.recv_bytes(1) == b"N"


# While logging in.

@pytest.mark.parametrize("auth_type", ["plain", "md5", "scram-sha-256"])
@pytest.mark.parametrize("answer", [
    b"", b"\0", b"p", b"p\0\0\0\0", b"p\0\0\0\4", b"p\0\0\0\5\0", b"p\xff\xff\xff\xff", b"p\x7f\xff\xff\xff",
    message("p", b"no terminator"), message("p", b"x" * 5000 + b"\0"), message("p", b"x" * 100000),
    message("p", b"SCRAM-SHA-256\0" + struct.pack("!i", -1)),
    message("p", b"SCRAM-SHA-256\0" + struct.pack("!i", 1 << 30) + b"n,,"),
    message("p", b"SCRAM-SHA-256\0" + struct.pack("!i", 6) + b"n,,n=,"),
    message("p", b"SCRAM-SHA-256-PLUS\0" + struct.pack("!i", 3) + b"n,,"),
    message("p", b"SCRAM-SHA-256\0" + struct.pack("!i", 16) + b"y,,n=,r=\0\0\0\0\0\0\0\0"),
    query("SELECT 1"), b"X\0\0\0\4", os.urandom(100),
], ids=range(19))
def test_broken_passwords(pgweir, single, auth_type, answer):
    weir = pgweir(host=single, settings={"auth_type": auth_type})
    startup = wire.startup({"user": "app", "database": "app"})
    for each in raw(weir, startup, answer):
        assert each.sqlstate in ("08P01", "28P01", "28000"), each
    with weir.connect(password="app-secret") as client:
        assert client.value("SELECT 1") == "1"


def test_a_wrong_proof_and_a_wrong_nonce(pgweir, single):
    weir = pgweir(host=single, settings={"auth_type": "scram-sha-256"})
    for change in (lambda final: final.replace(b"p=", b"p=AAAA"),
                   lambda final: final.replace(b"r=", b"r=x"),
                   lambda final: final.replace(b"c=biws", b"c=eSws"),
                   lambda final: final[:10], lambda final: b"", lambda final: final + b",x=y",
                   lambda final: b"\xff" * 50):
        with wire.Wire(weir.port, login=False) as client:
            client.send(wire.startup({"user": "app", "database": "app"}))
            client.recv()
            scram = wire.Scram("app-secret")
            first = scram.first()
            client.send(message("p", text("SCRAM-SHA-256") + struct.pack("!i", len(first)) + first))
            final = scram.answer(client.recv().body[4:])
            client.send(message("p", change(final)))
            found = errors_of(client)
            assert found and found[0].sqlstate in ("28P01", "08P01", "28000")
    with weir.connect(password="app-secret") as client:
        assert client.value("SELECT 1") == "1"


# Logged in.

@pytest.mark.parametrize("kind", [chr(n) for n in range(256) if chr(n) not in "QPBDECHSFXdcf"][::7]
                         + ["p", "R", "Z", "K", "\0", "\xff"])
def test_message_types_that_clients_may_not_send(weir, kind):
    with weir.connect() as client:
        client.send(kind.encode("latin1") + struct.pack("!i", 4))
        found = errors_of(client)
        assert [each.sqlstate for each in found] == ["08P01"]
        assert found[0]["S"] == "FATAL"


@pytest.mark.parametrize("length", [0, 1, 3, -1, -2147483648, 0x7fffffff])
@pytest.mark.parametrize("kind", list("QPBDECHSFdcf"))
def test_absurd_lengths(weir, kind, length):
    with weir.connect() as client:
        client.send(kind.encode() + struct.pack("!i", length))
        if length == 0x7fffffff:
            client.send(b"x" * 100000)
            client.abort()
        else:
            assert [each.sqlstate for each in errors_of(client)] == ["08P01"]


@pytest.mark.parametrize("kind", list("QPBDECF"))
def test_messages_with_broken_bodies(weir, kind):
    """What pgweir does not read itself, PostgreSQL refuses: either way the SQLSTATE is 08P01 or
    that of the nonsense, and the next client has a good server."""
    rng = random.Random(ord(kind))
    for size in (0, 1, 2, 5, 9, 30, 200):
        for body in (b"\0" * size, b"x" * size, rng.randbytes(size), b"\0" + b"\xff" * size):
            with weir.connect() as client:
                client.send(message(kind, body))
                try:
                    client.send(sync())
                    result = client.recv_ready(5)
                    assert kind == "Q" or result.types
                except (wire.Closed, OSError):
                    pass
            with weir.connect() as next_client:
                assert next_client.value("SELECT 'good'") == "good"


@pytest.mark.parametrize("kind", list("QPBDECFHSdcf"))
def test_a_malformed_message_is_not_the_next_clients(pgweir, single, kind):
    """Whoever shares the server gets neither its error nor the silence up to its Sync."""
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as holder, weir.connect() as client, weir.connect() as other:
        holder.query("BEGIN")
        client.send(message(kind, b"body"))
        assert client.is_quiet()
        other.send(query("SELECT 'mine'"))
        assert other.is_quiet()
        holder.query("COMMIT")  # and the two have their turns, one right behind the other
        client.send(sync())
        assert other.recv_ready().value == "mine"


def test_truncated_messages(weir):
    packet = parse("s", "SELECT $1::int") + bind("", "s", [1]) + describe("P") + execute() + sync()
    for length in range(1, len(packet)):
        client = weir.connect()
        client.send(packet[:length])
        client.abort() if length % 2 else client.close(polite=False)


def test_messages_in_single_bytes(weir):
    with weir.connect() as client:
        packet = (parse("s", "SELECT $1::int") + bind("", "s", [7]) + describe("P") + execute()
                  + sync() + query("SELECT 8"))
        for byte in packet:
            client.send(bytes([byte]))
        assert client.recv_ready().value == "7"
        assert client.recv_ready().value == "8"


def test_random_messages(weir):
    rng = random.Random(4)
    for _ in range(80):
        with weir.connect() as client:
            try:
                for _ in range(rng.randrange(1, 10)):
                    client.send(message(rng.choice("QPBDECHSFdcf"), rng.randbytes(rng.randrange(40))))
                client.abort()
            except OSError:
                pass


def test_queries_that_are_no_utf8(weir):
    with weir.connect() as client:
        result = client.request(message("Q", b"SELECT '\xff\xfe'\0"))
        assert result.error.sqlstate == "22021"
        assert client.value("SELECT 2") == "2"


def test_a_flood_of_connections_that_say_nothing(weir):
    sockets = [socket.create_connection(("127.0.0.1", weir.port)) for _ in range(200)]
    with weir.connect() as client:
        assert client.value("SELECT 1") == "1"
    for each in sockets:
        each.close()


# Servers that speak nonsense.

NONSENSE = {
    "bytes": lambda server: server.send(b"\xff" * 100),
    "zeros": lambda server: server.send(b"\0" * 100),
    "http": lambda server: server.send(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 5),
    "length 0": lambda server: server.send(b"D\0\0\0\0"),
    "negative length": lambda server: server.send(b"D\xff\xff\xff\xff"),
    "unknown type": lambda server: server.send(message("!", b"")),
    "a client's message": lambda server: server.send(query("SELECT 1")),
    "authentication": lambda server: server.send(authentication(), ready()),
    "two ready": lambda server: server.send(row("1"), command("SELECT 1"), ready(), ready()),
    "unknown state": lambda server: server.send(row("1"), command("SELECT 1"), ready("x")),
    "parse complete": lambda server: server.send(message("1"), ready()),
    "short ready": lambda server: server.send(message("Z", b"")),
    "long ready": lambda server: server.send(message("Z", b"I" * 100000)),
    "broken error": lambda server: server.send(message("E", b"no terminator"), ready()),
    "empty error": lambda server: server.send(message("E", b""), ready()),
    "broken parameter": lambda server: server.send(message("S", b"no terminator"), ready()),
    "end": lambda server: server.close(),
    "reset": lambda server: server.abort(),
    "half a message": lambda server: (server.send(data("x" * 1000)[:500]), server.close()),
    "half a header": lambda server: (server.send(b"D\0\0"), server.close()),
    "half a result": lambda server: (server.send(description("a"), data("1")), server.close()),
}


def serve(server, nonsense, when="WRONG"):
    server.accept()
    for found in server.messages():
        if when.encode() in found.body:
            nonsense(server)
            while True:
                server.recv()
        server.answer(found)


def fake_weir(pgweir, fake, **settings):
    return pgweir({"databases": {"app": {"host": "127.0.0.1", "port": fake.port}}},
                  settings=dict({"server_login_retry": "100ms"}, **settings))


@pytest.mark.parametrize("protocol", ["simple", "extended"])
@pytest.mark.parametrize("what", NONSENSE)
def test_a_server_that_answers_nonsense(pgweir, fake_postgres, what, protocol):
    fake = fake_postgres(lambda server: serve(server, NONSENSE[what]))
    weir = fake_weir(pgweir, fake)
    with weir.connect() as other, weir.connect() as client:
        other.query("BEGIN")
        client.send(query("WRONG") if protocol == "simple" else
                    parse("", "WRONG") + bind() + execute() + sync())
        found = []
        try:
            while True:
                each = client.recv(3)
                if each.type == "E":
                    found.append(each.fields()["C"])
                if each.type == "Z":
                    break
        except (wire.Closed, UnicodeDecodeError):
            pass
        except TimeoutError:
            # A message of which the rest never comes looks like a slow one.
            assert what in ("zeros", "http", "bytes", "half a message")
        if found:
            assert set(found) <= {"08P01", "08006", "08007", "57P01", "XX000"}, found
        assert other.value("SELECT 1") == "1"
        with weir.connect() as late:
            assert late.value("SELECT 1") == "1"


@pytest.mark.parametrize("what", NONSENSE)
def test_a_server_that_speaks_nonsense_when_nobody_asked(pgweir, fake_postgres, wait_until, what):
    """While it is idle: it is closed, and nobody hears of it."""
    answered, spoke = threading.Event(), threading.Event()

    def script(server):
        server.accept()
        for found in server.messages():
            server.answer(found)
            if b"SPEAK" in found.body:
                answered.wait(10)
                NONSENSE[what](server)
                spoke.set()
                if what not in ("end", "reset"):
                    list(server.messages())

    fake = fake_postgres(script)
    weir = fake_weir(pgweir, fake)
    with weir.connect() as client:
        client.request(query("SPEAK"))
        answered.set()
        spoke.wait(10)
        for _ in range(3):
            if what in ("half a header", "half a message"):
                break  # nothing to see until the rest or the end comes
            wait_until(lambda: weir.log().count("closing because") >= 1)
            assert client.value("SELECT 1") == "1"
    with weir.connect() as late:
        assert late.value("SELECT 1") == "1"


LOGINS = {
    "bytes": lambda server: server.send(b"\xff" * 100),
    "http": lambda server: server.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "an error": lambda server: server.send(error("28000", "no", "FATAL")),
    "an unknown method": lambda server: server.send(authentication(99)),
    "kerberos": lambda server: server.send(authentication(7)),
    "no method": lambda server: server.send(message("R", b"")),
    "ready at once": lambda server: server.send(ready()),
    "a row": lambda server: server.send(authentication(), data("1")),
    "a short salt": lambda server: server.send(authentication(5, b"ab")),
    "a broken parameter": lambda server: server.send(authentication(), message("S", b"a")),
    "a broken key": lambda server: server.send(authentication(), message("K", b"a")),
    "a long key": lambda server: server.send(authentication(), key_data(1, b"k" * 1000)),
    "no mechanism": lambda server: server.send(authentication(10, b"\0")),
    "an unknown mechanism": lambda server: server.send(authentication(10, b"OTHER\0\0")),
    "a challenge out of turn": lambda server: server.send(authentication(11, b"r=x,s=eA==,i=1")),
    "a nonce not ours": lambda server: (server.send(authentication(10, b"SCRAM-SHA-256\0\0")),
                                        server.recv(),
                                        server.send(authentication(11, b"r=x,s=eA==,i=4096"))),
    "absurd iterations": lambda server: (
        server.send(authentication(10, b"SCRAM-SHA-256\0\0")),
        server.send(authentication(11, b"r=" + server.recv().body[-24:]
                                   + b"x,s=eA==,i=2000000000"))),
}


@pytest.mark.parametrize("what", LOGINS)
def test_a_server_whose_login_is_nonsense(pgweir, fake_postgres, single, what):
    def script(server):
        server.read_startup()
        LOGINS[what](server)

    fake = fake_postgres(script)
    weir = pgweir({"databases": {"app": {"host": "127.0.0.1", "port": single.port},
                                 "bad": {"host": "127.0.0.1", "port": fake.port}}},
                  settings={"server_login_retry": "30s"})
    with weir.connect() as other:
        found = refusal(weir, database="bad")
        assert found.sqlstate[:2] in ("08", "28"), found
        assert other.value("SELECT 1") == "1"
        assert len(fake.connections) <= 3
        assert refusal(weir, database="bad").sqlstate[:2] in ("08", "28")
        assert len(fake.connections) <= 3


def test_a_server_that_sends_parameters_without_end(pgweir, fake_postgres):
    over = threading.Event()

    def script(server):
        server.read_startup()
        server.send(authentication())
        number = 0
        while not over.is_set() and number < 20000:
            server.send(*(parameter("name%d" % (number + n), "v" * 100) for n in range(100)))
            number += 100

    fake = fake_postgres(script)
    weir = fake_weir(pgweir, fake, server_connect_timeout="1s", client_login_timeout="3s")
    with pytest.raises((wire.WireError, wire.Closed)):
        weir.connect()
    over.set()
    assert weir.is_running()


def test_nothing_listens(pgweir, single):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        weir = pgweir({"databases": {"app": {"host": "127.0.0.1", "port": single.port},
                                     "dead": {"host": "127.0.0.1", "port": unused.getsockname()[1]}}},
                      settings={"client_login_timeout": "1s"})
        with weir.connect() as other:
            first = refusal(weir, database="dead")
            assert first["M"] == "client_login_timeout (server down)"
            assert refusal(weir, database="dead").sqlstate.startswith("08")
            assert other.value("SELECT 1") == "1"
