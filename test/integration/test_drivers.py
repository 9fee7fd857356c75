# SPDX-License-Identifier: ISC
"""Drivers as they are, most of them with named prepared statements by default, in transaction
pooling with fewer servers than connections: transactions, batches, COPY, cancel, reconnect.

psycopg2, psycopg 3, asyncpg and pgbench always run. The others need packages that are found on
the machine or fetched once into build/drivers by `DRIVERS=fetch`; without them they are skipped.
"""
import asyncio
import glob
import os
import shutil
import subprocess
import threading

import asyncpg
import psycopg
import psycopg2
import psycopg2.extras
import pytest

from harness.cluster import find_bin
from harness.helpers import backends
from harness.pgweir import ROOT

CACHE = os.environ.get("DRIVERS_CACHE", os.path.join(ROOT, "build", "drivers"))
FETCH = os.environ.get("DRIVERS") == "fetch"
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "drivers")


@pytest.fixture
def weir(pgweir, single):
    """Two servers for all connections of a driver."""
    running = pgweir(host=single, settings={
        "default_pool_size": 2, "max_client_conn": 500,
        "ignore_startup_parameters": "extra_float_digits"})
    yield running
    assert len(backends(single)) <= 2


# psycopg2: simple queries only.

def test_psycopg2(weir):
    with psycopg2.connect(weir.dsn()) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (i int, line text)")
        psycopg2.extras.execute_values(cursor, "INSERT INTO t VALUES %s",
                                       [(n, "line %d" % n) for n in range(100)])
        connection.commit()
        cursor.execute("SELECT sum(i) FROM t WHERE i < %s", (10,))
        assert cursor.fetchone() == (45,)
        with pytest.raises(psycopg2.errors.DivisionByZero):
            cursor.execute("SELECT 1/0")
        connection.rollback()
        with connection.cursor("named") as named:
            named.itersize = 7
            named.execute("SELECT i FROM t ORDER BY i")
            assert [row[0] for row in named] == list(range(100))
        with open(os.devnull, "wb") as sink:
            cursor.copy_expert("COPY t TO STDOUT", sink)
    connection.close()


# psycopg 3.

@pytest.mark.parametrize("threshold", [None, 0, 1, 5])
def test_psycopg3_prepares_and_finds_its_statements(weir, threshold):
    failed = []

    def work(number):
        try:
            with psycopg.connect(weir.dsn(), prepare_threshold=threshold) as connection:
                for n in range(20):
                    value = connection.execute("SELECT %s::int + %s::int", (n, number)).fetchone()
                    assert value == (n + number,)
                    with connection.transaction():  # inside one that goes on: a savepoint
                        connection.execute("INSERT INTO t VALUES (%s, %s)", (number, n))
                    if n % 5 == 0:
                        with pytest.raises(psycopg.errors.DivisionByZero):
                            connection.execute("SELECT 1 / %s::int", (0,))
                        connection.rollback()
                    connection.commit()
        except BaseException as error:
            failed.append(error)

    with psycopg.connect(weir.dsn(), autocommit=True) as connection:
        connection.execute("CREATE TABLE t (i int, j int)")
    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed[0]
    with psycopg.connect(weir.dsn()) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (96,)


def test_psycopg3_evicts_its_statements(weir):
    with psycopg.connect(weir.dsn(), prepare_threshold=0, autocommit=True) as one, \
            psycopg.connect(weir.dsn(), prepare_threshold=0, autocommit=True) as two:
        one.prepared_max = two.prepared_max = 3
        for _ in range(3):
            for n in range(10):
                for connection in (one, two):
                    assert connection.execute("SELECT %d + %%s" % n, (1,)).fetchone() == (n + 1,)


def test_psycopg3_pipeline(weir):
    with psycopg.connect(weir.dsn(), prepare_threshold=0, autocommit=True) as connection:
        if not psycopg.Pipeline.is_supported():
            pytest.skip("this libpq has no pipelines")
        connection.execute("CREATE TABLE t (i int PRIMARY KEY)")
        with connection.pipeline():
            cursors = [connection.execute("SELECT %s::int", (n,)) for n in range(300)]
            assert [cursor.fetchone() for cursor in cursors] == [(n,) for n in range(300)]
            connection.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            with connection.pipeline() as pipeline:
                for n in (2, 1, 3):
                    connection.execute("INSERT INTO t VALUES (%s)", (n,))
                pipeline.sync()
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (1,)


def test_psycopg3_copy_cursors_and_executemany(weir):
    with psycopg.connect(weir.dsn()) as connection:
        connection.execute("CREATE TABLE t (i int, line text)")
        connection.commit()
        with connection.cursor() as cursor:
            with cursor.copy("COPY t FROM STDIN (FORMAT binary)") as copy:
                copy.set_types(["int4", "text"])
                for n in range(1000):
                    copy.write_row((n, "x" * (n % 50)))
            cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(n, "y") for n in range(100)])
        connection.commit()
        with connection.cursor("named") as named:
            named.execute("SELECT i FROM t")
            assert len(named.fetchmany(10)) == 10
        connection.commit()
        with connection.cursor().copy("COPY t TO STDOUT") as copy:
            assert sum(1 for _ in copy.rows()) == 1100


def test_psycopg3_cancel_and_reconnect(weir):
    connection = psycopg.connect(weir.dsn(), autocommit=True)
    timer = threading.Timer(0.3, connection.cancel)
    timer.start()
    with pytest.raises(psycopg.errors.QueryCanceled):
        connection.execute("SELECT pg_sleep(30)")
    timer.join()
    assert connection.execute("SELECT 1").fetchone() == (1,)
    connection.close()
    for _ in range(30):
        with psycopg.connect(weir.dsn()) as again:
            assert again.execute("SELECT 1").fetchone() == (1,)


# asyncpg: named statements for everything.

async def asyncpg_connect(weir):
    return await asyncpg.connect(host="127.0.0.1", port=weir.port, user="app", database="app",
                                 ssl=False, timeout=20)


def test_asyncpg_in_transactions(weir):
    async def work(number):
        connection = await asyncpg_connect(weir)
        try:
            for n in range(20):
                assert await connection.fetchval("SELECT $1::int + $2::int", n, number) == n + number
                async with connection.transaction():
                    await connection.execute("INSERT INTO t VALUES ($1, $2)", number, str(n))
                if n % 5 == 0:
                    with pytest.raises(asyncpg.DivisionByZeroError):
                        await connection.fetchval("SELECT 1 / $1::int", 0)
                if n % 7 == 0:
                    with pytest.raises(asyncpg.UndefinedTableError):
                        await connection.fetch("SELECT * FROM nowhere WHERE i = $1", n)
        finally:
            await connection.close()

    async def main():
        connection = await asyncpg_connect(weir)
        await connection.execute("CREATE TABLE t (i int, line text)")
        await asyncio.gather(*(work(number) for number in range(8)))
        assert await connection.fetchval("SELECT count(*) FROM t") == 160
        await connection.close()

    asyncio.run(main())


def test_asyncpg_pool_batches_copy_and_cursors(weir):
    async def main():
        async with asyncpg.create_pool(host="127.0.0.1", port=weir.port, user="app", database="app",
                                       ssl=False, min_size=5, max_size=8) as pool:
            await pool.execute("CREATE TABLE t (i int, line text)")
            await pool.executemany("INSERT INTO t VALUES ($1, $2)",
                                   [(n, "line %d" % n) for n in range(500)])
            await pool.copy_records_to_table("t", records=[(n, "copied") for n in range(500)])
            assert await pool.fetchval("SELECT count(*) FROM t") == 1000
            async with pool.acquire() as connection, connection.transaction():
                rows = [row["i"] async for row in connection.cursor(
                    "SELECT i FROM t ORDER BY i", prefetch=70)]
                assert len(rows) == 1000
            values = await asyncio.gather(*(pool.fetchval("SELECT $1::int", n) for n in range(200)))
            assert values == list(range(200))

    asyncio.run(main())


def test_asyncpg_cancels_on_a_timeout_and_goes_on(weir):
    async def main():
        connection = await asyncpg_connect(weir)
        for _ in range(3):
            with pytest.raises(asyncio.TimeoutError):
                await connection.fetchval("SELECT pg_sleep(30)", timeout=0.2)
            assert await connection.fetchval("SELECT 1") == 1
        await connection.close()

    asyncio.run(main())


# pgbench.

@pytest.mark.parametrize("protocol", ["simple", "extended", "prepared"])
@pytest.mark.parametrize("script", ["select-only", "simple-update"])
def test_pgbench(weir, single, protocol, script):
    """Clients as many as servers: with -M prepared pgbench 15 prepares with a blocking call, so
    more of them in transactions would wait for one another, with any pooler."""
    bench = os.path.join(find_bin(), "pgbench")
    subprocess.run([bench, "-i", "-q", "-I", "dtgvp", "-h", "127.0.0.1", "-p", str(single.port),
                    "-U", "app", "app"], check=True, capture_output=True)
    clients = "8" if protocol != "prepared" or script == "select-only" else "2"
    done = subprocess.run([bench, "-n", "-b", script, "-M", protocol, "-c", clients, "-t", "50",
                           "-h", "127.0.0.1", "-p", str(weir.port), "-U", "app", "app"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "number of failed transactions: 0" in done.stdout


# What has to be fetched.

def run_program(arguments, weir, **options):
    env = dict(os.environ, PGHOST="127.0.0.1", PGPORT=str(weir.port), PGUSER="app",
               PGDATABASE="app", PGSSLMODE="disable", **options.pop("env", {}))
    done = subprocess.run(arguments, env=env, capture_output=True, text=True, timeout=120, **options)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert done.stdout.rstrip().endswith("ok"), done.stdout + done.stderr


def need(program):
    if not shutil.which(program):
        pytest.skip("no %s on this machine" % program)


@pytest.fixture(scope="session")
def node_modules():
    need("node")
    folder = os.path.join(CACHE, "node")
    if not os.path.isdir(os.path.join(folder, "node_modules", "pg")):
        if not FETCH or not shutil.which("npm"):
            pytest.skip("no node drivers: DRIVERS=fetch installs them into build/drivers")
        os.makedirs(folder, exist_ok=True)
        done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--prefix", folder,
                               "pg@8", "postgres@3"], capture_output=True, text=True)
        if done.returncode:
            pytest.skip("npm: " + done.stderr[-300:])
    return os.path.join(folder, "node_modules")


@pytest.mark.slow
@pytest.mark.parametrize("script", ["pg.js", "postgres.js"])
def test_node(weir, node_modules, script):
    run_program(["node", os.path.join(HERE, script)], weir, env={"NODE_PATH": node_modules})


@pytest.mark.slow
def test_pgjdbc(weir, tmp_path):
    need("java")
    need("javac")
    jars = glob.glob("/usr/share/java/postgresql.jar") + glob.glob(os.path.join(CACHE, "postgresql*.jar"))
    if not jars:
        pytest.skip("no pgjdbc: apt install libpostgresql-jdbc-java")
    extra = glob.glob("/usr/share/java/scram-client.jar") + glob.glob("/usr/share/java/scram-common.jar")
    path = ":".join(jars + extra + [str(tmp_path)])
    subprocess.run(["javac", "-cp", path, "-d", str(tmp_path), os.path.join(HERE, "Jdbc.java")],
                   check=True)
    run_program(["java", "-Xmx128m", "-cp", path, "Jdbc"], weir)


def gopath():
    for folder in (os.path.join(CACHE, "gocode"), "/usr/share/gocode"):
        if os.path.isdir(os.path.join(folder, "src/github.com/jackc/pgx")) or \
                os.path.isdir(os.path.join(folder, "src/github.com/jackc/pgx/v4")):
            return folder
    return None


@pytest.mark.slow
@pytest.mark.parametrize("script", ["pgx.go", "libpq.go"])
def test_go(weir, tmp_path, script):
    need("go")
    folder = gopath()
    if folder is None or (script == "libpq.go" and not os.path.isdir(
            os.path.join(folder, "src/github.com/lib/pq"))):
        pytest.skip("no Go drivers: apt install golang-github-jackc-pgx-v4-dev golang-github-lib-pq-dev")
    program = str(tmp_path / "program")
    subprocess.run(["go", "build", "-o", program, os.path.join(HERE, script)], check=True,
                   env=dict(os.environ, GO111MODULE="off", GOPATH=folder, GOFLAGS="",
                            GOCACHE=os.path.join(CACHE, "gocache")))
    run_program([program], weir)
