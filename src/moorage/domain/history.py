"""The history of tags: in which ways a tag moves, and how much of its past is kept."""

from enum import StrEnum


class How(StrEnum):
    """In which way a tag came to point where it points, or to nothing; docs/tags.md says of each what it means."""

    PUSH = "push"
    RETAG = "retag"
    ROLLBACK = "rollback"
    DELETION = "deletion"
    RETENTION = "retention"
    RESTORE = "restore"


KEPT_MOVES = 10_000
"""The newest moves that are kept of one tag."""

KEPT_DAYS = 400
"""How long the history of a tag outlives its deletion."""
