"""`moorage token`."""

from datetime import UTC, datetime, timedelta

import pytest

from moorage.app.services import SYSTEM, Services
from moorage.services.token_secrets import is_secret
from tests.cli.conftest import Terminal

SECRET = "secret"


@pytest.fixture
def moorage(moorage: Terminal) -> Terminal:
    """Return a terminal on a server with the registry DMC and its robot ci, the person mara, and the robot mirror."""

    async def story(services: Services) -> None:
        await services.registries.create(SYSTEM, "DMC")
        await services.accounts.add(SYSTEM, "mara", "correct horse battery")
        await services.robots.create(SYSTEM, "ci", "dmc")
        await services.robots.create(SYSTEM, "mirror")

    moorage.do(story)
    return moorage


def days_until(moment: str) -> int:
    return round((datetime.fromisoformat(moment) - datetime.now(UTC)) / timedelta(days=1))


def who(moorage: Terminal, secret: str) -> str | None:
    """Return whose a secret is, None if it opens nothing."""
    found: list[str | None] = []

    async def look(services: Services) -> None:
        try:
            header = f"Bearer {secret}".encode()
            found.append((await services.callers.of(header, datetime.now(UTC).timestamp())).name)
        except Exception:  # noqa: BLE001  refused, for whatever reason
            found.append(None)

    moorage.do(look)
    return found[0]


def test_a_secret_is_printed_once_and_opens_the_account(moorage: Terminal) -> None:
    assert moorage("token", "create", "mara", "laptop") == 0
    told, secret = moorage.out.splitlines()
    assert "shown this once" in told
    assert is_secret(secret)
    assert who(moorage, secret) == "mara"
    for words in (("token", "list", "mara"), ("token", "list", "mara", "--json"), ("activity",)):
        assert moorage(*words) == 0, moorage.err
        assert secret not in moorage.out + moorage.err


def test_one_pulls_and_pushes_everywhere_for_ninety_days_if_nobody_says_otherwise(moorage: Terminal) -> None:
    made = moorage.json("token", "create", "mara", "laptop")
    assert is_secret(made.pop(SECRET))
    assert (made["actions"], made["patterns"], made["last_used_at"]) == (["pull", "push"], ["*"], None)
    assert days_until(made["expires_at"]) == 90
    assert moorage.json("token", "list", "mara") == [made]


def test_actions_patterns_and_days_are_as_said(moorage: Terminal) -> None:
    said = ["--action", "pull", "--action", "manage", "--pattern", "DMC/team/*", "--pattern", "dmc/app", "--days", "30"]
    made = moorage.json("token", "create", "mara", "laptop", *said)
    assert (made["actions"], made["patterns"]) == (["manage", "pull"], ["dmc/app", "dmc/team/*"])
    assert days_until(made["expires_at"]) == 30
    moorage("token", "list", "mara")
    heading, row = moorage.out.splitlines()
    assert heading.split()[:4] == ["NAME", "ACTIONS", "PATTERNS", "EXPIRES"]
    assert row.split()[0] == "laptop"
    assert row.rstrip().endswith("-")


def test_a_revoked_one_opens_nothing(moorage: Terminal) -> None:
    secret = moorage.json("token", "create", "mara", "laptop")[SECRET]
    assert moorage.json("token", "revoke", "mara", "laptop") == {"revoked": "laptop"}
    assert who(moorage, secret) is None
    assert moorage.json("token", "list", "mara") == []
    assert moorage("token", "revoke", "mara", "laptop") == 1
    assert "mara has no access token named laptop" in moorage.err


@pytest.mark.parametrize(("robot", "registry"), [("mirror", []), ("ci", ["--registry", "DMC"]), ("ci", [])])
def test_robots_have_them_too_and_for_ever_if_so_said(moorage: Terminal, robot: str, registry: list[str]) -> None:
    made = moorage.json("token", "create", robot, "nightly", "--never", *registry)
    assert made["expires_at"] is None
    assert who(moorage, made[SECRET]) == robot
    assert [token["name"] for token in moorage.json("token", "list", robot, *registry)] == ["nightly"]
    assert moorage("token", "revoke", robot, "nightly", *registry) == 0
    assert who(moorage, made[SECRET]) is None


REFUSED = {
    "mara laptop --never": "expires within 365 days",
    "mara laptop --days 366": "expires within 365 days",
    "mara LapTop": "name",
    "mara laptop --pattern d*/app": "is no pattern",
    "nobody laptop": "there is no account named nobody",
    "mara laptop --registry DMC": "there is no account named mara of dmc",
    "mirror nightly --registry DMC": "there is no account named mirror of dmc",
    "ci nightly --registry absent": "absent",
}
WRONG = ["--never --days 3", "--days 0", "--days 3651", "--action admin"]


def test_what_cannot_be_made_is_exit_1_in_words(moorage: Terminal) -> None:
    for words, why in REFUSED.items():
        assert (moorage("token", "create", *words.split()), moorage.out) == (1, ""), words
        assert why in moorage.err


def test_a_name_is_taken_once(moorage: Terminal) -> None:
    moorage("token", "create", "mara", "laptop")
    assert moorage("token", "create", "mara", "laptop") == 1
    assert moorage("token", "create", "mirror", "laptop") == 0


def test_wrong_usage_makes_nothing(moorage: Terminal) -> None:
    for words in WRONG:
        assert moorage("token", "create", "mirror", "nightly", *words.split()) == 2, words
    assert moorage.json("token", "list", "mirror") == []
