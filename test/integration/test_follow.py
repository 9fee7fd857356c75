# SPDX-License-Identifier: ISC
"""Who is the primary: by what the hosts say of themselves, timelines before positions."""
import subprocess
import time

import pytest

from harness import wire
from harness.cluster import Host, free_port, wait_until
from harness.split import WRITE, Load, ports, prepare, served, wait_for_primary, wait_for_reads
from harness.wire import query


@pytest.fixture
def weir(pgweir, cluster):
    prepare(cluster)
    running = pgweir(cluster=cluster)
    wait_for_reads(running, cluster.replicas, wait_until)
    return running


def writes_reach(weir, host, timeout=15):
    with weir.connect(timeout=timeout) as client:
        wait_until(lambda: served(client, WRITE) == host.port, timeout, what="writes on %s" % host)


def rows(host):
    return int(host.value("SELECT count(*) FROM log", "app"))


def test_a_promoted_replica_takes_the_writes_that_waited(weir, cluster):
    cluster.primary.stop("fast")
    clients = [weir.connect(timeout=20) for _ in range(5)]
    for client in clients:
        client.send(query(WRITE))
    assert all(client.is_quiet(0.05) for client in clients)
    new = cluster.promote()
    for client in clients:
        result = client.recv_ready()
        assert not result.errors
        assert result.value == str(new.port)
        client.close()
    assert rows(new) == 5


def test_a_block_begun_without_a_primary_waits_too(weir, cluster):
    cluster.primary.stop("fast")
    with weir.connect(timeout=20) as client:
        assert client.query("BEGIN").tags == ["BEGIN"]
        client.send(query(WRITE))
        assert client.is_quiet(0.1)
        new = cluster.promote()
        assert client.recv_ready().value == str(new.port)
        client.query("COMMIT")
    assert rows(new) == 1


def test_reads_go_on_while_there_is_no_primary(weir, cluster):
    with Load(weir, 4, lambda client, _: served(client)) as load:
        cluster.primary.kill()
        weir.wait_log("no primary")
        since = time.monotonic()
        wait_until(lambda: load.is_going(since, 20), what="reads without a primary")
    assert not load.errors
    load.check_connected()
    assert {turn.value for turn in load.good(since)} <= ports(cluster.replicas)


def test_a_write_that_waits_too_long_is_told_why(pgweir, cluster):
    prepare(cluster)
    weir = pgweir(cluster=cluster, settings={"query_wait_timeout": 1})
    wait_for_primary(weir, wait_until)
    with weir.connect() as client:
        cluster.primary.kill()
        weir.wait_log("no primary")
        client.send(query(WRITE))
        # PgBouncer closes the connection then; see doc.
        found = client.recv_until("E", timeout=10)[-1].fields()
        assert "query_wait_timeout" in found["M"]
        assert "primary" in found["M"] + found.get("D", "") + found.get("H", ""), found


def test_the_old_primary_that_comes_back_gets_no_write(weir, cluster):
    """It is on the lower timeline, and ahead in its WAL."""
    old = cluster.primary
    with old.connect("app") as direct:
        for host in cluster.replicas:
            host.pause_replay()
        direct.query("INSERT INTO log (note) SELECT repeat('x', 1000) FROM generate_series(1, 20000)")
    old.kill()
    for host in cluster.replicas:
        host.resume_replay()
    new = cluster.promote()
    writes_reach(weir, new)
    old.start()
    assert not old.is_replica()
    before = rows(old)
    with old.connect("app") as direct:  # further still
        direct.query("INSERT INTO log (note) SELECT repeat('x', 1000) FROM generate_series(1, 20000)")
    before += 20000
    weir.wait_log("%d.*deposed" % old.port)
    with Load(weir, 4, lambda client, _: served(client, WRITE)) as load:
        wait_until(lambda: len(load.good()) >= 100, what="100 writes")
    assert not load.errors
    assert {turn.value for turn in load.turns} == {new.port}
    assert rows(old) == before
    with Load(weir, 4, lambda client, _: served(client)) as load:
        wait_until(lambda: len(load.good()) >= 100, what="100 reads")
    assert old.port not in {turn.value for turn in load.turns}


def test_the_old_primary_is_known_for_what_it_is_by_a_pgweir_that_starts_later(pgweir, cluster):
    prepare(cluster)
    old = cluster.primary
    old.kill()
    new = cluster.promote()
    old.start()
    with old.connect("app") as direct:
        direct.query("INSERT INTO log (note) SELECT repeat('x', 1000) FROM generate_series(1, 20000)")
    before = rows(old)
    weir = pgweir(cluster=cluster)
    with Load(weir, 2, lambda client, _: served(client, WRITE)) as load:
        wait_until(lambda: {turn.value for turn in load.turns[-40:]} == {new.port} and len(load.turns) >= 40,
                   what="writes on the new primary")
    assert {turn.value for turn in load.turns} == {new.port}
    assert rows(old) == before


def test_a_primary_that_hung_during_the_failover_gets_no_write_after(weir, cluster):
    old = cluster.primary
    with weir.connect(timeout=20) as client:
        assert served(client, WRITE) == old.port
        old.pause()
        try:
            new = cluster.promote()
            weir.wait_log("primary is 127.0.0.1:%d" % new.port)
            assert served(client, WRITE) == new.port
        finally:
            old.resume()
        before = rows(old)
        weir.wait_log("%d.*deposed" % old.port)
        for _ in range(50):
            assert served(client, WRITE) == new.port
        assert rows(old) == before


def test_two_primaries_on_the_same_timeline_hold_all_writes(pgweir, new_cluster):
    cluster = new_cluster(replicas=1)
    prepare(cluster)
    # A copy of the primary's data, started as another primary.
    twin = Host(cluster, "twin", free_port())
    cluster.hosts.append(twin)
    weir = pgweir(cluster=cluster)
    wait_for_reads(weir, [cluster["pg2"]], wait_until)
    cluster.primary.stop("fast")
    subprocess.run(["mkdir", twin.dir], check=True)
    subprocess.run(["chown", "--reference", cluster.primary.dir, twin.dir], check=True)
    cluster.run("cp", "-a", cluster.primary.data, twin.data)
    twin.write_settings()
    cluster.primary.start()
    writes_reach(weir, cluster.primary)
    twin.start()
    weir.wait_log("split brain")
    before = rows(cluster.primary), rows(twin)
    with weir.connect(timeout=20) as client, weir.connect() as reader:
        client.send(query(WRITE))
        for _ in range(20):
            assert served(reader) == cluster["pg2"].port
        assert client.is_quiet(0.5)
        assert (rows(cluster.primary), rows(twin)) == before
        twin.stop("immediate")
        assert int(client.recv_ready().value) == cluster.primary.port


def test_a_host_of_another_cluster_is_ignored(pgweir, cluster, new_cluster):
    prepare(cluster)
    other = new_cluster(replicas=0)
    weir = pgweir({"clusters": {"main": {"hosts": cluster.addresses + "," + other.primary.address,
                                         "monitor_user": "monitor", "monitor_dbname": "postgres"}},
                   "databases": {"app": {"cluster": "main"}}})
    wait_for_reads(weir, cluster.replicas, wait_until)
    foreign = weir.wait_log("(ignored: system identifier|split brain)")
    assert foreign.group(1).startswith("ignored")
    for _ in range(10):
        with weir.connect() as client:
            assert served(client, WRITE) == cluster.primary.port
            assert served(client) != other.primary.port


def test_a_block_begun_on_a_replica_stays_read_only_after_its_promotion(weir, cluster):
    with weir.connect(timeout=20) as client:
        client.query("BEGIN READ ONLY")
        port = served(client)
        host = [each for each in cluster.replicas if each.port == port][0]
        cluster.primary.stop("fast")
        cluster.promote(host.name)
        weir.wait_log("primary is 127.0.0.1:%d" % port)
        assert served(client) == port
        with pytest.raises(wire.WireError) as caught:
            client.query(WRITE)
        assert caught.value.sqlstate == "25006"
        client.query("ROLLBACK")
        assert served(client, WRITE) == port
        assert client.status == "I"


def test_servers_of_a_promoted_replica_are_kept(weir, cluster):
    host = cluster.replicas[0]
    pids = {row[0] for row in host.query("SELECT pid FROM pg_stat_activity WHERE usename = 'app'")}
    assert pids
    cluster.primary.stop("fast")
    cluster.promote(host.name)
    with weir.connect(timeout=20) as client:
        assert client.value("INSERT INTO log (note) VALUES ('w') RETURNING pg_backend_pid()") in pids


def test_a_former_primary_that_follows_is_read_from(weir, cluster):
    old = cluster.primary
    old.stop("fast")
    cluster.promote()
    writes_reach(weir, cluster.primary)
    cluster.rejoin(old.name)
    wait_for_reads(weir, [old], wait_until, timeout=20)
    writes_reach(weir, cluster.primary)


def test_a_switch_there_and_back(weir, cluster):
    first = cluster.primary
    with Load(weir, 4, lambda client, _: served(client, WRITE)) as load:
        first.stop("fast")
        second = cluster.promote()
        since = time.monotonic()
        wait_until(lambda: load.is_going(since, 5), 20, what="writes on the second")
        cluster.rejoin(first.name)
        cluster.wait_caught_up(hosts=[first])
        second.stop("fast")
        cluster.promote(first.name)
        since = time.monotonic()
        wait_until(lambda: load.is_going(since, 5), 20, what="writes on the first")
    load.check_connected()
    assert {turn.value for turn in load.good(since)} == {first.port}
    assert set(load.sqlstates()) <= {"08006", "08007"}
    # At most what was in flight at either moment.
    assert len(load.errors) <= 2 * len(load.workers)
