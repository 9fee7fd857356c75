# SPDX-License-Identifier: ISC
"""Hosts die under load: who sees what, and how soon it goes on."""
import os
import signal
import time

import pytest

from harness import wire
from harness.cluster import wait_until
from harness.split import READ, Load, ports, prepare, served, wait_for_reads

CLIENTS = 8


@pytest.fixture
def weir(pgweir, cluster):
    prepare(cluster)
    running = pgweir(cluster=cluster, settings={"default_pool_size": 20})
    wait_for_reads(running, cluster.replicas, wait_until)
    return running


def insert(client, number):
    client.query("INSERT INTO log (id, note) VALUES (%d, 'single')" % number)
    return number


def insert_in_block(client, number):
    client.query("BEGIN")
    client.query("INSERT INTO log (id, note) VALUES (%d, 'block')" % number)
    client.query("SELECT count(*) FROM log WHERE id = %d" % number)
    client.query("COMMIT")
    return number


def mixed(client, number):
    return (insert, insert_in_block)[number % 2](client, number)


def settle(load, each=3):
    since = time.monotonic()
    wait_until(lambda: load.is_going(since, each), 20, what="all clients go on")


def found(host, load):
    """Numbers that were acknowledged, and those that are there."""
    there = {int(row[0]) for row in host.query("SELECT id FROM log", "app")}
    return {turn.value for turn in load.good()}, there


def report(record_property, load, promoted):
    first = min((turn.end for turn in load.good() if turn.end > promoted), default=None)
    record_property("first_write_after_promotion_s", round(first - promoted, 3) if first else None)
    record_property("errors", dict(load.sqlstates()))
    record_property("longest_wait_s", round(load.longest(), 3))
    print("first write after the promotion %.3f s, longest wait %.3f s, errors %s of %d clients"
          % (first - promoted if first else -1, load.longest(), dict(load.sqlstates()), len(load.workers)))


@pytest.mark.parametrize("end, turn", [("kill", insert), ("kill", insert_in_block), ("stop", mixed)])
def test_only_what_was_in_flight_fails_when_the_primary_goes(weir, cluster, record_property, turn, end):
    old = cluster.primary
    with Load(weir, CLIENTS, turn) as load:
        settle(load)
        if end == "kill":
            old.kill()
        else:
            old.stop("fast")
        new = cluster.promote()
        promoted = time.monotonic()
        settle(load)
    report(record_property, load, promoted)
    load.check_connected()
    assert set(load.sqlstates()) <= {"08006", "08007"}
    # One error a client: each had one request in flight, and later ones waited.
    assert all(sum(1 for turn in worker.turns if turn.error) <= 1 for worker in load.workers)
    assert int(new.value("SELECT count(*) FROM log", "app")) > 0


def test_a_crashed_backend_costs_no_client_more_than_one_error(weir, cluster):
    # PostgreSQL ends all its connections then, one after the other.  A client that has its error may not
    # be given one of those that are next.
    victim = ("SELECT pid FROM pg_stat_activity WHERE datname = 'app' AND backend_type = 'client backend'"
              " AND state = 'active' AND pid <> pg_backend_pid() LIMIT 1")
    with Load(weir, 3 * CLIENTS, insert, pause=0) as load:
        for _ in range(3):
            settle(load)
            since = time.monotonic()
            pid = wait_until(lambda: cluster.primary.value(victim, "app"), what="a backend at work")
            os.kill(int(pid), signal.SIGKILL)
            settle(load)
            for worker in load.workers:
                assert sum(1 for turn in list(worker.turns) if turn.error and turn.end > since) <= 1
    load.check_connected()
    assert load.errors
    assert set(load.sqlstates()) <= {"08006", "08007"}


def test_a_planned_stop_loses_no_acknowledged_write(weir, cluster):
    with Load(weir, CLIENTS, mixed) as load:
        settle(load)
        cluster.primary.stop("fast")
        cluster.promote()
        settle(load)
    load.check_connected()
    acknowledged, there = found(cluster.primary, load)
    assert acknowledged <= there


def test_synchronous_replication_loses_no_acknowledged_write_in_a_crash(pgweir, new_cluster):
    cluster = new_cluster(settings={"synchronous_standby_names": "ANY 1 (*)"})
    prepare(cluster)
    weir = pgweir(cluster=cluster)
    wait_for_reads(weir, cluster.replicas, wait_until)
    missed = []

    def turn(client, number):
        mixed(client, number)
        if client.value("SELECT count(*) FROM log WHERE id = %d" % number) != "1":
            missed.append(number)
        return number

    with Load(weir, CLIENTS, turn) as load:
        settle(load)
        cluster.primary.kill()
        cluster.promote()
        settle(load)
    load.check_connected()
    assert set(load.sqlstates()) <= {"08006", "08007"}
    acknowledged, there = found(cluster.primary, load)
    assert acknowledged <= there
    assert not missed


def test_a_lost_block_stays_failed_until_rollback(weir, cluster):
    with weir.connect(timeout=20) as client:
        client.query("BEGIN")
        client.query("INSERT INTO log (note) VALUES ('lost')")
        cluster.primary.kill()
        first = client.request(wire.query("INSERT INTO log (note) VALUES ('lost too')"))
        assert first.error.sqlstate == "08006"
        assert first.status == "E"
        for sql in ("INSERT INTO log (note) VALUES ('never')", READ, "BEGIN", "SELECT 1; COMMIT"):
            result = client.request(wire.query(sql))
            assert (result.error.sqlstate, result.status) == ("25P02", "E")
        result = client.request(wire.parse("", READ), wire.bind(), wire.execute(), wire.sync())
        assert (result.error.sqlstate, result.status) == ("25P02", "E")
        result = client.query("COMMIT")
        assert (result.tags, result.status) == (["ROLLBACK"], "I")
        assert served(client) in ports(cluster.replicas)
        new = cluster.promote()
        client.query("INSERT INTO log (note) VALUES ('kept')")
        assert new.query("SELECT note FROM log", "app") == [["kept"]]


def test_a_lost_block_ends_with_the_extended_protocol_too(weir, cluster):
    with weir.connect(timeout=20) as client:
        client.query("BEGIN")
        client.extended("INSERT INTO log (note) VALUES ('lost')")
        cluster.primary.kill()
        assert client.request(wire.query("SELECT 1")).error.sqlstate == "08006"
        result = client.extended("ROLLBACK")
        assert (result.tags, result.status) == (["ROLLBACK"], "I")
        assert served(client) in ports(cluster.replicas)


def test_the_outcome_of_a_commit_in_flight_is_told_as_unknown(pgweir, new_cluster):
    # COMMIT waits for a synchronous replica that is not there.
    cluster = new_cluster(settings={"synchronous_standby_names": "nobody", "synchronous_commit": "local"})
    prepare(cluster)
    weir = pgweir(cluster=cluster)
    wait_for_reads(weir, cluster.replicas, wait_until)
    with weir.connect(timeout=20) as block, weir.connect(timeout=20) as single:
        block.query("BEGIN")
        block.query("SET LOCAL synchronous_commit = on")
        block.query("INSERT INTO log (note) VALUES ('unknown')")
        block.send(wire.query("COMMIT"))
        single.send(wire.query("BEGIN; SET LOCAL synchronous_commit = on;"
                               " INSERT INTO log (note) VALUES ('unknown'); COMMIT"))
        wait_until(lambda: cluster.primary.value("SELECT count(*) FROM pg_stat_activity"
                                                 " WHERE wait_event = 'SyncRep'") == "2",
                   what="two commits waiting")
        cluster.primary.kill()
        for client in (block, single):
            result = client.recv_ready()
            assert [error.sqlstate for error in result.errors] == ["08007"]
            assert result.status == "I"
            assert served(client) in ports(cluster.replicas)


def test_a_terminated_backend_costs_its_client_only(weir, cluster):
    with weir.connect() as client, weir.connect() as other:
        client.query("BEGIN")
        pid = client.value("SELECT pg_backend_pid()")
        other.query("BEGIN")
        other.query("INSERT INTO log (note) VALUES ('kept')")
        mark = weir.log_mark()
        cluster.primary.query("SELECT pg_terminate_backend(%s)" % pid)
        result = client.request(wire.query("SELECT 1"))
        assert (result.error.sqlstate, result.status) == ("08006", "E")
        client.query("ROLLBACK")
        other.query("COMMIT")
        client.query("INSERT INTO log (note) VALUES ('at once')")
        assert not [line for line in weir.log_since(mark).splitlines() if "no primary" in line]


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_replica_that_goes_costs_no_read(weir, cluster, end):
    going, staying = cluster.replicas

    def turn(client, _):
        return int(client.query("SELECT port, pg_sleep(0.005) FROM here").value)

    with Load(weir, CLIENTS, turn) as load:
        settle(load, 5)
        if end == "kill":
            going.kill()
        else:
            going.stop("fast")
        since = time.monotonic()
        wait_until(lambda: load.is_going(since, 10), what="reads elsewhere")
        assert going.port not in {turn.value for turn in load.good(since)}
        going.start()
        wait_for_reads(weir, [going], wait_until)
    assert not load.errors
    load.check_connected()


def test_a_prepared_read_survives_its_replica(weir, cluster):
    with weir.connect() as client:
        client.request(wire.parse("r", READ), wire.sync())
        port = int(client.request(wire.bind("", "r"), wire.execute(), wire.sync()).value)
        assert port in ports(cluster.replicas)
        [host for host in cluster.replicas if host.port == port][0].kill()
        for _ in range(20):
            result = client.request(wire.bind("", "r"), wire.execute(), wire.sync())
            assert not result.errors
            assert int(result.value) in ports(cluster.hosts) - {port}


def test_a_result_that_broke_off_is_told_and_the_client_stays(weir, cluster):
    # Rows come slowly: some have been forwarded when the replica goes.
    sql = "SELECT port, repeat('x', 2000), pg_sleep(0.002) FROM here, generate_series(1, 100000)"
    with weir.connect() as client:
        client.send(wire.query(sql))
        port = int(client.recv_until("D")[-1].values()[0])
        [host for host in cluster.replicas if host.port == port][0].kill()
        try:
            result = client.recv_ready()
        except wire.Closed:
            return  # it broke off inside a message
        assert [error.sqlstate for error in result.errors] == ["08006"]
        assert result.status == "I"
        assert served(client) != port


def test_all_hosts_gone_and_back(weir, cluster):
    with weir.connect(timeout=30) as client, Load(weir, 4, mixed) as load:
        settle(load)
        for host in cluster.hosts:
            host.kill()
        client.send(wire.query(READ))
        assert client.is_quiet(0.3)
        for host in cluster.hosts:
            host.start()
        assert int(client.recv_ready().value) in ports(cluster.hosts)
        settle(load)
    load.check_connected()
    assert set(load.sqlstates()) <= {"08006", "08007"}
    assert all(sum(1 for turn in worker.turns if turn.error) <= 1 for worker in load.workers)
