"""Passwords are kept as hashes that are slow to guess, whoever they belong to."""

import asyncio
import os
import sys
import threading

import pytest

from moorage.auth.passwords import Passwords

NASTY = ["", "pass:word", "pässwörd 密码", "a\0b", "\ud800", "x" * 10_000]


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    return Passwords()


@pytest.mark.parametrize("password", NASTY)
async def test_any_text_is_a_password_and_only_that_text(passwords: Passwords, password: str) -> None:
    kept = await passwords.hash(password)
    assert await passwords.verify(kept, password)
    assert not await passwords.verify(kept, password + "x")


async def test_two_people_with_one_password_have_different_hashes(passwords: Passwords) -> None:
    assert await passwords.hash("the same password") != await passwords.hash("the same password")


async def test_a_hash_is_argon2id_with_the_costs_that_owasp_asks_for(passwords: Passwords) -> None:
    assert (await passwords.hash("secret")).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.parametrize("kept", [None, "", "no hash at all", "$argon2id$v=19$m=19456,t=2,p=1$xx$yy"])
async def test_without_a_readable_hash_no_password_is_right(passwords: Passwords, kept: str | None) -> None:
    assert not await passwords.verify(kept, "")


async def test_the_server_goes_on_while_passwords_are_hashed(passwords: Passwords) -> None:
    hashes = [asyncio.create_task(passwords.hash("secret")) for _ in range(8)]
    turns = 0
    while not all(task.done() for task in hashes):
        await asyncio.sleep(0)
        turns += 1
    assert turns > len(hashes)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no niceness of its own")
async def test_hashing_gives_way_to_whatever_else_the_machine_does() -> None:
    before = threads()
    await Passwords().hash("secret")
    (hashing,) = threads() - before
    assert os.getpriority(os.PRIO_PROCESS, hashing) == 19


def threads() -> set[int]:
    return {thread.native_id for thread in threading.enumerate() if thread.native_id is not None}
