# SPDX-License-Identifier: ISC
"""No client misses what it wrote or has seen, and no read is older than max_replica_lag."""
import asyncio

import asyncpg
import psycopg
import psycopg2
import pytest

from harness import wire
from harness.cluster import wait_until
from harness.split import READ, Load, ports, prepare, served, wait_for_reads
from harness.wire import bind, copy_data, copy_done, execute, parse, query, sync

DELAY = 300
COUNT = "SELECT count(*) FROM log"
DATABASES = {
    "app": {"cluster": "main"},
    "stale": {"cluster": "main", "dbname": "app", "read_consistency": "eventual"},
    "late": {"cluster": "main", "dbname": "app", "max_replica_lag": "2s"},
    "strict": {"cluster": "main", "dbname": "app", "max_replica_lag": "2s", "no_replica": "error"},
}


@pytest.fixture
def places(cluster):
    """The shared cluster; what is committed on the primary is seen on a replica DELAY ms later."""
    prepare(cluster)
    for host in cluster.replicas:
        host.set_delay(DELAY)
    for host in cluster.replicas:
        wait_until(lambda: host.value("SHOW recovery_min_apply_delay") == "%dms" % DELAY, what="the delay")
    return cluster


@pytest.fixture
def weir(pgweir, places):
    running = pgweir(cluster=places, databases=DATABASES)
    wait_for_reads(running, places.replicas, wait_until)
    return running


def is_replica(places, port):
    return port in ports(places.replicas)


def wait_for_replica(client, places, what="reads on a replica again"):
    """A read on a replica: whatever the client wrote is there by now."""
    return wait_until(lambda: is_replica(places, served(client)), interval=0.02, what=what)


def check_rows(client, number, sql=COUNT):
    assert client.value(sql) == str(number)


def test_a_read_sees_the_write_before_it(weir, places):
    with weir.connect() as client:
        for number in range(1, 201):
            client.query("INSERT INTO log (note) VALUES ('w')")
            check_rows(client, number)
        wait_for_replica(client, places)
        check_rows(client, 200)


def test_every_one_of_many_clients_sees_its_writes(weir):
    missed = []

    def turn(client, number):
        client.query("INSERT INTO log (id, note) VALUES (%d, 'n')" % number)
        for _ in range(2):
            if client.value("SELECT count(*) FROM log WHERE id = %d" % number) != "1":
                missed.append(number)

    with Load(weir, 8, turn) as load:
        wait_until(lambda: len(load.turns) >= 800, 30, what="800 writes")
    assert not missed
    assert not load.errors


def test_reads_of_others_go_on_on_replicas(weir, places):
    with weir.connect() as writer, Load(weir, 4, lambda client, _: served(client)) as readers:
        for number in range(1, 101):
            writer.query("INSERT INTO log (note) VALUES ('w')")
            check_rows(writer, number)
    assert len(readers.good()) > 20
    assert not readers.errors
    on_replicas = sum(is_replica(places, turn.value) for turn in readers.good())
    assert on_replicas == len(readers.good())


def test_a_client_returns_to_replicas_once_they_have_its_write(weir, places):
    with weir.connect() as client:
        client.query("INSERT INTO log (note) VALUES ('w')")
        assert served(client) == places.primary.port
        wait_for_replica(client, places)
        check_rows(client, 1)


def test_a_client_that_reads_without_a_pause_returns_to_replicas(weir, places):
    with weir.connect() as client:
        client.query("INSERT INTO log (note) VALUES ('w')")
        wait_until(lambda: is_replica(places, served(client)), interval=0, what="a read on a replica")


@pytest.mark.parametrize("write", ["block", "copy", "prepared", "asynchronous", "multi", "cte", "function"])
def test_a_read_sees_the_write_of_any_kind_before_it(weir, places, write):
    places.primary.query("SET ROLE app; CREATE FUNCTION add() RETURNS void LANGUAGE sql AS"
                         " 'INSERT INTO log (note) VALUES (''f'')'", "app")

    def run(client):
        if write == "block":
            for sql in ("BEGIN", "SELECT 1", "INSERT INTO log (note) VALUES ('b')", "COMMIT"):
                client.query(sql)
        elif write == "copy":
            client.send(query("COPY log (note) FROM STDIN"))
            client.recv_until("G")
            assert client.request(copy_data(b"c\n"), copy_done()).tags == ["COPY 1"]
        elif write == "prepared":
            assert not client.request(bind("", "insert", ["p"]), execute(), sync()).errors
        elif write == "asynchronous":
            client.query("BEGIN; SET LOCAL synchronous_commit = off; INSERT INTO log (note) VALUES ('a');"
                         " COMMIT")
        elif write == "multi":
            client.query("SELECT 1; INSERT INTO log (note) VALUES ('m'); SELECT 2")
        elif write == "cte":
            client.query("WITH w AS (INSERT INTO log (note) VALUES ('cte') RETURNING 1) SELECT * FROM w")
        else:
            client.query("SELECT add()")

    with weir.connect() as client:
        assert not client.request(parse("insert", "INSERT INTO log (note) VALUES ($1)"), sync()).errors
        client.query("SELECT 1")
        for number in range(1, 31):
            run(client)
            check_rows(client, number)
        wait_for_replica(client, places)
        check_rows(client, 30)


def test_a_read_only_block_sees_the_write_before_it(weir, places):
    with weir.connect() as client:
        for number in range(1, 31):
            client.query("INSERT INTO log (note) VALUES ('w')")
            client.query("BEGIN READ ONLY")
            check_rows(client, number)
            client.query("COMMIT")


@pytest.mark.slow
def test_asynchronous_commits_of_all_sessions_are_seen(pgweir, new_cluster):
    cluster = new_cluster(replicas=1, settings={"synchronous_commit": "off"})
    prepare(cluster)
    weir = pgweir(cluster=cluster)
    wait_for_reads(weir, cluster.replicas, wait_until)
    with weir.connect() as client, Load(weir, 2, lambda other, _: served(other), pause=0.01) as load:
        for number in range(1, 301):
            client.query("INSERT INTO log (note) VALUES ('w')")
            check_rows(client, number)
        wait_for_replica(client, cluster)
        check_rows(client, 300)
    assert not load.errors


def test_pipelined_reads_see_the_writes_before_them(weir):
    with weir.connect() as client:
        for turn in range(20):
            client.send(*[query(sql) for _ in range(5)
                          for sql in ("INSERT INTO log (note) VALUES ('w')", COUNT)])
            for number in range(5):
                client.recv_ready()
                assert client.recv_ready().value == str(turn * 5 + number + 1)


def test_psycopg2_sees_its_writes(weir):
    connection = psycopg2.connect(weir.dsn())
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for number in range(1, 61):
                cursor.execute("INSERT INTO log (note) VALUES (%s)", ("w",))
                cursor.execute(COUNT)
                assert cursor.fetchone() == (number,)
    finally:
        connection.close()


@pytest.mark.parametrize("threshold", [0, None])
def test_psycopg_sees_its_writes(weir, threshold):
    with psycopg.connect(weir.dsn(), autocommit=True, prepare_threshold=threshold) as connection:
        for number in range(1, 61):
            with connection.transaction():
                connection.execute("INSERT INTO log (note) VALUES (%s)", ("w",))
            assert connection.execute("SELECT count(*) FROM log WHERE note <> %s", ("",)).fetchone() \
                == (number,)


def test_asyncpg_sees_its_writes(weir):
    async def run():
        connection = await asyncpg.connect(host="127.0.0.1", port=weir.port, user="app", database="app",
                                           ssl=False, timeout=10, command_timeout=10)
        try:
            for number in range(1, 61):
                await connection.execute("INSERT INTO log (note) VALUES ($1)", "w")
                assert await connection.fetchval("SELECT count(*) FROM log WHERE note <> $1", "") == number
        finally:
            await connection.close()

    asyncio.run(run())


def test_eventual_consistency_reads_replicas_at_once(weir, places):
    with weir.connect(database="stale") as client:
        missed = 0
        for number in range(1, 21):
            client.query("INSERT INTO log (note) VALUES ('w')")
            assert is_replica(places, served(client))
            missed += client.value(COUNT) != str(number)
        assert missed > 0
        wait_until(lambda: client.value(COUNT) == "20", what="the writes on the replica")


def test_what_a_client_has_seen_does_not_vanish(weir, places):
    """The delays of the two replicas differ by seconds; readers see the counter of a writer."""
    slow = places.replicas[0]
    slow.set_delay(2000)
    wait_until(lambda: slow.value("SHOW recovery_min_apply_delay") == "2s", what="the delay")
    backwards = []
    latest = {}

    def turn(client, _):
        port, seen = client.query("SELECT port, count(*) FROM here, log GROUP BY 1").rows[0] \
            if client.value(COUNT) != "0" else (0, 0)
        if int(seen) < latest.get(client, 0):
            backwards.append((latest[client], seen, port))
        latest[client] = int(seen)
        return int(port)

    with weir.connect() as writer, Load(weir, 6, turn, pause=0.005) as load:
        for _ in range(300):
            writer.query("INSERT INTO log (note) VALUES ('w')")
    assert not load.errors
    assert not backwards


# The bound of lag.

def test_a_replica_that_stops_replaying_gets_no_more_reads_and_then_some_again(weir, places):
    lagging, other = places.replicas
    for host in places.replicas:
        host.set_delay(0)
    lagging.pause_replay()
    with weir.connect() as writer, Load(weir, 4, lambda client, _: served(client), database="late") as load:
        # The bound is one of time: an idle primary would not make the replica lag.
        def excluded():
            writer.query("INSERT INTO log (note) VALUES ('w')")
            recent = load.turns[-40:]
            return len(recent) == 40 and all(turn.value == other.port for turn in recent)
        wait_until(excluded, interval=0.05, what="no reads on %s" % lagging)
        lagging.resume_replay()
    wait_for_reads(weir, places.replicas, wait_until, database="late")
    assert not load.errors


def test_when_all_replicas_lag_reads_run_on_the_primary(weir, places):
    for host in places.replicas:
        host.pause_replay()
    with weir.connect() as writer, weir.connect(database="late") as client:
        def excluded():
            writer.query("INSERT INTO log (note) VALUES ('w')")
            return served(client) == places.primary.port
        wait_until(excluded, interval=0.05, what="reads on the primary")
        for _ in range(10):
            with weir.connect(database="late") as another:
                assert served(another) == places.primary.port
        with weir.connect(database="strict") as strict:
            with pytest.raises(wire.WireError):
                strict.query(READ)
        with weir.connect() as patient:  # its bound is 10 s
            assert is_replica(places, served(patient))


def test_an_idle_primary_does_not_make_replicas_lag(pgweir, places):
    weir = pgweir(cluster=places, settings={"max_replica_lag": "1s"})
    wait_for_reads(weir, places.replicas, wait_until)
    with Load(weir, 2, lambda client, _: served(client), pause=0.02) as load:
        wait_until(lambda: len(load.turns) >= 200, 20, what="4 seconds of reads")
    assert not load.errors
    assert all(is_replica(places, turn.value) for turn in load.turns)


def test_a_replica_that_hangs_gets_no_reads_and_the_other_all(pgweir, cluster):
    prepare(cluster)
    weir = pgweir(cluster=cluster, settings={"max_replica_lag": "1s"})
    wait_for_reads(weir, cluster.replicas, wait_until)
    hanging, other = cluster.replicas
    hanging.pause()
    try:
        weir.wait_log("%d.*(suspect|down)" % hanging.port)
        weir.wait_log("%d.*down" % hanging.port)
        for _ in range(10):
            with weir.connect() as client:
                assert served(client) == other.port
    finally:
        hanging.resume()
    wait_for_reads(weir, cluster.replicas, wait_until)


def test_a_primary_that_hangs_makes_reads_end_with_the_bound_of_lag(pgweir, cluster):
    """Nobody knows how old the replicas are when the primary is silent: no read is older than the bound."""
    prepare(cluster)
    weir = pgweir(cluster=cluster, databases={
        "app": {"cluster": "main"},
        "strict": {"cluster": "main", "dbname": "app", "max_replica_lag": "1s", "no_replica": "error"}})
    wait_for_reads(weir, cluster.replicas, wait_until)
    with weir.connect(database="strict") as client, weir.connect() as other:
        assert is_replica(cluster, served(client))
        cluster.primary.pause()
        try:
            def refused():
                result = client.request(query(READ))
                return result.errors and result.error.sqlstate == "57P03"
            wait_until(refused, what="reads refused")
            assert is_replica(cluster, served(other))  # its bound is 10 s
        finally:
            cluster.primary.resume()
        wait_until(lambda: is_replica(cluster, served(client)), what="reads again")
