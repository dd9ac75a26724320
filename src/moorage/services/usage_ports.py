"""How much registries hold, as it is kept with every change: what needs no adding up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from moorage.domain.digest import Digest
from moorage.domain.quota import Allowance, of_server


@dataclass(frozen=True, slots=True)
class RegistryUsage:
    """What a registry holds, as of one moment; sizes are bytes, `pushed_at` Unix seconds or None for never.

    `repositories` are those that were pushed to. A blob counts once, however many repositories have it. What lies in
    the trash is not counted: `trashed` are the bytes that are only there, `frees` those that come free with what can
    be restored, as was known when it went.
    """

    repositories: int
    images: int
    body_bytes: int
    blob_bytes: int
    pushed_at: float | None
    trashed: int = 0
    frees: int = 0

    @property
    def size(self) -> int:
        """Bytes of blobs and images together."""
        return self.body_bytes + self.blob_bytes

    @property
    def stored(self) -> int:
        """Bytes of all that it has, what was deleted too."""
        return self.size + self.trashed


@dataclass(frozen=True, slots=True)
class ServerUse:
    """What the whole server holds, and may hold, in bytes; a quota of None is no limit."""

    used: int
    quota: int | None

    @property
    def allowance(self) -> Allowance | None:
        """How that stands to its quota, if it has one."""
        return None if self.quota is None else of_server(self.quota, self.used)


class ServerUsage(Protocol):
    """What all registries hold together."""

    async def used(self) -> int:
        """Return the bytes of all blobs that were ever pushed and the store still has, each once."""


class RegistryUsages(Protocol):
    """What registries hold, whoever asks: a service shows it only to those who may read the whole registry."""

    async def of(self, registry_ids: Sequence[int]) -> Mapping[int, RegistryUsage]:
        """Return what each holds; a registry that is gone is missing."""

    async def allowances(self) -> Mapping[str, Allowance]:
        """Return, by address, what every registry that has a quota may hold and holds."""

    async def holds(self, registry_id: int, digest: Digest) -> bool:
        """Tell whether a blob is counted there already: another repository that gets it makes no difference."""
