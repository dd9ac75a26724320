"""The account name that comes of a person's name in a directory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain.identity import Identity, account_name
from moorage.services.names import LONGEST_NAME, NAME


@pytest.mark.parametrize(
    ("name", "account"),
    [
        ("ann", "ann"),
        ("Ann.Smith", "ann.smith"),
        ("Zoë Müller", "zoe-muller"),
        ("ann@example.org", "ann-example.org"),
        ("-_ann_-_b.", "ann-b"),
        ("a*(b)\\c", "a-b-c"),
        ("x" * 63 + ".yz", "x" * 63),
    ],
)
def test_a_name_becomes_the_nearest_valid_one(name: str, account: str) -> None:
    assert account_name(Identity("corp", "1", name)) == account


@given(st.text(), st.text(st.characters(exclude_categories=["Cs"])))
def test_every_name_makes_a_valid_account_name(name: str, subject: str) -> None:
    made = account_name(Identity("corp", subject, name))
    assert NAME.fullmatch(made)
    assert len(made) <= LONGEST_NAME


def test_names_without_a_usable_letter_differ_by_the_person() -> None:
    made = [account_name(Identity("corp", subject, "王")) for subject in ("1", "2")]
    assert made[0] != made[1]
    assert all(name.startswith("corp-") for name in made)
