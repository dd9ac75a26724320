"""A person with a browser that has no script: it follows links, fills forms, and keeps cookies."""

import html
import re
from collections.abc import Mapping, Sequence

import httpx
from starlette.types import ASGIApp

from tests.ui.world import PASSWORD

Fields = Mapping[str, str | Sequence[str]]


class Visitor:
    """One browser, at one address of the server, on the machine that `host` is the address of."""

    def __init__(self, pages: ASGIApp, url: str, host: str = "10.0.0.7") -> None:
        transport = httpx.ASGITransport(pages, raise_app_exceptions=False, client=(host, 4711))
        self.url = url
        self.client = httpx.AsyncClient(transport=transport, base_url=url)

    async def close(self) -> None:
        """Close the browser."""
        await self.client.aclose()

    async def get(self, path: str) -> httpx.Response:
        """Open an address."""
        return await self.client.get(path)

    async def read(self, path: str) -> str:
        """Return the text of a page that must be there."""
        response = await self.get(path)
        assert response.status_code == 200, (path, response.status_code)
        return text_of(response)

    async def post(self, path: str, fields: Fields, **headers: str) -> httpx.Response:
        """Send fields as they are."""
        data = {name: value if isinstance(value, str) else list(value) for name, value in fields.items()}
        return await self.client.post(path, data=data, headers={"origin": self.url, **headers})

    async def fill(self, path: str, fields: Fields, form: str | None = None) -> httpx.Response:
        """Open a page, fill in the form that posts to `form` (else to the page), and send it."""
        page = await self.get(path)
        assert page.status_code == 200, (path, page.status_code)
        target = form or path.partition("?")[0]
        tag = rf'<form[^>]*method="post" action="{re.escape(target)}"[^>]*>'
        body = re.search(rf"{tag}(.*?)</form>", page.text, re.DOTALL)
        assert body, f"no form for {target} on {path}"
        return await self.post(target, {**hidden(body[1]), **fields})

    async def sign_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        """Sign in on the page for it."""
        response = await self.fill("/-/sign-in", {"user": name, "password": password})
        assert response.status_code == 303, response.status_code
        return response


def hidden(form: str) -> dict[str, str | list[str]]:
    """Return the hidden fields of a form."""
    found: dict[str, list[str]] = {}
    for tag in re.findall(r'<input type="hidden"[^>]*>', form):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        assert name
        assert value
        found.setdefault(name[1], []).append(html.unescape(value[1]))
    return {name: values if len(values) > 1 else values[0] for name, values in found.items()}


def text_of(response: httpx.Response) -> str:
    """Return what a page says, in one line, without its markup."""
    body = re.sub(r"<head>.*?</head>|<dialog id=\"keys\".*?</dialog>", " ", response.text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


def attributes(response: httpx.Response, name: str) -> list[str]:
    """Return every value that an attribute has on a page."""
    return [html.unescape(value) for value in re.findall(rf'\s{name}="([^"]*)"', response.text)]
