"""Whether an image is whole, as a column of its row: nothing that it needs, or an image of it, was found damaged.

Where nothing is damaged at all, and that is nearly always so, it costs a look at two empty indexes. Else it follows the
image's own edges, down an index to its images and their blobs.
"""

from sqlalchemy import Text, and_, case, exists, false, literal_column, or_, select

from moorage.metastore.tables import edges, manifests, quarantined

_found = manifests.alias("found_damaged")

# Words, since a common table expression can't be told that its columns are those of the query around it.
_parts = select(
    literal_column("manifests.repository_id", edges.c.repository_id.type).label("repository_id"),
    literal_column("manifests.digest", Text).label("digest"),
).cte("parts", recursive=True, nesting=True)
_parts = _parts.union(
    select(edges.c.repository_id, edges.c.target).join(
        _parts, and_(edges.c.repository_id == _parts.c.repository_id, edges.c.source == _parts.c.digest)
    )
)
_is_damaged = or_(
    exists().where(quarantined.c.digest == _parts.c.digest),
    exists().where(
        _found.c.repository_id == _parts.c.repository_id,
        _found.c.digest == _parts.c.digest,
        _found.c.damage.is_not(None),
    ),
)
# Not EXISTS, and in an order: PostgreSQL would look through all images for one, where it knows little of them.
_first_damaged = select(_found.c.id).where(_found.c.damage.is_not(None)).order_by(_found.c.id).limit(1)
_anything_is = or_(exists(select(quarantined.c.digest)), _first_damaged.scalar_subquery().is_not(None))

IS_DAMAGED = case((_anything_is, select(_parts.c.digest).where(_is_damaged).exists()), else_=false()).label(
    "is_damaged"
)
"""Of the row of `manifests` that a statement finds."""
