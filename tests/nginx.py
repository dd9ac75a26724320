"""nginx in front of servers, set up by the lines that docs/scaling.md tells people to copy."""

import contextlib
import getpass
import re
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from moorage.tls import CertificatePaths
from tests.clients.programs import PATH
from tests.process.server import every

DOCS = Path(__file__).parent.parent / "docs" / "scaling.md"
SECONDS = 60

# What a distribution's own nginx.conf has around the files of conf.d.
AROUND = """
daemon off;
user {user};
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/moorage.conf;
}}
"""


def documented() -> str:
    """Return the configuration in the document."""
    (found,) = re.findall(r"^```nginx\n(.*?)^```$", DOCS.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return str(found)


def filled(address: str, certificates: CertificatePaths, servers: Sequence[str]) -> str:
    """Return it with addresses, `HOST:PORT`, and certificates of one's own."""
    text = documented()
    ours = {f"moorage-{number}:5080": server for number, server in enumerate(servers, 1)}
    ours |= {
        "listen 443": f"listen {address}",
        "/etc/nginx/proget.crt": str(certificates.cert),
        "/etc/nginx/proget.key": str(certificates.key),
        "proget.example.org": "_",
    }
    for theirs, here in ours.items():
        assert text.count(theirs) == 1, theirs
        text = text.replace(theirs, here)
    return text


@contextlib.contextmanager
def balancing(folder: Path, address: str, certificates: CertificatePaths, servers: Sequence[str]) -> Iterator[None]:
    """Balance between servers at `https://address`, from the first connection it takes."""
    with running(folder, address, filled(address, certificates, servers)):
        yield


@contextlib.contextmanager
def running(folder: Path, address: str, configuration: str) -> Iterator[None]:
    """Run nginx with a server at `https://address`, from the first connection it takes."""
    folder.mkdir()
    (folder / "moorage.conf").write_text(configuration)
    (folder / "nginx.conf").write_text(AROUND.format(user=getpass.getuser(), folder=folder))
    nginx = subprocess.Popen(
        ["nginx", "-e", folder / "error.log", "-c", folder / "nginx.conf"], env={"PATH": PATH}, stdin=subprocess.DEVNULL
    )
    host, _, port = address.rpartition(":")
    try:
        for _ in every(SECONDS):
            assert nginx.poll() is None, (folder / "error.log").read_text()
            with contextlib.suppress(OSError):
                ssl.get_server_certificate((host, int(port)))
                break
        yield
    finally:
        nginx.terminate()
        nginx.wait(SECONDS)
