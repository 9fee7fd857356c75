# SPDX-License-Identifier: ISC
"""The process: command line, start, signals, reload, end."""
import grp
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import time

import pytest

from harness import wire
from harness.cluster import free_port, unprivileged, wait_until

INI = """[databases]
app = host=127.0.0.1 port=1
[pgweir]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir = {dir}
auth_type = trust
auth_file = {dir}/users.txt
admin_users = admin
"""


class Command:
    """Runs the program by hand, in a folder of its own."""

    def __init__(self, binary, folder):
        self.binary, self.dir, self.port = binary, folder, free_port()
        self.ini = os.path.join(folder, "pgweir.ini")
        self.write("users.txt", '"admin" "x"\n"app" ""\n')

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w") as file:
            file.write(text.replace("{port}", str(self.port)).replace("{dir}", self.dir))
        os.chmod(path, 0o644)
        return path

    def run(self, *arguments, timeout=10, root=False):
        drop = {} if root else unprivileged()
        return subprocess.run([self.binary, *arguments], cwd=self.dir, text=True, timeout=timeout,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, **drop)


@pytest.fixture
def command(binary, workdir, request):
    from harness import pgweir as runner

    folder = os.path.join(workdir, re.sub(r"\W", "_", request.node.name)[:60])
    runner.make_folder(folder)
    return Command(binary, folder)


def wait_gone(pid):
    for _ in range(500):
        try:
            os.kill(pid, 0)
        except OSError:
            return
        with open("/proc/%d/stat" % pid) as file:
            if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                return
        time.sleep(0.01)
    raise AssertionError("process %d does not end" % pid)


# Command line.


def test_version_is_what_the_console_says(command, pgweir):
    run = command.run("-V")
    assert run.returncode == 0
    first = run.stdout.splitlines()[0]
    assert re.match(r"pgweir \d+\.\d+\.\d+$", first)
    assert command.run("--version").stdout == run.stdout
    weir = pgweir(config=INI)
    assert weir.admin("SHOW VERSION") == [{"version": first}]


def test_version_names_the_libraries(command):
    lines = command.run("-V").stdout.splitlines()
    for line, expected in zip(lines[1:], (r"libev \d+\.\d+$", r"adns: c-ares \d+\.\d+\.\d+$",
                                          r"tls: OpenSSL \d")):
        assert re.match(expected, line), line
    # What a build may lack.
    optional = ["systemd: yes", "ldap: yes", "pam: yes"]
    assert lines[4:] == [line for line in optional if line in lines]


def test_help(command):
    run = command.run("-h")
    assert run.returncode == 0
    for word in ("--daemon", "--quiet", "--user", "--verbose", "--version", "--check", "CONFIG_FILE"):
        assert word in run.stdout


def test_help_config_lists_settings(command):
    run = command.run("--help-config")
    assert run.returncode == 0
    assert "listen_port" in run.stdout and "max_replica_lag" in run.stdout


@pytest.mark.parametrize("arguments", [[], ["--nonsense", "x.ini"], ["-u"],
                                       ["a.ini", "b.ini"]])
def test_wrong_usage_is_refused(command, arguments):
    run = command.run(*arguments)
    assert run.returncode == 1
    assert "--help" in run.stderr


def test_check_says_ok_and_starts_nothing(command):
    ini = command.write("pgweir.ini", INI)
    run = command.run("--check", ini)
    assert (run.returncode, run.stdout) == (0, "configuration ok\n")
    assert not os.path.exists(os.path.join(command.dir, ".s.PGSQL.%d" % command.port))


@pytest.mark.parametrize("line,expected", [
    ("pool_mod = session", r"pgweir\.ini:10: .*pool_mod.*pool_mode"),
    ("pool_mode = sometimes", r"pgweir\.ini:10: .*session, transaction, statement"),
    ("max_client_conn = many", r"pgweir\.ini:10: .*max_client_conn"),
    ("auth_file = /nowhere/users.txt", r"/nowhere/users\.txt.*No such file"),
])
@pytest.mark.parametrize("options", [["--check"], []])
def test_a_wrong_configuration_is_refused_with_its_line(command, line, expected, options):
    ini = command.write("pgweir.ini", INI + line + "\n")
    run = command.run(*options, ini)
    assert run.returncode == 1
    assert re.search(expected, run.stderr), run.stderr


def test_a_missing_configuration_is_refused(command):
    run = command.run("nowhere.ini")
    assert run.returncode == 1
    assert "nowhere.ini" in run.stderr


def test_nowhere_to_listen(command):
    ini = command.write("pgweir.ini", INI.replace("127.0.0.1\nlisten_port", "\nlisten_port")
                        .replace("unix_socket_dir = {dir}", "unix_socket_dir ="))
    run = command.run(ini)
    assert run.returncode == 1
    assert "nowhere to listen" in run.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_is_refused(command):
    ini = command.write("pgweir.ini", INI)
    run = command.run(ini, root=True)
    assert run.returncode == 1
    assert "pgweir should not run as root" in run.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_an_unknown_user_is_refused(command):
    ini = command.write("pgweir.ini", INI)
    run = command.run("-u", "no_such_user", ini, root=True)
    assert run.returncode == 1
    assert "could not find user 'no_such_user'" in run.stderr


def test_a_port_in_use_is_fatal(command):
    ini = command.write("pgweir.ini", INI)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", command.port))
        taken.listen()
        run = command.run(ini)
    assert run.returncode == 1
    assert "Address already in use" in run.stderr
    assert not os.path.exists(os.path.join(command.dir, ".s.PGSQL.%d" % command.port))


# In the background.


def start_daemon(command, extra="", *arguments, root=False):
    ini = command.write("pgweir.ini", INI + "pidfile = {dir}/pid\nlogfile = {dir}/log\n" + extra)
    run = command.run("-d", *arguments, ini, root=root)
    assert run.returncode == 0, run.stderr
    path = os.path.join(command.dir, "pid")
    for _ in range(500):
        if os.path.exists(path) and open(path).read().endswith("\n"):
            break
        time.sleep(0.01)
    pid = int(open(path).read())
    for _ in range(500):
        if "process up" in open(os.path.join(command.dir, "log")).read():
            return pid
        time.sleep(0.01)
    raise AssertionError("the daemon does not come up")


def test_daemon_has_a_pidfile_and_leaves_nothing(command):
    pid = start_daemon(command)
    try:
        assert os.getsid(pid) != os.getsid(0) and os.getsid(pid) != pid
        assert {os.readlink("/proc/%d/fd/%d" % (pid, fd)) for fd in range(3)} == {"/dev/null"}
        with wire.Wire(command.port, user="admin", database="pgweir") as console:
            assert console.value("SHOW VERSION")
        again = command.run("-d", command.ini)
        assert again.returncode == 1
        assert "another instance running?" in again.stderr
    finally:
        os.kill(pid, signal.SIGINT)
        wait_gone(pid)
    assert not os.path.exists(os.path.join(command.dir, "pid"))
    assert not os.path.exists(os.path.join(command.dir, ".s.PGSQL.%d" % command.port))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_privileges_are_given_up(command):
    user = "postgres" if unprivileged() else "nobody"
    pid = start_daemon(command, "", "-u", user, root=True)
    try:
        uid = unprivileged()["user"]
        assert re.search(r"^Uid:\s+%d\s+%d\s+%d\s+%d$" % ((uid,) * 4),
                         open("/proc/%d/status" % pid).read(), re.M)
        socket_file = os.stat(os.path.join(command.dir, ".s.PGSQL.%d" % command.port))
        assert socket_file.st_uid == uid
    finally:
        os.kill(pid, signal.SIGINT)
        wait_gone(pid)
    assert not os.path.exists(os.path.join(command.dir, "pid"))


def test_relative_paths_mean_the_folder_of_the_start_for_ever(command):
    """A daemon stays where it was started: a reload finds what the start has found."""
    command.write("more.ini", "[users]\napp = pool_size=7\n")
    command.write("pgweir.ini", INI.replace("{dir}/users.txt", "users.txt") +
                  "auth_hba_file = hba\npidfile = pid\nlogfile = log\n%include more.ini\n")
    command.write("hba", "host all all 127.0.0.1/32 trust\n")
    run = command.run("-d", "pgweir.ini")
    assert run.returncode == 0, run.stderr
    path = os.path.join(command.dir, "log")
    wait_until(lambda: os.path.exists(path) and "process up" in open(path).read())
    pid = int(open(os.path.join(command.dir, "pid")).read())
    try:
        command.write("more.ini", "[users]\napp = pool_size=9\n")
        command.write("users.txt", '"admin" "x"\n"app" ""\n"late" ""\n')
        os.rename(path, path + ".1")
        os.kill(pid, signal.SIGHUP)
        wait_until(lambda: os.path.exists(path) and "reload complete" in open(path).read())
        with wire.Wire(command.port, user="admin", database="pgweir") as console:
            rows = console.query("SHOW USERS").dicts()
        assert {row["name"]: row["pool_size"].strip() for row in rows
                if row["name"] in ("app", "late")} == {"app": "9", "late": ""}
    finally:
        os.kill(pid, signal.SIGINT)
        wait_gone(pid)
    assert not os.path.exists(os.path.join(command.dir, "pid"))


def test_sigpipe_is_nothing(pgweir):
    """Nor is a client that does not wait for its answer."""
    weir = pgweir(config=INI)
    weir.process.send_signal(signal.SIGPIPE)
    for _ in range(3):
        client = weir.connect("admin", "pgweir", password="x")
        client.send(*[wire.query("SHOW CONFIG")] * 20)
        client.abort()
    assert weir.admin("SHOW VERSION")
    assert weir.is_running()


def test_daemon_needs_a_pidfile(command):
    run = command.run("-d", command.write("pgweir.ini", INI))
    assert run.returncode == 1
    assert "daemon needs pidfile configured" in run.stderr


def test_a_stale_pidfile_and_socket_are_replaced(command):
    pid = start_daemon(command)
    os.kill(pid, signal.SIGKILL)
    wait_gone(pid)
    # Where nobody reaps orphans the process is still there in a way: name one that never was.
    command.write("pid", "4194301\n")
    pid = start_daemon_again(command, pid)
    os.kill(pid, signal.SIGINT)
    wait_gone(pid)


def start_daemon_again(command, old):
    os.remove(os.path.join(command.dir, "log"))
    run = command.run("-d", command.ini)
    assert run.returncode == 0, run.stderr
    for _ in range(500):
        try:
            pid = int(open(os.path.join(command.dir, "pid")).read())
            if pid != old and "process up" in open(os.path.join(command.dir, "log")).read():
                return pid
        except (FileNotFoundError, ValueError):
            pass
        time.sleep(0.01)
    raise AssertionError("the daemon does not come up again")


# Sockets.


def test_a_live_socket_is_not_taken(pgweir, command):
    weir = pgweir(config=INI)
    command.port, command.dir = weir.port, weir.dir
    text = INI.replace("listen_addr = 127.0.0.1", "listen_addr =")
    run = command.run(command.write("second.ini", text))
    assert run.returncode == 1
    assert "unix socket is in use, cannot continue" in run.stderr
    with weir.connect("admin", "pgweir", host=weir.dir) as console:
        assert console.value("SHOW VERSION")


def test_a_lock_file_is_respected(command):
    command.write(".s.PGSQL.%d.lock" % command.port, "1\n")
    run = command.run(command.write("pgweir.ini", INI))
    assert run.returncode == 1
    assert "unix port %d is in use" % command.port in run.stderr


def test_the_process_has_a_name(pgweir):
    pgweir(config=INI).wait_log("process up: pgweir [0-9.]+, called pgweir,")
    pgweir(config=INI + "job_name = one\n").wait_log("process up: .* called one,")
    pgweir(config=INI + "job_name = one\nservice_name = two\n").wait_log("called two,")


def test_group_of_the_socket(pgweir, command):
    gid = unprivileged().get("group", os.getegid())
    name = grp.getgrgid(gid).gr_name
    weir = pgweir(config=INI + "unix_socket_group = %s\nunix_socket_mode = 0770\n" % name)
    found = os.stat(os.path.join(weir.dir, ".s.PGSQL.%d" % weir.port))
    assert (found.st_gid, stat.S_IMODE(found.st_mode)) == (gid, 0o770)
    run = command.run(command.write("pgweir.ini", INI + "unix_socket_group = no_such_group\n"))
    assert run.returncode == 1
    assert 'there is no group "no_such_group" (unix_socket_group)' in run.stderr
    assert not os.path.exists(os.path.join(command.dir, ".s.PGSQL.%d" % command.port))


def test_a_folder_that_is_not_there_is_refused(command):
    ini = command.write("pgweir.ini", INI.replace("unix_socket_dir = {dir}",
                                                  "unix_socket_dir = {dir}/nowhere"))
    run = command.run(ini)
    assert run.returncode == 1
    assert re.search(r"cannot listen on .*/nowhere/\.s\.PGSQL\.\d+: No such file", run.stderr)


@pytest.mark.skipif(not shutil.which("ss"), reason="needs ss")
def test_the_backlog_is_the_setting(pgweir):
    weir = pgweir(config=INI + "listen_backlog = 37\n")
    said = subprocess.run(["ss", "-Hltn", "sport = :%d" % weir.port], stdout=subprocess.PIPE,
                          text=True).stdout
    assert said.split()[2] == "37"


@pytest.mark.parametrize("defer", [0, 1])
def test_a_silent_connection_is_accepted_or_deferred(pgweir, wait_until, defer):
    weir = pgweir(config=INI + "tcp_defer_accept = %d\n" % defer)
    with weir.connect("admin", "pgweir") as console:
        before = weir.open_files()
        with socket.create_connection(("127.0.0.1", weir.port)):
            if defer:
                for _ in range(20):
                    console.query("SHOW VERSION")
                assert weir.open_files() == before
            else:
                wait_until(lambda: weir.open_files() == before + 1, what="an accepted socket")


def test_statistics_are_logged_in_pgbouncers_words(pgweir):
    weir = pgweir(config=INI + "stats_period = 1\n")
    weir.wait_log(r" LOG stats: \d+ xacts/s, \d+ queries/s, \d+ client parses/s, \d+ server "
                  r"parses/s, \d+ binds/s, \d+ client logins/s, in \d+ B/s, out \d+ B/s, xact \d+ us, "
                  r"query \d+ us, wait \d+ us$")


def test_mode_of_the_socket(pgweir):
    weir = pgweir(config=INI + "unix_socket_mode = 0750\n")
    mode = os.stat(os.path.join(weir.dir, ".s.PGSQL.%d" % weir.port)).st_mode
    assert stat.S_IMODE(mode) == 0o750


def test_an_abstract_socket(pgweir):
    weir = pgweir(config=INI.replace("unix_socket_dir = {dir}", "unix_socket_dir = @{dir}"))
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("\0%s/.s.PGSQL.%d" % (weir.dir, weir.port))
        client.sendall(wire.startup({"user": "admin", "database": "pgweir"}))
        assert client.recv(1) == b"R"


def test_all_addresses(pgweir):
    weir = pgweir(config=INI.replace("listen_addr = 127.0.0.1", "listen_addr = *"))
    for host in ("127.0.0.1", "127.0.0.2"):
        with weir.connect("admin", "pgweir", host=host) as console:
            row, = [row for row in console.query("SHOW CLIENTS").dicts()]
            assert row["local_addr"] == host
    if socket.has_ipv6 and os.path.exists("/proc/net/if_inet6") and "::1" in addresses():
        with weir.connect("admin", "pgweir", host="::1") as console:
            assert console.query("SHOW CLIENTS").dicts()[0]["addr"] == "::1"


def addresses():
    with open("/proc/net/if_inet6") as file:
        return ["::1" if line.startswith("0" * 31 + "1") else "" for line in file]


def test_one_address_that_fails_is_a_warning(pgweir):
    weir = pgweir(config=INI.replace("listen_addr = 127.0.0.1",
                                     "listen_addr = 192.0.2.77, 127.0.0.1"))
    weir.wait_log(r"WARNING .*cannot listen on 192\.0\.2\.77")
    weir.wait_log(r"listening on 127\.0\.0\.1:%d" % weir.port)


def test_no_more_descriptors_only_delays(pgweir, wait_until):
    weir = pgweir(config=INI + "tcp_defer_accept = 0\n", start=False)
    wrapper = os.path.join(weir.dir, "few-files")
    with open(wrapper, "w") as file:
        file.write('#!/bin/sh\nulimit -n 40\nexec %s "$@"\n' % weir.binary)
    os.chmod(wrapper, 0o755)
    weir.binary = wrapper
    weir.start()
    weir.wait_log("the limit of open files .* is lower")
    sockets = [socket.create_connection(("127.0.0.1", weir.port)) for _ in range(60)]
    weir.wait_log(r"accept\(\) failed: Too many open files")
    for each in sockets:
        each.close()
    assert wait_until(lambda: weir.admin("SHOW VERSION"), what="accepting again")
    assert len(re.findall(r"accept\(\) failed", weir.log())) == 1


def test_a_reload_that_needs_more_descriptors_warns(pgweir):
    weir = pgweir(config=INI, start=False)
    wrapper = os.path.join(weir.dir, "few-files")
    with open(wrapper, "w") as file:
        file.write('#!/bin/sh\nulimit -n 1000\nexec %s "$@"\n' % weir.binary)
    os.chmod(wrapper, 0o755)
    weir.binary = wrapper
    weir.start()
    weir.wait_log("process up")
    assert "is lower than what the settings allow" not in weir.log()
    weir.reload(INI + "max_client_conn = 5000\n")
    weir.wait_log(r"WARNING .*the limit of open files \(1000\) is lower than what the settings")
    mark = weir.log_mark()
    weir.admin("SET max_client_conn = 6000")
    weir.wait_log(r"WARNING .*the limit of open files \(1000\)", since=mark)


def test_processes_share_a_port(pgweir, single):
    """so_reuseport: both accept at once, one may leave and come back."""
    first = pgweir(host=single, settings={"so_reuseport": 1})
    second = pgweir(host=single, settings={"so_reuseport": 1}, start=False)
    second.port = first.port
    second.configure(second.template)
    second.spawn()
    second.wait_log("process up")

    def served(weir):
        return len(re.findall("login attempt: db=app", weir.log()))

    def come_until(*weirs):
        for _ in range(1000):
            with first.connect() as client:
                assert client.value("SELECT 1") == "1"
            if all(served(weir) > 0 for weir in weirs):
                return
        raise AssertionError("not all processes get connections")

    come_until(first, second)
    assert first.stop() == 0
    mark = served(second)
    come_until(second)
    assert served(second) > mark


def test_who_has_knocked_before_a_shutdown_is_served(pgweir, single):
    """The kernel would reset them when the listening socket closes."""
    weir = pgweir(host=single, settings={"tcp_defer_accept": 0})
    with weir.connect() as stays:
        stays.value("SELECT 1")
        weir.process.send_signal(signal.SIGSTOP)
        with socket.create_connection(("127.0.0.1", weir.port)) as early:
            early.sendall(wire.startup({"user": "app", "database": "app"}))
            weir.process.send_signal(signal.SIGTERM)
            weir.process.send_signal(signal.SIGCONT)
            early.settimeout(10)
            assert early.recv(1) == b"R"
    assert weir.process.wait(5) == 0


@pytest.mark.skipif(os.geteuid() != 0 or os.path.exists("/dev/log"), reason="needs /dev/log")
def test_syslog_and_logfile_together(pgweir, wait_until):
    """Facility, identity and priority of syslog; the logfile has the same lines."""
    ident = "pgweir-%d" % os.getpid()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind("/dev/log")
        try:
            os.chmod("/dev/log", 0o666)
            ear.settimeout(10)
            weir = pgweir(config=INI + "syslog = 1\nsyslog_facility = local3\nsyslog_ident = %s\n"
                          "logfile = {dir}/own.log\n" % ident)
            while True:
                line = ear.recv(4096).decode()
                if ident in line and "process up" in line:
                    break
            assert line.startswith("<%d>" % (19 * 8 + 6))
            assert "%s[%d]: process up" % (ident, weir.pid) in line
            own = os.path.join(weir.dir, "own.log")
            wait_until(lambda: "process up" in open(own).read(), what="the line in the logfile")
            weir.stop()
        finally:
            os.remove("/dev/log")


# Signals.


def test_hangup_applies_a_change(pgweir):
    weir = pgweir(config=INI)
    mark = weir.log_mark()
    weir.reload(INI + "default_pool_size = 33\n")
    weir.wait_log("reload complete", since=mark)
    assert re.search("default_pool_size.*20 -> 33", weir.log_since(mark))
    rows = {row["key"]: row["value"] for row in weir.admin("SHOW CONFIG")}
    assert rows["default_pool_size"] == "33"


def test_a_wrong_reload_changes_nothing(pgweir):
    weir = pgweir(config=INI)
    mark = weir.log_mark()
    weir.reload(INI.replace("[pgweir]", "[pgweir]\nmax_client_conn = 7") + "default_pol_size = 33\n")
    found = weir.wait_log(r"reload failed, nothing has changed: (.*)", since=mark)
    assert re.search(r"pgweir\.ini:11: .*default_pool_size", found.group(1))
    rows = {row["key"]: row["value"] for row in weir.admin("SHOW CONFIG")}
    assert rows["max_client_conn"] == "100"


def test_a_reload_with_a_broken_auth_file_changes_nothing(pgweir):
    weir = pgweir(config=INI)
    weir.wait_log("process up")  # it has read the file
    with open(weir.users_file, "w") as file:
        file.write('"admin" "x"\nnonsense\n')
    mark = weir.log_mark()
    weir.reload(INI + "default_pool_size = 33\n")
    weir.wait_log(r"reload failed, nothing has changed: .*users\.txt:2", since=mark)
    rows = {row["key"]: row["value"] for row in weir.admin("SHOW CONFIG")}
    assert rows["default_pool_size"] == "20"


def test_a_setting_that_needs_a_restart_is_named(pgweir):
    weir = pgweir(config=INI)
    mark = weir.log_mark()
    weir.reload(INI.replace("listen_port = {port}", "listen_port = 1"))
    weir.wait_log(r"WARNING .*listen_port.*restart", since=mark)
    weir.wait_log("reload complete", since=mark)
    rows = {row["key"]: row["value"] for row in weir.admin("SHOW CONFIG")}
    assert rows["listen_port"] == str(weir.port)


def test_reload_opens_the_logfile_anew(pgweir, wait_until):
    weir = pgweir(config=INI + "logfile = {dir}/own.log\n")
    path = os.path.join(weir.dir, "own.log")
    os.rename(path, path + ".1")
    weir.reload()
    wait_until(lambda: os.path.exists(path) and "reload complete" in open(path).read(),
               what="a new logfile")


def test_users_may_come_by_reload(pgweir):
    weir = pgweir(config=INI + "auth_type = scram-sha-256\n")
    with pytest.raises(wire.WireError):
        weir.connect("admin", "pgweir", password="new")
    weir.users({"admin": "new"})
    mark = weir.log_mark()
    weir.reload()
    weir.wait_log("reload complete", since=mark)
    assert weir.connect("admin", "pgweir", password="new").value("SHOW VERSION")


def test_databases_come_and_go_by_reload(pgweir):
    weir = pgweir(config=INI)
    mark = weir.log_mark()
    weir.reload(INI.replace("app = host=127.0.0.1 port=1", "other = host=127.0.0.1 port=2"))
    weir.wait_log("reload complete", since=mark)
    assert [row["name"] for row in weir.admin("SHOW DATABASES")] == ["other", "pgbouncer"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_an_idle_process_ends_at_once(pgweir, number):
    weir = pgweir(config=INI)
    weir.process.send_signal(number)
    assert weir.process.wait(5) == 0
    assert not os.path.exists(os.path.join(weir.dir, ".s.PGSQL.%d" % weir.port))
    assert "process ended" in weir.log()


def test_signals_at_the_very_end_do_not_cut_it_short(pgweir):
    for _ in range(5):
        weir = pgweir(config=INI)
        weir.process.send_signal(signal.SIGTERM)
        while weir.process.poll() is None:
            weir.process.send_signal(signal.SIGHUP)
        assert weir.process.returncode == 0
        assert "process ended" in weir.log()


def test_term_waits_for_clients_and_a_second_one_does_not(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        weir.process.send_signal(signal.SIGTERM)
        weir.wait_log("waiting for clients to disconnect")
        assert client.value("SELECT 1") == "1"
        weir.process.send_signal(signal.SIGTERM)
        last = client.recv_closed()[-1].fields()
        assert (last["C"], last["M"]) == ("57P01", "server shutting down")
    assert weir.process.wait(5) == 0


def test_interrupt_waits_for_transactions(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client, weir.connect() as idle:
        client.query("BEGIN")
        client.query("SELECT 1")
        weir.process.send_signal(signal.SIGINT)
        weir.wait_log("waiting for servers to be released")
        assert client.value("SELECT 2") == "2"
        client.query("COMMIT")
        assert idle.recv_closed()[-1].fields()["C"] == "57P01"
    assert weir.process.wait(5) == 0


def test_quit_ends_in_the_middle(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        client.query("BEGIN")
        client.query("SELECT 1")
        weir.process.send_signal(signal.SIGQUIT)
        assert client.recv_closed()[-1].fields()["C"] == "57P01"
    assert weir.process.wait(5) == 0


def test_user_signals_pause_and_resume(pgweir, single, wait_until):
    weir = pgweir(host=single)

    def paused():
        return {row["key"]: row["value"] for row in weir.admin("SHOW STATE")}["paused"]

    with weir.connect() as client:
        client.query("SELECT 1")
        weir.process.send_signal(signal.SIGUSR1)
        wait_until(lambda: paused() == "yes", what="paused")
        client.send(wire.query("SELECT 2"))
        assert client.is_quiet(0.1)
        weir.process.send_signal(signal.SIGUSR2)
        assert client.recv_ready().value == "2"
        assert paused() == "no"


def test_signals_in_the_middle_of_a_shutdown(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        weir.process.send_signal(signal.SIGTERM)
        weir.wait_log("waiting for clients to disconnect")
        for number, said in ((signal.SIGUSR1, "got SIGUSR1 while shutting down, ignoring"),
                             (signal.SIGUSR2, "got SIGUSR2 while shutting down, ignoring"),
                             (signal.SIGHUP, "reload complete")):
            mark = weir.log_mark()
            weir.process.send_signal(number)
            weir.wait_log(said, since=mark)
        assert client.value("SELECT 1") == "1"
        weir.process.send_signal(signal.SIGINT)
        assert client.recv_closed()[-1].fields()["C"] == "57P01"
    assert weir.process.wait(5) == 0
    assert "got SIGINT while shutting down, fast exit" in weir.log()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_paused_process_can_end(pgweir, single, number):
    weir = pgweir(host=single)
    with weir.connect() as client:
        weir.process.send_signal(signal.SIGUSR1)
        weir.wait_log("pausing all activity")
        client.send(wire.query("SELECT 1"))
        weir.process.send_signal(number)
        if number != signal.SIGTERM:
            assert client.recv_closed()[-1].fields()["C"] == "57P01"
    assert weir.process.wait(5) == 0


def test_quiet_and_verbose(pgweir):
    loud = pgweir(config=INI, arguments=["-v", "-v"])
    assert loud.admin("SHOW VERSION")
    loud.wait_log(" (NOISE|DEBUG) ")
    silent = pgweir(config=INI, arguments=["-q"])
    assert silent.admin("SHOW VERSION")
    assert silent.log() == ""


def test_the_limit_of_files_is_told(pgweir):
    weir = pgweir(config=INI)
    weir.wait_log(r"kernel file descriptor limit: \d+ \(hard: \d+\); max_client_conn: 100, "
                  r"max expected fd use: \d+")
