"""The leases' clock: seconds that passed while a server ran, so that no jump of the wall clock ends a lease early."""

from sqlalchemy import Float, bindparam, cast, select

from moorage.metastore.tables import clock

NOW = select(clock.c.seconds).where(clock.c.id == 1).scalar_subquery()
LONGEST_TICK = 60.0
TICKS_IN_A_LEASE = 20
RENEWED = 23 / 24
"""A lease with less than this share of its time left is renewed when it is asked for: a write an hour at most."""


def granted(promised: float) -> float:
    """Return the lease to give, in seconds, so that `promised` are always left: before a renewal, between two ticks."""
    return (promised + tick_of(promised)) / RENEWED


def tick_of(lease: float) -> float:
    """Return how often the clock must advance, in seconds, for leases of that length."""
    return min(LONGEST_TICK, max(lease / TICKS_IN_A_LEASE, 0.05))


LEASE = NOW + cast(bindparam("lease"), Float)
"""When a lease given now ends; the statement needs the parameter `lease` in seconds."""
