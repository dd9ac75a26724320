"""What rules of retention go by: when an image was last pulled, and what its label says."""

import json

import pytest

from moorage.app.services import SYSTEM, Services
from moorage.domain.digest import Digest
from moorage.domain.manifest import OCI_CONFIG, OCI_MANIFEST
from moorage.domain.name import Tag, parse_repository
from moorage.domain.retention import LABEL, Of, Rule
from tests.distribution.conversation import Conversation


async def said(services: Services, rule: Rule) -> dict[str, str]:
    """Return what a preview of a rule says of each tag."""
    made = await services.keeping.retention.create(SYSTEM, "dmc", "rule", rule)
    rows = [row async for row in await services.keeping.retention.preview(SYSTEM, "dmc", made.id)]
    return {str(row.decision.tag): row.decision.reason for row in rows}


@pytest.mark.parametrize(
    ("method", "by_digest", "counts"),
    [("GET", False, True), ("GET", True, True), ("HEAD", True, True), ("HEAD", False, False)],
)
async def test_a_pull_counts_and_a_look_at_a_tag_does_not(
    talk: Conversation, services: Services, method: str, *, by_digest: bool, counts: bool
) -> None:
    digest = await talk.push_image("v1", b"layer")
    await talk.ask(method, f"manifests/{digest if by_digest else 'v1'}")
    assert "not pulled yet" in (await said(services, Rule(pulled_days=90)))["v1"]
    await services.keeping.image_pulls.flush()
    assert ("not pulled yet" not in (await said(services, Rule(pulled_days=90)))["v1"]) is counts


async def test_who_pulled_an_image_last_is_known_before_it_is_deleted(talk: Conversation, services: Services) -> None:
    digest = await talk.push_image("v1", b"layer")
    repository = parse_repository(talk.repository)
    for tags, digests in (((Tag("v1"),), ()), ((), (digest,)), ((), None)):
        assert (await services.catalog.outlook(SYSTEM, repository, digests, tags)).pulled is None
    await talk.ask("GET", "manifests/v1")
    await services.keeping.image_pulls.flush()
    for tags, digests in (((Tag("v1"),), ()), ((), (digest,)), ((), None)):
        pulled = (await services.catalog.outlook(SYSTEM, repository, digests, tags)).pulled
        assert pulled is not None
        assert pulled.by == "admin"


async def push_labelled(talk: Conversation, tag: str, label: object, annotation: str | None = None) -> Digest:
    config = json.dumps({"os": "linux", "architecture": tag, "config": {"Labels": label}}).encode()
    digest = await talk.push_blob(config)
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": digest, "size": len(config)},
        "layers": [],
        "annotations": {} if annotation is None else {LABEL: annotation},
    }
    answer = await talk.ask("PUT", f"manifests/{tag}", json.dumps(document).encode(), content_type=OCI_MANIFEST)
    assert answer.status_code == 201, answer.text
    return Digest(answer.headers["docker-content-digest"])


async def test_an_image_says_by_label_or_annotation_how_long_it_is_good_for(
    talk: Conversation, services: Services
) -> None:
    await push_labelled(talk, "label", {LABEL: "7d"})
    await push_labelled(talk, "annotation", {}, "12h")
    await push_labelled(talk, "wrong", {LABEL: "soon"})
    await push_labelled(talk, "odd", [LABEL])
    found = await said(services, Rule(of=Of.LABELLED))
    assert found["label"].endswith("ends in 6 days")
    assert found["annotation"].endswith("ends in 11 hours")
    assert found["wrong"] == found["odd"] == "no rule is about it"
