"""Room that gets scarce is said once for each step."""

from moorage.domain.room import Room, Scarcity
from moorage.jobs.space import SpaceWatcher


async def test_each_step_down_is_said_once_and_again_after_it_got_better() -> None:
    frees = [50, 9, 9, 2, 2, None, 2, 50, 9]
    left = iter(frees)
    told: list[tuple[Room | None, float | None]] = []
    said: list[Scarcity] = []

    async def look() -> Room | None:
        free = next(left)
        return None if free is None else Room(100, free)

    async def ended_at() -> float | None:
        return 7.0

    watcher = SpaceWatcher(look, ended_at, lambda *what: told.append(what), lambda room: said.append(room.scarcity))
    for _ in frees:
        await watcher.watch()
    assert said == [Scarcity.LOW, Scarcity.SHORT, Scarcity.LOW]
    assert told[0] == (Room(100, 50), 7.0)
    assert told[5] == (None, 7.0)
