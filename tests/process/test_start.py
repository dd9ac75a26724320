"""A start says what a person needs, and what is in the way in one line."""

import re
import socket
import sqlite3
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from moorage import __version__
from tests.process.certificates import Key, Pair, key_of, new_key
from tests.process.server import Launcher, Running


def refusal(running: Running) -> str:
    """Return the one line that a server which did not start wrote on standard error."""
    assert running.ended() == 1
    (line,) = running.err.read_text().splitlines()
    assert line.startswith("moorage: ")
    return line


def test_the_first_start_says_all_one_needs_and_the_second_is_quiet(launch: Launcher) -> None:
    first = launch(password=None)
    text = first.out.read_text()
    assert f"https://localhost:{first.https}" in text.splitlines()[0]
    host = f"localhost:{first.https}"
    assert [line.strip() for line in text.splitlines() if line.strip().startswith("docker ")] == [
        f"docker login {host} -u admin",
        f"docker tag ubuntu:trusty {host}/dmc/ubuntu:trusty",
        f"docker push {host}/dmc/ubuntu:trusty",
    ]
    found = re.search(r"password (\S{16,})$", text, re.MULTILINE)
    assert found is not None
    with first.client() as client:
        client.account = ("admin", found[1])
        assert client.ask("GET", "/v2/").status == 200
    assert first.stop() == 0
    second = launch(password=None)
    assert second.stop() == 0
    assert second.out.read_text() == f"Moorage {__version__} at https://localhost:{second.https}\n"
    assert found[1] not in second.err.read_text()


@pytest.mark.parametrize("door", ["https", "http"])
def test_a_port_in_use_is_named(launch: Launcher, door: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        line = refusal(launch.begin(f"--{door}", address))
    assert line == f"moorage: cannot listen on {address}: Address already in use"


def test_a_second_server_on_the_same_folder_is_refused_and_the_first_goes_on(launch: Launcher) -> None:
    first = launch()
    assert f"another server runs on {launch.data}" in refusal(launch.begin())
    with first.client() as client:
        assert client.ask("GET", "/readyz").status == 200
    assert first.stop() == 0


def test_a_folder_that_a_newer_version_wrote_is_left_alone(launch: Launcher) -> None:
    launch().stop()
    file = launch.data / "moorage.db"
    with sqlite3.connect(file) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    before = file.read_bytes()
    assert "newer Moorage" in refusal(launch.begin())
    assert file.read_bytes() == before


def test_what_is_no_database_of_moorage_is_left_alone(launch: Launcher) -> None:
    launch.data.mkdir()
    file = launch.data / "moorage.db"
    file.write_bytes(b"no database at all, but rather longer than the header of one would have to be: " * 20)
    before = file.read_bytes()
    assert str(file) in refusal(launch.begin())
    assert file.read_bytes() == before


def test_a_database_that_is_a_folder_is_named(launch: Launcher) -> None:
    (launch.data / "moorage.db").mkdir(parents=True)
    assert str(launch.data / "moorage.db") in refusal(launch.begin())


def test_a_database_of_another_program_is_left_alone(launch: Launcher) -> None:
    launch.data.mkdir()
    file = launch.data / "moorage.db"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE accounts (balance)")
    database.close()
    before = file.read_bytes()
    assert str(file) in refusal(launch.begin())
    assert file.read_bytes() == before


def test_a_data_folder_that_is_a_file_is_named(launch: Launcher) -> None:
    launch.data.write_text("a file")
    assert str(launch.data) in refusal(launch.begin())


@pytest.mark.parametrize("folder", ["/proc/moorage", "/sys/moorage"])
def test_a_data_folder_that_cannot_be_made_is_named(launch: Launcher, folder: str) -> None:
    assert folder in refusal(launch.begin("--data", folder))


def test_an_unknown_setting_in_the_file_is_named(launch: Launcher, tmp_path: Path) -> None:
    config = tmp_path / "moorage.toml"
    config.write_text("worker = 2\n")
    line = refusal(launch.begin("--config", str(config)))
    assert "worker in" in line
    assert "workers" in line


@pytest.mark.parametrize("broken", ["server.crt", "server.key", "ca.crt", "ca.key"])
def test_a_certificate_that_cannot_be_read_is_named(launch: Launcher, broken: str) -> None:
    launch().stop()
    file = launch.data / "tls" / broken
    file.write_text("-----BEGIN NONSENSE-----\n")
    assert str(file) in refusal(launch.begin())
    assert file.read_text() == "-----BEGIN NONSENSE-----\n"


def test_own_certificates_that_do_not_belong_together_are_named(launch: Launcher, tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    pair.key.write_bytes(key_of(new_key()))
    line = refusal(launch.begin(*pair.flags))
    assert str(pair.cert) in line
    assert str(pair.key) in line


def test_own_certificates_that_cannot_be_read_are_named(launch: Launcher, tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    pair.cert.write_text("nonsense")
    assert str(pair.cert) in refusal(launch.begin(*pair.flags))
    pair.renew()
    pair.key.unlink()
    assert str(pair.key) in refusal(launch.begin(*pair.flags))


@pytest.mark.parametrize("key", [ec.generate_private_key(curve) for curve in (ec.SECP521R1(), ec.SECP256K1())])
def test_a_certificate_of_a_kind_that_tls_cannot_use_is_named(launch: Launcher, tmp_path: Path, key: Key) -> None:
    pair = Pair(tmp_path, key)
    assert str(pair.cert) in refusal(launch.begin(*pair.flags))
