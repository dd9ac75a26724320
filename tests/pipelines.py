"""What docs/ci.md tells people to copy, and what the platforms' tokens say of the jobs that copied it."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DOCS = Path(__file__).parent.parent / "docs" / "ci.md"
HOST = "proget.example.org:5443"
AUDIENCE = "https://proget.example.org"
SHA = "6dcb09b5b57875f334f61aebed695e2e4193db5e"


@dataclass(frozen=True)
class Platform:
    """A chapter of the document, the table in it, and a token of a job or pod that it is written for.

    Header and claims have the shape that the platform documents; who issues, for whom and when is left out.
    """

    chapter: str
    table: str
    header: Mapping[str, object]
    claims: Mapping[str, object]


# https://docs.github.com/en/actions/reference/security/oidc
GITHUB = Platform(
    "GitHub Actions",
    "github",
    {"typ": "JWT", "alg": "RS256", "x5t": "eW91ciBjZXJ0aWZpY2F0ZQ"},
    {
        "jti": "example-id",
        "sub": "repo:acme/app:ref:refs/heads/main",
        "ref": "refs/heads/main",
        "sha": SHA,
        "repository": "acme/app",
        "repository_owner": "acme",
        "actor_id": "12",
        "repository_visibility": "private",
        "repository_id": "74",
        "repository_owner_id": "65",
        "run_id": "9",
        "run_number": "10",
        "run_attempt": "2",
        "runner_environment": "github-hosted",
        "actor": "mara",
        "workflow": "image",
        "head_ref": "",
        "base_ref": "",
        "event_name": "push",
        "ref_type": "branch",
        "job_workflow_ref": "acme/app/.github/workflows/image.yml@refs/heads/main",
    },
)
# https://docs.gitlab.com/ci/secrets/id_token_authentication/
GITLAB = Platform(
    "GitLab CI",
    "gitlab",
    {"typ": "JWT", "alg": "RS256"},
    {
        "namespace_id": "72",
        "namespace_path": "acme",
        "project_id": "20",
        "project_path": "acme/app",
        "user_id": "1",
        "user_login": "mara",
        "user_email": "mara@example.org",
        "user_identities": [{"provider": "github", "extern_uid": "2435223452345"}],
        "pipeline_id": "574",
        "pipeline_source": "push",
        "job_id": "302",
        "ref": "main",
        "ref_type": "branch",
        "ref_path": "refs/heads/main",
        "ref_protected": "true",
        "runner_id": 1,
        "runner_environment": "self-hosted",
        "sha": SHA,
        "project_visibility": "private",
        "jti": "235b3a54-b797-45c7-ae9a-f72d7bc6ef5b",
        "sub": "project_path:acme/app:ref_type:branch:ref:main",
    },
)
# https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/
KUBERNETES = Platform(
    "Kubernetes",
    "cluster",
    {"typ": None, "alg": "RS256"},
    {
        "aud": [AUDIENCE],
        "jti": "aed34954-b33a-4142-b1ec-389d6bbb4936",
        "kubernetes.io": {
            "namespace": "ci",
            "node": {"name": "worker", "uid": "646e7c5e-32d6-4d42-9dbd-e504e6cbe6b1"},
            "pod": {"name": "builder", "uid": "5e0bd49b-f040-43b0-99b7-22765a53f7f3"},
            "serviceaccount": {"name": "builder", "uid": "14ee3fa4-a7e2-420f-9f9a-dbc4507c3798"},
        },
        "sub": "system:serviceaccount:ci:builder",
    },
)
PLATFORMS = (GITHUB, GITLAB, KUBERNETES)


def blocks(chapter: str, language: str) -> Iterator[str]:
    """Yield what a chapter shows in a language."""
    _, found, rest = DOCS.read_text("utf-8").partition(f"\n## {chapter}\n")
    assert found, chapter
    text = rest.partition("\n## ")[0]
    yield from re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def pipeline(platform: Platform) -> dict[str, Any]:
    """Return the pipeline, or the pod."""
    (text,) = blocks(platform.chapter, "yaml")
    document: dict[str, Any] = yaml.safe_load(text)
    return document


def trust(platform: Platform) -> str:
    """Return the table of `directories.toml`, as it is written."""
    (text,) = blocks(platform.chapter, "toml")
    assert list(tomllib.loads(text)["trust"]) == [platform.table]
    return text


def shell(platform: Platform) -> tuple[list[str], str]:
    """Return the shell that the platform starts, and what it runs there."""
    document = pipeline(platform)
    if platform is GITHUB:
        steps = document["jobs"]["image"]["steps"]
        # https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax
        return ["bash", "-e", "-c"], "\n".join(step["run"] for step in steps if "run" in step)
    if platform is GITLAB:
        return ["sh", "-e", "-c"], "\n".join(document["image"]["script"])
    (container,) = document["spec"]["containers"]
    return container["command"], container["args"][0]
