"""Back from the trash: a deleted repository gets its name again, or what was deleted goes where it was.

~18/team/app ──▶ dmc/team/app                        there is none of that name
~17/team/app ── images, tags ──▶ dmc/team/app        there is; of two tags of one name the one there stays
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Float, and_, bindparam, cast, delete, func, select, update

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.metastore.history import Hand, remember
from moorage.metastore.steps import Row, Rows, Steps, one
from moorage.metastore.tables import WHOLE, edges, links, manifests, repositories, tag_moves, tags
from moorage.metastore.uploads import REPOSITORY, ensure_repository
from moorage.metastore.upsert import insert_or_nothing
from moorage.services.trash_records import DeletedEntry, DeletionKind, Restored

RENAME = update(repositories).where(repositories.c.id == bindparam("of_id")).values(name=bindparam("new_name"))
ALL_TAGS = select(tags.c.name).where(tags.c.repository_id == bindparam("repository_id")).order_by(tags.c.name)

_to = cast(bindparam("to_repository"), WHOLE)
COPY_LINKS = insert_or_nothing(links, ["repository_id", "digest"]).from_select(
    ["repository_id", "digest", "size", "leased_until"],
    select(_to, links.c.digest, links.c.size, links.c.leased_until).where(
        links.c.repository_id == bindparam("from_repository")
    ),
)
COPY_EDGES = insert_or_nothing(edges, ["repository_id", "source", "target"]).from_select(
    ["repository_id", "source", "target"],
    select(_to, edges.c.source, edges.c.target).where(edges.c.repository_id == bindparam("from_repository")),
)
_there = manifests.alias("there")
BRING_IMAGES = (
    update(manifests)
    .where(
        manifests.c.repository_id == bindparam("from_repository"),
        # One by one: NOT IN would have SQLite gather all images of the repository first.
        ~select(_there.c.id)
        .where(_there.c.repository_id == bindparam("to_repository"), _there.c.digest == manifests.c.digest)
        .correlate(manifests)
        .exists(),
    )
    .values(repository_id=bindparam("new_repository"))
)
BRING_HISTORY = (
    update(tag_moves)
    .where(tag_moves.c.repository_id == bindparam("from_repository"))
    .values(repository_id=bindparam("new_repository"))
)
_present = tags.alias("present")
_image = manifests.alias("image")
COMING = (
    select(
        tags.c.name,
        tags.c.digest,
        tags.c.pushed_at,
        tags.c.pushed_by,
        _present.c.digest.label("present"),
        _image.c.id.label("image"),
    )
    .select_from(tags)
    .outerjoin(_present, and_(_present.c.repository_id == bindparam("to_repository"), _present.c.name == tags.c.name))
    .outerjoin(_image, and_(_image.c.repository_id == bindparam("to_repository"), _image.c.digest == tags.c.digest))
    .where(tags.c.repository_id == bindparam("from_repository"))
    .order_by(tags.c.name)
)
PUT_TAG = insert_or_nothing(tags, ["repository_id", "name"])

COUNTS = select(repositories.c.pulls, repositories.c.pushes).where(repositories.c.id == bindparam("repository_id"))
ADD_COUNTS = (
    update(repositories)
    .where(repositories.c.id == bindparam("of_id"))
    .values(
        pulls=repositories.c.pulls + bindparam("more_pulls"), pushes=repositories.c.pushes + bindparam("more_pushes")
    )
)
# A repository that was begun anew, and not pushed to yet, has images now.
PUSHED = (
    update(repositories)
    .where(repositories.c.id == bindparam("of_id"))
    .values(
        pushed_at=func.coalesce(repositories.c.pushed_at, cast(bindparam("at"), Float)),
    )
)
DROP_REPOSITORY = delete(repositories).where(repositories.c.id == bindparam("of_id"))


def restore(entry: DeletedEntry, hidden_id: int, hand: Hand) -> Steps[Restored]:
    """Bring back what lies in a hidden repository; raise CONFLICT, having written nothing, where none could come."""
    there = yield from one(REPOSITORY, {"repository": entry.name})
    if there is None and entry.kind is DeletionKind.REPOSITORY:
        yield RENAME, {"of_id": hidden_id, "new_name": entry.name}
        rows = yield ALL_TAGS, {"repository_id": hidden_id}
        return Restored(entry, tuple(row.name for row in rows), (), ())
    if not entry.images:
        # No image comes along that a tag could wait for.
        coming = yield COMING, {"from_repository": hidden_id, "to_repository": there.id if there else 0}
        left, missing = _staying(coming)
        if len(left) + len(missing) == len(coming):
            _refuse(entry, left, missing)
    to = (yield from ensure_repository(entry.repository, hand.at)).repository_id
    yield from _bring_images(hidden_id, to)
    coming = yield COMING, {"from_repository": hidden_id, "to_repository": to}
    left, missing = _staying(coming)
    yield from _bring_tags(to, [row for row in coming if row.present is None and row.image is not None], hand)
    ((pulls, pushes),) = yield COUNTS, {"repository_id": hidden_id}
    yield ADD_COUNTS, {"of_id": to, "more_pulls": pulls, "more_pushes": pushes}
    yield PUSHED, {"of_id": to, "at": hand.at}
    yield DROP_REPOSITORY, {"of_id": hidden_id}
    back = tuple(row.name for row in coming if row.name not in {*left, *missing})
    return Restored(entry, back, left, missing)


def _bring_images(hidden_id: int, to: int) -> Steps[None]:
    """Link their blobs before the hidden links go: at no moment does nothing keep one."""
    between = {"from_repository": hidden_id, "to_repository": to}
    yield COPY_LINKS, between
    yield COPY_EDGES, between
    yield BRING_IMAGES, {**between, "new_repository": to}
    yield BRING_HISTORY, {"from_repository": hidden_id, "new_repository": to}


def _bring_tags(to: int, rows: Sequence[Row], hand: Hand) -> Steps[None]:
    if not rows:
        return
    usual: dict[str, Any] = {"repository_id": to}
    pushed = ({"digest": row.digest, "pushed_at": row.pushed_at, "pushed_by": row.pushed_by} for row in rows)
    yield PUT_TAG, [{**usual, "name": row.name, **more} for row, more in zip(rows, pushed, strict=True)]
    for row in rows:
        yield from remember(to, row.name, row.digest, None, hand)


def _staying(coming: Rows) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the tags that point elsewhere by now, and those whose image is not there."""
    left = tuple(row.name for row in coming if row.present not in {None, row.digest})
    return left, tuple(row.name for row in coming if row.present is None and row.image is None)


def _refuse(entry: DeletedEntry, left: Sequence[str], missing: Sequence[str]) -> None:
    """Say why no tag of a deletion can come back; where there are none, there was nothing to bring."""
    if missing:
        message = f"{entry.name} has no image any more for {', '.join(missing)}; restore the image first"
        raise MoorageError(ErrorCode.CONFLICT, message, {"missing": list(missing)})
    if left:
        message = f"in {entry.name} {', '.join(left)} point elsewhere by now; delete or move them first"
        raise MoorageError(ErrorCode.CONFLICT, message, {"left": list(left)})
