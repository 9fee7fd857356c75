# SPDX-License-Identifier: ISC
"""Passwords that a directory judges: auth_type = ldap, and ldap lines of an HBA file."""
import os
import shutil
import signal
import subprocess
import tempfile
import time

import psycopg2
import pytest

from harness import wire
from harness.cluster import is_alive
from harness.directory import ADMIN, ADMIN_SECRET, PEOPLE, Directory, find_slapd
from harness.helpers import many, refusal

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
        path = os.path.join(weir.dir, "hba")
        with open(path, "w") as file:
            file.write(hba)
        os.chmod(path, 0o644)
        weir.template["pgweir"]["auth_hba_file"] = path
        return weir.start()
    return make


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


def test_start_tls(pgweir, single, workdir):
    if not find_slapd() or not shutil.which("openssl"):
        pytest.skip("no slapd or no openssl")
    folder = tempfile.mkdtemp(prefix="ldap-", dir=workdir)
    os.chmod(folder, 0o755)
    pair = [os.path.join(folder, name) for name in ("certificate", "key")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-out", pair[0], "-keyout", pair[1]], check=True, capture_output=True)
    os.chmod(pair[1], 0o644)
    directory = Directory(folder, PEOPLE_HERE, pair).start()
    try:
        settings = {"auth_type": "ldap", "auth_ldap_options": directory.bind + " ldaptls=1"}
        known = pgweir(host=single, settings=settings, env={"LDAPTLS_CACERT": pair[0]})
        assert enters(known, "app", "word-of-app")
        unknown = pgweir(host=single, settings=settings)
        assert refusal(unknown, user="app", password="word-of-app").sqlstate == "28000"
        unknown.wait_log("StartTLS: ")
    finally:
        directory.stop()


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
            # One too many.
            error = refusal(weir, user="app", password="x")
            assert error.sqlstate == "53300"
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
