"""What is kept of the keys that sign. Times are Unix seconds."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that signs bearer tokens."""

    id: str
    secret: bytes = field(repr=False)
    created_at: float
