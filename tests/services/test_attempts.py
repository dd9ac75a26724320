"""Who guesses is told to wait, and nobody else is."""

import pytest

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.attempts import BY_MANY, BY_ONE, ROOM, SECONDS, Attempts

NOW = 1_800_000_000.0


def full(attempts: Attempts, name: str, address: str, now: float = NOW) -> bool:
    """Tell whether one has to wait; count an attempt otherwise."""
    try:
        attempts.begin(name, address, now)
    except MoorageError as error:
        assert error.error is ErrorCode.TOO_MANY  # noqa: PT017
        return True
    return False


def guess(attempts: Attempts, name: str, address: str, times: int) -> None:
    for _ in range(times):
        attempts.begin(name, address, NOW)


def test_ten_guesses_at_a_name_are_enough_for_one_address() -> None:
    attempts = Attempts()
    guess(attempts, "bob", "10.0.0.7", BY_ONE)
    assert full(attempts, "bob", "10.0.0.7")
    assert not full(attempts, "bob", "10.0.0.8")
    assert not full(attempts, "ann", "10.0.0.7")


def test_the_wait_is_over_when_it_said() -> None:
    attempts = Attempts()
    guess(attempts, "bob", "10.0.0.7", BY_ONE)
    with pytest.raises(MoorageError) as refused:
        attempts.begin("bob", "10.0.0.7", NOW + 20.5)
    assert refused.value.detail == {"retry_after": 40}
    assert not full(attempts, "bob", "10.0.0.7", NOW + 20.5 + 40)


def test_an_attempt_that_has_to_wait_does_not_make_the_wait_longer() -> None:
    attempts = Attempts()
    guess(attempts, "bob", "10.0.0.7", BY_ONE)
    for second in range(SECONDS):
        assert full(attempts, "bob", "10.0.0.7", NOW + second)
    assert not full(attempts, "bob", "10.0.0.7", NOW + SECONDS)


def test_an_address_that_tries_many_names_has_to_wait_too() -> None:
    attempts = Attempts()
    for number in range(BY_MANY):
        attempts.begin(f"name{number}", "10.0.0.7", NOW)
    assert full(attempts, "another", "10.0.0.7")
    assert not full(attempts, "another", "10.0.0.8")


def test_a_name_that_many_addresses_try_has_to_wait_too() -> None:
    attempts = Attempts()
    for number in range(BY_MANY):
        attempts.begin("bob", f"10.0.0.{number}", NOW)
    assert full(attempts, "bob", "10.0.1.1")
    assert not full(attempts, "ann", "10.0.1.1")


def test_who_has_to_wait_can_not_make_the_server_forget_why() -> None:
    attempts = Attempts()
    guess(attempts, "bob", "10.0.0.7", BY_ONE)
    refused = sum(full(attempts, f"name{number}", "10.0.0.7") for number in range(ROOM))
    assert refused == ROOM - (BY_MANY - BY_ONE)
    assert full(attempts, "bob", "10.0.0.7")


@pytest.mark.parametrize(
    ("first", "other", "is_same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:10.0.0.7", "10.0.0.7", True),
        ("::ffff:10.0.0.7", "::ffff:10.0.0.8", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
    ],
)
def test_another_address_of_one_network_gives_no_new_guesses(first: str, other: str, *, is_same: bool) -> None:
    attempts = Attempts()
    guess(attempts, "bob", first, BY_ONE)
    assert full(attempts, "bob", other) is is_same


def test_where_no_address_is_known_names_do_not_wait_for_each_other() -> None:
    attempts = Attempts()
    for number in range(2 * BY_MANY):
        attempts.begin(f"name{number}", "", NOW)


def test_a_success_forgives_the_slips_before_it() -> None:
    attempts = Attempts()
    guess(attempts, "bob", "10.0.0.7", BY_ONE)
    attempts.succeed("bob", "10.0.0.7")
    guess(attempts, "bob", "10.0.0.7", BY_ONE)


def test_successes_fill_no_count() -> None:
    attempts = Attempts()
    for _ in range(2 * BY_MANY):
        attempts.begin("bob", "10.0.0.7", NOW)
        attempts.succeed("bob", "10.0.0.7")


def test_what_is_taken_back_was_never_counted() -> None:
    attempts = Attempts()
    for _ in range(2 * BY_MANY):
        attempts.begin("bob", "10.0.0.7", NOW)
        attempts.take_back("bob", "10.0.0.7")
    guess(attempts, "bob", "10.0.0.7", BY_ONE)


def test_names_as_long_as_a_book_take_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moorage.services.attempts.ROOM", 50)
    attempts = Attempts()
    for number in range(100):
        attempts.begin(f"{number}" + "x" * 100_000, f"10.0.0.{number}", NOW)
    assert len(attempts._windows) == 50  # noqa: SLF001  the memory itself
    assert max(len(name or "") for name, _ in attempts._windows) <= 64  # noqa: SLF001  likewise


def test_a_person_is_not_kept_out_of_where_they_signed_in_before() -> None:
    attempts = Attempts()
    attempts.begin("bob", "10.0.0.7", NOW)
    attempts.succeed("bob", "10.0.0.7")
    for number in range(BY_MANY):
        attempts.begin("bob", f"10.0.1.{number}", NOW)
    assert full(attempts, "bob", "10.0.2.1")
    assert not full(attempts, "bob", "10.0.0.7")
    guess(attempts, "bob", "10.0.0.7", BY_ONE - 1)
    assert full(attempts, "bob", "10.0.0.7")


SPELLINGS = ["Bob", "BOB", " bob ", "b o b", "bob\u200b", "\uff42\uff4f\uff42", "bo\u0301b", "bob\n"]


@pytest.mark.parametrize("spelled", SPELLINGS)
def test_another_spelling_of_a_name_gives_no_new_guesses(spelled: str) -> None:
    attempts = Attempts()
    guess(attempts, "bob", "10.0.0.7", BY_ONE)
    assert full(attempts, spelled, "10.0.0.7")


@pytest.mark.parametrize("other", ["bob2", "bo.b", "corp\\bob", "bob@corp", ""])
def test_another_name_is_another(other: str) -> None:
    attempts = Attempts()
    guess(attempts, "bob", "10.0.0.7", BY_ONE)
    assert not full(attempts, other, "10.0.0.7")


def test_of_several_waits_the_longest_is_told() -> None:
    attempts = Attempts()
    for number in range(BY_MANY):
        attempts.begin(f"name{number}", "10.0.0.7", NOW)
    for number in range(BY_MANY):
        attempts.begin("bob", f"10.0.1.{number}", NOW + 30)
    with pytest.raises(MoorageError) as refused:
        attempts.begin("bob", "10.0.0.7", NOW + 40)
    assert refused.value.detail == {"retry_after": 50}
    assert full(attempts, "bob", "10.0.0.7", NOW + SECONDS)
    assert not full(attempts, "bob", "10.0.0.7", NOW + 30 + SECONDS)


def test_nobody_is_told_to_wait_for_less_than_a_second() -> None:
    attempts = Attempts()
    guess(attempts, "bob", "10.0.0.7", BY_ONE)
    with pytest.raises(MoorageError) as refused:
        attempts.begin("bob", "10.0.0.7", NOW + SECONDS - 0.001)
    assert refused.value.detail == {"retry_after": 1}


def test_an_attempt_that_is_refused_for_one_count_fills_no_other() -> None:
    attempts = Attempts()
    guess(attempts, "bob", "10.0.0.7", BY_ONE)
    for _ in range(BY_MANY):
        assert full(attempts, "bob", "10.0.0.7")
    assert not full(attempts, "ann", "10.0.0.7")
    assert not full(attempts, "bob", "10.0.0.8")


def test_a_success_with_one_s_own_password_forgives_no_guesses_at_others() -> None:
    attempts = Attempts()
    guess(attempts, "bob", "10.0.0.7", BY_ONE)
    attempts.begin("eve", "10.0.0.7", NOW)
    attempts.succeed("eve", "10.0.0.7")
    assert full(attempts, "bob", "10.0.0.7")
    for number in range(BY_MANY - BY_ONE):
        attempts.begin(f"name{number}", "10.0.0.7", NOW)
        attempts.begin("eve", "10.0.0.8", NOW)
        attempts.succeed("eve", "10.0.0.8")
    assert full(attempts, "one more", "10.0.0.7")


def test_a_success_elsewhere_lets_nobody_guess_on() -> None:
    attempts = Attempts()
    guess(attempts, "bob", "10.0.0.7", BY_ONE)
    attempts.begin("bob", "10.0.0.8", NOW)
    attempts.succeed("bob", "10.0.0.8")
    assert full(attempts, "bob", "10.0.0.7")


def test_what_was_never_begun_or_is_long_over_is_taken_back_without_harm() -> None:
    attempts = Attempts()
    attempts.take_back("bob", "10.0.0.7")
    attempts.succeed("bob", "10.0.0.7")
    guess(attempts, "bob", "10.0.0.7", BY_ONE)
    for _ in range(2 * BY_ONE):
        attempts.take_back("bob", "10.0.0.7")
    guess(attempts, "bob", "10.0.0.7", BY_ONE)
    assert full(attempts, "bob", "10.0.0.7")


def test_where_people_signed_in_takes_no_more_room_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moorage.services.attempts.ROOM", 50)
    attempts = Attempts()
    for number in range(200):
        attempts.begin("bob", f"10.0.0.{number}", NOW)
        attempts.succeed("bob", f"10.0.0.{number}")
    assert len(attempts._at_home) == 50  # noqa: SLF001  the memory itself
