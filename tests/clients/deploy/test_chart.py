"""The Helm chart: what it makes of its values, whether Kubernetes would take it, and that Moorage itself keeps it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.clients.deploy.charts import CHART, LEAST, Helm, objects, written
from tests.clients.programs import PATH, Program
from tests.clients.servers import Server

# Kubernetes' own schemas, which the program brings along: the newest, and an older one.
KUBERNETES = ("1.30", "1.27")

OWN_SECRET = {
    "externalUrl": "https://proget.example.org",
    "image": {"repository": "proget/dmc/moorage"},
    "storage": {"url": "s3://images/moorage", "endpoint": "https://s3.example.org"},
    "existingSecret": "ours",
}
EVERYTHING = LEAST | {
    "replicas": 5,
    "workers": 2,
    "image": {"repository": "proget/dmc/moorage", "tag": "0.1.0", "pullSecrets": ["puller"]},
    "admin": {"password": "correct horse"},
    "directories": {"toml": '[directories.office]\ntype = "ldap"\n'},
    "settings": {"log_level": "debug", "lease": 86_400_000},
    "trustedProxies": ["10.0.0.0/8", "fd00::/8"],
    "podAnnotations": {"note": "a"},
    "podLabels": {"team": "a"},
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "a", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "priorityClassName": "high",
    "extraEnv": [{"name": "SSL_CERT_FILE", "value": "/ca/ca.crt"}],
    "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
    "extraVolumeMounts": [{"name": "ca", "mountPath": "/ca"}],
}
OWN_TLS = OWN_SECRET | {
    "externalUrl": "https://proget.example.org:8443",
    "ingress": {"enabled": False},
    "tls": {"existingSecret": "certificate"},
    "service": {"type": "LoadBalancer", "annotations": {"a": "b"}},
    "directories": {"existingSecret": "directories"},
}
WAYS = {"least": LEAST, "own secret": OWN_SECRET, "everything": EVERYTHING, "own TLS": OWN_TLS}

REFUSED = {
    "externalUrl is needed": {"externalUrl": ""},
    "image.repository is needed": {"image": {"repository": ""}},
    "storage.url is needed": {"storage": {"url": ""}},
    "database.url is needed": {"database": {"url": ""}},
    "storage.secretAccessKey are needed": {"storage": LEAST["storage"] | {"secretAccessKey": ""}},
    "existingSecret holds all secrets": {"existingSecret": "ours"},
    "keep one of them": {"directories": {"toml": "a", "existingSecret": "b"}},
    "set ingress.enabled to false": {"tls": {"existingSecret": "certificate"}},
    "leave the port out of externalUrl": {"externalUrl": "https://proget:8443"},
    "replicas": {"replicas": "three"},
    "replica ": {"replica ": 3},
    "externalUrl": {"externalUrl": "proget"},
    "storage/url": {"storage": {"url": "file:///srv"}},
    "trustedProxies": {"trustedProxies": ["proxy.example.org"]},
    "database_url": {"settings": {"database_url": "x"}},
    "pullPolicy": {"image": {"repository": "a", "pullPolicy": "Sometimes"}},
}


@pytest.fixture
def helm(tmp_path: Path) -> Helm:
    return Helm(Program("helm", {"PATH": PATH, "HOME": str(tmp_path)}), tmp_path)


@pytest.mark.parametrize("values", WAYS.values(), ids=WAYS)
def test_kubernetes_would_take_what_it_makes(helm: Helm, tmp_path: Path, values: dict[str, Any]) -> None:
    helm.program("lint", "--strict", CHART, "--values", written(tmp_path, values))
    (tmp_path / "made.yaml").write_text(helm.template(values))
    validate = Program("kubectl-validate", {"PATH": PATH})
    for version in KUBERNETES:
        validate("--version", version, tmp_path / "made.yaml")


def test_what_kubernetes_would_not_take_is_seen(helm: Helm, tmp_path: Path) -> None:
    (tmp_path / "made.yaml").write_text(helm.template(LEAST).replace("maxSkew", "maxSkw"))
    Program("kubectl-validate", {"PATH": PATH}).refused("--version", KUBERNETES[0], tmp_path / "made.yaml")


@pytest.mark.parametrize(("said", "change"), REFUSED.items())
def test_a_wrong_value_is_refused_and_named(helm: Helm, said: str, change: dict[str, Any]) -> None:
    assert said.strip() in helm.refused(LEAST | change)


def test_secrets_are_in_secrets_alone(helm: Helm) -> None:
    canaries = ("canary-password", "canary-secret", "canary-admin", "canary-directory")
    values = LEAST | {
        "database": {"url": f"postgresql://moorage:{canaries[0]}@db/moorage"},
        "storage": LEAST["storage"] | {"secretAccessKey": canaries[1]},
        "admin": {"password": canaries[2]},
        "directories": {"toml": canaries[3]},
    }
    for made in objects(helm.template(values)):
        assert (made["kind"] == "Secret") == any(canary in yaml.safe_dump(made) for canary in canaries), made["kind"]


def test_a_stopping_pod_has_longer_than_its_server_takes(helm: Helm) -> None:
    for seconds in (0, 30, 600):
        pod = deployment(helm.template(LEAST | {"drainSeconds": seconds}))["spec"]["template"]["spec"]
        variables = {row["name"]: row.get("value") for row in pod["containers"][0]["env"]}
        pause = int(pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
        assert variables["MOORAGE_DRAIN"] == str(seconds)
        assert pod["terminationGracePeriodSeconds"] >= pause + seconds + 10


def test_one_server_can_be_moved_from_a_node(helm: Helm) -> None:
    kinds = [made["kind"] for made in objects(helm.template(LEAST | {"replicas": 1}))]
    assert "PodDisruptionBudget" not in kinds
    assert "PodDisruptionBudget" in [made["kind"] for made in objects(helm.template(LEAST))]


def test_prometheus_is_told_where_the_numbers_are(helm: Helm) -> None:
    values = OWN_TLS | {"serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}}}
    (monitor,) = [made for made in objects(helm.template(values)) if made["kind"] == "ServiceMonitor"]
    (service,) = [made for made in objects(helm.template(values)) if made["kind"] == "Service"]
    (endpoint,) = monitor["spec"]["endpoints"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert [endpoint["port"]] == [port["name"] for port in service["spec"]["ports"]]
    assert (endpoint["scheme"], endpoint["tlsConfig"]) == ("https", {"serverName": "proget.example.org"})


@pytest.mark.one_server
def test_moorage_keeps_its_own_chart(program: Callable[..., Program], server: Server, tmp_path: Path) -> None:
    helm = Helm(program("helm"), tmp_path)
    login = ("--username", server.user, "--password-stdin")
    helm.program("registry", "login", server.https, *login, stdin=server.password)
    helm.program("package", "--destination", tmp_path, CHART)
    (archive,) = tmp_path.glob("moorage-*.tgz")
    helm.program("push", archive, f"oci://{server.https}/dmc/charts")
    (tmp_path / "back").mkdir()
    reference = f"oci://{server.https}/dmc/charts/moorage"
    helm.program("pull", reference, "--destination", tmp_path / "back")
    assert (tmp_path / "back" / archive.name).read_bytes() == archive.read_bytes()
    assert helm.template(LEAST, reference) == helm.template(LEAST)


def deployment(text: str) -> dict[str, Any]:
    """Return the Deployment among what the chart makes."""
    (found,) = [made for made in objects(text) if made["kind"] == "Deployment"]
    return found
