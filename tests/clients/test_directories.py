"""A server with an LDAP directory beside its own accounts: clients, API and page, and the directory's death."""

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from tests.clients.programs import Program
from tests.clients.servers import MOORAGE, PASSWORD, Server, free_port, serving
from tests.clients.slapd import ADMIN, GROUPS, PEOPLE, SECRET, Slapd, slapd

pytestmark = pytest.mark.one_server

FILE = """
[ldap.corp]
url = "ldaps://127.0.0.1:{port}"
ca_file = "{authority}"
bind_dn = "{admin}"
bind_password_file = "{secret}"
people = "{people}"
groups = "{groups}"
"""


@pytest.fixture(scope="module")
def corp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    """A directory with people; Ann is one of the developers."""
    with slapd(tmp_path_factory.mktemp("corp")) as directory:
        people = [directory.person(name, f"{name}'s password") for name in ("ann", "bob", "kim", "admin")]
        directory.load(*people, directory.group("developers", f"uid=ann,{PEOPLE}"))
        directory.start()
        yield directory


@pytest.fixture(scope="module")
def house(corp: Slapd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that asks it, on localhost."""
    folder = tmp_path_factory.mktemp("house")
    secret, data, port = folder / "secret", folder / "data", free_port("127.0.0.1")
    secret.write_text(f"{SECRET}\n")
    data.mkdir()
    text = FILE.format(
        port=corp.secure_port, authority=corp.authority, admin=ADMIN, secret=secret, people=PEOPLE, groups=GROUPS
    )
    (data / "directories.toml").write_text(text)
    doors = ["--https", "off", "--http", f"127.0.0.1:{port}", "--log-level", "debug"]
    with serving(data, *doors, ready=f"http://127.0.0.1:{port}/readyz"):
        yield Server("", f"127.0.0.1:{port}", data)


@pytest.fixture
def moorage(house: Server) -> Callable[..., str]:
    """The server's own command line."""
    command = Program(MOORAGE, {})
    return lambda *words: command(*words, "--data", str(house.data))


def get(server: Server, user: str, password: str, path: str = "/api/v1/registries") -> tuple[int, str]:
    """Ask the API with a name and password."""
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    request = urllib.request.Request(f"http://{server.http}{path}", headers={"Authorization": f"Basic {credentials}"})
    return answer(request)


def sign_in(server: Server, user: str, password: str) -> tuple[int, str]:
    """Send the form of the sign-in page."""
    form = urllib.parse.urlencode({"user": user, "password": password, "next": "/"}).encode()
    return answer(urllib.request.Request(f"http://{server.http}/-/sign-in", form))


def answer(request: urllib.request.Request) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_docker_signs_in_with_the_directory_s_password(
    program: Callable[..., Program], docker_host: str, house: Server
) -> None:
    docker = program("docker", DOCKER_HOST=docker_host)
    for user in ("bob", "corp\\bob", "bob@corp"):
        docker("login", house.http, "--username", user, "--password-stdin", stdin="bob's password")
    assert "unauthorized" in docker.refused("login", house.http, "-u", "bob", "--password-stdin", stdin="guess").lower()
    said = docker.refused("login", house.http, "-u", "admin", "--password-stdin", stdin="admin's password")
    assert "moorage user link admin corp" in said


def test_a_group_of_the_directory_is_worth_its_roles(house: Server, moorage: Callable[..., str]) -> None:
    moorage("registry", "create", "DMC")
    moorage("group", "add", "dev", "--directory", "corp", "--external", f"CN=developers,{GROUPS}".lower())
    moorage("registry", "grant", "DMC", "dev", "writer", "--group")
    seen = {}
    for user in ("ann", "bob"):
        status, body = get(house, user, f"{user}'s password")
        assert status == 200
        seen[user] = [registry["name"] for registry in json.loads(body)["items"]]
    assert seen == {"ann": ["DMC"], "bob": []}


def test_the_command_of_a_refusal_links_two_accounts(house: Server, moorage: Callable[..., str]) -> None:
    assert get(house, "admin", PASSWORD)[0] == 200
    status, body = get(house, "admin", "admin's password")
    assert status == 403
    subject = json.loads(body)["detail"].split("moorage user link admin corp ")[1].split("`")[0]
    moorage("user", "link", "admin", "corp", subject)
    for password in (PASSWORD, "admin's password"):
        assert get(house, "admin", password)[0] == 200


def test_when_the_directory_dies_local_accounts_go_on_and_the_others_are_told(house: Server, corp: Slapd) -> None:
    assert sign_in(house, "kim", "kim's password")[0] == 200
    corp.kill()
    assert sign_in(house, "admin", PASSWORD)[0] == 200
    assert get(house, "kim", "another")[0] == 503
    for status, body in (get(house, "bob", "bob's new password"), sign_in(house, "bob", "bob's password")):
        assert status == 503
        assert "he directory corp cannot be asked: Connection refused" in body
    corp.start()
    assert sign_in(house, "bob", "bob's password")[0] == 200
    assert sign_in(house, "bob", "wrong")[0] == 422


def test_no_password_that_went_to_the_directory_is_kept_or_told(house: Server, corp: Slapd) -> None:
    typed = ["bob's password", "bob-mistyped-this"]
    assert [sign_in(house, "bob", password)[0] for password in typed] == [200, 422]
    corp.kill()
    assert get(house, "bob", typed[1])[0] == 503
    corp.start()
    files = [house.data.with_suffix(".log"), *(path for path in house.data.rglob("*") if path.is_file())]
    texts = {str(path): path.read_bytes() for path in files}
    assert b"/-/sign-in" in texts[str(files[0])]
    for secret in (SECRET, *typed):
        assert [path for path, text in texts.items() if secret.encode() in text] == []
