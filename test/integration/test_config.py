# SPDX-License-Identifier: ISC
"""The file: what PgBouncer ships, secrets from elsewhere, errors; SET and RELOAD of each setting."""
import contextlib
import os
import re
import subprocess
import time

import pytest

from harness import wire
from harness.cluster import wait_until
from harness.helpers import fatal, many, refusal

# Another value than the default for what can be changed; None: needs files or has a test of its own.
CHANGES = {
    "admin_users": "admin, postgres", "application_name_add_host": "1", "auth_file": None,
    "auth_type": "any", "autodb_idle_timeout": "7", "cancel_wait_timeout": "11",
    "client_idle_timeout": "1000", "client_login_timeout": "61", "client_tls_ca_file": "/x",
    "conffile": None, "default_pool_size": "21", "dns_max_ttl": "16", "dns_nxdomain_ttl": "0.5",
    "dns_zone_check_period": "1", "idle_transaction_timeout": "8",
    "ignore_startup_parameters": "extra_float_digits", "log_connections": "0",
    "log_disconnections": "0", "log_pooler_errors": "0", "log_stats": "0",
    "login_notify_message": "welcome", "max_client_conn": "99", "max_db_client_connections": "98",
    "max_db_connections": "97", "max_packet_size": "1000000", "max_prepared_statements": "9",
    "max_user_client_connections": "96", "max_user_connections": "95", "min_pool_size": "1",
    "pool_idle_timeout": "6", "pool_mode": "statement", "query_timeout": "94",
    "query_wait_notify": "4", "query_wait_timeout": "93", "reserve_pool_size": "2",
    "reserve_pool_timeout": "1.5", "sbuf_loopcnt": "3", "scram_iterations": "4097",
    "server_check_delay": "31", "server_check_query": "SELECT 2", "server_connect_timeout": "14",
    "server_idle_timeout": "601", "server_lifetime": "3601", "server_login_retry": "13",
    "server_reset_query": "RESET ALL", "server_reset_query_always": "1", "server_round_robin": "1",
    "server_tls_sslmode": "allow", "stats_period": "59", "stats_users": "stats, app",
    "syslog_facility": "local1", "syslog_ident": "weir", "tcp_defer_accept": "0",
    "tcp_keepalive": "0", "tcp_keepcnt": "3", "tcp_keepidle": "4", "tcp_keepintvl": "5",
    "tcp_socket_buffer": "65536", "tcp_user_timeout": "1000", "transaction_timeout": "92",
    "verbose": "1",
}


def config(weir):
    return {row["key"]: row for row in weir.admin("SHOW CONFIG")}


def reload(weir, **settings):
    """RELOAD of the same file with other settings in [pgweir]."""
    template = dict(weir.template, pgweir=dict(weir.template["pgweir"], **settings))
    weir.configure(template)
    return weir.admin("RELOAD")


@pytest.fixture
def weir(pgweir, single):
    return pgweir(config={"pgweir": {}, "databases": {
        "app": {"host": "127.0.0.1", "port": single.port}}})


def test_every_changeable_setting_changes_by_set_and_by_reload(weir):
    before = config(weir)
    for name, value in CHANGES.items():
        assert before[name]["changeable"] == "yes", name
        if value is None:
            continue
        assert before[name]["value"] != value, name
        weir.admin("SET %s = '%s'" % (name, value))
    after = config(weir)
    assert {name: after[name]["value"] for name, value in CHANGES.items() if value} == {
        name: value for name, value in CHANGES.items() if value}
    # A reload undoes what was SET.
    weir.admin("RELOAD")
    assert config(weir) == before
    reload(weir, **{name: value for name, value in CHANGES.items() if value})
    after = config(weir)
    assert {name: after[name]["value"] for name, value in CHANGES.items() if value} == {
        name: value for name, value in CHANGES.items() if value}


def test_what_needs_a_restart_is_named_and_kept(weir):
    before = config(weir)
    fixed = {"listen_backlog": "129", "listen_port": "1", "unix_socket_mode": "0700",
             "so_reuseport": "1", "pkt_buf": "8192", "resolv_conf": "/x",
             "track_extra_parameters": "search_path", "pidfile": "/x"}
    for name in fixed:
        assert before[name]["changeable"] == "no", name
        with pytest.raises(wire.WireError) as refused:
            weir.admin("SET %s = '%s'" % (name, fixed[name]))
        assert "restart" in refused.value["M"] or "SET failed" in refused.value["M"]
    mark = weir.log_mark()
    reload(weir, default_pool_size=5, **fixed)
    after = config(weir)
    for name in fixed:
        assert after[name]["value"] == before[name]["value"], name
        assert re.search(r"WARNING setting %s: .*not applied" % name, weir.log_since(mark)), name
    assert after["default_pool_size"]["value"] == "5"


@pytest.mark.parametrize("settings, databases, expected", [
    ({"default_pool_size": "many"}, {}, r"pgweir.ini:\d+: default_pool_size is a whole number"),
    ({"default_pool_sice": "5"}, {}, "nearest known is default_pool_size"),
    ({"default_pool_size": 5}, {"x": {"hots": "y"}}, r"pgweir.ini:\d+: x: .*nearest known is host"),
    ({"default_pool_size": 5, "auth_file": "/nowhere"}, {}, "/nowhere"),
    ({"default_pool_size": 5, "logfile": "/nowhere/log"}, {}, "/nowhere/log"),
    ({"default_pool_size": "${env:PGWEIR_NOT_THERE}"}, {}, "PGWEIR_NOT_THERE"),
])
def test_a_reload_that_fails_changes_nothing(weir, settings, databases, expected):
    before = config(weir)
    mark = weir.log_mark()
    template = dict(weir.template, pgweir=settings,
                    databases=dict(weir.template["databases"], **databases))
    weir.configure(template)
    with pytest.raises(wire.WireError) as refused:
        weir.admin("RELOAD")
    assert refused.value.sqlstate == "F0000"
    assert re.search(expected, refused.value["M"] + weir.log_since(mark))
    assert config(weir) == before
    assert weir.connect().value("SELECT 1") == "1"


@pytest.mark.parametrize("text", ["", "# half of a file\n[databases]\napp = host=127.0.0.1\n"])
def test_a_file_without_the_main_section_is_no_configuration(weir, text):
    """One that was cut off while it was written, or another one, must not close all databases."""
    before = config(weir)
    with open(weir.ini, "w") as file:
        file.write(text)
    with pytest.raises(wire.WireError) as refused:
        weir.admin("RELOAD")
    assert refused.value.sqlstate == "F0000"
    assert "section [pgweir] (or [pgbouncer]) is missing" in refused.value["M"]
    assert config(weir) == before
    assert weir.connect().value("SELECT 1") == "1"


@pytest.mark.parametrize("what", ["pgweir.ini", "users.txt", "hba", "ident", "more.ini", "secret",
                                  "logfile"])
def test_a_pipe_in_the_place_of_a_file_stops_nobody(pgweir, single, workdir, what):
    """Reading would wait for who writes it, and all clients with it."""
    def path(name):
        return os.path.join(workdir, name)
    for name, text in (("hba", "host all all 127.0.0.1/32 trust\n"), ("ident", "m a b\n"),
                       ("more.ini", "[users]\n"), ("secret", "x")):
        with open(path(name), "w") as file:
            file.write(text)
        os.chmod(path(name), 0o644)
    weir = pgweir(host=single, settings={
        "auth_type": "hba", "auth_hba_file": path("hba"), "auth_ident_file": path("ident"),
        "login_notify_message": "${file:%s}" % path("secret")})
    with open(weir.ini, "a") as file:
        file.write("%%include %s\n" % path("more.ini"))
    weir.admin("RELOAD")
    name = {"pgweir.ini": weir.ini, "users.txt": weir.users_file}.get(what, path(what))
    if what == "logfile":
        with open(weir.ini, "a") as file:
            file.write("[pgweir]\nlogfile = %s\n" % name)
    else:
        os.rename(name, name + ".kept")
    os.mkfifo(name)
    os.chmod(name, 0o666)
    with weir.connect() as client:
        with weir.connect("admin", "pgweir", password="admin-secret", timeout=5) as console:
            with pytest.raises(wire.WireError) as refused:
                console.query("RELOAD")
        assert os.path.basename(name) in refused.value["M"]
        assert ("not a regular file" in refused.value["M"]) == (what != "logfile")
        assert client.value("SELECT 1") == "1"
    os.unlink(name)
    if what == "users.txt":
        os.symlink(name + ".kept", name)  # as in Kubernetes
        weir.admin("RELOAD")


def test_at_the_start_the_configuration_may_come_through_a_pipe(weir):
    """As another program makes it: with PgBouncer, that works."""
    done = subprocess.run(["bash", "-c", '"$0" --check <(sleep 0.3; cat "$1")', weir.binary, weir.ini],
                          capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done


def test_files_with_line_ends_of_windows_are_read(pgweir, single, workdir):
    """All of them; no value, name or secret ends with a CR."""
    def write(path, lines):
        with open(path, "w", newline="") as file:
            file.write("\r\n".join(lines) + "\r\n")
        os.chmod(path, 0o644)

    hba, ident, more, secret = (os.path.join(workdir, name) for name in ("hba", "ident", "more", "s"))
    write(hba, ["# who", "host all scram_user 127.0.0.1/32 scram-sha-256", "host all admin all md5", ""])
    write(ident, ["m a b", ""])
    write(more, ["[users]", "scram_user = pool_size=7"])
    write(secret, ["welcome"])
    weir = pgweir(host=single, settings={
        "auth_type": "hba", "auth_hba_file": hba, "auth_ident_file": ident,
        "login_notify_message": "${file:%s}" % secret}, start=False)
    with open(weir.users_file) as file:
        users = file.read().splitlines()
    weir.start()
    write(weir.users_file, ["; users", *users])
    with open(weir.ini) as file:
        write(weir.ini, file.read().splitlines() + ["%include " + more])
    weir.admin("RELOAD")
    with weir.connect("scram_user", password="scram-secret") as client:
        assert client.value("SELECT current_user") == "scram_user"
        assert [notice["M"] for notice in client.notices] == ["welcome"]
    assert "\r" not in str(weir.admin("SHOW CONFIG")) + str(weir.admin("SHOW DATABASES"))
    assert [row["pool_size"].strip() for row in weir.admin("SHOW USERS")
            if row["name"] == "scram_user"] == ["7"]
    assert refusal(weir, user="app").sqlstate == "28000"


def test_conffile_names_the_file_of_the_next_reload(weir):
    other = os.path.join(weir.dir, "other.ini")
    with open(weir.ini) as old, open(other, "w") as new:
        new.write(old.read().replace("[pgweir]", "[pgweir]\ndefault_pool_size = 17"))
    os.chmod(other, 0o644)
    assert config(weir)["conffile"]["value"] == weir.ini
    weir.admin("SET conffile = '%s'" % other)
    weir.admin("RELOAD")
    assert config(weir)["default_pool_size"]["value"] == "17"
    weir.admin("RELOAD")
    assert config(weir)["conffile"]["value"] == other


def test_secrets_come_from_files_and_environment_and_are_read_again(pgweir, single, workdir):
    secret = os.path.join(workdir, "secret")

    def write(text):
        with open(secret, "w") as file:
            file.write(text)
        os.chmod(secret, 0o644)

    write("wrong\n")
    weir = pgweir(config={
        "pgweir": {"login_notify_message": "'${file:%s}'" % secret, "server_login_retry": "50ms",
                   "default_pool_size": "${env:TEST_SIZE}"},
        "databases": {"app": {"host": "${env:TEST_HOST}", "port": single.port, "user": "scram_user",
                              "password": "${file:%s}" % secret}}},
        env={"TEST_HOST": "127.0.0.1", "TEST_SIZE": "4"})
    with pytest.raises(wire.WireError):
        weir.connect()
    write("scram-secret\n")
    weir.admin("RELOAD")
    with weir.connect() as client:
        assert client.value("SELECT current_user") == "scram_user"
    shown = config(weir)
    assert shown["default_pool_size"]["value"] == "4"
    assert shown["login_notify_message"]["value"] == "'${file:%s}'" % secret
    os.unlink(secret)
    with pytest.raises(wire.WireError):
        weir.admin("RELOAD")
    assert "%s}: cannot read the file: No such file" % secret in weir.log()
    assert "scram-secret" not in weir.log() + str(weir.admin("SHOW CONFIG"))
    with weir.connect() as client:
        assert client.value("SELECT current_user") == "scram_user"


def test_a_password_that_changes_in_the_auth_file_is_used_by_the_next_server(pgweir, single):
    weir = pgweir(host=single, settings={"pool_mode": "transaction", "auth_type": "trust"},
                  users={"admin": "admin-secret", "scram_user": "scram-secret"})
    with weir.connect(user="scram_user") as client:
        assert client.value("SELECT 1") == "1"
        single.query("ALTER ROLE scram_user PASSWORD 'another'")
        try:
            weir.users({"admin": "admin-secret", "scram_user": "another"})
            weir.admin("RELOAD")
            weir.admin("RECONNECT")
            assert client.value("SELECT 2") == "2"
        finally:
            single.query("ALTER ROLE scram_user PASSWORD 'scram-secret'")


def test_the_file_that_debian_ships_works(pgweir, single):
    """PgBouncer's own file with only the paths and the port changed, every setting commented in."""
    path = "/usr/share/doc/pgbouncer/examples/pgbouncer.ini"
    if not os.path.exists(path):
        pytest.skip("no pgbouncer here")
    with open(path) as file:
        text = file.read()
    kept = []
    for line in text.splitlines():
        match = re.match(r";?\s?(\w+) = ?(.*)$", line)
        refused = {"disable_pqexec", "auth_hba_file", "job_name", "service_name"}
        if match and not line.startswith(";;") and match.group(1) not in refused | {
                "logfile", "pidfile", "unix_socket_dir", "unix_socket_group", "listen_port",
                "auth_file", "auth_type", "admin_users", "resolv_conf", "foodb", "bardb",
                "forcedb", "nondefaultdb", "user1", "verbose", "syslog"}:
            line = "%s = %s" % match.groups()
        elif match and match.group(1) in {"logfile", "pidfile", "auth_file", "listen_port",
                                          "unix_socket_dir", "auth_type"}:
            continue
        kept.append(line)
    ours = ["listen_port = {port}", "unix_socket_dir = {dir}", "auth_type = trust",
            "auth_file = {dir}/users.txt", "admin_users = admin", "[databases]",
            "app = host=127.0.0.1 port=%d" % single.port]
    weir = pgweir(config="\n".join(kept + ours) + "\n")
    assert weir.connect().value("SELECT 1") == "1"
    assert config(weir)["server_check_query"]["value"] == "select 1"


def test_a_removed_database_closes_its_clients(weir, single):
    both = dict(weir.template["databases"], gone={"host": "127.0.0.1", "port": single.port,
                                                 "dbname": "app"})
    weir.configure(dict(weir.template, databases=both))
    weir.admin("RELOAD")
    with weir.connect() as stays, weir.connect(database="gone") as client:
        assert (stays.value("SELECT 1"), client.value("SELECT 1")) == ("1", "1")
        databases = dict(both)
        del databases["gone"]
        weir.configure(dict(weir.template, databases=databases))
        weir.admin("RELOAD")
        assert "database removed" in fatal(client)["M"]
        assert stays.value("SELECT 1") == "1"
        assert refusal(weir, database="gone")["M"] == "no such database: gone"


def test_reloads_under_load_disturb_nobody(weir, single):
    deadline = time.monotonic() + 2
    with many(weir.connect, 8) as clients:
        number = 0
        while time.monotonic() < deadline:
            number += 1
            for client in clients[:4]:
                client.query("BEGIN")
            reload(weir, default_pool_size=5 + number % 5, server_idle_timeout=number)
            for client in clients:
                assert client.value("SELECT 1") == "1"
            for client in clients[:4]:
                client.query("COMMIT")
    assert number > 3
    assert not re.search("ERROR|FATAL", weir.log())


@pytest.mark.parametrize("at_once", [False, True])
def test_hosts_of_a_list_take_turns(pgweir, fake_postgres, at_once):
    one = fake_postgres()
    two = fake_postgres(address="127.0.0.5", port=one.port)
    weir = pgweir(config={"pgweir": {"pool_mode": "session"},
                          "databases": {"app": {"host": "127.0.0.1,127.0.0.5", "port": one.port}}})
    with contextlib.ExitStack() as stack:
        clients = []
        for number in range(1, 7):
            clients.append(stack.enter_context(weir.connect()))
            if not at_once:
                clients[-1].query("SELECT 1")
                assert len(one.connections) == (number + 1) // 2
                assert len(two.connections) == number // 2
        for client in clients:
            client.send(wire.query("SELECT 1"))
        for client in clients:
            client.recv_ready()
        assert (len(one.connections), len(two.connections)) == (3, 3)


def test_one_dead_host_of_a_list_stops_nobody(pgweir, fake_postgres):
    good = fake_postgres()
    weir = pgweir(config={"pgweir": {"pool_mode": "session", "server_login_retry": 60},
                          "databases": {"app": {"host": "127.0.0.3,127.0.0.1",
                                                "port": good.port}}})
    begun = time.monotonic()
    with many(weir.connect, 8) as clients:
        for client in clients:
            client.query("SELECT 1")
        assert len([each for each in good.connections if not each.closed]) == 8
    assert time.monotonic() - begun < 5


def test_a_host_that_refuses_logins_sends_clients_to_the_next(pgweir, fake_postgres):
    from harness.fakepg import error

    def reject(server):
        server.read_startup()
        server.send(error("28000", "go away", severity="FATAL"))
        server.close()

    good = fake_postgres()
    fake_postgres(reject, address="127.0.0.4", port=good.port)
    weir = pgweir(config={"pgweir": {"pool_mode": "session", "server_login_retry": 60},
                          "databases": {"app": {"host": "127.0.0.4,127.0.0.1",
                                                "port": good.port}}})
    with many(weir.connect, 6) as clients:
        for client in clients:
            client.query("SELECT 1")


def test_a_sticky_list_stays_on_a_host_until_it_fails(pgweir, fake_postgres):
    one = fake_postgres()
    two = fake_postgres(address="127.0.0.2", port=one.port)
    weir = pgweir(config={"pgweir": {"pool_mode": "session", "server_login_retry": "100ms"},
                          "databases": {"app": {"host": "127.0.0.1,127.0.0.2", "port": one.port,
                                                "load_balance_hosts": "disable"}}})
    with many(weir.connect, 4) as clients:
        for client in clients:
            client.query("SELECT 1")
        assert (len(one.connections), len(two.connections)) == (4, 0)
    one.stop()
    wait_until(lambda: not weir.admin("SHOW SERVERS"), what="the lost servers to be noticed")
    with many(weir.connect, 4) as clients:
        for client in clients:
            client.query("SELECT 1")
    assert len(two.connections) >= 1


def test_unix_and_abstract_sockets_of_servers(pgweir, fake_postgres, single):
    weir = pgweir(config={"pgweir": {"unix_socket_dir": "@pgweir-test-%d" % os.getpid()},
                          "databases": {"app": {"host": "127.0.0.1", "port": single.port}}})
    weir.connect().query("SELECT 1")
    inner = weir
    outer = pgweir(config={"pgweir": {}, "databases": {
        "app": {"host": "@pgweir-test-%d" % os.getpid(), "port": inner.port}}})
    assert outer.connect().value("SELECT 1") == "1"
    shown = outer.admin("SHOW SERVERS")[0]
    assert (shown["addr"], shown["port"], shown["local_addr"], shown["local_port"]) == (
        "unix", str(inner.port), "unix", str(outer.port))
    outer.stop()


def test_automatic_databases_and_pools_go(pgweir, single):
    weir = pgweir(config={
        "pgweir": {"autodb_idle_timeout": "1s", "pool_idle_timeout": "300ms",
                   "server_idle_timeout": "100ms"},
        "databases": {"*": {"host": "127.0.0.1", "port": single.port}}})

    def names(what, column):
        return [row[column] for row in weir.admin(what)]

    weir.connect(database="app").query("SELECT 1")
    weir.wait_log("registered new auto-database: db=app")
    client = weir.connect(database="app", user="app2")
    assert "app" in names("SHOW DATABASES", "name")
    wait_until(lambda: [row["user"] for row in weir.admin("SHOW POOLS")
                        if row["database"] == "app"] == ["app2"], what="the unused pool to go")
    client.close()
    wait_until(lambda: "app" not in names("SHOW DATABASES", "name"), what="the database to go")
    assert weir.connect(database="app").value("SELECT 1") == "1"


# target_session_attrs of a plain list of hosts.


@pytest.fixture
def standby_first(fake_postgres):
    """Hosts 127.0.0.1, a standby, and 127.0.0.2, a primary: (for host= and port=), (standby, primary)."""
    def host(standby):
        def script(server):
            server.accept({"in_hot_standby": standby})
            for found in server.messages():
                server.answer(found)
        return script

    standby = fake_postgres(host("on"))
    primary = fake_postgres(host("off"), address="127.0.0.2", port=standby.port)
    return {"host": "127.0.0.1,127.0.0.2", "port": standby.port,
            "load_balance_hosts": "disable"}, (standby, primary)


def used(fakes):
    """Which of the hosts have been asked something."""
    return [any(message.type == "Q" and b"mine" in message.body for message in fake.received())
            for fake in fakes]


@pytest.mark.parametrize("attrs,asked", [
    ("any", [True, False]), ("primary", [False, True]), ("read-write", [False, True]),
    ("standby", [True, False]), ("read-only", [True, False])])
def test_a_plain_list_serves_from_the_hosts_that_target_session_attrs_asks_for(
        pgweir, standby_first, attrs, asked):
    entry, fakes = standby_first
    weir = pgweir(config={"databases": {"app": dict(entry, target_session_attrs=attrs)}},
                  settings={"pool_mode": "session"})
    with many(weir.connect, 3) as clients:
        for client in clients:
            client.query("SELECT mine")
    assert used(fakes) == asked
    if asked == [False, True]:
        weir.wait_log("S-.* closing because: server does not satisfy target_session_attrs")


def test_where_no_host_is_what_target_session_attrs_asks_for_clients_are_told(
        pgweir, standby_first):
    entry, _ = standby_first
    weir = pgweir(config={"databases": {"app": dict(entry, host="127.0.0.1",
                                                    target_session_attrs="primary")}},
                  settings={"client_login_timeout": "1s", "server_login_retry": "30s"})
    assert refusal(weir)["M"] == "client_login_timeout (server down)"
    assert re.search("cached error: server does not satisfy target_session_attrs",
                     refusal(weir)["M"])


def test_servers_are_replaced_when_target_session_attrs_changes(pgweir, standby_first):
    entry, fakes = standby_first
    config = {"databases": {"app": dict(entry, target_session_attrs="any")}}
    weir = pgweir(config=config, settings={"pool_mode": "session"})
    with weir.connect() as client:
        client.query("SELECT 1")
    config["databases"]["app"]["target_session_attrs"] = "primary"
    config["pgweir"] = {"pool_mode": "session"}
    weir.reload(config)
    weir.wait_log(r"database app: changed: target_session_attrs \(servers reconnect\)")
    with weir.connect() as client:
        client.query("SELECT mine")
    assert used(fakes) == [False, True]


def test_prefer_standby_of_a_plain_list_is_refused(pgweir, standby_first):
    entry, _ = standby_first
    with pytest.raises(RuntimeError, match="prefer-standby needs cluster="):
        pgweir(config={"databases": {"app": dict(entry, target_session_attrs="prefer-standby")}})
