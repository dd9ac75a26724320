"""Tags and catalog: exact pages in byte order."""

import pytest

from tests.distribution.conversation import Conversation, code_of

INDEX = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}

# Names that a careless order or a careless prefix mixes up.
NAMES = ["math", "math-voila", "math.x", "math_y", "Math", "MATH", "a", "a-b", "z9", "0", "_", "math0"]
PATHS = ["math", "math-voila", "math/x", "math/x/y", "a", "a-b/c", "a/b", "zz"]


async def pages(talk: Conversation, address: str, key: str, size: int) -> list[str]:
    """Follow the pages of a list to its end."""
    found: list[str] = []
    path: str | None = f"{address}?n={size}"
    while path:
        answer = await talk.ask("GET", path)
        assert answer.status_code == 200
        page = answer.json()[key]
        link = answer.headers.get("link")
        assert len(page) == size or link is None
        found += page
        path = link.partition(">")[0].removeprefix("<") if link else None
    return found


@pytest.mark.parametrize("size", [1, 7, 100])
async def test_pages_of_tags_are_the_whole_in_byte_order(talk: Conversation, size: int) -> None:
    for name in NAMES:
        await talk.push_manifest(name, INDEX)
    assert await pages(talk, "/v2/dmc/ubuntu/tags/list", "tags", size) == sorted(NAMES)


@pytest.mark.parametrize("size", [1, 3, 100])
async def test_pages_of_the_catalog_are_the_whole_in_byte_order(talk: Conversation, size: int) -> None:
    expected = [f"dmc/{path}" for path in PATHS]
    for name in expected:
        await Conversation(talk.http, name).push_manifest("latest", INDEX)
    assert await pages(talk, "/v2/_catalog", "repositories", size) == sorted(expected)


async def test_last_need_not_exist_and_is_not_repeated(talk: Conversation) -> None:
    for name in ("a", "c", "e"):
        await talk.push_manifest(name, INDEX)
    for last, expected in (("a", ["c", "e"]), ("b", ["c", "e"]), ("e", []), ("zzz", [])):
        answer = await talk.ask("GET", f"tags/list?last={last}")
        assert answer.json() == {"name": "dmc/ubuntu", "tags": expected}
        assert "link" not in answer.headers


async def test_no_tags_are_asked_for_and_none_come(talk: Conversation) -> None:
    await talk.push_manifest("a", INDEX)
    answer = await talk.ask("GET", "tags/list?n=0")
    assert (answer.json()["tags"], "link" in answer.headers) == ([], False)


async def test_a_repository_that_does_not_exist_has_no_list(talk: Conversation) -> None:
    answer = await talk.ask("GET", "/v2/dmc/unknown/tags/list")
    assert (answer.status_code, code_of(answer)) == (404, "NAME_UNKNOWN")


async def test_a_repository_without_tags_has_an_empty_list(talk: Conversation) -> None:
    digest = await talk.push_manifest("", INDEX)
    assert (await talk.ask("GET", "tags/list")).json()["tags"] == []
    await talk.ask("DELETE", f"manifests/{digest}")
    assert (await talk.ask("GET", "tags/list")).json()["tags"] == []


@pytest.mark.parametrize("n", ["-1", "1e3", "1_0", "٣", "9223372036854775808", "", " 5"])
@pytest.mark.parametrize("path", ["tags/list", "/v2/_catalog"])
async def test_a_page_size_that_is_none_is_refused(talk: Conversation, path: str, n: str) -> None:
    await talk.push_manifest("a", INDEX)
    answer = await talk.ask("GET", f"{path}?n={n}")
    assert (answer.status_code, code_of(answer)) == (400, "PAGINATION_NUMBER_INVALID")


async def test_a_page_is_never_larger_than_the_server_s(talk: Conversation) -> None:
    await talk.push_manifest("a", INDEX)
    assert (await talk.ask("GET", "tags/list?n=999999999")).json()["tags"] == ["a"]


async def test_search_finds_what_one_may_read(talk: Conversation, stranger: Conversation) -> None:
    await talk.push_manifest("a", INDEX)
    assert (await talk.ask("GET", "/v1/_ping")).status_code == 200
    for who, found in ((talk, ["dmc/ubuntu"]), (stranger, [])):
        answer = await who.ask("GET", "/v1/search?q=bunt&n=5")
        assert [item["name"] for item in answer.json()["results"]] == found
