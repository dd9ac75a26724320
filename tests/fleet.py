"""Three servers that are one Moorage: on one PostgreSQL and one bucket, behind nginx, each with its own data folder."""

import contextlib
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from moorage.tls import CertificatePaths, ensure_certificates
from tests.nginx import balancing
from tests.process.client import Client
from tests.process.server import PASSWORD, Launcher, Running, free_port
from tests.s3_servers import S3Server

BEHIND_NGINX = ("--https", "off")


@dataclass(slots=True)
class Fleet:
    """The servers, and `HOST:PORT` of nginx in front of them."""

    launchers: list[Launcher]
    servers: list[Running]
    address: str
    certificates: CertificatePaths

    def client(self, repository: str = "dmc/app") -> Client:
        """Return somebody who talks to whichever server nginx chooses, as admin."""
        host, _, port = self.address.rpartition(":")
        trusted = ssl.create_default_context(cafile=self.certificates.ca_crt)
        return Client(host, int(port), repository, ("admin", PASSWORD), trusted)

    def begin(self, number: int) -> None:
        """Start a server that was killed, again where it was."""
        self.servers[number] = self.launchers[number].begin(*BEHIND_NGINX)


def settings_of(database: str, store: S3Server, prefix: str) -> dict[str, str]:
    """Return the variables that servers have in common."""
    return {
        "MOORAGE_DATABASE_URL": database,
        "MOORAGE_STORAGE_URL": f"s3://moorage/{prefix}",
        "MOORAGE_S3_ENDPOINT": store.endpoint,
        "MOORAGE_S3_ACCESS_KEY_ID": store.keys.access_key_id,
        "MOORAGE_S3_SECRET_ACCESS_KEY": store.keys.secret_access_key,
    }


@contextlib.contextmanager
def fleet(
    folder: Path,
    bytecode: Path,
    shared: dict[str, str],
    address: str = "",
    names: Sequence[str] = ("localhost",),
) -> Iterator[Fleet]:
    """Run three servers with the settings `shared` behind nginx at an address, until it is no longer needed."""
    address = address or f"127.0.0.1:{free_port()}"
    certificates = ensure_certificates(folder / "tls", names)
    external = f"https://{names[0]}:{address.rpartition(':')[2]}"
    settings = shared | {"MOORAGE_EXTERNAL_URL": external, "MOORAGE_TRUSTED_PROXIES": "127.0.0.1"}
    launchers = [Launcher(folder / name, bytecode, settings=settings, http=free_port()) for name in "abc"]
    try:
        for launcher in launchers:
            launcher.folder.mkdir()
        servers = [launcher.begin(*BEHIND_NGINX) for launcher in launchers]
        for running in servers:
            running.wait()
        doors = [f"127.0.0.1:{running.http}" for running in servers]
        with balancing(folder / "nginx", address, certificates, doors):
            yield Fleet(launchers, servers, address, certificates)
    finally:
        for launcher in launchers:
            launcher.close()
