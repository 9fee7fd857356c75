# SPDX-License-Identifier: ISC
"""asyncpg: named statements for everything, a cache of them a connection, its own pool."""
import asyncio
import datetime
import decimal
import io
import os

import asyncpg

from checks import CLIENTS, KILL, ROUNDS, SESSION, check, console, run


async def connect(**options):
    return await asyncpg.connect(timeout=20, **options)


@check
async def login():
    connection = await connect()
    assert await connection.fetchval("SELECT current_user::text") == os.environ["PGUSER"]
    await connection.close()


@check
async def types():
    given = (datetime.date(2024, 2, 29), decimal.Decimal("12345678901234567890.123"), [1, 2, None],
             b"\0\xff\\'", "Grüße, 世界 🐘", True, None, ["a,b", 'c"d'],
             datetime.datetime(2024, 2, 29, 1, 2, 3, 4, datetime.timezone.utc))
    connection = await connect()
    row = await connection.fetchrow("SELECT $1::date, $2::numeric, $3::int[], $4::bytea, $5::text,"
                                    " $6::bool, $7::int, $8::text[], $9::timestamptz", *given)
    assert tuple(row) == given
    assert await connection.fetchval("SELECT $1::jsonb", '{"a": [1]}') == '{"a": [1]}'
    # A type that it does not know: the driver asks the catalogue for it.
    await connection.execute("CREATE TYPE colour AS ENUM ('red', 'green');"
                             "CREATE TYPE point3 AS (x int, y int, c colour)")
    assert await connection.fetchval("SELECT $1::colour", "red") == "red"
    row = await connection.fetchval("SELECT $1::point3", (1, 2, "green"))
    assert tuple(row) == (1, 2, "green")
    await connection.close()


@check
async def prepare():
    connection = await connect(statement_cache_size=3)
    statement = await connection.prepare("SELECT $1::int * 2")
    for n in range(20):
        assert await statement.fetchval(n) == 2 * n
        assert await connection.fetchval("SELECT %d + $1::int" % n, 1) == n + 1
    await connection.close()


@check
async def transaction():
    connection = await connect()
    await connection.execute("CREATE TABLE tx (i int PRIMARY KEY)")
    for n in range(10):
        try:
            async with connection.transaction():
                await connection.execute("INSERT INTO tx VALUES ($1)", n)
                try:
                    async with connection.transaction():
                        await connection.execute("INSERT INTO tx VALUES ($1)", n)
                except asyncpg.UniqueViolationError:
                    pass
                if n % 2:
                    await connection.fetchval("SELECT 1 / $1::int", 0)
        except asyncpg.DivisionByZeroError:
            pass
    async with connection.transaction(isolation="serializable", readonly=True):
        assert await connection.fetchval("SELECT count(*) FROM tx") == 5
    try:
        await connection.fetch("SELECT * FROM nowhere WHERE i = $1", 1)
    except asyncpg.UndefinedTableError:
        pass
    await connection.close()


@check
async def batch():
    connection = await connect()
    await connection.execute("CREATE TABLE batch (i int PRIMARY KEY)")
    await connection.executemany("INSERT INTO batch VALUES ($1)", [(n,) for n in range(5000)])
    try:
        await connection.executemany("INSERT INTO batch VALUES ($1)", [(5000,), (1,), (5001,)])
        raise AssertionError("no error")
    except asyncpg.UniqueViolationError:
        pass
    assert await connection.fetchval("SELECT count(*) FROM batch") == 5000
    await connection.close()


@check
async def copy():
    connection = await connect()
    await connection.execute("CREATE TABLE copied (i int, line text)")
    await connection.copy_records_to_table("copied", records=[(n, "x" * 80) for n in range(5000)])
    sink = io.BytesIO()
    await connection.copy_from_query("SELECT * FROM copied WHERE i < $1", 1000, output=sink)
    assert sink.getvalue().count(b"\n") == 1000
    try:
        await connection.copy_records_to_table("nowhere", records=[(1,)])
    except asyncpg.UndefinedTableError:
        pass
    await connection.close()


@check
async def cursor():
    connection = await connect()
    async with connection.transaction():
        rows = [row[0] async for row in connection.cursor("SELECT generate_series(1, $1::int)", 5000,
                                                          prefetch=300)]
    assert len(rows) == 5000
    await connection.close()


@check
async def cancel():
    connection = await connect()
    for _ in range(3):
        try:
            await connection.fetchval("SELECT pg_sleep(30)", timeout=0.2)
            raise AssertionError("not cancelled")
        except asyncio.TimeoutError:
            pass
        assert await connection.fetchval("SELECT 1") == 1
    await connection.close()


@check
async def listen():
    connection, other = await connect(database=SESSION), await connect()
    heard = asyncio.get_running_loop().create_future()
    await connection.add_listener("news", lambda c, pid, channel, payload: heard.set_result(payload))
    await other.execute("NOTIFY news, 'hello'")
    assert await asyncio.wait_for(heard, 10) == "hello"
    await connection.close()
    await other.close()


@check
async def pool():
    async with asyncpg.create_pool(min_size=CLIENTS, max_size=CLIENTS) as connections:
        await connections.execute("CREATE TABLE pooled (i int)")

        async def work(number):
            for n in range(ROUNDS):
                async with connections.acquire() as connection:
                    assert await connection.fetchval("SELECT $1::int + $2::int", n, number) == n + number
                    async with connection.transaction():
                        await connection.execute("INSERT INTO pooled VALUES ($1)", n)

        await asyncio.gather(*(work(number) for number in range(CLIENTS)))
        async with connections.acquire() as connection, connection.transaction():
            assert await connection.fetchval("SELECT count(*) FROM pooled") == CLIENTS * ROUNDS
        values = await asyncio.gather(*(connections.fetchval("SELECT $1::int", n) for n in range(200)))
        assert values == list(range(200))


@check
async def fresh():
    connection = await connect()
    await connection.execute("CREATE TABLE fresh (i int)")
    for n in range(30):
        await connection.execute("INSERT INTO fresh VALUES ($1)", n)
        assert await connection.fetchval("SELECT count(*) FROM fresh WHERE i >= $1", 0) == n + 1
    await connection.close()


@check
async def ddl():
    connections = [await connect() for _ in range(3)]
    await connections[0].execute("CREATE TABLE changing (i int); INSERT INTO changing VALUES (1)")
    for each in connections:
        async with each.transaction():
            assert tuple(await each.fetchrow("SELECT * FROM changing")) == (1,)
    await connections[0].execute("ALTER TABLE changing ADD COLUMN j int DEFAULT 2")
    for each in connections:
        assert tuple(await each.fetchrow("SELECT * FROM changing"))[:2] == (1, 2)
        await each.close()


@check
async def lost():
    idle, killer = [await connect() for _ in range(4)], await connect()
    for connection in idle:
        assert await connection.fetchval("SELECT $1::int", 1) == 1
    await killer.fetchval(KILL)
    for connection in idle:
        assert await connection.fetchval("SELECT $1::int", 1) == 1
    connection = idle[0]
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("INSERT INTO tx VALUES ($1)", 111)
    assert await killer.fetchval(KILL) >= 1
    try:
        await connection.execute("INSERT INTO tx VALUES ($1)", 112)
        raise AssertionError("a lost transaction goes on")
    except asyncpg.PostgresError as error:
        assert error.sqlstate == "08006", error.sqlstate
    await transaction.rollback()
    assert await connection.fetchval("SELECT count(*) FROM tx WHERE i > $1", 110) == 0
    for connection in idle + [killer]:
        await connection.close()


@check
async def reconnect():
    connections = [await connect() for _ in range(4)]
    for _ in range(3):
        console("RECONNECT")
        for connection in connections:
            assert await connection.fetchval("SELECT $1::int", 1) == 1
    for connection in connections:
        await connection.close()


@check
async def admin():
    connection = await connect(database="pgweir", user="admin", password=os.environ["ADMIN_PASSWORD"])
    assert "cl_active" in (await connection.fetch("SHOW POOLS"))[0]
    await connection.close()


run(asyncpg.__version__)
