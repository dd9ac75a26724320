"""The port of what is remembered of collections. How the words are meant: ports.py."""

from typing import Protocol

from moorage.services.storage_records import Cleanup, OnlyHere, Unfinished


class Cleanups(Protocol):
    """Runs of collection, of all servers on one database."""

    async def ask(self, by: str, at: float) -> None:
        """Note that somebody wants one; who asks while another's is wanted changes nothing."""

    async def note(self, run: Cleanup) -> None:
        """Remember one that has ended; who had asked for one has got it. Only the newest are remembered."""

    async def latest(self) -> tuple[Cleanup | None, Cleanup | None]:
        """Return what is wanted, if anything, and what ended last."""

    async def skipped(self) -> int:
        """Count the blobs that no repository has and a lease holds."""

    async def unfinished(self) -> Unfinished:
        """Say what uploads have not ended."""

    async def add_up(self, at: float, age: float) -> None:
        """Add up anew what each registry alone has, unless nothing changed, or it was done less than `age` ago."""

    async def only_here(self) -> OnlyHere | None:
        """Return what was added up last; None where it never was."""
