"""The OpenAPI document and the page made of it."""

import re

from moorage.domain.errors import ErrorCode
from moorage.management.api import tables
from tests.management.world import World


async def test_the_document_is_openapi_and_open_to_all(world: World) -> None:
    document = (await world.http.get("/api/v1/openapi.json")).json()
    assert document["openapi"].startswith("3.1.")
    assert document["info"]["version"] == "1.2.3"
    said = [one for methods in document["paths"].values() for one in methods.values()]
    assert len({one["operationId"] for one in said}) == len(said)
    for one in said:
        assert one["x-moorage-permission"]
        assert "422" not in one["responses"]


async def test_every_reference_leads_somewhere(world: World) -> None:
    answer = await world.http.get("/api/v1/openapi.json")
    named = set(re.findall(r'"#/components/schemas/(\w+)"', answer.text))
    assert named
    assert named <= set(answer.json()["components"]["schemas"])


async def test_the_page_shows_every_route_and_every_error(world: World) -> None:
    page = (await world.http.get("/api/docs")).text
    for table in tables(world.offered).values():
        for row in table:
            assert f"{row.method} /api/v1{row.path.replace(':path', '')}</code>" in page
    for error in ErrorCode:
        assert f'id="{error.name}"' in page


async def test_the_page_needs_nothing_but_our_own_style(world: World) -> None:
    answer = await world.http.get("/api/docs")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<script" not in answer.text
    assert not re.search(r"\s(style|on\w+)=", answer.text)
    assert not re.search(r"(src|href)=\"(https?:)?//", answer.text)


async def test_every_link_of_the_page_leads_into_it(world: World) -> None:
    page = (await world.http.get("/api/docs")).text
    marks = re.findall(r' id="([^"]+)"', page)
    assert len(marks) == len(set(marks))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(marks)
