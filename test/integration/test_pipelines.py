# SPDX-License-Identifier: ISC
"""Random pipelines of the extended protocol, compared message by message with PostgreSQL itself.

Several clients, each with a connection through pgweir and one to PostgreSQL, send the same; they
share few servers, so that statements are always somewhere else. PIPELINES=SEEDS searches longer,
PIPELINE_SEED=N runs one seed alone and says what was sent.
"""
import os
import random

import pytest

from harness import wire
from harness.cluster import wait_until
from harness.helpers import many
from harness.split import prepare, wait_for_reads
from harness.wire import bind, close, describe, execute, flush, parse, query, sync

NAMES = ["s1", "s2", "s3", "S1", "PGWEIR_1", "a name of \u00e9 bytes " + "x" * 20]
PORTALS = ["", "", "p1", "p2"]
TEXTS = ["SELECT 1", "SELECT 2 AS two", "SELECT $1::int + 10", "SELECT $1::text, $2::int",
         "SELECT generate_series(1, 5)", "SELECT 10 / $1::int", "SELECT 1/0", "SELEKT", "",
         "SELECT nothing", "SELECT * FROM nowhere", "VALUES (1), (2)", "SELECT $1", "-- only",
         "SET LOCAL work_mem = '1MB'", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT a",
         "ROLLBACK TO a", "DEALLOCATE s1", "DEALLOCATE ALL"]
QUERIES = ["SELECT 1", "SELECT 1; SELECT 2", "SELEKT", "", "SELECT 1/0", "BEGIN", "BEGIN", "COMMIT",
           "ROLLBACK", "ROLLBACK", "DEALLOCATE s1", "DEALLOCATE \"S1\"", "DEALLOCATE ALL",
           "DISCARD ALL", "SELECT 1; DEALLOCATE ALL"]
VALUES = [[], ["1"], ["0"], ["x"], ["1", "2"], [None], ["1", None]]
CLIENTS, SERVERS, STEPS = 4, 2, 25


class Sender:
    """One client's random messages: (what it is, its bytes)."""

    def __init__(self, rng, may_begin):
        self.rng, self.may_begin = rng, may_begin

    def text(self, texts):
        while True:
            found = self.rng.choice(texts)
            if found != "BEGIN" or self.may_begin:
                return found

    def extended(self):
        rng = self.rng
        name = rng.choice(NAMES[:rng.choice((2, 3, 6))]) if rng.random() < 0.75 else ""
        portal = rng.choice(PORTALS)
        kind = rng.random()
        if kind < 0.30:
            types = rng.choice(([], [], [23], [25, 23], [0]))
            text = self.text(TEXTS[:rng.choice((4, 7, len(TEXTS)))])
            return "P %r %r %s" % (name, text, types), parse(name, text, types)
        if kind < 0.55:
            values = rng.choice(VALUES)
            return "B %r %r %s" % (portal, name, values), bind(portal, name, values)
        if kind < 0.75:
            rows = rng.choice((0, 0, 2))
            return "E %r %d" % (portal, rows), execute(portal, rows)
        if kind < 0.85:
            target = rng.choice((("S", name), ("P", portal)))
            return "D %s %r" % target, describe(*target)
        if kind < 0.95:
            target = rng.choice((("S", name), ("S", name), ("P", portal)))
            return "C %s %r" % target, close(*target)
        return "H", flush()

    def usual(self):
        """What a driver would send, so that something succeeds."""
        rng = self.rng
        name, number = rng.choice(NAMES[:3] + [""]), rng.randrange(4)
        text = ("SELECT 1", "SELECT 2 AS two", "SELECT $1::int + 10", "VALUES (1), (2)")[number]
        values = ["1"] if number == 2 else []
        sent = []
        if rng.random() < 0.6:
            sent.append(("P %r %r" % (name, text), parse(name, text)))
        if rng.random() < 0.3:
            sent.append(("D S %r" % name, describe("S", name)))
        if rng.random() < 0.2:
            sent.append(("S", sync()))
        if rng.random() < 0.9:
            sent.append(("B '' %r %s" % (name, values), bind("", name, values)))
            sent.append(("E", execute()))
        return sent

    def batch(self):
        """Messages up to a Sync, or a Query; rarely a Query in the middle."""
        rng = self.rng
        if rng.random() < 0.25:
            text = self.text(QUERIES)
            return [("Q %r" % text, query(text))]
        if rng.random() < 0.5:
            sent = self.usual()
        else:
            sent = [self.extended() for _ in range(rng.randint(1, 7))]
        if rng.random() < 0.03:
            text = self.text(QUERIES)
            sent.append(("Q %r" % text, query(text)))
        return sent + [("S", sync())]

    def step(self):
        sent = [message for _ in range(self.rng.choice((1, 1, 2, 3))) for message in self.batch()]
        # What hides in a string is seen when it has run: nothing is sent before that.
        last = [i for i, (what, _) in enumerate(sent) if "; DEALLOCATE" in what]
        return sent[:last[0] + 1] if last and sent[last[0] - 1][0][0] in "SQ" else sent


def tell(message):
    """A message as it is compared: an error without its place in the server's source."""
    if message.type in "EN":
        fields = message.fields()
        return message.type, {key: fields.get(key) for key in "SCMDHP"}
    return message.type, message.body


def answers(client, syncs, queries):
    """All that is said to so many Syncs; a Query behind an error in its batch says nothing."""
    found, ready = [], 0
    while ready < syncs + queries:
        if ready >= syncs and client.is_quiet(0.1):
            break
        message = client.recv()
        if message.type in "SA":
            continue
        found.append(tell(message))
        ready += message.type == "Z"
    return found


def is_told_early(status_before, direct, through):
    """In a transaction that failed a statement cannot be prepared where it is not, so that 25P02
    comes before what else is wrong. From there on the two are not the same."""
    if isinstance(direct, Exception) or isinstance(through, Exception):
        return False
    status = status_before
    for one, other in zip(direct, through):
        if one != other:
            return status == "E" and other[0] == "E" and other[1]["C"] == "25P02"
        if one[0] == "Z":
            status = one[1].decode()
    return False


def run_seed(weir, host, seed, verbose=False):
    rng = random.Random(seed)
    with many(weir.connect, CLIENTS) as through, many(host.connect, CLIENTS) as direct:
        history = [[] for _ in through]
        for _ in range(STEPS):
            at = rng.randrange(CLIENTS)
            others = sum(client.status != "I" for client in through if client is not through[at])
            sent = Sender(rng, others < SERVERS - 1).step()
            if verbose:
                print(at, [what for what, _ in sent])
            if others >= SERVERS and through[at].status == "I":
                continue
            data = b"".join(part for _, part in sent)
            cut = rng.choice((len(data), rng.randrange(len(data) + 1)))
            history[at].append([what for what, _ in sent])
            syncs = sum(what == "S" or (what[0] == "Q" and (i == 0 or sent[i - 1][0][0] in "SQ"))
                        for i, (what, _) in enumerate(sent))
            queries = sum(what[0] in "SQ" for what, _ in sent) - syncs
            found, before = [], direct[at].status
            for client in (direct[at], through[at]):
                client.send(data[:cut])
                client.send(data[cut:])
                try:
                    found.append(answers(client, syncs, queries))
                except (OSError, wire.Closed) as error:
                    found.append(error)
            if is_told_early(before, *found):
                return
            assert found[1] == found[0], "seed %d, client %d: %s" % (seed, at, history[at][-6:])


@pytest.mark.parametrize("limit", [200, 2])
@pytest.mark.parametrize("seed", [int(os.environ["PIPELINE_SEED"]) // 1000]
                         if "PIPELINE_SEED" in os.environ
                         else range(int(os.environ.get("PIPELINES", "3"))))
def test_pipelines_are_answered_as_by_postgres(pgweir, single, seed, limit):
    weir = pgweir(host=single, settings={"default_pool_size": SERVERS,
                                         "max_prepared_statements": limit})
    last = int(os.environ.get("PIPELINE_SEED", "-1"))
    for more in range(seed * 1000, seed * 1000 + 10):
        run_seed(weir, single, more, more == last)


def test_pipelines_of_a_split_database_are_answered_as_by_postgres(pgweir, cluster):
    prepare(cluster)
    weir = pgweir(cluster=cluster, settings={"default_pool_size": SERVERS,
                                             "max_prepared_statements": 3})
    wait_for_reads(weir, cluster.replicas, wait_until)
    for seed in range(500_000, 500_010):
        run_seed(weir, cluster.primary, seed)


def test_pipelines_in_session_pooling_are_answered_as_by_postgres(pgweir, single):
    weir = pgweir(host=single, settings={"pool_mode": "session"})
    for seed in range(600_000, 600_005):
        run_seed(weir, single, seed)


@pytest.mark.parametrize("behind, tag", [("BEGIN", "BEGIN"), ("SELECT 1", "SELECT 1")])
def test_what_waited_behind_a_begin_of_the_extended_protocol_is_taken(pgweir, cluster, behind, tag):
    """For another server, as it seemed before the answer came."""
    weir = pgweir(cluster=cluster, settings={"default_pool_size": 1})
    with weir.connect() as client:
        for _ in range(3):
            client.send(wire.parse("", "BEGIN") + wire.bind() + wire.execute() + wire.sync(), wire.query(behind),
                        wire.query("ROLLBACK"))
            told = [wire.Result(client.recv_until("Z")) for _ in range(3)]
            assert [result.tags for result in told] == [["BEGIN"], [tag], ["ROLLBACK"]]
