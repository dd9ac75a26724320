"""An immutable tag, by every route of the distribution API that moves one."""

import pytest

from moorage.app.services import SYSTEM, Services
from tests.distribution.conversation import Conversation, code_of


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "manifests/v1"),
        ("PUT", "manifests/{new}?tag=v1"),
        ("PUT", "manifests/{new}?tag=free&tag=v1"),
        ("PUT", "manifests/v1?override=because"),
        ("DELETE", "manifests/v1"),
        ("DELETE", "manifests/v1?override=because"),
        ("DELETE", "manifests/{old}"),
    ],
)
async def test_an_immutable_tag_stays_and_the_answer_says_why(
    talk: Conversation, services: Services, method: str, path: str
) -> None:
    old = await talk.push_image("v1", b"old")
    new = await talk.push_image("next", b"new")
    await services.registries.update(SYSTEM, "dmc", {"immutable_tags": "v* !*-dev"})
    pushed = await talk.ask("GET", "manifests/next")
    body = pushed.content if method == "PUT" else None
    answer = await talk.ask(method, path.format(old=old, new=new), body, content_type=pushed.headers["content-type"])
    assert (answer.status_code, code_of(answer)) == (409, "DENIED")
    assert "v1 is immutable here (v* !*-dev)" in answer.text
    assert (await talk.ask("GET", "manifests/v1")).headers["docker-content-digest"] == old
    assert (await talk.ask("GET", "manifests/free")).status_code == 404


async def test_the_same_image_may_be_pushed_again_by_tag_and_by_digest(talk: Conversation, services: Services) -> None:
    digest = await talk.push_image("v1", b"layer")
    await services.registries.update(SYSTEM, "dmc", {"immutable_tags": "v*"})
    assert await talk.push_image("v1", b"layer") == digest
    assert await talk.push_image(f"{digest}?tag=v1", b"layer") == digest
