# SPDX-License-Identifier: ISC
"""Passwords that a directory judges: auth_type = ldap, and ldap lines of an HBA file."""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import psycopg2
import pytest

from harness import wire
from harness.cluster import is_alive, unprivileged
from harness.directory import (ADMIN, ADMIN_SECRET, PEOPLE, Directory, find_slapd, has_ipv6,
                               make_certificate)
from harness.dns import SRV
from harness.helpers import fatal, many, refusal

PEOPLE_HERE = {"app": "word-of-app", "scram_user": "scram-secret", "app2": "word-of-app2",
               "odd, (name) * #": "odd-word", "admin": "directory-admin"}
FAILED = 'LDAP authentication failed for user "%s"'


@pytest.fixture(scope="module")
def shared(workdir):
    """A directory for all tests that do it no harm."""
    if not find_slapd():
        pytest.skip("no slapd: run scripts/install-deps test")
    folder = tempfile.mkdtemp(prefix="ldap-", dir=workdir)
    os.chmod(folder, 0o755)
    directory = Directory(folder, PEOPLE_HERE).start()
    yield directory
    directory.stop()


@pytest.fixture
def directory(shared):
    """Runs again after a test that stopped it."""
    yield shared
    shared.resume()


@pytest.fixture
def judged(pgweir, single):
    """judged(options, **settings): a pgweir with auth_type = ldap."""
    def make(options, **settings):
        return pgweir(host=single, settings=dict(
            {"auth_type": "ldap", "auth_ldap_options": options}, **settings))
    return make


@pytest.fixture
def ruled(pgweir, single):
    """ruled(hba, **settings): a pgweir with these lines."""
    def make(hba, **settings):
        weir = pgweir(host=single, start=False, settings=dict({"auth_type": "hba"}, **settings))
        give_rules(weir, hba)
        return weir.start()
    return make


def give_rules(weir, hba):
    path = os.path.join(weir.dir, "hba")
    with open(path, "w") as file:
        file.write(hba)
    os.chmod(path, 0o644)
    weir.template["pgweir"]["auth_hba_file"] = path


def enters(weir, user, password, **arguments):
    with weir.connect(user, password=password, **arguments) as client:
        return client.value("SELECT 1") == "1"


def is_refused(weir, user, password):
    error = refusal(weir, user=user, password=password)
    assert (error.sqlstate, error["M"]) == ("28P01", FAILED % user)
    return True


def helpers(weir):
    found = []
    for name in os.listdir("/proc"):
        try:
            with open("/proc/%d/stat" % int(name)) as file:
                parent = int(file.read().rsplit(")", 1)[1].split()[1])
            if parent == weir.pid and is_alive(int(name)):
                found.append(int(name))
        except (OSError, ValueError):
            continue
    return found


# What a directory says.

def test_a_user_binds_with_its_own_password(judged, directory):
    weir = judged(directory.bind)
    assert enters(weir, "app", "word-of-app")
    assert is_refused(weir, "app", "wrong")
    assert is_refused(weir, "app", "app-secret")  # of auth_file
    assert is_refused(weir, "nobody", "word-of-app")
    weir.wait_log(r"login refused: LDAP: ldap://127.0.0.1:\d+: bind as .*Invalid credentials")
    psycopg2.connect(weir.dsn("app", password="word-of-app")).close()


def test_an_empty_password_is_never_one(judged, directory):
    for options in (directory.bind, directory.search):
        weir = judged(options)
        error = refusal(weir, user="app", password="")
        assert (error.sqlstate, error["M"]) == ("28P01", "empty password returned by client")


def test_a_user_is_searched_for(judged, directory):
    for more in ("", " ldapsearchattribute=cn", ' ldapsearchfilter="(&(uid=$username)(sn=*))"',
                 ' ldapbinddn="%s" ldapbindpasswd="%s"' % (ADMIN, ADMIN_SECRET)):
        weir = judged(directory.search + more)
        assert enters(weir, "app", "word-of-app")
        assert is_refused(weir, "app", "wrong")
        assert is_refused(weir, "nobody", "word-of-app")


def test_a_url_says_all_at_once(judged, directory):
    weir = judged('ldapurl="ldap://127.0.0.1:%d/%s?mail?sub"' % (directory.port, PEOPLE))
    assert is_refused(weir, "app", "word-of-app")
    weir.stop()
    weir = judged('ldapurl="ldap://127.0.0.1:%d/%s?uid?sub"' % (directory.port, PEOPLE))
    assert enters(weir, "app", "word-of-app")


def test_a_name_is_only_a_name(judged, directory):
    weir = judged(directory.search + ' ldapsearchfilter="(uid=$username)"')
    for user in ("*", "app)(uid=*", "ap*", "*)(|(uid=app", "\\61pp"):
        assert is_refused(weir, user, "word-of-app")
    assert is_refused(judged(directory.bind), "app,ou=people", "word-of-app")
    # The entry is there, PostgreSQL's role is not: it passed the directory.
    for options in (directory.search, directory.bind):
        odd = judged(options)
        assert refusal(odd, user="odd, (name) * #", password="odd-word")["M"].find("LDAP") < 0
        assert is_refused(odd, "odd, (name) * #", "wrong")


def test_the_password_just_given_is_for_the_server(pgweir, single, directory):
    weir = pgweir(host=single, settings={"auth_type": "ldap", "auth_file": None,
                                         "auth_ldap_options": directory.bind})
    with weir.connect("scram_user", password="scram-secret") as client:
        assert client.value("SELECT current_user") == "scram_user"


def test_of_several_servers_the_next_one_is_asked(judged, directory):
    weir = judged(directory.bind.replace("ldapserver=127.0.0.1",
                                         'ldapserver="127.0.0.1:1 127.0.0.1"'))
    assert enters(weir, "app", "word-of-app")
    assert is_refused(weir, "app", "wrong")


def test_a_list_of_servers_that_are_all_down_is_said_so(judged, directory):
    weir = judged(directory.bind.replace("ldapserver=127.0.0.1",
                                         'ldapserver="127.0.0.1:1 127.0.0.1:2"'))
    error = refusal(weir, user="app", password="word-of-app")
    assert (error.sqlstate, error["M"]) == ("28000", FAILED % "app")
    weir.wait_log("login refused: LDAP: ldap://127.0.0.1:2: .*Can't contact LDAP server")


def test_servers_that_are_all_down_are_asked_again_once_a_login(judged, directory):
    with socket.create_server(("127.0.0.1", 0)) as ear:
        weir = judged(directory.bind.replace("ldapserver=127.0.0.1 ldapport=%d" % directory.port,
                                             'ldapserver="127.0.0.1:1 127.0.0.1:%d"'
                                             % ear.getsockname()[1]))
        asked = []

        def hang_up():
            while True:
                try:
                    ear.accept()[0].close()
                except OSError:
                    return
                asked.append(1)
        threading.Thread(target=hang_up, daemon=True).start()
        for count in (1, 2, 3):
            assert refusal(weir, user="app", password="word-of-app").sqlstate == "28000"
            assert len(asked) == count
        ear.shutdown(socket.SHUT_RDWR)


def test_a_server_that_hangs_is_asked_last_from_then_on(judged, directory):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        servers = 'ldapserver="127.0.0.1:%d 127.0.0.1"' % silent.getsockname()[1]
        weir = judged(directory.bind.replace("ldapserver=127.0.0.1", servers))
        assert enters(weir, "app", "word-of-app", timeout=30)
        begun = time.monotonic()
        for _ in range(3):
            assert enters(weir, "app", "word-of-app")
            assert is_refused(weir, "app", "wrong")
        assert time.monotonic() - begun < 5  # one question to the silent one takes 10


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
def test_a_server_at_an_address_of_ipv6(judged, directory):
    for server in ("::1", "[::1]", "[::1]:%d" % directory.port):
        weir = judged(directory.bind.replace("ldapserver=127.0.0.1", "ldapserver=" + server))
        assert enters(weir, "app", "word-of-app")
        assert is_refused(weir, "app", "wrong")
        assert weir.admin("SHOW LOGIN_QUEUES", password="directory-admin")[0]["queue"] == (
            "ldap://[::1]:%d" % directory.port)
    weir = judged('ldapurl="ldap://[::1]:%d/%s?uid?sub"' % (directory.port, PEOPLE))
    assert enters(weir, "app", "word-of-app")


# Over TLS.


@pytest.fixture(scope="module")
def secured(workdir):
    """A directory with a certificate for 127.0.0.1."""
    if not find_slapd() or not shutil.which("openssl"):
        pytest.skip("no slapd or no openssl")
    folder = tempfile.mkdtemp(prefix="ldap-", dir=workdir)
    os.chmod(folder, 0o755)
    directory = Directory(folder, PEOPLE_HERE, make_certificate(folder, "IP:127.0.0.1")).start()
    yield directory
    directory.stop()


@pytest.fixture
def trusting(pgweir, single, secured):
    """trusting(options, **env): a pgweir that knows the directory's certificate."""
    def make(options, **env):
        return pgweir(host=single, env=dict({"LDAPTLS_CACERT": secured.certificate[0]}, **env),
                      settings={"auth_type": "ldap", "auth_ldap_options": options})
    return make


def over_tls(options, secured):
    """ldaps in three forms: by the scheme, by the scheme and the server's port, by a URL."""
    plain, port = "ldapport=%d" % secured.port, secured.tls_port
    return (options.replace(plain, "ldapport=%d ldapscheme=ldaps" % port),
            options.replace(plain, "ldapscheme=ldaps").replace("127.0.0.1", "127.0.0.1:%d" % port),
            'ldapurl="ldaps://127.0.0.1:%d/%s?uid?sub"' % (port, PEOPLE))


def test_ldaps(trusting, secured):
    for options in over_tls(secured.bind, secured):
        weir = trusting(options)
        assert enters(weir, "app", "word-of-app")
        assert is_refused(weir, "app", "wrong")
        weir.stop()


def test_start_tls(trusting, secured):
    for options in (secured.bind, secured.search):
        weir = trusting(options + " ldaptls=1")
        assert enters(weir, "app", "word-of-app")
        assert is_refused(weir, "app", "wrong")


def cannot_be_asked(weir, why):
    error = refusal(weir, user="app", password="word-of-app")
    assert (error.sqlstate, error["M"]) == ("28000", FAILED % "app")
    weir.wait_log("login refused: LDAP: " + why)


def test_a_certificate_that_nobody_vouches_for_is_no_directory(trusting, secured, workdir):
    folder = tempfile.mkdtemp(prefix="ldap-", dir=workdir)
    os.chmod(folder, 0o755)
    other = make_certificate(folder, "IP:127.0.0.1")[0]
    weir = trusting(secured.bind + " ldaptls=1", LDAPTLS_CACERT=other)
    cannot_be_asked(weir, "ldap://.*: StartTLS: .*certificate")
    weir = trusting(over_tls(secured.bind, secured)[0], LDAPTLS_CACERT=other)
    cannot_be_asked(weir, "ldaps://.*: bind as .*: Can't contact LDAP server: .*certificate")


def test_a_certificate_for_another_name_is_no_directory(trusting, secured):
    weir = trusting(secured.bind.replace("127.0.0.1", "localhost") + " ldaptls=1")
    cannot_be_asked(weir, "ldap://localhost:.*: StartTLS: .*(other name|another name|match)")


def test_a_directory_without_tls_is_not_asked_in_clear(judged, directory):
    cannot_be_asked(judged(directory.bind + " ldaptls=1"), "ldap://.*: StartTLS: ")
    cannot_be_asked(judged(directory.bind + " ldapscheme=ldaps"), "ldaps://.*: bind as ")


# Servers that DNS knows.


@pytest.fixture
def discovering(pgweir, single, name_server):
    """discovering(options): a pgweir whose whole resolver, libc's too, asks name_server."""
    if not all(map(shutil.which, ("unshare", "setpriv"))) or subprocess.run(
            ["unshare", "--mount", "true"], capture_output=True).returncode != 0:
        pytest.skip("no mount namespaces")

    def make(options):
        weir = pgweir(host=single, start=False, settings={"auth_type": "hba"})
        give_rules(weir, "host all admin all trust\nhost all all all ldap %s\n" % options)
        weir.spawn = lambda: spawn_with(weir, name_server.resolv_conf)
        return weir.start()
    return make


def spawn_with(weir, resolv_conf):
    as_whom = unprivileged()
    env = dict(os.environ)
    env.setdefault("ASAN_OPTIONS", "detect_leaks=1:exitcode=99:handle_abort=1")
    with open(weir.logfile, "a") as log:
        weir.process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c",
             'mount --bind "$1" /etc/resolv.conf && shift && exec setpriv "$@"', "sh", resolv_conf,
             "--reuid=%d" % as_whom["user"], "--regid=%d" % as_whom["group"], "--clear-groups",
             weir.binary, weir.ini],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=weir.dir, env=env)


BY_BASE = 'ldapbasedn="dc=example,dc=net"'
SERVICE = "_ldap._tcp.example.net"


def test_without_a_server_dns_is_asked_for_those_of_the_domain(discovering, name_server, directory):
    name_server.names["ldap1.example.net"] = ["127.0.0.1"]
    name_server.services[SERVICE] = [(10, directory.port, "ldap1.example.net")]
    weir = discovering(BY_BASE)
    assert enters(weir, "app", "word-of-app")
    assert is_refused(weir, "app", "wrong")
    weir.wait_log("login refused: LDAP: ldap://ldap1.example.net:%d: " % directory.port)
    assert name_server.count(SERVICE, SRV) == 2
    shown = weir.admin("SHOW LOGIN_QUEUES")
    assert [row["queue"] for row in shown] == ["ldap of dc=example,dc=net"]


def test_of_the_servers_of_a_domain_the_next_one_is_asked(discovering, name_server, directory):
    name_server.names.update({"a.example.net": ["127.0.0.1"], "b.example.net": ["127.0.0.1"]})
    name_server.services[SERVICE] = [(20, directory.port, "a.example.net"),
                                     (10, 1, "b.example.net"), (15, 1, "c.example.net")]
    weir = discovering(BY_BASE)
    assert enters(weir, "app", "word-of-app")


def test_a_domain_without_servers_is_said_so(discovering, name_server):
    weir = discovering(BY_BASE)
    cannot_be_asked(weir, "no ldapserver, and DNS has no _ldap._tcp.example.net")


def test_a_name_server_that_is_silent_holds_up_nobody_else(discovering, name_server):
    name_server.names[SERVICE] = None
    weir = discovering(BY_BASE)
    with many(lambda: ask(weir), 1), weir.connect("admin", "pgbouncer") as console:
        assert console.query("SHOW HELPERS").dicts()[0]["state"] == "busy"


# Lines and settings.


def memory_has(pid, text):
    """Whether it stands somewhere in the memory of a process."""
    with open("/proc/%d/maps" % pid) as file:
        lines = [line for line in file if line.split()[1].startswith("rw")]
    with open("/proc/%d/mem" % pid, "rb", 0) as memory:
        for line in lines:
            start, end = (int(part, 16) for part in line.split()[0].split("-"))
            try:
                memory.seek(start)
                if text in memory.read(end - start):
                    return True
            except (OSError, OverflowError):
                continue  # of the kernel
    return False


@pytest.mark.skipif(os.geteuid() != 0, reason="looking into another process takes root")
def test_a_password_that_was_refused_is_nowhere_afterwards(judged, directory, binary):
    with open(binary, "rb") as file:
        if b"__asan_init" in file.read():
            pytest.skip("sanitizers keep what was freed")
    weir = judged(directory.bind)
    word = "never-%d-seen" % (987654321 + os.getpid())
    with weir.connect("app", password="word-of-app"):
        assert memory_has(weir.pid, b"word-of-app")
        assert is_refused(weir, "app", word)
        assert not memory_has(weir.pid, word.encode())


def test_lines_of_an_hba_file_ask_each_their_own_directory(ruled, directory):
    weir = ruled("host all app  all ldap %s\n"
                 "host all app2 all ldap %s\n"
                 "host all all  all scram-sha-256\n" % (directory.bind, directory.search))
    assert enters(weir, "app", "word-of-app")
    assert enters(weir, "app2", "word-of-app2")
    assert enters(weir, "scram_user", "scram-secret")
    assert is_refused(weir, "app2", "app2-secret")


def test_the_console_asks_the_directory_too(judged, directory):
    weir = judged(directory.bind)
    with weir.connect("admin", "pgbouncer", password="directory-admin") as client:
        assert client.query("SHOW VERSION").rows
    assert is_refused(weir, "app", "x")


def test_options_that_make_no_sense_are_refused(pgweir, single, judged, directory):
    for options, why in ((None, "ldapbasedn, ldapprefix or ldapsuffix is needed"),
                         ("ldapserver=x ldapprefix=a ldapbasedn=b", "do not go together"),
                         ("ldapserver=x ldapprefix=a ldapsecret=b", 'unknown option "ldapsecret"'),
                         ('ldapserver="x', "a quote is missing")):
        with pytest.raises(RuntimeError, match=why):
            pgweir(host=single, settings={"auth_type": "ldap", "auth_ldap_options": options})
    weir = judged(directory.bind)
    weir.template["pgweir"]["auth_ldap_options"] = "ldapbindpasswd=hush"
    weir.reload(weir.template)
    weir.wait_log("reload failed, nothing has changed: .*ldapbasedn")
    assert "hush" not in weir.log()
    assert enters(weir, "app", "word-of-app")


def test_options_are_secret(judged, directory):
    weir = judged(directory.search + ' ldapbinddn="%s" ldapbindpasswd="%s"' % (ADMIN, ADMIN_SECRET))
    shown = {row["key"]: row["value"] for row in weir.admin("SHOW CONFIG", password="directory-admin")}
    assert shown["auth_ldap_options"] == "********"


def test_auth_user_and_a_directory_exclude_each_other(judged, directory):
    weir = judged(directory.bind, auth_user="postgres")
    error = refusal(weir, user="app", password="word-of-app")
    assert (error.sqlstate, error["M"]) == ("F0000", "bouncer config error")
    weir.wait_log("auth_type=ldap cannot be used together with auth_user")


# A directory that hangs, helpers that die.

def ask(weir, user="app", password="word-of-app"):
    """A client that has sent its password and waits."""
    client = wire.Wire(weir.port, user, "app", login=False)
    client.send(wire.startup({"user": user, "database": "app"}))
    assert client.recv().type == "R"
    client.send(wire.password(password))
    return client


def test_a_directory_that_hangs_holds_up_nobody_else(ruled, directory, workdir, wait_until):
    folder = tempfile.mkdtemp(prefix="ldap-", dir=workdir)
    os.chmod(folder, 0o755)
    other = Directory(folder, PEOPLE_HERE).start()
    try:
        weir = ruled("host all app  all ldap %s\n"
                     "host all app2 all ldap %s\n"
                     "host all all  all scram-sha-256\n" % (directory.bind, other.bind),
                     client_login_timeout=2)
        directory.pause()
        with many(lambda: ask(weir), 23) as waiting:
            wait_until(lambda: len(helpers(weir)) == 3)
            begun = time.monotonic()
            assert enters(weir, "scram_user", "scram-secret")
            assert enters(weir, "app2", "word-of-app2")
            assert time.monotonic() - begun < 1.5
            for client in waiting:
                assert client.recv_closed(10)
            weir.wait_log("client_login_timeout")
        directory.resume()
        wait_until(lambda: enters(weir, "app", "word-of-app"))
        assert len(helpers(weir)) <= 4
    finally:
        other.stop()


def queues(console):
    return {row["queue"]: row for row in console.query("SHOW LOGIN_QUEUES").dicts()}


def time_of_logins(weir):
    begun = time.monotonic()
    for _ in range(50):
        assert enters(weir, "scram_user", "scram-secret")
    return time.monotonic() - begun


def test_a_crowd_at_a_slow_directory_waits_and_harms_nobody(ruled, directory, wait_until):
    weir = ruled("host all app all ldap %s\nhost all all all scram-sha-256\n" % directory.bind,
                 max_client_conn=5000)
    where = "ldap://127.0.0.1:%d" % directory.port
    alone = time_of_logins(weir)
    with weir.connect("admin", "pgbouncer", password="admin-secret") as console:
        directory.pause()
        with many(lambda: ask(weir), 2003) as waiting:
            wait_until(lambda: queues(console)[where]["waiting"] == "2000")
            # They are no burden to others.
            assert time_of_logins(weir) < 3 * alone + 1
            # What waits is bounded in memory.
            with many(lambda: ask(weir, password="x" * 60000), 300) as more:
                wait_until(lambda: sum(int(queues(console)[where][key])
                                       for key in ("waiting", "refused")) == 2300)
                refused = [client for client in more if not client.is_quiet(0)]
                assert len(refused) > 20
                for client in refused:
                    error = fatal(client)
                    assert (error.sqlstate, error["M"]) == (
                        "53300", "too many logins wait for ldap authentication")
                found = queues(console)[where]
                assert 16e6 < int(found["bytes"]) <= int(found["bytes_limit"])
            left = str(300 - len(refused))
            wait_until(lambda: queues(console)[where]["left"] == left)
            found = queues(console)[where]
            assert float(found["oldest"]) > 0
            assert (found["helpers"], found["refused"]) == ("3", str(len(refused)))
            busy = console.query("SHOW HELPERS").dicts()
            assert [row["state"] for row in busy] == ["busy"] * 3
            assert all(float(row["request_age"]) > 0 and 0 < float(row["killed_in"]) <= 30
                       and int(row["memory"]) > 0 for row in busy)
            # And a directory that comes back finds them all.
            directory.resume()
            for client in waiting:
                assert client.recv().type == "R"
        found = queues(console)[where]
        assert (found["accepted"], found["failed"], found["left"]) == ("2003", "0", left)
        assert (found["waiting"], found["bytes"], found["helpers"]) == ("0", "0", "0")
        assert int(found["total_time"]) > 0


def test_the_console_shows_what_came_of_logins(ruled, directory, wait_until):
    weir = ruled("host all app all ldap %s\n"
                 "host all app2 all ldap ldapserver=127.0.0.1 ldapport=1 ldapprefix=x\n"
                 "host all all all scram-sha-256\n" % directory.bind)
    assert enters(weir, "app", "word-of-app")
    assert is_refused(weir, "app", "wrong")
    assert refusal(weir, user="app2", password="x").sqlstate == "28000"
    with weir.connect("admin", "pgbouncer", password="admin-secret") as console:
        directory.pause()
        ask(weir).close()
        where = "ldap://127.0.0.1:%d" % directory.port
        wait_until(lambda: queues(console)[where]["left"] == "1")
        assert "abandoned" in [row["state"] for row in console.query("SHOW HELPERS").dicts()]
        found = queues(console)
        counts = [[found[name][key] for key in ("accepted", "denied", "failed", "left")]
                  for name in (where, "ldap://127.0.0.1:1")]
        assert counts == [["1", "1", "0", "1"], ["0", "0", "1", "0"]]
        wait_until(lambda: dict(console.query("SHOW COUNTERS").rows)["helpers_lost"] == "1")
        started = int(dict(console.query("SHOW COUNTERS").rows)["helpers_started"])
        directory.resume()
        assert started >= 1


def test_clients_that_leave_free_their_helpers(judged, directory, wait_until):
    weir = judged(directory.bind)
    directory.pause()
    mark = weir.log_mark()
    with many(lambda: ask(weir), 3):
        wait_until(lambda: len(helpers(weir)) == 3)
    weir.wait_log("nobody waits any more: killed", since=mark)
    directory.resume()
    wait_until(lambda: enters(weir, "app", "word-of-app"))


def test_a_helper_that_dies_is_replaced(judged, directory, wait_until):
    weir = judged(directory.bind)
    assert enters(weir, "app", "word-of-app")
    for helper in helpers(weir):
        os.kill(helper, signal.SIGKILL)
    weir.wait_log("it has (ended unexpectedly|closed the line)")
    wait_until(lambda: enters(weir, "app", "word-of-app"))


def test_helpers_have_nothing_of_ours_and_die_with_us(judged, directory, wait_until):
    weir = judged(directory.bind)
    with weir.connect("app", password="word-of-app"):
        made = helpers(weir)
        assert len(made) == 1
        descriptors = "/proc/%d/fd" % made[0]
        wait_until(lambda: len(os.listdir(descriptors)) == 4)
        # Signals for us, from a terminal or a service manager, do not end it.
        os.kill(made[0], signal.SIGTERM)
        os.kill(made[0], signal.SIGINT)
        assert enters(weir, "app", "word-of-app")
        assert helpers(weir) == made
    weir.kill()
    wait_until(lambda: not is_alive(made[0]))
    weir.process = None
