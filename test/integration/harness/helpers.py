# SPDX-License-Identifier: ISC
"""Small things that several test files need."""
import contextlib

from . import wire


def backends(host, database="app"):
    """Process ids of the servers on a host: its backends of a database, without our own look."""
    rows = host.query("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
                      " AND datname = '%s' AND pid <> pg_backend_pid() ORDER BY pid" % database)
    return [int(row[0]) for row in rows]


def activity(host, like):
    """(pid, state) of the backends whose present or last query matches."""
    rows = host.query("SELECT pid, state FROM pg_stat_activity WHERE query LIKE '%s'"
                      " AND pid <> pg_backend_pid() AND backend_type = 'client backend'" % like)
    return [(int(pid), state) for pid, state in rows]


def is_running(host, like):
    return any(state == "active" for _, state in activity(host, like))


def pid_of(client):
    """The process id of the server that answers."""
    return int(client.value("SELECT pg_backend_pid()"))


@contextlib.contextmanager
def many(make, count):
    """`count` connections, closed at the end."""
    made = []
    try:
        for _ in range(count):
            made.append(make())
        yield made
    finally:
        for each in made:
            each.close()


def fatal(client, timeout=10):
    """The ErrorResponse after which the peer closes."""
    errors = [found for found in client.recv_closed(timeout) if found.type == "E"]
    assert errors, "closed without an error"
    found = wire.WireError(errors[-1].fields())
    assert found["S"] == "FATAL", found
    return found


def refusal(weir, **arguments):
    """The error with which a login is refused; the connection must be closed after it."""
    client = wire.Wire(weir.port, login=False, **{"user": "app", "database": "app", **arguments})
    try:
        client.login()
    except wire.WireError as error:
        assert client.recv_closed() == []
        return error
    finally:
        client.close()
    raise AssertionError("the login was not refused")
