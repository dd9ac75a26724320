"""Make up what the first start of compose.yaml needs and nobody has to know: passwords, and a certificate.

    /secrets/admin-password, database-password, store-password      made once
    /secrets/database-url                                           what Moorage is told
    /tls/ca.crt, server.crt, server.key                             for the URL given; signed anew when they must be

Started as `first_start.py https://proget.example.org`.
"""

import secrets
import sys
from pathlib import Path
from urllib.parse import urlsplit

from moorage.tls import ensure_certificates

SECRETS = Path("/secrets")
TLS = Path("/tls")


def main(url: str) -> None:
    """Leave everything in its place; what is there already stays."""
    for name in ("admin-password", "database-password", "store-password"):
        keep(SECRETS / name, secrets.token_urlsafe(24))
    password = (SECRETS / "database-password").read_text()
    keep(SECRETS / "database-url", f"postgresql://moorage:{password}@database/moorage")
    ensure_certificates(TLS, [urlsplit(url).hostname or "localhost"])


def keep(path: Path, text: str) -> None:
    """Write a file whole, unless it is there; each service reads it under an account of its own."""
    if path.exists():
        return
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.chmod(0o444)
    fresh.replace(path)


if __name__ == "__main__":
    main(sys.argv[1])
