"""The API as the server puts it together: real passwords, real sessions."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from moorage.app.services import Services, open_services
from moorage.app.worker import management
from moorage.settings import Settings, load

PASSWORD = "correct horse battery"
ADMIN = ("admin", PASSWORD)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({"data": tmp_path / "data"}, {})


@pytest.fixture
async def services(settings: Settings) -> AsyncIterator[Services]:
    async with open_services(settings) as services:
        await services.accounts.ensure_admin(PASSWORD)
        yield services


@pytest.fixture
async def http(settings: Settings, services: Services) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(management(settings, services))
    async with httpx.AsyncClient(transport=transport, base_url="https://proget:5443") as http:
        yield http


async def test_a_registry_is_made_a_person_added_and_made_a_writer(http: httpx.AsyncClient) -> None:
    made = await http.post("/api/v1/registries", json={"name": "DMC"}, auth=ADMIN)
    added = await http.post("/api/v1/users", json={"name": "mara", "password": PASSWORD}, auth=ADMIN)
    assert (made.status_code, added.status_code) == (201, 201)
    mara = ("mara", PASSWORD)
    assert (await http.get("/api/v1/registries", auth=mara)).json()["items"] == []
    await http.put("/api/v1/registries/dmc/members/mara", json={"role": "writer"}, auth=ADMIN)
    (seen,) = (await http.get("/api/v1/registries", auth=mara)).json()["items"]
    assert seen["name"] == "DMC"
    assert (await http.post("/api/v1/registries", json={"name": "Hers"}, auth=mara)).status_code == 403


async def test_who_guesses_passwords_is_told_to_wait(http: httpx.AsyncClient) -> None:
    answers = [await http.get("/api/v1/me", auth=("admin", f"guess {number}")) for number in range(12)]
    assert answers[0].status_code == 401
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0


@pytest.mark.parametrize("header", ["Basic", "Basic !!", "Basic YWRtaW4=", "Bearer", "Bearer x.y.z", "Digest a", ""])
async def test_credentials_that_are_none_are_refused(http: httpx.AsyncClient, header: str) -> None:
    answer = await http.get("/api/v1/registries", headers={"authorization": header})
    assert answer.status_code == 401
    assert answer.json()["code"] == "UNAUTHORIZED"


async def test_the_session_of_the_pages_counts_here_with_its_token(http: httpx.AsyncClient, services: Services) -> None:
    opened = await services.accounts.sign_in(*ADMIN)
    assert opened is not None
    cookie, session = opened
    sent = {"cookie": f"__Host-moorage={cookie}"}
    assert (await http.get("/api/v1/me", headers=sent)).json() == {"name": "admin", "is_admin": True}
    for token, status in (("", 403), (session.csrf, 201)):
        headers = {**sent, "x-csrf-token": token}
        answer = await http.post("/api/v1/registries", json={"name": "DMC"}, headers=headers)
        assert answer.status_code == status
    await services.accounts.sign_out(cookie)
    assert (await http.get("/api/v1/me", headers=sent)).status_code == 401
