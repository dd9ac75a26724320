"""Passwords, kept as Argon2id hashes."""

import asyncio
import base64
import os
import secrets
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id
MEMORY_KIB = 19 * 1024
PASSES = 2

THREADS = 2
NICENESS = 19
"""The kernel gives a busy core to these threads for 1.5 % of the time: pulls beside them are late once in some 200 ms.

On a machine that has time to spare they take as much of it as any other.
"""


class Passwords:
    """Hashes and verifies in threads of its own, so that somebody who guesses keeps nobody else waiting."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=1)
        self._threads = ThreadPoolExecutor(THREADS, "password", initializer=_give_way)
        self._nobody = _hash_of_nothing()

    async def hash(self, password: str) -> str:
        """Return the hash to keep, with its salt and costs."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hash, password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Tell whether the hash is of this password; without a hash, take just as long to say no."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._verify, password_hash, password)

    def _hash(self, password: str) -> str:
        return self._hasher.hash(_bytes(password))

    def _verify(self, password_hash: str | None, password: str) -> bool:
        try:
            self._hasher.verify(password_hash or self._nobody, _bytes(password))
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None


def _hash_of_nothing() -> str:
    """Return a hash that no password has, in the form and with the costs of all others, without paying those."""
    salt, digest = (base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (16, 32))
    return f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1${salt}${digest}"


def _bytes(password: str) -> bytes:
    # JSON can say half a character; it is as good a password as any.
    return password.encode("utf-8", "surrogatepass")


def _give_way() -> None:
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
