"""Certificates of somebody's own."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey


def new_key() -> Key:
    """Return a key as most people have one."""
    return ec.generate_private_key(ec.SECP256R1())


def certificate_of(key: Key) -> bytes:
    """Return a certificate for localhost, signed by itself, in PEM form."""
    now, name = datetime.now(UTC), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=2))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def key_of(key: Key) -> bytes:
    """Return a key in PEM form."""
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form)


class Pair:
    """The two files, and the flags that name them."""

    def __init__(self, folder: Path, key: Key | None = None) -> None:
        self.cert, self.key = folder / "own.crt", folder / "own.key"
        self.renew(key)

    @property
    def flags(self) -> tuple[str, ...]:
        """How the server is told of them."""
        return ("--tls-cert", str(self.cert), "--tls-key", str(self.key))

    def renew(self, key: Key | None = None) -> None:
        """Write a certificate of another key over the one that is there."""
        private = key or new_key()
        self.key.write_bytes(key_of(private))
        self.cert.write_bytes(certificate_of(private))


def presented(port: int) -> bytes:
    """Return the certificate that a server shows to a new connection, in PEM form, at once or the second time.

    A handshake that is under way when the old certificate's door closes is broken off.
    """
    address = ("127.0.0.1", port)
    try:
        return ssl.get_server_certificate(address).encode()
    except (ssl.SSLEOFError, ConnectionResetError):
        return ssl.get_server_certificate(address).encode()
