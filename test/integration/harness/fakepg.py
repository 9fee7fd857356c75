# SPDX-License-Identifier: ISC
"""A scripted PostgreSQL: for answers that the real one cannot be made to give.

    def script(server):                  # runs once a connection, in its own thread
        server.accept()                  # startup, AuthenticationOk, parameters, ReadyForQuery
        for found in server.messages():  # until the client closes
            if found.type == "Q":
                server.send(row("1"), command("SELECT 1"), ready())

    with FakePostgres(script) as fake: ... fake.port ... fake.connections ... fake.errors

Without a script it answers every Query with one row, and the extended protocol likewise.
"""
import socket
import struct
import threading

from . import wire
from .wire import message, text


def authentication(method=0, data=b""):
    return message("R", struct.pack("!i", method) + data)


def parameter(name, value):
    return message("S", text(name) + text(value))


def key_data(pid, key=b"\0\0\0\1"):
    return message("K", struct.pack("!i", pid) + key)


def ready(status="I"):
    return message("Z", status.encode())


def error(sqlstate, what, severity="ERROR", kind="E"):
    fields = (("S", severity), ("V", severity), ("C", sqlstate), ("M", what))
    return message(kind, b"".join(letter.encode() + text(value) for letter, value in fields) + b"\0")


def notice(sqlstate, what):
    return error(sqlstate, what, "NOTICE", "N")


def description(*names):
    """RowDescription of text columns."""
    body = struct.pack("!h", len(names))
    for name in names:
        body += text(name) + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0)
    return message("T", body)


def data(*values):
    body = struct.pack("!h", len(values))
    for value in values:
        if value is None:
            body += struct.pack("!i", -1)
        else:
            value = value if isinstance(value, bytes) else str(value).encode()
            body += struct.pack("!i", len(value)) + value
    return message("D", body)


def row(*values):
    """RowDescription and one DataRow."""
    return description(*("column%d" % (at + 1) for at in range(len(values)))) + data(*values)


def command(tag):
    return message("C", text(tag))


PARAMETERS = {
    "server_version": "15.0", "server_encoding": "UTF8", "client_encoding": "UTF8",
    "DateStyle": "ISO, MDY", "IntervalStyle": "postgres", "TimeZone": "Etc/UTC",
    "integer_datetimes": "on", "standard_conforming_strings": "on", "application_name": "",
    "is_superuser": "off", "session_authorization": "app", "in_hot_standby": "off",
    "default_transaction_read_only": "off",
}


class FakeServer:
    """One accepted connection, as the script sees it."""

    def __init__(self, fake, sock, number):
        self.fake, self.sock, self.number = fake, sock, number
        self.startup_params, self.protocol, self.cancelled = {}, None, None
        self.buffer = bytearray()
        self.received = []
        self.closed = False

    def send(self, *parts):
        self.sock.sendall(b"".join(parts))

    def take(self, count):
        while len(self.buffer) < count:
            try:
                part = self.sock.recv(65536)
            except ConnectionResetError:
                part = b""
            if not part:
                raise wire.Closed("closed by the client")
            self.buffer += part
        found = bytes(self.buffer[:count])
        del self.buffer[:count]
        return found

    def read_startup(self):
        """Reads up to the startup packet (TLS and GSS are refused); a cancel request ends the
        connection and is kept in fake.cancels as (pid, key)."""
        while True:
            size, code = struct.unpack("!ii", self.take(8))
            if code in (wire.SSL_REQUEST, wire.GSSENC_REQUEST):
                self.send(b"N")
                continue
            body = self.take(size - 8)
            if code == wire.CANCEL_REQUEST:
                self.fake.cancels.append((struct.unpack("!i", body[:4])[0], body[4:]))
                raise wire.Closed("a cancel request")
            parts = body.split(b"\0")
            self.protocol = code
            self.startup_params = {parts[at].decode(): parts[at + 1].decode()
                                   for at in range(0, len(parts) - 2, 2) if parts[at]}
            return self.startup_params

    def greet(self, parameters=None):
        """AuthenticationOk, the parameters, BackendKeyData and ReadyForQuery."""
        self.send(authentication(),
                  *(parameter(*item) for item in dict(PARAMETERS, **(parameters or {})).items()),
                  key_data(1000 + self.number), ready())

    def accept(self, parameters=None):
        self.read_startup()
        self.greet(parameters)

    def recv(self):
        kind, size = struct.unpack("!cI", self.take(5))
        found = wire.Message(kind.decode(), self.take(size - 4))
        self.received.append(found)
        return found

    def messages(self):
        """Every message until Terminate or the end of the connection."""
        while True:
            try:
                found = self.recv()
            except wire.Closed:
                return
            if found.type == "X":
                return
            yield found

    def answer(self, found):
        """What a plain server would say to one message."""
        if found.type == "Q":
            sql = found.body.rstrip(b"\0").strip().lower()
            if sql.startswith((b"select", b"show")):
                self.send(row("1"), command("SELECT 1"), ready())
            elif not sql or sql == b";":
                self.send(message("I"), ready())
            else:
                self.send(command(sql.split()[0].decode().upper()), ready())
        elif found.type in "PBCDES":
            self.send({"P": message("1"), "B": message("2"), "C": message("3"),
                       "D": description("column1"), "E": data("1") + command("SELECT 1"),
                       "S": ready()}[found.type])

    def close(self):
        """An orderly end; bytes not yet read by the script may turn it into a reset."""
        self.closed = True
        self.sock.close()

    def abort(self):
        """A reset."""
        self.closed = True
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def plain(server):
    server.accept()
    for found in server.messages():
        server.answer(found)


class FakePostgres:
    """Listens on a (free) port of loopback and runs the script for each connection."""

    def __init__(self, script=plain, address="127.0.0.1", port=0):
        self.script = script
        self.connections, self.cancels, self.errors = [], [], []
        self.listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, port))
        self.listener.listen(128)
        self.port = self.listener.getsockname()[1]
        self.stopped = False
        threading.Thread(target=self.serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def address(self):
        return "127.0.0.1:%d" % self.port

    def serve(self):
        while not self.stopped:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server = FakeServer(self, sock, len(self.connections))
            self.connections.append(server)
            threading.Thread(target=self.run, args=(server,), daemon=True).start()

    def run(self, server):
        try:
            self.script(server)
        except (wire.Closed, OSError):
            pass
        except Exception as problem:  # a mistake in the script: the test reads fake.errors
            self.errors.append(problem)
        finally:
            if not server.closed:
                server.close()

    def received(self, kind=None):
        """All messages of all connections, of one type if given."""
        return [found for server in self.connections for found in server.received
                if kind is None or found.type == kind]

    def stop(self):
        self.stopped = True
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for server in self.connections:
            try:
                # A thread that waits in recv() would keep a socket open that is only closed.
                server.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            server.sock.close()
        if self.errors:
            raise self.errors[0]
