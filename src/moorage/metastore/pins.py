"""Images in use: what is pinned, and what was pulled when."""

import time
from collections.abc import Mapping, Sequence
from functools import partial

from sqlalchemy import bindparam, delete, or_, select

from moorage.domain.digest import Digest
from moorage.domain.name import Repository
from moorage.domain.reach import END
from moorage.metastore.contents import SOME, VISIBLE, in_pieces
from moorage.metastore.steps import Database, Row, Steps, one
from moorage.metastore.tables import image_pulls, manifests, pins, retention_due
from moorage.metastore.upsert import insert_or_update
from moorage.services.retention_records import LastPull, Pin, Pulled

_lasting = select(pins).where(
    pins.c.repository_id == bindparam("repository_id"),
    or_(pins.c.until.is_(None), pins.c.until > bindparam("now")),
)
PAGE = (
    _lasting.where(
        pins.c.digest >= bindparam("digest"),
        pins.c.digest <= bindparam("last"),
        or_(pins.c.digest > bindparam("digest"), pins.c.pinned_by > bindparam("by")),
    )
    .order_by(pins.c.digest, pins.c.pinned_by)
    .limit(bindparam("limit"))
)
FIND = _lasting.where(pins.c.digest == bindparam("digest"), pins.c.pinned_by == bindparam("by"))
IMAGE = select(manifests.c.id).where(
    manifests.c.repository_id == bindparam("repository_id"), manifests.c.digest == bindparam("digest")
)
PUT = insert_or_update(pins, ["repository_id", "digest", "pinned_by"], ["why", "pinned_at", "until"])
REMOVE = delete(pins).where(
    pins.c.repository_id == bindparam("of_repository"),
    pins.c.digest == bindparam("of_digest"),
    pins.c.pinned_by == bindparam("of_holder"),
)
LOOK_AGAIN = insert_or_update(retention_due, ["repository_id"], ["due_at"])

HERE = select(manifests.c.digest).where(
    manifests.c.repository_id == bindparam("repository_id"), manifests.c.digest.in_(bindparam("some", expanding=True))
)
PULLED = insert_or_update(image_pulls, ["repository_id", "digest"], ["pulled_at", "pulled_by"])
_of_repository = image_pulls.c.repository_id == bindparam("repository_id")
LAST = select(image_pulls).where(_of_repository, image_pulls.c.digest.in_(bindparam("some", expanding=True)))
LAST_OF_ALL = select(image_pulls).where(_of_repository).order_by(image_pulls.c.pulled_at.desc()).limit(1)


class PinTable:
    """The port `Pins` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, repository: Repository, after: str, limit: int, digest: Digest | None = None
    ) -> tuple[Pin, ...] | None:
        """See `Pins`."""
        return await self._database.read(_page(repository, after, limit, digest))

    async def find(self, repository: Repository, digest: Digest, by: str) -> Pin | None:
        """See `Pins`."""
        return await self._database.read(_find(repository, digest, by, time.time()))

    async def put(self, repository: Repository, pin: Pin) -> bool:
        """See `Pins`."""
        return await self._database.write(partial(_put, repository, pin))

    async def remove(self, repository: Repository, digest: Digest, by: str) -> bool:
        """See `Pins`."""
        return await self._database.write(partial(_remove, repository, digest, by, time.time()))


class ImagePullTable:
    """The port `ImagePulls` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, pulled: Sequence[Pulled], at: float) -> None:
        """See `ImagePulls`; a batch in each transaction, so that no push waits for all of them."""
        for start in range(0, len(pulled), SOME):
            await self._database.write(partial(_append, pulled[start : start + SOME], at))

    async def last(self, repository: Repository, digests: Sequence[Digest]) -> Mapping[Digest, LastPull]:
        """See `ImagePulls`."""
        return await self._database.read(_last(repository, digests))

    async def last_of_all(self, repository: Repository) -> LastPull | None:
        """See `ImagePulls`; aside, since it looks at all that were pulled."""
        return (await self._database.read_aside(_last_of_all(repository)))[0]


def _page(repository: Repository, after: str, limit: int, digest: Digest | None) -> Steps[tuple[Pin, ...] | None]:
    found = yield from one(VISIBLE, {"repository": str(repository)})
    if found is None:
        return None
    first, _, by = max(after, digest or "").partition(" ")
    between = {"digest": first, "by": by, "last": digest or END}
    rows = yield PAGE, {"repository_id": found.id, "now": time.time(), "limit": limit, **between}
    return tuple(_pin_of(row) for row in rows)


def _pin_of(row: Row) -> Pin:
    return Pin(row.digest, row.pinned_by, row.why, row.pinned_at, row.until)


def _find(repository: Repository, digest: Digest, by: str, now: float) -> Steps[Pin | None]:
    found = yield from one(VISIBLE, {"repository": str(repository)})
    if found is None:
        return None
    row = yield from one(FIND, {"repository_id": found.id, "now": now, "digest": digest, "by": by})
    return _pin_of(row) if row else None


def _put(repository: Repository, pin: Pin) -> Steps[bool]:
    found = yield from one(VISIBLE, {"repository": str(repository)})
    if found is None or (yield from one(IMAGE, {"repository_id": found.id, "digest": pin.digest})) is None:
        return False
    row = {"repository_id": found.id, "digest": pin.digest, "pinned_by": pin.by}
    yield PUT, {**row, "why": pin.why, "pinned_at": pin.pinned_at, "until": pin.until}
    return True


def _remove(repository: Repository, digest: Digest, by: str, now: float) -> Steps[bool]:
    found = yield from one(VISIBLE, {"repository": str(repository)})
    pin = yield from _find(repository, digest, by, now)
    if found is None or pin is None:
        return False
    yield REMOVE, {"of_repository": found.id, "of_digest": digest, "of_holder": by}
    # What it kept may be past its time. A run that is under way sees that this is another time than it has read.
    yield LOOK_AGAIN, {"repository_id": found.id, "due_at": now}
    return True


def _last(repository: Repository, digests: Sequence[Digest]) -> Steps[dict[Digest, LastPull]]:
    found = yield from one(VISIBLE, {"repository": str(repository)})
    if found is None:
        return {}
    rows = yield from in_pieces(LAST, found.id, digests)
    return {row.digest: LastPull(row.pulled_at, row.pulled_by) for row in rows}


def _last_of_all(repository: Repository) -> Steps[LastPull | None]:
    found = yield from one(VISIBLE, {"repository": str(repository)})
    row = None if found is None else (yield from one(LAST_OF_ALL, {"repository_id": found.id}))
    return LastPull(row.pulled_at, row.pulled_by) if row else None


def _append(pulled: Sequence[Pulled], at: float) -> Steps[None]:
    by_repository: dict[str, dict[str, str]] = {}
    for repository, digest, by in pulled:
        by_repository.setdefault(str(repository), {})[digest] = by
    for name, who in by_repository.items():
        found = yield from one(VISIBLE, {"repository": name})
        if found is None:
            continue
        here = yield HERE, {"repository_id": found.id, "some": list(who)}
        if here:
            usual = {"repository_id": found.id, "pulled_at": at}
            yield PULLED, [{**usual, "digest": row.digest, "pulled_by": who[row.digest]} for row in here]
