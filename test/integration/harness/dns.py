# SPDX-License-Identifier: ISC
"""A small name server: A, AAAA, SOA, SRV, no such name, no answer, answers that change."""
import os
import random
import socket
import struct
import threading

A, SOA, AAAA, SRV = 1, 6, 28, 33
NXDOMAIN = 3


def encode_name(name):
    labels = name.rstrip(".").split(".")
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


def read_question(data):
    """Name, type and the bytes of the question itself."""
    at, labels = 12, []
    while data[at]:
        labels.append(data[at + 1:at + 1 + data[at]].decode())
        at += 1 + data[at]
    kind = struct.unpack_from("!H", data, at + 1)[0]
    return ".".join(labels).lower(), kind, data[12:at + 5]


def bind():
    """Port 53, the only one that a resolv.conf can mean, of some address of loopback. Takes root:
    PermissionError without."""
    while True:
        address = "127.%d.%d.%d" % tuple(random.randint(2, 250) for _ in range(3))
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.bind((address, 53))
            return sock, address
        except PermissionError:
            raise
        except OSError:
            sock.close()


class NameServer:
    """Answers from .names (name -> list of addresses, or None: no answer at all), .serials
    (zone -> number) and .services (name -> list of (priority, port, target)); everything else does not exist. `.asked` has (name, type) of each question."""

    def __init__(self, folder, ttl=1):
        self.names, self.serials, self.services = {}, {}, {}
        self.asked, self.ttl = [], ttl
        self.socket, self.address = bind()
        self.resolv_conf = os.path.join(str(folder), "resolv.conf")
        with open(self.resolv_conf, "w") as file:
            file.write("nameserver %s\n" % self.address)
        os.chmod(self.resolv_conf, 0o644)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                data, peer = self.socket.recvfrom(4096)
                answer = self.answer(data)
                if answer is not None:
                    self.socket.sendto(answer, peer)
            except OSError:
                return

    def answer(self, data):
        name, kind, question = read_question(data)
        self.asked.append((name, kind))
        known = name in self.names or name in self.serials or name in self.services
        if name in self.names and self.names[name] is None:
            return None
        records = [self.record(kind, value) for value in self.find(name, kind)]
        flags = 0x8180 | (0 if known else NXDOMAIN)
        head = data[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0)
        return head + question + b"".join(records)

    def find(self, name, kind):
        if kind == SOA:
            return [self.serials[name]] if name in self.serials else []
        if kind == SRV:
            return self.services.get(name) or []
        family = {A: socket.AF_INET, AAAA: socket.AF_INET6}.get(kind)
        found = []
        for address in self.names.get(name) or []:
            if (":" in address) == (family == socket.AF_INET6) and family is not None:
                found.append(socket.inet_pton(family, address))
        return found

    def record(self, kind, value):
        if kind == SOA:
            value = encode_name("ns.test") + encode_name("root.test") + struct.pack(
                "!IIIII", value, 60, 60, 60, 60)
        if kind == SRV:
            priority, port, target = value
            value = struct.pack("!HHH", priority, 1, port) + encode_name(target)
        return b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, self.ttl, len(value)) + value

    def count(self, name, kind=A):
        return self.asked.count((name, kind))

    def close(self):
        self.socket.close()
