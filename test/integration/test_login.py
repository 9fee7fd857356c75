# SPDX-License-Identifier: ISC
"""Who gets in, and how pgweir gets in at the servers."""
import os
import struct
import subprocess

import psycopg2
import pytest

from harness import wire
from harness.helpers import many, refusal
from harness.wire import WireError, md5_secret, scram_secret

pytestmark = pytest.mark.majors

SECRETS = {
    "plain": "app-secret",
    "md5": md5_secret("app", "app-secret"),
    "scram": scram_secret("app-secret"),
}

# auth_type, kind of secret in auth_file, whether it can work.
WAYS = [("plain", "plain", True), ("plain", "md5", True), ("plain", "scram", True),
        ("md5", "plain", True), ("md5", "md5", True), ("md5", "scram", True),
        ("scram-sha-256", "plain", True), ("scram-sha-256", "md5", False),
        ("scram-sha-256", "scram", True)]


def method_asked(weir, user="app", database="app"):
    with wire.Wire(weir.port, user, database, login=False) as client:
        client.send(wire.startup({"user": user, "database": database}))
        found = client.recv()
        assert found.type == "R"
        return struct.unpack_from("!i", found.body)[0]


@pytest.mark.parametrize("auth_type, kind, works", WAYS)
def test_passwords_right_and_wrong(pgweir, single, auth_type, kind, works):
    weir = pgweir(host=single, settings={"auth_type": auth_type}, users={"app": SECRETS[kind]})
    if works:
        with weir.connect(password="app-secret") as client:
            assert client.value("SELECT current_user") == "app"
        psycopg2.connect(weir.dsn(password="app-secret")).close()
    for wrong in ("app-secreT", "", "app-secret ", "x" * 900, SECRETS[kind] + "x",
                  *([] if works else ["app-secret"])):
        error = refusal(weir, password=wrong)
        assert error.sqlstate in ("28P01", "28000"), error
    if kind != "plain":
        # A stored secret is not a password.
        assert refusal(weir, password=SECRETS[kind]).sqlstate in ("28P01", "28000")
    if works:
        with weir.connect(password="app-secret") as client:
            assert client.value("SELECT 1") == "1"


@pytest.mark.parametrize("auth_type, kind, method", [
    ("trust", "plain", 0), ("plain", "md5", 3), ("md5", "plain", 5), ("md5", "md5", 5),
    ("md5", "scram", 10), ("scram-sha-256", "plain", 10), ("scram-sha-256", "scram", 10)])
def test_the_method_that_is_asked_for(pgweir, single, auth_type, kind, method):
    weir = pgweir(host=single, settings={"auth_type": auth_type}, users={"app": SECRETS[kind]})
    assert method_asked(weir) == method


def test_a_login_by_scram_that_fails_is_told_in_both_poolers_words(pgweir, single):
    weir = pgweir(host=single, settings={"auth_type": "scram-sha-256"})
    for user in ("app", "nobody"):
        error = refusal(weir, user=user, password="wrong")
        assert (error.sqlstate, error["M"]) == (
            "28P01", 'SASL authentication failed: password authentication failed for user "%s"' % user)


@pytest.mark.parametrize("auth_type", ["plain", "md5", "scram-sha-256"])
def test_an_unknown_user_is_told_from_a_wrong_password_by_nothing(pgweir, single, auth_type):
    weir = pgweir(host=single, settings={"auth_type": auth_type})
    method = method_asked(weir)
    assert method_asked(weir, "nobody") == method
    known = refusal(weir, user="app", password="wrong")
    unknown = refusal(weir, user="nobody", password="wrong")
    assert (known.sqlstate, known["M"].replace('"app"', "")) == (
        unknown.sqlstate, unknown["M"].replace('"nobody"', ""))


def test_with_md5_an_unknown_user_is_asked_as_most_are(pgweir, single):
    scram = pgweir(host=single, settings={"auth_type": "md5"}, start=False)
    scram.users({"admin": "x", "app": SECRETS["scram"], "app2": SECRETS["scram"]})
    scram.start()
    assert [method_asked(scram, user) for user in ("app", "nobody", "admin")] == [10, 10, 5]
    asking = pgweir(host=single, settings={"auth_type": "md5", "auth_user": "postgres"},
                    start=False)
    asking.users({"postgres": ""})
    asking.start()
    for user, method in (("scram_user", 10), ("md5_user", 5)):
        assert method_asked(asking, user) == method_asked(asking, "nobody") == method


def test_the_salt_of_an_unknown_user_stays_the_same(pgweir, single):
    """Or one could tell by asking twice."""
    weir = pgweir(host=single, settings={"auth_type": "scram-sha-256"},
                  users={"app": SECRETS["scram"]})
    for user in ("nobody", "app"):
        salts = set()
        for _ in range(2):
            with wire.Wire(weir.port, login=False) as client:
                client.send(wire.startup({"user": user, "database": "app"}))
                client.recv()
                first = wire.Scram("x").first()
                client.send(wire.message("p", wire.text("SCRAM-SHA-256")
                                         + struct.pack("!i", len(first)) + first))
                salts.add(client.recv().body[4:].decode().split(",")[1])
        assert len(salts) == 1


def test_trust_wants_a_known_user(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect("app") as client:
        assert client.value("SELECT 1") == "1"
    assert refusal(weir, user="nobody").sqlstate in ("28000", "28P01")


def test_an_empty_secret_matches_no_password(pgweir, single):
    for auth_type in ("plain", "md5", "scram-sha-256"):
        weir = pgweir(host=single, settings={"auth_type": auth_type}, users={"app": ""})
        assert refusal(weir, password="").sqlstate == "28P01"


def test_an_unknown_database_is_3D000_and_only_told_to_those_who_may_log_in(pgweir, single):
    weir = pgweir(host=single, settings={"auth_type": "md5"})
    error = refusal(weir, database="nowhere", password="app-secret")
    assert error.sqlstate == "3D000"
    assert refusal(weir, database="nowhere", password="wrong").sqlstate == "28P01"


def test_a_database_that_only_the_host_does_not_know(pgweir, single):
    plain = {"host": "127.0.0.1", "port": single.port}
    weir = pgweir({"databases": {"app": plain, "gone": dict(plain, dbname="nowhere")}})
    assert refusal(weir, database="gone").sqlstate == "3D000"
    with weir.connect() as client:
        assert client.value("SELECT 1") == "1"


def test_the_fallback_entry_takes_any_name(pgweir, single):
    weir = pgweir({"databases": {"*": {"host": "127.0.0.1", "port": single.port}}})
    for database in ("app", "app2"):
        with weir.connect(database=database) as client:
            assert client.value("SELECT current_database()") == database
    assert refusal(weir, database="nowhere").sqlstate == "3D000"


def test_the_database_is_the_users_if_none_is_named(pgweir, single):
    weir = pgweir(host=single)
    with wire.Wire(weir.port, login=False) as client:
        client.send(wire.startup({"user": "app"}))
        client.finish_login()
        assert client.value("SELECT current_database()") == "app"


# At the servers.

@pytest.mark.parametrize("user, secret", [
    ("md5_user", "md5-secret"), ("scram_user", "scram-secret"), ("plain_user", "plain-secret")])
@pytest.mark.parametrize("auth_type", ["trust", "plain", "md5", "scram-sha-256"])
def test_servers_are_logged_in_to_with_the_password(pgweir, single, user, secret, auth_type):
    weir = pgweir(host=single, settings={"auth_type": auth_type})
    with weir.connect(user, password=secret) as client:
        assert client.value("SELECT current_user") == user


def test_a_md5_secret_logs_in_to_a_server_that_asks_for_md5(pgweir, single):
    weir = pgweir(host=single, settings={"auth_type": "md5"},
                  users={"md5_user": md5_secret("md5_user", "md5-secret")})
    with weir.connect("md5_user", password="md5-secret") as client:
        assert client.value("SELECT current_user") == "md5_user"


def test_the_keys_of_a_scram_login_log_in_to_the_server(pgweir, single):
    """auth_file holds what pg_authid holds: no password is known here."""
    stored = single.value("SELECT rolpassword FROM pg_authid WHERE rolname = 'scram_user'")
    for auth_type in ("scram-sha-256", "md5"):
        weir = pgweir(host=single, settings={"auth_type": auth_type}, users={"scram_user": stored})
        for _ in range(2):
            with weir.connect("scram_user", password="scram-secret") as client:
                assert client.value("SELECT current_user") == "scram_user"
        single.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                     " WHERE usename = 'scram_user'")
        with weir.connect("scram_user", password="scram-secret") as client:
            assert client.value("SELECT current_user") == "scram_user"


def test_keys_of_another_salt_do_not_and_say_so(pgweir, single):
    weir = pgweir(host=single, settings={"auth_type": "scram-sha-256"},
                  users={"scram_user": scram_secret("scram-secret")})
    error = refusal(weir, user="scram_user", password="scram-secret")
    assert "server login failed" in error["M"] or error.sqlstate == "28P01"


def test_a_password_of_the_entry_is_used_for_the_server_only(pgweir, single):
    entry = {"host": "127.0.0.1", "port": single.port, "user": "scram_user",
             "password": "scram-secret", "dbname": "app"}
    weir = pgweir({"databases": {"app": entry}}, settings={"auth_type": "md5"})
    with weir.connect("app", password="app-secret") as client:
        assert client.value("SELECT current_user") == "scram_user"
    assert refusal(weir, user="app", password="scram-secret").sqlstate == "28P01"


def test_a_wrong_password_at_the_server_is_its_error(pgweir, single):
    weir = pgweir(host=single, users={"scram_user": "wrong"})
    error = refusal(weir, user="scram_user")
    assert error.sqlstate == "28P01"
    with weir.connect() as client:
        assert client.value("SELECT 1") == "1"


def test_a_corrected_password_works_after_a_reload_at_once(pgweir, single, wait_until):
    weir = pgweir(host=single, users={"scram_user": "wrong"})
    assert refusal(weir, user="scram_user").sqlstate == "28P01"
    weir.users({"scram_user": "scram-secret"})
    os.utime(weir.users_file, (1, 1))
    weir.reload()
    wait_until(lambda: weir.connect("scram_user", password="scram-secret").close() is None)


def test_a_removed_user_is_refused_after_a_reload(pgweir, single, wait_until):
    weir = pgweir(host=single, settings={"auth_type": "md5"})
    with weir.connect("app2", password="app2-secret") as client:
        weir.users({"app": "app-secret"})
        os.utime(weir.users_file, (1, 1))
        weir.reload()

        def is_refused():
            try:
                weir.connect("app2", password="app2-secret").close()
            except WireError as error:
                return error.sqlstate == "28P01"

        wait_until(is_refused)
        assert client.value("SELECT 1") == "1"


def test_auth_type_any_needs_a_forced_user(pgweir, single):
    plain = {"host": "127.0.0.1", "port": single.port}
    weir = pgweir({"databases": {"app": dict(plain, user="app"), "app2": plain}},
                  settings={"auth_type": "any"})
    with weir.connect("whoever", "app") as client:
        assert client.value("SELECT current_user") == "app"
    assert "forced user" in refusal(weir, user="whoever", database="app2")["M"]


# As applications come: each way, by each client of libpq's family.

def psql(weir, **options):
    found = subprocess.run(["psql", "-X", "-w", "-At", "-c", "SELECT current_user",
                            weir.dsn("app", **options)], capture_output=True, text=True,
                           timeout=30)
    return found.stdout.strip() or found.stderr


def by_psycopg2(weir, **options):
    return by_module(psycopg2, weir, **options)


def by_psycopg(weir, **options):
    return by_module(pytest.importorskip("psycopg"), weir, **options)


def by_module(module, weir, **options):
    try:
        connection = module.connect(weir.dsn("app", **options))
    except module.OperationalError as error:
        return str(error)
    cursor = connection.cursor()
    cursor.execute("SELECT current_user")
    found = cursor.fetchone()[0]
    connection.close()
    return found


@pytest.mark.parametrize("client", [psql, by_psycopg2, by_psycopg])
@pytest.mark.parametrize("auth_type, line, wants_password, refused", [
    ("trust", None, False, None), ("plain", None, True, "password authentication failed"),
    ("md5", None, True, "password authentication failed"),
    ("scram-sha-256", None, True, "password authentication failed"),
    ("hba", "host all all all trust", False, None),
    ("hba", "host all all all password", True, "password authentication failed"),
    ("hba", "host all all all md5", True, "password authentication failed"),
    ("hba", "host all all all scram-sha-256", True, "password authentication failed"),
    ("hba", "host all all all reject", None, "login rejected"),
    ("hba", "local all all trust", None, "no authentication method is found")])
def test_each_way_in_by_libpq(pgweir, single, client, auth_type, line, wants_password, refused):
    weir = pgweir(host=single, settings={"auth_type": auth_type}, start=False)
    if line is not None:
        path = os.path.join(weir.dir, "hba")
        with open(path, "w") as file:
            file.write(line + "\n")
        weir.template["pgweir"]["auth_hba_file"] = path
    weir.start()
    right = client(weir, password="app-secret")
    if wants_password is None:
        assert refused in right
        return
    assert right == "app"
    if wants_password:
        assert refused in client(weir, password="wrong")
        assert "no password supplied" in client(weir)
    else:
        assert client(weir) == "app"


# The first packets.

@pytest.mark.parametrize("codes", [
    [wire.SSL_REQUEST], [wire.GSSENC_REQUEST], [wire.GSSENC_REQUEST, wire.SSL_REQUEST],
    [wire.SSL_REQUEST, wire.GSSENC_REQUEST]])
def test_requests_for_encryption_are_answered_no(pgweir, single, codes):
    weir = pgweir(host=single)
    with wire.Wire(weir.port, "app", "app", login=False) as client:
        for code in codes:
            client.send(wire.request(code))
            assert client.recv_bytes(1) == b"N"
        client.login()
        assert client.value("SELECT 1") == "1"


def test_libpq_goes_on_in_plain_if_it_only_prefers_tls(pgweir, single):
    weir = pgweir(host=single)
    psycopg2.connect(weir.dsn(sslmode="prefer", gssencmode="prefer")).close()
    with pytest.raises(psycopg2.OperationalError, match="SSL"):
        psycopg2.connect(weir.dsn(sslmode="require"))


@pytest.mark.parametrize("sent, sqlstate, text", [
    # Who asks for TLS and goes on before the answer did not choose those bytes alone.
    ([wire.request(wire.SSL_REQUEST) + wire.startup({"user": "app", "database": "app"})],
     "08P01", "received unencrypted data after SSL request"),
    ([wire.startup({"database": "app"})], "28000", "no username supplied"),
    ([wire.startup({"user": "u" * 128, "database": "app"})], "28000", "username too long"),
    ([struct.pack("!ii", 17, wire.PROTOCOL_3_0) + b"user\0appx"],
     "08P01", "invalid startup packet layout: expected terminator as last byte"),
    ([wire.startup({"user": "app"}, 2 << 16)], "08P01", "old V2 protocol not supported"),
    ([wire.request(wire.SSL_REQUEST)] * 3, "08P01", "client re-sent startup pkt"),
])
def test_what_is_wrong_before_the_login_is_told_in_the_words_of_pgbouncer(
        pgweir, single, sent, sqlstate, text):
    weir = pgweir(host=single)
    with wire.Wire(weir.port, login=False) as client:
        for packet in sent[:-1]:
            client.send(packet)
            assert client.recv_bytes(1) == b"N"
        client.send(sent[-1])
        error = [found for found in client.recv_closed() if found.type == "E"][0].fields()
        assert (error["S"], error["C"], error["M"]) == ("FATAL", sqlstate, text)


def test_protocol_3_2_is_negotiated_with_a_long_key(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect(protocol=wire.PROTOCOL_3_2) as client:
        assert client.value("SELECT 1") == "1"
        assert len(client.key) in (4, 32)
        if client.negotiated is None:
            assert len(client.key) == 32


@pytest.mark.parametrize("protocol, params", [
    (wire.PROTOCOL_3_0, {"_pq_.unknown": "1", "_pq_.other": ""}),
    (196608 + 9999, {"_pq_.test_protocol_negotiation": ""}), (196608 + 9999, {})])
def test_what_is_newer_than_we_are_is_negotiated_down(pgweir, single, protocol, params):
    weir = pgweir(host=single)
    with weir.connect(protocol=protocol, params=params) as client:
        assert client.negotiated is not None
        body = client.negotiated.body
        newest, count = struct.unpack_from("!ii", body)
        assert newest & 0xffff in (0, 2) or newest in (0, 2, 196608, 196610)
        assert count == len(params)
        names = body[8:].rstrip(b"\0").split(b"\0") if count else []
        assert sorted(name.decode() for name in names) == sorted(params)
        assert client.value("SELECT 1") == "1"


@pytest.mark.parametrize("version", [2 << 16, 1 << 16, 4 << 16, 0, 0x7fff0000])
def test_other_versions_are_refused(pgweir, single, version):
    weir = pgweir(host=single)
    with wire.Wire(weir.port, login=False) as client:
        client.send(wire.startup({"user": "app", "database": "app"}, version))
        errors = [found for found in client.recv_closed() if found.type == "E"]
        assert errors[0].fields()["C"] in ("08P01", "0A000")


def test_a_startup_packet_in_single_bytes(pgweir, single):
    weir = pgweir(host=single)
    with wire.Wire(weir.port, "app", "app", login=False) as client:
        for byte in wire.startup({"user": "app", "database": "app"}):
            client.send(bytes([byte]))
        client.finish_login()
        assert client.value("SELECT 1") == "1"


def test_a_query_sent_together_with_the_startup_packet(pgweir, single):
    """Before anyone said that it is welcome; PostgreSQL takes it too."""
    weir = pgweir(host=single)
    with wire.Wire(weir.port, "app", "app", login=False) as client:
        client.send(wire.startup({"user": "app", "database": "app"}), wire.query("SELECT 1"))
        client.finish_login()
        assert client.recv_ready().value == "1"


@pytest.mark.parametrize("params, text", [
    ({"user": ""}, "no username"), ({"user": "u" * 200}, "too long"),
    ({"database": "d" * 100}, "too long"), ({"no_such": "1MB"}, "unrecognized configuration"),
    ({"options": "-c no_such=1MB"}, "unrecognized configuration"),
    ({"options": "--nonsense"}, "--nonsense requires a value"), ({"replication": "database"}, "to start wal")])
def test_startup_parameters_that_are_refused(pgweir, single, params, text):
    weir = pgweir(host=single)
    with wire.Wire(weir.port, login=False) as client:
        client.send(wire.startup(dict({"user": "app", "database": "app"}, **params)))
        errors = [found for found in client.recv_closed() if found.type == "E"]
        assert text in errors[0].fields()["M"].lower()


def test_ignored_startup_parameters(pgweir, single):
    weir = pgweir(host=single,
                  settings={"ignore_startup_parameters": "extra_float_digits, work_mem,options"})
    params = {"extra_float_digits": "2", "work_mem": "1MB", "options": "-c geqo=off -c enable_sort=off"}
    with weir.connect(params=params) as client:
        assert client.value("SELECT 1") == "1"


def test_login_notify_message(pgweir, single):
    weir = pgweir(host=single, settings={"login_notify_message": "be kind"})
    with weir.connect() as client:
        assert [notice["M"] for notice in client.notices] == ["be kind"]


def test_login_notify_message_of_any_text(pgweir, single, workdir):
    """Two lines, more than a packet's worth, and what is not ASCII."""
    path = os.path.join(workdir, "message")

    def write(text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o644)

    write("-")
    weir = pgweir(host=single, settings={"login_notify_message": "${file:%s}" % path})
    for text in ("two\nlines", "x" * 6000, "Grüße, 世界 \U0001f418", "it's \\ \"quoted\""):
        write(text)
        weir.admin("RELOAD")
        with weir.connect() as client:
            assert [notice["M"] for notice in client.notices] == [text]
            assert [notice["S"] for notice in client.notices] == ["NOTICE"]
            assert client.value("SELECT 1") == "1"


def test_clients_over_the_unix_socket(pgweir, single):
    weir = pgweir(host=single, settings={"auth_type": "scram-sha-256"})
    with weir.connect(host=weir.dir, password="app-secret") as client:
        assert client.value("SELECT 1") == "1"


def test_a_hundred_logins_at_once(pgweir, single):
    weir = pgweir(host=single, settings={"auth_type": "scram-sha-256", "max_client_conn": 200,
                                         "scram_iterations": 4096})
    clients = [wire.Wire(weir.port, "app", "app", password="app-secret", login=False)
               for _ in range(100)]
    for client in clients:
        client.send(wire.startup({"user": "app", "database": "app"}))
    for client in clients:
        client.finish_login()
    for client in clients:
        assert client.value("SELECT 1") == "1"
        client.close()


def test_the_first_client_of_a_database_waits_for_the_address_of_its_host(pgweir, single):
    weir = pgweir({"databases": {"*": {"host": "localhost", "port": single.port}}})
    with weir.connect(database="app", user="app") as client:
        assert client.value("SELECT 1") == "1"


def test_a_host_without_an_address_is_named(pgweir, single):
    weir = pgweir({"databases": {"*": {"host": "no-such-host.invalid", "port": single.port}}})
    with pytest.raises(wire.WireError, match="DNS lookup failed"):
        weir.connect(database="app", user="app")


def test_scram_iterations_are_those_of_the_setting(pgweir, single):
    weir = pgweir(host=single, settings={"auth_type": "scram-sha-256", "scram_iterations": 5000})
    with weir.connect(password="app-secret") as client:
        assert client.value("SELECT 1") == "1"
    with wire.Wire(weir.port, login=False) as client:
        client.send(wire.startup({"user": "app", "database": "app"}))
        client.sock.recv(1000)
        first = b"n,,n=,r=abcdefghijklmnopqrstuvwx"
        client.send(wire.message("p", b"SCRAM-SHA-256\0" + len(first).to_bytes(4, "big") + first))
        assert client.sock.recv(1000).endswith(b",i=5000")


def test_a_password_that_comes_in_pieces_takes_little_memory(pgweir, single):
    weir = pgweir(host=single, settings={"auth_type": "plain"})
    whole = wire.password("plain-secret")

    def buffers():
        return [int(row["memtotal"]) for row in weir.admin("SHOW MEM", password="admin-secret")
                if row["name"] == "chunk"][0]

    def begin():
        client = wire.Wire(weir.port, login=False)
        client.send(wire.startup({"user": "plain_user", "database": "app"}))
        assert client.recv().type == "R"
        for piece in (whole[:6], whole[6:8]):
            client.send(piece)
            assert client.is_quiet(0.02)
        return client
    before = buffers()
    with many(begin, 20) as clients:
        assert buffers() - before < 20 * 4096
        clients[0].send(whole[8:])
        assert clients[0].recv().type == "R"


def test_a_secret_of_the_wrong_kind_for_the_server_is_told_at_once_and_to_all(pgweir, single):
    """The server wants SCRAM, auth_file has an MD5 secret; PgBouncer's words, also from memory."""
    weir = pgweir(host=single, settings={"auth_type": "trust"},
                  users={"admin": "admin-secret",
                         "scram_user": md5_secret("scram_user", "scram-secret")})
    for _ in range(2):
        error = refusal(weir, user="scram_user")
        assert error.sqlstate == "28000"
        assert "server login failed: wrong password type" in error["M"]
    assert "server login has been failing, cached error: server login failed: wrong password type " \
        "(server_login_retry)" in error["M"]
    assert weir.log().count("new connection to server") == 1
