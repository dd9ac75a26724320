"""Overriding what holds an immutable tag: owners may, in so many words, where there is a place for them.

A container client has none: what it sends, it sends without asking anybody. So `/v2/` never overrides a rule.
"""

from moorage.domain.access import Action, Caller
from moorage.domain.activity import Facts
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.immutable import check_reason
from moorage.domain.name import Repository
from moorage.services.access import Access


async def overrides(access: Access, caller: Caller, repository: Repository, reason: str | None) -> bool:
    """Tell whether immutable tags move, too: those for which a reason is given.

    Raise VALUE_INVALID for what is no reason, DENIED for who does not own the registry.
    """
    if not may_override(caller, reason):
        return False
    await access.check_registry(caller, Action.ADMINISTER_REGISTRY, repository.registry)
    return True


def may_override(caller: Caller, reason: str | None) -> bool:
    """Tell whether an owner gives a reason; raise VALUE_INVALID for what is none."""
    if reason is None:
        return False
    check_reason(reason)
    if caller.scope is not None:
        message = "this token is for pushing and pulling; use a password to override what holds a tag"
        raise MoorageError(ErrorCode.DENIED, message)
    return True


def with_reason(facts: Facts | None, reason: str | None) -> Facts | None:
    """Return the facts of a change with the reason that was given for it."""
    return facts if reason is None else {**(facts or {}), "override": reason}
