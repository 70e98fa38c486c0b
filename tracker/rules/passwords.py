"""Which passwords are refused (NIST SP 800-63B-4, 3.1.1.2). Length is what counts; no mix of characters is asked."""

import functools
import itertools
import re
from collections.abc import Iterable
from pathlib import Path

from flask_babel import gettext as _

from tracker.values import Refusal, fold

#: Characters of which a part of the name makes a password no longer than the rest of it.
_SHORTEST_WORD = 4


def check_password(password: str, least: int, words: Iterable[str | None] = ()) -> None:
    """Raise Refusal where the password is too short, is a common one, repeats itself, or is little more than one of
    the words, such as the account's name."""
    if len(password) < least:
        raise Refusal(
            _("Write at least %(minimum)d characters; a sentence is easy to keep.", minimum=least), "password"
        )
    plain = password.casefold()
    if plain in common_passwords() or "".join(plain.split()) in common_passwords():
        raise Refusal(_("This password is among the most common ones. Choose another."), "password")
    if _repeats_itself(plain):
        raise Refusal(_("This password repeats a few characters. Choose another."), "password")
    rest = fold(password)
    for word in words:
        for part in re.findall(r"\w+", fold(word or "")):
            if len(part) >= _SHORTEST_WORD:
                rest = rest.replace(part, "")
    if len(rest.strip()) < least // 2:
        raise Refusal(_("This password is little more than the name. Choose another."), "password")


@functools.cache
def common_passwords() -> frozenset[str]:
    path = Path(__file__).parents[1] / "terms" / "common_passwords.txt"
    return frozenset(path.read_text(encoding="utf-8").split("\n")) - {""}


def _repeats_itself(text) -> bool:
    """Whether it is one piece of at most a quarter of its length again and again, or a run such as abcdef or 654321."""
    for size in range(1, len(text) // 4 + 1):
        if text == (text[:size] * len(text))[: len(text)]:
            return True
    steps = {ord(after) - ord(before) for before, after in itertools.pairwise(text)}
    return steps in ({1}, {-1})
