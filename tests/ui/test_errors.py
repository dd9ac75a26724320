"""Error pages: honest, calm, and silent about what one may not see."""

import pytest

from moorage.domain.access import Visibility
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.accounts import AccountService
from tests.ui.conftest import Visitors
from tests.ui.visitor import Visitor, text_of
from tests.ui.world import World

PATHS = ["/{}", "/{}/app", "/{}/app/-/images", "/{}/app:1.0", "/{}/-/push", "/{}/-/settings", "/{}/app/-/delete?tag=1"]


@pytest.mark.parametrize("path", PATHS)
async def test_what_one_may_not_see_answers_as_if_there_were_nothing(
    world: World, visitors: Visitors, path: str
) -> None:
    await world.person("mara")
    await world.registry("Secret")
    await world.image("secret/app", "1.0")
    nobody, mara = visitors(), visitors()
    await mara.sign_in("mara")
    for visitor in (nobody, mara):
        answers = []
        for name in ("secret", "sesame"):
            response = await visitor.get(path.format(name))
            if response.status_code == 303:
                response = await visitor.get(response.headers["location"])
            assert response.status_code == 404
            csrf = response.text.partition('name="csrf" value="')[2].partition('"')[0]
            answers.append(response.text.replace(name, "NAME").replace(csrf or "no token", "CSRF"))
        assert "There is nothing here" in answers[0]
        assert answers[0].partition("data-now")[2][30:] == answers[1].partition("data-now")[2][30:]


async def test_a_signed_out_visitor_is_offered_to_sign_in_first(nobody: Visitor) -> None:
    page = await nobody.get("/dmc/shop/api")
    assert page.status_code == 404
    assert '<a class="btn primary" href="/-/sign-in?next=%2Fdmc%2Fshop%2Fapi">Sign in first</a>' in page.text


async def test_a_mistyped_name_gets_the_nearest_one_that_may_be_seen(world: World, admin: Visitor) -> None:
    await world.registry("DMC")
    await world.image("dmc/shop/api", "1.0")
    assert "Did you mean dmc/shop/api ?" in text_of(await admin.get("/dmc/shop/apo"))
    assert "Did you mean dmc ?" in text_of(await admin.get("/dmx"))


@pytest.mark.parametrize(
    "path",
    [
        "/dmc/../x",
        "/dmc/%2e%2e/x",
        "/dmc/a%00b",
        "/dmc/a%0ab",
        "/dmc%0a",
        "/dmc/" + "a" * 300,
        "/" + "a" * 300,
        "/dmc/UPPER",
        "/-/nothing",
        "/dmc/-/nothing",
        "/dmc/app/-/nothing",
        "/-/static/x/moorage.css",
        "/-/static/../pages.py",
        "/-",
        "/dmc//app",
        "/dmc/app/",
        "/\u00fc",
        "/dmc/%ed%a0%bd",
    ],
)
async def test_an_address_that_is_none_is_not_found_and_never_breaks(world: World, admin: Visitor, path: str) -> None:
    await world.registry("DMC")
    response = await admin.get(path)
    assert response.status_code == 404
    assert "There is nothing here" in text_of(response)


async def test_queries_nobody_links_to_are_harmless(world: World, admin: Visitor) -> None:
    await world.registry("DMC")
    await world.image("dmc/app", "1.0")
    for query in ("n=-1", "n=1_0", "after=%00", "sort=%27", "q=%25", "open=x", "show=%ff", "after=" + "z" * 5000):
        for path in ("/", "/dmc", "/dmc/app", "/dmc/app/-/images"):
            assert (await admin.get(f"{path}?{query}")).status_code == 200, (path, query)
    assert (await admin.get("/dmc/app/-/images?digest=x")).status_code == 404


async def test_a_method_a_page_does_not_know_is_told_so(admin: Visitor) -> None:
    assert (await admin.client.delete("/")).status_code == 405
    assert (await admin.client.post("/")).status_code == 405
    assert (await admin.client.head("/")).status_code == 200


async def test_a_failure_shows_its_number_and_no_secret(visitors: Visitors, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_self: object, _cookie: str) -> None:
        raise RuntimeError("the password is swordfish")

    visitor = visitors()
    await visitor.sign_in("admin")
    monkeypatch.setattr(AccountService, "session", fail)
    for method, is_safe in (("GET", True), ("POST", False)):
        response = await visitor.client.request(method, "/-/account", headers={"origin": visitor.url})
        assert response.status_code == 500
        assert "swordfish" not in response.text
        assert "Something broke on the server" in text_of(response)
        assert ("nothing was changed" in response.text) is is_safe
        assert "default-src 'none'" in response.headers["content-security-policy"]


async def test_a_database_that_does_not_answer_is_said_without_asking_it_again(
    visitors: Visitors, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_self: object, _cookie: str) -> None:
        raise MoorageError(ErrorCode.UNAVAILABLE)

    visitor = visitors()
    await visitor.sign_in("admin")
    monkeypatch.setattr(AccountService, "session", fail)
    response = await visitor.get("/")
    assert response.status_code == 503
    assert "The server cannot do this right now" in text_of(response)


async def test_forbidden_says_who_one_is_and_who_can_help(world: World, nobody: Visitor) -> None:
    await world.person("mara")
    await world.registry("Open", visibility=Visibility.PUBLIC)
    await nobody.sign_in("mara")
    response = await nobody.get("/open/-/settings")
    assert response.status_code == 403
    said = text_of(response)
    assert "You are signed in as mara" in said
    assert "owners can give the right" in said
