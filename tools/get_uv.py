"""Fetch the uv that uv.lock pins, with nothing but Python's standard library.

    uv.lock ──▶ url and sha256 of uv's wheel for this machine ──▶ verified ──▶ .uv/bin/uv

Run in the project's folder. A fresh Debian has neither pip nor venv; uv needs neither, and makes .venv from the same
lock.
"""

import hashlib
import io
import os
import platform
import ssl
import subprocess
import sys
import tomllib
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

UV = Path(".uv/bin/uv")
SECONDS = 60
TRIES = 3


def main() -> None:
    """Leave the pinned uv at .uv/bin/uv, or say in one line why not."""
    pinned = _pinned(Path("uv.lock"))
    if _version() != pinned["version"]:
        wheel = _wheel(pinned["wheels"])
        _install(_download(wheel["url"], wheel["hash"].removeprefix("sha256:")))
    UV.touch()


def _pinned(lock: Path) -> dict[str, Any]:
    packages: list[dict[str, Any]] = tomllib.loads(lock.read_text(encoding="utf-8"))["package"]
    return next(package for package in packages if package["name"] == "uv")


def _version() -> str | None:
    if not UV.exists():
        return None
    try:
        answer = subprocess.run([UV, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.split()[1]


def _wheel(wheels: list[dict[str, str]]) -> dict[str, str]:
    system, machine = platform.system(), platform.machine().lower()
    families = {"Linux": "musllinux" if _is_musl() else "manylinux", "Darwin": "macosx"}
    machines = {"amd64": "x86_64"}
    if system == "Linux":
        machines["arm64"] = "aarch64"
    family, machine = families.get(system, ""), machines.get(machine, machine)
    for wheel in wheels:
        # uv-0.13.8-py3-none-manylinux_2_17_aarch64.musllinux_1_1_aarch64.whl: the tags stand behind the last dash.
        tags = wheel["url"].removesuffix(".whl").rpartition("-")[2].split(".")
        if any(family and tag.startswith(family) and tag.endswith("_" + machine) for tag in tags):
            return wheel
    sys.exit(f"uv.lock has no uv for {system} on {machine}.")


def _is_musl() -> bool:
    return platform.libc_ver()[0] != "glibc" and any(Path("/lib").glob("ld-musl-*"))


def _download(url: str, sha256: str) -> bytes:
    print(f"Fetching {url.rpartition('/')[2]}", flush=True)
    # The hash decides what is trusted, not the connection: a bare Debian has no list of authorities to check it by.
    unchecked = ssl.create_default_context()
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    failure = ""
    for _ in range(TRIES):
        try:
            with urllib.request.urlopen(url, timeout=SECONDS, context=unchecked) as answer:  # noqa: S310  https, from uv.lock
                found: bytes = answer.read()
        except OSError as error:
            failure = str(error)
            continue
        if hashlib.sha256(found).hexdigest() == sha256:
            return found
        failure = "its SHA-256 is not the one in uv.lock"
    sys.exit(f"Can't fetch {url}: {failure}.")


def _install(wheel: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(wheel)) as files:
        name = next(name for name in files.namelist() if name.endswith(".data/scripts/uv"))
        binary = files.read(name)
    UV.parent.mkdir(parents=True, exist_ok=True)
    fresh = UV.with_name(f"uv.{os.getpid()}")
    fresh.write_bytes(binary)
    fresh.chmod(0o755)
    fresh.replace(UV)


if __name__ == "__main__":
    main()
