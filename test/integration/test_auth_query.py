# SPDX-License-Identifier: ISC
"""Users that a server knows and auth_file does not."""
import re
import subprocess
import time

import psycopg2
import pytest

from harness import fakepg, wire
from harness.helpers import fatal, is_running, many, refusal
from harness.wire import WireError

FILE = {"postgres": "", "admin": "admin-secret"}
# What auth_user may call: one that sleeps, one that fails, and so on are made by the tests.
LOOKUP = "SELECT rolname, rolpassword FROM pg_authid WHERE rolname = $1"


@pytest.fixture
def asking(pgweir):
    """A pgweir whose auth_file has only auth_user and the console's admin."""
    def make(config=None, users=None, settings=None, **arguments):
        settings = dict({"auth_type": "md5", "auth_user": "postgres"}, **(settings or {}))
        weir = pgweir(config, settings=settings, start=False, **arguments)
        weir.users(dict(FILE, **(users or {})))
        return weir.start()
    return make


def entry(host, **options):
    return dict({"host": "127.0.0.1", "port": host.port}, **options)


def quoted(query):
    return "'%s'" % query.replace("'", "''")


@pytest.mark.parametrize("user, secret, auth_type", [
    ("scram_user", "scram-secret", "md5"), ("scram_user", "scram-secret", "scram-sha-256"),
    ("md5_user", "md5-secret", "md5"), ("md5_user", "md5-secret", "plain"),
    ("plain_user", "plain-secret", "plain")])
def test_secrets_of_the_server_let_in_and_log_in_there(asking, single, user, secret, auth_type):
    """SCRAM with the keys of the client's own login, MD5 with the hash, plain with the password."""
    weir = asking(host=single, settings={"auth_type": auth_type})
    for _ in range(2):
        with weir.connect(user, password=secret) as client:
            assert client.value("SELECT current_user") == user
    psycopg2.connect(weir.dsn(user, password=secret)).close()
    assert refusal(weir, user=user, password="wrong").sqlstate == "28P01"


def test_psql_logs_in(asking, single):
    weir = asking(host=single, settings={"auth_type": "scram-sha-256"})
    out = subprocess.run(["psql", "-X", "-At", "-c", "SELECT current_user",
                          weir.dsn("scram_user", password="scram-secret")],
                         capture_output=True, text=True, timeout=30, check=True)
    assert out.stdout == "scram_user\n"


def test_it_is_asked_at_each_login_so_that_a_new_password_holds_at_once(asking, single):
    weir = asking(host=single)
    single.query("CREATE ROLE fickle LOGIN PASSWORD 'one'")
    try:
        weir.connect("fickle", password="one").close()
        single.query("ALTER ROLE fickle PASSWORD 'two'")
        assert refusal(weir, user="fickle", password="one").sqlstate == "28P01"
        weir.connect("fickle", password="two").close()
        single.query("ALTER ROLE fickle VALID UNTIL '2001-01-01'")
        assert refusal(weir, user="fickle", password="two").sqlstate == "28P01"
        single.query("ALTER ROLE fickle VALID UNTIL 'infinity' NOLOGIN")
        assert refusal(weir, user="fickle", password="two").sqlstate == "28P01"
    finally:
        weir.stop()
        single.query("DROP ROLE fickle")


def test_databases_of_logins_that_prove_nothing_go_soon(asking, single, wait_until):
    """With `*` anybody could fill the memory with names, for autodb_idle_timeout."""
    weir = asking({"databases": {"*": entry(single)}}, settings={"server_login_retry": 1})
    for i in range(5):
        assert refusal(weir, user="app", database="nowhere%d" % i, password="x").sqlstate == "3D000"
    assert refusal(weir, user="app", database="app", password="x").sqlstate == "28P01"
    with weir.connect("scram_user", database="app2", password="scram-secret") as client:
        assert client.value("SELECT current_database()") == "app2"

    def names():
        return {row["name"] for row in weir.admin("SHOW DATABASES")}
    wait_until(lambda: not [name for name in names() if name.startswith("nowhere")])
    assert {"app", "app2"} <= names()  # these are real, and have servers
    assert weir.log().count("dropped: nobody has logged in to it") == 5


def test_a_user_with_settings_is_looked_up_like_others(asking, single):
    """An entry in [users] is no secret: who is not in auth_file is asked for, and is bound by it."""
    weir = asking({"databases": {"app": entry(single)},
                   "users": {"scram_user": {"max_user_client_connections": 1}}})
    with weir.connect("scram_user", password="scram-secret") as client:
        assert client.value("SELECT current_user") == "scram_user"
        error = refusal(weir, user="scram_user", password="scram-secret")
        assert error["M"] == "client connections exceeded (max_user_client_connections)"
    assert refusal(weir, user="scram_user", password="wrong").sqlstate == "28P01"


def test_auth_file_goes_first(asking, single):
    weir = asking(host=single, users={"app": "of-the-file"})
    weir.connect("app", password="of-the-file").close()
    assert refusal(weir, user="app", password="app-secret").sqlstate == "28P01"


@pytest.mark.parametrize("auth_type", ["plain", "md5", "scram-sha-256"])
def test_an_unknown_user_is_told_from_a_wrong_password_by_nothing(asking, single, auth_type):
    weir = asking(host=single, settings={"auth_type": auth_type})
    user = "md5_user" if auth_type == "md5" else "scram_user"
    known = refusal(weir, user=user, password="wrong")
    unknown = refusal(weir, user="nobody", password="wrong")
    assert known.sqlstate == unknown.sqlstate == "28P01"
    assert known["M"].replace(user, "") == unknown["M"].replace("nobody", "")
    weir.wait_log("no such user")


def test_trust_lets_in_whom_the_server_knows(asking, single):
    weir = asking(host=single, settings={"auth_type": "trust"})
    with weir.connect("app") as client:
        assert client.value("SELECT current_user") == "app"
    error = refusal(weir, user="nobody")
    assert (error.sqlstate, error["M"]) == ("28000", "no such user")


def test_a_secret_that_is_null_matches_nothing(asking, single):
    for auth_type in ("plain", "md5", "scram-sha-256"):
        weir = asking(host=single, settings={
            "auth_type": auth_type, "auth_query": "SELECT $1::text, NULL::text"})
        for password in ("", "md5", "x"):
            assert refusal(weir, password=password).sqlstate == "28P01"


def test_the_name_in_the_row_is_the_user(asking, single):
    weir = asking(host=single, settings={
        "auth_query": "SELECT rolname, rolpassword FROM pg_authid WHERE rolname = lower($1)"})
    with weir.connect("APP", password="app-secret") as client:
        assert client.value("SELECT current_user") == "app"


def test_of_another_database_and_by_another_user(asking, single):
    weir = asking({"databases": {
        "app": entry(single, auth_dbname="side"),
        "side": entry(single, dbname="postgres", auth_user="app"),
        "app2": entry(single, auth_user="app", auth_query=quoted("SELECT 'x', 'y' WHERE $1=''"))}})
    with weir.connect("scram_user", "app", password="scram-secret") as client:
        assert client.value("SELECT current_database()") == "app"
    pools = {(row["database"], row["user"]): row for row in weir.admin("SHOW POOLS")}
    assert ("side", "postgres") in pools and ("app", "postgres") not in pools
    assert pools["side", "postgres"]["sv_idle"] == "1"
    # The options of the entry that is asked for count: this one finds nobody.
    assert refusal(weir, user="scram_user", database="app2",
                   password="scram-secret").sqlstate == "28P01"


def test_the_fallback_entry_serves_as_the_database_too(asking, single):
    weir = asking({"databases": {"*": entry(single)}}, settings={"auth_dbname": "postgres"})
    weir.connect("scram_user", "app", password="scram-secret").close()
    assert refusal(weir, user="scram_user", database="nowhere", password="scram-secret")


def test_an_unknown_database_is_told_only_after_a_login(asking, single):
    weir = asking(host=single)
    assert refusal(weir, user="scram_user", database="nowhere",
                   password="scram-secret").sqlstate == "28P01"


def test_another_database_can_say_who_asks_for_an_unknown_one(asking, single):
    weir = asking(host=single, settings={"auth_dbname": "app"})
    assert refusal(weir, user="scram_user", database="nowhere",
                   password="scram-secret").sqlstate == "3D000"
    assert refusal(weir, user="scram_user", database="nowhere",
                   password="wrong").sqlstate == "28P01"


@pytest.mark.parametrize("query, reason", [
    ("SELECT 1", "1 columns|supplies 1 parameters"), ("SELECT $1::text", "1 columns"),
    ("SELEC $1", "syntax error"), ("SELECT $1::text, nothing FROM nowhere", "does not exist"),
    ("SELECT NULL::text, $1::text", "name is NULL"),
    ("SELECT repeat('x', 200), $1::text", "too long"),
    ("SELECT $1::text, repeat('x', 70000)", "too long"),
    ("SELECT $1::text, repeat('x', 700000)", "too long"),
    ("COPY pg_authid TO STDOUT", "supplies 1 parameters"), ("", "supplies 1 parameters")])
def test_a_query_that_fails_is_the_operators_to_mend(asking, single, query, reason):
    weir = asking({"databases": {
        "app": entry(single, auth_query=quoted(query)) if query else entry(single),
        "good": entry(single, dbname="app")}},
        settings={} if query else {"auth_query": ""})
    error = refusal(weir, password="app-secret")
    assert (error.sqlstate, error["M"]) == ("F0000", "bouncer config error")
    weir.wait_log("auth_query: .*(%s)" % reason)
    if query:
        weir.connect("scram_user", "good", password="scram-secret").close()


def test_the_server_is_kept_after_a_query_that_failed(asking, single):
    weir = asking(host=single, settings={"auth_query": "SELECT 1/length($1) - 1/0, ''"})
    for _ in range(3):
        refusal(weir)
    assert weir.admin("SHOW SERVERS")[0]["user"] == "postgres"
    assert weir.log().count("new connection to server") == 1


def test_it_leaves_nobody_its_own_statement(asking, single):
    """Its server is that of the clients here: their unnamed statements live in it."""
    weir = asking({"databases": {"app": entry(single, user="postgres", pool_size=1)}},
                  settings={"pool_mode": "transaction"})
    with weir.connect("scram_user", password="scram-secret") as client:
        client.request(wire.parse("", "SELECT 42"), wire.sync())
        weir.connect("md5_user", password="md5-secret").close()
        assert client.request(wire.bind(), wire.execute(), wire.sync()).value == "42"


@pytest.mark.parametrize("connect_query", [None, "SET geqo = off"])
@pytest.mark.parametrize("params", [
    {"role": "app"}, {"search_path": "other"}, {"client_encoding": "LATIN1"}, {"DateStyle": "German"}],
    ids=lambda params: next(iter(params)))
def test_what_a_client_has_set_is_not_what_it_runs_under(asking, single, params, connect_query):
    """A client of the same pool before it: with a role that may not look, tables of its own, ..."""
    options = {"connect_query": quoted(connect_query)} if connect_query else {}
    weir = asking({"databases": {"app": entry(single, user="postgres", pool_size=1, **options)}},
                  settings={"pool_mode": "transaction"})
    single.query("CREATE ROLE \"ärger\" LOGIN SUPERUSER PASSWORD 'secret'", "app")
    try:
        with weir.connect("scram_user", password="scram-secret", params=params) as client:
            before = client.value("SELECT current_user || current_setting('client_encoding') || "
                                  "current_setting('DateStyle') || current_setting('search_path')")
            for _ in range(2):
                with weir.connect("ärger", password="secret") as other:
                    assert other.value("SELECT current_user") == "postgres"
                    assert other.value("SHOW geqo") == ("off" if connect_query else "on")
            assert client.value("SELECT current_user || current_setting('client_encoding') || "
                                "current_setting('DateStyle') || current_setting('search_path')") == before
        assert weir.log().count("new connection to server") == 1
    finally:
        single.query("DROP ROLE \"ärger\"", "app")


def test_auth_user_that_the_server_refuses_is_not_the_clients_fault(asking, single):
    weir = asking(host=single, settings={"auth_user": "scram_user"}, users={"scram_user": "wrong"})
    error = refusal(weir, password="app-secret")
    assert (error.sqlstate, error["M"]) == ("F0000", "bouncer config error")
    weir.wait_log('auth_query: password authentication failed for user "scram_user"')


def test_the_password_of_auth_user_is_in_auth_file_or_the_entry(asking, single):
    query = quoted("SELECT $1::text, 'magic'::text")
    weir = asking({"databases": {
        "app": entry(single, auth_query=query),
        "app2": entry(single, auth_query=query, password="scram-secret", auth_user="scram_user"),
        "other": entry(single, dbname="app", auth_query=query, auth_user="md5_user",
                       user="app", password="unused")}},
        settings={"auth_user": "scram_user"}, users={"scram_user": "scram-secret",
                                                     "md5_user": "md5-secret"})
    for database in ("app", "other"):
        weir.connect("app", database, password="magic").close()
    weir.users({"admin": "admin-secret"})
    weir.connect("app", "app2", password="magic").close()


@pytest.mark.parametrize("settings, sqlstate, text", [
    ({"auth_dbname": "nowhere"}, "F0000", "bouncer config error")])
def test_an_auth_database_that_is_missing(asking, single, settings, sqlstate, text):
    weir = asking(host=single, settings=settings)
    error = refusal(weir, password="app-secret")
    assert (error.sqlstate, error["M"]) == (sqlstate, text)
    weir.wait_log('authentication database "nowhere" is not configured')


def test_the_console_is_no_auth_database(asking, single):
    """An entry that names it serves the users of auth_file all the same."""
    weir = asking({"databases": {"app": entry(single, auth_dbname="pgbouncer")}},
                  users={"app2": "app2-secret"})
    weir.connect("app2", "app", password="app2-secret").close()
    error = refusal(weir, password="app-secret")
    assert (error.sqlstate, error["M"]) == ("F0000", "bouncer config error")
    weir.wait_log('cannot use the reserved "pgbouncer" database as an auth_dbname')


def test_who_asks_for_a_database_that_is_not_there_is_told(asking, single):
    weir = asking({"databases": {"*": entry(single), "app": entry(single, auth_dbname="gone")}})
    error = refusal(weir, database="nowhere", password="app-secret")
    assert (error.sqlstate, error["M"]) == ("3D000", 'database "nowhere" does not exist')
    assert refusal(weir, database="app", password="app-secret")["M"] == "bouncer config error"


def test_an_auth_database_that_is_disabled(asking, single):
    weir = asking({"databases": {"app": entry(single), "side": entry(single, dbname="app")}},
                  settings={"auth_dbname": "side"})
    weir.connect("scram_user", password="scram-secret").close()
    weir.admin("DISABLE side")
    error = refusal(weir, user="scram_user", password="scram-secret")
    assert error["M"] == 'authentication database "side" is disabled'
    weir.admin("ENABLE side")
    weir.connect("scram_user", password="scram-secret").close()


def start_login(weir, user="scram_user", **arguments):
    client = wire.Wire(weir.port, user, "app", login=False, **arguments)
    client.send(wire.startup({"user": user, "database": "app"}))
    return client


def test_logins_wait_while_the_auth_database_is_paused(asking, single, wait_until):
    weir = asking(host=single)
    weir.admin("PAUSE app")
    with start_login(weir, password="scram-secret") as client:
        wait_until(lambda: [row for row in weir.admin("SHOW POOLS")
                            if row["user"] == "postgres" and row["cl_waiting"] == "1"])
        assert client.is_quiet()
        weir.admin("RESUME app")
        client.finish_login()
        assert client.value("SELECT 1") == "1"


def test_a_login_that_waits_too_long_is_refused(asking, single):
    weir = asking(host=single, settings={"client_login_timeout": "500ms"})
    weir.admin("PAUSE app")
    began = time.monotonic()
    assert "client_login_timeout" in refusal(weir, user="scram_user")["M"]
    assert 0.4 < time.monotonic() - began < 5
    weir.admin("RESUME app")
    weir.connect("scram_user", password="scram-secret").close()


def test_lookups_stay_within_the_size_of_their_pool(asking, single, wait_until):
    slow = "SELECT rolname, rolpassword FROM pg_authid, pg_sleep(0.1) WHERE rolname = $1"
    weir = asking(host=single, settings={"auth_query": slow, "default_pool_size": 2})
    with many(lambda: start_login(weir, password="scram-secret"), 10) as clients:
        wait_until(lambda: [row for row in weir.admin("SHOW POOLS") if row["user"] == "postgres"
                            and int(row["cl_waiting"]) >= 1 and row["sv_active"] == "2"])
        linked = [row["link"] for row in weir.admin("SHOW SERVERS") if row["link"]]
        ids = set(re.findall(r" C-(\d+): app/scram_user@", weir.log()))
        assert all(link in ids for link in linked)
        for client in clients:
            client.finish_login()
    assert len([row for row in weir.admin("SHOW SERVERS") if row["user"] == "postgres"]) == 2


def test_a_client_that_leaves_meanwhile_costs_no_server(asking, single, wait_until):
    slow = "SELECT rolname, rolpassword FROM pg_authid, pg_sleep(0.5) WHERE rolname = $1"
    weir = asking(host=single, settings={"auth_query": slow})
    client = start_login(weir)
    wait_until(lambda: is_running(single, "%%pg_sleep(0.5)%%"))
    client.abort()
    wait_until(lambda: weir.admin("SHOW POOLS")[0] and [
        row for row in weir.admin("SHOW POOLS")
        if row["user"] == "postgres" and row["sv_idle"] == "1" and row["cl_active"] == "0"])
    assert weir.log().count("new connection to server") == 1
    weir.connect("scram_user", password="scram-secret").close()


def test_clients_that_leave_the_queue_leave_it(asking, single, wait_until):
    weir = asking(host=single)
    weir.admin("PAUSE app")
    with many(lambda: start_login(weir), 5):
        wait_until(lambda: weir.admin("SHOW POOLS")[0]["cl_waiting"] == "5")
    wait_until(lambda: weir.admin("SHOW POOLS")[0]["cl_waiting"] == "0")
    weir.admin("RESUME app")


def test_a_server_that_died_in_its_sleep_is_replaced(asking, single):
    weir = asking(host=single)
    weir.connect("scram_user", password="scram-secret").close()
    single.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                 " WHERE usename = 'postgres' AND pid <> pg_backend_pid()")
    weir.connect("scram_user", password="scram-secret").close()


@pytest.mark.parametrize("dies", [
    lambda server: server.abort(),
    lambda server: server.send(fakepg.error("57P01", "terminating connection", "FATAL")),
], ids=["with a reset", "by its words alone"])
def test_a_server_that_dies_while_asked_is_asked_again_once(asking, fake_postgres, dies):
    asked = []

    def script(server):
        server.accept()
        for found in server.messages():
            if found.type == "S":
                asked.append(1)
                if len(asked) == 1:
                    dies(server)
                    continue
                server.send(answer_parts(), fakepg.ready())

    fake = fake_postgres(script)
    weir = asking({"databases": {"app": {"host": "127.0.0.1", "port": fake.port}}},
                  settings={"auth_type": "plain"})
    with start_login(weir, password="magic") as client:
        client.finish_login()
    assert len(asked) == 2


def answer_parts():
    return (wire.message("1", b"") + wire.message("2", b"")
            + fakepg.description("usename", "passwd") + fakepg.data("scram_user", "magic")
            + fakepg.command("SELECT 1"))


@pytest.mark.parametrize("answer", [
    wire.message("T", b"\0"), wire.message("D", b"\0\2\0\0\0\1a"),
    wire.message("D", b"\0\2\0\0\0\3a\0b\0\0\0\1x"), wire.message("D", b"\0\2\xff\xff\xff\xfe"),
    wire.message("G", b"\0\0\0"), wire.message("E", b"\0x"), wire.message("?", b""),
    b"D\x7f\xff\xff\xff", b"D\0\0\0\1"], ids=repr)
def test_nonsense_from_the_server_costs_only_the_login(asking, fake_postgres, answer):
    def script(server):
        server.accept()
        for found in server.messages():
            if found.type == "S":
                server.send(answer, fakepg.ready())

    fake = fake_postgres(script)
    weir = asking({"databases": {"app": {"host": "127.0.0.1", "port": fake.port}}})
    for _ in range(2):
        with start_login(weir) as client:
            assert fatal(client).sqlstate == "F0000"


def test_a_removed_database_takes_the_logins_that_ask_it(asking, single, wait_until):
    databases = {"app": entry(single), "side": entry(single, dbname="app")}
    weir = asking({"databases": databases}, settings={"auth_dbname": "side"})
    weir.admin("PAUSE side")
    with start_login(weir) as client:
        wait_until(lambda: [row for row in weir.admin("SHOW POOLS")
                            if row["database"] == "side" and row["cl_waiting"] == "1"])
        config = dict(weir.template, databases={"app": entry(single)})
        weir.reload(config)
        assert fatal(client)["M"] == "database removed"
    assert refusal(weir, user="scram_user")["M"] == "bouncer config error"


def test_a_shutdown_does_not_wait_for_them(asking, single, wait_until):
    weir = asking(host=single)
    weir.admin("PAUSE app")
    with start_login(weir):
        wait_until(lambda: weir.admin("SHOW POOLS")[0]["cl_waiting"] == "1")
        assert weir.stop(15) == 0


def test_the_console_asks_the_database_of_auth_dbname(asking, single):
    weir = asking(host=single, settings={"auth_type": "md5", "admin_users": "scram_user",
                                         "auth_dbname": "app"})
    with weir.connect("scram_user", "pgbouncer", password="scram-secret") as console:
        assert console.query("SHOW VERSION")
    assert refusal(weir, user="scram_user", database="pgbouncer",
                   password="wrong").sqlstate == "28P01"


def test_of_a_cluster_the_primary_is_asked_and_without_one_any_host(new_cluster, asking, wait_until):
    cluster = new_cluster(replicas=1)
    weir = asking(cluster=cluster)
    cluster.replicas[0].pause_replay()
    cluster.primary.query("ALTER ROLE app PASSWORD 'new'")
    for _ in range(3):
        weir.connect("app", password="new").close()
    cluster.replicas[0].resume_replay()
    cluster.wait_caught_up()
    cluster.primary.kill()
    wait_until(lambda: [row for row in weir.admin("SHOW HOSTS") if row["health"] == "down"])

    def gets_in():
        try:
            with weir.connect("app", password="new") as client:
                return client.value("SELECT 1") == "1"
        except WireError:
            return False

    wait_until(gets_in)
