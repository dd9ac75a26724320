"""What docs/ci.md lets people copy fits together, and fits the tokens that the platforms sign."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

import certifi
import pytest

from moorage.auth.oidc_options import TrustOptions
from moorage.directories import read_directories
from moorage.domain.access import Role
from moorage.domain.trust import Rule, fitting
from tests.pipelines import (
    AUDIENCE,
    DOCS,
    GITHUB,
    GITLAB,
    HOST,
    KUBERNETES,
    PLATFORMS,
    Platform,
    blocks,
    pipeline,
    shell,
    trust,
)

CLUSTER_CA = "/etc/moorage/cluster-ca.crt"
OURS, ALL = "dmc/acme/*", "dmc/*"


def read(folder: Path, text: str) -> dict[str, TrustOptions]:
    """Return what the server makes of tables, on a machine that has a certificate of the cluster."""
    file = folder / "directories.toml"
    file.write_text(text.replace(CLUSTER_CA, certifi.where()))
    return dict(read_directories(file, file).trust)


def given(rules: Iterable[Rule], claims: Mapping[str, object]) -> set[tuple[str, Role]]:
    """Return what a token with these claims gets."""
    return {(rule.on, rule.role) for rule in fitting(rules, claims).values()}


@pytest.fixture
def options(tmp_path: Path) -> dict[str, TrustOptions]:
    return read(tmp_path, "\n".join(trust(platform) for platform in PLATFORMS))


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: platform.table)
def test_the_job_asks_for_the_audience_and_names_the_images_of_its_table(
    options: dict[str, TrustOptions], platform: Platform
) -> None:
    found = options[platform.table]
    assert found.audience == AUDIENCE
    assert AUDIENCE in str(pipeline(platform))
    _, script = shell(platform)
    assert f"{HOST}/{OURS.rstrip('*')}app" in script
    assert script.count(HOST) == 3


def test_the_first_table_of_the_document_is_read_as_well(tmp_path: Path) -> None:
    (text,) = blocks("Whom to trust, and for what", "toml")
    assert given(read(tmp_path, text)["github"].rules, GITHUB.claims) == {(OURS, Role.WRITER)}


@pytest.mark.parametrize(
    ("platform", "more", "roles"),
    [
        (GITHUB, {}, {(OURS, Role.WRITER), (ALL, Role.READER)}),
        (GITHUB, {"ref": "refs/heads/patch"}, {(ALL, Role.READER)}),
        (GITHUB, {"ref": "refs/heads/main2"}, {(ALL, Role.READER)}),
        (GITHUB, {"ref": "refs/tags/main"}, {(ALL, Role.READER)}),
        (GITHUB, {"ref": "refs/pull/7/merge", "event_name": "pull_request"}, {(ALL, Role.READER)}),
        (GITHUB, {"repository": "acme/other"}, {(ALL, Role.READER)}),
        (GITHUB, {"repository": "evil/app", "repository_owner": "evil"}, set()),
        (GITHUB, {"repository": "acme-evil/app", "repository_owner": "acme-evil"}, set()),
        (GITLAB, {}, {(OURS, Role.WRITER)}),
        (GITLAB, {"ref_protected": "false"}, set()),
        (GITLAB, {"project_path": "acme/app2", "project_id": "21"}, set()),
        (GITLAB, {"project_path": "evil/acme/app"}, set()),
        (KUBERNETES, {}, {(OURS, Role.WRITER)}),
        (KUBERNETES, {"sub": "system:serviceaccount:ci:default"}, set()),
        (KUBERNETES, {"sub": "system:serviceaccount:evil:builder"}, set()),
    ],
)
def test_the_rules_give_a_job_what_the_document_says(
    options: dict[str, TrustOptions], platform: Platform, more: dict[str, str], roles: set[tuple[str, Role]]
) -> None:
    assert given(options[platform.table].rules, {**platform.claims, **more}) == roles


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: platform.table)
def test_no_rule_of_one_platform_fits_the_tokens_of_another(
    options: dict[str, TrustOptions], platform: Platform
) -> None:
    for other in PLATFORMS:
        fits = bool(fitting(options[platform.table].rules, other.claims))
        assert fits is (other is platform)


@pytest.mark.parametrize("platform", PLATFORMS[:2], ids=lambda platform: platform.table)
def test_the_claims_that_are_called_useful_are_there(platform: Platform) -> None:
    chapter = DOCS.read_text("utf-8").partition(f"\n## {platform.chapter}\n")[2]
    useful = chapter.partition("Useful claims:")[2].partition(".")[0].split("`")[1::2]
    # A job has the claim `environment` if it is for one.
    assert set(useful) - {"environment"} <= platform.claims.keys()
    assert len(useful) > 5


def test_a_job_of_github_may_ask_for_its_token_and_a_pod_is_who_the_rule_names() -> None:
    assert pipeline(GITHUB)["permissions"]["id-token"] == "write"
    ((name, wanted),) = pipeline(GITLAB)["image"]["id_tokens"].items()
    assert f'"${name}"' in shell(GITLAB)[1]
    assert wanted == {"aud": AUDIENCE}
    pod = pipeline(KUBERNETES)
    (rule,) = tomllib.loads(trust(KUBERNETES))["trust"]["cluster"]["rules"]
    account = pod["spec"]["serviceAccountName"]
    assert rule["claims"]["sub"] == f"system:serviceaccount:{pod['metadata']['namespace']}:{account}"
