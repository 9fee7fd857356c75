# SPDX-License-Identifier: ISC
"""Throw-away PostgreSQL clusters on loopback: a primary and streaming replicas under one folder.

Used by the tests, by scripts/cluster and by scripts/demo; the standard library only. The state is
in DIR/cluster.json, so that one process can bring a cluster up and another take it down.
"""
import glob
import json
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import time

from . import wire

# Ports below the range that the kernel gives to outgoing connections, so that none is in the way.
PORTS = range(20000, 32000)

# Roles of every cluster: name -> (password, how it is stored, how pg_hba.conf asks for it).
ROLES = {
    "app": ("app-secret", "scram-sha-256", "trust"),
    "app2": ("app2-secret", "scram-sha-256", "trust"),
    "monitor": ("monitor-secret", "scram-sha-256", "trust"),
    "scram_user": ("scram-secret", "scram-sha-256", "scram-sha-256"),
    "md5_user": ("md5-secret", "md5", "md5"),
    "plain_user": ("plain-secret", "scram-sha-256", "password"),
}
DATABASES = ("app", "app2")

SETTINGS = """\
listen_addresses = '127.0.0.1'
max_connections = 200
wal_level = replica
hot_standby = on
max_wal_senders = 20
wal_keep_size = 256MB
wal_log_hints = on
fsync = off
synchronous_commit = on
shared_buffers = 32MB
max_wal_size = 256MB
autovacuum_naptime = 20s
logging_collector = off
log_line_prefix = '%m [%p] %u@%d '
log_checkpoints = off
recovery_target_timeline = 'latest'
wal_receiver_status_interval = 1s
wal_retrieve_retry_interval = 200ms
include_if_exists = 'harness.conf'
"""


# Where scripts/install-deps majors puts what the system does not have.
OWN = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", "..", "build", "postgres"))


def find_bin(major=None):
    """The folder of programs of a major, or of the newest one that the system has; PG_MAJOR and
    PGBIN override that."""
    major = major or os.environ.get("PG_MAJOR")
    if major:
        for folder in ("/usr/lib/postgresql/%s/bin" % major, os.path.join(OWN, major, "bin")):
            if os.path.exists(os.path.join(folder, "postgres")):
                return folder
        raise RuntimeError("no PostgreSQL %s: MAJORS=%s scripts/install-deps majors" % (major, major))
    if os.environ.get("PGBIN"):
        return os.environ["PGBIN"]
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"),
                   key=lambda path: int(path.split("/")[4]))
    if found:
        return os.path.dirname(found[-1])
    path = shutil.which("postgres")
    if path:
        return os.path.dirname(os.path.realpath(path))
    raise RuntimeError("PostgreSQL is not installed: run scripts/install-deps demo")


def unprivileged():
    """Arguments for Popen that drop root; none if we are not root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise RuntimeError("PostgreSQL does not run as root, and there is no user postgres or nobody")


def give(path):
    """Gives a folder to the user that the daemons run as."""
    drop = unprivileged()
    if drop:
        os.chown(path, drop["user"], drop["group"])


def free_port():
    for _ in range(200):
        port = random.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port between %d and %d" % (PORTS[0], PORTS[-1]))


def wait_until(condition, timeout=10.0, interval=0.01, what=None):
    """Calls condition until it gives something true, and returns that; an exception counts as no."""
    deadline = time.monotonic() + timeout
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = value
        except (OSError, wire.WireError, wire.Closed) as error:
            last = error
        if time.monotonic() > deadline:
            raise TimeoutError("%s not so after %gs; last: %r"
                               % (what or getattr(condition, "__name__", "condition"), timeout, last))
        time.sleep(interval)


def is_alive(pid):
    """True for a process that runs or is stopped, false for a zombie."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False


class Host:
    """One PostgreSQL instance of a cluster."""

    def __init__(self, cluster, name, port):
        self.cluster, self.name, self.port = cluster, name, port
        self.dir = os.path.join(cluster.dir, name)
        self.data = os.path.join(self.dir, "data")
        self.logfile = os.path.join(self.dir, "log")
        self.upstream = None
        self.delay_ms = 0

    def __repr__(self):
        return "%s:%d" % (self.name, self.port)

    @property
    def address(self):
        return "127.0.0.1:%d" % self.port

    @property
    def pid(self):
        """The postmaster's process id, or None."""
        try:
            with open(os.path.join(self.data, "postmaster.pid")) as file:
                pid = int(file.readline())
        except (OSError, ValueError):
            return None
        return pid if is_alive(pid) else None

    def log(self):
        with open(self.logfile, errors="replace") as file:
            return file.read()

    def connect(self, database="postgres", user="postgres", timeout=10.0, **params):
        """A wire.Wire straight to this host."""
        return wire.Wire(self.port, user=user, database=database, timeout=timeout, params=params)

    def query(self, sql, database="postgres", timeout=10.0):
        """Rows (lists of text) of a query run on an own connection as postgres."""
        with self.connect(database, timeout=timeout) as connection:
            return connection.query(sql).rows

    def value(self, sql, database="postgres", timeout=10.0):
        rows = self.query(sql, database, timeout)
        return rows[0][0] if rows else None

    def is_ready(self):
        try:
            return self.value("SELECT 1", timeout=1) == "1"
        except (OSError, wire.WireError, wire.Closed):
            return False

    def is_replica(self):
        return self.value("SELECT pg_is_in_recovery()") == "t"

    def timeline(self):
        """As the server itself says, which right after a promotion pg_control does not."""
        with wire.Wire(self.port, user="postgres", database="postgres",
                       params={"replication": "database"}) as connection:
            return int(connection.query("IDENTIFY_SYSTEM").rows[0][1])

    # Files.

    def write_settings(self):
        lines = ["port = %d" % self.port]
        socket_dir = self.dir if len(self.dir) < 80 else ""
        lines.append("unix_socket_directories = '%s'" % socket_dir)
        if self.upstream:
            lines.append("primary_conninfo = 'host=127.0.0.1 port=%d user=postgres application_name=%s'"
                         % (self.upstream, self.name))
        lines.append("recovery_min_apply_delay = %dms" % self.delay_ms)
        lines += ["%s = '%s'" % item for item in sorted(self.cluster.settings.items())]
        path = os.path.join(self.data, "harness.conf")
        with open(path + ".new", "w") as file:
            file.write("\n".join(lines) + "\n")
        give(path + ".new")
        os.rename(path + ".new", path)

    def signal_file(self, wanted=True):
        path = os.path.join(self.data, "standby.signal")
        if wanted:
            open(path, "w").close()
            give(path)
        elif os.path.exists(path):
            os.unlink(path)

    # Life.

    def spawn(self):
        with open(self.logfile, "a") as log:
            # A new session: the Ctrl-C that ends a demo or a test is not for the server.
            return subprocess.Popen(
                [os.path.join(self.cluster.bin, "postgres"), "-D", self.data], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, cwd=self.dir, start_new_session=True, **unprivileged())

    def start(self, timeout=20.0):
        """Starts and waits until the host answers queries."""
        if not self.pid:
            self.forget_pid()
            self.cluster.children.append(self.spawn())
        self.wait_ready(timeout)

    def forget_pid(self):
        """After a crash the id in the file may be another process's by now, or a zombie's."""
        if self.pid:
            return
        socket_file = os.path.join(self.dir, ".s.PGSQL.%d" % self.port)
        for stale in (os.path.join(self.data, "postmaster.pid"), socket_file + ".lock", socket_file):
            if os.path.exists(stale):
                os.unlink(stale)

    def wait_ready(self, timeout=20.0):
        try:
            wait_until(self.is_ready, timeout, what="%s ready" % self)
        except TimeoutError as error:
            raise RuntimeError("%s\n%s" % (error, self.log()[-2000:])) from None

    def signal(self, number):
        pid = self.pid
        if pid:
            os.kill(pid, number)

    def processes(self):
        """The postmaster and its children."""
        pid = self.pid
        if not pid:
            return []
        found = [pid]
        for path in glob.glob("/proc/[0-9]*/stat"):
            try:
                with open(path) as file:
                    fields = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid:
                found.append(int(path.split("/")[2]))
        return found

    def signal_all(self, number):
        """Signals the postmaster first, so that it forks no more; gives the ids."""
        pids = self.processes()
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        return pids

    def stop(self, mode="fast", timeout=20.0):
        """Shuts down: smart, fast or immediate."""
        pid = self.pid
        if pid:
            self.cluster.dirty = True
            self.resume()
            self.signal({"smart": signal.SIGTERM, "fast": signal.SIGINT,
                         "immediate": signal.SIGQUIT}[mode])
            wait_until(lambda: not is_alive(pid), timeout, what="%s stopped" % self)

    def kill(self):
        """A crash: SIGKILL to the postmaster and all its children."""
        self.cluster.dirty = True
        pids = self.signal_all(signal.SIGKILL)
        wait_until(lambda: not any(map(is_alive, pids)), 10, what="%s killed" % self)

    def pause(self):
        """A host that hangs: connections stay open and are accepted, nothing answers."""
        self.cluster.dirty = True
        self.signal_all(signal.SIGSTOP)

    def resume(self):
        self.signal_all(signal.SIGCONT)

    def reload(self):
        self.write_settings()
        self.signal(signal.SIGHUP)

    def set_delay(self, milliseconds):
        """recovery_min_apply_delay of this replica."""
        self.delay_ms = milliseconds
        self.cluster.delayed = True
        self.reload()
        self.cluster.save()

    def pause_replay(self):
        """The replica goes on receiving and stops replaying; undone by resume_replay or reset."""
        self.cluster.delayed = True
        self.query("SELECT pg_wal_replay_pause()")

    def resume_replay(self):
        self.query("SELECT pg_wal_replay_resume()")


class Cluster:
    """A primary and replicas. cluster.primary is the host that was last made the primary."""

    def __init__(self, folder, settings=None, bin=None):
        self.dir = os.path.abspath(folder)
        self.bin = bin
        self.settings = dict(settings or {})
        self.hosts = []
        self.primary = None
        self.children = []
        self.dirty = False
        self.delayed = False

    @classmethod
    def load(cls, folder):
        cluster = cls(folder)
        with open(os.path.join(cluster.dir, "cluster.json")) as file:
            state = json.load(file)
        cluster.settings = state["settings"]
        cluster.bin = state["bin"]
        for entry in state["hosts"]:
            host = Host(cluster, entry["name"], entry["port"])
            host.upstream, host.delay_ms = entry["upstream"], entry["delay_ms"]
            cluster.hosts.append(host)
            if entry["name"] == state["primary"]:
                cluster.primary = host
        return cluster

    def save(self):
        state = {
            "bin": self.bin, "settings": self.settings, "primary": self.primary.name,
            "hosts": [{"name": host.name, "port": host.port, "upstream": host.upstream,
                       "delay_ms": host.delay_ms} for host in self.hosts],
        }
        path = os.path.join(self.dir, "cluster.json")
        with open(path + ".new", "w") as file:
            json.dump(state, file, indent=1)
        os.rename(path + ".new", path)
        with open(os.path.join(self.dir, "cluster.env"), "w") as file:
            file.write("PRIMARY_PORT=%d\nREPLICA_PORTS='%s'\nPORTS='%s'\nHOSTS='%s'\n" % (
                self.primary.port, " ".join(str(host.port) for host in self.replicas),
                " ".join(str(host.port) for host in self.hosts), self.addresses))

    @property
    def replicas(self):
        return [host for host in self.hosts if host is not self.primary]

    @property
    def addresses(self):
        """For hosts= of a [clusters] entry."""
        return ",".join(host.address for host in self.hosts)

    def __getitem__(self, name):
        for host in self.hosts:
            if host.name == name:
                return host
        raise KeyError("no host %s in %s; there are %s" % (name, self.dir, self.hosts))

    def up(self, replicas=2, delay_ms=0):
        """initdb once, copied cold for each replica, then all start at the same time."""
        self.bin = self.bin or find_bin()
        os.makedirs(self.dir, mode=0o755, exist_ok=True)
        if os.path.exists(os.path.join(self.dir, "cluster.json")):
            raise RuntimeError("%s already holds a cluster" % self.dir)
        names = ["pg%d" % (number + 1) for number in range(replicas + 1)]
        self.hosts = [Host(self, name, free_port()) for name in names]
        self.primary = self.hosts[0]
        for host in self.hosts:
            os.mkdir(host.dir, 0o755)
            give(host.dir)
        self.check_reachable()
        self.initdb()
        for host in self.replicas:
            host.upstream, host.delay_ms = self.primary.port, delay_ms
            self.run("cp", "-a", self.primary.data, host.data)
        for host in self.hosts:
            host.write_settings()
            host.signal_file(host is not self.primary)
        self.save()
        for host in self.hosts:
            self.children.append(host.spawn())
        self.primary.wait_ready()
        self.create_roles()
        for host in self.replicas:
            host.wait_ready()
        if not delay_ms:
            self.wait_caught_up()
        return self

    def check_reachable(self):
        """A folder below someone's private one cannot be used by another user."""
        drop = unprivileged()
        if drop and subprocess.run(["test", "-x", self.dir], **drop).returncode:
            raise RuntimeError("the user that PostgreSQL runs as cannot enter %s" % self.dir)

    def run(self, program, *arguments):
        path = os.path.join(self.bin, program)
        done = subprocess.run([path if os.path.exists(path) else program, *arguments],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, cwd=self.dir, **unprivileged())
        if done.returncode:
            raise RuntimeError("%s failed:\n%s" % (program, done.stdout.decode(errors="replace")))

    def initdb(self):
        data = self.primary.data
        self.run("initdb", "-N", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8",
                 "--no-instructions", "-D", data)
        with open(os.path.join(data, "postgresql.conf"), "a") as file:
            file.write(SETTINGS)
        with open(os.path.join(data, "pg_hba.conf"), "w") as file:
            file.write("local all all trust\n")
            for name, (_, _, method) in ROLES.items():
                if method != "trust":
                    file.write("host all %s 127.0.0.1/32 %s\n" % (name, method))
            file.write("host all all 127.0.0.1/32 trust\nhost replication all 127.0.0.1/32 trust\n")

    def create_roles(self):
        with self.primary.connect() as connection:
            for name, (secret, stored, _) in ROLES.items():
                connection.query("SET password_encryption = '%s'" % stored)
                connection.query("CREATE ROLE %s LOGIN PASSWORD '%s'" % (name, secret))
            connection.query("GRANT pg_monitor TO monitor")
            for name in DATABASES:
                connection.query("CREATE DATABASE %s OWNER %s STRATEGY file_copy" % (name, name)
                                 if self.major() >= 15 else
                                 "CREATE DATABASE %s OWNER %s" % (name, name))
        for name in DATABASES:
            self.open_schema(name)

    def open_schema(self, database):
        self.primary.query("GRANT ALL ON SCHEMA public TO PUBLIC", database)

    def major(self):
        with open(os.path.join(self.primary.data, "PG_VERSION")) as file:
            return int(file.read())

    def down(self):
        """Stops everything and removes the folder."""
        for host in self.hosts:
            if host.pid:
                host.resume()
                host.signal(signal.SIGQUIT)
        for host in self.hosts:
            pid = host.pid
            if pid:
                try:
                    wait_until(lambda: not is_alive(pid), 5)
                except TimeoutError:
                    host.kill()
        self.reap()
        shutil.rmtree(self.dir, ignore_errors=True)

    def reap(self):
        for child in self.children:
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                pass
        self.children = []

    def wait_caught_up(self, timeout=20.0, hosts=None):
        """Until each replica streams and has replayed what the primary has written by now."""
        target = self.primary.value("SELECT pg_current_wal_insert_lsn()")
        for host in hosts or self.replicas:
            if host.pid:
                wait_until(lambda: host.value(
                    "SELECT coalesce(pg_last_wal_replay_lsn() >= '%s', false) AND EXISTS "
                    "(SELECT FROM pg_stat_wal_receiver)" % target) == "t",
                    timeout, what="%s caught up" % host)

    def most_advanced(self):
        """The replica that has received most: no synchronously committed write is lost with it."""
        def received(host):
            return int(host.value("SELECT pg_wal_lsn_diff(greatest(pg_last_wal_receive_lsn(),"
                                  " pg_last_wal_replay_lsn()), '0/0')"))

        return max((host for host in self.replicas if host.pid), key=received)

    def promote(self, name=None, timeout=20.0):
        """Makes a replica (the most advanced one) the primary and points the other replicas at it.
        Returns the host."""
        host = self[name] if name else self.most_advanced()
        self.dirty = True
        host.query("SELECT pg_promote(false)")
        wait_until(lambda: not host.is_replica(), timeout, what="%s promoted" % host)
        self.primary, host.upstream = host, None
        host.write_settings()
        for other in self.replicas:
            if other.upstream:
                other.upstream = host.port
                other.reload()
        self.save()
        return host

    def rejoin(self, name):
        """Makes a former primary a replica of the present one (pg_rewind)."""
        host = self[name]
        host.stop()
        host.forget_pid()
        self.primary.query("CHECKPOINT")
        self.run("pg_rewind", "--target-pgdata", host.data, "--source-server",
                 "host=127.0.0.1 port=%d user=postgres dbname=postgres" % self.primary.port)
        host.upstream = self.primary.port
        host.write_settings()
        host.signal_file()
        self.save()
        host.start()

    def reset(self):
        """Back to how it was after up(), for the next test; False if that takes a new cluster."""
        if self.dirty or not all(host.pid for host in self.hosts):
            return False
        if self.delayed:
            for host in self.replicas:
                host.delay_ms = 0
                host.reload()
                if host.value("SELECT pg_is_wal_replay_paused()") == "t":
                    host.resume_replay()
            self.delayed = False
        for host in self.hosts:
            host.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                       " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")
        for name in DATABASES:
            with self.primary.connect(name) as connection:
                if connection.value("SELECT count(*) FROM pg_depend d JOIN pg_namespace n ON"
                                    " refclassid = 'pg_namespace'::regclass AND refobjid = n.oid"
                                    " WHERE nspname = 'public'") != "0":
                    connection.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public"
                                     " AUTHORIZATION pg_database_owner;"
                                     " GRANT ALL ON SCHEMA public TO PUBLIC")
        self.wait_caught_up()
        return True

    def status(self):
        """A line a host: name, port, role, timeline, replayed or written LSN."""
        lines = []
        for host in self.hosts:
            if not host.pid:
                lines.append("%-5s %5d down" % (host.name, host.port))
                continue
            try:
                replica, lsn = host.query("SELECT pg_is_in_recovery(), CASE WHEN pg_is_in_recovery()"
                                          " THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END",
                                          timeout=2)[0]
                role = "replica" if replica == "t" else "primary"
                lines.append("%-5s %5d %-7s timeline %d %s" % (
                    host.name, host.port, role, host.timeline(), lsn))
            except (OSError, wire.WireError, wire.Closed) as error:
                lines.append("%-5s %5d silent: %s" % (host.name, host.port, error))
        return lines
