"""What rules of retention decide about a whole repository: for each tag, and each image without one, what and why.

    tags ── immutable? pinned? rules ──▶ stays ──▶ its image stays, with its platforms and what refers to it
                                    └──▶ goes  ──▶ its image goes when nothing that stays leads to it
    images without a tag, an index or a subject here ── pinned? rules ──▶ stay or go likewise

An index, its platforms and what refers to any of these are one: what stays keeps all below it, and a pin on a platform
keeps the index and its tags. Nothing goes that something which stays leads to, and nothing goes without a rule.
"""

import hashlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

from moorage.domain.immutable import Rule as ImmutableRule
from moorage.domain.immutable import held_by
from moorage.domain.retention import Of, Rest, Rule, rule_text
from moorage.domain.retention_clauses import Clauses, Thing, is_about
from moorage.domain.retention_facts import ImageFacts, PinFacts, RepositoryFacts, TagFacts, reach

NO_RULE = "no rule is about it"
LAST_TAG = "the last tag of a repository stays"


class KnownRule(NamedTuple):
    """A rule, and what it is known by."""

    id: int
    name: str
    rule: Rule


def mark_of(rules: Sequence[KnownRule], immutable: Sequence[ImmutableRule]) -> str:
    """Return what is the same as long as rules are, and the tags that no rule lets go."""
    text = "\n".join([*(f"{known.id} {rule_text(known.rule)}" for known in rules), *map(str, immutable)])
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a tag, or of an image without one (`tag` None), by which rule (None: by none), and why.

    `until` is when time alone may change what stays. `is_whole` where nothing keeps the image of what goes; `takes` are
    the images that go with it, each listed once in a repository.
    """

    tag: str | None
    digest: str
    goes: bool
    reason: str
    rule: KnownRule | None = None
    until: float = inf
    is_whole: bool = False
    takes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What it is listed by."""
        return self.digest if self.tag is None else self.tag


@dataclass(frozen=True, slots=True)
class Verdict:
    """All decisions about a repository, tags before images without one, by key.

    `due` is when to look again, if nothing happens before; infinite where time alone changes nothing.
    """

    decisions: tuple[Decision, ...]
    due: float

    @property
    def going(self) -> tuple[Decision, ...]:
        """What goes."""
        return tuple(decision for decision in self.decisions if decision.goes)


def decide_retention(facts: RepositoryFacts, rules: Sequence[KnownRule], now: float) -> Verdict:
    """Decide; the rules are in their order, those for other repositories among them."""
    steps = deciding(facts, rules, now)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            verdict: Verdict = end.value
            return verdict


def deciding(facts: RepositoryFacts, rules: Sequence[KnownRule], now: float) -> Generator[None, None, Verdict]:
    """Decide likewise, a little at each step: of a large repository it is much, and others want to work meanwhile."""
    mine = [known for known in rules if known.rule.is_about_repository(facts.path)]
    tags, untagged = _things(facts)
    yield
    by_rules = _ByRules(mine, tags, untagged, now, facts.pulls_since)
    held = _held(facts)
    first: list[Decision] = []
    for thing in (*tags, *untagged):
        first.append(_first(facts, held, by_rules, thing))
        yield
    first = _with_last_tag(first, tags)
    staying = {decision.digest for decision in first if not decision.goes} | held.keys()
    yield
    attached, kept = _with_attached(facts, first, reach(staying, facts.followers))
    yield
    decisions = [*first, *attached]
    ordered = sorted(decisions, key=lambda decision: (decision.tag is None, decision.key))
    pinned = (max(map(_until, pins)) for pins in facts.pins.values())
    due = min([*pinned, *(decision.until for decision in decisions if not decision.goes)], default=inf)
    whole: list[Decision] = []
    for decision in _with_takes(facts, ordered, kept):
        whole.append(decision)
        yield
    return Verdict(tuple(whole), due)


def _things(facts: RepositoryFacts) -> tuple[list[Thing], list[Thing]]:
    """Return the tags, and the images that no tag, index or subject leads to."""
    tags = [
        _thing(facts, facts.images[tag.digest], tag)
        for tag in facts.tags
        if tag.digest in facts.images and tag.name not in facts.attached
    ]
    untagged = [_thing(facts, image, None) for image in facts.images.values() if _is_root(facts, image)]
    return tags, untagged


def _thing(facts: RepositoryFacts, image: ImageFacts, tag: TagFacts | None) -> Thing:
    at = max(image.pushed_at, image.untagged_at or 0.0) if tag is None else tag.at
    return Thing(image, tag, at, facts.pulled.get(image.digest))


def _is_root(facts: RepositoryFacts, image: ImageFacts) -> bool:
    is_below = bool(facts.parents.get(image.digest)) or image.subject in facts.images
    return not is_below and not facts.tagged.get(image.digest)


def _held(facts: RepositoryFacts) -> Mapping[str, tuple[str, PinFacts]]:
    """Return the images that a pin keeps, with the pinned one: that, and the indexes that it is a platform of."""
    held: dict[str, tuple[str, PinFacts]] = {}
    for digest, pins in facts.pins.items():
        longest = max(pins, key=_until)
        for image in reach([digest], facts.parents):
            if image not in held or _until(held[image][1]) < _until(longest):
                held[image] = digest, longest
    return held


def _until(pin: PinFacts) -> float:
    return inf if pin.until is None else pin.until


class _ByRules:
    """Decides by rules alone."""

    def __init__(
        self,
        rules: Sequence[KnownRule],
        tags: Sequence[Thing],
        untagged: Sequence[Thing],
        now: float,
        pulls_since: float,
    ) -> None:
        self._rules = [
            (known, Clauses(known.rule, untagged if known.rule.of is Of.UNTAGGED else tags, now, pulls_since))
            for known in rules
        ]

    def of(self, thing: Thing) -> Decision:
        tag, digest = thing.tag.name if thing.tag else None, thing.image.digest
        for known, clauses in self._rules:
            if not is_about(known.rule, thing):
                continue
            every = list(clauses.of(thing))
            holding = [clause for clause in every if clause.holds]
            if holding:
                reason, until = " and ".join(clause.words for clause in holding), max(one.until for one in holding)
                return Decision(tag, digest, goes=False, reason=reason, rule=known, until=until)
            if known.rule.rest is Rest.REMOVE:
                reason = ", ".join(clause.words for clause in every)
                return Decision(tag, digest, goes=True, reason=reason, rule=known)
        return Decision(tag, digest, goes=False, reason=NO_RULE)


def _first(
    facts: RepositoryFacts, held: Mapping[str, tuple[str, PinFacts]], by_rules: _ByRules, thing: Thing
) -> Decision:
    """Decide about something by itself."""
    tag, digest = thing.tag.name if thing.tag else None, thing.image.digest
    immutable = None if tag is None else held_by(tag, facts.path, facts.immutable)
    if immutable is not None:
        return Decision(tag, digest, goes=False, reason=f"immutable ({immutable})")
    if digest in held:
        pinned, pin = held[digest]
        what = "" if pinned == digest else "one of its platforms is "
        reason = f"{what}pinned by {pin.by}" + (f": {pin.why}" if pin.why else "")
        return Decision(tag, digest, goes=False, reason=reason, until=_until(pin))
    return by_rules.of(thing)


def _with_last_tag(first: Sequence[Decision], tags: Sequence[Thing]) -> list[Decision]:
    """Keep the newest tag where rules would leave a repository none; what a label lets go was meant to."""
    tagged = {decision.tag: decision for decision in first if decision.tag is not None}
    may_stay = [
        thing
        for thing in tags
        if (rule := tagged[thing.key].rule) is not None and tagged[thing.key].goes and rule.rule.of is not Of.LABELLED
    ]
    if not may_stay or not all(decision.goes for decision in tagged.values()):
        return list(first)
    last = min(may_stay, key=lambda thing: thing.newest_first).key
    return [
        replace(decision, goes=False, reason=LAST_TAG, until=inf) if decision.tag == last else decision
        for decision in first
    ]


def _with_attached(
    facts: RepositoryFacts, first: Sequence[Decision], kept: AbstractSet[str]
) -> tuple[list[Decision], AbstractSet[str]]:
    """Decide about tags as `sha256-….sig`, and return them with all images that stay."""
    while True:
        attached = list(_attached(facts, first, kept))
        more = reach(kept | {decision.digest for decision in attached if not decision.goes}, facts.followers)
        if more == kept:
            return attached, kept
        # What stays keeps what is below it, and that may be what another one is attached to.
        kept = more


def _attached(facts: RepositoryFacts, first: Sequence[Decision], kept: AbstractSet[str]) -> Iterator[Decision]:
    """Decide about each: it goes with what it is about, and only with that."""
    by: dict[str, Decision] = {}
    for root in first:
        if root.goes and root.digest not in kept:
            for digest in reach([root.digest], facts.followers):
                by.setdefault(digest, root)
    for tag in facts.tags:
        subject = facts.attached.get(tag.name)
        if subject is None or tag.digest not in facts.images:
            continue
        immutable = held_by(tag.name, facts.path, facts.immutable)
        if immutable is not None:
            yield Decision(tag.name, tag.digest, goes=False, reason=f"immutable ({immutable})")
        elif subject in kept or tag.digest in kept or subject not in by:
            yield Decision(tag.name, tag.digest, goes=False, reason=f"belongs to {subject}")
        else:
            root = by[subject]
            yield Decision(tag.name, tag.digest, goes=True, reason=f"goes with {root.key}", rule=root.rule)


def _with_takes(facts: RepositoryFacts, decisions: Sequence[Decision], kept: AbstractSet[str]) -> Iterator[Decision]:
    """Say which images go with each, each image once."""
    taken = set(kept)
    for decision in decisions:
        if not decision.goes or decision.digest in kept:
            yield decision
            continue
        takes = reach([decision.digest], facts.followers) - taken
        taken |= takes
        yield replace(decision, is_whole=True, takes=tuple(sorted(takes)))
