# SPDX-License-Identifier: ISC
"""Drivers as they are, most of them with named prepared statements by default, in transaction
pooling with fewer servers than connections: harness/drivers.py has the table and says what is
checked. `scripts/test drivers` runs all of them; the others only those that are marked quick."""
import os

import pytest

from harness.drivers import DRIVERS, Missing, Run
from harness.helpers import backends

SERVERS = 2


@pytest.fixture(params=["plain", "split"])
def database(request, pgweir, clusters, workdir):
    """Settings of a driver's program, for a plain entry or a primary with a replica."""
    split = request.param == "split"
    cluster = clusters.get(1 if split else 0)
    settings = {"auth_type": "scram-sha-256", "default_pool_size": SERVERS, "max_client_conn": 500}
    where = {"cluster": "main"} if split else {"host": "127.0.0.1", "port": cluster.primary.port}
    weir = pgweir(cluster=cluster if split else None, settings=settings, databases={
        "app": where, "app_session": dict(where, dbname="app", pool_mode="session", pool_size=4)})
    console = os.path.join(weir.dir, "console")
    with open(console, "w") as file:
        file.write("#!/bin/sh\nPGPASSWORD=admin-secret exec psql -X -h 127.0.0.1 -p %d -U admin -d pgweir"
                   " -v ON_ERROR_STOP=1 -c \"$1\"\n" % weir.port)
    os.chmod(console, 0o755)
    weir.driver_env = {
        "PGHOST": "127.0.0.1", "PGPORT": str(weir.port), "PGUSER": "scram_user",
        "PGPASSWORD": "scram-secret", "PGDATABASE": "app", "SESSION_DATABASE": "app_session",
        "ADMIN_PASSWORD": "admin-secret", "CONSOLE": console, "SPLIT": str(int(split)),
        "TMPDIR": weir.dir, "HOME": weir.dir,
    }
    weir.cluster = cluster
    weir.entry = request.param
    return weir


def rows_read(host):
    """Statements that a host has answered for the driver's database are seen by what they scanned."""
    return int(host.value("SELECT tup_returned FROM pg_stat_database WHERE datname = 'app'"))


@pytest.mark.parametrize("driver", [
    pytest.param(driver, id=driver.name.replace(" ", ""),
                 marks=[] if driver.quick else [pytest.mark.all_drivers, pytest.mark.slow])
    for driver in DRIVERS])
def test_driver(driver, database, record_property):
    try:
        run = Run(driver, database.driver_env)
    except Missing as missing:
        record_property("driver", (driver.name, "-", database.entry, "-", "skipped: %s" % missing))
        pytest.skip(str(missing))
    ran = " ".join(name for name in run.passed)
    record_property("driver", (driver.name, run.version, database.entry, ran, "FAILED: %s" % (
        " ".join(run.failed) or "status %s" % run.status) if run.failed or run.status else "ok"))
    run.check()
    for host in database.cluster.hosts:
        # The session database has servers of its own.
        assert len(backends(host)) <= SERVERS + 4
