# SPDX-License-Identifier: ISC
"""The shortest way through everything: if these fail, read no other failure."""
import psycopg2
import pytest

from harness import wire


def test_select_one_through_a_plain_database(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        assert client.value("SELECT 1") == "1"
        assert client.status == "I"


def test_select_one_with_a_driver(pgweir, single):
    weir = pgweir(host=single)
    connection = psycopg2.connect(weir.dsn())
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s + 1", (41,))
            assert cursor.fetchone() == (42,)
        connection.commit()
    finally:
        connection.close()


def test_extended_protocol(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        result = client.extended("SELECT $1::int * 2", [21])
        assert result.value == "42"
        assert result.types == "12TDCZ"


def test_many_clients_share_few_servers(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 2})
    clients = [weir.connect() for _ in range(20)]
    try:
        pids = {client.value("SELECT pg_backend_pid()") for client in clients for _ in range(3)}
    finally:
        for client in clients:
            client.close()
    assert 1 <= len(pids) <= 2


def test_a_transaction_keeps_its_server(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 2})
    with weir.connect() as one, weir.connect() as two:
        one.query("BEGIN")
        pid = one.value("SELECT pg_backend_pid()")
        assert two.value("SELECT pg_backend_pid()") != pid
        assert one.value("SELECT pg_backend_pid()") == pid
        one.query("COMMIT")


def test_write_goes_to_the_primary_and_is_read_back(pgweir, cluster):
    weir = pgweir(cluster=cluster)
    with weir.connect() as client:
        client.query("CREATE TABLE smoke (id int)")
        for value in range(20):
            client.query("INSERT INTO smoke VALUES (%d)" % value)
            assert client.value("SELECT max(id) FROM smoke") == str(value)


def test_reads_reach_a_replica(pgweir, cluster, wait_until):
    weir = pgweir(cluster=cluster)
    with weir.connect() as client:
        wait_until(lambda: client.value("/* pgweir: route=prefer-replica */ SELECT pg_is_in_recovery()")
                   == "t", what="a read on a replica")


def test_an_error_of_the_server_reaches_the_client(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        with pytest.raises(wire.WireError) as caught:
            client.query("SELECT no_such_column")
        assert caught.value.sqlstate == "42703"
        assert client.value("SELECT 1") == "1"


def test_an_unknown_database_is_refused(pgweir, single):
    weir = pgweir(host=single)
    with pytest.raises(wire.WireError):
        weir.connect(database="no_such_database")


@pytest.mark.parametrize("database", ["pgweir", "pgbouncer"])
def test_the_console_answers(pgweir, single, database):
    weir = pgweir(host=single)
    with weir.connect() as client:
        assert client.value("SELECT 1") == "1"
        rows = weir.admin("SHOW POOLS", database=database)
        assert [row for row in rows if row["database"] == "app" and row["user"] == "app"]
