# SPDX-License-Identifier: ISC
"""Settings of a session follow their client from server to server."""
import os
import socket

import pytest

from harness.wire import WireError, query

pytestmark = pytest.mark.majors

VALUES = {
    "client_encoding": "LATIN1", "DateStyle": "German, DMY", "TimeZone": "Asia/Kathmandu",
    "IntervalStyle": "iso_8601", "standard_conforming_strings": "off",
    "application_name": "it's a \\ test",
}

ON_REPLICA = "/* pgweir: route=prefer-replica */ SELECT pg_is_in_recovery()"


def show(client, name):
    return client.value("SHOW %s" % name)


def set_to(client, name, value):
    client.query("SET %s = E'%s'" % (name, value.replace("\\", "\\\\").replace("'", "''")))


@pytest.mark.parametrize("name", VALUES)
def test_a_setting_is_restored_when_servers_change_hands(pgweir, single, name):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as one, weir.connect() as two:
        before = show(two, name)
        set_to(one, name, VALUES[name])
        for _ in range(3):
            assert show(one, name) == VALUES[name]
            assert show(two, name) == before
        assert one.parameters[name] == VALUES[name]
        assert two.parameters[name] == before


@pytest.mark.parametrize("name", VALUES)
def test_a_setting_of_the_startup_packet_holds(pgweir, single, name):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect(params={name: VALUES[name]}) as one, weir.connect() as two:
        for _ in range(2):
            assert show(one, name) == VALUES[name]
            assert show(two, name) != VALUES[name]


def test_settings_in_startup_options(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    options = "-c DateStyle=German,DMY --timezone=Asia/Kathmandu -cIntervalStyle=iso_8601"
    with weir.connect(params={"options": options}) as one, weir.connect() as two:
        assert show(two, "TimeZone") != "Asia/Kathmandu"
        assert [show(one, name) for name in ("DateStyle", "TimeZone", "IntervalStyle")] == [
            "German, DMY", "Asia/Kathmandu", "iso_8601"]


def test_extended_requests_run_under_the_clients_settings(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as one, weir.connect() as two:
        one.query("SET TimeZone = 'Asia/Kathmandu'")
        for _ in range(2):
            assert one.extended("SELECT current_setting('TimeZone')").value == "Asia/Kathmandu"
            assert two.extended("SELECT current_setting('TimeZone')").value != "Asia/Kathmandu"
            assert one.extended("SELECT 1").types == "12TDCZ"


def test_a_setting_of_a_transaction_that_is_rolled_back_is_too(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as one, weir.connect() as two:
        before = show(one, "TimeZone")
        one.query("BEGIN")
        one.query("SET TimeZone = 'Asia/Kathmandu'")
        assert show(one, "TimeZone") == "Asia/Kathmandu"
        one.query("ROLLBACK")
        assert one.parameters["TimeZone"] == before
        show(two, "TimeZone")
        assert show(one, "TimeZone") == before


def test_set_local_ends_with_its_transaction(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as one, weir.connect() as two:
        before = show(one, "DateStyle")
        one.query("BEGIN")
        one.query("SET LOCAL DateStyle = 'German'")
        one.query("COMMIT")
        assert show(two, "DateStyle") == before
        assert show(one, "DateStyle") == before


def test_parameters_that_postgresql_reports_reach_the_client_at_login(pgweir, single):
    weir = pgweir(host=single)
    with single.connect("app", "app") as direct, weir.connect() as first, weir.connect() as second:
        for client in (first, second):
            assert set(client.parameters) == set(direct.parameters)
            assert client.parameters == direct.parameters


def test_a_change_is_reported_at_once(pgweir, single):
    weir = pgweir(host=single)
    with weir.connect() as client:
        result = client.request(query("SET application_name = 'later'"))
        assert "S" in result.types
        assert client.parameters["application_name"] == "later"
        assert "S" not in client.request(query("SELECT 1")).types


def test_reset_gives_the_value_of_the_servers_start(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as one, weir.connect() as two:
        before = show(two, "TimeZone")
        one.query("SET TimeZone = 'Asia/Kathmandu'")
        one.query("RESET TimeZone")
        assert show(one, "TimeZone") == before
        show(two, "TimeZone")
        assert show(one, "TimeZone") == before


def test_an_invalid_value_in_the_startup_packet_costs_only_its_client(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    with weir.connect() as other:
        client = None
        try:
            client = weir.connect(params={"TimeZone": "No/Such/Place"})
            result = client.request(query("SELECT 1"))
            assert result.error.sqlstate == "22023"
        except Exception as error:
            assert client is None or "closed" in str(error)
        assert other.value("SELECT 1") == "1"


def test_a_value_that_looks_like_sql_is_only_a_value(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1})
    for value in ("x'; CREATE TABLE evil (i int); --", "\\'; CREATE TABLE evil (i int); --",
                  "\\\\'; CREATE TABLE evil (i int); --"):
        for scs in ("on", "off"):
            params = {"application_name": value[:60], "standard_conforming_strings": scs}
            with weir.connect(params=params) as one, weir.connect() as two:
                for _ in range(2):
                    assert show(one, "application_name") == value[:60]
                    assert show(two, "application_name") != value[:60]
    assert single.value("SELECT to_regclass('evil')", "app") is None


def test_application_name_add_host(pgweir, single):
    weir = pgweir(host=single, settings={"application_name_add_host": 1})
    with weir.connect(params={"application_name": "mine"}) as client:
        assert show(client, "application_name").startswith("mine - 127.0.0.1:")
    with weir.connect(host=weir.dir) as client:
        assert show(client, "application_name") == "app - unix(%d@%s):%d" % (
            os.getpid(), socket.gethostname(), weir.port)


def test_application_name_add_host_with_ipv6_and_long_names(pgweir, single):
    """PostgreSQL keeps 63 bytes of it; a name set later is the client's own."""
    weir = pgweir(host=single, settings={"application_name_add_host": 1, "default_pool_size": 1,
                                         "listen_addr": "127.0.0.1,::1"})
    with weir.connect(host="::1") as client, \
            weir.connect(params={"application_name": "n" * 100}) as long:
        assert show(client, "application_name").startswith("app - [::1]:")
        for _ in range(2):
            assert show(long, "application_name").startswith("n" * 60)
            assert len(show(long, "application_name")) == 63
            client.query("SET application_name = 'later'")
            assert show(client, "application_name") == "later"


def test_settings_of_a_database_entry(pgweir, single):
    entry = {"host": "127.0.0.1", "port": single.port, "timezone": "Asia/Kathmandu",
             "datestyle": "German", "client_encoding": "LATIN1"}
    weir = pgweir({"databases": {"app": entry}})
    with weir.connect() as client:
        assert show(client, "TimeZone") == "Asia/Kathmandu"
        assert show(client, "DateStyle").startswith("German")
        assert show(client, "client_encoding") == "LATIN1"


def test_track_extra_parameters(pgweir, single):
    weir = pgweir(host=single, settings={"default_pool_size": 1,
                                         "track_extra_parameters": "is_superuser, IntervalStyle"})
    with weir.connect() as one, weir.connect() as two:
        one.query("SET IntervalStyle = 'iso_8601'")
        assert show(two, "IntervalStyle") == "postgres"
        assert show(one, "IntervalStyle") == "iso_8601"


def test_track_extra_parameters_of_any_case_and_unreported(pgweir, single):
    """What PostgreSQL does not report (search_path before 18) cannot be followed, and leaks to nobody."""
    weir = pgweir(host=single, settings={"default_pool_size": 1,
                                         "track_extra_parameters": "Search_PATH,Work_Mem"})
    with weir.connect(params={"work_mem": "5MB"}) as one, weir.connect() as two:
        one.query("SET search_path = 'elsewhere'")
        for _ in range(2):
            assert (show(two, "search_path"), show(two, "work_mem")) == ('"$user", public', "4MB")
            assert show(one, "work_mem") == "5MB"
            if "search_path" in one.parameters:
                assert show(one, "search_path") == "elsewhere"
        two.query("SET work_mem = '9MB'")
        assert show(one, "work_mem") == "5MB"
    with pytest.raises(WireError):
        weir.admin("SET track_extra_parameters = 'DateStyle'")


def test_the_role_of_a_host_never_leaks(pgweir, cluster, wait_until):
    weir = pgweir(cluster=cluster)
    with weir.connect() as client:
        assert client.parameters["in_hot_standby"] == "off"
        wait_until(lambda: client.value(ON_REPLICA) == "t")
        client.query("CREATE TABLE t (i int)")
        for _ in range(5):
            client.value(ON_REPLICA)
        assert client.parameters["in_hot_standby"] == "off"
        assert client.parameters["default_transaction_read_only"] == "off"
    with weir.connect() as late:
        assert late.parameters["in_hot_standby"] == "off"


def test_settings_follow_to_replicas(pgweir, cluster, wait_until):
    weir = pgweir(cluster=cluster)
    with weir.connect(params={"TimeZone": "Asia/Kathmandu"}) as client:
        wait_until(lambda: client.value(ON_REPLICA) == "t")
        for _ in range(4):
            assert client.value("SELECT now()::text").endswith("+05:45")
        client.query("SET DateStyle = 'German'")
        for _ in range(4):
            assert client.value("SELECT date '2001-12-31'") == "31.12.2001"
