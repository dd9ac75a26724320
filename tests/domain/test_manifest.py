"""Manifests: what is refused by its syntax, and what an accepted one names."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain.digest import DIGEST, digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.manifest import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    LARGEST_IMAGE,
    OCI_INDEX,
    OCI_MANIFEST,
    Manifest,
    parse_manifest,
    platform_name,
    platforms_of,
)
from tests.domain.refusals import refusal

D1, D2, D3 = (digest_of(bytes([number])) for number in range(3))
CONFIG = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": D1, "size": 2}
LAYER = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": D2, "size": 5}
IMAGE = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": CONFIG, "layers": [LAYER]}
CHILD = {"mediaType": OCI_MANIFEST, "digest": D3, "size": 7, "platform": {"os": "linux", "architecture": "amd64"}}
INDEX = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [CHILD]}
ATTESTATION = {
    **CHILD,
    "digest": D1,
    "platform": {"os": "unknown", "architecture": "unknown"},
    "annotations": {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": D3},
}


def encoded(document: object) -> bytes:
    return json.dumps(document).encode()


def parse(document: object, content_type: str | None = None) -> Manifest:
    return parse_manifest(encoded(document), content_type)


def with_raw(member: str) -> bytes:
    """Return an image with one more member, as it is written on the wire."""
    return encoded(IMAGE)[:-1] + b", " + member.encode("utf-8", "surrogatepass") + b"}"


def test_an_image_names_its_config_and_layers() -> None:
    manifest = parse(IMAGE, OCI_MANIFEST)
    assert [blob.digest for blob in manifest.blobs] == [D1, D2]
    assert (manifest.is_index, manifest.children, manifest.subject) == (False, (), None)
    assert manifest.artifact_type == CONFIG["mediaType"]


def test_an_index_names_its_children_and_counts_no_attestation_as_a_platform() -> None:
    manifest = parse({**INDEX, "manifests": [CHILD, ATTESTATION]})
    assert [child.digest for child in manifest.children] == [D3, D1]
    assert [child.is_attestation for child in manifest.children] == [False, True]
    assert list(manifest.blobs) == []
    assert platforms_of(manifest, None) == ("linux/amd64",)


@pytest.mark.parametrize(
    "document",
    [
        {**IMAGE, "layers": []},
        {**IMAGE, "artifactType": "application/x", "subject": CHILD},
        {**IMAGE, "config": {**CONFIG, "data": "e30=", "size": 2}},
        {**IMAGE, "layers": [{**LAYER, "urls": ["https://example.org/layer"]}]},
        {**IMAGE, "layers": [{**LAYER, "size": 0}]},
        {**IMAGE, "layers": [LAYER, LAYER]},
        {**IMAGE, "annotations": {"a": "b", "": ""}},
        {**IMAGE, "subject": None, "annotations": None},
        {**IMAGE, "future": {"anything": [1, 2.5, None, "ä"]}},
        {**IMAGE, "mediaType": DOCKER_MANIFEST},
        {**INDEX, "manifests": []},
        {**INDEX, "mediaType": DOCKER_LIST},
        {**INDEX, "manifests": [LAYER]},
        {**INDEX, "manifests": [{**CHILD, "mediaType": OCI_INDEX}]},
        {**INDEX, "manifests": [{**CHILD, "platform": {"os": "linux", "os.features": ["x"]}}]},
        {"mediaType": "application/vnd.tomorrow.v3+json", "things": 1},
        {"mediaType": "application/vnd.acme.manifest.v1+json"},
        {"mediaType": "application/vnd.oci.artifact.manifest.v1+json", "blobs": [LAYER], "subject": CHILD},
    ],
)
def test_what_clients_push_today_and_may_push_tomorrow_is_accepted(document: dict[str, Any]) -> None:
    manifest = parse(document, document["mediaType"])
    assert manifest.media_type == document["mediaType"]
    assert {blob.digest for blob in manifest.blobs} <= {D1, D2}


def test_a_foreign_layer_is_marked() -> None:
    manifest = parse({**IMAGE, "layers": [LAYER, {**LAYER, "urls": ["https://example.org/layer"]}]})
    assert [layer.is_foreign for layer in manifest.layers] == [False, True]


def test_the_blobs_of_an_artifact_manifest_are_needed_like_layers() -> None:
    media_type = "application/vnd.oci.artifact.manifest.v1+json"
    assert [blob.digest for blob in parse({"blobs": [LAYER]}, media_type).blobs] == [D2]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"\x00",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        with_raw('"schemaVersion": 2'),
        with_raw('"x": {"a": 1, "a": 2}'),
        with_raw('"x": NaN'),
        with_raw('"x": -Infinity'),
        with_raw('"x": ' + "9" * 5_000),
        with_raw('"x": -' + "9" * 21),
        with_raw('"x": 01'),
        with_raw('"x": "\\ud800"'),
        with_raw('"\\udfff": 1'),
        with_raw('"x": "\ud800"'),
        with_raw('"x": ' + "[" * 50_000 + "]" * 50_000),
        with_raw("'x': 1"),
    ],
)
def test_what_is_no_strict_json_object_is_refused(body: bytes) -> None:
    assert refusal(parse_manifest, body, OCI_MANIFEST) is ErrorCode.MANIFEST_INVALID


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"schemaVersion": 2},
        {**IMAGE, "schemaVersion": 3},
        {**IMAGE, "schemaVersion": "2"},
        {**IMAGE, "manifests": [CHILD]},
        {**INDEX, "config": CONFIG},
        {**IMAGE, "mediaType": 5},
        {**IMAGE, "mediaType": "text/html"},
        {**IMAGE, "config": None},
        {**IMAGE, "config": []},
        {**IMAGE, "config": {**CONFIG, "digest": "sha256:abc"}},
        {**IMAGE, "config": {**CONFIG, "digest": None}},
        {**IMAGE, "config": {"digest": D1}},
        {**IMAGE, "layers": {}},
        {**IMAGE, "layers": [None]},
        {**IMAGE, "layers": [{**LAYER, "size": -1}]},
        {**IMAGE, "layers": [{**LAYER, "size": 2**63}]},
        {**IMAGE, "layers": [{**LAYER, "size": 5.0}]},
        {**IMAGE, "layers": [{**LAYER, "size": "5"}]},
        {**IMAGE, "layers": [{**LAYER, "size": True}]},
        {**IMAGE, "layers": [{**LAYER, "digest": f"{D2}\n"}]},
        {**IMAGE, "layers": [{**LAYER, "digest": "md5:d41d8cd98f00b204e9800998ecf8427e"}]},
        {**IMAGE, "layers": [{**LAYER, "size": LARGEST_IMAGE}]},
        {**IMAGE, "subject": "sha256:abc"},
        {**IMAGE, "annotations": {"a": 1}},
        {**IMAGE, "annotations": ["a"]},
        {**IMAGE, "artifactType": ["x"]},
        {**INDEX, "manifests": "all"},
        {**INDEX, "manifests": [{**CHILD, "platform": "linux"}]},
        {**INDEX, "manifests": [{**CHILD, "annotations": {"a": None}}]},
        {key: value for key, value in IMAGE.items() if key != "config"},
        {key: value for key, value in IMAGE.items() if key != "layers"},
    ],
)
def test_what_is_no_manifest_is_refused(document: dict[str, Any]) -> None:
    assert refusal(parse_manifest, encoded(document), None) is ErrorCode.MANIFEST_INVALID


@pytest.mark.parametrize(
    "content_type",
    ["text/html", "application/", "application/x y", f"application/{'x' * 200}", "application/x\n", "*/*", OCI_INDEX],
)
def test_a_content_type_that_is_none_or_another_is_refused(content_type: str) -> None:
    assert refusal(parse_manifest, encoded(IMAGE), content_type) is ErrorCode.MANIFEST_INVALID


def test_parameters_of_the_content_type_do_not_count() -> None:
    assert parse(IMAGE, f"{OCI_MANIFEST}; charset=utf-8").media_type == OCI_MANIFEST


@pytest.mark.parametrize(
    ("document", "content_type"),
    [
        ({"schemaVersion": 1, "name": "dmc/app", "fsLayers": []}, None),
        ({"schemaVersion": 1}, "application/vnd.docker.distribution.manifest.v1+prettyjws"),
        ({"schemaVersion": 1}, "application/vnd.docker.distribution.manifest.v1+json"),
        ({}, "application/vnd.docker.distribution.manifest.v1+json"),
    ],
)
def test_docker_s_schema_1_is_refused_by_name(document: dict[str, Any], content_type: str | None) -> None:
    with pytest.raises(MoorageError) as refused:
        parse(document, content_type)
    assert refused.value.error is ErrorCode.UNSUPPORTED
    assert "schema 1" in refused.value.message


@pytest.mark.parametrize(
    ("platform", "name"),
    [
        (None, None),
        ({}, None),
        ({"os": "linux"}, None),
        ({"os": "", "architecture": "amd64"}, None),
        ({"os": "unknown", "architecture": "unknown"}, None),
        ({"os": "linux", "architecture": "amd64"}, "linux/amd64"),
        ({"os": "linux", "architecture": "arm64", "variant": "v8"}, "linux/arm64/v8"),
        ({"os": "linux", "architecture": "arm64", "variant": ""}, "linux/arm64"),
        ({"os": ["linux"], "architecture": {}}, None),
        ({"os": 5, "architecture": True}, None),
        ({"os": "linux", "architecture": "\ud800"}, None),
        ({"os": "linux", "architecture": "a,b"}, None),
        ({"os": "linux", "architecture": "amd64", "variant": ["v8"]}, "linux/amd64"),
        ({"os": "linux", "architecture": "x" * 1_000}, None),
    ],
)
def test_a_platform_is_named_where_it_has_a_name(platform: dict[str, Any] | None, name: str | None) -> None:
    assert platform_name(platform) == name


def test_an_image_runs_where_its_config_says_and_an_index_where_its_children_do() -> None:
    arm = {**CHILD, "platform": {"os": "linux", "architecture": "arm64"}}
    assert platforms_of(parse(IMAGE), {"os": "linux", "architecture": "amd64"}) == ("linux/amd64",)
    assert platforms_of(parse(IMAGE), None) == ()
    assert platforms_of(parse({**INDEX, "manifests": [CHILD, arm, CHILD]}), None) == ("linux/amd64", "linux/arm64")


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([D1, D2, f"{D1}x"])
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
sizes = st.integers(0, 2**64) | anything
strings = st.text() | anything
descriptors = anything | st.fixed_dictionaries(
    {"digest": st.sampled_from([D1, D2]) | anything, "size": sizes},
    optional={
        "mediaType": strings,
        "artifactType": strings,
        "urls": anything,
        "annotations": st.dictionaries(st.text(), strings) | anything,
        "platform": anything | st.fixed_dictionaries({"os": strings, "architecture": strings, "variant": strings}),
    },
)
documents = anything | st.fixed_dictionaries(
    {},
    optional={
        "schemaVersion": st.sampled_from([1, 2, 3]) | anything,
        "mediaType": st.sampled_from([OCI_MANIFEST, OCI_INDEX, "application/x", "text/html"]) | anything,
        "config": descriptors,
        "layers": st.lists(descriptors, max_size=3) | anything,
        "manifests": st.lists(descriptors, max_size=3) | anything,
        "blobs": st.lists(descriptors, max_size=3) | anything,
        "subject": descriptors,
        "artifactType": strings,
        "annotations": st.dictionaries(st.text(), strings) | anything,
    },
)
content_types = st.none() | st.sampled_from([OCI_MANIFEST, OCI_INDEX, "application/x"]) | st.text()


def parsed(body: bytes, content_type: str | None) -> Manifest | MoorageError:
    try:
        return parse_manifest(body, content_type)
    except MoorageError as error:
        return error


def check_any(body: bytes, content_type: str | None, config: object = None) -> None:
    """Any bytes are a manifest whose every digest is valid and whose texts can be stored, or a 4xx; nothing else."""
    manifest = parsed(body, content_type)
    if isinstance(manifest, MoorageError):
        assert 400 <= manifest.error.status < 500
        assert manifest.message.encode()
        return
    named = [*manifest.blobs, *manifest.children, *([manifest.subject] if manifest.subject else [])]
    assert all(DIGEST.fullmatch(descriptor.digest) for descriptor in named)
    assert 0 <= sum(blob.size for blob in manifest.blobs) <= LARGEST_IMAGE
    assert manifest.media_type.isascii()
    texts = [manifest.artifact_type or "", *manifest.annotations, *manifest.annotations.values()]
    texts += platforms_of(manifest, config if isinstance(config, dict) else None)
    assert all(text.encode() is not None for text in texts)


@given(st.binary() | st.text().map(str.encode), content_types)
def test_any_bytes_are_a_manifest_or_a_4xx(body: bytes, content_type: str | None) -> None:
    check_any(body, content_type)


@given(documents, content_types, anything | st.fixed_dictionaries({"os": strings, "architecture": strings}))
def test_any_json_is_a_manifest_or_a_4xx(document: object, content_type: str | None, config: object) -> None:
    check_any(encoded(document), content_type, config)


@given(st.dictionaries(st.text(), st.text()), st.lists(st.integers(0, 2**40), max_size=5))
def test_an_image_is_read_as_it_was_meant(annotations: dict[str, str], layers: list[int]) -> None:
    document = {**IMAGE, "annotations": annotations, "layers": [{**LAYER, "size": size} for size in layers]}
    manifest = parse(document)
    assert manifest.annotations == annotations
    assert [layer.size for layer in manifest.layers] == layers
