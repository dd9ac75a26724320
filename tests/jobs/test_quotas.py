"""A registry that fills up is counted, and said once for each step; who empties it and fills it again says it again."""

from collections.abc import Mapping, Sequence

from moorage.domain.digest import Digest
from moorage.domain.quota import Allowance, Level
from moorage.jobs.quotas import QuotaWatcher, ServerQuotaWatcher
from moorage.services.usage_ports import RegistryUsage, ServerUse


class Held:
    """What registries hold, as a test says."""

    def __init__(self) -> None:
        self.found: Mapping[str, Allowance] = {}

    async def of(self, registry_ids: Sequence[int]) -> Mapping[int, RegistryUsage]:
        raise NotImplementedError

    async def allowances(self) -> Mapping[str, Allowance]:
        return self.found

    async def holds(self, registry_id: int, digest: Digest) -> bool:
        raise NotImplementedError


async def test_each_step_towards_full_is_said_once() -> None:
    held = Held()
    told: list[Mapping[Level, int]] = []
    said: list[tuple[str, Level]] = []
    watcher = QuotaWatcher(held, told.append, lambda address, allowance: said.append((address, allowance.level)))
    for used in (79, 80, 85, 100, 100, 85, 10, 80):
        held.found = {"dmc": Allowance("DMC", 100, used)}
        await watcher.watch()
    assert said == [("dmc", Level.WARNING), ("dmc", Level.FULL), ("dmc", Level.WARNING)]
    assert [next(iter(levels)) for levels in told[:4]] == [Level.ROOM, Level.WARNING, Level.WARNING, Level.FULL]


async def test_registries_are_counted_by_how_full_they_are() -> None:
    held = Held()
    told: list[Mapping[Level, int]] = []
    held.found = {name: Allowance(name, 100, used) for name, used in (("a", 1), ("b", 2), ("c", 100))}
    await QuotaWatcher(held, told.append, lambda *_: None).watch()
    assert told == [{Level.ROOM: 2, Level.FULL: 1}]


async def test_each_step_of_the_server_towards_full_is_said_once() -> None:
    found = [ServerUse(used, 100) for used in (79, 80, 85, 100, 100, 85, 10, 80)]
    looks = iter([ServerUse(500, None), *found])
    told: list[ServerUse] = []
    said: list[Level] = []

    async def look() -> ServerUse:
        return next(looks)

    watcher = ServerQuotaWatcher(look, told.append, lambda allowance: said.append(allowance.level))
    for _ in range(1 + len(found)):
        await watcher.watch()
    assert said == [Level.WARNING, Level.FULL, Level.WARNING]
    assert told == [ServerUse(500, None), *found]
