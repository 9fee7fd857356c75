# SPDX-License-Identifier: ISC
"""SQLAlchemy over psycopg2 and asyncpg: engine, pool, ORM, savepoints, reflection."""
import asyncio
import datetime
import decimal
import os

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session, declarative_base, relationship

from checks import CLIENTS, KILL, ROUNDS, at_once, check, console, run

ADDRESS = sa.engine.URL.create("postgresql+psycopg2", os.environ["PGUSER"], os.environ["PGPASSWORD"],
                               os.environ["PGHOST"], int(os.environ["PGPORT"]), os.environ["PGDATABASE"])
engine = sa.create_engine(ADDRESS, pool_size=CLIENTS, pool_pre_ping=True)
Base = declarative_base()


class Author(Base):
    __tablename__ = "author"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.Text, unique=True)
    born = sa.Column(sa.Date)
    paid = sa.Column(sa.Numeric(20, 3))
    tags = sa.Column(ARRAY(sa.Text))
    more = sa.Column(JSONB)
    picture = sa.Column(sa.LargeBinary)
    books = relationship("Book", back_populates="author")


class Book(Base):
    __tablename__ = "book"
    id = sa.Column(sa.Integer, primary_key=True)
    title = sa.Column(sa.Text)
    author_id = sa.Column(sa.ForeignKey("author.id"))
    author = relationship("Author", back_populates="books")


@check
def login():
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT current_user")) == os.environ["PGUSER"]


@check
def types():
    Base.metadata.create_all(engine)
    given = dict(name="Grüße, 世界 🐘", born=datetime.date(2024, 2, 29), paid=decimal.Decimal("1234567.125"),
                 tags=["a,b", 'c"d'], more={"a": [1, None]}, picture=b"\0\xff\\'")
    with Session(engine) as session:
        session.add(Author(**given, books=[Book(title="one"), Book(title="two")]))
        session.commit()
        author = session.scalars(sa.select(Author)).one()
        assert {name: getattr(author, name) for name in given} == given
        assert [book.title for book in author.books] == ["one", "two"]
    assert sa.inspect(engine).get_columns("author")[0]["name"] == "id"


@check
def transaction():
    with Session(engine) as session:
        for n in range(10):
            session.add(Author(name="tx %d" % n))
            session.flush()
            try:
                with session.begin_nested():
                    session.add(Author(name="tx %d" % n))
                    session.flush()
            except sa.exc.IntegrityError:
                pass
            session.commit() if n % 2 else session.rollback()
        assert session.scalar(sa.select(sa.func.count()).where(Author.name.like("tx%"))) == 5
        try:
            session.execute(sa.text("SELECT 1/0"))
        except sa.exc.DataError:
            session.rollback()
    with engine.connect().execution_options(isolation_level="SERIALIZABLE") as connection:
        assert connection.scalar(sa.text("SHOW transaction_isolation")) == "serializable"
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SHOW transaction_isolation")) == "read committed"


@check
def batch():
    with engine.begin() as connection:
        connection.execute(sa.insert(Book), [{"title": "batch %d" % n} for n in range(500)])
    with engine.begin() as connection:
        assert connection.scalar(sa.select(sa.func.count()).where(Book.title.like("batch%"))) == 500


@check
def cursor():
    with engine.connect().execution_options(stream_results=True, yield_per=300) as connection:
        rows = connection.execute(sa.text("SELECT generate_series(1, 5000)"))
        assert sum(row[0] for row in rows) == 5000 * 5001 // 2


@check
def pool():
    def work(number):
        for n in range(ROUNDS):
            with Session(engine) as session:
                session.add(Book(title="pool %d %d" % (number, n)))
                session.commit()
                title = sa.select(Book.title).where(Book.title == "pool %d %d" % (number, n))
                assert session.scalar(title)

    at_once(work)
    with engine.begin() as connection:
        count = sa.select(sa.func.count()).where(Book.title.like("pool%"))
        assert connection.scalar(count) == CLIENTS * ROUNDS


@check
async def prepare():
    """The asyncpg dialect: named statements, a cache a connection."""
    several = create_async_engine(ADDRESS.set(drivername="postgresql+asyncpg"), pool_size=CLIENTS)

    async def work(number):
        for n in range(ROUNDS):
            async with several.begin() as connection:
                total = await connection.scalar(sa.select(sa.literal(n) + sa.literal(number)))
                assert total == n + number
                await connection.execute(sa.insert(Book), [{"title": "async"}, {"title": "async"}])

    await asyncio.gather(*(work(number) for number in range(CLIENTS)))
    async with several.begin() as connection:
        count = sa.select(sa.func.count()).where(Book.title == "async")
        assert await connection.scalar(count) == 2 * CLIENTS * ROUNDS
    await several.dispose()


@check
def fresh():
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for n in range(30):
            connection.execute(sa.insert(Book), {"title": "fresh"})
            count = connection.scalar(sa.select(sa.func.count()).where(Book.title == "fresh"))
            assert count == n + 1


@check
def lost():
    """pool_pre_ping: what the pool holds still works, and so nothing is thrown away."""
    thrown = []
    event.listen(engine, "invalidate", lambda *_: thrown.append(1))
    with engine.begin() as connection:
        connection.execute(sa.text(KILL))
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT 1")) == 1
    with Session(engine) as session, engine.connect() as killer:
        session.add(Author(name="lost"))
        session.flush()
        assert killer.scalar(sa.text(KILL)) >= 1
        try:
            session.execute(sa.text("SELECT 1"))
            raise AssertionError("a lost transaction goes on")
        except sa.exc.DBAPIError as error:
            assert error.orig.pgcode == "08006", error.orig.pgcode
            session.rollback()
        assert session.scalar(sa.select(sa.func.count()).where(Author.name == "lost")) == 0
    assert not thrown


@check
def reconnect():
    for _ in range(3):
        console("RECONNECT")
        with engine.connect() as connection:
            assert connection.scalar(sa.text("SELECT 1")) == 1


run(sa.__version__)
