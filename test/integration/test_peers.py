# SPDX-License-Identifier: ISC
"""Cancel requests that reach another process than the one that gave the key out (peer_id, [peers])."""
import os
import struct
import subprocess
import threading

import pytest

from harness import wire
from harness.cluster import find_bin
from harness.helpers import is_running
from harness.wire import query

PROTOCOL_3_2 = 3 << 16 | 2


def peered(pgweir, host, id, peers, settings=None, **arguments):
    """A pgweir with an id and peers: id -> options."""
    return pgweir({"pgweir": dict({"peer_id": id}, **(settings or {})),
                   "databases": {"app": {"host": "127.0.0.1", "port": host.port}},
                   "peers": peers}, **arguments)


@pytest.fixture
def pair(pgweir, single):
    """Two that know each other."""
    first = peered(pgweir, single, 1, {})
    second = peered(pgweir, single, 2, {"1": {"host": "127.0.0.1", "port": first.port}})
    first.reload(dict(first.template, peers={"2": {"host": "127.0.0.1", "port": second.port}}))
    first.wait_log("reload complete")
    return first, second


def send_cancel(port, pid, key, wait=True):
    """Sends a cancel request there, and waits for the end of its connection."""
    with wire.Wire(port, login=False, timeout=20) as other:
        other.send(wire.cancel_request(pid, key))
        return other.recv_closed() if wait else None


def key_bytes(client):
    return struct.pack("!i", client.pid) + client.key


@pytest.mark.parametrize("protocol,length", [(wire.PROTOCOL_3_0, 4), (PROTOCOL_3_2, 32)])
def test_a_request_at_the_wrong_process_reaches_the_query(pair, single, wait_until, protocol, length):
    for mine, other in (pair, pair[::-1]):
        with mine.connect(protocol=protocol) as client:
            assert len(client.key) == length
            client.send(query("SELECT pg_sleep(30), 'peer'"))
            wait_until(lambda: is_running(single, "%peer%"))
            assert send_cancel(other.port, client.pid, client.key) == []
            assert client.recv_ready().error.sqlstate == "57014"
            assert client.value("SELECT 1") == "1"


def test_the_key_has_pgbouncers_bytes(pgweir, single):
    weir = peered(pgweir, single, 0x1234, {})
    seen = set()
    for _ in range(50):
        with weir.connect() as client:
            found = key_bytes(client)
            assert found[1] | found[2] << 8 == 0x1234
            assert found[7] & 3 == 3
            assert client.pid > 0
            seen.add(found)
    assert len(seen) == 50


def test_a_request_is_cancelled_at_home_too(pair, single, wait_until):
    with pair[0].connect() as client:
        client.send(query("SELECT pg_sleep(30), 'home'"))
        wait_until(lambda: is_running(single, "%home%"))
        client.cancel()
        assert client.recv_ready().error.sqlstate == "57014"


def test_what_is_passed_on_has_one_hop_less_and_is_else_the_same(pgweir, single, fake_postgres, wait_until):
    """The peer is any process that speaks PgBouncer's scheme."""
    fake = fake_postgres(lambda server: server.read_startup())
    weir = peered(pgweir, single, 1, {"300": {"host": "127.0.0.1", "port": fake.port}})
    for hops in (3, 2, 1):
        pid, = struct.unpack("!i", bytes([0x55, 300 & 255, 300 >> 8, 0xaa]))
        key = bytes([1, 2, 3, 0xf0 | hops])
        send_cancel(weir.port, pid, key)
        assert fake.cancels.pop() == (pid, bytes([1, 2, 3, 0xf0 | hops - 1]))
    key = struct.pack("<H", 300) + bytes(29) + bytes([3])
    send_cancel(weir.port, 7, key)
    assert fake.cancels.pop() == (7, key[:31] + b"\2")


@pytest.mark.parametrize("what", ["no hops", "own id", "absent", "other length"])
def test_what_is_for_nobody_is_closed(pgweir, single, fake_postgres, what):
    fake = fake_postgres(lambda server: server.read_startup())
    weir = peered(pgweir, single, 1, {"2": {"host": "127.0.0.1", "port": fake.port},
                                      "1": {"host": "127.0.0.1", "port": fake.port}})
    id, hops = {"no hops": (2, 0), "own id": (1, 3), "absent": (3, 3), "other length": (2, 3)}[what]
    key = bytes([id, 0, 3, hops]) if what != "other length" else bytes([id, 0]) + bytes(13) + b"\3"
    assert send_cancel(weir.port, id << 16, key) == []
    assert fake.connections == []


def test_without_peer_id_nothing_is_passed_on(pgweir, single, fake_postgres):
    fake = fake_postgres(lambda server: server.read_startup())
    weir = peered(pgweir, single, 0, {"2": {"host": "127.0.0.1", "port": fake.port}})
    assert send_cancel(weir.port, 2 << 16, bytes([1, 2, 3, 3])) == []
    assert fake.connections == []


def test_two_that_point_at_each_other_for_a_third_end_by_the_hops(pgweir, single):
    first = peered(pgweir, single, 1, {})
    second = peered(pgweir, single, 2, {"9": {"host": "127.0.0.1", "port": first.port}})
    first.reload(dict(first.template, peers={"9": {"host": "127.0.0.1", "port": second.port}}))
    first.wait_log("reload complete")
    assert send_cancel(first.port, 9 << 16, bytes([1, 2, 3, 3])) == []
    assert first.is_running() and second.is_running()


def test_requests_beyond_pool_size_wait_and_are_given_up_after_cancel_wait_timeout(
        pgweir, single, fake_postgres, wait_until):
    release = threading.Event()

    def script(server):
        try:
            server.read_startup()
        except wire.Closed:
            release.wait(60)
            raise

    fake = fake_postgres(script)
    weir = peered(pgweir, single, 1, {"2": {"host": "127.0.0.1", "port": fake.port, "pool_size": 2}},
                  settings={"cancel_wait_timeout": "3s"})
    ended = []

    def ask(number):
        send_cancel(weir.port, 2 << 16, bytes([number, 2, 3, 3]))
        ended.append(number)

    threads = [threading.Thread(target=ask, daemon=True, args=(n,))
               for n in range(5)]
    for thread in threads:
        thread.start()

    def pools():
        return weir.admin("SHOW PEER_POOLS")[0]

    wait_until(lambda: (pools()["sv_active_cancel"], pools()["cl_waiting_cancel_req"]) == ("2", "3"))
    assert pools()["peer_id"] == "2"
    states = sorted(row["state"] for row in weir.admin("SHOW CLIENTS") if row["state"].endswith("_req"))
    assert states == ["active_cancel_req"] * 2 + ["waiting_cancel_req"] * 3
    for thread in threads:
        thread.join(20)
    assert sorted(ended) == list(range(5))  # the peer never answers: given up
    release.set()
    wait_until(lambda: (pools()["sv_active_cancel"], pools()["cl_waiting_cancel_req"]) == ("0", "0"))
    release.set()
    wait_until(lambda: pools()["cl_active_cancel_req"] == "0")


def test_requests_that_wait_are_bounded_though_their_clients_left(
        pgweir, single, fake_postgres, wait_until):
    """Anybody may send them, without a password."""
    release = threading.Event()

    def script(server):
        try:
            server.read_startup()
        except wire.Closed:
            release.wait(20)
            raise

    fake = fake_postgres(script)
    weir = peered(pgweir, single, 1, {"2": {"host": "127.0.0.1", "port": fake.port, "pool_size": 1}},
                  settings={"cancel_wait_timeout": 60})
    for number in range(1100):
        send_cancel(weir.port, 2 << 16, struct.pack("<BHB", number & 255, number >> 8, 3), wait=False)
    # The last one is judged when it is gone.
    wait_until(lambda: len([row for row in weir.admin("SHOW CLIENTS") if row["state"].endswith("_req")]) == 0)
    assert weir.admin("SHOW PEER_POOLS")[0]["cl_waiting_cancel_req"] == "1000"
    release.set()


def test_a_peer_that_is_not_there_harms_nobody(pgweir, single):
    weir = peered(pgweir, single, 1, {"2": {"host": "127.0.0.1", "port": 1},
                                      "3": {"host": "no-such-host.invalid", "port": 1}})
    assert send_cancel(weir.port, 2 << 16, bytes([1, 2, 3, 3])) == []
    assert send_cancel(weir.port, 3 << 16, bytes([1, 2, 3, 3])) == []
    with weir.connect() as client:
        assert client.value("SELECT 1") == "1"


def test_a_request_goes_once_though_the_name_gets_another_address(
        pgweir, single, fake_postgres, name_server, wait_until):
    release = threading.Event()

    def script(server):
        try:
            server.read_startup()
        except wire.Closed:
            release.wait(20)
            raise

    fake = fake_postgres(script, address="0.0.0.0")
    name_server.names["peer.test"] = ["127.0.0.2"]
    weir = peered(pgweir, single, 1, {"2": {"host": "peer.test", "port": fake.port}},
                  settings={"resolv_conf": name_server.resolv_conf})
    threads = [threading.Thread(target=send_cancel, args=(weir.port, 2 << 16, bytes([n, 2, 3, 3])))
               for n in range(2)]
    for number, thread in enumerate(threads):
        thread.start()
        wait_until(lambda: len(fake.cancels) == number + 1)
        name_server.names["peer.test"] = ["127.0.0.3", "127.0.0.4"]
        weir.admin("RELOAD")  # The name is asked for again.
    release.set()
    for thread in threads:
        thread.join()
    assert sorted(key[0] for _, key in fake.cancels) == [0, 1]


@pytest.mark.parametrize("how", ["name", "unix"])
def test_a_peer_is_reached_by_name_and_by_unix_socket(pgweir, single, wait_until, how):
    first = peered(pgweir, single, 1, {}, settings={"listen_addr": "*"})
    host = "localhost" if how == "name" else first.dir
    second = peered(pgweir, single, 2, {"1": {"host": host, "port": first.port}})
    with first.connect() as client:
        client.send(query("SELECT pg_sleep(30), 'named'"))
        wait_until(lambda: is_running(single, "%named%"))
        send_cancel(second.port, client.pid, client.key)
        assert client.recv_ready().error.sqlstate == "57014"


def test_show_peers_and_a_reload_of_them(pair, single):
    first, second = pair
    assert first.admin("SHOW PEERS") == [
        {"peer_id": "2", "host": "127.0.0.1", "port": str(second.port), "pool_size": "20"}]
    mark = first.log_mark()
    first.reload(dict(first.template, peers={"5": {"host": "elsewhere", "pool_size": 3}}))
    first.wait_log("reload complete", since=mark)
    assert first.admin("SHOW PEERS") == [
        {"peer_id": "5", "host": "elsewhere", "port": "6432", "pool_size": "3"}]
    assert [row["peer_id"] for row in first.admin("SHOW PEER_POOLS")] == ["5"]
    assert send_cancel(first.port, 2 << 16, bytes([1, 2, 3, 3])) == []


def test_ids_of_peers_may_be_larger_than_those_of_keys(pair):
    """PgBouncer takes them in a file; no key has room for them, so they are never asked."""
    first, _ = pair
    mark = first.log_mark()
    first.reload(dict(first.template, peers={str(id): {"host": "127.0.0.1", "port": 1}
                                             for id in (16383, 16384, 65535)}))
    first.wait_log("reload complete", since=mark)
    assert [row["peer_id"] for row in first.admin("SHOW PEERS")] == ["16383", "16384", "65535"]
    assert send_cancel(first.port, 16384 << 16, bytes([1, 2, 3, 3])) == []


def test_keys_given_out_before_peer_id_changed_are_still_good(pgweir, single, wait_until):
    weir = peered(pgweir, single, 1, {})
    with weir.connect() as client, weir.connect(protocol=PROTOCOL_3_2) as long:
        weir.admin("SET peer_id = 7")
        for each in (client, long):
            each.send(query("SELECT pg_sleep(30), 'old key'"))
            wait_until(lambda: is_running(single, "%old key%"))
            each.cancel()
            assert each.recv_ready().error.sqlstate == "57014"


def test_processes_that_share_a_port_cancel_for_one_another(pgweir, single, wait_until):
    """so_reuseport: the kernel decides which process a connection gets."""
    first = peered(pgweir, single, 1, {}, settings={"so_reuseport": 1})
    second = peered(pgweir, single, 2, {"1": {"host": first.dir, "port": first.port}},
                    settings={"so_reuseport": 1}, start=False)
    second.port = first.port
    second.configure(dict(second.template))
    second.spawn()
    second.wait_log("process up")
    first.reload(dict(first.template, peers={"2": {"host": second.dir, "port": first.port}}))
    first.wait_log("reload complete")
    for number in range(12):
        psql = subprocess.Popen(
            [os.path.join(find_bin(), "psql"), "-X", "-At", first.dsn(), "-c",
             "SELECT pg_sleep(30), 'shared%d'" % number],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        wait_until(lambda: is_running(single, "%%shared%d%%" % number))
        psql.send_signal(2)
        _, errors = psql.communicate(timeout=20)
        assert b"canceling statement due to user request" in errors
    assert "login attempt" in first.log() and "login attempt" in second.log()
