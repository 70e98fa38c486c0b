"""The data that kept figures rest on: all data of some trials, the same for every reader, no arm masked.

For hashes of the data, never for what is shown.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from flask import current_app

from tracker.extensions import db
from tracker.models import Trial
from tracker.reads.base import data_versions
from tracker.scope import everything, everything_of

#: Answers that a process keeps.
REMEMBERED = 10_000


@dataclass(frozen=True)
class DataState:
    """How often the data have changed by now. trials: the ids of all trials by code."""

    trials: dict[str, int]
    versions: dict[int | None, int]

    def told(self, codes: Iterable[str], question: Hashable, answer: Callable):
        """What `answer` makes of the data of the trials with these codes.

        From memory where it was asked the same before, and no data of these trials have changed since.
        """
        ids = sorted(self.trials[code] for code in codes if code in self.trials)
        memory = current_app.extensions.setdefault("kept", {})
        key = question, tuple((trial, self.versions.get(trial)) for trial in [*ids, None])
        if key in memory and not db.session.info.get("has_written"):
            return memory[key]
        with everything_of(ids):
            found = answer()
        if not db.session.info.get("has_written"):
            if len(memory) >= REMEMBERED:
                memory.clear()
            memory[key] = found
        return found


def data_state() -> DataState:
    with everything():
        trials = dict(db.session.execute(sa.select(Trial.code, Trial.id)).all())
        return DataState(trials, data_versions())


def sees_trials(codes: Iterable[str]) -> bool:
    """Whether the reader sees every trial with one of these codes."""
    codes = set(codes)
    return len(codes) == len(db.session.scalars(sa.select(Trial.id).where(Trial.code.in_(codes))).all())
