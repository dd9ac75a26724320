"""The OCI conformance program, over TLS and with credentials."""

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.clients.programs import Program
from tests.clients.servers import Server

# What the specification lets a registry choose, and why we chose so.
SKIPPED = {
    f"OCI Conformance Test/{algorithm} blobs/mount anonymous/blob-mount-anonymous": (
        "A mount that names no source would say whether anybody on the server has the blob: the bytes are sent instead."
    )
    for algorithm in ("sha256", "sha512")
}
STATUSES = ("passed", "skipped", "failure", "error")
OPTIONS = {
    "OCI_API_BLOBS_UPLOAD_CANCEL": "true",
    "OCI_API_BLOBS_DIGEST_HEADER": "true",
    "OCI_API_MANIFESTS_DIGEST_HEADER": "true",
    "OCI_API_MANIFESTS_TAG_PARAM": "true",
    # A token for the target alone can't read a mount's source: each request asks for the token it needs.
    "OCI_CACHE_AUTH": "false",
}


@pytest.mark.parametrize("version", ["1.1", "dev"])
def test_nothing_fails_and_what_is_skipped_has_a_reason(
    program: Callable[..., Program], server: Server, tmp_path: Path, version: str
) -> None:
    address = {
        "OCI_REGISTRY": server.https,
        "OCI_TLS": "enabled",
        "OCI_REPO1": f"conformance/first-{version}",
        "OCI_REPO2": f"conformance/second-{version}",
        "OCI_USERNAME": server.user,
        "OCI_PASSWORD": server.password,
    }
    conformance = program("conformance", **address, **OPTIONS, OCI_VERSION=version, OCI_RESULTS_DIR=str(tmp_path))
    said = conformance.run()
    cases = list(ET.parse(tmp_path / "junit.xml").iter("testcase"))  # noqa: S314  written by the program just now
    names = {status: {case.get("name") for case in cases if case.get("status") == status} for status in STATUSES}
    assert names["failure"] | names["error"] == set(), said.stderr
    assert names["skipped"] - SKIPPED.keys() == set()
    assert len(cases) > 500
    assert said.returncode == 0, said.stdout + said.stderr
