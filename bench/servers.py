"""The servers compared: how each is started, what it asks of its clients, and one that runs."""

import base64
import contextlib
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from urllib.parse import quote

from bench.certificate import Certificate
from bench.client import HOST, Connection, Endpoint, Unexpected
from bench.engines import ACCESS_KEY, REGION, SECRET_KEY, Backing, find
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
  {storage}
http:
  addr: {host}:{port}
"""
DISTRIBUTION_FILES = "filesystem: {{rootdirectory: {folder}/data}}"
DISTRIBUTION_BUCKET = """\
redirect: {{disable: {is_streamed}}}
  s3: {{regionendpoint: "{endpoint}", bucket: {bucket}, region: {region}, forcepathstyle: true, secure: false,
       accesskey: {access_key}, secretkey: "{secret_key}"}}"""
DISTRIBUTION_TLS = """\
  tls: {{certificate: {certificate}, key: {key}}}
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is to run: its folder, the one door it has, and what is its own elsewhere, unless it has files.

    One that `is_redirecting` sends clients to the store for blobs.
    """

    folder: Path
    port: int
    door: Door
    certificate: Certificate
    backing: Backing | None = None
    is_redirecting: bool = False


@dataclass(frozen=True, slots=True)
class Launch:
    """How a server is started: the words of the command, variables, and the text of the file that it reads."""

    words: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    file: str = ""


@dataclass(frozen=True, slots=True)
class Server:
    """A kind of server: `launch` writes its configuration into the place's folder and says how it is started."""

    name: str
    title: str
    program: str
    install: str
    launch: Callable[[str, Place], Launch]
    version: Callable[[str], str]
    user: str = ""

    def find(self) -> str | None:
        """Return the path of its program, None if it isn't here."""
        return find(self.program)


def _asked_version(program: str) -> str:
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return answer.stdout.strip().removeprefix(program).strip()


def _own_version(_program: str) -> str:
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return f"{metadata.version('moorage')} {commit.stdout.strip()}".strip()


def _distribution(program: str, place: Place) -> Launch:
    text = DISTRIBUTION_CONFIG + (DISTRIBUTION_TLS if place.door is Door.TLS else "")
    certificate = place.certificate
    config = text.format(
        storage=_distribution_storage(place),
        host=HOST,
        port=place.port,
        certificate=certificate.path,
        key=certificate.key_path,
    )
    file = place.folder / "config.yml"
    file.write_text(config)
    # It would look for a collector of traces all the time; without one it is faster.
    return Launch([program, "serve", str(file)], {"OTEL_TRACES_EXPORTER": "none"}, config)


def _distribution_storage(place: Place) -> str:
    if place.backing is None:
        return DISTRIBUTION_FILES.format(folder=place.folder)
    return DISTRIBUTION_BUCKET.format(
        is_streamed=str(not place.is_redirecting).lower(),
        endpoint=place.backing.endpoint,
        bucket=place.backing.bucket,
        region=REGION,
        access_key=ACCESS_KEY,
        secret_key=SECRET_KEY,
    )


def _moorage(program: str, place: Place) -> Launch:
    own, other = ("--https", "--http") if place.door is Door.TLS else ("--http", "--https")
    certificate = ["--tls-cert", str(place.certificate.path), "--tls-key", str(place.certificate.key_path)]
    data = str(place.folder / "data")
    words = [program, "serve", "--data", data, own, f"{HOST}:{place.port}", other, "off", *certificate]
    return Launch(words, {"MOORAGE_ADMIN_PASSWORD": PASSWORD, **_moorage_storage(place)})


def _moorage_storage(place: Place) -> Mapping[str, str]:
    if place.backing is None:
        return {}
    return {
        "MOORAGE_DATABASE_URL": place.backing.database,
        # As many as there are cores: distribution uses all of them by itself.
        "MOORAGE_WORKERS": str(len(os.sched_getaffinity(0))),
        "MOORAGE_STORAGE_URL": f"s3://{place.backing.bucket}",
        "MOORAGE_S3_ENDPOINT": place.backing.endpoint,
        "MOORAGE_S3_REGION": REGION,
        "MOORAGE_S3_ACCESS_KEY_ID": ACCESS_KEY,
        "MOORAGE_S3_SECRET_ACCESS_KEY": SECRET_KEY,
        **({"MOORAGE_REDIRECTS": "on"} if place.is_redirecting else {}),
    }


SERVERS = (
    Server(
        BASELINE,
        "distribution v3",
        "registry",
        "go install github.com/distribution/distribution/v3/cmd/registry@latest",
        _distribution,
        _asked_version,
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

    def start(self) -> float:
        """Start it and return the seconds until its first answer; raise Unexpected if there is none."""
        launch = self.server.launch(self.server.find() or self.server.program, self.place)
        began = time.perf_counter()
        # Out of the terminal's group: after Ctrl-C it is the bench that stops its servers, each in its turn.
        self.process = subprocess.Popen(
            launch.words,
            env=os.environ | launch.environment,
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
        raise Unexpected(f"{what}: {shlex.join(launch.words)}")

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
def running(server: Server, place: Place) -> Iterator[Running]:
    """Run a server on a folder, made if there is none, until the block ends."""
    place.folder.mkdir(parents=True, exist_ok=True)
    found = Running(server, place)
    try:
        found.start()
        yield found
    finally:
        found.stop()


def basic(user: str, password: str) -> dict[str, str]:
    """Return the header of a client that gives name and password."""
    return {"authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}
