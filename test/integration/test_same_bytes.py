# SPDX-License-Identifier: ISC
"""The same bytes to PostgreSQL and through pgweir: the same answers by type and SQLSTATE, and the
same side that closes."""
import struct

import pytest

from harness import wire
from harness.wire import (bind, close, copy_data, copy_done, copy_fail, describe, execute, flush,
                          message, parse, query, sync)

COPY_IN = query("COPY copied FROM STDIN")
COPY_OUT = query("COPY (SELECT generate_series(1, 3)) TO STDOUT")


def sized(kind, size, body=b""):
    return kind.encode() + struct.pack("!i", size) + body


# After the login.  Each is followed by END, so that those that are left open can be told.
LOGGED_IN = {
    # lengths
    "length 0": sized("Q", 0),
    "length 3": sized("Q", 3),
    "negative length": sized("Q", -1),
    "sync with a body": message("S", b"x"),
    "flush with a body": message("H", b"x"),
    "terminate with a body": message("X", b"xyz"),
    "copy done without a copy": copy_done(),
    "copy done with a body": message("c", b"x"),
    # types
    "unknown type": message("!"),
    "nul type": message("\0"),
    "a server's type": message("Z", b"I"),
    "a password": message("p", b"secret\0"),
    "a startup packet": wire.startup({"user": "app", "database": "app"}),
    "an encryption request": wire.request(wire.SSL_REQUEST),
    "a cancel request": wire.cancel_request(1, 2),
    # simple queries
    "empty query": query(""),
    "query without end": message("Q", b"SELECT 1"),
    "query without anything": message("Q", b""),
    "query with more behind its end": message("Q", b"SELECT 1\0SELECT 2\0"),
    "query that is no text": message("Q", b"SELECT '\xff'\0"),
    "syntax error": query("SELEKT 1"),
    "two statements, the second wrong": query("SELECT 1; SELEKT 2"),
    "an error inside a block": query("BEGIN") + query("SELEKT") + query("SELECT 1") + query("COMMIT"),
    # Parse
    "parse without end": message("P", b"name"),
    "parse without types": message("P", b"\0SELECT 1\0"),
    "parse with too few types": message("P", b"\0SELECT 1\0\0\2\0\0\0\x17"),
    "parse with more behind": parse("", "SELECT 1")[:-2] + b"",
    "parse with bytes behind": message("P", b"\0SELECT 1\0\0\0xx"),
    "parse with negative types": message("P", b"\0SELECT 1\0\xff\xff"),
    "parse twice by one name": parse("twice", "SELECT 1") + parse("twice", "SELECT 2"),
    "parse of two statements": parse("", "SELECT 1; SELECT 2"),
    "parse with an unknown type": parse("", "SELECT $1", [4294967]),
    # Bind
    "bind of an unknown statement": bind("", "nobody"),
    "bind without end": message("B", b"portal"),
    "bind with nothing behind the names": message("B", b"\0\0"),
    "bind with too few values": parse("", "SELECT $1::int") + bind(),
    "bind with too many formats": parse("", "SELECT $1::int") + bind("", "", [1], [0, 0, 0]),
    "bind with an unknown format": parse("", "SELECT $1::int") + bind("", "", [1], [7]),
    "bind with a value that is no number": parse("", "SELECT $1::int") + bind("", "", ["x"]),
    "bind with a value that is too long": parse("", "SELECT $1::int")
    + message("B", b"\0\0\0\0\0\1" + struct.pack("!i", 1000) + b"1\0\0"),
    "bind with a negative length": parse("", "SELECT $1::int")
    + message("B", b"\0\0\0\0\0\1" + struct.pack("!i", -2) + b"\0\0"),
    "bind with bytes behind": parse("", "SELECT 1") + message("B", b"\0\0\0\0\0\0\0\0xx"),
    "bind of one portal twice": parse("", "SELECT 1") + bind("p") + bind("p"),
    # Describe, Close, Execute
    "describe of what there is not": describe("S", "nobody"),
    "describe of a portal that there is not": describe("P", "nobody"),
    "describe of another kind": message("D", b"Xname\0"),
    "describe without end": message("D", b"Sname"),
    "describe without anything": message("D", b""),
    "describe with bytes behind": message("D", b"S\0xx"),
    "close of what there is not": close("S", "nobody") + close("P", "nobody"),
    "close of another kind": message("C", b"Xname\0"),
    "close without end": message("C", b"Sname"),
    "close without anything": message("C", b""),
    "execute of a portal that there is not": execute("nobody"),
    "execute without rows": message("E", b"\0"),
    "execute without end": message("E", b"portal"),
    "execute without anything": message("E", b""),
    "execute with a negative number of rows": parse("", "SELECT 1") + bind() + message("E", b"\0\xff\xff\xff\xff"),
    "flush alone": flush(),
    "sync after sync": sync() + sync(),
    # FunctionCall
    "function call of nothing": message("F", struct.pack("!ihhh", 0, 0, 0, 0)),
    "function call cut off": message("F", b"\0\0"),
    "function call without anything": message("F", b""),
    "function call with too few arguments": message("F", struct.pack("!ihhhi", 177, 1, 1, 1, 4) + b"\0\0\0\1\0\1"),
    # COPY
    "copy data without a copy": copy_data(b"1\n"),
    "copy fail without a copy": copy_fail("no"),
    "copy in": COPY_IN + copy_data(b"1\n") + copy_done(),
    "copy in that fails": COPY_IN + copy_data(b"1\n") + copy_fail("no more"),
    "copy in with a copy fail without end": COPY_IN + message("f", b"no end"),
    "copy in of nonsense": COPY_IN + copy_data(b"nonsense\n") + copy_data(b"2\n") + copy_done(),
    "copy in of half a line": COPY_IN + copy_data(b"1") + copy_data(b"2\n3") + copy_done(),
    "copy in with sync and flush in between": COPY_IN + copy_data(b"1\n") + sync() + flush()
    + copy_data(b"2\n") + copy_done(),
    "copy in interrupted by a query": COPY_IN + copy_data(b"1\n") + query("SELECT 1"),
    "copy in interrupted by a parse": COPY_IN + parse("", "SELECT 1"),
    "copy in interrupted by an unknown type": COPY_IN + message("!"),
    "copy in interrupted by a bad length": COPY_IN + sized("d", 2),
    "copy in twice": COPY_IN + copy_data(b"1\n") + copy_done() + COPY_IN + copy_data(b"2\n") + copy_done(),
    "copy in by the extended protocol": parse("", "COPY copied FROM STDIN") + bind() + execute()
    + copy_data(b"1\n") + copy_done() + sync(),
    "copy in by the extended protocol, sync too early": parse("", "COPY copied FROM STDIN") + bind()
    + execute() + sync() + copy_data(b"1\n") + copy_done() + sync(),
    "copy in by the extended protocol that fails": parse("", "COPY copied FROM STDIN") + bind()
    + execute() + copy_fail("no") + parse("", "SELECT 1") + sync(),
    "copy in of a wrong table": query("COPY nobody FROM STDIN") + copy_data(b"1\n") + copy_done(),
    "copy in and select in one query": query("COPY copied FROM STDIN; SELECT 5") + copy_data(b"1\n") + copy_done(),
    "copy out": COPY_OUT,
    "copy out with copy messages": COPY_OUT + copy_data(b"x") + copy_done(),
    # errors and what is skipped after them
    "an error skips to sync": parse("", "SELEKT") + parse("", "SELECT 1") + bind() + execute() + sync(),
    "a query after an error is skipped": parse("", "SELEKT") + query("SELECT 1") + sync(),
    "garbage after an error": parse("", "SELEKT") + message("!"),
    "a bad length after an error": parse("", "SELEKT") + sized("B", 1),
    "a function call after an error": parse("", "SELEKT") + message("F", b"") + sync(),
    "copy done after an error": parse("", "SELEKT") + copy_done() + copy_data(b"x") + sync(),
    "terminate after an error": parse("", "SELEKT") + wire.terminate(),
}

# Instead of a login.
FIRST_PACKETS = {
    "length 0": struct.pack("!ii", 0, 196608),
    "length 7": struct.pack("!i", 7) + b"\0\3\0",
    "length 8, no terminator": struct.pack("!ii", 8, 196608),
    "longer than allowed": struct.pack("!ii", 10005, 196608),
    "negative length": struct.pack("!ii", -1, 196608),
    "no terminator": struct.pack("!ii", 13, 196608) + b"user\0",
    "bytes behind the terminator": struct.pack("!ii", 22, 196608) + b"user\0app\0\0xyz",
    "no user": wire.startup({"database": "app"}),
    "an empty user": wire.startup({"user": "", "database": "app"}),
    "an unknown database": wire.startup({"user": "app", "database": "nobody"}),
    "protocol 2": struct.pack("!ii", 296, 131072) + b"app".ljust(288, b"\0"),
    "protocol 4": wire.startup({"user": "app"}, protocol=4 << 16),
    "protocol 1": wire.startup({"user": "app"}, protocol=1 << 16),
    "a newer minor": wire.startup({"user": "app", "database": "app"}, protocol=(3 << 16) + 9999) + query("SELECT 1"),
    "an unknown parameter": wire.startup({"user": "app", "database": "app", "no_such_parameter": "1"}),
    "a bad replication": wire.startup({"user": "app", "database": "app", "replication": "maybe"}),
    "a cancel request for nobody": wire.cancel_request(1, 2),
    "a cancel request that is too short": struct.pack("!iii", 12, wire.CANCEL_REQUEST, 1),
    "http": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a query": query("SELECT 1"),
}

END = sync() + query("SELECT 'end'")


def answers(client):
    """What is said, up to the end of the connection, or of the query that ends a test: types,
    SQLSTATEs of errors, tags, states."""
    said, last = [], False
    try:
        while True:
            found = client.recv(1)
            if found.type == "E":
                said.append("%(S)s %(C)s" % found.fields())
            elif found.type == "Z":
                said.append("Z" + found.body.decode())
                if last:
                    return said + ["open"]
            elif found.type == "C":
                said.append("C " + found.body.rstrip(b"\0").decode())
            elif found.type not in "SKNR":
                said.append(found.type)
            last = last or found.type == "D" and found.body.endswith(b"end")
    except wire.Closed:
        return said + ["closed"]
    except TimeoutError:
        return said + ["waits"]


def exchange(port, packet):
    with wire.Wire(port, user="app", database="app") as client:
        client.query("SELECT 1")
        try:
            client.send(packet, END)
        except OSError:
            pass
        return answers(client)


def first(port, packet):
    with wire.Wire(port, login=False) as client:
        client.send(packet)
        return answers(client)


def is_same(direct, through):
    """PostgreSQL closes without a word where it does not trust the framing any more; we may say
    why.  A FATAL error of ours does not wait for the answers to what was sent before it."""
    if direct[-1] == through[-1] == "closed":
        errors = [said for said in direct if said.startswith("FATAL")]
        return not errors or errors[-1:] == through[-2:-1] or through == direct
    return direct == through


@pytest.fixture
def copied(single):
    single.query("CREATE TABLE IF NOT EXISTS copied (i int)", "app")
    single.query("GRANT ALL ON copied TO PUBLIC", "app")
    return single


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_bytes_after_the_login_get_the_same_answers(pgweir, copied, mode):
    weir = pgweir(host=copied, settings={"pool_mode": mode})
    wrong = []
    for what, packet in LOGGED_IN.items():
        direct, through = exchange(copied.port, packet), exchange(weir.port, packet)
        if not is_same(direct, through):
            wrong.append("%s\n    PostgreSQL: %s\n    pgweir:     %s" % (what, direct, through))
    assert not wrong, "\n".join([""] + wrong)


def test_bytes_instead_of_a_login_get_the_same_answers(pgweir, single):
    weir = pgweir(host=single)
    wrong = []
    for what, packet in FIRST_PACKETS.items():
        direct, through = first(single.port, packet), first(weir.port, packet)
        if not is_same(direct, through):
            wrong.append("%s\n    PostgreSQL: %s\n    pgweir:     %s" % (what, direct, through))
    assert not wrong, "\n".join([""] + wrong)
