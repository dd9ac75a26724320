"""A real OpenLDAP server, with a certificate of its own, in a folder of its own."""

import contextlib
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from moorage.tls import ensure_certificates
from tests.clients.programs import PATH
from tests.clients.servers import free_port

SUFFIX = "dc=example,dc=org"
ADMIN, SECRET = f"cn=admin,{SUFFIX}", "the bind's password"
PEOPLE, GROUPS = f"ou=people,{SUFFIX}", f"ou=groups,{SUFFIX}"
UNNAMED = "127.0.0.2"
"""Where it answers, too, without a name for it in its certificate."""

START_SECONDS = 30

CONFIGURATION = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
pidfile {folder}/pid
TLSCertificateFile {cert}
TLSCertificateKeyFile {key}
# Whoever does not read in pages gets no more than this.
sizelimit size.soft=100 size.hard=100 size.prtotal=unlimited size.pr=500
require bind
security simple_bind=128
database mdb
suffix "{suffix}"
rootdn "cn=root,{suffix}"
directory {folder}/db
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{admin}" read by * none
overlay memberof
"""


@dataclass
class Slapd:
    """The server; `authority` is what its clients must trust."""

    folder: Path
    port: int
    secure_port: int
    _process: subprocess.Popen[bytes] | None = None

    @property
    def authority(self) -> Path:
        """The certificate of the authority it has its own from."""
        return self.folder / "tls" / "ca.crt"

    def person(self, uid: str, password: str, **more: str) -> str:
        """Return the LDIF of somebody, whatever is in the name."""
        lines = {"objectClass": "inetOrgPerson", "uid": uid, "cn": uid, "sn": uid, "userPassword": password} | more
        return _ldif(f"uid={_escaped(uid)},{PEOPLE}", lines.items())

    def group(self, name: str, *members: str) -> str:
        """Return the LDIF of a group of distinguished names."""
        rows = [("objectClass", "groupOfNames"), ("cn", name), *(("member", dn) for dn in members)]
        return _ldif(f"cn={name},{GROUPS}", rows)

    def load(self, *entries: str) -> None:
        """Add entries while it does not run; of groups before people are members, so `start` and `modify` for those."""
        subprocess.run(
            ["slapadd", "-f", self.folder / "slapd.conf"],
            env={"PATH": PATH},
            input="\n".join(entries).encode(),
            check=True,
            capture_output=True,
        )

    def modify(self, ldif: str) -> None:
        """Change entries of the running server, as `ldapmodify` reads it, or add them."""
        arguments = ["-x", "-H", f"ldaps://127.0.0.1:{self.secure_port}", "-D", f"cn=root,{SUFFIX}", "-w", "root"]
        subprocess.run(
            ["ldapmodify", *arguments],
            env={"PATH": PATH, "LDAPTLS_CACERT": str(self.authority)},
            input=ldif.encode(),
            check=True,
            capture_output=True,
        )

    def start(self) -> None:
        """Start it and wait until it answers."""
        secure = " ".join(f"ldaps://{address}:{self.secure_port}" for address in ("127.0.0.1", UNNAMED))
        addresses = f"ldap://127.0.0.1:{self.port} {secure}"
        log = (self.folder / "log").open("ab")
        with log:
            self._process = subprocess.Popen(
                ["slapd", "-d", "stats", "-f", self.folder / "slapd.conf", "-h", addresses],
                env={"PATH": PATH},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self._process.poll() is None, (self.folder / "log").read_text()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.secure_port)):
                return
            time.sleep(0.02)
        raise TimeoutError((self.folder / "log").read_text())

    def said(self, word: str) -> int:
        """Return in how many lines of its log a word stands, as BIND or ACCEPT."""
        return sum(word in line for line in (self.folder / "log").read_text(errors="replace").splitlines())

    def kill(self) -> None:
        """End it at once, as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextlib.contextmanager
def slapd(folder: Path) -> Iterator[Slapd]:
    """Make a server with no entries but the suffix, the account that binds, and two empty branches; not started."""
    pair = ensure_certificates(folder / "tls", ["127.0.0.1"])
    (folder / "db").mkdir()
    text = CONFIGURATION.format(folder=folder, cert=pair.cert, key=pair.key, suffix=SUFFIX, admin=ADMIN)
    (folder / "slapd.conf").write_text(text.replace("directory ", "rootpw root\ndirectory "))
    server = Slapd(folder, free_port("127.0.0.1"), free_port("127.0.0.1"))
    server.load(
        _ldif(SUFFIX, [("objectClass", "dcObject"), ("objectClass", "organization"), ("dc", "example"), ("o", "x")]),
        _ldif(
            ADMIN,
            [
                ("objectClass", "organizationalRole"),
                ("objectClass", "simpleSecurityObject"),
                ("cn", "admin"),
                ("userPassword", SECRET),
            ],
        ),
        _ldif(PEOPLE, [("objectClass", "organizationalUnit"), ("ou", "people")]),
        _ldif(GROUPS, [("objectClass", "organizationalUnit"), ("ou", "groups")]),
    )
    try:
        yield server
    finally:
        server.kill()


def _escaped(value: str) -> str:
    r"""Return a value for a distinguished name: `\` and two digits for what has a meaning there (RFC 4514)."""
    return re.sub(r'[\\,+"<>;=#*() ]', lambda found: f"\\{ord(found[0]):02x}", value)


def _ldif(dn: str, rows: object) -> str:
    assert isinstance(rows, list | type({}.items()))
    return "".join(f"{name}: {value}\n" for name, value in [("dn", dn), *rows])
