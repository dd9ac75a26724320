"""Who may do what: the whole table, and what a token's scope takes away."""

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain.access import (
    ANONYMOUS,
    Action,
    Caller,
    Grant,
    Ground,
    Place,
    Role,
    Scope,
    Visibility,
    decide,
    is_allowed,
)

ADMIN = Caller(1, "root", is_admin=True)
PERSON = Caller(2, "ann")
REPOSITORY = "dmc/app"
ON_THE_SERVER = {Action.CREATE_REGISTRY, Action.ADMINISTER_SERVER}
FOR_ALL = {Action.ANYONE, Action.LIST}

# By what somebody is in a registry: what they may do there. Who is no member counts by the visibility.
IN_A_REGISTRY: dict[str, str] = {
    "reader": "pull",
    "writer": "pull push pin",
    "maintainer": "pull push pin delete describe",
    "owner": "pull push pin delete describe administer-registry",
    "nobody, private": "",
    "nobody, internal": "",
    "nobody, public": "pull",
    "stranger, private": "",
    "stranger, internal": "pull",
    "stranger, public": "pull",
}


def cells() -> list[tuple[str, Caller, Place]]:
    members = [
        (role.value, PERSON, Place(visibility, (Grant(role),))) for role, visibility in product(Role, Visibility)
    ]
    nobody = [(f"nobody, {visibility}", ANONYMOUS, Place(visibility)) for visibility in Visibility]
    strangers = [(f"stranger, {visibility}", PERSON, Place(visibility)) for visibility in Visibility]
    return members + nobody + strangers


def scope(granted: str) -> Scope:
    actions = {REPOSITORY: frozenset(granted.split())}
    return Scope(asked=actions, granted=actions, issued_at=0, expires_at=300)


@pytest.mark.parametrize(("who", "caller", "place"), cells())
def test_a_role_or_the_visibility_decides_in_a_registry(who: str, caller: Caller, place: Place) -> None:
    expected = set(IN_A_REGISTRY[who].split()) | {action.value for action in FOR_ALL}
    if not caller.is_anonymous:
        expected.add(Action.SIGNED_IN.value)
    assert {action.value for action in Action if is_allowed(caller, action, place, REPOSITORY)} == expected


@pytest.mark.parametrize("action", list(Action))
def test_an_administrator_may_do_everything_everywhere(action: Action) -> None:
    assert is_allowed(ADMIN, action)
    for visibility in Visibility:
        assert is_allowed(ADMIN, action, Place(visibility), REPOSITORY)


@pytest.mark.parametrize("role", list(Role))
def test_no_role_in_a_registry_reaches_the_server(role: Role) -> None:
    for action in ON_THE_SERVER:
        assert not is_allowed(PERSON, action, Place(Visibility.PUBLIC, (Grant(role),)))


@pytest.mark.parametrize("caller", [ANONYMOUS, PERSON])
def test_nothing_can_be_done_in_a_registry_that_does_not_exist(caller: Caller) -> None:
    possible = {action for action in Action if is_allowed(caller, action, None, REPOSITORY)}
    assert possible == FOR_ALL | (set() if caller.is_anonymous else {Action.SIGNED_IN})


@pytest.mark.parametrize("caller", [ADMIN, PERSON])
def test_a_token_holds_what_was_granted_and_for_that_repository_alone(caller: Caller) -> None:
    pulls = Caller(caller.user_id, caller.name, caller.is_admin, scope("pull"))
    place = Place(Visibility.PRIVATE, (Grant(Role.OWNER),))
    assert is_allowed(pulls, Action.PULL, place, REPOSITORY)
    assert not is_allowed(pulls, Action.PUSH, place, REPOSITORY)
    assert not is_allowed(pulls, Action.DELETE, place, REPOSITORY)
    assert not is_allowed(pulls, Action.PULL, place, "dmc/app2")
    assert not is_allowed(pulls, Action.PULL, place, "dmc/app/child")


GRANTS = st.builds(Grant, st.sampled_from(Role), st.sampled_from(["*", "app", "a*", "team/*"]))
PLACES = st.builds(Place, st.sampled_from(Visibility), st.lists(GRANTS, max_size=3).map(tuple))


@given(
    st.sampled_from([ADMIN, PERSON, ANONYMOUS]),
    st.sampled_from(Action),
    st.none() | PLACES,
    st.lists(st.sampled_from(["pull", "push", "delete", "*", "describe", "administer-server"])).map(" ".join),
)
def test_a_scope_never_widens(caller: Caller, action: Action, place: Place | None, granted: str) -> None:
    scoped = Caller(caller.user_id, caller.name, caller.is_admin, scope(granted))
    if is_allowed(scoped, action, place, REPOSITORY):
        assert is_allowed(caller, action, place, REPOSITORY)


def test_a_role_may_do_what_the_ones_before_it_may() -> None:
    places = [Place(Visibility.PRIVATE, (Grant(role),)) for role in Role]
    allowed = [{action for action in Action if is_allowed(PERSON, action, place)} for place in places]
    assert all(less < more for less, more in pairwise(allowed))


TEAM = Place(Visibility.PRIVATE, (Grant(Role.MAINTAINER, "team/*"), Grant(Role.READER, "team/app", "ops")))


@pytest.mark.parametrize(
    ("repository", "allowed"),
    [
        ("dmc/team/app", "pull push pin delete describe"),
        ("dmc/team/a/b", "pull push pin delete describe"),
        ("dmc/team", ""),
        ("dmc/app", ""),
        # Of the registry itself: that it is there, and that something may be pushed to it.
        (None, "pull push"),
    ],
)
def test_a_grant_on_a_pattern_reaches_what_it_matches(repository: str | None, allowed: str) -> None:
    everywhere = FOR_ALL | {Action.SIGNED_IN}
    found = {action.value for action in Action if is_allowed(PERSON, action, TEAM, repository)}
    assert found - everywhere == set(allowed.split())


@given(st.sampled_from(Role), st.sampled_from(Visibility))
def test_no_role_on_a_pattern_administers_the_registry(role: Role, visibility: Visibility) -> None:
    place = Place(visibility, (Grant(role, "team/*"), Grant(role, "*/*")))
    assert not {Action.ADMINISTER_REGISTRY, Action.DESCRIBE} & {
        action for action in Action if is_allowed(PERSON, action, place)
    }


@given(st.sampled_from(Action), PLACES, GRANTS, st.sampled_from([None, "dmc/app", "dmc/team/app"]))
def test_one_more_grant_takes_nothing_away(action: Action, place: Place, more: Grant, repository: str | None) -> None:
    wider = Place(place.visibility, (*place.grants, more))
    assert is_allowed(PERSON, action, wider, repository) >= is_allowed(PERSON, action, place, repository)


def test_a_decision_names_the_highest_grant_there() -> None:
    low, high = Grant(Role.READER), Grant(Role.WRITER, "team/*", "ops")
    place = Place(Visibility.PUBLIC, (low, high))
    for action in (Action.PUSH, Action.DELETE):
        assert decide(PERSON, action, place, "dmc/team/app").grant == high
        assert decide(PERSON, action, place, "dmc/app").grant == low
    assert decide(PERSON, Action.PULL, Place(Visibility.INTERNAL)).ground is Ground.VISIBILITY
    assert decide(PERSON, Action.PULL, Place(Visibility.PRIVATE)).ground is Ground.NOTHING
    assert decide(PERSON, Action.PULL).ground is Ground.NOTHING
    assert decide(ADMIN, Action.PULL, place).ground is Ground.ADMINISTRATOR
    assert decide(ANONYMOUS, Action.LIST, place).ground is Ground.EVERYONE
