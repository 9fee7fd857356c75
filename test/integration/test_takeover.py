# SPDX-License-Identifier: ISC
"""pgweir -R: a new process takes over the sockets, the old one serves its clients until they leave."""
import array
import os
import pwd
import re
import signal
import socket
import subprocess
import threading

import pytest

from harness import pgweir as runner
from harness import wire
from harness.cluster import find_bin, unprivileged
from harness.helpers import is_running
from harness.wire import bind, execute, parse, query, sync


@pytest.fixture
def successor(pgweir):
    """successor(weir, config=None, log="log2", wait=True): pgweir -R with weir's folder and port."""

    def make(weir, config=None, log="log2", wait=True, arguments=()):
        new = runner.Pgweir(weir.dir, weir.binary, weir.env, ["-R", *arguments])
        new.port, new.hosts, new.template = weir.port, weir.hosts, weir.template
        new.ini = os.path.join(weir.dir, "%s.ini" % log)
        new.logfile = os.path.join(weir.dir, log)
        new.configure(config if config is not None else weir.template)
        pgweir.running.append(new)
        new.spawn()
        if wait:
            new.wait_log("process up")
            weir.wait_log("has the listening sockets, waiting for clients")
        return new

    return make


def logins(weir):
    return len(re.findall("login attempt: db=app", weir.log()))


def socket_path(weir):
    return os.path.join(weir.dir, ".s.PGSQL.%d" % weir.port)


# What clients see.


def test_no_client_notices_a_takeover(pgweir, single, successor):
    old = pgweir(host=single)
    stop, failures, count = threading.Event(), [], [0]

    def come_and_go():
        while not stop.is_set():
            try:
                with old.connect() as client:
                    assert client.value("SELECT 7") == "7"
                count[0] += 1
            except Exception as problem:
                failures.append(problem)

    with old.connect() as idle, old.connect() as busy:
        idle.request(parse("mine", "SELECT $1::int + 1"), sync())
        busy.query("BEGIN")
        busy.query("CREATE TEMP TABLE t ON COMMIT DROP AS SELECT 42 AS x")
        thread = threading.Thread(target=come_and_go)
        thread.start()
        try:
            new = successor(old)
            seen = count[0]
            while count[0] < seen + 20 and not failures:
                pass
        finally:
            stop.set()
            thread.join()
        assert not failures and logins(new) > 0
        assert busy.value("SELECT x FROM t") == "42"
        assert busy.query("COMMIT").status == "I"
        answer = idle.request(bind("", "mine", [1]), execute(), sync())
        assert answer.value == "2"
        assert old.is_running()
    assert old.process.wait(5) == 0
    assert "all clients have disconnected, exiting" in old.log()
    with new.connect() as client:
        assert client.value("SELECT 8") == "8"
    new.wait_log("the old process has ended")


@pytest.mark.parametrize("options", [["-C"], ["-M", "prepared"]])
def test_pgbench_does_not_notice_two_takeovers(pgweir, single, successor, options):
    """New connections all the time; and old ones with prepared statements and transactions."""
    script = ("BEGIN;\nSELECT 1;\nSELECT pg_backend_pid();\nCOMMIT;\n" if options == ["-C"] else
              "\\set i random(1, 9)\nBEGIN;\nSELECT :i + 1;\nSELECT :i::text;\nCOMMIT;\n")
    first = pgweir(host=single, settings={"default_pool_size": 4})
    path = os.path.join(first.dir, "script.sql")
    with open(path, "w") as file:
        file.write(script)
    bench = subprocess.Popen(
        [os.path.join(find_bin(), "pgbench"), "-n", "-c", "6", "-j", "2", "-T", "3", *options,
         "-f", path, first.dsn()], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    first.wait_log("login attempt: db=app")
    second = successor(first)
    if options == ["-C"]:
        second.wait_log("login attempt: db=app")
    third = successor(second, log="log3")
    if options == ["-C"]:
        third.wait_log("login attempt: db=app")
    said = bench.communicate(timeout=60)[0]
    assert bench.returncode == 0 and "number of failed transactions: 0 " in said, said
    assert "aborted" not in said, said
    assert first.process.wait(10) == 0 and second.process.wait(10) == 0


def test_a_login_under_way_is_finished_by_the_old_process(pgweir, single, successor):
    old = pgweir(host=single, settings={"tcp_defer_accept": 0})
    with socket.create_connection(("127.0.0.1", old.port)) as early:
        with old.connect():  # so that the one before it was accepted too
            successor(old)
        early.sendall(wire.startup({"user": "app", "database": "app"}))
        early.settimeout(10)
        assert early.recv(1) == b"R"
    assert old.process.wait(5) == 0


def test_clients_that_wait_for_a_server_get_it(pgweir, single, successor, wait_until):
    old = pgweir(host=single, settings={"default_pool_size": 1})
    with old.connect() as first, old.connect() as second:
        first.query("BEGIN")
        first.query("SELECT 1")
        second.send(query("SELECT 2"))
        wait_until(lambda: old.admin("SHOW POOLS")[0]["cl_waiting"] == "1", what="a wait")
        successor(old)
        assert second.is_quiet(0.1)
        first.query("COMMIT")
        assert second.recv_ready().value == "2"
    assert old.process.wait(5) == 0


# Cancel requests.


def test_a_cancel_request_finds_the_old_process(pgweir, single, successor, wait_until):
    old = pgweir(host=single)
    with old.connect() as client:
        successor(old)
        client.send(query("SELECT pg_sleep(30), 'victim'"))
        wait_until(lambda: is_running(single, "%victim%"))
        client.cancel()
        assert client.recv_ready().error.sqlstate == "57014"
        assert client.value("SELECT 1") == "1"
    assert old.process.wait(5) == 0


def test_a_cancel_request_for_nobody_ends_too(pgweir, single, successor):
    old = pgweir(host=single)
    with old.connect():
        successor(old)
        with socket.create_connection(("127.0.0.1", old.port)) as stray:
            stray.settimeout(10)
            stray.sendall(wire.cancel_request(12345, b"1234"))
            assert stray.recv(1) == b""


def test_many_strange_cancel_requests_use_up_nothing(pgweir, single, successor, wait_until):
    old = pgweir(host=single)
    with old.connect() as client:
        new = successor(old)
        before = new.open_files(), old.open_files()
        for _ in range(3):
            strays = [socket.create_connection(("127.0.0.1", old.port)) for _ in range(400)]
            for stray in strays:
                stray.sendall(wire.cancel_request(12345, b"1234"))
            for stray in strays:
                stray.close()
        wait_until(lambda: new.open_files() <= before[0] and old.open_files() <= before[1],
                   what="descriptors given back")
        assert client.value("SELECT 1") == "1"


def test_a_second_takeover_while_the_first_old_process_drains(pgweir, single, successor, wait_until):
    first = pgweir(host=single)
    with first.connect() as oldest:
        second = successor(first)
        with second.connect() as middle:
            third = successor(second, log="log3")
        # The second has no clients of its own left, but the first is reached by way of it.
        with third.connect() as newest:
            assert newest.value("SELECT 3") == "3"
        oldest.send(query("SELECT pg_sleep(30), 'victim'"))
        wait_until(lambda: is_running(single, "%victim%"))
        oldest.cancel()
        assert oldest.recv_ready().error.sqlstate == "57014"
        assert second.is_running()
    assert first.process.wait(5) == 0
    assert second.process.wait(5) == 0
    with third.connect() as newest:
        assert newest.value("SELECT 3") == "3"


def test_a_cancel_request_finds_the_old_process_among_peers(pgweir, single, successor, wait_until):
    """The key has the number of both, so no other peer is asked."""
    config = {"pgweir": {"peer_id": 2}, "peers": {"1": {"host": "127.0.0.1", "port": 1},
                                                  "2": {"host": "127.0.0.1", "port": 1}},
              "databases": {"app": {"host": "127.0.0.1", "port": single.port}}}
    old = pgweir(config=config)
    with old.connect() as client:
        successor(old)
        client.send(query("SELECT pg_sleep(30), 'victim'"))
        wait_until(lambda: is_running(single, "%victim%"))
        client.cancel()
        assert client.recv_ready().error.sqlstate == "57014"
    assert old.process.wait(5) == 0


# Files and addresses.


def test_files_belong_to_the_new_process(pgweir, single, successor):
    old = pgweir(host=single, settings={"pidfile": "pid"})
    pidfile = os.path.join(old.dir, "pid")
    assert int(open(pidfile).read()) == old.pid
    new = successor(old)
    assert old.process.wait(5) == 0
    assert int(open(pidfile).read()) == new.pid
    assert not [name for name in os.listdir(old.dir) if name.startswith("pid.")]
    with new.connect(host=old.dir) as client:
        assert client.value("SELECT 1") == "1"
    assert new.stop() == 0
    assert not os.path.exists(pidfile) and not os.path.exists(socket_path(new))


def test_several_addresses_are_taken_over_and_changed(pgweir, single, successor):
    settings = {"listen_addr": "127.0.0.1,127.0.0.2", "tcp_defer_accept": 0}
    old = pgweir(host=single, settings=settings)
    config = dict(old.template)
    config["pgweir"] = dict(config["pgweir"], listen_addr="127.0.0.1,127.0.0.3",
                            unix_socket_mode="0700")
    new = successor(old, config)
    assert old.process.wait(5) == 0
    for host in ("127.0.0.1", "127.0.0.3", old.dir):
        with new.connect(host=host) as client:
            assert client.value("SELECT 1") == "1"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", new.port))
    assert os.stat(socket_path(new)).st_mode & 0o777 == 0o700


def test_an_abstract_socket_is_taken_over(pgweir, single, successor):
    old = pgweir(host=single, settings={})
    config = dict(old.template)
    config["pgweir"] = dict(config["pgweir"], unix_socket_dir="@" + old.dir)
    old.stop()
    old.configure(config)
    old.template = config
    old.spawn()
    old.wait_log("listening on 127", since=old.log_mark())
    successor(old)
    assert old.process.wait(5) == 0
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("\0%s/.s.PGSQL.%d" % (old.dir, old.port))
        client.sendall(wire.startup({"user": "app", "database": "app"}))
        assert client.recv(1) == b"R"


def test_a_daemon_replaces_a_daemon(pgweir, single, successor, wait_until):
    old = pgweir(host=single, settings={"pidfile": "pid", "logfile": "own.log"}, arguments=["-d"],
                 start=False)
    pidfile = os.path.join(old.dir, "pid")
    old.port = runner.free_port()
    old.configure(old.template)

    def start(*arguments):
        run = subprocess.run([old.binary, "-d", *arguments, old.ini], cwd=old.dir, text=True,
                             timeout=20, stderr=subprocess.PIPE, **unprivileged())
        assert run.returncode == 0, run.stderr

    def running():
        try:
            with open(pidfile) as file:
                return int(file.read() or 0)
        except FileNotFoundError:
            return 0

    start()
    first = wait_until(running, what="a pidfile")
    wait_until(lambda: "process up" in open(os.path.join(old.dir, "own.log")).read())
    try:
        start("-R")
        second = wait_until(lambda: running() not in (0, first) and running(), what="a new pid")
        wait_until(lambda: "[%d] LOG process ended" % first
                   in open(os.path.join(old.dir, "own.log")).read(), what="the end of the first")
        with old.connect() as client:
            assert client.value("SELECT 1") == "1"
        assert running() == second
    finally:
        os.kill(running(), signal.SIGINT)
        wait_until(lambda: not os.path.exists(pidfile))


# Takeovers that fail.


def refused(new, pattern):
    assert new.process.wait(15) == 1
    assert re.search(pattern, new.log()), new.log()
    new.process = None


def still_works(weir):
    assert os.path.exists(socket_path(weir))
    for host in ("127.0.0.1", weir.dir):
        with weir.connect(host=host) as client:
            assert client.value("SELECT 1") == "1"


def test_a_wrong_configuration_leaves_the_old_process_alone(pgweir, single, successor):
    old = pgweir(host=single)
    config = dict(old.template)
    config["pgweir"] = dict(config["pgweir"], max_client_conn="many")
    refused(successor(old, config, wait=False), "max_client_conn")
    still_works(old)


def test_an_address_in_use_leaves_the_old_process_alone(pgweir, single, successor):
    old = pgweir(host=single)
    config = dict(old.template)
    config["pgweir"] = dict(config["pgweir"], listen_addr="192.0.2.77")
    refused(successor(old, config, wait=False), r"192\.0\.2\.77")
    old.wait_log("takeover: the new process gave up, nothing has changed here")
    still_works(old)


def test_a_process_that_is_gone_is_no_obstacle(pgweir, single, successor):
    old = pgweir(host=single)
    old.stop()
    new = successor(old, wait=False)
    new.wait_log("there is no old process, starting as without -R")
    new.wait_log("process up")
    with new.connect() as client:
        assert client.value("SELECT 1") == "1"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_another_user_may_not_take_over(pgweir, single, successor):
    old = pgweir(host=single, settings={"auth_type": "md5"})
    run = subprocess.run([old.binary, "-R", "-u", "daemon", old.ini], cwd=old.dir, text=True,
                         timeout=20, stderr=subprocess.PIPE)
    assert run.returncode == 1
    assert "takeover: refused by the old process: not allowed (does it run as another user?)" in run.stderr
    with old.connect("md5_user", password="md5-secret") as client:
        assert client.value("SELECT 1") == "1"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_that_becomes_the_same_user_may_take_over(pgweir, single, wait_until):
    old = pgweir(host=single)
    name = pwd.getpwuid(unprivileged()["user"]).pw_name
    log = open(os.path.join(old.dir, "log2"), "w")
    new = subprocess.Popen([old.binary, "-R", "-u", name, old.ini], cwd=old.dir, stderr=log)
    try:
        assert old.process.wait(10) == 0
        with old.connect() as client:
            assert client.value("SELECT 1") == "1"
    finally:
        new.send_signal(signal.SIGINT)
        assert new.wait(10) == 0


@pytest.mark.skipif(not os.path.exists("/usr/sbin/pgbouncer"), reason="no PgBouncer")
def test_pgbouncer_is_not_taken_over(pgweir, single, successor):
    old = pgweir(host=single)
    old.stop()
    weir_binary, old.binary = old.binary, "/usr/sbin/pgbouncer"
    old.configure(old.template)
    old.spawn()
    old.wait_log("process up: PgBouncer")
    config, old.binary = old.template, weir_binary
    refused(successor(old, config, wait=False), "takeover: the old process is no pgweir, its version "
                                          'is "[0-9.]+/bouncer": stop it, then start pgweir without')
    still_works(old)


def test_what_is_paused_is_not_taken_over(pgweir, single, successor):
    old = pgweir(host=single)
    for pause, resume in (("PAUSE", "RESUME"), ("PAUSE app", "RESUME app")):
        old.admin(pause)
        refused(successor(old, wait=False), "takeover: refused by the old process: something is "
                                            "paused: RESUME first")
        old.admin(resume)
        still_works(old)


def test_a_process_that_shuts_down_is_not_taken_over(pgweir, single, successor):
    old = pgweir(host=single)
    with old.connect():
        old.process.send_signal(signal.SIGTERM)
        old.wait_log("waiting for clients")
        refused(successor(old, wait=False), "refused by the old process: pooler is shutting down")


def test_only_the_own_user_gets_the_sockets(pgweir, single):
    weir = pgweir(host=single)
    for host in ("127.0.0.1", weir.dir):
        with weir.connect("admin", "pgweir", host=host) as console:
            if host == weir.dir and os.geteuid() == unprivileged().get("user", os.geteuid()):
                continue
            with pytest.raises(wire.WireError) as refusal:
                console.query("TAKEOVER")
            assert refusal.value.sqlstate == "08P01"
            assert "process's own user" in refusal.value["M"]


ASK = """
import array, socket, struct, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
body = b"user\\0pgbouncer\\0database\\0pgbouncer\\0\\0"
s.sendall(struct.pack("!ii", len(body) + 8, 196608) + body)
data, fds = b"", array.array("i")
def until_ready():
    global data
    while b"Z\\0\\0\\0\\5I" not in data:
        more, ancillary, _, _ = s.recvmsg(8192, 1024)
        data += more
        for _, _, bytes in ancillary:
            fds.frombytes(bytes)
until_ready()
data = b""
s.sendall(b"Q\\0\\0\\0\\x0dTAKEOVER\\0")
until_ready()
line = socket.socket(fileno=fds[0])
word, ancillary, _, _ = line.recvmsg(100, 1024)
print(len(ancillary[0][2]) // 4, flush=True)
sys.stdin.read()
"""


def test_a_new_process_that_dies_half_way_changes_nothing(pgweir, single, successor):
    old = pgweir(host=single)
    half = subprocess.Popen(["/usr/bin/python3", "-c", ASK, socket_path(old)], text=True,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, **unprivileged())
    assert half.stdout.readline() == "2\n"
    old.wait_log("listening sockets offered")
    refused(successor(old, wait=False), "refused by the old process: another process is taking over")
    still_works(old)
    half.stdin.close()
    half.wait()
    old.wait_log("takeover: the new process gave up, nothing has changed here")
    still_works(old)
    new = successor(old, log="log3")
    assert old.process.wait(5) == 0
    still_works(new)


def test_nothing_is_paused_while_a_new_process_starts(pgweir, single):
    """Its clients would wait for ever: the console is that of the new process by then."""
    old = pgweir(host=single)
    half = subprocess.Popen(["/usr/bin/python3", "-c", ASK, socket_path(old)], text=True,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, **unprivileged())
    assert half.stdout.readline() == "2\n"
    for command in ("PAUSE", "PAUSE app", "KILL app", "SUSPEND"):
        with pytest.raises(wire.WireError) as refusal:
            old.admin(command)
        assert (refusal.value.sqlstate, refusal.value["M"]) == (
            "08P01", "another process is taking over")
    old.process.send_signal(signal.SIGUSR1)
    old.wait_log("got SIGUSR1, but another process is taking over")
    still_works(old)
    half.stdin.close()
    half.wait()
    old.wait_log("takeover: the new process gave up")
    old.admin("PAUSE")
    old.admin("RESUME")


# The old process on its way out.


def test_signals_reach_a_process_that_drains(pgweir, single, successor):
    old = pgweir(host=single)
    with old.connect() as client:
        successor(old)
        mark = old.log_mark()
        old.process.send_signal(signal.SIGHUP)
        old.wait_log("reload complete", since=mark)
        old.process.send_signal(signal.SIGUSR1)
        old.wait_log("got SIGUSR1 while shutting down, ignoring", since=mark)
        assert client.value("SELECT 1") == "1"
        old.process.send_signal(signal.SIGTERM)
        assert client.recv_closed()[-1].fields()["C"] == "57P01"
    assert old.process.wait(5) == 0
