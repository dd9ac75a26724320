"""Images and tags over HTTP: stored as they came, once all they name is there."""

import json
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from urllib.parse import quote

import pytest

from moorage.app.services import SYSTEM, Services
from moorage.domain.digest import Algorithm, digest_of
from moorage.domain.manifest import LARGEST, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST
from moorage.domain.name import Repository
from moorage.services.manifests import LARGEST_CONFIG
from tests.distribution.conversation import Conversation, code_of, describe, encode

EMPTY_INDEX = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}


@pytest.mark.parametrize(("how", "status"), [("role", 404), ("account", 401), ("password", 401)])
async def test_an_image_is_not_stored_that_may_not_be_pushed_any_more_when_it_has_come(
    services: Services, talk: Conversation, writer: Conversation, how: str, status: int
) -> None:
    body = encode(EMPTY_INDEX)
    end = {
        "role": lambda: services.registries.set_member(SYSTEM, "dmc", "mara", None),
        "account": lambda: services.accounts.disable(SYSTEM, "mara", disabled=True),
        "password": lambda: services.accounts.set_password(SYSTEM, "mara", "another long password"),
    }

    async def slowly() -> AsyncIterator[bytes]:
        yield body[:10]
        await end[how]()
        yield body[10:]

    answer = await writer.ask("PUT", "manifests/v1", slowly(), content_type=OCI_INDEX)
    assert answer.status_code == status
    assert (await talk.ask("GET", "manifests/v1")).status_code == 404


async def test_an_image_comes_back_byte_for_byte_by_tag_and_by_digest(talk: Conversation) -> None:
    await talk.push_blob(b"{}")
    body = json.dumps({"schemaVersion": 2, "config": describe(b"{}"), "layers": []}, indent=7).encode() + b"\n\n"
    answer = await talk.ask("PUT", "manifests/v1", body, content_type=OCI_MANIFEST)
    assert answer.status_code == 201
    digest = digest_of(body)
    assert answer.headers["location"] == f"/v2/dmc/ubuntu/manifests/{digest}"
    for reference in ("v1", digest):
        got = await talk.ask("GET", f"manifests/{reference}", accept="text/html")
        assert (got.content, got.headers["content-type"]) == (body, OCI_MANIFEST)
        head = await talk.ask("HEAD", f"manifests/{reference}")
        assert head.content == b""
        for name in ("content-length", "content-type", "docker-content-digest", "etag", "last-modified"):
            assert head.headers[name] == got.headers[name]
        assert got.headers["docker-content-digest"] == digest
        parsedate_to_datetime(got.headers["last-modified"])


async def test_what_has_not_changed_is_not_sent_again(talk: Conversation) -> None:
    digest = await talk.push_image("v1")
    answer = await talk.ask("GET", "manifests/v1", if_none_match=f'"{digest}"')
    assert (answer.status_code, answer.content) == (304, b"")


async def test_a_range_of_a_manifest_gets_all_of_it(talk: Conversation) -> None:
    await talk.push_image("v1")
    assert (await talk.ask("GET", "manifests/v1", range="bytes=0-")).status_code == 200


async def test_an_image_without_its_blobs_is_refused_and_says_which(talk: Conversation) -> None:
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": describe(b"nowhere"), "layers": []}
    answer = await talk.ask("PUT", "manifests/v1", encode(document), content_type=OCI_MANIFEST)
    assert (answer.status_code, code_of(answer)) == (404, "MANIFEST_BLOB_UNKNOWN")
    assert answer.json()["errors"][0]["detail"]["missing"] == [digest_of(b"nowhere")]
    assert (await talk.ask("HEAD", "manifests/v1")).status_code == 404


async def test_another_repository_s_blob_does_not_count(talk: Conversation) -> None:
    await Conversation(talk.http, "dmc/debian").push_blob(b"layer")
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": describe(b"layer"), "layers": []}
    answer = await talk.ask("PUT", "manifests/v1", encode(document), content_type=OCI_MANIFEST)
    assert code_of(answer) == "MANIFEST_BLOB_UNKNOWN"


@pytest.mark.parametrize("algorithm", list(Algorithm))
async def test_a_push_by_digest_can_set_many_tags(talk: Conversation, algorithm: Algorithm) -> None:
    body = encode(EMPTY_INDEX)
    digest = digest_of(body, algorithm)
    answer = await talk.ask("PUT", f"manifests/{digest}?tag=a&tag=b", body, content_type=OCI_INDEX)
    assert answer.status_code == 201
    assert answer.headers["docker-content-digest"] == digest
    assert answer.headers.get_list("oci-tag") == ["a", "b"]
    for tag in ("a", "b"):
        assert (await talk.ask("HEAD", f"manifests/{tag}")).headers["docker-content-digest"] == digest


async def test_a_tag_in_the_query_is_as_strict_as_one_in_the_path(talk: Conversation) -> None:
    body = encode(EMPTY_INDEX)
    answer = await talk.ask("PUT", f"manifests/{digest_of(body)}?tag=..bad", body, content_type=OCI_INDEX)
    assert (answer.status_code, code_of(answer)) == (400, "TAG_INVALID")


async def test_a_manifest_under_a_foreign_digest_is_refused(talk: Conversation) -> None:
    answer = await talk.ask("PUT", f"manifests/{digest_of(b'x')}", encode(EMPTY_INDEX), content_type=OCI_INDEX)
    assert (answer.status_code, code_of(answer)) == (400, "DIGEST_INVALID")


async def test_a_sparse_and_nested_index_is_accepted(talk: Conversation) -> None:
    missing = describe(b"not here", OCI_MANIFEST)
    inner = await talk.push_manifest("inner", {**EMPTY_INDEX, "manifests": [missing]})
    size = int((await talk.ask("HEAD", "manifests/inner")).headers["content-length"])
    await talk.push_manifest(
        "outer", {**EMPTY_INDEX, "manifests": [{"mediaType": OCI_INDEX, "digest": inner, "size": size}]}
    )


async def test_a_build_cache_whose_children_are_layers_is_accepted_and_keeps_them(talk: Conversation) -> None:
    layer = await talk.push_blob(b"cached layer")
    await talk.push_manifest("cache", {**EMPTY_INDEX, "manifests": [describe(b"cached layer")]})
    answer = await talk.ask("DELETE", f"blobs/{layer}")
    assert answer.status_code == 409


async def test_foreign_layers_are_named_and_never_needed(talk: Conversation) -> None:
    foreign = {**describe(b"elsewhere"), "urls": ["https://example.com/layer"]}
    await talk.push_image("windows", layers=[foreign])


async def test_a_layer_that_was_pushed_is_kept_also_when_it_lies_elsewhere_too(talk: Conversation) -> None:
    layer = await talk.push_blob(b"here too")
    await talk.push_image("mirrored", layers=[{**describe(b"here too"), "urls": ["https://example.com/layer"]}])
    assert (await talk.ask("DELETE", f"blobs/{layer}")).status_code == 409


async def test_a_config_is_needed_whatever_it_says_of_other_places(talk: Conversation) -> None:
    config = {**describe(b"nowhere"), "urls": ["https://example.com/config"]}
    body = encode({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []})
    answer = await talk.ask("PUT", "manifests/v1", body, content_type=OCI_MANIFEST)
    assert code_of(answer) == "MANIFEST_BLOB_UNKNOWN"


async def test_a_config_larger_than_any_is_not_read(talk: Conversation, services: Services) -> None:
    config = json.dumps({"os": "linux", "architecture": "amd64"}).encode().ljust(LARGEST_CONFIG + 1)
    await talk.push_blob(config)
    lying = {**describe(config, OCI_CONFIG), "size": 10}
    await talk.push_manifest("v1", {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": lying, "layers": []})
    (image,) = (await services.catalog.images(SYSTEM, Repository("dmc", "ubuntu"))).rows
    assert image.platforms == ()


@pytest.mark.parametrize("header", ['"{}"', '"x", "{}"', 'W/"{}"', "*"])
async def test_every_way_to_name_what_one_has_is_understood(talk: Conversation, header: str) -> None:
    await talk.push_blob(b"{}")
    digest = await talk.push_image("v1")
    for path, found in (("manifests/v1", digest), (f"blobs/{digest_of(b'{}')}", digest_of(b"{}"))):
        assert (await talk.ask("GET", path, if_none_match=header.format(found))).status_code == 304


async def test_docker_s_first_schema_is_refused_in_words(talk: Conversation) -> None:
    media_type = "application/vnd.docker.distribution.manifest.v1+prettyjws"
    body = encode({"schemaVersion": 1, "name": "x", "tag": "y", "fsLayers": []})
    answer = await talk.ask("PUT", "manifests/old", body, content_type=media_type)
    assert (answer.status_code, code_of(answer)) == (400, "UNSUPPORTED")
    assert "schema 1" in answer.json()["errors"][0]["message"]


async def test_content_type_and_media_type_must_agree(talk: Conversation) -> None:
    answer = await talk.ask("PUT", "manifests/v1", encode(EMPTY_INDEX), content_type=OCI_MANIFEST)
    assert (answer.status_code, code_of(answer)) == (400, "MANIFEST_INVALID")


async def test_a_body_that_is_image_and_index_at_once_is_refused(talk: Conversation) -> None:
    answer = await talk.ask("PUT", "manifests/v1", encode({**EMPTY_INDEX, "layers": []}), content_type=OCI_INDEX)
    assert code_of(answer) == "MANIFEST_INVALID"


async def test_unknown_media_types_are_stored_and_html_is_not(talk: Conversation) -> None:
    body = b'{"anything":"goes"}'
    answer = await talk.ask("PUT", "manifests/new", body, content_type="application/vnd.tomorrow.v9+json")
    assert answer.status_code == 201
    assert (await talk.ask("GET", "manifests/new")).content == body
    answer = await talk.ask("PUT", "manifests/page", body, content_type="text/html")
    assert code_of(answer) == "MANIFEST_INVALID"


async def test_four_mebibytes_are_accepted_and_a_byte_more_is_not(talk: Conversation) -> None:
    filler = "x" * (LARGEST - len(encode({**EMPTY_INDEX, "annotations": {"x": ""}})))
    body = encode({**EMPTY_INDEX, "annotations": {"x": filler}})
    assert len(body) == LARGEST
    assert (await talk.ask("PUT", "manifests/large", body, content_type=OCI_INDEX)).status_code == 201
    answer = await talk.ask("PUT", "manifests/larger", body + b" ", content_type=OCI_INDEX)
    assert answer.status_code == 413


async def test_a_deleted_tag_leaves_the_others_and_a_deleted_image_takes_all(talk: Conversation) -> None:
    digest = await talk.push_image("one")
    await talk.ask("PUT", "manifests/two", (await talk.ask("GET", "manifests/one")).content, content_type=OCI_MANIFEST)
    assert (await talk.ask("DELETE", "manifests/one")).status_code == 202
    assert (await talk.ask("HEAD", "manifests/two")).status_code == 200
    assert (await talk.ask("DELETE", f"manifests/{digest}")).status_code == 202
    for reference in ("one", "two", digest):
        assert code_of(await talk.ask("GET", f"manifests/{reference}")) == "MANIFEST_UNKNOWN"
        assert (await talk.ask("DELETE", f"manifests/{reference}")).status_code == 404
    assert await talk.push_image("one") == digest
    assert (await talk.ask("HEAD", "manifests/one")).status_code == 200


async def test_referrers_are_listed_filtered_and_never_doubled(talk: Conversation) -> None:
    subject = await talk.push_image("v1", b"layer")
    size = int((await talk.ask("HEAD", "manifests/v1")).headers["content-length"])
    pointer = {"mediaType": OCI_MANIFEST, "digest": subject, "size": size}
    extra = {"artifactType": "application/x.sbom", "annotations": {"who": "me"}, "subject": pointer}
    body = encode({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": describe(b"{}"), "layers": [], **extra})
    sbom = digest_of(body)
    answer = await talk.ask("PUT", f"manifests/{sbom}", body, content_type=OCI_MANIFEST)
    assert answer.headers["oci-subject"] == subject
    left = [describe(body, OCI_MANIFEST), {**describe(b"old signature", OCI_MANIFEST), "artifactType": "old"}]
    await talk.push_manifest(subject.replace(":", "-"), {**EMPTY_INDEX, "manifests": left})

    answer = await talk.ask("GET", f"referrers/{subject}")
    assert answer.headers["content-type"] == OCI_INDEX
    found = {item["digest"]: item for item in answer.json()["manifests"]}
    assert set(found) == {sbom, digest_of(b"old signature")}
    assert len(answer.json()["manifests"]) == 2
    assert found[sbom]["artifactType"] == "application/x.sbom"
    assert found[sbom]["annotations"] == {"who": "me"}

    answer = await talk.ask("GET", f"referrers/{subject}?artifactType=application/x.sbom")
    assert answer.headers["oci-filters-applied"] == "artifactType"
    assert [item["digest"] for item in answer.json()["manifests"]] == [sbom]


async def test_referrers_come_in_pages_that_clients_can_read(talk: Conversation) -> None:
    subject = await talk.push_image("v1")
    pointer = {"mediaType": OCI_MANIFEST, "digest": subject, "size": 1}
    pushed = {
        await talk.push_image("", subject=pointer, annotations={"number": str(number), "filler": "x" * 1_500_000})
        for number in range(5)
    }
    found: list[str] = []
    path: str | None = f"referrers/{subject}?artifactType={quote(OCI_CONFIG)}"
    while path:
        answer = await talk.ask("GET", path)
        assert len(answer.content) < 5_000_000
        found += [item["digest"] for item in answer.json()["manifests"]]
        path = answer.headers["link"].partition(">")[0].removeprefix("<") if "link" in answer.headers else None
    assert (len(found), set(found)) == (5, pushed)


async def test_the_fallback_tag_of_a_long_digest_is_cut_and_its_children_listed_once(talk: Conversation) -> None:
    subject = digest_of(b"subject", Algorithm.SHA512)
    child = describe(b"signature", OCI_MANIFEST)
    tag = f"sha512-{subject.partition(':')[2][:64]}"
    await talk.push_manifest(tag, {**EMPTY_INDEX, "manifests": [child, child]})
    answer = await talk.ask("GET", f"referrers/{subject}")
    assert [item["digest"] for item in answer.json()["manifests"]] == [child["digest"]]


async def test_referrers_of_what_is_not_here_are_none_and_of_nonsense_an_error(talk: Conversation) -> None:
    answer = await talk.ask("GET", f"referrers/{digest_of(b'unknown')}")
    assert (answer.status_code, answer.json()["manifests"]) == (200, [])
    assert (await talk.ask("GET", "referrers/sha256:nonsense")).status_code == 400


async def test_a_subject_that_is_missing_is_no_obstacle(talk: Conversation) -> None:
    pointer = describe(b"comes later", OCI_MANIFEST)
    await talk.push_image("early", subject=pointer)
    answer = await talk.ask("GET", f"referrers/{digest_of(b'comes later')}")
    assert len(answer.json()["manifests"]) == 1
