"""Which claims a rule fits, and what it gives: nothing to whom it does not fit."""

import pytest
from hypothesis import given as each
from hypothesis import strategies as st

from moorage.domain.access import Caller, Given, Grant, Role
from moorage.domain.trust import Rule, fitting

MAIN = {"claims": {"repository": "acme/app", "ref": "refs/heads/main"}, "role": "writer", "on": "dmc/acme/*"}


@pytest.mark.parametrize(
    ("patterns", "claims", "fits"),
    [
        ({"repository": "acme/app"}, {"repository": "acme/app"}, True),
        ({"repository": "acme/app"}, {"repository": "acme/app2"}, False),
        ({"repository": "acme/app"}, {"repository": "Acme/app"}, False),
        ({"repository": "acme/app"}, {}, False),
        ({"repository": "acme/*"}, {"repository": "acme/app"}, True),
        ({"repository": "acme/*"}, {"repository": "acme-evil/app"}, False),
        ({"repository": "acme/*"}, {"repository": "evil/acme/app"}, False),
        ({"ref": "refs/heads/*"}, {"ref": "refs/heads/a/b"}, True),
        ({"ref": "refs/*/main"}, {"ref": "refs/heads/main"}, True),
        ({"ref": "a.c"}, {"ref": "abc"}, False),
        ({"ref": "[a-z]?"}, {"ref": "[a-z]?"}, True),
        ({"ref": "main"}, {"ref": "main\n"}, False),
        ({"a": "1", "b": "2"}, {"a": "1", "b": "2", "c": "3"}, True),
        ({"a": "1", "b": "2"}, {"a": "1", "b": "3"}, False),
        ({"groups": "ci"}, {"groups": ["dev", "ci"]}, True),
        ({"groups": "ci"}, {"groups": ["dev", ["ci"]]}, False),
        ({"protected": "true"}, {"protected": True}, True),
        ({"protected": "true"}, {"protected": False}, False),
        ({"id": "7"}, {"id": 7}, True),
        ({"id": "7", "any": "*"}, {"id": 7}, False),
        ({"sub": "None"}, {"sub": None}, False),
        ({"sub": "x*"}, {"sub": {"x": 1}}, False),
    ],
)
def test_a_rule_fits_when_all_its_claims_do(patterns: dict[str, str], claims: dict[str, object], *, fits: bool) -> None:
    assert Rule.model_validate({**MAIN, "claims": patterns}).fits(claims) is fits


@pytest.mark.parametrize(
    "wrong",
    [
        {"claims": {}},
        {"claims": {"repository": "*"}},
        {"claims": {"repository": "**", "ref": "*"}},
        {"claims": {"repository": 7}},
        {"role": "owner"},
        {"role": "admin"},
        {"on": "dmc"},
        {"on": "dmc/"},
        {"on": "*/acme"},
        {"on": "*"},
        {"on": "DMC/acme"},
        {"on": "dmc/Acme"},
        {"on": "dmc/acme/**"},
        {"more": 1},
    ],
)
def test_a_rule_that_gives_too_much_or_to_everybody_is_none(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Rule.model_validate({**MAIN, **wrong})


@each(st.dictionaries(st.sampled_from(["repository", "ref", "x"]), st.text() | st.none() | st.lists(st.text())))
def test_what_is_given_is_exactly_what_the_rules_that_fit_say(claims: dict[str, object]) -> None:
    rule = Rule.model_validate(MAIN)
    is_main = claims.get("repository") in ("acme/app", ["acme/app"]) and claims.get("ref") == "refs/heads/main"
    found = fitting([rule, rule], claims)
    assert found == ({1: rule, 2: rule} if rule.fits(claims) else {})
    assert not is_main or found


def test_what_is_given_are_grants_in_the_registry_that_a_rule_names() -> None:
    roles = (("dmc/acme/*", Role.READER), ("dmc2/*", Role.WRITER), ("dmc/*", Role.MAINTAINER))
    machine = Given(roles, 0.0)
    assert machine.grants("dmc") == (Grant(Role.READER, "acme/*"), Grant(Role.MAINTAINER, "*"))
    assert machine.grants("dmc2") == (Grant(Role.WRITER, "*"),)
    assert machine.grants("d") == ()


def test_a_machine_is_somebody() -> None:
    assert not Caller(name="oidc:gha:x", given=Given((), 0.0)).is_anonymous
