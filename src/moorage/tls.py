"""The certificates the server answers HTTPS with: its own authority, and the check of certificates brought along.

    DATA/tls/ca.key      made once ───────┐ signs
    DATA/tls/ca.crt      what clients trust, never replaced
    DATA/tls/server.key  made once        │
    DATA/tls/server.crt  ◄────────────────┘ signed anew when a name is missing or its days run out

Each key is on disk before its certificate, so whatever moment a start is cut off at, the next one can carry on.
"""

import contextlib
import ipaddress
import os
import secrets
import socket
import ssl
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_DAYS = 3652
# What Apple's clients accept at most from an authority someone added: https://support.apple.com/103769
SERVER_DAYS = 825
RENEW_DAYS = 30
LOOKUP_SECONDS = 1.0
LONGEST_COMMON_NAME = 64
SMALLEST_RSA = 2048
LARGEST_RSA = 8192

# Clocks differ: a certificate made just now must not be one from the future elsewhere.
_SKEW = timedelta(hours=1)
_NO_USE = dict.fromkeys(
    (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ),
    False,
)


class TlsError(Exception):
    """One line: the path of what is wrong with the certificates, and what to do about it."""


@dataclass(frozen=True, slots=True)
class CertificatePaths:
    """The PEM files: the authority's certificate for clients, the server's certificate and private key."""

    ca_crt: Path
    cert: Path
    key: Path


def ensure_certificates(folder: Path, host_names: Iterable[str], now: datetime | None = None) -> CertificatePaths:
    """Make what is missing in `folder` (DATA/tls), sign the server's certificate anew if it must be, return the paths.

    The certificate is for this machine's names, loopback, and `host_names`. Raises TlsError; never replaces an
    authority, and never a file it can't read.
    """
    now = now or datetime.now(UTC)
    paths = CertificatePaths(folder / "ca.crt", folder / "server.crt", folder / "server.key")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        authority = _authority(paths.ca_crt, folder / "ca.key", now)
        names = _alternative_names([*machine_names(), *host_names])
        key = _own_key(paths.key)
        if not _is_good(paths, authority.certificate, key, names, now):
            certificate = _server_certificate(names, key, authority, now)
            _write(paths.cert, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    except OSError as error:
        message = f"{error.filename or folder}: {error.strerror}; the server must be able to read and write it"
        raise TlsError(message) from None
    return paths


def machine_names() -> tuple[str, ...]:
    """Return the names this machine calls itself by, the loopback ones last; a slow name service is not waited for."""
    found: list[str] = []

    def ask() -> None:
        with contextlib.suppress(OSError, UnicodeError):
            found.append(socket.getfqdn())

    lookup = threading.Thread(target=ask, daemon=True)
    lookup.start()
    lookup.join(LOOKUP_SECONDS)
    names = (socket.gethostname(), *found, "localhost", "127.0.0.1", "::1")
    return tuple(dict.fromkeys(name.lower() for name in names if name and name.isascii()))


def check_pair(cert: Path, key: Path) -> None:
    """Raise TlsError unless the two PEM files are a certificate (its chain may follow) and its private key.

    Both must also be of a kind that the server can speak TLS with: see `_check_kind`.
    """
    try:
        certificate, private = _read_certificate(cert), _read_key(key)
    except OSError as error:
        message = f"{error.filename}: {error.strerror}; tls_cert and tls_key must be files the server can read"
        raise TlsError(message) from None
    if certificate.public_key() != private.public_key():
        raise TlsError(f"{key} is not the private key of {cert}: give the two that belong together")
    _check_kind(cert, certificate)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key)
    except ssl.SSLError as error:
        raise TlsError(f"{cert} cannot be used: {error.reason or error}") from None


def fingerprint(pem: bytes) -> str:
    """Return the SHA-256 of a PEM certificate as people compare it, `AB:CD:…`; TlsError if it is none."""
    try:
        return x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()).hex(":").upper()
    except ValueError:
        raise TlsError("that is no certificate in PEM form") from None


def version_of(cert: Path, key: Path) -> tuple[tuple[int, int, int], ...]:
    """Return (mtime in ns, size, inode) of both files: another value means another content; zeros while one is gone."""

    def version(path: Path) -> tuple[int, int, int]:
        try:
            status = path.stat()
        except OSError:
            return (0, 0, 0)
        return (status.st_mtime_ns, status.st_size, status.st_ino)

    return (version(cert), version(key))


@dataclass(frozen=True, slots=True)
class _Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def _authority(cert: Path, key: Path, now: datetime) -> _Authority:
    if cert.exists() and not key.exists():
        advice = f"bring it back from a backup, or remove {cert} and let every client trust a new authority"
        raise TlsError(f"{key} is missing: {advice}")
    private = _own_key(key)
    if not cert.exists():
        _write(cert, _authority_certificate(private, now).public_bytes(serialization.Encoding.PEM), 0o644)
    certificate = _read_certificate(cert)
    if certificate.public_key() != private.public_key():
        raise TlsError(f"{key} is not the private key of {cert}: bring both back from the same backup")
    if certificate.not_valid_after_utc <= now:
        ended = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
        raise TlsError(f"{cert} expired on {ended}: remove {cert.parent}, and let every client trust the new authority")
    return _Authority(certificate, private)


def _is_good(
    paths: CertificatePaths,
    authority: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
    names: list[x509.GeneralName],
    now: datetime,
) -> bool:
    if not paths.cert.exists():
        return False
    certificate = _read_certificate(paths.cert)
    advice = f"remove {paths.cert} and {paths.key}, and the next start makes new ones"
    if certificate.public_key() != key.public_key():
        raise TlsError(f"{paths.key} is not the private key of {paths.cert}: {advice}")
    try:
        certificate.verify_directly_issued_by(authority)
        present = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        raise TlsError(f"{paths.cert} does not come from {paths.ca_crt}: {advice}") from None
    soon = now + timedelta(days=RENEW_DAYS)
    # Near the authority's own end a new certificate would live no longer than this one.
    lasts = certificate.not_valid_after_utc >= min(soon, authority.not_valid_after_utc)
    return lasts and set(names) <= set(present)


def _authority_certificate(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    # A name of its own: a client that met two authorities of one name would take one for the other.
    common_name = f"Moorage authority {secrets.token_hex(4)} of {socket.gethostname()}"[:LONGEST_COMMON_NAME]
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    usage = x509.KeyUsage(**_NO_USE | {"key_cert_sign": True, "crl_sign": True})
    builder = _builder(name, name, key, now).not_valid_after(now + timedelta(days=CA_DAYS))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return builder.add_extension(usage, critical=True).sign(key, hashes.SHA256())


def _server_certificate(
    names: list[x509.GeneralName], key: ec.EllipticCurvePrivateKey, authority: _Authority, now: datetime
) -> x509.Certificate:
    issuer = authority.certificate
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(names[0].value)[:LONGEST_COMMON_NAME])])
    end = min(now - _SKEW + timedelta(days=SERVER_DAYS), issuer.not_valid_after_utc)
    issuer_id = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    known_by = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_id)
    usage = x509.KeyUsage(**_NO_USE | {"digital_signature": True})
    builder = _builder(name, issuer.subject, key, now).not_valid_after(end)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(usage, critical=True).add_extension(known_by, critical=False)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(authority.key, hashes.SHA256())


def _builder(
    name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.CertificateBuilder:
    public = key.public_key()
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(public)
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - _SKEW)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)


def _alternative_names(names: Iterable[str]) -> list[x509.GeneralName]:
    def alternative(name: str) -> x509.GeneralName:
        try:
            return x509.IPAddress(ipaddress.ip_address(name.partition("%")[0]))
        except ValueError:
            return x509.DNSName(name.lower())

    return list(dict.fromkeys(alternative(name) for name in names))


def _check_kind(path: Path, certificate: x509.Certificate) -> None:
    """Raise TlsError for what rustls does not know: there it would end the whole process, not only the start."""
    key = certificate.public_key()
    is_known = (
        isinstance(key, ed25519.Ed25519PublicKey)
        or (isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1))
        or (isinstance(key, rsa.RSAPublicKey) and SMALLEST_RSA <= key.key_size <= LARGEST_RSA)
    )
    # RSA that is for PSS alone, or a curve written out in numbers, is read here like any other, but not there.
    usual = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if not is_known or usual not in certificate.public_bytes(serialization.Encoding.DER):
        kinds = f"RSA of {SMALLEST_RSA} to {LARGEST_RSA} bits, P-256, P-384 or Ed25519"
        raise TlsError(f"{path} has a key of a kind that cannot be used: make one of {kinds}")
    if certificate.version is not x509.Version.v3:
        raise TlsError(f"{path} is a certificate of an old form: make one of version 3")


def _own_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Return the private key in the file, made first if there is none."""
    if not path.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        _write(path, key.private_bytes(*form), 0o600)
    private = _read_key(path)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise TlsError(f"{path} is not the key this server made: bring it back from a backup, or remove it")
    return private


def _read_key(path: Path) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise TlsError(f"{path} is no private key in PEM form without a passphrase: replace or remove it") from None


def _read_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())[0]
    except ValueError:
        raise TlsError(f"{path} is no certificate in PEM form: replace or remove it") from None


def _write(path: Path, content: bytes, mode: int) -> None:
    """Put the whole file in place, or nothing: it is complete and on disk before it has its name."""
    staged = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
    except OSError:
        staged.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
