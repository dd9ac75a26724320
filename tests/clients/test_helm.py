"""helm: charts as images."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.programs import Program
from tests.clients.servers import Server

VERSION = "1.2.3+build.4"


@pytest.fixture
def helm(program: Callable[..., Program], server: Server) -> Program:
    """A person who is signed in."""
    helm = program("helm")
    helm("registry", "login", server.https, "--username", server.user, "--password-stdin", stdin=server.password)
    return helm


def test_a_chart_whose_version_has_a_plus_comes_back(helm: Program, server: Server, tmp_path: Path) -> None:
    helm("create", tmp_path / "sail")
    helm("package", "--version", VERSION, "--destination", tmp_path, tmp_path / "sail")
    chart = tmp_path / f"sail-{VERSION}.tgz"
    helm("push", chart, f"oci://{server.https}/charts/team")
    (tmp_path / "back").mkdir()
    helm("pull", f"oci://{server.https}/charts/team/sail", "--version", VERSION, "--destination", tmp_path / "back")
    assert (tmp_path / "back" / chart.name).read_bytes() == chart.read_bytes()
    assert f"version: {VERSION}" in helm(
        "show", "chart", f"oci://{server.https}/charts/team/sail", "--version", VERSION
    )


def test_the_newest_chart_is_found_by_its_tags(helm: Program, server: Server, tmp_path: Path) -> None:
    helm("create", tmp_path / "oar")
    for version in ("0.9.0", "0.10.0"):
        helm("package", "--version", version, "--destination", tmp_path, tmp_path / "oar")
        helm("push", tmp_path / f"oar-{version}.tgz", f"oci://{server.https}/charts")
    assert "version: 0.10.0" in helm("show", "chart", f"oci://{server.https}/charts/oar")
