"""Whoever leaves uploads open is stopped before the disk is, and nobody else is."""

from moorage.services.open_uploads import LOOK_EVERY, MOST_OPEN
from tests.distribution.conversation import Conversation, code_of


async def open_until_refused(talk: Conversation) -> list[str]:
    """Open uploads until one is refused, and return where they are."""
    opened: list[str] = []
    while len(opened) <= MOST_OPEN + LOOK_EVERY:
        answer = await talk.ask("POST", "blobs/uploads/")
        if answer.status_code == 429:
            assert code_of(answer) == "TOOMANYREQUESTS"
            assert int(answer.headers["retry-after"]) > 0
            return opened
        assert answer.status_code == 202
        opened.append(answer.headers["location"])
    raise AssertionError("nothing stopped it")


async def test_an_account_with_thousands_of_open_uploads_waits_until_it_ends_some(
    talk: Conversation, writer: Conversation
) -> None:
    opened = await open_until_refused(writer)
    assert len(opened) >= MOST_OPEN
    assert (await writer.ask("POST", "blobs/uploads/")).status_code == 429
    assert (await talk.ask("POST", "blobs/uploads/")).status_code == 202
    # What is open already goes on, whatever else is refused.
    assert (await writer.ask("PATCH", opened[0], b"bytes")).status_code == 202
    for location in opened[: len(opened) - MOST_OPEN + 1]:
        assert (await writer.ask("DELETE", location)).status_code == 204
    assert (await writer.ask("POST", "blobs/uploads/")).status_code == 202
