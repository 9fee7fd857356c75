# SPDX-License-Identifier: ISC
"""Fixtures of the integration tests; test/integration/README.md says how to use them."""
import itertools
import os
import shutil
import subprocess
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import pgweir as runner  # noqa: E402
from harness.cluster import Cluster, find_bin, unprivileged, wait_until as wait  # noqa: E402
from harness.dns import NameServer  # noqa: E402
from harness.drivers import table  # noqa: E402
from harness.fakepg import FakePostgres  # noqa: E402


def pytest_collection_modifyitems(items):
    """Long tests first, so that no worker is left alone with one at the end."""
    items.sort(key=lambda item: 0 if item.get_closest_marker("slow") else 1)


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than a few seconds")
    config.addinivalue_line("markers", "all_drivers: only for scripts/test drivers")
    config.addinivalue_line("markers", "majors: with PostgreSQL 18 too")
    if not os.access(runner.find_binary(), os.X_OK):
        raise pytest.UsageError("no %s: run scripts/build, or set PGWEIR" % runner.find_binary())


def pytest_generate_tests(metafunc):
    """Tests marked majors that have a real PostgreSQL run with the newest major too."""
    if "major" in metafunc.fixturenames and metafunc.definition.get_closest_marker("majors"):
        metafunc.parametrize("major", [None, "18"], ids=["system", "18"], indirect=True)


@pytest.fixture
def major(request):
    """Which PostgreSQL the clusters of a test have; None: the system's."""
    return getattr(request, "param", None)


@pytest.fixture(scope="session")
def workdir():
    """A folder that PostgreSQL's user can reach (pytest's own are private); removed at the end."""
    folder = tempfile.mkdtemp(prefix="pgweir-")
    os.chmod(folder, 0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def binary(workdir):
    return runner.runnable(runner.find_binary(), workdir)


class Clusters:
    """Makes clusters, keeps the shared ones for as long as they can be reset."""

    def __init__(self, workdir):
        self.workdir = workdir
        self.number = itertools.count(1)
        self.shared = {}
        self.all = []
        self.bins = {}

    def find_bin(self, major):
        """Its programs, or a copy that PostgreSQL's user can reach."""
        if major not in self.bins:
            try:
                found = find_bin(major)
            except RuntimeError as error:
                if major is None:
                    raise
                pytest.skip(str(error))
            drop = unprivileged()
            if drop and subprocess.run(["test", "-x", found + "/postgres"], **drop).returncode:
                copy = os.path.join(self.workdir, "postgres-%s" % major)
                shutil.copytree(os.path.dirname(found), copy, symlinks=True)
                found = os.path.join(copy, "bin")
            self.bins[major] = found
        return self.bins[major]

    def make(self, replicas=2, delay_ms=0, settings=None, major=None):
        cluster = Cluster(os.path.join(self.workdir, "c%d" % next(self.number)), settings,
                          self.find_bin(major))
        self.all.append(cluster)
        return cluster.up(replicas, delay_ms)

    def get(self, replicas, major=None):
        cluster = self.shared.get((replicas, major))
        if cluster:
            try:
                if cluster.reset():
                    return cluster
            except Exception:
                pass
            self.remove(cluster)
        self.shared[replicas, major] = self.make(replicas, major=major)
        return self.shared[replicas, major]

    def remove(self, cluster):
        cluster.down()
        self.all.remove(cluster)

    def remove_all(self):
        for cluster in list(self.all):
            self.remove(cluster)


@pytest.fixture(scope="session")
def clusters(workdir):
    made = Clusters(workdir)
    yield made
    made.remove_all()


@pytest.fixture
def cluster(clusters, major):
    """A primary and two replicas, shared by the tests of a worker and reset between them. A test
    may stop, kill or promote: then the next one gets a new cluster."""
    return clusters.get(2, major)


@pytest.fixture
def single(clusters, major):
    """One PostgreSQL without replicas: the primary of its cluster."""
    return clusters.get(0, major).primary


@pytest.fixture
def new_cluster(clusters, major):
    """new_cluster(replicas=2, delay_ms=0, settings=None): a cluster of one's own."""
    made = []

    def make(**arguments):
        made.append(clusters.make(major=major, **arguments))
        return made[-1]

    yield make
    for each in made:
        clusters.remove(each)


@pytest.fixture
def fake_postgres():
    """fake_postgres(script, address=, port=): a scripted server, see harness/fakepg.py."""
    made = []

    def make(*arguments, **options):
        made.append(FakePostgres(*arguments, **options))
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.fixture
def name_server(workdir):
    """A name server whose names and answers the test decides, see harness/dns.py."""
    try:
        server = NameServer(tempfile.mkdtemp(dir=workdir))
    except PermissionError:
        pytest.skip("port 53 takes root")
    os.chmod(os.path.dirname(server.resolv_conf), 0o755)
    yield server
    server.close()


@pytest.fixture
def pgweir(request, workdir, binary, clusters):
    """pgweir(config=None, cluster=None, host=None, settings=None, users=None, arguments=(), env=None)

    config   a dictionary of sections, or text with {port} and {dir}; listen_port and the like are
             set. None: database app on `cluster` (split) or on `host` (a plain entry).
    settings added to the section [pgweir]; None as a value leaves a default out.
    At the end of the test it must end with status 0, without a sanitizer's report, leaving no
    backend behind.
    """
    made = []
    number = itertools.count(1)

    def make(config=None, cluster=None, host=None, settings=None, users=None, databases=None,
             arguments=(), env=None, start=True):
        folder = tempfile.mkdtemp(prefix="w%d-" % next(number), dir=workdir)
        os.chmod(folder, 0o755)
        runner.make_folder(folder)
        running = runner.Pgweir(folder, binary, env, arguments)
        running.users(dict(runner.USERS, **(users or {})))
        running.hosts = [each for known in clusters.all for each in known.hosts]
        if config is None:
            config = {}
        if isinstance(config, dict):
            config = dict(config)
            config["databases"] = dict(config.get("databases", {}), **(databases or {}))
            if cluster:
                config["clusters"] = dict({"main": {"hosts": cluster.addresses,
                                                    "monitor_user": "monitor",
                                                    "monitor_dbname": "postgres"}},
                                          **config.get("clusters", {}))
                config["databases"].setdefault("app", {"cluster": "main"})
            if host:
                config["databases"].setdefault("app", {"host": "127.0.0.1", "port": host.port})
            config["pgweir"] = dict(config.get("pgweir", {}), **(settings or {}))
        running.template = config
        made.append(running)
        return running.start() if start else running

    make.running = made
    yield make
    failed = None
    for running in made:
        try:
            running.finish()
        except BaseException as problem:
            failed = failed or problem
    if failed:
        raise failed


@pytest.fixture
def wait_until():
    """wait_until(condition, timeout=10, what=None): the first true value of condition()."""
    return wait


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of pgweir's log."""
    outcome = yield
    report = outcome.get_result()
    make = getattr(item, "funcargs", {}).get("pgweir")
    if report.failed and make:
        for running in make.running:
            report.sections.append(("log of pgweir", running.log()[-6000:]))


def pytest_terminal_summary(terminalreporter):
    """The table of the drivers that ran."""
    rows = [tuple(value) for reports in terminalreporter.stats.values() for report in reports
            for name, value in getattr(report, "user_properties", ()) if name == "driver"]
    if rows:
        terminalreporter.section("drivers")
        for line in table(set(rows)):
            terminalreporter.write_line(line)
