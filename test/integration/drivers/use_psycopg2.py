# SPDX-License-Identifier: ISC
"""psycopg2: simple queries only."""
import datetime
import decimal
import io
import os
import select
import threading

import psycopg2
import psycopg2.extras
import psycopg2.pool
from psycopg2 import errors

from checks import CLIENTS, KILL, ROUNDS, SESSION, at_once, check, console, run


def connect(**options):
    return psycopg2.connect("", **options)


def autocommit(**options):
    connection = connect(**options)
    connection.autocommit = True
    return connection


def value(connection, sql, parameters=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()[0]


@check
def login():
    assert value(connect(), "SELECT current_user") == os.environ["PGUSER"]
    try:
        connect(password="wrong")
    except psycopg2.OperationalError as error:
        assert "password authentication failed" in str(error), error
    else:
        raise AssertionError("a wrong password is taken")


@check
def types():
    given = (datetime.date(2024, 2, 29), decimal.Decimal("12345678901234567890.123"), [1, 2, None],
             b"\0\xff\\'", "Grüße, 世界 🐘", True, None, ["a,b", 'c"d'])
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT %s::date, %s::numeric, %s::int[], %s::bytea, %s::text, %s::bool, %s::int,"
                       " %s::text[]", given)
        row = list(cursor.fetchone())
        row[3] = bytes(row[3])
        assert tuple(row) == given, row
        cursor.execute("SELECT %s::jsonb", (psycopg2.extras.Json({"a": [1, None]}),))
        assert cursor.fetchone() == ({"a": [1, None]},)


@check
def transaction():
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE tx (i int PRIMARY KEY)")
        connection.commit()
        cursor.execute("INSERT INTO tx VALUES (1)")
        connection.rollback()
        cursor.execute("INSERT INTO tx VALUES (2)")
        cursor.execute("SAVEPOINT s")
        try:
            cursor.execute("INSERT INTO tx VALUES (2)")
        except errors.UniqueViolation:
            cursor.execute("ROLLBACK TO s")
        connection.commit()
        try:
            cursor.execute("SELECT 1/0")
        except errors.DivisionByZero:
            pass
        try:
            cursor.execute("SELECT 1")
        except errors.InFailedSqlTransaction:
            connection.rollback()
        cursor.execute("SELECT array_agg(i) FROM tx")
        assert cursor.fetchone() == ([2],)
    with connection:
        connection.set_session(isolation_level="SERIALIZABLE", readonly=True)
        try:
            value(connection, "INSERT INTO tx VALUES (3) RETURNING i")
            raise AssertionError("written")
        except errors.ReadOnlySqlTransaction:
            connection.rollback()


@check
def batch():
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE batch (i int, line text)")
        psycopg2.extras.execute_values(cursor, "INSERT INTO batch VALUES %s",
                                       [(n, "line %d" % n) for n in range(500)])
        psycopg2.extras.execute_batch(cursor, "UPDATE batch SET line = %s WHERE i = %s",
                                      [("new", n) for n in range(50)])
        cursor.execute("SELECT count(*) FROM batch WHERE line = 'new'; SELECT 7")
        assert cursor.fetchone() == (7,)


@check
def copy():
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE copied (i int, line text)")
        cursor.copy_expert("COPY copied FROM STDIN", io.StringIO(
            "".join("%d\t%s\n" % (n, "x" * 100) for n in range(5000))))
        sink = io.StringIO()
        cursor.copy_expert("COPY copied TO STDOUT", sink)
        assert sink.getvalue().count("\n") == 5000
        try:
            cursor.copy_expert("COPY copied FROM STDIN", io.StringIO("no number\tx\n"))
        except errors.InvalidTextRepresentation:
            connection.rollback()


@check
def cursor():
    with connect() as connection, connection.cursor("named") as named:
        named.itersize = 300
        named.execute("SELECT generate_series(1, 5000)")
        assert sum(row[0] for row in named) == 5000 * 5001 // 2


@check
def cancel():
    connection = autocommit()
    for _ in range(3):
        timer = threading.Timer(0.2, connection.cancel)
        timer.start()
        try:
            value(connection, "SELECT pg_sleep(30)")
            raise AssertionError("not cancelled")
        except errors.QueryCanceled:
            timer.join()
        assert value(connection, "SELECT 1") == 1


@check
def listen():
    connection = autocommit(dbname=SESSION)
    value(connection, "LISTEN news; SELECT 1")
    value(autocommit(), "NOTIFY news, 'hello'; SELECT 1")
    assert select.select([connection], [], [], 10)[0]
    connection.poll()
    assert [note.payload for note in connection.notifies] == ["hello"]


@check
def pool():
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE pooled (i int)")
    connections = psycopg2.pool.ThreadedConnectionPool(1, CLIENTS, "")

    def work(number):
        for n in range(ROUNDS):
            connection = connections.getconn()
            with connection:
                assert value(connection, "SELECT %s + %s", (n, number)) == n + number
                value(connection, "INSERT INTO pooled VALUES (%s) RETURNING i", (n,))
            connections.putconn(connection)

    at_once(work)
    with connections.getconn() as connection:
        assert value(connection, "SELECT count(*) FROM pooled") == CLIENTS * ROUNDS


@check
def fresh():
    connection = autocommit()
    value(connection, "CREATE TABLE fresh (i int); SELECT 1")
    for n in range(30):
        value(connection, "INSERT INTO fresh VALUES (%s) RETURNING i", (n,))
        assert value(connection, "SELECT count(*) FROM fresh") == n + 1


@check
def lost():
    """Idle servers are killed: nobody is told. One in a transaction: its client rolls back."""
    idle = [autocommit() for _ in range(4)]
    killer = autocommit()
    for connection in idle:
        assert value(connection, "SELECT 1") == 1
    value(killer, KILL)
    for connection in idle:
        assert value(connection, "SELECT 1") == 1
    connection = connect()
    assert value(connection, "INSERT INTO tx VALUES (11) RETURNING i") == 11
    assert value(killer, KILL) >= 1
    try:
        value(connection, "INSERT INTO tx VALUES (12) RETURNING i")
        raise AssertionError("a lost transaction goes on")
    except psycopg2.Error as error:
        assert error.pgcode == "08006", (error.pgcode, error)
    connection.rollback()
    assert value(connection, "SELECT count(*) FROM tx WHERE i > 10") == 0


@check
def reconnect():
    connections = [autocommit() for _ in range(4)]
    for _ in range(3):
        console("RECONNECT")
        for connection in connections:
            assert value(connection, "SELECT 1") == 1


@check
def admin():
    connection = autocommit(dbname="pgweir", user="admin", password=os.environ["ADMIN_PASSWORD"])
    with connection.cursor() as cursor:
        cursor.execute("SHOW POOLS")
        assert "cl_active" in [column.name for column in cursor.description]
        assert cursor.fetchall()


run(psycopg2.__version__.split()[0] + ", libpq %d" % psycopg2.extensions.libpq_version())
