# SPDX-License-Identifier: ISC
"""A throw-away LDAP directory: OpenLDAP's slapd on a free port, without privileges."""
import os
import shutil
import signal
import socket
import subprocess

from .cluster import free_port, give, unprivileged, wait_until

SCHEMA = "/etc/ldap/schema"
PEOPLE = "ou=people,dc=example,dc=net"
ADMIN, ADMIN_SECRET = "cn=admin,dc=example,dc=net", "admin-secret"


def find_slapd():
    path = shutil.which("slapd", path="/usr/sbin:/usr/lib/openldap:" + os.environ.get("PATH", ""))
    return path if path and os.path.isdir(SCHEMA) else None


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
        return True
    except OSError:
        return False


def make_certificate(folder, names):
    """A certificate of its own for these names, as in subjectAltName, and its key."""
    pair = [os.path.join(str(folder), name) for name in ("certificate", "key")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=ldap.example.net", "-addext", "subjectAltName=" + names,
                    "-out", pair[0], "-keyout", pair[1]], check=True, capture_output=True)
    os.chmod(pair[1], 0o644)
    return pair


class Directory:
    """people: uid -> password, below PEOPLE; certificate: (certificate, key) for TLS."""

    def __init__(self, folder, people, certificate=None):
        self.dir, self.people, self.certificate = str(folder), people, certificate
        self.process = self.port = self.tls_port = None
        os.mkdir(os.path.join(self.dir, "db"))
        for path in (self.dir, os.path.join(self.dir, "db")):
            give(path)
        self.write("slapd.conf", self.settings())
        self.write("people.ldif", self.entries())
        subprocess.run([find_slapd(), "-Tadd", "-f", self.path("slapd.conf"),
                        "-l", self.path("people.ldif")], check=True, capture_output=True,
                       **unprivileged())

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        os.chmod(self.path(name), 0o644)

    def settings(self):
        lines = ["include %s/%s.schema" % (SCHEMA, name)
                 for name in ("core", "cosine", "inetorgperson")]
        if os.path.isdir("/usr/lib/ldap"):
            lines += ["modulepath /usr/lib/ldap", "moduleload back_mdb"]
        if self.certificate:
            lines += ["TLSCertificateFile %s" % self.certificate[0],
                      "TLSCertificateKeyFile %s" % self.certificate[1]]
        lines += ["pidfile %s" % self.path("pid"), "allow bind_anon_cred", "loglevel none",
                  "database mdb", 'suffix "dc=example,dc=net"', 'rootdn "%s"' % ADMIN,
                  "rootpw %s" % ADMIN_SECRET, "directory %s" % self.path("db"),
                  "maxsize 10485760", "access to attrs=userPassword by anonymous auth by * none",
                  "access to * by * read"]
        return "\n".join(lines) + "\n"

    def entries(self):
        text = ("dn: dc=example,dc=net\nobjectClass: dcObject\nobjectClass: organization\n"
                "o: example\ndc: example\n\n"
                "dn: %s\nobjectClass: organizationalUnit\nou: people\n\n" % PEOPLE)
        for uid, password in self.people.items():
            text += ("dn: uid=%s,%s\nobjectClass: inetOrgPerson\nuid: %s\ncn: %s\nsn: %s\n"
                     "mail: %s@example.net\nuserPassword: %s\n\n"
                     % (uid.replace(",", "\\,"), PEOPLE, uid, uid, uid, uid, password))
        return text

    def start(self):
        self.port = free_port()
        urls = ["ldap://127.0.0.1:%d" % self.port]
        if has_ipv6():
            urls.append("ldap://[::1]:%d" % self.port)
        if self.certificate:
            self.tls_port = free_port()
            urls.append("ldaps://127.0.0.1:%d" % self.tls_port)
        self.process = subprocess.Popen(
            [find_slapd(), "-d", "0", "-h", " ".join(urls), "-f", self.path("slapd.conf")], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **unprivileged())

        def is_up():
            assert self.process.poll() is None, "slapd has ended"
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        wait_until(is_up, 20, what="slapd listening")
        return self

    @property
    def bind(self):
        """Options for a bind as the user itself."""
        return ('ldapserver=127.0.0.1 ldapport=%d ldapprefix="uid=" ldapsuffix=",%s"'
                % (self.port, PEOPLE))

    @property
    def search(self):
        """Options for a search."""
        return 'ldapserver=127.0.0.1 ldapport=%d ldapbasedn="dc=example,dc=net"' % self.port

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        if self.process:
            self.resume()
            self.process.kill()
            self.process.wait()
            self.process = None
