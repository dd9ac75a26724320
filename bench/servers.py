"""The servers compared: how each is started, what it asks of its clients, and one that runs."""

import base64
import contextlib
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from urllib.parse import quote

from bench.certificate import Certificate
from bench.client import HOST, Connection, Endpoint, Unexpected
from bench.figures import Door
from bench.processes import Usage, usage

BASELINE = "distribution"
PASSWORD = "bench only, on loopback"  # noqa: S105  of a server that lives as long as the run
START_SECONDS = 30.0
STOP_SECONDS = 20.0
LOOK_SECONDS = 0.002

DISTRIBUTION_CONFIG = """\
version: 0.1
storage:
  cache: {{blobdescriptor: inmemory}}
  filesystem: {{rootdirectory: {folder}/data}}
http:
  addr: {host}:{port}
"""
DISTRIBUTION_TLS = """\
  tls: {{certificate: {certificate}, key: {key}}}
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is to run: its folder, and the one door it has."""

    folder: Path
    port: int
    door: Door
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class Server:
    """A kind of server: `command` writes its configuration into the place's folder and returns the command."""

    name: str
    title: str
    program: str
    install: str
    command: Callable[[str, Place], list[str]]
    version: Callable[[str], str]
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = ""

    def find(self) -> str | None:
        """Return the path of its program, None if it isn't here."""
        places = os.pathsep.join([os.environ.get("PATH", ""), str(Path.home() / "go" / "bin")])
        return shutil.which(self.program, path=places)


def _asked_version(program: str) -> str:
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return answer.stdout.strip().removeprefix(program).strip()


def _own_version(_program: str) -> str:
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return f"{metadata.version('moorage')} {commit.stdout.strip()}".strip()


def _distribution(program: str, place: Place) -> list[str]:
    config = place.folder / "config.yml"
    text = DISTRIBUTION_CONFIG + (DISTRIBUTION_TLS if place.door is Door.TLS else "")
    certificate = place.certificate
    config.write_text(
        text.format(
            folder=place.folder, host=HOST, port=place.port, certificate=certificate.path, key=certificate.key_path
        )
    )
    return [program, "serve", str(config)]


def _moorage(program: str, place: Place) -> list[str]:
    own, other = ("--https", "--http") if place.door is Door.TLS else ("--http", "--https")
    certificate = ["--tls-cert", str(place.certificate.path), "--tls-key", str(place.certificate.key_path)]
    data = str(place.folder / "data")
    return [program, "serve", "--data", data, own, f"{HOST}:{place.port}", other, "off", *certificate]


SERVERS = (
    Server(
        BASELINE,
        "distribution v3",
        "registry",
        "go install github.com/distribution/distribution/v3/cmd/registry@latest",
        _distribution,
        _asked_version,
        # It would look for a collector of traces all the time; without one it is faster.
        {"OTEL_TRACES_EXPORTER": "none"},
    ),
    Server(
        "docker-registry",
        "docker-registry v2",
        "docker-registry",
        "apt-get install docker-registry",
        _distribution,
        _asked_version,
    ),
    Server(
        "moorage",
        "Moorage",
        str(Path(sys.executable).with_name("moorage")),
        "make env",
        _moorage,
        _own_version,
        {"MOORAGE_ADMIN_PASSWORD": PASSWORD},
        user="admin",
    ),
)


@dataclass(slots=True)
class Running:
    """A server that runs, started anew by `start`."""

    server: Server
    place: Place
    process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> Endpoint:
        """Its door."""
        return Endpoint(self.place.port, self.place.certificate.context if self.place.door is Door.TLS else None)

    @property
    def command(self) -> list[str]:
        """The command that starts it."""
        return self.server.command(self.server.find() or self.server.program, self.place)

    def start(self) -> float:
        """Start it and return the seconds until its first answer; raise Unexpected if there is none."""
        command = self.command
        began = time.perf_counter()
        # Out of the terminal's group: after Ctrl-C it is the bench that stops its servers, each in its turn.
        self.process = subprocess.Popen(
            command,
            env=os.environ | self.server.environment,
            stdin=subprocess.DEVNULL,
            # They log each request, as they come; where to is not what is compared.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while time.perf_counter() < began + START_SECONDS and self.process.poll() is None:
            with contextlib.suppress(OSError, Unexpected), Connection(self.endpoint) as connection:
                connection.request("GET", "/v2/").expect(200, 401)
                return time.perf_counter() - began
            time.sleep(LOOK_SECONDS)
        ended = self.process.poll()
        what = f"no answer in {START_SECONDS:.0f} s from" if ended is None else f"exit {ended} of"
        raise Unexpected(f"{what}: {shlex.join(command)}")

    def stop(self) -> None:
        """Stop it, if it runs, and wait until it is gone."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def usage(self) -> Usage:
        """Return what it has used so far."""
        if self.process is None:
            raise Unexpected("the server doesn't run")
        return usage(self.process.pid)

    def token(self, *repositories: str) -> dict[str, str]:
        """Return the headers of a client that may use these repositories, and list them all, for five minutes."""
        if not self.server.user:
            return {}
        wanted = [*(f"repository:{name}:pull,push" for name in repositories), "registry:catalog:*"]
        scopes = "&".join(f"scope={quote(scope)}" for scope in wanted)
        with Connection(self.endpoint, self.password()) as connection:
            answer = connection.request("GET", f"/token?service=moorage&{scopes}").expect(200)
        return {"authorization": f"Bearer {answer.json()['token']}"}

    def password(self) -> dict[str, str]:
        """Return the headers of a client that gives name and password directly."""
        if not self.server.user:
            return {}
        return basic(self.server.user, PASSWORD)


@contextlib.contextmanager
def running(server: Server, folder: Path, door: Door, certificate: Certificate) -> Iterator[Running]:
    """Run a server on a folder, made if there is none, until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    found = Running(server, Place(folder, free_port(), door, certificate))
    try:
        found.start()
        yield found
    finally:
        found.stop()


def basic(user: str, password: str) -> dict[str, str]:
    """Return the header of a client that gives name and password."""
    return {"authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
