# SPDX-License-Identifier: ISC
"""Which host answered, and clients that go on while hosts come and go: for the tests of splitting."""
import threading
import time
from collections import Counter

from . import wire

# A read for the scanner and for the catalogue (the function is declared STABLE and is PL/pgSQL), and
# yet its answer differs from host to host.
HERE = ("CREATE FUNCTION served_by() RETURNS int STABLE LANGUAGE plpgsql AS"
        " 'BEGIN RETURN inet_server_port(); END';"
        "CREATE VIEW here AS SELECT served_by() AS port")
READ = "SELECT port FROM here"
WRITE = "INSERT INTO log (note) VALUES ('w') RETURNING inet_server_port()"


def prepare(cluster, *statements):
    """Makes the view `here`, the table `log` and what else is said, on all hosts."""
    for sql in (HERE, "CREATE TABLE log (id bigserial PRIMARY KEY, note text)",
                "GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC",
                "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO PUBLIC") + statements:
        cluster.primary.query("SET ROLE app; " + sql, "app")
    cluster.wait_caught_up()


def ports(hosts):
    return {host.port for host in hosts}


def served(client, sql=READ):
    """The port of the host that answered."""
    return int(client.query(sql).value)


def wait_for_reads(weir, hosts, wait_until, database="app", timeout=15):
    """Until reads reach each of these hosts: all are known and fresh, and have servers."""
    wanted = ports(hosts)
    seen = set()

    def reached():
        # New clients each time: one keeps to the replica that it read from last. All at the same
        # time: a host with an idle server is preferred to one where a connection must be opened.
        clients = []
        try:
            for _ in range(2 * len(wanted)):
                clients.append(weir.connect(database=database))
                clients[-1].send(wire.query("SELECT port, pg_sleep(0.03) FROM here"))
            seen.update(int(client.recv_ready().value) for client in clients)
        finally:
            for client in clients:
                client.close()
        return wanted <= seen

    wait_until(reached, timeout, what="reads on %s" % sorted(wanted))


def wait_for_primary(weir, wait_until, timeout=15):
    """Until writes are served at all."""
    with weir.connect() as client:
        wait_until(lambda: client.query("SELECT inet_server_port()").value, timeout, what="a primary")


class Turn:
    """One request of a Worker: when, for how long, and what came of it (an SQLSTATE, or None)."""

    def __init__(self, begin, end, error, value):
        self.begin, self.end, self.error, self.value = begin, end, error, value

    def __repr__(self):
        return "<%.3f +%.3f %s %s>" % (self.begin, self.end - self.begin, self.error, self.value)


class Worker(threading.Thread):
    """A client that goes on: turn(client, number) again and again, ROLLBACK after an error in a block."""

    def __init__(self, load, number):
        super().__init__(daemon=True)
        self.load, self.number = load, number
        self.turns, self.lost = [], None
        self.client = load.weir.connect(database=load.database, timeout=load.timeout)

    def run(self):
        count = 0
        while not self.load.over.is_set():
            count += 1
            begin, error, value = time.monotonic(), None, None
            try:
                value = self.load.turn(self.client, self.number * 1000000 + count)
            except wire.WireError as problem:
                error = problem
            except (wire.Closed, OSError) as problem:
                self.lost = "%s: %s" % (type(problem).__name__, problem)
                return
            self.turns.append(Turn(begin, time.monotonic(), error, value))
            try:
                if error and self.client.status != "I":
                    self.client.query("ROLLBACK")
            except (wire.WireError, wire.Closed, OSError) as problem:
                self.lost = "ROLLBACK: %s" % problem
                return
            if self.load.pause:
                time.sleep(self.load.pause)


class Load:
    """count clients that run turn(client, number) until stop(); a number is used once.

    with Load(weir, 8, lambda client, number: client.query("...")) as load: ...
    """

    def __init__(self, weir, count, turn, pause=0.002, database="app", timeout=30):
        self.weir, self.turn, self.pause, self.database = weir, turn, pause, database
        self.timeout = timeout
        self.over = threading.Event()
        self.workers = [Worker(self, number) for number in range(count)]

    def __enter__(self):
        for worker in self.workers:
            worker.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.over.set()
        for worker in self.workers:
            worker.join(self.timeout + 5)
            assert not worker.is_alive(), "a client hangs"
            worker.client.close()

    @property
    def turns(self):
        return [turn for worker in self.workers for turn in list(worker.turns)]

    @property
    def errors(self):
        return [turn for turn in self.turns if turn.error]

    def sqlstates(self):
        return Counter(turn.error.sqlstate for turn in self.errors)

    def good(self, since=0.0):
        """Turns that began after `since` and had no error."""
        return [turn for turn in self.turns if not turn.error and turn.begin >= since]

    def is_going(self, since, each=1):
        """Every client has had so many good turns that began after `since`."""
        return all(sum(1 for turn in list(worker.turns) if not turn.error and turn.begin >= since) >= each
                   for worker in self.workers)

    def check_connected(self):
        lost = [worker.lost for worker in self.workers if worker.lost]
        assert not lost, "clients lost their connection: %s" % lost

    def longest(self):
        return max((turn.end - turn.begin for turn in self.turns), default=0.0)
