"""The tables. Times are Unix seconds, sizes bytes; `leased_until` is in the server's own seconds (`clock`).

    registries ─┬─ grants ── users, groups ─ group_members        who holds a role
                │            users ─ sessions, identities, access_tokens
                └─ repositories ─┬─ links ──────── blobs        what a repository may read; what is on disk
                                 ├─ manifests ─┬─ edges         what a manifest keeps alive
                                 │             └─ tags ─ tag_moves
                                 └─ uploads                     sessions that have not ended
    retention_rules, retention_due, _marks, _state              what rules keep, and when they look again
    retention_runs, retention_run_rules                         what they let go, run by run
    pins, image_pulls                                           what is in use
    deletions                                                   what can be restored, and until when (trash.py)
    activity                                                    what happened; it outlives what it is about
    quarantined, rounds                                         what verification has found, and how far it is
    cleanups, only_here                                         what collections did, and what registries alone have
    moved_blobs, moved_rows                                     what `moorage move` has brought here (moving.py)
    standing                                                    moves when anybody's rights do
    repository_counts, registry_blobs, registry_usage, server_usage
                                                                how much there is: kept by triggers (counts.py)

A lease of NULL means: looked at by a collection and found in use; whatever stops using it sets a lease again, so that
only rows with a lease are ever looked at (collect.py).
"""

from moorage.metastore.tables.columns import WHOLE, WORDS, metadata, total
from moorage.metastore.tables.content import edges, manifests, registries, repositories, tag_moves, tags
from moorage.metastore.tables.counts import KEPT, registry_blobs, registry_usage, repository_counts, server_usage
from moorage.metastore.tables.people import (
    STANDING,
    access_tokens,
    grants,
    group_members,
    groups,
    identities,
    sessions,
    signing_keys,
    standing,
    users,
)
from moorage.metastore.tables.records import activity, moved_blobs, moved_rows
from moorage.metastore.tables.retention import (
    image_pulls,
    pins,
    retention_due,
    retention_marks,
    retention_rules,
    retention_run_rules,
    retention_runs,
    retention_state,
)
from moorage.metastore.tables.storage import (
    blobs,
    cleanups,
    clock,
    discarded,
    links,
    only_here,
    quarantined,
    rounds,
    uploads,
)
from moorage.metastore.tables.trash import deletions

__all__ = [
    "KEPT",
    "STANDING",
    "WHOLE",
    "WORDS",
    "access_tokens",
    "activity",
    "blobs",
    "cleanups",
    "clock",
    "deletions",
    "discarded",
    "edges",
    "grants",
    "group_members",
    "groups",
    "identities",
    "image_pulls",
    "links",
    "manifests",
    "metadata",
    "moved_blobs",
    "moved_rows",
    "only_here",
    "pins",
    "quarantined",
    "registries",
    "registry_blobs",
    "registry_usage",
    "repositories",
    "repository_counts",
    "retention_due",
    "retention_marks",
    "retention_rules",
    "retention_run_rules",
    "retention_runs",
    "retention_state",
    "rounds",
    "server_usage",
    "sessions",
    "signing_keys",
    "standing",
    "tag_moves",
    "tags",
    "total",
    "uploads",
    "users",
]
