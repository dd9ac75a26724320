"""What a deletion takes and what it frees, worked out before anything goes.

An image takes its tags, the platforms that no other index names and no tag points to, and what refers to any of these
(signatures, attestations). A blob comes free when no image that stays, in any repository, needs it.
"""

from collections.abc import Container, Sequence

from sqlalchemy import bindparam, select, union

from moorage.domain.digest import Digest
from moorage.domain.name import Repository
from moorage.metastore.contents import SOME, TAGS_OF, TARGETS, VISIBLE, in_pieces
from moorage.metastore.steps import Row, Steps, one
from moorage.metastore.tables import edges, links, manifests, repositories, tags, total
from moorage.services.records import Deletion
from moorage.services.trash_records import HIDDEN

EVERY_IMAGE = select(manifests.c.digest).where(manifests.c.repository_id == bindparam("repository_id"))
EVERY_TAG = select(tags.c.name).where(tags.c.repository_id == bindparam("repository_id"))
TAGGED = select(tags.c.name).where(
    tags.c.repository_id == bindparam("repository_id"), tags.c.name.in_(bindparam("some", expanding=True))
)

_here = manifests.c.repository_id == bindparam("repository_id")
PRESENT = select(manifests.c.digest).where(_here, manifests.c.digest.in_(bindparam("some", expanding=True)))
FOLLOWERS = union(
    select(manifests.c.digest)
    .join(edges, (edges.c.repository_id == manifests.c.repository_id) & (edges.c.target == manifests.c.digest))
    .where(_here, edges.c.source == bindparam("digest")),
    select(manifests.c.digest).where(_here, manifests.c.subject == bindparam("digest")),
)
PARENTS = select(edges.c.source).where(
    edges.c.repository_id == bindparam("repository_id"), edges.c.target == bindparam("digest")
)

BODIES = select(total(manifests.c.body_size)).where(_here, manifests.c.digest.in_(bindparam("some", expanding=True)))
EVERY_LINK = select(links.c.digest, links.c.size).where(links.c.repository_id == bindparam("repository_id"))
_linked = (links.c.repository_id == bindparam("repository_id"), links.c.digest.in_(bindparam("some", expanding=True)))
_here_too = (edges.c.repository_id == links.c.repository_id, edges.c.target == links.c.digest)
# Whether more images here have a blob than so many: what they all share is not counted through.
MORE_HERE = select(
    links.c.digest,
    select(edges.c.source).where(*_here_too).limit(1).offset(bindparam("most")).scalar_subquery().label("more"),
).where(*_linked)
HERE = select(edges.c.target, edges.c.source).where(
    edges.c.repository_id == bindparam("repository_id"), edges.c.target.in_(bindparam("some", expanding=True))
)
# What lies in the trash keeps nothing from coming free: of all that share a layer, the last to be deleted frees it.
ELSEWHERE = select(links.c.digest).where(
    *_linked,
    select(edges.c.source)
    .join(repositories, repositories.c.id == edges.c.repository_id)
    .where(
        edges.c.target == links.c.digest,
        edges.c.repository_id != links.c.repository_id,
        repositories.c.name < HIDDEN,
    )
    .exists(),
)
_in_trash = select(repositories.c.id).where(repositories.c.name >= HIDDEN)
KEEPERS = select(edges.c.target, edges.c.repository_id, edges.c.source).where(
    edges.c.target.in_(bindparam("some", expanding=True)), edges.c.repository_id.not_in(_in_trash)
)


def deletion(repository: Repository, digests: Sequence[Digest] | None, names: Sequence[str]) -> Steps[Deletion]:
    """Plan the deletion of images with all their tags, and of tags alone; None for digests: of everything."""
    found = yield from one(VISIBLE, {"repository": str(repository)})
    if found is None:
        return Deletion((), (), 0)
    if digests is None:
        rows = yield EVERY_IMAGE, {"repository_id": found.id}
        images = [row.digest for row in rows]
        rows = yield EVERY_TAG, {"repository_id": found.id}
        goes = {row.name for row in rows}
    else:
        images = yield from family_of(found.id, digests)
        goes = yield from _tags_of(found.id, images)
        rows = yield from in_pieces(TAGGED, found.id, names)
        goes |= {row.name for row in rows}
    frees = yield from _frees(found.id, images, every=digests is None)
    return Deletion(tuple(sorted(goes)), tuple(Digest(image) for image in images), frees)


def alone(repository_id: int, digest: Digest) -> Steps[Deletion | None]:
    """Plan the deletion of an image with its tags, and of nothing else; None when there is none."""
    found = yield from in_pieces(PRESENT, repository_id, [digest])
    if not found:
        return None
    goes = yield from _tags_of(repository_id, [digest])
    frees = yield from _frees(repository_id, [digest], every=False)
    return Deletion(tuple(sorted(goes)), (digest,), frees)


def family_of(repository_id: int, digests: Sequence[Digest]) -> Steps[list[str]]:
    """Return the images, and whatever exists only for them."""
    rows = yield from in_pieces(PRESENT, repository_id, digests)
    family = dict.fromkeys(row.digest for row in rows)
    waiting = list(family)
    while waiting:
        followers = yield FOLLOWERS, {"repository_id": repository_id, "digest": waiting.pop()}
        for row in followers:
            if row.digest not in family and (yield from _is_only_for(repository_id, row.digest, family)):
                family[row.digest] = None
                waiting.append(row.digest)
    return list(family)


def _is_only_for(repository_id: int, digest: str, family: Container[str]) -> Steps[bool]:
    pointing = yield TAGS_OF, {"repository_id": repository_id, "digest": digest}
    if pointing:
        return False
    parents = yield PARENTS, {"repository_id": repository_id, "digest": digest}
    return all(row.source in family for row in parents)


def _tags_of(repository_id: int, images: Sequence[str]) -> Steps[set[str]]:
    found: set[str] = set()
    for image in images:
        rows = yield TAGS_OF, {"repository_id": repository_id, "digest": image}
        found.update(row.name for row in rows)
    return found


def _frees(repository_id: int, images: Sequence[str], *, every: bool) -> Steps[int]:
    rows = yield from in_pieces(BODIES, repository_id, images)
    total = sum(int(row[0]) for row in rows)
    if every:
        targets = yield EVERY_LINK, {"repository_id": repository_id}
    else:
        targets = yield from in_pieces(TARGETS, repository_id, images)
    sizes = {row.digest: row.size for row in targets}
    rest = list(sizes) if every else (yield from _not_kept_here(repository_id, images, list(sizes)))
    elsewhere = {row.digest for row in (yield from in_pieces(ELSEWHERE, repository_id, rest))}
    return total + sum(int(sizes[digest]) for digest in rest if digest not in elsewhere)


def _not_kept_here(repository_id: int, images: Sequence[str], targets: Sequence[str]) -> Steps[list[str]]:
    """Return what no other image of the repository has: first those are set aside that more have than are going."""
    rows: list[Row] = []
    for start in range(0, len(targets), SOME):
        asked = {"repository_id": repository_id, "some": targets[start : start + SOME], "most": len(images)}
        rows += yield MORE_HERE, asked
    few = [row.digest for row in rows if row.more is None]
    going = set(images)
    kept = {row.target for row in (yield from in_pieces(HERE, repository_id, few)) if row.source not in going}
    return [digest for digest in few if digest not in kept]
