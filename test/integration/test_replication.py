# SPDX-License-Identifier: ISC
"""Replication connections, physical and logical: each a client with a server of its own."""
import os
import re
import signal
import struct
import subprocess
import time

import pytest

from harness import wire
from harness.cluster import find_bin
from harness.fakepg import error
from harness.helpers import pid_of
from harness.wire import query

KINDS = {"logical": "database", "physical": "true"}


@pytest.fixture
def logical(new_cluster):
    """A host that decodes."""
    return new_cluster(replicas=0, settings={"wal_level": "logical", "max_replication_slots": "10"})


def replicate(weir, kind="logical", database="app", user="postgres", params=None, **wire_arguments):
    return weir.connect(user, database, params=dict({"replication": KINDS.get(kind, kind)},
                                                    **(params or {})), **wire_arguments)


def tool(name, *arguments, **options):
    """Starts one of PostgreSQL's programs."""
    return subprocess.Popen([os.path.join(find_bin(), name), *arguments], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, **options)


def run(name, *arguments, **options):
    process = tool(name, *arguments, **options)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors.decode()
    return out


def folder(tmp_path, name):
    path = tmp_path / name
    path.mkdir()
    return str(path)


# What it is.

@pytest.mark.parametrize("mode", ["session", "transaction", "statement"])
@pytest.mark.parametrize("kind", KINDS)
def test_commands_of_a_walsender_are_answered_by_one_server_to_the_end(pgweir, single, kind, mode):
    weir = pgweir(host=single, settings={"pool_mode": mode})
    with replicate(weir, kind) as client:
        for _ in range(3):
            assert client.query("IDENTIFY_SYSTEM").columns == ["systemid", "timeline", "xlogpos", "dbname"]
        assert client.value("SHOW wal_level") == "replica"
        rows = weir.admin("SHOW SERVERS")
        assert [(row["replication"], row["state"]) for row in rows] == [(kind, "active")]
    with replicate(weir, kind) as again:
        again.query("IDENTIFY_SYSTEM")


def test_its_server_is_closed_with_it_and_serves_nobody_else(pgweir, single, wait_until):
    weir = pgweir(host=single)
    with replicate(weir) as client:
        pid = pid_of(client)
        with weir.connect("postgres", "app") as plain:
            assert pid_of(plain) != pid
    wait_until(lambda: pid not in [row[0] for row in single.query("SELECT pid FROM pg_stat_activity")])


def test_a_logical_connection_speaks_sql_and_keeps_a_transaction(pgweir, single):
    weir = pgweir(host=single, settings={"pool_mode": "statement"})
    with replicate(weir) as client:
        assert client.query("BEGIN").status == "T"
        assert client.value("SELECT current_database()") == "app"
        assert client.query("COMMIT").status == "I"
        with pytest.raises(wire.WireError) as caught:
            client.query("SELECT 1/0")
        assert caught.value.sqlstate == "22012"


def test_show_names_the_kind_for_clients_servers_and_counts_in_pools(pgweir, single):
    weir = pgweir(host=single)
    with replicate(weir, "logical"), replicate(weir, "physical"), weir.connect("postgres", "app") as plain:
        plain.query("SELECT 1")
        for what in ("CLIENTS", "SERVERS"):
            rows = [row for row in weir.admin("SHOW " + what) if row["database"] == "app"]
            assert sorted(row["replication"] for row in rows) == ["logical", "none", "physical"]
        pool = next(row for row in weir.admin("SHOW POOLS") if row["database"] == "app")
        assert (pool["cl_active"], pool["cl_waiting"], pool["sv_active"], pool["sv_idle"]) == (
            "3", "0", "2", "1")
    weir.wait_log("login attempt: db=app user=postgres tls=no replication=database")
    weir.wait_log("login attempt: db=app user=postgres tls=no replication=yes")


@pytest.mark.parametrize("value,kind", [
    ("database", "logical"), ("true", "physical"), ("on", "physical"), ("yes", "physical"),
    ("1", "physical"), ("YES", "physical"), ("t", "physical"), ("false", "none"), ("off", "none"),
    ("no", "none"), ("0", "none")])
def test_the_words_of_the_parameter_mean_what_they_mean_to_postgres(pgweir, single, value, kind):
    weir = pgweir(host=single)
    with replicate(weir, value) as client:
        client.value("SHOW wal_level")
        row = next(row for row in weir.admin("SHOW CLIENTS") if row["database"] == "app")
        assert row["replication"] == kind


@pytest.mark.parametrize("value", ["maybe", "", "database ", "DATABASE", "2"])
def test_another_word_is_refused_as_postgres_refuses_it(pgweir, single, value):
    weir = pgweir(host=single)
    found = []
    for port in (single.port, weir.port):
        with pytest.raises(wire.WireError) as caught:
            wire.Wire(port, user="postgres", database="app", params={"replication": value}).query("SHOW x.y")
        found.append((caught.value.sqlstate, caught.value["S"], caught.value["M"]))
    assert found[0] == found[1]


def test_startup_parameters_and_options_are_the_servers(pgweir, single):
    weir = pgweir(host=single)
    params = {"application_name": "standby7", "options": "-c work_mem=123kB -c extra_float_digits=3 --geqo=off",
              "DateStyle": "German", "search_path": "pg_catalog", "statement_timeout": "12345"}
    with replicate(weir, params=params) as client:
        assert client.parameters["application_name"] == "standby7"
        assert client.parameters["DateStyle"] == "German, DMY"
        for name, value in (("work_mem", "123kB"), ("geqo", "off"), ("search_path", "pg_catalog"),
                            ("statement_timeout", "12345ms"), ("extra_float_digits", "3")):
            assert client.value("SHOW " + name) == value
        assert [row["application_name"] for row in weir.admin("SHOW SERVERS")] == ["standby7"]


def test_application_name_add_host_holds_for_it(pgweir, single):
    weir = pgweir(host=single, settings={"application_name_add_host": 1})
    with replicate(weir, params={"application_name": "standby"}) as client:
        assert client.value("SHOW application_name").startswith("standby - 127.0.0.1:")


# Refusals.

def test_a_login_error_of_the_server_reaches_that_client_only(pgweir, single, wait_until):
    """app has no right to replicate; its pool and those who wait in it hear nothing of that."""
    weir = pgweir(host=single)
    with weir.connect() as plain:
        plain.query("BEGIN")
        for _ in range(3):
            with pytest.raises(wire.WireError) as direct:
                wire.Wire(single.port, user="app", database="app", params={"replication": "database"})
            with pytest.raises(wire.WireError) as caught:
                replicate(weir, user="app")
            assert caught.value.sqlstate == direct.value.sqlstate == "42501"
            assert caught.value["M"] == "login failed: " + direct.value["M"]
        plain.query("COMMIT")
        assert len(re.findall(r"[CS]-\d+: .* closing because: login failed \(age", weir.log())) == 6
        with weir.connect() as late:
            assert late.value("SELECT 1") == "1"


def test_a_login_error_does_not_spoil_a_pool_that_has_no_server_yet(pgweir, single):
    weir = pgweir(host=single)
    with pytest.raises(wire.WireError):
        replicate(weir, user="app")
    with weir.connect() as client:
        assert client.value("SELECT 1") == "1"


@pytest.mark.parametrize("params,sqlstate", [({"no_such_setting": "1"}, "42704"),
                                             ({"options": "-c work_mem=lots"}, "22023")])
def test_a_parameter_that_postgres_refuses_is_refused_in_its_words(pgweir, single, params, sqlstate):
    weir = pgweir(host=single)
    with pytest.raises(wire.WireError) as caught:
        replicate(weir, params=params)
    assert caught.value.sqlstate == sqlstate
    with replicate(weir) as client:
        client.query("IDENTIFY_SYSTEM")


def test_a_server_that_is_starting_up_is_told_at_once(pgweir, fake_postgres):
    def script(server):
        server.read_startup()
        server.send(error("57P03", "the database system is starting up", "FATAL"))

    fake = fake_postgres(script)
    weir = pgweir({"databases": {"app": {"host": "127.0.0.1", "port": fake.port}}})
    with pytest.raises(wire.WireError) as caught:
        replicate(weir)
    assert caught.value.sqlstate == "57P03"


# Limits.

def test_it_counts_in_pool_size_and_evicts_an_idle_server(pgweir, single, wait_until):
    weir = pgweir(host=single, settings={"default_pool_size": 2})
    with weir.connect("postgres", "app") as one, weir.connect("postgres", "app") as two:
        one.query("BEGIN")
        two.query("SELECT 1")  # both servers exist, one is idle
        assert [row["state"] for row in weir.admin("SHOW SERVERS")] == ["idle", "active"]
        with replicate(weir) as client:
            client.query("IDENTIFY_SYSTEM")
            assert [row["state"] for row in weir.admin("SHOW SERVERS")] == ["active", "active"]
            weir.wait_log("closing because: evicted for pool_size")
            two.send(query("SELECT 2"))
            assert two.is_quiet()
            one.query("COMMIT")
            assert two.recv_ready().value == "2"


def test_a_pool_that_is_beyond_its_size_evicts_as_many_as_it_takes(pgweir, single, wait_until):
    weir = pgweir(host=single, settings={"default_pool_size": 1, "reserve_pool_size": 1,
                                         "reserve_pool_timeout": "10ms"})
    with weir.connect("postgres", "app") as one, weir.connect("postgres", "app") as two:
        one.query("BEGIN")
        two.query("SELECT 1")
        one.query("COMMIT")
        wait_until(lambda: [row["state"] for row in weir.admin("SHOW SERVERS")] == ["idle", "idle"])
        with replicate(weir) as client:
            client.query("IDENTIFY_SYSTEM")
            assert [row["state"] for row in weir.admin("SHOW SERVERS")] == ["active"]


def test_it_waits_when_the_pool_is_full_and_goes_before_the_next_request(pgweir, single, wait_until):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect("postgres", "app") as one, weir.connect("postgres", "app") as two:
        one.query("BEGIN")
        with wire.Wire(weir.port, login=False, timeout=20) as client:
            client.send(wire.startup({"user": "postgres", "database": "app", "replication": "database"}))
            two.send(query("SELECT 2"))
            wait_until(lambda: next(row for row in weir.admin("SHOW POOLS")
                                    if row["database"] == "app")["cl_waiting"] == "2")
            one.query("COMMIT")
            client.finish_login()
            client.query("IDENTIFY_SYSTEM")
            assert two.is_quiet()
        assert two.recv_ready().value == "2"


def test_one_that_leaves_while_its_server_comes_leaves_no_server(pgweir, fake_postgres, wait_until):
    fake = fake_postgres(lambda server: (server.read_startup(), server.recv()))
    weir = pgweir({"databases": {"app": {"host": "127.0.0.1", "port": fake.port}}})
    with wire.Wire(weir.port, login=False) as client:
        client.send(wire.startup({"user": "app", "database": "app", "replication": "true"}))
        wait_until(lambda: fake.connections and fake.connections[0].startup_params)
        assert fake.connections[0].startup_params["replication"] == "yes"
        assert len(weir.admin("SHOW SERVERS")) == 1
    wait_until(lambda: weir.admin("SHOW SERVERS") == [])


def test_no_timeout_hits_a_stream(pgweir, single):
    weir = pgweir(host=single, settings={
        "query_timeout": "200ms", "idle_transaction_timeout": "200ms", "client_idle_timeout": "200ms",
        "transaction_timeout": "200ms", "server_idle_timeout": "200ms", "server_lifetime": "200ms",
        "query_wait_timeout": "200ms"})
    with replicate(weir) as client:
        client.query("BEGIN")
        time.sleep(0.7)
        assert client.value("SELECT count(*) FROM (SELECT pg_sleep(0.7)) s") == "1"
        client.query("COMMIT")
        time.sleep(0.7)
        client.query("IDENTIFY_SYSTEM")


def test_reconnect_and_kill_end_it(pgweir, single):
    weir = pgweir(host=single)
    for command in ("RECONNECT app", "KILL app"):
        with replicate(weir) as client:
            client.query("IDENTIFY_SYSTEM")
            weir.admin(command)
            assert [found.type for found in client.recv_closed()] == ["E"]
            weir.admin("RESUME app") if command.startswith("KILL") else None


def test_its_server_lost_is_told(pgweir, single):
    weir = pgweir(host=single)
    with replicate(weir) as client:
        single.query("SELECT pg_terminate_backend(%s)" % pid_of(client))
        found = client.recv_closed()
        assert [each.fields()["C"] for each in found] == ["57P01"]


def test_a_cancel_reaches_its_command(pgweir, single, wait_until):
    weir = pgweir(host=single)
    with replicate(weir) as client:
        client.send(query("SELECT pg_sleep(30)"))
        wait_until(lambda: single.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1")
        client.cancel()
        assert client.recv_ready().error.sqlstate == "57014"


def test_extended_messages_are_judged_by_postgres(pgweir, single):
    weir = pgweir(host=single)
    with replicate(weir, "physical") as client:
        found = client.request(wire.parse("", "SELECT 1"), wire.sync())
        assert found.error.sqlstate == "08P01"
        client.query("IDENTIFY_SYSTEM")


# Streams.

def start_streaming(client):
    position = client.query("IDENTIFY_SYSTEM").dicts()[0]["xlogpos"]
    client.send(query("START_REPLICATION %s" % position))
    assert client.recv().type == "W"
    return position


def status_update(lsn, reply=0):
    return wire.copy_data(b"r" + struct.pack("!qqqqb", lsn, lsn, lsn, 0, reply))


def test_copy_both_both_ways_with_keepalives_and_its_end_by_the_client(pgweir, single):
    weir = pgweir(host=single)
    with replicate(weir, "physical") as client:
        start_streaming(client)
        single.query("SELECT pg_switch_wal()")
        single.query("CREATE TABLE wal_maker (i int)", "app")
        kinds = set()
        while b"w" not in kinds:
            kinds.add(client.recv().body[:1])
        client.send(status_update(1, reply=1))
        while client.recv().body[:1] != b"k":
            pass
        client.send(wire.copy_done())
        found = client.recv_until("Z")
        assert "c" in [each.type for each in found] and found[-2].type == "C"
        assert client.query("IDENTIFY_SYSTEM").status == "I"


def test_a_stream_that_is_not_read_stops_and_pgweir_does_not_grow(pgweir, single, wait_until):
    weir = pgweir(host=single)
    single.query("CREATE TABLE t AS SELECT generate_series(1, 10) i", "app")
    with replicate(weir, "physical", timeout=30) as client:
        position = client.query("IDENTIFY_SYSTEM").dicts()[0]["xlogpos"]
        single.query("INSERT INTO t SELECT generate_series(1, 600000)", "app")
        before = weir.rss_kib()
        client.send(query("START_REPLICATION %s" % position))
        # The queue of the client stays above half of high_water, so that the server is not read.
        wait_until(lambda: any(int(row["send_remain"]) > 131072 for row in weir.admin("SHOW SOCKETS")))
        assert weir.rss_kib() - before < (64 if "asan" in os.environ.get("PGWEIR", "") else 4) * 1024
        received = 0
        while received < 20_000_000:
            received += len(client.recv().body)


# PostgreSQL's own programs.

def test_pg_basebackup_with_its_wal_streamed(pgweir, single, tmp_path):
    weir = pgweir(host=single, databases={"replication": {"host": "127.0.0.1", "port": single.port}})
    target = folder(tmp_path, "backup")
    run("pg_basebackup", "-h", "127.0.0.1", "-p", str(weir.port), "-U", "postgres", "-D", target,
        "-X", "stream", "-c", "fast", "--no-sync")
    assert os.path.exists(os.path.join(target, "backup_manifest"))
    assert os.listdir(os.path.join(target, "pg_wal"))


def test_pg_receivewal_with_a_slot(pgweir, single, tmp_path, wait_until):
    weir = pgweir(host=single, databases={"replication": {"host": "127.0.0.1", "port": single.port}})
    target = folder(tmp_path, "wal")
    common = ["-h", "127.0.0.1", "-p", str(weir.port), "-U", "postgres", "--slot", "weir"]
    run("pg_receivewal", *common, "--create-slot")
    receiver = tool("pg_receivewal", *common, "-D", target, "--no-sync")
    try:
        wait_until(lambda: single.value("SELECT active FROM pg_replication_slots WHERE slot_name = 'weir'") == "t")
        single.query("SELECT pg_switch_wal()")
        single.query("CREATE TABLE wal_maker (i int)", "app")
        wait_until(lambda: [name for name in os.listdir(target) if not name.endswith(".partial")])
    finally:
        receiver.send_signal(signal.SIGINT)
        _, errors = receiver.communicate(timeout=20)
    assert receiver.returncode == 0, errors
    run("pg_receivewal", *common, "--drop-slot")


def test_pg_recvlogical(pgweir, logical, tmp_path, wait_until):
    host = logical.primary
    weir = pgweir(host=host)
    target = os.path.join(folder(tmp_path, "changes"), "out")
    common = ["-h", "127.0.0.1", "-p", str(weir.port), "-U", "postgres", "-d", "app", "--slot", "decoded"]
    run("pg_recvlogical", *common, "--create-slot", "--plugin", "test_decoding")
    receiver = tool("pg_recvlogical", *common, "--start", "-f", target)
    try:
        host.query("CREATE TABLE t (i int)", "app")
        for number in range(100):
            host.query("INSERT INTO t VALUES (%d)" % number, "app")
        wait_until(lambda: os.path.exists(target) and "integer]:99" in open(target).read())
    finally:
        receiver.send_signal(signal.SIGINT)
        receiver.communicate(timeout=20)
    run("pg_recvlogical", *common, "--drop-slot")


def test_a_subscription_through_pgweir(pgweir, logical, new_cluster, wait_until):
    publisher, subscriber = logical.primary, new_cluster(replicas=0).primary
    weir = pgweir(host=publisher)
    publisher.query("CREATE TABLE t (i int PRIMARY KEY, s text)", "app")
    publisher.query("INSERT INTO t SELECT i, 'before' FROM generate_series(1, 1000) i", "app")
    publisher.query("CREATE PUBLICATION p FOR TABLE t", "app")
    subscriber.query("CREATE TABLE t (i int PRIMARY KEY, s text)", "app")
    subscriber.query("CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=%d user=postgres dbname=app"
                     " sslmode=disable gssencmode=disable' PUBLICATION p" % weir.port, "app")
    try:
        wait_until(lambda: subscriber.value("SELECT count(*) FROM t", "app") == "1000", 20)
        publisher.query("INSERT INTO t SELECT i, 'after' FROM generate_series(1001, 2000) i", "app")
        publisher.query("UPDATE t SET s = 'changed' WHERE i <= 10", "app")
        wait_until(lambda: subscriber.value("SELECT count(*) FROM t", "app") == "2000", 20)
        wait_until(lambda: subscriber.value("SELECT count(*) FROM t WHERE s = 'changed'", "app") == "10", 20)
    finally:
        subscriber.query("DROP SUBSCRIPTION s", "app")


# A database with a cluster.

@pytest.mark.parametrize("kind", KINDS)
def test_it_goes_to_the_primary_unless_asked_otherwise(pgweir, cluster, kind):
    weir = pgweir(cluster=cluster)
    ports = {str(host.port): host for host in cluster.hosts}

    def where(params=None):
        with replicate(weir, kind, params=params) as client:
            return ports[client.value("SHOW port")]

    assert where() is cluster.primary
    if kind == "physical":
        assert where({"options": "-c pgweir.route=replica"}) is not cluster.primary


def test_a_standby_streams_through_pgweir_and_follows_a_promotion(pgweir, cluster, wait_until):
    weir = pgweir(cluster=cluster)
    with replicate(weir, "physical") as client:
        start_streaming(client)
        old = cluster.primary
        new = cluster.replicas[0]
        old.kill()
        cluster.promote(new.name)
        assert client.recv_closed(20) is not None
    wait_until(lambda: replicate(weir, "physical").value("SHOW port") == str(new.port), 20)
