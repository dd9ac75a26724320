"""What the chart's pods run, really run: three of them, on PostgreSQL and a bucket."""

from collections.abc import Iterator

import pytest

from tests.clients.deploy.charts import LEAST, Helm, objects
from tests.clients.deploy.conftest import Composed
from tests.clients.deploy.pods import Pod, pods
from tests.clients.programs import PATH, Program
from tests.clients.servers import PASSWORD
from tests.process.client import digest_of, manifest

LAYER = b"a layer in two pieces" * 1000


@pytest.fixture(scope="module")
def three(
    docker: Program, composed: Composed, image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Pod]]:
    """Pods on the database server and the store of compose.yaml, on a database and in a prefix of their own."""
    folder = tmp_path_factory.mktemp("pods")

    def secret(name: str) -> str:
        return composed.compose("exec", "-T", "moorage", "cat", f"/secrets/{name}")

    url = secret("database-url")
    composed.compose("exec", "-T", "moorage", "python3", "-c", CREATE, url)
    repository, _, tag = image.partition(":")
    store = {"endpoint": "http://store:7070", "accessKeyId": "moorage", "secretAccessKey": secret("store-password")}
    values = LEAST | {
        "image": {"repository": repository, "tag": tag},
        "database": {"url": url.replace("/moorage", "/pods").replace("//pods", "//moorage")},
        "storage": {"url": "s3://moorage/pods", **store},
        "admin": {"password": PASSWORD},
        "directories": {"toml": ""},
        "workers": 2,
    }
    made = objects(Helm(Program("helm", {"PATH": PATH, "HOME": str(folder)}), folder).template(values))
    with pods(docker, "moorage_default", made, folder) as running:
        for pod in running:
            pod.await_ready()
        yield running


CREATE = """
import psycopg, sys
psycopg.connect(sys.argv[1], autocommit=True).execute("CREATE DATABASE pods")
"""


def test_they_are_one_moorage_and_end_in_good_order(three: list[Pod]) -> None:
    first, second, third = (pod.client("dmc/app", PASSWORD) for pod in three)
    with first, second, third:
        first.create()
        assert first.push_blob(b"{}")
        location = first.begin()
        half = len(LAYER) // 2
        assert second.append(location, 0, LAYER[:half]).status == 202
        assert third.append(location, half, LAYER[half:]).status == 202
        assert first.finish(location, digest_of(LAYER)).status == 201
        assert second.put("latest", manifest(LAYER)).status == 201
        assert {client.pull("latest") for client in (first, second, third)} == {manifest(LAYER)}
    assert [pod.probe("livenessProbe") for pod in three] == [200, 200, 200]
    assert [pod.probe("startupProbe") for pod in three] == [200, 200, 200]
    assert [pod.stop() for pod in three] == [0, 0, 0]
