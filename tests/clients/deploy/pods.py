"""Pods without a cluster: what a rendered Deployment says is run, as a node would run it, by Docker."""

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.clients.programs import Program
from tests.process.client import Client
from tests.process.server import every

PROBE_SECONDS = 180


@dataclass(frozen=True, slots=True)
class Pod:
    """A container that runs, the address it has, and what the Deployment says of it."""

    docker: Program
    name: str
    address: str
    spec: Mapping[str, Any]

    @property
    def container(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.spec["containers"][0]
        return found

    def client(self, repository: str, password: str) -> Client:
        """Return somebody who talks to this pod, as admin."""
        return Client(self.address, self.container["ports"][0]["containerPort"], repository, ("admin", password))

    def probe(self, name: str) -> int:
        """Ask as a probe of the container does; return the status."""
        with self.client("", "") as client:
            client.connection.request("GET", self.container[name]["httpGet"]["path"])
            return client.answer().status

    def await_ready(self) -> None:
        """Return when the readiness probe says so."""
        for _ in every(PROBE_SECONDS, 0.1):
            assert self.docker("inspect", "--format", "{{.State.Running}}", self.name) == "true", self.log()
            with contextlib.suppress(OSError):
                if self.probe("readinessProbe") == 200:
                    return

    def log(self) -> str:
        """Return what it said."""
        done = self.docker.run("logs", self.name)
        return done.stdout + done.stderr

    def stop(self) -> int:
        """End it as a node does, pause and all; return its exit code."""
        pause = self.container["lifecycle"]["preStop"]["exec"]["command"]
        self.docker("exec", self.name, *pause)
        left = self.spec["terminationGracePeriodSeconds"] - int(pause[1])
        self.docker("stop", "--time", str(left), self.name)
        return int(self.docker("inspect", "--format", "{{.State.ExitCode}}", self.name))


@contextlib.contextmanager
def pods(docker: Program, network: str, made: Iterable[Mapping[str, Any]], folder: Path) -> Iterator[list[Pod]]:
    """Run all replicas of the Deployment among the objects made, with the Secrets among them."""
    by_kind: dict[str, list[Mapping[str, Any]]] = {}
    for found in made:
        by_kind.setdefault(found["kind"], []).append(found)
    secrets = {secret["metadata"]["name"]: secret["stringData"] for secret in by_kind["Secret"]}
    (deployment,) = by_kind["Deployment"]
    spec = deployment["spec"]["template"]["spec"]
    words = [*_held(spec), *_variables(spec, secrets)]
    container = spec["containers"][0]
    running = [f"pod-{number}" for number in range(deployment["spec"]["replicas"])]
    try:
        for name in running:
            named = ("--name", name, "--network", network)
            mounts = _mounts(spec, secrets, folder / name)
            docker("run", "--detach", *named, *words, *mounts, container["image"], *container["args"])
        address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        yield [Pod(docker, name, docker("inspect", "--format", address, name), spec) for name in running]
    finally:
        docker("rm", "--force", *running)


def _held(spec: Mapping[str, Any]) -> Iterator[str]:
    pod, container = spec["securityContext"], spec["containers"][0]["securityContext"]
    assert pod["runAsNonRoot"]
    yield from ("--user", f"{pod['runAsUser']}:{pod['runAsGroup']}", "--group-add", str(pod["fsGroup"]))
    yield from ("--memory", spec["containers"][0]["resources"]["limits"]["memory"].removesuffix("i").lower())
    if container["readOnlyRootFilesystem"]:
        yield "--read-only"
    if not container["allowPrivilegeEscalation"]:
        yield from ("--security-opt", "no-new-privileges")
    for capability in container["capabilities"]["drop"]:
        yield from ("--cap-drop", capability)


def _variables(spec: Mapping[str, Any], secrets: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for row in spec["containers"][0]["env"]:
        value = row.get("value")
        if value is None:
            wanted = row["valueFrom"]["secretKeyRef"]
            value = secrets[wanted["name"]].get(wanted["key"])
            assert value is not None or wanted["optional"]
        if value is not None:
            yield from ("--env", f"{row['name']}={value}")


def _mounts(spec: Mapping[str, Any], secrets: Mapping[str, Mapping[str, str]], folder: Path) -> Iterator[str]:
    group, container = spec["securityContext"]["fsGroup"], spec["containers"][0]
    read_only = {mount["name"]: mount.get("readOnly", False) for mount in container["volumeMounts"]}
    places = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    for volume in spec["volumes"]:
        name, secret = volume["name"], volume.get("secret")
        (folder / name).mkdir(parents=True)
        for key, text in secrets[secret["secretName"]].items() if secret else ():
            (folder / name / key).write_text(text)
            os.chown(folder / name / key, 0, group)
            (folder / name / key).chmod(secret["defaultMode"])
        os.chown(folder / name, 0, group)
        (folder / name).chmod(0o2777)
        yield from ("--volume", f"{folder / name}:{places[name]}:{'ro' if read_only[name] else 'rw'}")
