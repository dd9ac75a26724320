"""A registry that is full, or nearly: what clients are told, in the order in which they ask."""

from collections.abc import AsyncIterator

import pytest

from moorage.app.services import SYSTEM, Services
from moorage.domain.digest import digest_of
from tests.distribution.conversation import Conversation, code_of

LAYER = b"a layer of thirty bytes, this.."


async def limit(services: Services, quota: int | None) -> None:
    await services.registries.update(SYSTEM, "dmc", {}, limits={"quota": quota})


async def chunks(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 8):
        yield content[start : start + 8]


async def test_dockers_order_is_refused_at_post_where_the_registry_is_full(
    talk: Conversation, services: Services
) -> None:
    await talk.push_image("v1", LAYER)
    await limit(services, 30)
    digest = digest_of(b"new")
    assert (await talk.ask("HEAD", f"blobs/{digest}")).status_code == 404
    answer = await talk.ask("POST", "blobs/uploads/")
    assert (answer.status_code, code_of(answer)) == (403, "DENIED")
    message = answer.json()["errors"][0]["message"]
    assert "of its quota of 30 B are in use" in message
    assert "ask an administrator" in message
    assert (await talk.ask("GET", "manifests/v1")).status_code == 200


async def test_a_stream_is_stopped_where_the_quota_ends(talk: Conversation, services: Services) -> None:
    await limit(services, 20)
    location = await talk.begin()
    answer = await talk.ask("PATCH", location, chunks(LAYER))
    assert (answer.status_code, code_of(answer)) == (413, "DENIED")
    (error,) = answer.json()["errors"]
    assert error["message"].startswith("this does not fit into DMC: 0 B of its quota of 20 B are in use")
    assert error["detail"] == {"quota": 20, "used": 0, "left": 20}


async def test_a_length_that_cannot_fit_is_refused_before_a_byte_is_read(
    talk: Conversation, services: Services
) -> None:
    await limit(services, 20)
    location = await talk.begin()
    answer = await talk.ask("PATCH", location, LAYER)
    assert (answer.status_code, code_of(answer)) == (413, "DENIED")
    assert (await talk.ask("GET", location)).headers["range"] == "0-0"
    whole = await talk.ask("POST", f"blobs/uploads/?digest={digest_of(LAYER)}", LAYER)
    assert whole.status_code == 413
    closing = await talk.ask("PUT", f"{location}?digest={digest_of(LAYER)}", LAYER)
    assert closing.status_code == 413
    assert (await talk.ask("GET", location)).status_code == 404


async def test_what_has_come_is_refused_at_the_end_when_others_were_faster(
    talk: Conversation, services: Services
) -> None:
    location = await talk.begin()
    assert (await talk.ask("PATCH", location, LAYER)).status_code == 202
    await limit(services, 20)
    answer = await talk.ask("PUT", f"{location}?digest={digest_of(LAYER)}")
    assert (answer.status_code, code_of(answer)) == (413, "DENIED")
    assert (await talk.ask("GET", location)).status_code == 404
    assert (await talk.ask("HEAD", f"blobs/{digest_of(LAYER)}")).status_code == 404


@pytest.mark.parametrize("query", ["mount={0}&from=dmc/ubuntu", "mount={0}&from=dmc/nothing", "digest={0}"])
async def test_a_layer_that_the_registry_holds_comes_though_it_is_full(
    talk: Conversation, services: Services, query: str
) -> None:
    digest = await talk.push_blob(LAYER)
    await limit(services, len(LAYER))
    other = Conversation(talk.http, "dmc/other")
    begun = await other.ask(
        "POST", f"blobs/uploads/?{query.format(digest)}", LAYER if query.startswith("digest") else None
    )
    if "nothing" in query:
        assert begun.status_code == 202
        begun = await other.ask("PUT", f"{begun.headers['location']}?digest={digest}", LAYER)
    assert begun.status_code == 201
    assert (await other.ask("HEAD", f"blobs/{digest}")).status_code == 200
    assert (await talk.ask("DELETE", f"blobs/{digest}")).status_code == 202


async def test_a_mount_from_another_registry_is_refused_as_a_push_would_be(
    talk: Conversation, services: Services
) -> None:
    digest = await Conversation(talk.http, "web/site").push_blob(LAYER)
    await talk.push_blob(b"x")
    await limit(services, 20)
    answer = await talk.ask("POST", f"blobs/uploads/?mount={digest}&from=web/site")
    assert (answer.status_code, code_of(answer)) == (413, "DENIED")


async def test_a_manifest_that_does_not_fit_is_refused(talk: Conversation, services: Services) -> None:
    await talk.push_image("v1", LAYER)
    pushed = await talk.ask("GET", "manifests/v1")
    await limit(services, 40)
    again = await talk.ask("PUT", "manifests/v2", pushed.content, content_type=pushed.headers["content-type"])
    assert again.status_code == 201
    answer = await talk.ask("PUT", "manifests/v3", pushed.content + b" ", content_type=pushed.headers["content-type"])
    assert (answer.status_code, code_of(answer)) == (403, "DENIED")
    assert (await talk.ask("GET", "tags/list")).json()["tags"] == ["v1", "v2"]
