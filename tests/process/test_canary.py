"""A secret sent in any place where people and programs put one is found nowhere afterwards."""

import base64
import json
from collections.abc import Iterator
from urllib.parse import quote, urlencode

from tests.process.client import Answer, basic
from tests.process.server import Launcher, Running

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Canaries:
    """Secrets, each of them new, and each told from any other text."""

    def __init__(self) -> None:
        self.sung: list[str] = []

    def one(self) -> str:
        """Return another."""
        self.sung.append(f"canary{len(self.sung):03d}-Qx7")
        return self.sung[-1]


def shapes(secret: str) -> Iterator[bytes]:
    """Yield what a secret may look like to who writes it down: as it is, in a URL, and in a header."""
    yield secret.encode()
    yield quote(secret).encode()
    # Where in the header it stands decides which characters of base64 it becomes; the middle ones stay.
    for before in ("", "a", "ab"):
        yield base64.b64encode((before + secret).encode())[4:-4]


def send(running: Running, canaries: Canaries) -> list[Answer]:
    """Put secrets wherever there is a place for one, right and wrong, and return all answers."""
    one = canaries.one
    kept = one()
    with running.client() as client:
        client.create()

        def ask(method: str, path: str, body: str = "", **headers: str) -> Answer:
            return client.ask(method, path, body.encode() or None, **headers)

        def stored(method: str, path: str, document: object) -> Answer:
            return ask(method, path, json.dumps(document), **JSON)

        wrong_form = {"grant_type": "password", "username": "admin", "password": one(), "service": "moorage"}
        refresh_form = {"grant_type": "refresh_token", "refresh_token": one(), "service": "moorage"}
        odd_form = {"grant_type": one(), "scope": f"repository:dmc/{one()}:pull"}
        return [
            *(ask("GET", path, **basic("admin", one())) for path in ("/v2/", "/token", "/api/v1/registries", "/")),
            *(ask("GET", path, Authorization=f"Bearer {one()}") for path in ("/v2/", "/token", "/api/v1/users")),
            *(ask("GET", path, Authorization=f"Digest {one()}") for path in ("/v2/", "/api/v1/users")),
            ask("GET", "/v2/", **basic(one(), "who types the password where the name goes")),
            ask("GET", f"/v2/?access_token={one()}"),
            ask("GET", f"/token?service=moorage&password={one()}&account={one()}"),
            *(ask("POST", "/token", urlencode(form), **FORM) for form in (wrong_form, refresh_form, odd_form)),
            ask("POST", "/-/sign-in", urlencode({"user": "admin", "password": one()}), **FORM),
            ask("GET", "/", Cookie=f"__Host-moorage={one()}; moorage={one()}"),
            stored("POST", "/api/v1/users", {"name": "mara", "password": kept}),
            stored("POST", "/api/v1/users", {"name": "mara", "password": one()}),
            stored("POST", "/api/v1/users", {"name": "kim", "password": one(), "unknown": one()}),
            stored("POST", "/api/v1/users", {"name": "kim", "password": [one()]}),
            stored("POST", "/api/v1/users", {"name": one(), "password": 7}),
            stored("PATCH", "/api/v1/users/mara", {"password": one()}),
            ask("POST", "/api/v1/users", '{"password": "' + one(), **JSON),
            ask("PATCH", "/api/v1/users/nobody", json.dumps({"password": one()}), **JSON),
            ask("GET", "/metrics"),
            ask("GET", "/api/v1/users"),
            ask("GET", "/api/v1/openapi.json"),
        ]


def test_a_secret_is_found_in_no_log_answer_metric_or_file(launch: Launcher) -> None:
    running, canaries = launch("--log-level", "debug", "--log-format", "json"), Canaries()
    answers = send(running, canaries)
    assert len({answer.status for answer in answers} & {200, 201, 400, 401, 409, 422}) > 4
    assert all(answer.status < 500 for answer in answers)
    assert running.stop() == 0
    places = {"answers": b"\n".join(answer.body + repr(answer.headers).encode() for answer in answers)}
    files = [running.out, running.err, *(path for path in running.data.rglob("*") if path.is_file())]
    places |= {str(path): path.read_bytes() for path in files}
    assert b"/api/v1/users/mara" in places[str(running.out)] + places[str(running.err)]
    for secret in canaries.sung:
        for shape in shapes(secret):
            assert [name for name, text in places.items() if shape in text] == [], secret
