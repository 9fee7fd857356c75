# SPDX-License-Identifier: ISC
"""The drivers that the tests run, one row each, and how a program of each language is run.

A program is drivers/PROGRAM. It gets libpq's variables (a role that logs in with SCRAM), and
  SESSION_DATABASE  the same database in session pooling
  ADMIN_PASSWORD    of the console's user admin
  CONSOLE           a program: CONSOLE "COMMAND" runs a command on the console
  SPLIT             1: the database is a primary and a replica
prints `version TEXT`, then a line a check, `ok NAME` or `FAILED NAME: why`, and ends with status 0
if all went well. What a check is about is the same for all drivers:
  login        with SCRAM; as whom
  types        dates, numeric, arrays, json, bytea, unicode, NULL, there and back
  prepare      a statement often enough that the driver prepares it on the server; many; closed ones
  transaction  commit, rollback, savepoint, an error in the middle
  batch        many statements in one go, pipelined where the driver can; an error among them
  copy         in and out
  cursor       a large result by a cursor or a fetch size
  cancel       as the driver does it; the connection goes on
  listen       in session pooling
  pool         more connections at once than servers, so that statements move between these
  fresh        a connection reads what it has just written
  ddl          a prepared SELECT * whose table is changed
  lost         idle servers are killed: nothing is noticed; one in a transaction: rollback, and on
  reconnect    RECONNECT on the console: nothing is noticed
  admin        SHOW POOLS through the driver
"""
import os
import shutil
import subprocess

from .pgweir import ROOT

HERE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "drivers")
CACHE = os.environ.get("DRIVERS_CACHE", os.path.join(ROOT, "build", "drivers"))
MODULES = os.path.join(CACHE, "node", "node_modules")
CHECKS = ("login", "types", "prepare", "transaction", "batch", "copy", "cursor", "cancel", "listen",
          "pool", "fresh", "ddl", "lost", "reconnect", "admin")
MODULES_OF_PYTHON = {"psycopg3": "psycopg", "psqlodbc": "pyodbc"}
CRATES = "/usr/share/cargo/registry"
GOPATH = "/usr/share/gocode"
JARS = ":".join("/usr/share/java/%s.jar" % name for name in (
    "postgresql", "scram-client", "scram-common", "saslprep", "stringprep", "HikariCP", "slf4j-api",
    "slf4j-nop"))


class Missing(Exception):
    """What a driver needs is not on this machine."""


class Driver:
    """A row: `without` is what the driver has no way to do, `has` what must be there to run it,
    `package` Debian's for one that does not know its own version."""

    def __init__(self, name, program, has=(), without="", quick=False, package=None):
        self.name, self.program, self.has, self.quick = name, program, has, quick
        self.package = package
        assert set(without.split()) <= set(CHECKS), without
        self.checks = [check for check in CHECKS if check not in without.split()]

    def __repr__(self):
        return self.name

    def package_version(self):
        done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", self.package], text=True,
                              capture_output=True) if self.package else None
        return done.stdout.rpartition("-")[0] if done and done.returncode == 0 else "?"

    def command(self):
        """What runs the program; builds it if it is to be built."""
        for path in self.has:
            if not os.path.exists(os.path.join(MODULES, path)) and not shutil.which(path):
                raise Missing("no %s on this machine: scripts/install-deps drivers" % path)
        return RUNNERS[os.path.splitext(self.program)[1]](os.path.join(HERE, self.program))


def python(path):
    module = MODULES_OF_PYTHON.get(name_of(path), name_of(path))
    command = ["/usr/bin/python3", path]
    if subprocess.run([command[0], "-c", "import " + module], capture_output=True).returncode:
        raise Missing("no module %s for /usr/bin/python3: scripts/install-deps drivers" % module)
    return command


def name_of(path):
    return os.path.splitext(os.path.basename(path))[0].partition("_")[2]


def node(path):
    need("node")
    return ["node", path]


def perl(path):
    need("perl")
    if subprocess.run(["perl", "-MDBD::Pg", "-e1"], capture_output=True).returncode:
        raise Missing("no DBD::Pg: scripts/install-deps drivers")
    return ["perl", path]


def ruby(path):
    need("ruby")
    library = "active_record" if "activerecord" in path else "pg"
    if subprocess.run(["ruby", "-r" + library, "-rpg", "-e1"], capture_output=True).returncode:
        raise Missing("no %s for ruby: scripts/install-deps drivers" % library)
    return ["ruby", path]


def php(path):
    need("php")
    done = subprocess.run(["php", "-r", "exit((int)!extension_loaded('pdo_pgsql'));"])
    if done.returncode:
        raise Missing("no pdo_pgsql: scripts/install-deps drivers")
    return ["php", path]


def shell(path):
    return ["bash", path]


def java(path):
    need("javac")
    folder = os.path.join(CACHE, "java")
    name = os.path.splitext(os.path.basename(path))[0]
    built = os.path.join(folder, name + ".class")
    if is_older(built, path):
        build(["javac", "-cp", JARS, "-d", folder, path])
    return ["java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", JARS + ":" + folder,
            name]


def go(path):
    need("go")
    built = os.path.join(CACHE, "go", os.path.basename(path)[:-3])
    if is_older(built, path):
        build(["go", "build", "-o", built, path],
              env=dict(os.environ, GO111MODULE="off", GOPATH=GOPATH, GOFLAGS="",
                       GOCACHE=os.path.join(CACHE, "go", "cache")))
    return [built]


def rust(path):
    need("cargo")
    folder = os.path.join(CACHE, "rust")
    built = os.path.join(folder, "debug", "use_tokio_postgres")
    if is_older(built, path):
        project = os.path.join(folder, "project")
        os.makedirs(os.path.join(project, "src"), exist_ok=True)
        shutil.copy(path, os.path.join(project, "src", "main.rs"))
        shutil.copy(os.path.splitext(path)[0] + ".toml", os.path.join(project, "Cargo.toml"))
        build(["cargo", "build", "--offline", "--manifest-path", os.path.join(project, "Cargo.toml"),
               "--config", 'source.crates-io.replace-with="debian"',
               "--config", 'source.debian.directory="%s"' % CRATES],
              env=dict(os.environ, CARGO_TARGET_DIR=folder))
    return [built]


RUNNERS = {".py": python, ".js": node, ".mjs": node, ".pl": perl, ".rb": ruby, ".php": php, ".sh": shell,
           ".java": java, ".go": go, ".rs": rust}


def need(program):
    if not shutil.which(program):
        raise Missing("no %s on this machine" % program)


def is_older(built, source):
    return not os.path.exists(built) or os.path.getmtime(built) < os.path.getmtime(source)


def build(command, **options):
    os.makedirs(CACHE, exist_ok=True)
    done = subprocess.run(command, capture_output=True, text=True, cwd=CACHE, **options)
    if done.returncode:
        raise RuntimeError("%s: %s" % (command[0], (done.stdout + done.stderr)[-3000:]))


DRIVERS = [
    Driver("psycopg2", "use_psycopg2.py", quick=True, without="prepare ddl"),
    Driver("psycopg 3", "use_psycopg3.py", quick=True),
    Driver("asyncpg", "use_asyncpg.py", quick=True),
    Driver("SQLAlchemy", "use_sqlalchemy.py", without="copy cancel listen ddl admin"),
    Driver("Django", "use_django.py", without="prepare copy cancel listen admin"),
    Driver("psqlODBC", "use_psqlodbc.py", without="copy listen ddl admin"),
    Driver("DBD::Pg", "use_dbd_pg.pl", without="ddl admin"),
    Driver("ruby-pg", "use_pg.rb"),
    Driver("ActiveRecord", "use_activerecord.rb", without="copy cancel listen admin"),
    Driver("PDO", "use_pdo.php"),
    Driver("pgbench", "use_pgbench.sh", quick=True, has=["pgbench"], without="login types cursor cancel"
           " listen fresh ddl lost reconnect admin"),
    Driver("pgjdbc + HikariCP", "UseJdbc.java",
           has=["/usr/share/java/postgresql.jar", "/usr/share/java/HikariCP.jar"]),
    Driver("pgx", "use_pgx.go", has=[GOPATH + "/src/github.com/jackc/pgx/v4"],
           package="golang-github-jackc-pgx-v4-dev"),
    Driver("lib/pq", "use_lib_pq.go", has=[GOPATH + "/src/github.com/lib/pq"],
           package="golang-github-lib-pq-dev"),
    Driver("tokio-postgres", "use_tokio_postgres.rs", has=["cargo", CRATES + "/tokio-postgres-0.7.7"],
           without="ddl"),
    Driver("node pg", "use_pg.js", has=["pg", "pg-cursor", "pg-copy-streams"]),
    Driver("postgres.js", "use_postgres.js", has=["postgres"]),
    Driver("Drizzle", "use_drizzle.js", has=["drizzle-orm", "pg", "postgres"],
           without="copy cursor cancel listen ddl admin"),
    Driver("TypeORM", "use_typeorm.js", has=["typeorm", "pg"], without="prepare copy cursor cancel listen admin"),
    Driver("Sequelize", "use_sequelize.js", has=["sequelize", "pg"], without="copy cursor cancel listen admin"),
    Driver("Prisma", "use_prisma.js", has=["prisma", "@prisma/client", "@prisma/adapter-pg"],
           without="prepare copy cursor cancel listen ddl admin"),
    Driver("sysbench", "use_sysbench.sh", has=["sysbench"], without="login types copy cursor cancel listen"
           " ddl lost reconnect admin"),
]


class Run:
    """One run of a driver's program."""

    def __init__(self, driver, env, timeout=90):
        self.driver, self.version = driver, "?"
        self.passed, self.failed, self.output = [], {}, ""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        environment.update(env, NODE_PATH=MODULES, DRIVER_VERSION=driver.package_version(), PYTHONDONTWRITEBYTECODE="1", GOTRACEBACK="all")
        try:
            done = subprocess.run(driver.command(), env=environment, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=timeout, cwd=env["TMPDIR"])
            self.status, output = done.returncode, done.stdout
        except subprocess.TimeoutExpired as error:
            self.status, output = "timeout", error.stdout or b""
        self.output = output.decode(errors="replace")
        for line in self.output.splitlines():
            word, _, rest = line.partition(" ")
            if word == "version":
                self.version = rest
            elif word == "ok":
                self.passed.append(rest)
            elif word == "FAILED":
                name, _, why = rest.partition(": ")
                self.failed[name] = why

    def check(self):
        missing = [name for name in self.driver.checks if name not in self.passed + list(self.failed)]
        assert not self.failed and not missing and self.status == 0, (
            "%s: failed %s, not run %s, status %s\n%s" % (
                self.driver, self.failed, missing, self.status, self.output[-6000:]))


def table(rows):
    """rows: (driver, version, database, what ran, result), as lines of text."""
    rows = [("driver", "version", "database", "what ran", "result")] + sorted(rows)
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths + [0])).rstrip()
            for row in rows]
