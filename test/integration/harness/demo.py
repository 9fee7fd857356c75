# SPDX-License-Identifier: ISC
"""The demonstration that scripts/demo runs; the standard library only."""
import argparse
import collections
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import wire  # noqa: E402
from harness.cluster import Cluster, is_alive, wait_until  # noqa: E402
from harness.pgweir import Pgweir, USERS, find_binary, make_folder, runnable  # noqa: E402

# Every commit is on two hosts before it is acknowledged: a crash then loses none.
SYNCHRONOUS = {"synchronous_standby_names": "ANY 1 (pg1, pg2, pg3)"}
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PAUSE = 1.0  # between crash and promotion: what a failover manager takes to be sure, shortened


def say(text=""):
    print(text, flush=True)


def step(text):
    say("* " + text)


def table(rows, columns=None):
    """Rows (dictionaries) as an aligned table."""
    if not rows:
        say("  (nothing)")
        return
    columns = [name for name in columns or rows[0] if name in rows[0]]
    widths = [max(len(name), *(len(str(row[name] or "")) for row in rows)) for name in columns]
    for line in [columns] + [[row[name] or "" for name in columns] for row in rows]:
        say("  " + "  ".join(str(value).ljust(width) for value, width in zip(line, widths)).rstrip())


class Worker(threading.Thread):
    """A client that writes, or one that reads; each stays on one connection as long as it can."""

    def __init__(self, port, number):
        super().__init__(daemon=True)
        self.port, self.number = port, number
        self.wire = None
        self.over = False
        self.errors = collections.Counter()
        self.lost_connections = 0
        self.done = []  # (begin, end) of what was acknowledged
        self.acknowledged = []
        self.checked = self.missed = 0

    def run(self):
        while not self.over:
            try:
                if self.wire is None:
                    self.wire = wire.Wire(self.port, "app", "app", timeout=60)
                self.turn()
            except wire.WireError as error:
                self.errors["%s %s" % (error.sqlstate, error["M"])] += 1
                self.recover()
            except (wire.Closed, OSError) as error:
                self.errors["connection: %s" % error] += 1
                self.lost_connections += 1
                self.wire = None
                time.sleep(0.05)
            time.sleep(0.005)
        if self.wire:
            self.wire.close()

    def recover(self):
        """As an application would: leave the failed transaction."""
        if self.wire.status != "I":
            self.wire.query("ROLLBACK")

    def timed(self, sql):
        begin = time.monotonic()
        result = self.wire.query(sql)
        self.done.append((begin, time.monotonic()))
        return result


class Writer(Worker):
    """Inserts, every third time in a transaction block, and reads back what it has written."""

    def __init__(self, port, number):
        super().__init__(port, number)
        self.count = 0

    def turn(self):
        self.count += 1
        key = self.number * 1000000 + self.count
        insert = "INSERT INTO demo (id) VALUES (%d)" % key
        if self.count % 3 == 0:
            begin = time.monotonic()
            self.wire.query("BEGIN")
            self.wire.query(insert)
            self.wire.query("COMMIT")
            self.done.append((begin, time.monotonic()))
        else:
            self.timed(insert)
        self.acknowledged.append(key)
        found = self.wire.query("SELECT count(*) FROM demo WHERE id = %d" % key).value
        self.checked += 1
        self.missed += found != "1"


class Reader(Worker):
    def turn(self):
        self.timed("SELECT abalance FROM pgbench_accounts WHERE aid = %d" % (1 + self.number))


def ignore(*_):
    """A handler and not SIG_IGN, which programs that are started would inherit."""


def longest(workers):
    return max((end - begin for worker in workers for begin, end in worker.done), default=0)


class Demo:
    def __init__(self, options):
        self.options = options
        self.dir = tempfile.mkdtemp(prefix="pgweir-demo-")
        os.chmod(self.dir, 0o755)
        self.cluster = self.weir = self.bench = None
        self.workers = []
        self.problems = []

    # Pieces.

    def start(self):
        begin = time.monotonic()
        self.cluster = Cluster(os.path.join(self.dir, "pg"), SYNCHRONOUS)
        self.cluster.up(replicas=2)
        step("cluster: a primary and two streaming replicas on ports %s (%.1f s)" % (
            ", ".join(str(host.port) for host in self.cluster.hosts), time.monotonic() - begin))
        folder = make_folder(os.path.join(self.dir, "pgweir"))
        self.weir = Pgweir(folder, runnable(find_binary(), folder))
        self.weir.users(USERS)
        self.weir.start({
            "clusters": {"main": {"hosts": self.cluster.addresses, "monitor_user": "monitor",
                                  "monitor_dbname": "postgres"}},
            "databases": {"app": {"cluster": "main"},
                          "app_ro": {"cluster": "main", "dbname": "app", "route": "replica"}},
            "pgweir": {"default_pool_size": 20, "max_client_conn": 1000},
        })
        with open(os.path.join(self.dir, "pgweir.pid"), "w") as file:
            file.write(str(self.weir.pid))
        step("pgweir on port %d; configuration %s" % (self.weir.port, self.weir.ini))

    def spawn_pgbench(self, *arguments):
        return subprocess.Popen(
            [os.path.join(self.cluster.bin, "pgbench"), "-h", "127.0.0.1", "-p", str(self.weir.port),
             "-U", "app", *arguments, "app"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True)

    def fill(self):
        done = self.spawn_pgbench("-i", "-q", "-s", "1")
        output = done.communicate()[0]
        if done.returncode:
            raise RuntimeError("pgbench -i failed:\n" + output)
        with self.weir.connect() as client:
            client.query("CREATE TABLE demo (id bigint PRIMARY KEY)")

    def run_pgbench(self):
        """Shows pgbench's progress on one line that is written over."""
        self.bench = self.spawn_pgbench("-n", "-c", "16", "-j", "2", "-T", str(self.options.seconds), "-P",
                                        "1", "-b", "select-only@8", "-b", "simple-update@2")
        output = []
        for line in self.bench.stdout:
            output.append(line)
            if line.startswith("progress:"):
                text = "  " + line.strip()
                if sys.stdout.isatty():
                    print("\r" + text.ljust(78), end="", flush=True)
                else:
                    say(text)
        if sys.stdout.isatty():
            say()
        text = "".join(output)
        if self.bench.wait() or "aborted" in text:
            self.problems.append("pgbench failed")
            say(text)
        self.bench = None
        for line in re.findall(r"^(?:tps = .*|number of (?:transactions actually|failed).*)$", text, re.M):
            say("  " + line)

    def start_workers(self):
        self.workers = [Writer(self.weir.port, number) for number in range(8)]
        self.workers += [Reader(self.weir.port, number) for number in range(16)]
        for worker in self.workers:
            worker.start()

    def stop_workers(self):
        for worker in self.workers:
            worker.over = True
        for worker in self.workers:
            worker.join(70)

    def show_hosts(self):
        table(self.weir.admin("SHOW HOSTS"))

    # Acts.

    def load(self):
        step("load: pgbench, 16 clients, 8 select-only to 2 simple-update; 24 clients that check what"
             " they read")
        self.start_workers()
        self.run_pgbench()
        say()
        step("SHOW HOSTS: roles, lag, and where the transactions went")
        self.show_hosts()
        self.check_replicas()
        say()
        step("SHOW POOLS")
        table(self.weir.admin("SHOW POOLS"), ["database", "user", "cl_active", "cl_waiting", "sv_active",
                                              "sv_idle", "sv_used", "maxwait", "pool_mode"])
        say()

    def check_replicas(self):
        for host in self.cluster.replicas:
            calls = host.value("SELECT xact_commit FROM pg_stat_database WHERE datname = 'app'")
            if int(calls) < 20:
                self.problems.append("hardly a read reached %s" % host)

    def failover(self):
        killed = self.cluster.primary
        crash = time.monotonic()
        killed.kill()
        step("killed the primary %s under this load: writes wait, reads go on" % killed)
        time.sleep(PAUSE)
        host = self.cluster.promote()
        promoted = time.monotonic()
        step("promoted %s, %.2f s after the crash" % (host, promoted - crash))
        writers = [worker for worker in self.workers if isinstance(worker, Writer)]
        wait_until(lambda: all(any(begin > promoted for begin, _ in worker.done[-3:])
                               for worker in writers), 60, 0.02, "every writer writes again")
        time.sleep(1)
        self.stop_workers()
        self.report(crash, promoted)
        killed_name = killed.name
        self.cluster.rejoin(killed_name)
        step("%s came back as a replica" % killed_name)
        time.sleep(1.5)
        self.show_hosts()
        say()

    def report(self, crash, promoted):
        writers = [worker for worker in self.workers if isinstance(worker, Writer)]
        readers = [worker for worker in self.workers if not isinstance(worker, Writer)]
        errors = sum((worker.errors for worker in self.workers), collections.Counter())
        lost = sum(worker.lost_connections for worker in self.workers)
        acknowledged = [key for worker in writers for key in worker.acknowledged]
        present = {int(row[0]) for row in self.cluster.primary.query("SELECT id FROM demo", "app")}
        gone = [key for key in acknowledged if key not in present]
        first = min(end for worker in writers for _, end in worker.done if end > promoted)
        during = [end for worker in readers for begin, end in worker.done if crash < begin < promoted]
        missed = sum(worker.missed for worker in self.workers)
        checked = sum(worker.checked for worker in self.workers)

        say("  writes waited at most      %.2f s; the first one was done %.2f s after the promotion" % (
            longest(writers), first - promoted))
        say("  reads meanwhile            %d, the slowest took %.2f s" % (
            len(during), longest(readers)))
        say("  clients that kept their connection   %d of %d" % (
            sum(not worker.lost_connections for worker in self.workers), len(self.workers)))
        say("  errors at clients          %d" % sum(errors.values()))
        for what, count in errors.most_common():
            say("    %4d x %s" % (count, what))
        say("  acknowledged writes lost   %d of %d" % (len(gone), len(acknowledged)))
        say("  reads that missed the client's own write   %d of %d" % (missed, checked))
        if lost:
            self.problems.append("%d connections were lost" % lost)
        if gone:
            self.problems.append("%d acknowledged writes were lost" % len(gone))
        if missed:
            self.problems.append("%d reads missed their own write" % missed)
        if not during:
            self.problems.append("no read was answered while there was no primary")
        say()

    # The end.

    def keep(self):
        step("left running in %s; try" % self.dir)
        base = "psql -h 127.0.0.1 -p %d" % self.weir.port
        say("  %s -U app app -c 'SELECT inet_server_port(), pg_is_in_recovery()'" % base)
        say("  %s -U admin pgweir -c 'SHOW HOSTS'" % base)
        say("  scripts/cluster status %s" % self.cluster.dir)
        say("  scripts/cluster kill %s && scripts/cluster promote %s" % (self.cluster.dir, self.cluster.dir))
        say("  tail -f %s" % self.weir.logfile)
        say("  scripts/demo --stop %s      (ends it)" % self.dir)

    def stop(self):
        for worker in self.workers:
            worker.over = True
        if self.bench and self.bench.poll() is None:
            self.bench.kill()
        if self.weir and self.weir.process:
            try:
                status = self.weir.stop()
                if status:
                    say("pgweir ended with status %d:\n%s" % (status, self.weir.log()[-2000:]))
            except AssertionError as problem:
                say(str(problem))
        if self.cluster and self.cluster.hosts:
            self.cluster.down()
        shutil.rmtree(self.dir, ignore_errors=True)

    def run(self):
        self.start()
        self.fill()
        self.load()
        self.failover()
        for problem in self.problems:
            say("PROBLEM: %s" % problem)
        return 1 if self.problems else 0


def stop_kept(folder):
    with open(os.path.join(folder, "pgweir.pid")) as file:
        pid = int(file.read())
    if is_alive(pid):
        with open("/proc/%d/cmdline" % pid) as file:
            if folder in file.read():
                os.kill(pid, signal.SIGQUIT)
                try:
                    wait_until(lambda: not is_alive(pid), 5)
                except TimeoutError:
                    os.kill(pid, signal.SIGKILL)
    Cluster.load(os.path.join(folder, "pg")).down()
    shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--stop", metavar="DIR")
    parser.add_argument("--seconds", type=int, default=8)
    options = parser.parse_args()
    if options.stop:
        stop_kept(os.path.abspath(options.stop))
        return 0

    def leave(number, _):
        # A second interrupt must not leave half of it behind.
        for each in SIGNALS:
            signal.signal(each, ignore)
        sys.exit(128 + number)

    for number in SIGNALS:
        signal.signal(number, leave)
    demo = Demo(options)
    kept = False
    try:
        status = demo.run()
        if options.keep:
            demo.keep()
            kept = True
        return status
    except (RuntimeError, TimeoutError, wire.WireError, wire.Closed) as problem:
        say("PROBLEM: %s" % problem)
        if demo.weir:
            say("the end of pgweir's log:\n" + demo.weir.log()[-3000:])
        return 1
    finally:
        if not kept:
            for number in SIGNALS:
                signal.signal(number, ignore)
            demo.stop()


if __name__ == "__main__":
    sys.exit(main())
