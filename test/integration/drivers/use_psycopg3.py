# SPDX-License-Identifier: ISC
"""psycopg 3: named statements from the sixth run on, pipelines, COPY by rows."""
import datetime
import decimal
import os
import threading

import psycopg
from psycopg import errors
from psycopg.types.json import Jsonb

from checks import CLIENTS, KILL, ROUNDS, SESSION, at_once, check, console, run


def connect(**options):
    return psycopg.connect("", **options)


def autocommit(**options):
    return connect(autocommit=True, **options)


def value(connection, sql, parameters=None, **options):
    return connection.execute(sql, parameters, **options).fetchone()[0]


@check
def login():
    with connect() as connection:
        assert value(connection, "SELECT current_user") == os.environ["PGUSER"]


@check
def types():
    given = (datetime.date(2024, 2, 29), decimal.Decimal("12345678901234567890.123"), [1, 2, None],
             b"\0\xff\\'", "Grüße, 世界 🐘", True, None, ["a,b", 'c"d'],
             datetime.timedelta(days=1, seconds=2))
    with connect() as connection:
        for binary in (False, True):
            cursor = connection.cursor(binary=binary)
            cursor.execute("SELECT %s::date, %s::numeric, %s::int[], %s::bytea, %s::text, %s::bool,"
                           " %s::int, %s::text[], %s::interval", given)
            assert cursor.fetchone() == given
            cursor.execute("SELECT %s::jsonb", (Jsonb({"a": [1, None]}),))
            assert cursor.fetchone() == ({"a": [1, None]},)


@check
def prepare():
    with autocommit() as one, autocommit(prepare_threshold=0) as two:
        two.prepared_max = 3
        for n in range(20):
            assert value(one, "SELECT %s::int * 2", (n,)) == 2 * n
            assert value(two, "SELECT %s::int * 2", (n,)) == 2 * n
            assert value(two, "SELECT %d + %%s::int" % n, (1,)) == n + 1


@check
def transaction():
    with connect() as connection:
        connection.execute("CREATE TABLE tx (i int PRIMARY KEY)")
        connection.commit()
        for n in range(10):
            try:
                with connection.transaction():
                    connection.execute("INSERT INTO tx VALUES (%s)", (n,))
                    try:
                        with connection.transaction():
                            connection.execute("INSERT INTO tx VALUES (%s)", (n,))
                    except errors.UniqueViolation:
                        pass
                    if n % 2:
                        connection.execute("SELECT 1 / %s::int", (0,))
            except errors.DivisionByZero:
                pass
        assert value(connection, "SELECT count(*) FROM tx") == 5


@check
def batch():
    with autocommit(prepare_threshold=0) as connection:
        connection.execute("CREATE TABLE batch (i int PRIMARY KEY)")
        connection.cursor().executemany("INSERT INTO batch VALUES (%s)", [(n,) for n in range(300)])
        assert value(connection, "SELECT count(*) FROM batch") == 300
        if not psycopg.Pipeline.is_supported():
            return
        with connection.pipeline():
            cursors = [connection.execute("SELECT %s::int", (n,)) for n in range(300)]
            assert [cursor.fetchone() for cursor in cursors] == [(n,) for n in range(300)]
        try:
            with connection.pipeline() as pipeline:
                for n in (302, 1, 303):
                    connection.execute("INSERT INTO batch VALUES (%s)", (n,))
                pipeline.sync()
            raise AssertionError("no error")
        except errors.UniqueViolation:
            pass
        assert value(connection, "SELECT count(*) FROM batch") == 300


@check
def copy():
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE copied (i int, line text)")
        with cursor.copy("COPY copied FROM STDIN (FORMAT binary)") as copying:
            copying.set_types(["int4", "text"])
            for n in range(5000):
                copying.write_row((n, "x" * (n % 50)))
        with cursor.copy("COPY copied TO STDOUT") as copying:
            assert sum(1 for _ in copying.rows()) == 5000
        connection.commit()
        try:
            with cursor.copy("COPY copied FROM STDIN") as copying:
                copying.write_row((1, "a"))
                raise KeyError
        except errors.QueryCanceled:
            connection.rollback()
        assert value(connection, "SELECT count(*) FROM copied") == 5000


@check
def cursor():
    with connect() as connection:
        with connection.cursor("named") as named:
            named.itersize = 300
            named.execute("SELECT generate_series(1, %s)", (5000,))
            assert sum(row[0] for row in named) == 5000 * 5001 // 2
        rows = connection.cursor().stream("SELECT generate_series(1, 5000)")
        assert sum(row[0] for row in rows) == 5000 * 5001 // 2


@check
def cancel():
    with autocommit() as connection:
        for _ in range(3):
            timer = threading.Timer(0.2, connection.cancel)
            timer.start()
            try:
                value(connection, "SELECT pg_sleep(%s)", (30,), prepare=True)
                raise AssertionError("not cancelled")
            except errors.QueryCanceled:
                timer.join()
            assert value(connection, "SELECT 1") == 1


@check
def listen():
    with autocommit(dbname=SESSION) as connection, autocommit() as other:
        connection.execute("LISTEN news")
        other.execute("NOTIFY news, 'hello'")
        assert next(connection.notifies()).payload == "hello"


@check
def pool():
    with autocommit() as connection:
        connection.execute("CREATE TABLE pooled (i int)")

    def work(number):
        with connect(prepare_threshold=number % 4) as connection:
            for n in range(ROUNDS):
                assert value(connection, "SELECT %s::int + %s::int", (n, number)) == n + number
                connection.execute("INSERT INTO pooled VALUES (%s)", (n,))
                connection.commit()

    at_once(work)
    with connect() as connection:
        assert value(connection, "SELECT count(*) FROM pooled") == CLIENTS * ROUNDS


@check
def fresh():
    with autocommit(prepare_threshold=1) as connection:
        connection.execute("CREATE TABLE fresh (i int)")
        for n in range(30):
            connection.execute("INSERT INTO fresh VALUES (%s)", (n,))
            assert value(connection, "SELECT count(*) FROM fresh WHERE i >= %s", (0,)) == n + 1


@check
def ddl():
    with autocommit(prepare_threshold=0) as connection, autocommit(prepare_threshold=0) as other:
        connection.execute("CREATE TABLE changing (i int)")
        connection.execute("INSERT INTO changing VALUES (1)")
        for each in (connection, other):
            assert each.execute("SELECT * FROM changing").fetchone() == (1,)
        connection.execute("ALTER TABLE changing ADD COLUMN j int DEFAULT 2")
        for each in (connection, other):
            assert each.execute("SELECT * FROM changing").fetchone() == (1, 2)


@check
def lost():
    idle = [autocommit(prepare_threshold=0) for _ in range(4)]
    killer = autocommit()
    for connection in idle:
        assert value(connection, "SELECT %s::int", (1,)) == 1
    value(killer, KILL)
    for connection in idle:
        assert value(connection, "SELECT %s::int", (1,)) == 1
    connection = connect()
    connection.execute("INSERT INTO tx VALUES (111)")
    assert value(killer, KILL) >= 1
    try:
        connection.execute("INSERT INTO tx VALUES (112)")
        raise AssertionError("a lost transaction goes on")
    except psycopg.Error as error:
        assert error.sqlstate == "08006", (error.sqlstate, error)
    connection.rollback()
    assert value(connection, "SELECT count(*) FROM tx WHERE i > 110") == 0


@check
def reconnect():
    connections = [autocommit(prepare_threshold=0) for _ in range(4)]
    for _ in range(3):
        console("RECONNECT")
        for connection in connections:
            assert value(connection, "SELECT %s::int", (1,)) == 1


@check
def admin():
    with autocommit(dbname="pgweir", user="admin", password=os.environ["ADMIN_PASSWORD"]) as connection:
        cursor = connection.execute("SHOW POOLS")
        assert "cl_active" in [column.name for column in cursor.description]
        assert cursor.fetchall()


run(psycopg.__version__ + ", libpq %d" % psycopg.pq.version())
