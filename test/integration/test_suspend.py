# SPDX-License-Identifier: ISC
"""SUSPEND: everything stands still with nothing on its way out; and SHOW FDS."""
import os
import signal
import socket
import time

import pytest

from harness import wire
from harness.wire import query


def state(console):
    return {row["key"]: row["value"] for row in console.query("SHOW STATE").dicts()}


def console_of(weir):
    return weir.connect("admin", "pgweir", password="admin-secret")


def pauses(console):
    return dict(console.query("SHOW COUNTERS").rows)["stream_pauses"]


def is_stuck(console):
    """A source is paused, and not only until the kernel has found more room for its client."""
    before = pauses(console)
    time.sleep(0.2)
    return int(before) > 0 and pauses(console) == before


@pytest.fixture
def weir(pgweir, single):
    return pgweir(host=single, settings={"tcp_defer_accept": 0, "suspend_timeout": "300ms"})


def test_a_suspended_process_reads_and_accepts_nothing(weir, single):
    with console_of(weir) as console, weir.connect() as client:
        client.query("BEGIN")
        client.query("SELECT 1")
        assert console.query("SUSPEND").tags == ["SUSPEND"]
        assert state(console) == {"active": "no", "paused": "no", "suspended": "yes"}
        client.send(query("SELECT 2 AS unread"))
        with socket.create_connection(("127.0.0.1", weir.port)) as late:
            late.sendall(wire.startup({"user": "app", "database": "app"}))
            late.settimeout(0.2)
            assert client.is_quiet(0.2)
            assert single.value("SELECT count(*) FROM pg_stat_activity WHERE query LIKE "
                                "'%un' || 'read%'") == "0"
            with pytest.raises(TimeoutError):
                late.recv(1)
            assert console.query("RESUME").tags == ["RESUME"]
            late.settimeout(10)
            assert late.recv(1) == b"R"
        result = client.recv_ready()
        assert (result.value, result.status) == ("2", "T")
        assert state(console) == {"active": "yes", "paused": "no", "suspended": "no"}


def test_a_reply_under_way_comes_after_the_suspension(weir):
    with console_of(weir) as console, weir.connect() as client:
        client.send(query("SELECT pg_sleep(0.3), 5"))
        assert client.is_quiet(0.05)
        console.query("SUSPEND")
        assert client.is_quiet(0.5)
        console.query("RESUME")
        assert client.recv_ready().rows[0][1] == "5"


def test_who_does_not_read_is_closed_after_suspend_timeout(weir, wait_until):
    with console_of(weir) as console, weir.connect() as lazy, weir.connect() as other:
        other.query("SELECT 1")
        lazy.send(query("SELECT repeat('x', 1000) FROM generate_series(1, 100000)"))
        wait_until(lambda: is_stuck(console), what="a paused source")
        begin = time.monotonic()
        assert console.query("SUSPEND").tags == ["SUSPEND"]
        assert 0.25 < time.monotonic() - begin < 5
        weir.wait_log("closing because: suspend_timeout")
        console.query("RESUME")
        assert other.value("SELECT 1") == "1"


def test_a_server_whose_client_ended_meanwhile_goes_on_after_it(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1, "idle_transaction_timeout": "300ms",
                                         "server_connect_timeout": 60})
    with console_of(weir) as console, weir.connect() as client:
        pid = client.value("BEGIN; SELECT pg_backend_pid()")
        console.query("SUSPEND")
        weir.wait_log("closing because: idle transaction timeout")
        console.query("RESUME")
        with weir.connect() as other:
            assert other.value("SELECT pg_backend_pid()") == pid


def test_the_end_of_the_connection_that_suspended_resumes(weir):
    with weir.connect() as client:
        with console_of(weir) as console:
            console.query("SUSPEND")
            client.send(query("SELECT 3"))
            assert client.is_quiet(0.1)
        assert client.recv_ready().value == "3"
    weir.wait_log("the connection that suspended is gone, resuming")


def test_suspend_and_pause_exclude_each_other(weir):
    def refusal(command):
        with pytest.raises(wire.WireError) as found:
            console.query(command)
        return found.value.sqlstate, found.value["M"]

    with console_of(weir) as console:
        console.query("SUSPEND")
        for command in ("SUSPEND", "PAUSE", "KILL"):
            assert refusal(command) == ("08P01", "already suspended/paused")
        console.query("RESUME")
        console.query("PAUSE")
        assert refusal("SUSPEND") == ("08P01", "already suspended/paused")
        console.query("RESUME")
        console.query("PAUSE app")
        assert refusal("SUSPEND") == ("08P01", "cannot suspend with paused databases")
        console.query("RESUME app")
        assert refusal("RESUME") == ("08P01", "pooler is not paused/suspended")


def test_signals_while_suspended(weir, wait_until):
    with console_of(weir) as console:
        console.query("SUSPEND")
        weir.process.send_signal(signal.SIGUSR1)
        weir.wait_log("got SIGUSR1, but already paused/suspended")
        mark = weir.log_mark()
        weir.process.send_signal(signal.SIGHUP)
        weir.wait_log("reload complete", since=mark)
        assert state(console)["suspended"] == "yes"
        weir.process.send_signal(signal.SIGUSR2)
        wait_until(lambda: state(console)["active"] == "yes", what="resumed")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_ends_a_suspended_process_at_once(weir, number):
    with console_of(weir) as console, weir.connect() as client:
        client.query("BEGIN")
        client.query("SELECT 1")
        console.query("SUSPEND")
        weir.process.send_signal(number)
        assert weir.process.wait(5) == 0


def test_a_shutdown_that_waits_ends_the_suspension(weir):
    with console_of(weir) as console:
        with weir.connect() as client:
            console.query("SUSPEND")
            console.send(query("SHUTDOWN WAIT_FOR_CLIENTS"))
            assert client.value("SELECT 4") == "4"
        assert weir.process.wait(5) == 0


# SHOW FDS.

FDS = ["fd", "task", "user", "database", "addr", "port", "cancel", "link", "client_encoding",
       "std_strings", "datestyle", "timezone", "password", "scram_client_key", "scram_server_key"]


def test_show_fds_lists_open_sockets(weir, single):
    with console_of(weir) as console, weir.connect() as client:
        client.query("BEGIN")
        client.query("SELECT 1")
        result = console.query("SHOW FDS")
        assert result.columns == FDS
        rows = result.dicts()
        assert sorted(row["task"] for row in rows) == ["client", "pooler", "pooler", "server"]
        by_task = {row["task"]: row for row in rows}
        mine, its = by_task["client"], by_task["server"]
        assert (mine["link"], its["link"]) == (its["fd"], mine["fd"])
        assert (mine["user"], mine["database"], mine["addr"]) == ("app", "app", "127.0.0.1")
        assert its["port"] == str(single.port)
        assert (mine["client_encoding"], mine["std_strings"]) == ("UTF8", "on")
        assert mine["password"] is None and mine["scram_client_key"] is None
        for row in rows:
            assert os.readlink("/proc/%d/fd/%s" % (weir.pid, row["fd"])).startswith("socket:")


def test_show_fds_is_for_admins(weir):
    with pytest.raises(wire.WireError) as refusal:
        weir.admin("SHOW FDS", user="stats", password="stats-secret")
    assert refusal.value.sqlstate == "08P01"
