"""Quotas: whether what is pushed has room, and what is said when it has none."""

from dataclasses import dataclass
from enum import StrEnum

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.sizes import MOST, size

USUAL_WARNING = 80
"""Percent of a quota from which it is shown as nearly used up."""

WHOLE = 100


class Level(StrEnum):
    """How a registry stands to its quota."""

    FREE = "free"
    """It has none."""
    ROOM = "room"
    WARNING = "warning"
    FULL = "full"


OF_A_REGISTRY = "Delete what nobody needs, or ask an administrator of the server for a larger quota"
OF_THE_SERVER = (
    "That is all its registries together: an administrator of the server can free what was deleted, "
    "let a collection run, or give the server a larger quota"
)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What something may hold and holds, in bytes; `name` is what people call it.

    `warning` is the percentage from which it counts as nearly full, 0 for never; `advice` says who can do what when it
    is full.
    """

    name: str
    quota: int
    used: int
    warning: int = USUAL_WARNING
    advice: str = OF_A_REGISTRY

    @property
    def left(self) -> int:
        """Bytes that may still come."""
        return max(self.quota - self.used, 0)

    @property
    def over(self) -> int:
        """Bytes that must go before anything may come."""
        return max(self.used - self.quota, 0)

    @property
    def percent(self) -> float:
        """How much of it is used, 100 at most."""
        return round(min(self.used / self.quota, 1) * WHOLE, 1)

    @property
    def level(self) -> Level:
        """How full it is."""
        if self.used >= self.quota:
            return Level.FULL
        is_near = self.warning and self.used * WHOLE >= self.quota * self.warning
        return Level.WARNING if is_near else Level.ROOM

    def check_begins(self) -> None:
        """Raise QUOTA_REACHED when it is full: whatever is to come will not fit."""
        if not self.left:
            raise self._refusal(ErrorCode.QUOTA_REACHED, f"{self.name} is full")

    def check(self, more: int, *, is_all: bool = True) -> None:
        """Raise QUOTA_REACHED, or TOO_LARGE_FOR_QUOTA where only so much doesn't fit, or even more than that."""
        if more <= self.left:
            return
        self.check_begins()
        raise self._refusal(
            ErrorCode.TOO_LARGE_FOR_QUOTA, f"{size(more) if is_all else 'this'} does not fit into {self.name}"
        )

    def _refusal(self, error: ErrorCode, what: str) -> MoorageError:
        message = (
            f"{what}: {size(self.used)} of its quota of {size(self.quota)} are in use, and {size(self.left)} are left. "
            f"{self.advice}"
        )
        return MoorageError(error, message, {"quota": self.quota, "used": self.used, "left": self.left})


def of_server(quota: int, used: int) -> Allowance:
    """Return what the whole server may hold."""
    return Allowance("this server", quota, used, advice=OF_THE_SERVER)


def tighter(one: Allowance | None, other: Allowance | None) -> Allowance | None:
    """Return that of two which has less left; None is no limit."""
    found = [each for each in (one, other) if each is not None]
    return min(found, key=lambda each: each.left, default=None)


def check_quota(quota: int | None) -> None:
    """Raise VALUE_INVALID unless it can be a quota; None is none."""
    if quota is not None and not 1 <= quota <= MOST:
        message = f"a quota is 1 to {MOST} bytes, or none"
        raise MoorageError(ErrorCode.VALUE_INVALID, message, {"field": "quota"})


def check_warning(warning: int) -> None:
    """Raise VALUE_INVALID unless it is a percentage, or 0 for never."""
    if not 0 <= warning <= WHOLE:
        message = f"a quota warns from 1 to {WHOLE} percent, or never (0)"
        raise MoorageError(ErrorCode.VALUE_INVALID, message, {"field": "quota_warning"})


def note(allowance: Allowance) -> str:
    """Return the sentence for whoever has set a quota below what is in use; empty where it isn't."""
    return f"Pushes are refused until {size(allowance.over)} is freed" if allowance.over else ""
