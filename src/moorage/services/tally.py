"""What is counted in memory and written every few seconds: pulls, refusals, and passwords that were right.

Nothing of it comes with a write of its own, and must not: a pull writes nothing, and whoever guesses passwords must
neither fill the disk nor keep it busy. So what is alike within a minute (the same kind, person, access token, address
and target) is one row at once, and one more with the rest when the minute is over. Of each kind a hundred are told
apart in a minute, and 25 of one person, so that one hides nobody else; what comes beyond them is one more row, of the
person or of nobody in particular.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from moorage.domain.activity import Change, Facts, Kind, Origin, Outcome, Reason, Who
from moorage.domain.name import Repository
from moorage.services.recording import ORIGIN, ActivityRecord, row_of

SECONDS = 60
ROOM = 100
ROOM_OF_ONE = 25
MOST_UNWRITTEN = 1_000
"""Rows that are kept for a database that can't take them now; the oldest go first."""

LONGEST_TARGET = 512
"""Characters: an address may be longer, and hold what its sender likes."""

Key = tuple[Kind, Outcome, str, str, str, str, str]


@dataclass(slots=True)
class _Alike:
    """Rows that are alike: the first, how many are not written yet, and until when more are added."""

    row: ActivityRecord
    times: int
    until: float
    is_new: bool = True


class Tally:
    """Counts until it is asked for what there is to write."""

    def __init__(self) -> None:
        self._pulls: dict[str, int] = {}
        self._alike: dict[Key, _Alike] = {}
        self._unwritten: list[ActivityRecord] = []

    def pulled(self, repository: Repository) -> None:
        """Count a pull."""
        name = str(repository)
        self._pulls[name] = self._pulls.get(name, 0) + 1

    def refused(self, who: str, token: str, target: str, method: str, status: int) -> None:
        """Count that somebody asked for what they may not; `token` is the name of the access token, if it was one."""
        change = Change(Kind.ACCESS, target[:LONGEST_TARGET], None, {"method": method, "status": status})
        self._add(change, who, token, Outcome.REFUSED)

    def signed_in(self, who: Who, facts: Facts | None = None) -> None:
        """Count that credentials were right."""
        self._add(Change(Kind.SIGN_IN, who.name, None, facts, who.registry), who.name, who.token, Outcome.DONE)

    def sign_in_refused(self, who: Who, reason: Reason, facts: Facts | None = None) -> None:
        """Count that credentials were not accepted; `who` is whose they are, or the account tried, if there is one.

        A name without an account is not kept: people type their passwords there.
        """
        change = Change(Kind.SIGN_IN, who.name, None, {"reason": reason.value, **(facts or {})}, who.registry)
        self._add(change, who.name, who.token, Outcome.REFUSED)

    def take(self, now: float) -> tuple[Sequence[ActivityRecord], Mapping[str, int]]:
        """Return what there is to write, at a time in Unix seconds, and forget it."""
        rows, self._unwritten = self._unwritten, []
        for key, alike in list(self._alike.items()):
            is_over = now >= alike.until
            if alike.times and (alike.is_new or is_over):
                rows.append(replace(alike.row, after=_times(alike.row.after, alike.times)))
                alike.times, alike.is_new = 0, False
            if is_over:
                del self._alike[key]
        pulls, self._pulls = self._pulls, {}
        return rows, pulls

    def give_back(self, rows: Sequence[ActivityRecord], pulls: Mapping[str, int]) -> None:
        """Keep what could not be written for the next time."""
        self._unwritten = [*rows, *self._unwritten][-MOST_UNWRITTEN:]
        for name, times in pulls.items():
            self._pulls[name] = self._pulls.get(name, 0) + times

    def _add(self, change: Change, who: str, token: str, outcome: Outcome) -> None:
        now, origin = time.time(), ORIGIN.get()
        row = row_of(change, who, origin, now, outcome, token)
        if _key(row) not in self._alike:
            row = self._told_apart(row)
        alike = self._alike.setdefault(_key(row), _Alike(row, 0, now + SECONDS))
        if not alike.times:
            alike.row = row
        alike.times += 1

    def _told_apart(self, row: ActivityRecord) -> ActivityRecord:
        """Return a new row, or the one that it is added to where there are too many."""
        others = [key for key in self._alike if key[:2] == (row.kind, row.outcome)]
        if sum(key[2] == row.who for key in others) >= ROOM_OF_ONE:
            row = _rest(row, row.who)
        return row if len(others) < ROOM or _key(row) in self._alike else _rest(row, "")


def _rest(row: ActivityRecord, who: str) -> ActivityRecord:
    return row_of(Change(row.kind, ""), who, Origin(), row.at, row.outcome)


def _key(row: ActivityRecord) -> Key:
    # What was tried at one place is one thing, by whichever method; why a sign-in was refused makes it another.
    facts = repr(row.after) if row.kind is Kind.SIGN_IN else ""
    return row.kind, row.outcome, row.who, row.token, row.address, row.target, facts


def _times(after: Facts | None, times: int) -> Facts | None:
    return after if times == 1 else {**(after or {}), "times": times}
