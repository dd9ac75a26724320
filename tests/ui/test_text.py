"""Whatever people and clients write is shown as text, under a policy that runs nothing of it."""

import re

import pytest
from markupsafe import escape

from moorage.domain.name import parse_repository
from tests.ui.visitor import Visitor, attributes
from tests.ui.world import ADMIN, World

PAYLOADS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "{{ 7 * 7 }}",
    "</title><svg/onload=alert(1)>",
    "'; DROP TABLE registries; --",
]
PAGES = [
    "/",
    "/-/new",
    "/dmc",
    "/dmc/-/push",
    "/dmc/-/settings",
    "/dmc/-/delete",
    "/dmc/app",
    "/dmc/app/-/images",
    "/dmc/app/-/settings",
    "/dmc/app/-/delete?tag=1.0",
    "/dmc/app/-/delete?all=1",
    "/-/account",
    "/-/sign-in",
    "/nothing",
]
SHOWING = {"/", "/dmc", "/dmc/app", "/dmc/app/-/images", "/dmc/-/settings", "/dmc/app/-/settings"}


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_a_payload_in_every_field_is_only_text(world: World, admin: Visitor, payload: str) -> None:
    await world.registry("DMC", payload)
    await world.image("dmc/app", "1.0", by=payload)
    await world.services.catalog.describe(ADMIN, parse_repository("dmc/app"), payload)
    for page in PAGES:
        response = await admin.get(page)
        inside = response.text.replace("<script src=", "<ours src=")
        assert "<script" not in inside
        assert "<img" not in inside
        assert not re.search(r"<[^>]*\s(on[a-z]+|style)\s*=", re.sub(r'"[^"]*"', '""', inside))
        if page in SHOWING:
            assert escape(payload) in inside, page


async def test_addresses_typed_by_anybody_are_only_text(admin: Visitor) -> None:
    for path in ("/%3Cscript%3Ealert(1)%3C/script%3E", "/-/sign-in?next=/%22%3E%3Cscript%3E", "/?q=%22%3E%3Cscript%3E"):
        assert "<script>" not in (await admin.get(path)).text


async def test_direction_and_control_characters_are_written_out(world: World, admin: Visitor) -> None:
    await world.registry("DMC", "safe \u202egnp.exe \u2066x\u200f \x07 end")
    page = (await admin.get("/")).text
    assert r"safe \u202egnp.exe \u2066x\u200f \u0007 end" in page
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200e\u200f]", page)


async def test_every_page_comes_with_the_strict_policy_and_keeps_to_it(world: World, admin: Visitor) -> None:
    await world.registry("DMC")
    await world.index("dmc/app", "1.0", "latest")
    for path in PAGES:
        response = await admin.get(path)
        policy = response.headers["content-security-policy"]
        assert "unsafe" not in policy
        for part in ("default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"):
            assert part in policy
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "same-origin"
        assert response.headers["cache-control"] == "no-store"
        for address in (*attributes(response, "href"), *attributes(response, "src"), *attributes(response, "action")):
            assert address.startswith(("/", "?", "#")), address
        ids = attributes(response, "id")
        assert len(ids) == len(set(ids)), path
        assert len(re.findall(r"<h1[ >]", response.text)) == 1


async def test_static_files_are_kept_for_ever_at_addresses_of_their_content(nobody: Visitor) -> None:
    page = await nobody.get("/-/sign-in")
    found = {path.partition("#")[0] for path in (*attributes(page, "href"), *attributes(page, "src"))}
    static = sorted(path for path in found if path.startswith("/-/static/"))
    assert [path.rpartition("/")[2] for path in static] != []
    for path in static:
        response = await nobody.get(path)
        assert response.status_code == 200
        assert "immutable" in response.headers["cache-control"]
        assert response.headers["content-type"].partition(";")[0] in {"text/css", "text/javascript", "image/svg+xml"}
