"""What carries requests of the command line: to a server elsewhere (`remote.py`), or to a data folder (`folder.py`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

NONE: Mapping[str, str] = {}


class ApiError(Exception):
    """One line: why what was asked for failed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; `media_type` without parameters and `etag` are empty where there is none."""

    status: int
    media_type: str
    body: bytes
    etag: str = ""


class Transport(Protocol):
    """Carries one request after the other."""

    @property
    def name(self) -> str:
        """What answers, in words: `https://proget:5443`."""

    @property
    def credentials(self) -> str:
        """Where what says who asks was found, in words; empty if nothing was."""

    def send(self, method: str, target: str, body: bytes | None, conditions: Mapping[str, str] = NONE) -> Answer:
        """Ask for `target`, a path with its query, with a JSON body.

        `conditions` are headers, as If-Match. Raise ApiError if nobody answers.
        """

    def close(self) -> None:
        """Let go of what was opened."""
