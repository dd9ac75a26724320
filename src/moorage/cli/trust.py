"""`moorage trust`: put a server's certificate authority where docker, podman and containerd look for it.

    /etc/docker/certs.d/HOST:PORT/ca.crt
    /etc/containers/certs.d/HOST:PORT/ca.crt                 podman, buildah, skopeo
    /etc/containerd/certs.d/HOST:PORT/{ca.crt,hosts.toml}

`--user` does it below ~/.config instead, for clients that run without root. Each file begins with a line that marks it
as made here and says how many folders were made for it, so that it can be undone exactly. Sources:
https://docs.docker.com/engine/security/certificates/ · containers-certs.d(5) ·
https://github.com/containerd/containerd/blob/main/docs/hosts.md
"""

import http.client
import re
import secrets
import shutil
import ssl
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from moorage.cli.folder import fail
from moorage.cli.output import Json, say, say_json
from moorage.settings import Address, is_host_name
from moorage.tls import fingerprint

HTTPS_PORT = 443
LARGEST_CERTIFICATE = 65_536
SECONDS_TO_ANSWER = 15

_MARK = re.compile(r"# Made by moorage trust with ([0-9]) folders; moorage trust --undo removes it\.\n", re.ASCII)


class TrustError(Exception):
    """One line: why the authority can't be fetched, checked or put in place."""


@dataclass(frozen=True, slots=True)
class Client:
    """A family of clients that read one folder: `folder` of /etc or ~/.config, and what its programs are called."""

    name: str
    folder: str
    programs: tuple[str, ...]


CLIENTS = (
    Client("docker", "docker", ("docker", "dockerd")),
    Client("podman", "containers", ("podman", "buildah", "skopeo")),
    Client("containerd", "containerd", ("containerd", "nerdctl")),
)


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one file: written, kept as it is, removed, or left alone because it isn't ours."""

    client: str
    path: Path
    action: Literal["write", "keep", "remove", "leave"]
    content: str = ""


def plan(root: Path, address: Address, authority: str, clients: Iterable[Client]) -> list[Step]:
    """Return the steps that make `clients` trust the PEM certificate; `root` is /etc or ~/.config; nothing is changed.

    Raises TrustError if a file is in the way that something else has put there.
    """
    steps = []
    for client in clients:
        for path, content in _files(root, address, authority, client):
            present = _read(path)
            if present is not None and _MARK.match(present) is None and present.strip() != content.strip():
                raise TrustError(f"{path} is there already and says something else: remove it, then run this again")
            same = present is not None and _MARK.sub("", present, 1).strip() == content.strip()
            steps.append(Step(client.name, path, "keep" if same else "write", content))
    return steps


def plan_undo(root: Path, address: Address, clients: Iterable[Client]) -> list[Step]:
    """Return the steps that take back what `plan` led to, last file first; nothing is changed."""
    steps = []
    for client in clients:
        for path, _ in _files(root, address, "", client):
            present = _read(path)
            if present is not None:
                steps.append(Step(client.name, path, "remove" if _MARK.match(present) else "leave"))
    return steps[::-1]


def apply(step: Step) -> None:
    """Do one step; OSError if it is not permitted."""
    if step.action == "write":
        _write(step.path, step.content)
    elif step.action == "remove":
        _remove(step.path)


def _files(root: Path, address: Address, authority: str, client: Client) -> list[tuple[Path, str]]:
    # Clients look for the server as the image name has it, and 443 is left out of most names.
    names = [str(address), *([str(address).removesuffix(f":{HTTPS_PORT}")] if address.port == HTTPS_PORT else [])]
    files = []
    for name in names:
        folder = root / client.folder / "certs.d" / name
        files.append((folder / "ca.crt", authority))
        if client.name == "containerd":
            url = f"https://{address}"
            hosts = (
                f'server = "{url}"\n\n[host."{url}"]\n  capabilities = ["pull", "resolve", "push"]\n  ca = "ca.crt"\n'
            )
            files.append((folder / "hosts.toml", hosts))
    return files


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", "replace")
    except (FileNotFoundError, NotADirectoryError):
        return None


def _write(path: Path, content: str) -> None:
    mark = _MARK.match(_read(path) or "")
    missing = [folder for folder in path.parents if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir()
        folder.chmod(0o755)
    made = int(mark[1]) if mark else len(missing)
    staged = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        staged.write_text(f"# Made by moorage trust with {made} folders; moorage trust --undo removes it.\n{content}")
        staged.chmod(0o644)
        staged.replace(path)
    except OSError:
        staged.unlink(missing_ok=True)
        raise


def _remove(path: Path) -> None:
    mark = _MARK.match(_read(path) or "")
    path.unlink()
    for folder in path.parents[: int(mark[1]) if mark else 0]:
        if any(folder.iterdir()):
            break
        folder.rmdir()


def found(clients: Iterable[Client]) -> list[Client]:
    """Return the clients that have a program on this machine."""
    return [client for client in clients if any(shutil.which(program) for program in client.programs)]


def parse_server(text: str) -> Address:
    """Return the address of `HOST[:PORT]`, port 443 if there is none as in image names; ValueError if it is none."""
    host = text.removeprefix("[").removesuffix("]") if text.startswith("[") else text
    return Address(host, HTTPS_PORT) if is_host_name(host) else Address.parse(text)


def fetch(address: Address) -> bytes:
    """Return what the server says its authority is, over a connection nobody vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    status, body = _get(address, "/ca.crt", context)
    if status != http.HTTPStatus.OK:
        raise TrustError(f"https://{address}/ca.crt answers {status}: name the authority's certificate with --ca FILE")
    return body


def check(address: Address, authority: str) -> None:
    """Ask the server for /v2/ as a client that trusts `authority` alone; TrustError if that is not enough."""
    status, _ = _get(address, "/v2/", ssl.create_default_context(cadata=authority))
    if status not in (http.HTTPStatus.OK, http.HTTPStatus.UNAUTHORIZED):
        raise TrustError(f"https://{address}/v2/ answers {status}: that is no registry server")


def _get(address: Address, path: str, context: ssl.SSLContext) -> tuple[int, bytes]:
    connection = http.client.HTTPSConnection(address.host, address.port, timeout=SECONDS_TO_ANSWER, context=context)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(LARGEST_CERTIFICATE)
    except ssl.SSLCertVerificationError as error:
        hint = "is the authority the server's, and the name one of its --host-names?"
        raise TrustError(f"https://{address} is not trusted: {error.verify_message}; {hint}") from None
    except (OSError, http.client.HTTPException) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__
        raise TrustError(f"https://{address} does not answer: {reason}") from None
    finally:
        connection.close()


def certificate_in(pem: bytes, source: str) -> str:
    """Return the one certificate of a PEM file, and nothing else that may stand there: only this one is confirmed."""
    try:
        (certificate,) = x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise TrustError(f"{source} is not one certificate in PEM form") from None
    return certificate.public_bytes(Encoding.PEM).decode()


def same_fingerprint(one: str, other: str) -> bool:
    """Compare two fingerprints however they are written: with colons or without, `SHA256:` before them or not."""

    def bare(text: str) -> str:
        return text.upper().removeprefix("SHA256").replace(":", "").replace(" ", "").removeprefix("FINGERPRINT=")

    return bare(one) == bare(other)


@dataclass(frozen=True, slots=True)
class _Report:
    """What the command did, or would do."""

    address: Address
    authority: str | None
    steps: list[Step]
    dry_run: bool
    problem: str | None

    def fields(self) -> dict[str, object]:
        checked = self.authority is not None and not self.dry_run and self.problem is None
        files = [{"client": step.client, "path": str(step.path), "action": step.action} for step in self.steps]
        shown = self.authority and fingerprint(self.authority.encode())
        return {
            "server": str(self.address),
            "fingerprint": shown,
            "dry_run": self.dry_run,
            "files": files,
            "checked": checked,
        }

    def lines(self) -> list[str]:
        would = "would be " if self.dry_run else ""
        words = {
            "write": f"{would}written",
            "keep": "is right already",
            "remove": f"{would}removed",
            "leave": "left alone: this command did not make it",
        }
        lines = [f"{step.client}: {step.path} {words[step.action]}" for step in self.steps] or ["nothing to remove"]
        if self.authority:
            lines.insert(0, f"authority: SHA-256 {fingerprint(self.authority.encode())}")
            if not self.dry_run and self.problem is None:
                lines.append(f"checked: https://{self.address}/v2/ is trusted")
        return lines


def _authority(address: Address, ca: Path | None, data: Path | None) -> str:
    path = data / "tls" / "ca.crt" if data else ca
    return certificate_in(path.read_bytes(), str(path)) if path else certificate_in(fetch(address), f"{address}/ca.crt")


def _confirm(address: Address, authority: str, expected: str | None, *, vouched: bool) -> None:
    """Go on only if the fingerprint is the expected one, or someone says that it is."""
    shown = fingerprint(authority.encode())
    if expected is not None:
        if not same_fingerprint(shown, expected):
            raise TrustError(f"the authority's fingerprint is {shown}, not the one expected; nothing was changed")
    elif not vouched:
        if not sys.stdin.isatty():
            reason = f"compare {shown} with the fingerprint the server shows, and name it with --fingerprint"
            raise typer.BadParameter(reason, param_hint="--fingerprint")
        typer.echo(f"https://{address} says its authority has the SHA-256 fingerprint\n  {shown}", err=True)
        typer.echo(f"On the server, `moorage trust {address} --data DIR --dry-run` shows the true one.", err=True)
        typer.confirm("Are they the same?", abort=True, err=True)


def _problem(address: Address, authority: str) -> str | None:
    try:
        check(address, authority)
    except TrustError as error:
        return str(error)
    return None


def _asked(server: str) -> Address:
    try:
        return parse_server(server)
    except ValueError:
        raise typer.BadParameter(f"{server!r} is not HOST or HOST:PORT", param_hint="HOST[:PORT]") from None


def _chosen(names: Iterable[str]) -> list[Client]:
    named = [client for client in CLIENTS if client.name in names]
    chosen = named or found(CLIENTS)
    if not chosen:
        raise TrustError("neither docker nor podman nor containerd is here: name the one meant, as --docker")
    return chosen


def trust(
    server: Annotated[str, typer.Argument(metavar="HOST[:PORT]", help="The server, as image names have it.")],
    *,
    docker: Annotated[bool, typer.Option("--docker", help="Docker. [default: every client found]")] = False,
    podman: Annotated[bool, typer.Option("--podman", help="Podman, Buildah and Skopeo.")] = False,
    containerd: Annotated[bool, typer.Option("--containerd", help="Containerd and nerdctl.")] = False,
    ca: Annotated[Path | None, typer.Option(help="The authority's certificate. [default: fetched from it]")] = None,
    data: Annotated[Path | None, typer.Option(help="The server's data folder, on its own machine.")] = None,
    expected: Annotated[
        str | None, typer.Option("--fingerprint", help="The authority's SHA-256, so that nobody is asked.")
    ] = None,
    user: Annotated[bool, typer.Option("--user", help="For this account only, below ~/.config.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Remove what this command made for the server.")] = False,
    as_json: Json = False,
) -> None:
    """Make this machine's container clients trust a server's own certificate authority."""
    address = _asked(server)
    if ca and data:
        raise typer.BadParameter("give --ca or --data, not both", param_hint="--ca")
    names = {name for name, given in {"docker": docker, "podman": podman, "containerd": containerd}.items() if given}
    root = Path.home() / ".config" if user else Path("/etc")
    authority = problem = None
    try:
        if undo:
            steps = plan_undo(root, address, [client for client in CLIENTS if not names or client.name in names])
        else:
            authority = _authority(address, ca, data)
            steps = plan(root, address, authority, _chosen(names))
            _confirm(address, authority, expected, vouched=dry_run or bool(ca or data))
        if not dry_run:
            for step in steps:
                apply(step)
            problem = _problem(address, authority) if authority else None
    except TrustError as error:
        fail(str(error))
    except PermissionError as error:
        advice = "run this with sudo, or with --user for clients that run without root"
        fail(f"{Path(error.filename).parent}: permission denied; {advice}")
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}")
    _answer(_Report(address, authority, steps, dry_run, problem), as_json=as_json)


def _answer(report: _Report, *, as_json: bool) -> None:
    if as_json:
        say_json(report.fields())
    else:
        for line in report.lines():
            say(line)
    if report.problem:
        fail(report.problem)
