"""A certified OpenID provider: people sign in with a browser that has no script, a job with a token of its own."""

import base64
import contextlib
import html
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from tests.clients.images import layout
from tests.clients.programs import Program
from tests.clients.servers import PASSWORD, USER, free_port, serving

pytestmark = pytest.mark.one_server

PROVIDER = Path(".clients/oidc_provider/provider.js").absolute()
AUDIENCE = "https://proget.example"
START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Place:
    """Where the server and the provider answer."""

    web: str
    provider: str


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    data = tmp_path_factory.mktemp("oidc") / "data"
    data.mkdir()
    web, provider = free_port("127.0.0.1"), free_port("127.0.0.1")
    found = Place(f"http://127.0.0.1:{web}", f"http://127.0.0.1:{provider}")
    (data / "directories.toml").write_text(
        f"""
        [oidc.acme]
        title = "Acme"
        issuer = "{found.provider}"
        client_id = "moorage"
        client_secret = "a secret/of: two"
        allow_private = true

        [trust.ci]
        issuer = "{found.provider}"
        audience = "{AUDIENCE}"
        allow_private = true

        [[trust.ci.rules]]
        claims = {{ sub = "ci" }}
        role = "writer"
        on = "dmc/*"
        """
    )
    with (
        providing(provider, f"{found.web}/-/sign-in/acme/back", data.with_name("provider.log")),
        serving(data, "--https", "off", "--http", f"127.0.0.1:{web}", ready=f"{found.web}/readyz"),
    ):
        httpx.post(f"{found.web}/api/v1/registries", json={"name": "DMC"}, auth=(USER, PASSWORD)).raise_for_status()
        yield found


@contextlib.contextmanager
def providing(port: int, back: str, log: Path) -> Iterator[None]:
    """Run the provider until the last answer is given."""
    with log.open("wb") as output:
        program = subprocess.Popen(["node", PROVIDER, str(port), back, AUDIENCE], stdout=output, stderr=output)
        try:
            deadline = time.monotonic() + START_SECONDS
            while True:
                assert program.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                with contextlib.suppress(httpx.TransportError):
                    httpx.get(f"http://127.0.0.1:{port}/jwks").raise_for_status()
                    break
                time.sleep(0.05)
            yield
        finally:
            program.terminate()
            program.wait(START_SECONDS)


@pytest.fixture
def browser() -> Iterator[httpx.Client]:
    with httpx.Client(follow_redirects=True) as browser:
        yield browser


def send(browser: httpx.Client, page: httpx.Response, action: str = "", **fields: str) -> httpx.Response:
    """Fill in the form of a page, or the one of it that goes to `action`."""
    pattern = rf'<form[^>]*action="([^"]*{re.escape(action)})"[^>]*>(.*?)</form>'
    form = re.search(pattern, page.text, re.DOTALL)
    assert form is not None, page.text
    hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form[2])
    sent = {**{name: html.unescape(value) for name, value in hidden}, **fields}
    return browser.post(urljoin(str(page.url), html.unescape(form[1])), data=sent)


def agree(browser: httpx.Client, page: httpx.Response, name: str) -> httpx.Response:
    """Sign in at the provider, and let it tell."""
    page = send(browser, page, login=name, password="any")
    return send(browser, page)


def test_somebody_signs_in_and_gets_an_account_of_their_own(place: Place, browser: httpx.Client) -> None:
    asked = browser.get(f"{place.web}/-/sign-in/acme?next=/-/account")
    assert str(asked.url).startswith(place.provider)
    page = agree(browser, asked, "zoe")
    assert (page.status_code, str(page.url)) == (200, f"{place.web}/-/account")
    assert ">zoe</b>" in page.text


def test_an_answer_works_once_and_only_in_the_browser_that_asked(place: Place, browser: httpx.Client) -> None:
    asked = browser.get(f"{place.web}/-/sign-in/acme")
    page = agree(browser, asked, "kim")
    back = next(str(step.url) for step in page.history if "/-/sign-in/acme/back" in str(step.url))
    with httpx.Client() as other:
        assert other.get(back).status_code == 403
    assert browser.get(back).status_code == 403


def test_an_account_is_linked_and_signs_in_at_the_provider_then(place: Place, browser: httpx.Client) -> None:
    browser.headers["origin"] = place.web
    page = send(
        browser, browser.get(f"{place.web}/-/sign-in?next=/-/account"), "/-/sign-in", user=USER, password=PASSWORD
    )
    leaving = send(browser, page, "/-/account/link/acme")
    onward = re.search(r'http-equiv="refresh" content="0;url=([^"]*)"', leaving.text)
    assert onward is not None
    del browser.headers["origin"]
    page = agree(browser, browser.get(html.unescape(onward[1])), "root")
    assert "Acme was linked" in page.text
    with httpx.Client(follow_redirects=True) as other:
        assert "Administrator" in agree(other, other.get(f"{place.web}/-/sign-in/acme"), "root").text


def token(place: Place) -> str:
    answer = httpx.post(
        f"{place.provider}/token",
        data={"grant_type": "client_credentials", "resource": AUDIENCE},
        auth=("ci", "ci-secret"),
    )
    return str(answer.raise_for_status().json()["access_token"])


def test_a_job_pushes_with_its_own_token_where_its_rule_says(
    place: Place, tmp_path: Path, program: Callable[..., Program]
) -> None:
    crane, door = program("crane"), place.web.replace("http://127.0.0.1", "localhost")
    crane("auth", "login", door, "--username", "oidc", "--password-stdin", stdin=token(place))
    digest = layout(tmp_path / "image")
    assert crane("push", tmp_path / "image", f"{door}/dmc/app:1").endswith(digest)
    assert "you may not see it" in crane.refused("push", tmp_path / "image", f"{door}/other/app:1")


def test_a_token_with_one_bit_turned_is_refused(place: Place) -> None:
    head, claims, mark = token(place).split(".")
    raw = bytearray(base64.urlsafe_b64decode(mark + "=="))
    raw[7] ^= 1
    forged = f"{head}.{claims}.{base64.urlsafe_b64encode(raw).decode().rstrip('=')}"
    assert httpx.get(f"{place.web}/token", auth=("oidc", forged)).status_code == 401
    assert httpx.get(f"{place.web}/token", auth=("oidc", f"{head}.{claims}.{mark}")).status_code == 200
