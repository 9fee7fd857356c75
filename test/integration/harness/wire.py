# SPDX-License-Identifier: ISC
"""A raw client of PostgreSQL's protocol 3: builds, sends and reads single messages.

Nothing is done behind the caller's back, so that tests can send what no driver would. The
standard library only: scripts/cluster and scripts/demo use it too.
"""
import base64
import hashlib
import hmac
import os
import socket
import ssl
import struct
import time

PROTOCOL_3_0 = 196608
PROTOCOL_3_2 = 196610
SSL_REQUEST = 80877103
GSSENC_REQUEST = 80877104
CANCEL_REQUEST = 80877102


class WireError(Exception):
    """An ErrorResponse; fields by their letter, e.g. error["C"] is the SQLSTATE."""

    def __init__(self, fields):
        super().__init__("%s %s: %s" % (fields.get("S"), fields.get("C"), fields.get("M")))
        self.fields = fields
        self.sqlstate = fields.get("C")

    def __getitem__(self, key):
        return self.fields.get(key)


class Closed(Exception):
    """The peer closed the connection."""


class Message:
    """A message as read: type is one letter (str), body is what follows the length."""

    def __init__(self, kind, body):
        self.type = kind
        self.body = body

    def __repr__(self):
        return "%s%r" % (self.type, self.body[:60])

    def fields(self):
        """Of an ErrorResponse or NoticeResponse: values by field letter."""
        parts = self.body.rstrip(b"\0").split(b"\0")
        return {part[:1].decode(): part[1:].decode(errors="replace") for part in parts if part}

    def columns(self):
        """Of a RowDescription: (name, type OID) a column."""
        count, at, names = struct.unpack_from("!h", self.body)[0], 2, []
        for _ in range(count):
            end = self.body.index(b"\0", at)
            names.append((self.body[at:end].decode(), struct.unpack_from("!i", self.body, end + 7)[0]))
            at = end + 19
        return names

    def values(self):
        """Of a DataRow: text or None a column."""
        count, at, row = struct.unpack_from("!h", self.body)[0], 2, []
        for _ in range(count):
            size = struct.unpack_from("!i", self.body, at)[0]
            at += 4
            if size < 0:
                row.append(None)
            else:
                row.append(self.body[at:at + size].decode(errors="replace"))
                at += size
        return row


class Result:
    """What one request gave, up to ReadyForQuery."""

    def __init__(self, messages):
        self.messages = messages
        self.columns, self.rows, self.tags, self.errors, self.notices = [], [], [], [], []
        self.status = None
        for message in messages:
            if message.type == "T":
                self.columns = [name for name, _ in message.columns()]
            elif message.type == "D":
                self.rows.append(message.values())
            elif message.type == "C":
                self.tags.append(message.body.rstrip(b"\0").decode())
            elif message.type == "E":
                self.errors.append(WireError(message.fields()))
            elif message.type == "N":
                self.notices.append(message.fields())
            elif message.type == "Z":
                self.status = message.body.decode()

    @property
    def types(self):
        """The message types in order, e.g. "12DCZ"."""
        return "".join(message.type for message in self.messages)

    @property
    def value(self):
        """The first column of the first row."""
        return self.rows[0][0] if self.rows else None

    @property
    def error(self):
        return self.errors[0] if self.errors else None

    def dicts(self):
        return [dict(zip(self.columns, row)) for row in self.rows]


def text(value):
    return (value if isinstance(value, bytes) else str(value).encode()) + b"\0"


def message(kind, body=b""):
    return kind.encode() + struct.pack("!i", len(body) + 4) + body


def startup(params, protocol=PROTOCOL_3_0):
    body = b"".join(text(key) + text(value) for key, value in params.items()) + b"\0"
    return struct.pack("!ii", len(body) + 8, protocol) + body


def request(code):
    """SSLRequest or GSSENCRequest."""
    return struct.pack("!ii", 8, code)


def cancel_request(pid, key):
    """key: bytes as in BackendKeyData, or an int."""
    key = struct.pack("!I", key & 0xffffffff) if isinstance(key, int) else key
    return struct.pack("!iii", 12 + len(key), CANCEL_REQUEST, pid) + key


def query(sql):
    return message("Q", text(sql))


def parse(name, sql, types=()):
    return message("P", text(name) + text(sql) + struct.pack("!h", len(types))
                   + b"".join(struct.pack("!i", oid) for oid in types))


def bind(portal="", statement="", params=(), param_formats=(), result_formats=()):
    body = text(portal) + text(statement)
    body += struct.pack("!h", len(param_formats)) + b"".join(struct.pack("!h", f) for f in param_formats)
    body += struct.pack("!h", len(params))
    for value in params:
        if value is None:
            body += struct.pack("!i", -1)
        else:
            value = value if isinstance(value, bytes) else str(value).encode()
            body += struct.pack("!i", len(value)) + value
    body += struct.pack("!h", len(result_formats)) + b"".join(struct.pack("!h", f) for f in result_formats)
    return message("B", body)


def describe(kind, name=""):
    return message("D", kind.encode() + text(name))


def execute(portal="", rows=0):
    return message("E", text(portal) + struct.pack("!i", rows))


def close(kind, name=""):
    return message("C", kind.encode() + text(name))


def sync():
    return message("S")


def flush():
    return message("H")


def password(secret):
    return message("p", text(secret))


def copy_data(data):
    return message("d", data)


def copy_done():
    return message("c")


def copy_fail(why):
    return message("f", text(why))


def terminate():
    return message("X")


class Wire:
    """One connection. Wire(port=...) logs in; Wire(port=..., login=False) only connects.

    host may be a folder of Unix sockets. user, database and any further keyword (with options
    as a dictionary) go into the startup packet.
    """

    def __init__(self, port, user="postgres", database=None, password=None, host="127.0.0.1",
                 login=True, timeout=10.0, protocol=PROTOCOL_3_0, params=None, tls=False):
        self.user, self.database, self.password = user, database or user, password
        self.host, self.port, self.timeout, self.protocol = host, port, timeout, protocol
        self.buffer = bytearray()
        self.parameters, self.notices, self.notifications = {}, [], []
        self.pid, self.key, self.status, self.negotiated = None, None, None, None
        if host.startswith("/"):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(timeout)
            self.sock.connect("%s/.s.PGSQL.%d" % (host, port))
        else:
            self.sock = socket.create_connection((host, port), timeout)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.start_tls()
        if login:
            try:
                self.login(params or {})
            except BaseException:
                self.sock.close()
                raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # Bytes.

    def send(self, *parts):
        self.sock.sendall(b"".join(parts))

    def fill(self, timeout):
        self.sock.settimeout(max(timeout, 0.001))
        try:
            data = self.sock.recv(262144)
        except (ConnectionResetError, BrokenPipeError):
            data = b""
        if not data:
            raise Closed("closed by the peer, %d bytes unread" % len(self.buffer))
        self.buffer += data

    def recv_bytes(self, count, timeout=None):
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while len(self.buffer) < count:
            self.fill(deadline - time.monotonic())
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    # Messages.

    def recv(self, timeout=None):
        """The next message as it is; raises Closed at the end, socket.timeout when none comes."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            if len(self.buffer) >= 5:
                size = struct.unpack_from("!I", self.buffer, 1)[0]
                if len(self.buffer) > size:
                    found = Message(chr(self.buffer[0]), bytes(self.buffer[5:size + 1]))
                    del self.buffer[:size + 1]
                    self.note(found)
                    return found
            self.fill(deadline - time.monotonic())

    def note(self, found):
        if found.type == "S":
            name, value = found.body.split(b"\0")[:2]
            self.parameters[name.decode()] = value.decode(errors="replace")
        elif found.type == "K":
            self.pid, self.key = struct.unpack_from("!i", found.body)[0], found.body[4:]
        elif found.type == "Z":
            self.status = found.body.decode()
        elif found.type == "N":
            self.notices.append(found.fields())
        elif found.type == "A":
            pid = struct.unpack_from("!i", found.body)[0]
            channel, payload = found.body[4:].split(b"\0")[:2]
            self.notifications.append((pid, channel.decode(), payload.decode()))

    def recv_until(self, types="Z", timeout=None):
        """Messages up to and with the first of these types."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        found = []
        while True:
            found.append(self.recv(deadline - time.monotonic()))
            if found[-1].type in types:
                return found

    def recv_ready(self, timeout=None):
        return Result(self.recv_until("Z", timeout))

    def recv_closed(self, timeout=None):
        """The messages that come before the peer closes."""
        found = []
        try:
            while True:
                found.append(self.recv(timeout))
        except Closed:
            return found

    def is_quiet(self, seconds=0.1):
        """True if nothing comes for that long."""
        if self.buffer:
            return False
        try:
            self.fill(seconds)
        except (socket.timeout, BlockingIOError):
            return True
        return False

    # Whole exchanges.

    def start_tls(self, context=None):
        self.send(request(SSL_REQUEST))
        if self.recv_bytes(1) != b"S":
            raise ConnectionError("TLS refused")
        if context is None:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.sock = context.wrap_socket(self.sock, server_hostname="localhost")

    def login(self, params=None):
        """Startup and authentication up to ReadyForQuery; raises WireError if refused."""
        self.send(startup(dict({"user": self.user, "database": self.database}, **(params or {})),
                          self.protocol))
        self.finish_login()
        return self

    def finish_login(self):
        scram = None
        while True:
            found = self.recv()
            if found.type == "E":
                raise WireError(found.fields())
            if found.type == "v":
                self.negotiated = found
            elif found.type == "Z":
                return
            elif found.type == "R":
                method = struct.unpack_from("!i", found.body)[0]
                if method == 3:
                    self.send(password(self.password or ""))
                elif method == 5:
                    self.send(password(md5_answer(self.user, self.password or "", found.body[4:8])))
                elif method == 10:
                    scram = Scram(self.password or "")
                    first = scram.first()
                    self.send(message("p", text("SCRAM-SHA-256") + struct.pack("!i", len(first)) + first))
                elif method == 11:
                    self.send(message("p", scram.answer(found.body[4:])))
                elif method == 12:
                    scram.verify(found.body[4:])

    def request(self, *parts, timeout=None):
        """Send messages, then read up to ReadyForQuery. Errors are in the Result, not raised."""
        self.send(*parts)
        return self.recv_ready(timeout)

    def query(self, sql, timeout=None):
        """Simple query; raises WireError on an ErrorResponse (after ReadyForQuery)."""
        result = self.request(query(sql), timeout=timeout)
        if result.errors:
            raise result.errors[0]
        return result

    def extended(self, sql, params=(), name="", timeout=None):
        """Parse, Bind, Describe, Execute, Sync; raises WireError on an ErrorResponse."""
        result = self.request(parse(name, sql), bind("", name, params), describe("P"), execute(),
                              sync(), timeout=timeout)
        if result.errors:
            raise result.errors[0]
        return result

    def value(self, sql):
        return self.query(sql).value

    def cancel(self):
        """Sends a cancel request for this connection on one of its own."""
        with Wire(self.port, host=self.host, login=False) as other:
            other.send(cancel_request(self.pid, self.key))
            try:
                other.fill(self.timeout)
            except Closed:
                pass

    def abort(self):
        """Vanishes: a reset instead of an orderly close."""
        if self.sock.family != socket.AF_UNIX:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self, polite=True):
        if polite:
            try:
                self.sock.settimeout(1)
                self.send(terminate())
            except OSError:
                pass
        self.sock.close()


def md5_secret(user, secret):
    return "md5" + hashlib.md5((secret + user).encode()).hexdigest()


def md5_answer(user, secret, salt):
    return "md5" + hashlib.md5(md5_secret(user, secret)[3:].encode() + salt).hexdigest()


def scram_secret(secret, salt=None, iterations=4096):
    """A SCRAM secret as in pg_authid and auth_file."""
    salt = os.urandom(16) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", secret.encode(), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    return "SCRAM-SHA-256$%d:%s$%s:%s" % (
        iterations, base64.b64encode(salt).decode(),
        base64.b64encode(hashlib.sha256(client_key).digest()).decode(),
        base64.b64encode(server_key).decode())


class Scram:
    """The client's side of SCRAM-SHA-256 (RFC 5802, 7677) without channel binding."""

    def __init__(self, secret, nonce=None):
        self.secret = secret.encode()
        self.nonce = nonce or base64.b64encode(os.urandom(18)).decode()
        self.bare = "n=,r=" + self.nonce
        self.server_signature = None

    def first(self):
        return ("n,," + self.bare).encode()

    def answer(self, challenge):
        fields = dict(part.split("=", 1) for part in challenge.decode().split(","))
        salted = hashlib.pbkdf2_hmac("sha256", self.secret, base64.b64decode(fields["s"]),
                                     int(fields["i"]))
        final = "c=biws,r=" + fields["r"]
        signed = ",".join((self.bare, challenge.decode(), final)).encode()
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        self.server_signature = hmac.digest(server_key, signed, "sha256")
        return (final + ",p=" + base64.b64encode(proof).decode()).encode()

    def verify(self, final):
        if final != b"v=" + base64.b64encode(self.server_signature):
            raise ConnectionError("the server does not know the SCRAM secret")
