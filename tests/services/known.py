"""A directory in memory, and groups that are only remembered."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.identity import Identity
from moorage.services.records import Moves


class Mirror:
    """Remembers the groups it was given."""

    def __init__(self) -> None:
        self.groups: dict[tuple[str, int], tuple[str, ...]] = {}

    async def mirror(self, directory: str, user_id: int, externals: Sequence[str]) -> Moves:
        self.groups[directory, user_id] = tuple(externals)
        return Moves((), ())


@dataclass
class Known:
    """A directory that knows people by name, each with the password `NAME's password`."""

    name: str
    people: dict[str, Identity] = field(default_factory=dict)
    is_silent: bool = False
    asked: list[str] = field(default_factory=list)

    async def authenticate(self, name: str, password: str) -> Identity | None:
        self.asked.append(name)
        if self.is_silent:
            raise MoorageError(ErrorCode.UNAVAILABLE, f"the directory {self.name} cannot be asked: it sleeps")
        return self.people.get(name) if password == f"{name}'s password" else None
