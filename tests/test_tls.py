"""Certificates: made once, signed anew when they must be, and never a broken one in use."""

import asyncio
import hashlib
import ipaddress
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from moorage.tls import (
    CertificatePaths,
    TlsError,
    check_pair,
    ensure_certificates,
    fingerprint,
    machine_names,
    version_of,
)

NOW = datetime.now(UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "tls"


def names_in(cert: Path) -> set[str]:
    """Return the alternative names of the certificate."""
    certificate = x509.load_pem_x509_certificate(cert.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in names}


def pem_of(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, passphrase: bytes | None = None) -> bytes:
    hidden = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden)


async def greet(paths: CertificatePaths, name: str) -> str:
    """Shake hands as a client that trusts the authority alone and reaches the server by `name`; return the protocol."""

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(paths.cert, paths.key)
    client = ssl.create_default_context(cafile=str(paths.ca_crt))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname=name)
        version = writer.get_extra_info("ssl_object").version()
        writer.close()
    return str(version)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "proget", "10.0.0.7"])
def test_a_client_that_trusts_the_authority_trusts_the_server_by_each_name(folder: Path, name: str) -> None:
    paths = ensure_certificates(folder, ["Proget", "10.0.0.7"])
    assert asyncio.run(greet(paths, name)) == "TLSv1.3"


def test_a_name_nobody_asked_for_is_not_trusted(folder: Path) -> None:
    paths = ensure_certificates(folder, [])
    with pytest.raises(ssl.SSLCertVerificationError):
        asyncio.run(greet(paths, "elsewhere.example"))


def test_the_machines_own_names_are_in_the_certificate(folder: Path) -> None:
    paths = ensure_certificates(folder, ["fd00::7"])
    assert set(machine_names()) | {"fd00::7"} == names_in(paths.cert)
    assert socket.gethostname().lower() in names_in(paths.cert)


def test_private_keys_are_for_the_owner_alone(folder: Path) -> None:
    ensure_certificates(folder, [])
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes.pop("ca.key") == modes.pop("server.key") == 0o600
    assert set(modes) == {"ca.crt", "server.crt"}


def test_a_second_start_changes_nothing(folder: Path) -> None:
    paths = ensure_certificates(folder, ["proget"])
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert ensure_certificates(folder, ["proget"]) == paths
    assert ensure_certificates(folder, []) == paths
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_new_name_gets_a_new_certificate_from_the_same_authority(folder: Path) -> None:
    paths = ensure_certificates(folder, [])
    authority, key = paths.ca_crt.read_bytes(), paths.key.read_bytes()
    ensure_certificates(folder, ["proget"])
    assert "proget" in names_in(paths.cert)
    assert (paths.ca_crt.read_bytes(), paths.key.read_bytes()) == (authority, key)
    check_pair(paths.cert, paths.key)


@pytest.mark.parametrize(("days", "renewed"), [(790, False), (800, True), (2000, True)])
def test_a_certificate_is_renewed_in_its_last_thirty_days(folder: Path, days: int, *, renewed: bool) -> None:
    paths = ensure_certificates(folder, [])
    before = paths.cert.read_bytes()
    ensure_certificates(folder, [], NOW + timedelta(days=days))
    assert (paths.cert.read_bytes() != before) == renewed


def test_no_certificate_outlives_825_days_or_its_authority(folder: Path) -> None:
    paths = ensure_certificates(folder, [])
    cert = x509.load_pem_x509_certificate(paths.cert.read_bytes())
    assert cert.not_valid_after_utc - cert.not_valid_before_utc == timedelta(days=825)
    late = NOW + timedelta(days=3640)
    ensure_certificates(folder, [], late)
    last = paths.cert.read_bytes()
    authority = x509.load_pem_x509_certificate(paths.ca_crt.read_bytes())
    assert x509.load_pem_x509_certificate(last).not_valid_after_utc == authority.not_valid_after_utc
    ensure_certificates(folder, [], late)
    assert paths.cert.read_bytes() == last


def test_an_authority_at_its_end_is_said_to_be_so_and_kept(folder: Path) -> None:
    paths = ensure_certificates(folder, [])
    before = paths.ca_crt.read_bytes()
    with pytest.raises(TlsError, match="expired on"):
        ensure_certificates(folder, [], NOW + timedelta(days=3700))
    assert paths.ca_crt.read_bytes() == before


@pytest.mark.parametrize("name", ["ca.crt", "ca.key", "server.crt", "server.key"])
@pytest.mark.parametrize(
    "content", [b"", b"\xff\x00", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_corrupt_file_is_named_and_kept(folder: Path, name: str, content: bytes) -> None:
    ensure_certificates(folder, [])
    (folder / name).write_bytes(content)
    with pytest.raises(TlsError) as caught:
        ensure_certificates(folder, [])
    assert str(folder / name) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (folder / name).read_bytes() == content


@pytest.mark.parametrize("name", ["ca.key", "server.key", "ca.crt", "server.crt"])
def test_files_of_another_server_do_not_pass_for_this_ones(folder: Path, tmp_path: Path, name: str) -> None:
    ensure_certificates(folder, [])
    ensure_certificates(tmp_path / "other", [])
    (folder / name).write_bytes((tmp_path / "other" / name).read_bytes())
    with pytest.raises(TlsError, match=name.replace(".", r"\.")):
        ensure_certificates(folder, [])


def test_a_server_pair_from_another_authority_is_refused(folder: Path, tmp_path: Path) -> None:
    ensure_certificates(folder, [])
    ensure_certificates(tmp_path / "other", [])
    for name in ("server.crt", "server.key"):
        (folder / name).write_bytes((tmp_path / "other" / name).read_bytes())
    with pytest.raises(TlsError, match=r"does not come from .*ca\.crt"):
        ensure_certificates(folder, [])


def test_an_authority_without_its_key_is_never_replaced(folder: Path) -> None:
    paths = ensure_certificates(folder, [])
    before = paths.ca_crt.read_bytes()
    (folder / "ca.key").unlink()
    with pytest.raises(TlsError, match="missing"):
        ensure_certificates(folder, [])
    assert paths.ca_crt.read_bytes() == before


@pytest.mark.parametrize("kept", [["ca.key"], ["ca.key", "ca.crt"], ["ca.key", "ca.crt", "server.key"]])
def test_a_first_start_cut_off_anywhere_is_carried_on(folder: Path, kept: list[str]) -> None:
    ensure_certificates(folder, [])
    before = {name: (folder / name).read_bytes() for name in kept}
    for path in folder.iterdir():
        if path.name not in kept:
            path.unlink()
    paths = ensure_certificates(folder, [])
    assert {name: (folder / name).read_bytes() for name in kept} == before
    assert asyncio.run(greet(paths, "localhost")) == "TLSv1.3"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TlsError, match="file/tls"):
        ensure_certificates(tmp_path / "file" / "tls", [])


def test_own_certificates_are_checked_before_they_are_used(folder: Path, tmp_path: Path) -> None:
    paths = ensure_certificates(folder, [])
    check_pair(paths.cert, paths.key)
    with pytest.raises(TlsError, match=r"absent\.key: No such file"):
        check_pair(paths.cert, tmp_path / "absent.key")
    with pytest.raises(TlsError, match=r"ca\.key is not the private key of .*server\.crt"):
        check_pair(paths.cert, folder / "ca.key")
    locked = tmp_path / "locked.key"
    locked.write_bytes(pem_of(ec.generate_private_key(ec.SECP256R1()), b"secret"))
    with pytest.raises(TlsError, match="without a passphrase"):
        check_pair(paths.cert, locked)
    locked.write_bytes(pem_of(rsa.generate_private_key(65_537, 2048)))
    with pytest.raises(TlsError, match="is not the private key"):
        check_pair(paths.cert, locked)


def test_a_chain_may_follow_the_certificate(folder: Path, tmp_path: Path) -> None:
    paths = ensure_certificates(folder, [])
    chain = tmp_path / "chain.pem"
    chain.write_bytes(paths.cert.read_bytes() + paths.ca_crt.read_bytes())
    check_pair(chain, paths.key)


def test_the_version_changes_when_either_file_does(folder: Path) -> None:
    paths = ensure_certificates(folder, [])
    first = version_of(paths.cert, paths.key)
    assert version_of(paths.cert, paths.key) == first
    ensure_certificates(folder, ["proget"])
    second = version_of(paths.cert, paths.key)
    paths.key.unlink()
    assert len({first, second, version_of(paths.cert, paths.key)}) == 3


def test_a_fingerprint_is_the_one_openssl_prints(folder: Path) -> None:
    paths = ensure_certificates(folder, [])
    shown = fingerprint(paths.ca_crt.read_bytes())
    assert len(shown.split(":")) == 32
    der = ssl.PEM_cert_to_DER_cert(paths.ca_crt.read_text())
    assert bytes.fromhex(shown.replace(":", "")) == hashlib.sha256(der).digest()
    with pytest.raises(TlsError):
        fingerprint(b"no certificate")


def test_an_address_is_an_ip_name_in_the_certificate(folder: Path) -> None:
    paths = ensure_certificates(folder, ["10.0.0.7"])
    certificate = x509.load_pem_x509_certificate(paths.cert.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert ipaddress.ip_address("10.0.0.7") in names.get_values_for_type(x509.IPAddress)
