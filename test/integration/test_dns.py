# SPDX-License-Identifier: ISC
"""Names of hosts: several addresses, changes, failures, zones."""
import errno
import socket
import threading
import time

import pytest

from harness import wire
from harness.cluster import wait_until
from harness.dns import AAAA, SOA
from harness.helpers import many, refusal


@pytest.fixture
def weir(pgweir, name_server):
    """weir(databases, **settings): pgweir that asks the name server."""
    def make(databases, **settings):
        return pgweir(config={"pgweir": dict({"resolv_conf": name_server.resolv_conf,
                                              "dns_max_ttl": 1, "dns_nxdomain_ttl": "300ms",
                                              "server_login_retry": "200ms"}, **settings),
                              "databases": databases})
    return make


def pair(fake_postgres):
    """Two servers at the same port of two addresses."""
    for _ in range(20):
        one = fake_postgres()
        try:
            return one, fake_postgres(address="127.0.0.2", port=one.port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    raise AssertionError("no port is free on both addresses")


def alive(fake):
    return [server for server in fake.connections if not server.closed]


def hosts(weir):
    return {row["hostname"]: row for row in weir.admin("SHOW DNS_HOSTS")}


def test_a_name_is_asked_for_once_and_shown(weir, name_server, fake_postgres):
    fake = fake_postgres()
    name_server.names["db.example.test"] = ["127.0.0.1"]
    pooler = weir({"app": {"host": "db.example.test", "port": fake.port}}, dns_max_ttl=60)
    name_server.ttl = 60
    with many(pooler.connect, 5) as clients:
        for client in clients:
            client.query("SELECT 1")
    assert name_server.count("db.example.test") <= 2
    shown = hosts(pooler)["db.example.test"]
    assert shown["addrs"] == "127.0.0.1:0"
    assert 0 <= int(shown["ttl"]) <= 60
    lists = {row["list"]: row["items"] for row in pooler.admin("SHOW LISTS")}
    assert (lists["dns_names"], lists["dns_zones"]) == ("1", "1")


def test_several_addresses_take_turns(weir, name_server, fake_postgres):
    one, two = pair(fake_postgres)
    name_server.names["db.test"] = ["127.0.0.1", "127.0.0.2"]
    pooler = weir({"app": {"host": "db.test", "port": one.port}}, pool_mode="session")
    with many(pooler.connect, 6) as clients:
        for client in clients:
            client.query("SELECT 1")
        assert len(alive(one)) == len(alive(two)) == 3


def test_a_dead_address_costs_no_client(weir, name_server, fake_postgres):
    one, two = pair(fake_postgres)
    two.stop()
    name_server.names["db.test"] = ["127.0.0.1", "127.0.0.2"]
    pooler = weir({"app": {"host": "db.test", "port": one.port}}, pool_mode="session",
                  server_login_retry=60)
    with many(pooler.connect, 6) as clients:
        for client in clients:
            client.query("SELECT 1")
        assert len(alive(one)) == 6
    assert len(pooler.log().split("Connection refused")) == 2  # once, then it is passed over


def test_servers_follow_a_name_that_moves(weir, name_server, fake_postgres):
    one, two = pair(fake_postgres)
    name_server.names["db.test"] = ["127.0.0.1"]
    pooler = weir({"app": {"host": "db.test", "port": one.port}}, pool_mode="session")
    with pooler.connect() as busy, pooler.connect() as idle:
        busy.query("SELECT 1")
        idle.query("SELECT 1")
        assert len(alive(one)) == 2
        idle.close()
        name_server.names["db.test"] = ["127.0.0.2"]
        # Nobody asks for anything: what rests is closed, what is held stays.
        wait_until(lambda: len(alive(one)) == 1, what="the idle server to go")
        busy.query("SELECT 2")
        with pooler.connect() as another:
            another.query("SELECT 3")
            assert len(alive(two)) == 1
    wait_until(lambda: not alive(one), what="the other one to go")
    assert "its name has other addresses now" in pooler.log()


def test_answers_in_another_order_are_no_change(weir, name_server, fake_postgres):
    one, two = pair(fake_postgres)
    name_server.names["db.test"] = ["127.0.0.1", "127.0.0.2"]
    pooler = weir({"app": {"host": "db.test", "port": one.port}})
    with pooler.connect() as client:
        client.query("SELECT 1")
        before = alive(one) + alive(two)
        for _ in range(3):
            asked = name_server.count("db.test")
            name_server.names["db.test"] = name_server.names["db.test"][::-1]
            wait_until(lambda: name_server.count("db.test") > asked, what="another question")
        client.query("SELECT 1")
        assert alive(one) + alive(two) == before


def test_an_unknown_name_is_believed_for_a_while_and_asked_for_again(weir, name_server,
                                                                    fake_postgres):
    fake = fake_postgres()
    pooler = weir({"app": {"host": "late.test", "port": fake.port}}, dns_nxdomain_ttl=1)
    error = refusal(pooler)
    assert "DNS lookup failed" in error["M"]
    asked = name_server.count("late.test")
    refusal(pooler)
    assert name_server.count("late.test") == asked
    assert hosts(pooler)["late.test"]["addrs"] == ""
    name_server.names["late.test"] = ["127.0.0.1"]

    def connects():
        try:
            pooler.connect().close()
            return True
        except wire.WireError:
            return False
    wait_until(connects, what="the name to be known")


def test_a_name_without_address_in_a_list_sends_clients_to_the_next_host(weir, name_server,
                                                                         fake_postgres):
    fake = fake_postgres()
    for balance in ("disable", "round-robin"):
        pooler = weir({"app": {"host": "nowhere.test,127.0.0.1", "port": fake.port,
                               "load_balance_hosts": balance}}, pool_mode="session")
        clients = [pooler.connect() for _ in range(3)]
        for client in clients:
            client.query("SELECT 1")
        assert len(fake.connections) >= 3
        for client in clients:
            client.close()
        if balance == "disable":
            pooler.wait_log(r"nowhere\.test:\d+ closing because: server DNS lookup failed: ")


def test_a_name_server_that_is_silent_costs_those_only_who_need_the_name(weir, name_server,
                                                                       fake_postgres):
    fake = fake_postgres()
    name_server.names["silent.test"] = None
    name_server.names["db.test"] = ["127.0.0.1"]
    pooler = weir({"app": {"host": "db.test", "port": fake.port},
                   "silent": {"host": "silent.test", "port": fake.port}})
    waiting = wire.Wire(pooler.port, login=False, user="app", database="silent")
    waiting.send(wire.startup({"user": "app", "database": "silent"}))
    wait_until(lambda: name_server.count("silent.test") > 0, what="the question")
    begun = time.monotonic()
    with pooler.connect() as client:
        for _ in range(50):
            client.query("SELECT 1")
    assert time.monotonic() - begun < 1
    assert pooler.admin("SHOW VERSION")
    # c-ares gives up after a while: the client is told, and no sooner.
    errors = [found for found in waiting.recv_closed(30) if found.type == "E"]
    assert "DNS lookup failed" in errors[0].fields()["M"]


def test_old_addresses_are_used_while_the_name_server_is_away(weir, name_server, fake_postgres):
    fake = fake_postgres()
    name_server.names["db.test"] = ["127.0.0.1"]
    pooler = weir({"app": {"host": "db.test", "port": fake.port}}, pool_mode="session")
    with pooler.connect() as client:
        client.query("SELECT 1")
        del name_server.names["db.test"]
        wait_until(lambda: hosts(pooler)["db.test"]["addrs"] == "", what="the name to vanish")
        client.query("SELECT 1")
        with pooler.connect() as another:
            another.query("SELECT 1")
        assert len(alive(fake)) == 2


def test_a_zone_with_another_serial_is_asked_for_anew(weir, name_server, fake_postgres):
    one, two = pair(fake_postgres)
    name_server.ttl = 300
    name_server.names["db.zone.test"] = ["127.0.0.1"]
    name_server.serials["zone.test"] = 7
    pooler = weir({"app": {"host": "db.zone.test", "port": one.port}}, dns_max_ttl=300,
                  dns_zone_check_period="100ms")
    with pooler.connect() as client:
        client.query("SELECT 1")
        wait_until(lambda: pooler.admin("SHOW DNS_ZONES") == [
            {"zonename": "zone.test", "serial": "7", "count": "1"}], what="the serial")
        asked = name_server.count("db.zone.test")
        polled = name_server.count("zone.test", SOA)
        wait_until(lambda: name_server.count("zone.test", SOA) > polled + 2, what="polls")
        assert name_server.count("db.zone.test") == asked
        name_server.names["db.zone.test"] = ["127.0.0.2"]
        name_server.serials["zone.test"] = 8
        wait_until(lambda: not alive(one), what="the servers to move")
        client.query("SELECT 1")
        assert len(alive(two)) == 1
        # Can be switched off while it runs.
        pooler.admin("SET dns_zone_check_period = 0")
        polled = name_server.count("zone.test", SOA)
        pooler.admin("SHOW DNS_ZONES")
        assert name_server.count("zone.test", SOA) <= polled + 1


def test_ipv6_is_used_where_there_is_an_address(weir, name_server, fake_postgres):
    try:
        fake = fake_postgres(address="::1")
    except OSError:
        pytest.skip("no IPv6 here")
    name_server.names["six.test"] = ["::1"]
    pooler = weir({"app": {"host": "six.test", "port": fake.port}})
    with pooler.connect() as client:
        client.query("SELECT 1")
    assert name_server.count("six.test", AAAA) > 0
    assert hosts(pooler)["six.test"]["addrs"] == "[::1]:0"


def test_the_hosts_file_comes_first(weir, name_server, fake_postgres):
    fake = fake_postgres()
    pooler = weir({"app": {"host": "localhost", "port": fake.port}})
    with pooler.connect() as client:
        client.query("SELECT 1")
    assert not [name for name, _ in name_server.asked if name.startswith("localhost")]


def test_a_cancel_goes_to_the_address_that_has_the_query(weir, name_server, fake_postgres):
    def slow(server):
        if server.read_startup() is None:
            return
        server.greet()
        for found in server.messages():
            if found.type != "Q":
                server.answer(found)

    one = fake_postgres(slow)
    two = fake_postgres(slow, address="127.0.0.2", port=one.port)
    name_server.names["db.test"] = ["127.0.0.1", "127.0.0.2"]
    pooler = weir({"app": {"host": "db.test", "port": one.port}})
    with pooler.connect() as client:
        client.send(wire.query("SELECT pg_sleep(60)"))
        wait_until(lambda: one.received("Q") or two.received("Q"), what="the query")
        has, other = (one, two) if one.received("Q") else (two, one)
        before = len(other.connections)
        client.cancel()
        wait_until(lambda: has.cancels, what="the cancel request")
        assert len(other.connections) == before


def test_a_cluster_may_be_named(pgweir, name_server, cluster):
    name_server.names.update({"a.test": ["127.0.0.1"], "b.test": ["127.0.0.1"]})
    primary, replica = cluster.primary, cluster.replicas[0]
    pooler = pgweir(config={
        "pgweir": {"resolv_conf": name_server.resolv_conf},
        "clusters": {"main": {"hosts": "a.test:%d,b.test:%d" % (primary.port, replica.port),
                              "monitor_user": "monitor"}},
        "databases": {"app": {"cluster": "main"}}})
    with pooler.connect() as client:
        client.query("CREATE TABLE named (a int)")
        assert client.value("SELECT count(*) FROM named") == "0"
    roles = {row["host"]: row["role"] for row in pooler.admin("SHOW HOSTS")}
    assert sorted(roles.values()) == ["primary", "replica"]


class Door:
    """Hands connections at an address on to a host, and knows which are open."""

    def __init__(self, address, port, host_port):
        self.listener = socket.create_server((address, port))
        self.host_port, self.open = host_port, set()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            self.open.add(near)
            far = socket.create_connection(("127.0.0.1", self.host_port))
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=(near, one, other), daemon=True).start()

    def pump(self, near, one, other):
        try:
            while data := one.recv(65536):
                other.sendall(data)
        except OSError:
            pass
        for each in (one, other):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.open.discard(near)

    def close(self):
        self.listener.close()


def test_a_cluster_follows_a_name_that_moves(pgweir, name_server, single):
    old = Door("127.0.0.5", 0, single.port)
    port = old.listener.getsockname()[1]
    new = Door("127.0.0.6", port, single.port)
    name_server.names["rw.test"] = ["127.0.0.5"]
    pooler = pgweir(config={
        "pgweir": {"resolv_conf": name_server.resolv_conf, "dns_max_ttl": 1},
        "clusters": {"main": {"hosts": "rw.test:%d" % port, "monitor_user": "monitor"}},
        "databases": {"app": {"cluster": "main"}}})
    with pooler.connect() as client:
        assert client.value("SELECT 1") == "1"
        assert len(old.open) >= 2 and not new.open  # the monitor's too
        name_server.names["rw.test"] = ["127.0.0.6"]
        wait_until(lambda: not old.open, what="all connections to move")
        assert client.value("SELECT 1") == "1"
        assert len(new.open) >= 2
    old.close()
    new.close()


def test_a_listen_address_may_be_a_name(pgweir, single):
    pooler = pgweir(host=single, settings={"listen_addr": "localhost"})
    pooler.wait_log(r"listening on 127\.0\.0\.1:%d" % pooler.port)
    with socket.create_connection(("127.0.0.1", pooler.port), 5):
        pass
