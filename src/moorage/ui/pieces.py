"""Pieces of pages that stand in every row of a table, put together here: as macros they took a fifth of its time."""

from collections.abc import Callable
from functools import cache

from markupsafe import Markup, escape

from moorage.domain.digest import Digest
from moorage.ui import words

IN_PAGE_ICONS = frozenset({"copy", "check"})
"""Icons the script swaps by name within the page; the others come from icons.svg."""


class Pieces:
    """What templates call by the names of these methods; `path` returns the address of a static file."""

    def __init__(self, path: Callable[[str], str]) -> None:
        self._path = path
        self.icon = cache(self._icon)

    def copy_button(self, text: str, label: str) -> Markup:
        """Return the button that copies a text, named by a label."""
        text, label = escape(words.visible(text)), escape(words.visible(label))
        named = f'data-copy="{text}" aria-label="{label}" title="{label}"'
        return Markup(f'<button class="copy js" type="button" {named}>{self.icon("copy")}</button>')  # noqa: S704  escaped above

    def whole_digest(self, value: Digest) -> Markup:
        """Return a digest's first digits, with the button that copies all of them."""
        whole, short = escape(value), escape(words.short(value))
        button = self.copy_button(value, f"Copy digest {short}")
        return Markup(f'<span class="dig"><span title="{whole}">{short}</span>{button}</span>')  # noqa: S704  escaped above

    def _icon(self, name: str) -> Markup:
        place = "" if name in IN_PAGE_ICONS else self._path("icons.svg")
        return Markup('<svg class="i" aria-hidden="true"><use href="{}#i-{}"/></svg>').format(place, name)
