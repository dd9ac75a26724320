"""`docker compose up`: several servers, PostgreSQL, a bucket and a balancer, started by one command.

Run for real: Docker's containers, networks, names and volumes, and Moorage's own image. The images of others are stood
in for by this machine's programs (stand_ins.py), since there is nowhere to pull them from.
"""

import ssl
import urllib.error
import urllib.request
from pathlib import Path

from tests.clients.deploy.conftest import Composed
from tests.clients.images import dockerfile
from tests.clients.programs import Program

REQUESTS = 60


def sign_in(docker: Program, composed: Composed) -> None:
    """Sign in with the password that nobody has seen."""
    password = composed.compose("exec", "-T", "moorage", "cat", "/secrets/admin-password")
    docker("login", composed.host, "--username", "admin", "--password-stdin", stdin=password)


def servers(composed: Composed) -> set[str]:
    """Return the servers that answered a request for `/v2/`."""
    logs = composed.compose("logs", "--no-color", "moorage")
    return {line.split()[0] for line in logs.splitlines() if '"path":"/v2/"' in line}


def test_what_was_pushed_outlives_all_containers(docker: Program, composed: Composed, tmp_path: Path) -> None:
    sign_in(docker, composed)
    reference = f"{composed.host}/dmc/ubuntu:trusty"
    docker("build", "--tag", reference, dockerfile(tmp_path / "ubuntu", layers=3, size=3_000_000))
    docker("push", reference)
    made = docker("image", "inspect", "--format", "{{.Id}}", reference)
    docker("image", "rm", reference)
    composed.compose("stop", "moorage")
    ended = composed.compose("ps", "--all", "--format", "{{.ExitCode}}", "moorage").split()
    assert ended == ["0", "0", "0"]
    composed.compose("down")
    composed.compose("up", "--detach", "--wait")
    docker("pull", reference)
    assert docker("image", "inspect", "--format", "{{.Id}}", reference) == made


def test_every_server_gets_requests_also_those_added_later(composed: Composed) -> None:
    composed.compose("up", "--detach", "--wait", "--no-recreate", "--scale", "moorage=5")
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    ask = urllib.request.Request(f"https://{composed.host}/v2/")
    for _ in range(REQUESTS):
        try:
            urllib.request.urlopen(ask, context=unchecked).close()
        except urllib.error.HTTPError as error:
            error.close()
    assert len(servers(composed)) == 5


def test_clients_can_fetch_the_authority(composed: Composed) -> None:
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    with urllib.request.urlopen(f"https://{composed.host}/ca.crt", context=unchecked) as answer:
        fetched = answer.read().decode()
    assert fetched.strip() == composed.compose("exec", "-T", "balancer", "cat", "/tls/ca.crt")


def test_servers_are_not_reached_but_through_the_balancer(composed: Composed) -> None:
    ports = "{{.Service}}{{range .Publishers}} {{.PublishedPort}}{{end}}"
    published = [line.split() for line in composed.compose("ps", "--format", ports).splitlines()]
    assert {service for service, *found in published if set(found) - {"0"}} == {"balancer"}
