# SPDX-License-Identifier: ISC
"""auth_type = hba: which method is asked of whom."""
import os
import pwd
import struct
import subprocess

import psycopg2
import pytest

from harness import wire
from harness.helpers import refusal
from harness.wire import WireError, scram_secret

OWN = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def ruled(pgweir, single):
    """ruled(hba, ident=None, **arguments): a pgweir with these files, to be written anew with
    write(weir, name, text)."""
    def make(hba, ident=None, settings=None, config=None, **arguments):
        weir = pgweir(config, host=None if config else single, start=False,
                      settings=dict({"auth_type": "hba"}, **(settings or {})), **arguments)
        write(weir, "hba", hba)
        weir.template["pgweir"]["auth_hba_file"] = os.path.join(weir.dir, "hba")
        if ident is not None:
            write(weir, "ident", ident)
            weir.template["pgweir"]["auth_ident_file"] = os.path.join(weir.dir, "ident")
        return weir.start()
    return make


def write(weir, name, text):
    path = os.path.join(weir.dir, name)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, 0o644)


def method_asked(weir, user="app", database="app", host="127.0.0.1"):
    with wire.Wire(weir.port, user, database, login=False, host=host) as client:
        client.send(wire.startup({"user": user, "database": database}))
        found = client.recv()
        assert found.type == "R"
        return struct.unpack_from("!i", found.body)[0]


def test_the_first_line_that_matches_says_what_is_asked(ruled):
    weir = ruled("# as in pg_hba.conf\n"
                 "local   all  all  trust\n"
                 "host    app  scram_user  127.0.0.1/32  password\n"
                 "host    app  \"app2\",nobody  127.0.0.0 255.0.0.0  reject # not these\n"
                 "hostssl all  all  all  trust\n"
                 "hostnossl app app  0.0.0.0/0  scram-sha-256\n"
                 "host    app  all  all  md5\n")
    assert method_asked(weir, host=weir.dir) == 0
    assert method_asked(weir, "scram_user") == 3
    assert method_asked(weir, "app") == 10
    assert method_asked(weir, "plain_user") == 5
    for user in ("app2", "nobody"):
        error = refusal(weir, user=user, password=user + "-secret")
        assert (error.sqlstate, error["M"]) == ("28000", "login rejected")
    with weir.connect("scram_user", password="scram-secret") as client:
        assert client.value("SELECT current_user") == "scram_user"
    psycopg2.connect(weir.dsn("app", password="app-secret")).close()
    assert refusal(weir, password="wrong").sqlstate == "28P01"


def test_without_a_line_nobody_comes_in(ruled):
    weir = ruled("local all all trust\n")
    error = refusal(weir, password="app-secret")
    assert (error.sqlstate, error["M"]) == ("28000", "no authentication method is found")
    weir.wait_log("no line of auth_hba_file matches")
    with weir.connect(host=weir.dir) as client:
        assert client.value("SELECT 1") == "1"


def test_md5_is_scram_where_the_secret_is(ruled):
    weir = ruled("host all all all md5\n", users={"app": scram_secret("app-secret")})
    assert method_asked(weir) == 10
    psycopg2.connect(weir.dsn("app", password="app-secret")).close()


def test_trust_wants_a_known_user(ruled):
    weir = ruled("host all all all trust\n")
    weir.connect("app").close()
    error = refusal(weir, user="nobody")
    assert (error.sqlstate, error["M"]) == ("28000", '"trust" authentication failed')


def test_names_from_files_and_the_users_own_database(ruled):
    weir = ruled("host sameuser all all trust\nhost all all all reject\n")
    weir.connect("app", "app").close()
    assert refusal(weir, user="app2", database="app")["M"] == "login rejected"
    write(weir, "friends", "app2\nscram_user, md5_user # and so on\n")
    write(weir, "hba", "host app @friends all trust\n")
    weir.reload()
    weir.wait_log("reload complete")
    weir.connect("app2", "app").close()
    assert refusal(weir, user="app", database="app")["M"] == "no authentication method is found"


def test_wrong_lines_are_told_with_their_number_and_skipped(ruled):
    weir = ruled("host all +staff all reject\n"
                 "host all all db.example.com trust\n"
                 "nonsense\n"
                 "host all all all md5\n")
    for number, why in ((1, "groups"), (2, "host names"), (3, '"nonsense" is not supported')):
        weir.wait_log("WARNING.*/hba:%d: .*%s" % (number, why))
    assert weir.log().count("/hba:1: ") == 1
    weir.connect(password="app-secret").close()
    mark = weir.log_mark()
    write(weir, "hba", "host all all all md5\nhost all all samenet trust\n")
    weir.reload()
    weir.wait_log("/hba:2: samenet is not supported", since=mark)
    weir.connect(password="app-secret").close()


def test_check_tells_of_wrong_lines(ruled):
    weir = ruled("host all all all md5\nnonsense\n")
    found = subprocess.run([weir.binary, "--check", weir.ini], capture_output=True, text=True,
                           timeout=10, cwd=weir.dir)
    assert found.returncode == 0 and "/hba:2: " in found.stdout + found.stderr


def test_new_rules_are_for_those_who_come_after_the_reload(ruled, wait_until):
    weir = ruled("host all all all trust\n")
    with weir.connect() as client:
        write(weir, "hba", "host all all all reject\n")
        assert weir.connect().close() is None
        mark = weir.log_mark()
        weir.reload()
        weir.wait_log("reload complete", since=mark)
        assert refusal(weir)["M"] == "login rejected"
        assert client.value("SELECT 1") == "1"


def test_a_file_that_is_gone_at_reload_changes_nothing(ruled):
    weir = ruled("host all all all trust\n")
    weir.wait_log("process up")
    os.unlink(os.path.join(weir.dir, "hba"))
    with weir.connect("admin", "pgbouncer") as console:
        with pytest.raises(WireError, match="No such file"):
            console.query("RELOAD")
        # A setting that has nothing to do with it can be changed.
        console.query("SET query_wait_timeout = '10'")
    weir.connect().close()


@pytest.mark.parametrize("settings, reason", [
    ({"auth_type": "hba"}, "auth_hba_file is not set"),
    ({"auth_type": "hba", "auth_hba_file": "/nowhere"}, "/nowhere: No such file")])
def test_without_the_file_there_is_no_start(pgweir, single, settings, reason):
    weir = pgweir(host=single, settings=settings, start=False)
    with pytest.raises(RuntimeError, match=reason):
        weir.start()
    weir.process = None


def test_the_console_is_a_database_among_others(ruled):
    weir = ruled("host pgbouncer,pgweir admin all password\nhost all all all trust\n")
    assert method_asked(weir, "admin", "pgbouncer") == 3
    with weir.connect("admin", "pgbouncer", password="admin-secret") as console:
        assert console.query("SHOW VERSION")
    assert refusal(weir, user="admin", database="pgbouncer", password="x").sqlstate == "28P01"


def test_users_of_auth_query_are_judged_by_the_rules_too(ruled):
    weir = ruled("host app scram_user all scram-sha-256\n"
                 "host app plain_user all reject\n"
                 "host pgbouncer,pgweir all all trust\n", settings={"auth_user": "postgres"})
    weir.users({"postgres": "", "admin": ""})
    weir.admin("RELOAD")
    with weir.connect("scram_user", password="scram-secret") as client:
        assert client.value("SELECT current_user") == "scram_user"
    assert refusal(weir, user="plain_user")["M"] == "login rejected"


def test_a_rule_that_rejects_costs_no_auth_query(pgweir, single):
    weir = pgweir(host=single, start=False, settings={"auth_type": "hba", "auth_user": "postgres"})
    write(weir, "hba", "host app app all reject\nhost app loud all reject\nhost app all all trust\n")
    weir.template["pgweir"]["auth_hba_file"] = os.path.join(weir.dir, "hba")
    weir.template["pgweir"]["auth_query"] = \
        "SELECT lower($1), rolpassword FROM pg_authid WHERE rolname = 'app'"
    weir.users({"postgres": "", "admin": ""})
    weir.start()
    assert refusal(weir, user="app")["M"] == "login rejected"
    assert "new connection to server" not in weir.log()
    # The name in the row is judged as well.
    assert refusal(weir, user="LOUD")["M"] == "login rejected"
    assert "new connection to server" in weir.log()


# The user of the other process.

def test_peer_is_the_user_of_the_other_process(ruled):
    weir = ruled("local pgweir all peer\nlocal app app peer map=m\nlocal app app2 peer map=gone\n"
                 "local all all trust\nhost all all all peer\n",
                 ident="# map system db\nm %s app\nm nobody app2\n" % OWN,
                 settings={"admin_users": "admin,%s" % OWN})
    with weir.connect(OWN, "pgweir", host=weir.dir) as console:
        assert console.query("SHOW VERSION")
    assert refusal(weir, user="admin", database="pgweir", host=weir.dir)
    with weir.connect("app", host=weir.dir) as client:
        assert client.value("SELECT current_user") == "app"
    psycopg2.connect(weir.dsn("app", host=weir.dir)).close()
    for user, host in (("app2", weir.dir), ("app", "127.0.0.1")):
        error = refusal(weir, user=user, host=host)
        assert (error.sqlstate, error["M"]) == ("28000", "unix socket login rejected")
    weir.wait_log('/hba:3: map "gone" is not in auth_ident_file')
    weir.wait_log("/hba:5: peer needs a local line")


def test_peer_of_another_user_is_refused(ruled):
    weir = ruled("local all all peer\n", ident="")
    for user in ("app", "nobody"):
        assert refusal(weir, user=user, host=weir.dir)["M"] == "unix socket login rejected"


def test_peer_needs_no_secret(ruled):
    """Nor an entry in auth_file: the operating system says who it is."""
    weir = ruled("local all all peer map=m\n", ident="m %s md5_user\nm %s all\n" % (OWN, OWN))
    weir.users({"admin": ""})
    weir.reload()
    weir.connect("app", host=weir.dir).close()


def test_maps_follow_a_reload(ruled):
    weir = ruled("local all all peer map=m\n", ident="m nobody app\n")
    assert refusal(weir, user="app", host=weir.dir)
    weir.wait_log(r"app/app@unix\(\d+\):%d ident map m cannot be matched: %s may not be app$"
                  % (weir.port, OWN))
    write(weir, "ident", "m %s \"all\"\nm %s all extra\nm %s app\n" % (OWN, OWN, OWN))
    weir.reload()
    weir.wait_log("reload complete")
    weir.wait_log("/ident:2: ")
    weir.connect("app", host=weir.dir).close()
    assert refusal(weir, user="app2", host=weir.dir)


@pytest.mark.parametrize("method", ["cert", "ldap ldapserver=x"])
def test_methods_that_cannot_be_met_refuse(ruled, method):
    weir = ruled("host app app all %s\nhost all all all trust\n" % method)
    assert refusal(weir, password="app-secret")["M"] in (
        "certificate authentication failed", 'LDAP authentication failed for user "app"',
        "ldap authentication is not supported by this build")
    weir.connect("app2").close()


# Replication.

def replicates(weir, user, value):
    with wire.Wire(weir.port, user, "app", login=False, timeout=10) as client:
        client.send(wire.startup({"user": user, "database": "app", "replication": value}))
        try:
            client.finish_login()
        except WireError as error:
            return error["M"]
        return client.query("IDENTIFY_SYSTEM").rows != []


def test_physical_replication_is_a_database_of_its_own(ruled):
    weir = ruled("host all postgres all trust\nhost replication app all trust\n")
    assert replicates(weir, "postgres", "database") is True
    assert replicates(weir, "postgres", "true") == "no authentication method is found"
    assert replicates(weir, "app", "database") == "no authentication method is found"
    write(weir, "hba", "host replication postgres all trust\n")
    weir.reload()
    weir.wait_log("reload complete")
    assert replicates(weir, "postgres", "true") is True
