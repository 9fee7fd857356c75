# SPDX-License-Identifier: ISC
"""Under a service manager: what systemd is told, the sockets that it gives, its journal."""
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile

import pytest

from harness import pgweir as runner
from harness.cluster import give, unprivileged
from harness.helpers import refusal
from harness.wire import query

ACTIVATE = shutil.which("systemd-socket-activate")


@pytest.fixture(autouse=True)
def built_with_systemd(binary):
    version = subprocess.run([binary, "-V"], stdout=subprocess.PIPE, text=True).stdout
    if "systemd: yes" not in version.splitlines():
        pytest.skip("built without libsystemd")


@pytest.fixture
def manager(workdir, request):
    """A socket that hears what a service says: manager.recv() is the next datagram's lines."""
    path = os.path.join(workdir, re.sub(r"\W", "_", request.node.name)[-40:])
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(path)
        os.chmod(path, 0o666)
        ear.settimeout(10)
        yield ear


class Heard(dict):
    """NAME=value lines of one datagram."""


def hear(manager, wanted=None):
    """The next datagram, or the next one that has the line `wanted`."""
    while True:
        lines = manager.recv(4096).decode().splitlines()
        found = Heard(line.split("=", 1) for line in lines)
        if wanted is None or wanted in found:
            return found


def test_a_start_a_reload_and_an_end_are_told(pgweir, single, manager):
    weir = pgweir(host=single, env={"NOTIFY_SOCKET": manager.getsockname()})
    assert hear(manager) == {"READY": "1"}
    for action in (lambda: weir.admin("RELOAD"), weir.reload):
        action()
        reloading = hear(manager)
        assert reloading["RELOADING"] == "1" and int(reloading["MONOTONIC_USEC"]) > 0
        assert hear(manager) == {"READY": "1"}
    with weir.connect():
        weir.process.send_signal(signal.SIGTERM)
        assert hear(manager) == {"STOPPING": "1"}
    assert weir.process.wait(5) == 0


def test_a_reload_that_fails_is_over_too(pgweir, single, manager):
    weir = pgweir(host=single, env={"NOTIFY_SOCKET": manager.getsockname()})
    hear(manager, "READY")
    weir.reload("nonsense\n")
    assert hear(manager)["RELOADING"] == "1"
    assert hear(manager) == {"READY": "1"}


def test_statistics_are_the_status(pgweir, single, manager):
    weir = pgweir(host=single, settings={"stats_period": 1, "log_stats": 0},
                  env={"NOTIFY_SOCKET": manager.getsockname()})
    assert re.match(r"stats: \d+ xacts/s, \d+ queries/s, .* wait \d+ us$",
                    hear(manager, "STATUS")["STATUS"])
    assert "stats:" not in weir.log()


def test_the_watchdog_hears_from_us(pgweir, single, manager):
    pgweir(host=single, env={"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "200000"})
    hear(manager, "READY")
    for _ in range(3):
        assert hear(manager) == {"WATCHDOG": "1"}


def test_a_takeover_names_the_new_main_process(pgweir, single, manager):
    old = pgweir(host=single, env={"NOTIFY_SOCKET": manager.getsockname()})
    hear(manager, "READY")
    with old.connect():
        new = runner.Pgweir(old.dir, old.binary, {}, ["-R"])
        new.port, new.template, new.logfile = old.port, old.template, old.logfile + "2"
        pgweir.running.append(new)
        new.spawn()
        assert hear(manager) == {"MAINPID": str(new.pid)}
    assert old.process.wait(5) == 0
    manager.settimeout(0.2)
    with pytest.raises(TimeoutError):
        manager.recv(4096)


def test_a_new_process_of_the_unit_speaks_for_itself_after_a_takeover(pgweir, single, manager):
    env = {"NOTIFY_SOCKET": manager.getsockname()}
    old = pgweir(host=single, env=env)
    hear(manager, "READY")
    with old.connect() as client:
        new = runner.Pgweir(old.dir, old.binary, env, ["-R"])
        new.port, new.template, new.logfile = old.port, old.template, old.logfile + "2"
        new.hosts = old.hosts
        pgweir.running.append(new)
        new.spawn()
        said = [hear(manager), hear(manager)]
        assert sorted(said, key=str) == [{"MAINPID": str(new.pid)}, {"READY": "1"}]
        # What the old one does from now on is nobody's business.
        mark = old.log_mark()
        old.process.send_signal(signal.SIGHUP)
        old.wait_log("got SIGHUP|reload", since=mark)
        assert client.value("SELECT 1") == "1"
    assert old.process.wait(5) == 0
    new.reload()
    assert "RELOADING" in hear(manager)
    assert hear(manager) == {"READY": "1"}
    new.process.send_signal(signal.SIGINT)
    assert hear(manager) == {"STOPPING": "1"}
    assert new.process.wait(5) == 0


def test_every_kind_of_end_is_told_once(pgweir, single, manager):
    def send(number):
        return lambda weir: weir.process.send_signal(number)

    def shut_down(weir):
        with weir.connect("admin", "pgbouncer") as console:
            console.send(query("SHUTDOWN WAIT_FOR_CLIENTS"))
            console.send(query("SHUTDOWN"))
            console.recv_closed()

    for end in (send(signal.SIGTERM), send(signal.SIGINT), send(signal.SIGQUIT), shut_down):
        weir = pgweir(host=single, env={"NOTIFY_SOCKET": manager.getsockname()})
        hear(manager, "READY")
        end(weir)
        assert weir.process.wait(5) == 0
        assert hear(manager) == {"STOPPING": "1"}
        manager.setblocking(False)
        with pytest.raises(BlockingIOError):
            manager.recv(4096)
        manager.settimeout(10)


def test_a_start_that_fails_is_never_ready(pgweir, single, manager):
    with pytest.raises(RuntimeError):
        pgweir(host=single, settings={"nonsense": 1}, env={"NOTIFY_SOCKET": manager.getsockname()})
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(4096)


# Sockets.


@pytest.fixture
def activated(pgweir, single, wait_until):
    """A pgweir to which systemd-socket-activate gives a TCP and a Unix socket."""
    if not ACTIVATE:
        pytest.skip("no systemd-socket-activate")

    def start(arguments=(), address="127.0.0.1", **settings):
        weir = pgweir(host=single, settings=dict({"listen_addr": "192.0.2.77"}, **settings),
                      start=False)
        weir.port = runner.free_port()
        weir.configure(weir.template)
        weir.path = os.path.join(weir.dir, ".s.PGSQL.%d" % weir.port)
        weir.log_handle = open(weir.logfile, "w")
        weir.process = subprocess.Popen(
            [ACTIVATE, *arguments, "-l", "%s:%d" % (address, weir.port), "-l", weir.path, weir.binary, weir.ini],
            cwd=weir.dir, stdin=subprocess.DEVNULL, stdout=weir.log_handle,
            stderr=weir.log_handle, preexec_fn=runner.prepare_child, **unprivileged())
        wait_until(lambda: os.path.exists(weir.path), what="sockets")
        return weir

    return start


def test_sockets_of_the_service_manager_are_used(activated):
    weir = activated()
    for host in ("127.0.0.1", weir.dir):
        with weir.connect(host=host) as client:
            assert client.value("SELECT 1") == "1"
    assert "192.0.2.77" not in weir.log()
    assert weir.stop() == 0
    assert os.path.exists(weir.path)  # it is not ours


def test_who_comes_by_ipv4_over_a_socket_for_both_has_an_address_of_ipv4(activated, workdir):
    path = os.path.join(tempfile.mkdtemp(dir=workdir), "hba")
    with open(path, "w") as file:
        file.write("host all app2 127.0.0.0/8 reject\nhost all all all trust\n")
    for each in (os.path.dirname(path), path):
        give(each)
    weir = activated(address="[::]", auth_type="hba", auth_hba_file=path)
    with weir.connect() as client:
        assert client.value("SELECT 1") == "1"
        row = [row for row in weir.admin("SHOW CLIENTS") if row["user"] == "app"][0]
        assert (row["addr"], row["local_addr"]) == ("127.0.0.1", "127.0.0.1")
    assert refusal(weir, user="app2")["M"] == "login rejected"
    with weir.connect("app2", host="::1") as client:
        assert client.value("SELECT 1") == "1"


def test_sockets_with_names_are_used(activated):
    weir = activated(["--fdname=tcp:unix"])
    for host in ("127.0.0.1", weir.dir):
        with weir.connect(host=host) as client:
            assert client.value("SELECT 1") == "1"
    assert "192.0.2.77" not in weir.log()


def test_sockets_of_the_service_manager_are_taken_over(activated, pgweir):
    old = activated()
    with old.connect() as client:
        client.value("SELECT 1")
        new = runner.Pgweir(old.dir, old.binary, {}, ["-R"])
        new.port, new.template, new.logfile = old.port, old.template, old.logfile + "2"
        new.hosts = old.hosts
        pgweir.running.append(new)
        new.spawn()
        old.wait_log("has the listening sockets")
        assert client.value("SELECT 2") == "2"
    assert old.process.wait(5) == 0
    for host in ("127.0.0.1", new.dir):
        with new.connect(host=host) as client:
            assert client.value("SELECT 3") == "3"
    assert new.stop() == 0
    assert os.path.exists(old.path)


@pytest.mark.skipif(not ACTIVATE, reason="no systemd-socket-activate")
def test_a_useless_socket_is_refused(pgweir, single):
    weir = pgweir(host=single, start=False)
    weir.port = runner.free_port()
    weir.configure(weir.template)
    process = subprocess.Popen(
        [ACTIVATE, "-d", "-l", "127.0.0.1:%d" % weir.port, weir.binary, weir.ini], cwd=weir.dir,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        **unprivileged())
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as knock:
            # The service starts with the first datagram; UDP gives no sign of who hears it.
            knock.connect(("127.0.0.1", weir.port))
            while process.poll() is None:
                try:
                    knock.send(b"x")
                except ConnectionRefusedError:
                    pass
        said = process.stdout.read()
        assert process.returncode == 1
        assert "socket 3 is none that listens for streams" in said
    finally:
        process.kill()


# The journal.


def test_the_journal_gets_priorities_and_no_stamps(pgweir, single):
    weir = pgweir(host=single, start=False)
    with open(weir.logfile, "w"):
        give(weir.logfile)
    found = os.stat(weir.logfile)
    weir.env["JOURNAL_STREAM"] = "%d:%d" % (found.st_dev, found.st_ino)
    weir.start()
    weir.wait_log("process up")
    weir.reload("nonsense\n")
    weir.wait_log("reload failed")
    lines = weir.log().splitlines()
    assert all(re.match(r"<[2-7]>(LOG|WARNING|ERROR) ", line) for line in lines), lines
    assert [line for line in lines if line.startswith("<6>LOG process up")]
    assert [line for line in lines if line.startswith("<3>ERROR reload failed")]


def test_a_stderr_that_is_not_the_journal_gets_stamps(pgweir, single):
    weir = pgweir(host=single, env={"JOURNAL_STREAM": "1:1"})
    weir.wait_log(r"^\d{4}-\d\d-\d\d .* LOG process up")
