"""Whatever a client sends, the answer is a client error in the envelope, and the data folder holds nothing strange."""

import json
from urllib.parse import quote

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moorage.settings import Settings
from tests.distribution.conversation import Conversation, code_of

EXAMPLES = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PATHS = [
    "/v2/dmc/../../etc/passwd/manifests/v1",
    "/v2/..%2f..%2fetc/manifests/v1",
    "/v2/dmc%2fubuntu/manifests/v1",
    "/v2/dmc/ubuntu%00/manifests/v1",
    "/v2/dmc/ubuntu%0a/manifests/v1",
    "/v2/DMC/ubuntu/manifests/v1",
    "/v2/dmc/Ubuntu/manifests/v1",
    f"/v2/dmc/{'a' * 300}/manifests/v1",
    "/v2/dmc//ubuntu/manifests/v1",
    "/v2/dmc/ubuntu/manifests/-bad",
    f"/v2/dmc/ubuntu/manifests/{'t' * 129}",
    "/v2/dmc/ubuntu/manifests/sha256:nonsense",
    "/v2/dmc/ubuntu/blobs/uploads/../../x",
    "/v2/dmc/ubuntu/nothing/here",
    "/v2/token/ubuntu/manifests/v1",
    "/v2/%ff%fe/manifests/v1",
]
BODIES = [
    b"",
    b"null",
    b"[]",
    b"{",
    b'"text"',
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'{"schemaVersion": NaN}',
    b'{"manifests": [], "schemaVersion": 2, "x": 1e999}',
    b'{"manifests": [], "schemaVersion": 2, "x": 0.' + b"1" * 5_000 + b"}",
    b'{"schemaVersion": 2, "schemaVersion": 2}',
    b'{"schemaVersion": ' + b"1" * 5_000 + b"}",
    b'{"annotations": {"a": "\\ud800"}}',
    b"\xff\xfe{}",
    b'{"manifests": {}}',
    b'{"manifests": [1]}',
    b'{"layers": null}',
    b'{"config": {"digest": "sha256:x", "size": 1}}',
    b'{"config": {"digest": 5}}',
    b'{"subject": []}',
    b'{"annotations": {"a": 1}}',
    b'{"artifactType": 5}',
]


async def test_strange_addresses_are_client_errors(talk: Conversation, settings: Settings) -> None:
    await talk.push_image("v1")
    before = sorted(path.name for path in settings.data.rglob("*") if "uploads" not in path.parts)
    for path in PATHS:
        for method in ("GET", "PUT", "DELETE"):
            answer = await talk.http.send(raw_request(method, path, talk))
            assert answer.status_code in {400, 404, 405}, (method, path, answer.text)
            assert code_of(answer)
    assert before == sorted(path.name for path in settings.data.rglob("*") if "uploads" not in path.parts)


def raw_request(method: str, path: str, talk: Conversation) -> httpx.Request:
    """Return a request whose path is sent as it is written."""
    url = httpx.URL("https://proget:5443").copy_with(raw_path=path.encode())
    return httpx.Request(method, url, headers=talk.headers, content=b"{}" if method == "PUT" else None)


async def test_broken_manifests_are_client_errors(talk: Conversation) -> None:
    for body in BODIES:
        answer = await talk.ask("PUT", "manifests/v1", body, content_type="application/vnd.oci.image.index.v1+json")
        assert (answer.status_code, code_of(answer)) == (400, "MANIFEST_INVALID"), body[:40]
    assert (await talk.ask("GET", "manifests/v1")).status_code == 404


@EXAMPLES
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.floats(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["schemaVersion", "mediaType", "manifests", "config", "layers", "digest", "size"])
                | st.text(max_size=8),
                inner,
                max_size=5,
            )
        ),
        max_leaves=20,
    )
)
async def test_any_json_is_stored_or_refused_and_never_breaks_the_server(talk: Conversation, document: object) -> None:
    body = json.dumps(document).encode()
    answer = await talk.ask("PUT", "manifests/any", body, content_type="application/vnd.any+json")
    assert answer.status_code in {201, 400, 404}
    if answer.status_code == 201:
        assert (await talk.ask("GET", "manifests/any")).content == body
    else:
        assert code_of(answer)


async def test_an_endless_address_is_a_client_error(talk: Conversation) -> None:
    answer = await talk.ask("GET", f"manifests/{'x' * 60_000}")
    assert (answer.status_code, code_of(answer)) == (400, "NAME_INVALID")


async def test_a_header_that_says_two_things_is_a_client_error(talk: Conversation) -> None:
    location = await talk.begin()
    headers = [*talk.headers.items(), ("content-range", "0-3"), ("content-range", "4-7")]
    answer = await talk.http.request("PATCH", location, headers=headers, content=b"abcd")
    assert (answer.status_code, code_of(answer)) == (400, "VALUE_INVALID")


async def test_a_wrong_method_is_told_the_right_ones(talk: Conversation) -> None:
    answer = await talk.ask("OPTIONS", "manifests/v1")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, PUT, DELETE")


async def test_an_endless_query_is_a_client_error(talk: Conversation) -> None:
    answer = await talk.ask("GET", "tags/list?" + "&".join(f"n={number}" for number in range(1000)))
    assert (answer.status_code, code_of(answer)) == (400, "VALUE_INVALID")


@EXAMPLES
@given(st.text(max_size=40), st.sampled_from(["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS"]))
async def test_any_address_gets_an_answer_in_the_envelope(talk: Conversation, name: str, method: str) -> None:
    answer = await talk.http.send(raw_request(method, f"/v2/dmc/{quote(name)}", talk))
    assert 200 <= answer.status_code < 500
    if answer.status_code >= 400 and method != "HEAD":
        assert code_of(answer)


@EXAMPLES
@given(st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=30))
async def test_any_range_of_a_piece_is_taken_or_refused(talk: Conversation, content_range: str) -> None:
    answer = await talk.ask("PATCH", await talk.begin(), b"abcd", content_range=content_range.strip())
    assert answer.status_code in {202, 400, 416}
