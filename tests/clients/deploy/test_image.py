"""The image of Moorage: what it runs as, what it needs, and that it ends in good order."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.deploy.conftest import trusted
from tests.clients.images import dockerfile
from tests.clients.programs import Program
from tests.clients.servers import ADDRESS, PASSWORD, free_port

TIGHT = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")


@pytest.fixture(scope="module")
def host(docker: Program, image: str, name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Moorage in a container named moorage, as docs/deploy.md starts it, but held as tightly as can be."""
    host = f"{name}:{free_port(ADDRESS)}"
    port = host.replace(name, ADDRESS)
    settings = {"ADMIN_PASSWORD": PASSWORD, "HOST_NAMES": name, "WORKERS": "2"}
    variables = [word for key, value in settings.items() for word in ("--env", f"MOORAGE_{key}={value}")]
    docker("network", "create", "alone")
    start = ("--detach", "--name", "moorage", "--network", "alone", "--publish", f"{port}:5443")
    try:
        docker("run", *start, *variables, "--volume", "moorage:/data", *TIGHT, image)
        docker("exec", "moorage", "python3", "-c", AWAIT)
        authority = docker("exec", "moorage", "cat", "/data/tls/ca.crt")
        with trusted(host, authority, tmp_path_factory.mktemp("alone")):
            yield host
    finally:
        docker("rm", "--force", "moorage")
        docker("volume", "rm", "moorage")
        docker("network", "rm", "alone")


AWAIT = """
import time, urllib.request
for _ in range(600):
    try:
        urllib.request.urlopen("http://127.0.0.1:5080/readyz")
        break
    except OSError:
        time.sleep(0.1)
else:
    raise SystemExit("it does not answer")
"""


def test_what_was_pushed_outlives_the_container(docker: Program, host: str, tmp_path: Path) -> None:
    reference = f"{host}/dmc/ubuntu:trusty"
    docker("login", host, "--username", "admin", "--password-stdin", stdin=PASSWORD)
    docker("build", "--tag", reference, dockerfile(tmp_path / "ubuntu", layers=2))
    docker("push", reference)
    made = docker("image", "inspect", "--format", "{{.Id}}", reference)
    docker("image", "rm", reference)
    docker("stop", "--time", "45", "moorage")
    assert docker("inspect", "--format", "{{.State.ExitCode}}", "moorage") == "0"
    docker("start", "moorage")
    docker("exec", "moorage", "python3", "-c", AWAIT)
    docker("pull", reference)
    assert docker("image", "inspect", "--format", "{{.Id}}", reference) == made


def test_nobody_in_it_is_root(docker: Program, host: str) -> None:
    assert host
    users = docker("exec", "moorage", "python3", "-c", "import os; print(os.getuid(), os.getgid())")
    assert users == "10001 10001"
    processes = docker("top", "moorage", "-eo", "pid,uid").split()[3::2]
    assert len(processes) > 2
    assert set(processes) == {"10001"}


def test_both_drivers_are_in_it(docker: Program, image: str) -> None:
    found = docker("run", "--rm", "--entrypoint", "python3", image, "-c", "import psycopg_pool, aiohttp, moorage")
    assert found == ""


def test_nothing_in_it_is_of_the_tests_or_the_build(docker: Program, image: str) -> None:
    listed = docker("run", "--rm", "--entrypoint", "python3", image, "-c", LIST)
    assert set(json.loads(listed)) & {"hatchling", "pytest", "uv"} == set()


LIST = """
import importlib.metadata, json
print(json.dumps([found.name for found in importlib.metadata.distributions()]))
"""
