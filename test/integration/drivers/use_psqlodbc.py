# SPDX-License-Identifier: ISC
"""psqlODBC through pyodbc: SQLPrepare, SQLExecute, SQLCancel, parameter arrays, fetch size."""
import datetime
import decimal
import os
import threading

import pyodbc

from checks import CLIENTS, KILL, ROUNDS, at_once, check, console, run

pyodbc.pooling = False


def connect(autocommit=True, **options):
    words = dict({"Driver": "PostgreSQL Unicode", "Server": os.environ["PGHOST"],
                  "Port": os.environ["PGPORT"], "Database": os.environ["PGDATABASE"],
                  "UID": os.environ["PGUSER"], "PWD": os.environ["PGPASSWORD"]}, **options)
    return pyodbc.connect(";".join("%s=%s" % item for item in words.items()), autocommit=autocommit)


def value(connection, sql, *parameters):
    return connection.execute(sql, *parameters).fetchone()[0]


@check
def login():
    assert value(connect(), "SELECT current_user") == os.environ["PGUSER"]


@check
def types():
    given = (datetime.date(2024, 2, 29), decimal.Decimal("1234567890.123"), "Grüße, 世界 🐘", b"\0\xff\\'", 7)
    row = connect().execute("SELECT ?::date, ?::numeric, ?::text, ?::bytea, ?::int", *given).fetchone()
    assert (row[0], row[1], row[2], bytes(row[3]), row[4]) == given, row


@check
def prepare():
    for options in ({}, {"UseServerSidePrepare": "0"}):
        connections = [connect(**options) for _ in range(3)]
        cursors = [connection.cursor() for connection in connections]
        for n in range(20):
            for cursor in cursors:
                # The same text on the same cursor: prepared once, then only executed.
                assert cursor.execute("SELECT ?::int * 2", n).fetchone()[0] == 2 * n
        for n in range(20):
            for cursor in cursors:
                assert cursor.execute("SELECT ?::int + %d" % n, 1).fetchone()[0] == n + 1


@check
def transaction():
    connection = connect(autocommit=False)
    connection.execute("CREATE TABLE tx (i int PRIMARY KEY)")
    connection.commit()
    for n in range(10):
        connection.execute("INSERT INTO tx VALUES (?)", n)
        try:
            # The driver keeps a savepoint of its own before each statement (Protocol=7.4-2).
            connection.execute("INSERT INTO tx VALUES (?)", n)
        except pyodbc.IntegrityError:
            pass
        if n % 2:
            connection.rollback()
        else:
            connection.rollback()
            connection.execute("INSERT INTO tx VALUES (?)", n)
            connection.commit()
    assert value(connection, "SELECT count(*) FROM tx") == 5
    connection.rollback()


@check
def batch():
    connection = connect(autocommit=False)
    connection.execute("CREATE TABLE batch (i int, line text)")
    connection.cursor().executemany("INSERT INTO batch VALUES (?, ?)", [(n, "x") for n in range(200)])
    connection.commit()
    assert value(connection, "SELECT count(*) FROM batch") == 200
    connection.rollback()


@check
def cursor():
    connection = connect(autocommit=False, UseDeclareFetch="1", Fetch="300")
    rows = connection.execute("SELECT generate_series(1, 5000)").fetchall()
    assert sum(row[0] for row in rows) == 5000 * 5001 // 2
    connection.rollback()


@check
def cancel():
    connection = connect()
    for _ in range(3):
        cursor = connection.cursor()
        timer = threading.Timer(0.2, cursor.cancel)
        timer.start()
        try:
            cursor.execute("SELECT pg_sleep(30)")
            raise AssertionError("not cancelled")
        except pyodbc.Error as error:
            assert "cancel" in str(error), error
            timer.join()
        assert value(connection, "SELECT 1") == 1


@check
def pool():
    connect().execute("CREATE TABLE pooled (i int)")

    def work(number):
        connection = connect(autocommit=False)
        for n in range(ROUNDS):
            assert value(connection, "SELECT ?::int + ?::int", n, number) == n + number
            connection.execute("INSERT INTO pooled VALUES (?)", n)
            connection.commit()

    at_once(work)
    assert value(connect(autocommit=False), "SELECT count(*) FROM pooled") == CLIENTS * ROUNDS


@check
def fresh():
    connection = connect()
    connection.execute("CREATE TABLE fresh (i int)")
    for n in range(30):
        connection.execute("INSERT INTO fresh VALUES (?)", n)
        assert value(connection, "SELECT count(*) FROM fresh WHERE i >= ?", 0) == n + 1


@check
def lost():
    idle, killer = [connect() for _ in range(4)], connect()
    for connection in idle:
        assert value(connection, "SELECT ?::int", 1) == 1
    value(killer, KILL)
    for connection in idle:
        assert value(connection, "SELECT ?::int", 1) == 1
    connection = connect(autocommit=False)
    connection.execute("INSERT INTO tx VALUES (?)", 111)
    assert value(killer, KILL) >= 1
    try:
        connection.execute("INSERT INTO tx VALUES (?)", 112)
        raise AssertionError("a lost transaction goes on")
    except pyodbc.Error as error:
        # It is the savepoint of its own before the statement that fails: HY000.
        assert error.args[0] in ("08006", "HY000"), error
    connection.rollback()
    assert value(connection, "SELECT count(*) FROM tx WHERE i > 110") == 0


@check
def reconnect():
    connections = [connect() for _ in range(4)]
    for _ in range(3):
        console("RECONNECT")
        for connection in connections:
            assert value(connection, "SELECT ?::int", 1) == 1


run("%s, pyodbc %s" % (connect().getinfo(pyodbc.SQL_DRIVER_VER), pyodbc.version))
