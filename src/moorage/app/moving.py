"""A move put together: from what the settings name to what a second set of settings names."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from moorage.app.databases import Opened, bulk_of, hold_for_move, open_database
from moorage.app.locks import SERVER_LOCK, sole
from moorage.app.stores import open_store
from moorage.metastore.moving import MovedSource, OtherDatabase, SameDatabase
from moorage.services.move import MoveService, Report
from moorage.services.move_blobs import Progress, Stores
from moorage.settings import Settings
from moorage.settings.destination import is_same_database, is_same_store


async def move(source: Settings, destination: Settings, progress: Progress, *, reads_again: bool) -> Report:
    """Copy what is in one place to another; both schemas are brought up to date first.

    Raises UNAVAILABLE or IN_USE with a line for the person who asks.
    """
    async with AsyncExitStack() as opened:
        origin = await opened.enter_async_context(open_database(source))
        has_other_store = not is_same_store(source, destination)
        target: SameDatabase | OtherDatabase
        if is_same_database(source, destination):
            target = SameDatabase(origin.database, bulk_of(source))
        else:
            if destination.database_file is not None:
                destination.database_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            there = await opened.enter_async_context(open_database(destination))
            target = OtherDatabase(there.database, bulk_of(destination), has_other_store=has_other_store)
        await opened.enter_async_context(hold_for_move(source))
        if not is_same_database(source, destination):
            await opened.enter_async_context(hold_for_move(destination))
        stores = Stores(
            await opened.enter_async_context(open_store(source)),
            await opened.enter_async_context(open_store(destination)) if has_other_store else None,
        )
        origin_rows = MovedSource(bulk_of(source), _idle(source, origin, opened))
        return await MoveService(origin_rows, target, stores, progress, reads_again=reads_again).move()


def _idle(source: Settings, origin: Opened, opened: AsyncExitStack) -> Callable[[], Awaitable[bool]]:
    """Return what tells whether no server is at work, by holding what each of them would hold."""
    if source.database_file is None:
        return origin.duty.is_ours

    async def is_ours() -> bool:
        return opened.enter_context(sole(source.data / SERVER_LOCK))

    return is_ours
