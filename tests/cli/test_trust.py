"""`moorage trust`: the authority gets where clients look, nothing else is touched, and it can all be taken back."""

import json
import os
import pty
import ssl
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import typer
from cryptography import x509
from typer.testing import CliRunner, Result

from moorage.cli.trust import (
    CLIENTS,
    TrustError,
    apply,
    certificate_in,
    parse_server,
    plan,
    plan_undo,
    same_fingerprint,
    trust,
)
from moorage.settings import Address
from moorage.tls import CertificatePaths, ensure_certificates, fingerprint

NOBODY = 65_534
PROGET = Address("proget", 5443)
DOCKER, PODMAN, CONTAINERD = CLIENTS


class Handler(BaseHTTPRequestHandler):
    """Answers as a registry server does to strangers."""

    authority = b""

    def do_GET(self) -> None:
        status, body = {"/v2/": (401, b""), "/ca.crt": (200, self.authority)}.get(self.path, (404, b""))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> CertificatePaths:
    return ensure_certificates(tmp_path_factory.mktemp("data") / "tls", [])


@pytest.fixture(scope="module")
def authority(certificates: CertificatePaths) -> str:
    return certificates.ca_crt.read_text()


@pytest.fixture(scope="module")
def server(certificates: CertificatePaths, authority: str) -> Iterator[str]:
    """Return HOST:PORT of a TLS server with these certificates."""
    handler = type("Handler", (Handler,), {"authority": authority.encode()})
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.cert, certificates.key)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        served.socket = context.wrap_socket(served.socket, server_side=True)
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"localhost:{served.server_port}"
        served.shutdown()
        thread.join()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home folder, with a docker and nothing else on the path."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "docker").write_text("#!/bin/sh\n")
    (programs / "docker").chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(programs))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def run(*arguments: str | Path) -> Result:
    app = typer.Typer()
    app.command()(trust)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_each_client_finds_the_authority_where_it_looks(tmp_path: Path, authority: str) -> None:
    for step in plan(tmp_path, PROGET, authority, CLIENTS):
        apply(step)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == {
        "docker/certs.d/proget:5443/ca.crt",
        "containers/certs.d/proget:5443/ca.crt",
        "containerd/certs.d/proget:5443/ca.crt",
        "containerd/certs.d/proget:5443/hosts.toml",
    }
    placed = tmp_path / "docker/certs.d/proget:5443/ca.crt"
    assert placed.stat().st_mode & 0o777 == 0o644
    assert x509.load_pem_x509_certificate(placed.read_bytes()) == x509.load_pem_x509_certificate(authority.encode())
    hosts = tomllib.loads((tmp_path / "containerd/certs.d/proget:5443/hosts.toml").read_text())
    assert hosts["host"]["https://proget:5443"]["ca"] == "ca.crt"


def test_names_without_a_port_are_port_443_and_both_spellings_are_trusted(tmp_path: Path, authority: str) -> None:
    assert parse_server("proget") == parse_server("proget:443") == Address("proget", 443)
    assert parse_server("[::1]") == Address("::1", 443)
    folders = {step.path.parent.name for step in plan(tmp_path, Address("proget", 443), authority, [DOCKER])}
    assert folders == {"proget", "proget:443"}


@pytest.mark.parametrize("text", ["", "../etc", "a/b", "https://proget", "proget:x", "proget:0"])
def test_what_is_no_server_is_wrong_usage(text: str) -> None:
    assert run(text, "--dry-run").exit_code == 2


def test_planning_changes_nothing(tmp_path: Path, authority: str) -> None:
    plan(tmp_path, PROGET, authority, CLIENTS)
    plan_undo(tmp_path, PROGET, CLIENTS)
    assert files_below(tmp_path) == set()


@pytest.mark.parametrize("address", [PROGET, Address("proget", 443), Address("::1", 5443)])
@pytest.mark.parametrize("before", [[], ["docker"], ["docker/certs.d", "containerd/certs.d", "containers"]])
def test_undo_leaves_what_was_there_before(tmp_path: Path, authority: str, address: Address, before: list[str]) -> None:
    for folder in before:
        (tmp_path / folder).mkdir(parents=True)
    there = files_below(tmp_path)
    for _ in range(2):
        for step in plan(tmp_path, address, authority, CLIENTS):
            apply(step)
    assert files_below(tmp_path) != there
    for step in plan_undo(tmp_path, address, CLIENTS):
        apply(step)
    assert files_below(tmp_path) == there


def test_undo_keeps_folders_others_use_since(tmp_path: Path, authority: str) -> None:
    for step in plan(tmp_path, PROGET, authority, [DOCKER]):
        apply(step)
    other = tmp_path / "docker/certs.d/proget:5443/client.cert"
    other.write_text("")
    for step in plan_undo(tmp_path, PROGET, CLIENTS):
        apply(step)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [other]


def test_a_second_time_there_is_nothing_to_do(tmp_path: Path, authority: str) -> None:
    for step in plan(tmp_path, PROGET, authority, CLIENTS):
        apply(step)
    assert {step.action for step in plan(tmp_path, PROGET, authority, CLIENTS)} == {"keep"}


def test_an_authority_placed_earlier_is_replaced_by_the_new_one(tmp_path: Path, authority: str) -> None:
    other = ensure_certificates(tmp_path / "tls", []).ca_crt.read_text()
    root = tmp_path / "etc"
    for pem in (other, authority):
        for step in plan(root, PROGET, pem, [DOCKER]):
            apply(step)
    assert authority in (root / "docker/certs.d/proget:5443/ca.crt").read_text()
    for step in plan_undo(root, PROGET, [DOCKER]):
        apply(step)
    assert not root.exists()


def test_what_someone_else_put_there_is_neither_replaced_nor_removed(tmp_path: Path, authority: str) -> None:
    foreign = tmp_path / "docker/certs.d/proget:5443/ca.crt"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("theirs")
    with pytest.raises(TrustError, match="says something else"):
        plan(tmp_path, PROGET, authority, [DOCKER])
    assert [step.action for step in plan_undo(tmp_path, PROGET, [DOCKER])] == ["leave"]
    foreign.write_text(authority)
    assert [step.action for step in plan(tmp_path, PROGET, authority, [DOCKER])] == ["keep"]
    assert [step.action for step in plan_undo(tmp_path, PROGET, [DOCKER])] == ["leave"]


def test_only_the_certificate_people_compared_is_placed(authority: str) -> None:
    assert certificate_in(b"some words\n" + authority.encode(), "here") == authority
    for pem in (authority.encode() * 2, b"", b"nothing"):
        with pytest.raises(TrustError, match="not one certificate"):
            certificate_in(pem, "here")


def test_a_fingerprint_may_be_written_in_any_common_way(authority: str) -> None:
    shown = fingerprint(authority.encode())
    for text in (shown.lower(), shown.replace(":", ""), f"SHA256:{shown}", f"sha256 Fingerprint={shown}"):
        assert same_fingerprint(shown, text)
    assert not same_fingerprint(shown, shown[:-1] + ("0" if shown[-1] != "0" else "1"))


def test_the_result_is_checked_with_a_real_request(
    home: Path, server: str, certificates: CertificatePaths, authority: str
) -> None:
    data = certificates.ca_crt.parent.parent
    result = run(server, "--user", "--data", data)
    assert result.exit_code == 0
    assert f"checked: https://{server}/v2/ is trusted" in result.output
    assert fingerprint(authority.encode()) in result.output
    assert files_below(home / ".config") >= {f"docker/certs.d/{server}/ca.crt"}
    assert run(server, "--user", "--undo").exit_code == 0
    assert files_below(home) == set()
    assert "nothing to remove" in run(server, "--user", "--undo").output


def test_an_authority_that_is_not_the_servers_fails_the_check(home: Path, server: str, tmp_path: Path) -> None:
    other = ensure_certificates(tmp_path / "tls", []).ca_crt
    result = run(server, "--user", "--docker", "--ca", other)
    assert result.exit_code == 1
    assert "is not trusted" in result.stderr
    assert "checked:" not in result.stdout
    assert str(home) in result.stdout


def test_a_name_that_is_not_in_the_certificate_fails_the_check(
    home: Path, server: str, certificates: CertificatePaths
) -> None:
    result = run(
        server.replace("localhost", "[::ffff:127.0.0.1]"), "--user", "--data", certificates.ca_crt.parent.parent
    )
    assert result.exit_code == 1
    assert "--host-names" in result.stderr
    assert home.exists()


def test_a_fetched_authority_is_trusted_only_by_its_fingerprint(home: Path, server: str, authority: str) -> None:
    shown = fingerprint(authority.encode())
    unasked = run(server, "--user")
    assert (unasked.exit_code, files_below(home)) == (2, set())
    wrong = run(server, "--user", "--fingerprint", "00" * 32)
    assert (wrong.exit_code, files_below(home)) == (1, set())
    assert shown in wrong.stderr
    assert run(server, "--user", "--fingerprint", shown).exit_code == 0


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1)])
def test_someone_at_a_terminal_is_asked(home: Path, server: str, authority: str, answer: str, code: int) -> None:
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    program = "import typer; from moorage.cli.trust import trust; typer.run(trust)"
    command = [sys.executable, "-c", program, server, "--user"]
    done = subprocess.run(command, stdin=theirs, capture_output=True, text=True, check=False, env=os.environ)
    os.close(ours)
    os.close(theirs)
    assert fingerprint(authority.encode()) in done.stderr
    assert done.returncode == code
    assert bool(files_below(home)) == (code == 0)


def test_a_dry_run_shows_everything_and_does_nothing(home: Path, server: str) -> None:
    result = run(server, "--user", "--dry-run", "--docker", "--podman", "--containerd")
    assert result.exit_code == 0
    assert result.output.count("would be written") == 4
    assert files_below(home) == set()


def test_programs_get_the_same_facts_as_json(home: Path, server: str, authority: str) -> None:
    shown = fingerprint(authority.encode())
    path = str(home / ".config/docker/certs.d" / server / "ca.crt")
    result = run(server, "--user", "--json", "--fingerprint", shown)
    assert json.loads(result.stdout) == {
        "server": server,
        "fingerprint": shown,
        "dry_run": False,
        "files": [{"client": "docker", "path": path, "action": "write"}],
        "checked": True,
    }


def test_without_any_client_one_must_be_named(
    home: Path, server: str, certificates: CertificatePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(home))
    data = certificates.ca_crt.parent.parent
    result = run(server, "--user", "--data", data)
    assert result.exit_code == 1
    assert "--docker" in result.stderr
    assert run(server, "--user", "--data", data, "--podman").exit_code == 0


def test_what_goes_wrong_is_said_in_one_line(home: Path, server: str, authority: str, tmp_path: Path) -> None:
    (home / ".config").write_text("in the way")
    for arguments in (
        ["localhost:1", "--user"],
        [server, "--user", "--ca", tmp_path / "absent.crt"],
        [server, "--user", "--data", tmp_path],
        [server, "--user", "--fingerprint", fingerprint(authority.encode())],
    ):
        result = run(*arguments)
        assert result.exit_code == 1
        assert result.stderr.count("\n") == 1


def test_naming_two_sources_is_wrong_usage(tmp_path: Path) -> None:
    assert run("proget", "--ca", tmp_path, "--data", tmp_path).exit_code == 2


@pytest.fixture
def _no_root() -> Iterator[None]:
    """Be an ordinary account, for whom the folders of pytest are as closed as /etc is."""
    if os.geteuid() == 0:
        os.seteuid(NOBODY)
        yield
        os.seteuid(0)
    else:
        yield


@pytest.mark.usefixtures("_no_root")
def test_a_folder_that_may_not_be_written_suggests_sudo(server: str, authority: str) -> None:
    result = run(server, "--docker", "--fingerprint", fingerprint(authority.encode()))
    assert result.exit_code == 1
    assert "permission denied; run this with sudo" in result.stderr
    assert result.stderr.count("\n") == 1
