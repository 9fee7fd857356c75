# SPDX-License-Identifier: ISC
"""Runs pgweir (or another pooler with PgBouncer's configuration) for a test, the demo or a benchmark."""
import os
import re
import resource
import shutil
import signal
import socket
import subprocess


from . import wire
from .cluster import ROLES, free_port, give, unprivileged, wait_until

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
REPORT = re.compile(r"ERROR: (Address|Leak|Thread)Sanitizer|runtime error:|Assertion .* failed")
SECTIONS = ("pgweir", "pgbouncer", "clusters", "databases", "users", "peers")

# auth_file of every run unless a test brings its own: console users and the cluster's roles.
USERS = dict({"postgres": "", "admin": "admin-secret", "stats": "stats-secret"},
             **{name: role[0] for name, role in ROLES.items()})


def find_binary():
    return os.path.abspath(os.environ.get("PGWEIR", os.path.join(ROOT, "build", "pgweir")))


def write_ini(path, config):
    """config: section -> (name -> value); a value may be a dictionary of options, e.g.
    {"databases": {"app": {"host": "127.0.0.1", "port": 5432}}}."""
    lines = []
    for section in sorted(config, key=SECTIONS.index):
        lines.append("[%s]" % section)
        for name, value in config[section].items():
            if isinstance(value, dict):
                value = " ".join("%s=%s" % item for item in value.items())
            elif isinstance(value, bool):
                value = int(value)
            lines.append("%s = %s" % (name, value))
        lines.append("")
    with open(path, "w") as file:
        file.write("\n".join(lines))


def write_users(path, users):
    with open(path, "w") as file:
        for name, secret in users.items():
            file.write('"%s" "%s"\n' % (name.replace('"', '""'), secret.replace('"', '""')))


class Pgweir:
    """One running pooler. Most tests use .port, .connect(), .admin(), .log() and .wait_log()."""

    def __init__(self, folder, binary=None, env=None, arguments=()):
        self.dir = str(folder)
        self.binary = binary or find_binary()
        self.env, self.arguments = dict(env or {}), list(arguments)
        self.ini = os.path.join(self.dir, "pgweir.ini")
        self.users_file = os.path.join(self.dir, "users.txt")
        self.logfile = os.path.join(self.dir, "log")
        self.port = None
        self.process = None
        self.hosts = ()
        self.template = None

    # Configuration.

    def defaults(self, section):
        """What every configuration has unless it says otherwise."""
        settings = {
            "listen_addr": "127.0.0.1", "listen_port": self.port, "unix_socket_dir": self.dir,
            "auth_type": "trust", "auth_file": self.users_file, "admin_users": "admin",
            "stats_users": "stats", "pool_mode": "transaction",
        }
        settings.update(section)
        return {name: value for name, value in settings.items() if value is not None}

    def configure(self, config):
        """Writes the file. config: a dictionary as in write_ini, or the text of a file in which
        {port} and {dir} stand for the port and the folder of this run."""
        self.template = config
        if isinstance(config, str):
            with open(self.ini, "w") as file:
                file.write(config.replace("{port}", str(self.port)).replace("{dir}", self.dir))
        else:
            config = dict(config)
            settings = self.defaults(config.pop("pgweir", {}))
            # PgBouncer itself can be run too, to see what it does: PGWEIR=/usr/sbin/pgbouncer.
            config["pgbouncer" if self.binary.endswith("pgbouncer") else "pgweir"] = settings
            write_ini(self.ini, config)
        os.chmod(self.ini, 0o644)

    def users(self, users):
        write_users(self.users_file, users)
        os.chmod(self.users_file, 0o644)

    # Life.

    def start(self, config=None, timeout=20.0):
        for attempt in range(5):
            self.port = free_port()
            self.configure(config if config is not None else self.template)
            self.spawn()
            try:
                wait_until(self.is_up_or_gone, timeout, what="pgweir listening")
            except TimeoutError:
                self.process.kill()
                raise RuntimeError("pgweir does not listen:\n" + self.log()[-3000:]) from None
            if self.process.poll() is None:
                return self
            if attempt == 4 or not re.search("[Aa]ddress already in use", self.log()):
                break
        status, self.process = self.process.returncode, None
        raise RuntimeError("pgweir ended at once, status %d:\n%s" % (status, self.log()[-3000:]))

    def spawn(self):
        env = dict(os.environ, **self.env)
        env.setdefault("ASAN_OPTIONS", "detect_leaks=1:exitcode=99:handle_abort=1")
        env.setdefault("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1:exitcode=99")
        with open(self.logfile, "a") as log:
            self.process = subprocess.Popen(
                [self.binary, *self.arguments, self.ini], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, cwd=self.dir, env=env, start_new_session=True,
                preexec_fn=prepare_child, **unprivileged())

    def is_up_or_gone(self):
        if self.process.poll() is not None:
            return True
        with socket.create_connection(("127.0.0.1", self.port), 1):
            return True

    @property
    def pid(self):
        return self.process.pid

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, number=signal.SIGINT, timeout=3.0):
        """Ends it and gives its exit status. SIGINT is a shutdown that waits for transactions; if
        that takes longer than timeout, SIGQUIT ends it at once."""
        for each, patience in ((number, timeout), (signal.SIGQUIT, 10)):
            if self.is_running():
                self.process.send_signal(each)
                try:
                    self.process.wait(patience)
                except subprocess.TimeoutExpired:
                    continue
        if self.is_running():
            self.process.kill()
            self.process.wait()
            raise AssertionError("pgweir did not end:\n" + self.log()[-3000:])
        return self.process.returncode

    def kill(self):
        self.process.kill()
        self.process.wait()

    def reload(self, config=None):
        """SIGHUP after writing a new configuration, if one is given. Wait for what it changes."""
        if config is not None:
            self.configure(config)
        self.process.send_signal(signal.SIGHUP)

    def server_ports(self):
        """(host's port, local port) of its connections to the hosts; these see the latter as client_port."""
        inodes = set()
        for name in os.listdir("/proc/%d/fd" % self.pid):
            try:
                target = os.readlink("/proc/%d/fd/%s" % (self.pid, name))
            except OSError:
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
        remote = {host.port for host in self.hosts}
        found = []
        with open("/proc/net/tcp") as file:
            for line in list(file)[1:]:
                fields = line.split()
                peer = int(fields[2].split(":")[1], 16)
                if fields[9] in inodes and peer in remote:
                    found.append((peer, int(fields[1].split(":")[1], 16)))
        return found

    def finish(self):
        """The end of a test: it still runs, ends cleanly, without a report, and leaves no backend."""
        if self.process is None:
            return
        status = self.process.poll()
        if status is not None:
            self.check_report()
            assert status in (0, None), "pgweir ended by itself, status %d:\n%s" % (
                status, self.log()[-3000:])
            return
        ports = self.server_ports() if self.hosts else []
        status = self.stop()
        self.check_report()
        assert status == 0, "pgweir ended with status %d:\n%s" % (status, self.log()[-3000:])
        for host in self.hosts:
            # The same local port may belong to others' connections to another host.
            local = [str(port) for peer, port in ports if peer == host.port]
            if local and host.pid and host.is_ready():
                sql = ("SELECT count(*) FROM pg_stat_activity WHERE client_port IN (%s)"
                       % ",".join(local))
                wait_until(lambda: host.value(sql) == "0", 5, what="no backend left on %s" % host)

    def check_report(self):
        log = self.log()
        found = REPORT.search(log)
        assert not found, "report of a sanitizer:\n" + log[found.start():][:6000]

    # Looking at it.

    def connect(self, user="app", database="app", **arguments):
        """A wire.Wire to it, logged in."""
        return wire.Wire(self.port, user=user, database=database, **arguments)

    def dsn(self, user="app", database="app", password=None, **options):
        """A libpq connection string."""
        parts = dict({"host": "127.0.0.1", "port": self.port, "user": user, "dbname": database,
                      "sslmode": "disable", "gssencmode": "disable"}, **options)
        if password is not None:
            parts["password"] = password
        return " ".join("%s='%s'" % item for item in parts.items())

    def admin(self, sql, user="admin", database="pgweir", password="admin-secret"):
        """Rows of a console command as dictionaries (all values text); WireError on an error."""
        with self.connect(user, database, password=password) as console:
            return console.query(sql).dicts()

    def log(self):
        try:
            with open(self.logfile, errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def log_mark(self):
        """A place in the log; wait_log and log_since take it to look only at what comes after."""
        return len(self.log())

    def log_since(self, mark):
        return self.log()[mark:]

    def wait_log(self, pattern, timeout=10.0, since=0):
        """Waits for a line that matches; gives the match."""
        compiled = re.compile(pattern, re.M)
        try:
            return wait_until(lambda: compiled.search(self.log(), since), timeout, what=pattern)
        except TimeoutError:
            raise AssertionError("no log line matches %r; the log's end:\n%s"
                                 % (pattern, self.log()[-3000:])) from None

    def rss_kib(self):
        """Exact, where VmRSS may be off by some hundred KiB."""
        with open("/proc/%d/smaps_rollup" % self.pid) as file:
            return int(re.search(r"Rss:\s*(\d+)", file.read()).group(1))

    def open_files(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))


def prepare_child():
    """Many files; and signals as they are by default: a shell's background job ignores two."""
    raise_limits()
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def raise_limits():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def runnable(binary, folder):
    """The binary, or a copy of it in folder if the user that it will run as cannot reach it."""
    drop = unprivileged()
    if not drop or subprocess.run(["test", "-x", binary], **drop).returncode == 0:
        return binary
    copy = os.path.join(str(folder), os.path.basename(binary))
    shutil.copy(binary, copy)
    os.chmod(copy, 0o755)
    return copy


def make_folder(folder):
    os.makedirs(folder, mode=0o755, exist_ok=True)
    give(folder)
    return folder


