"""Frames: stored data column by column, and the memory that keeps them.

A frame is made by a function `..._frame(participants, as_of)` of this package, where `participants` is a
condition on Participant's columns: a page asks for one participant, `in_scope` for those of whole trials.
Every such frame has a column `trial_id`, but for one that is marked `of_no_trial`.
"""

import contextlib
import datetime
import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from contextvars import ContextVar

import numpy as np
import pandas as pd
import sqlalchemy as sa
from flask import current_app
from pandas.api.extensions import ExtensionArray, take
from sqlalchemy import orm

from tracker.extensions import db, fetch_columns, reads_one_state
from tracker.models import DataVersion, Participant
from tracker.reads.memory import Memory
from tracker.scope import reader, visible_trial_ids

#: Bytes of the frames that one process keeps, without the texts, each of which is kept once a frame.
MEMORY = 256 * 2**20

#: States of trials that one process keeps.
STATES = 10_000

#: What Python's types become in a frame: the first that fits, else text.
_DTYPES = {bool: "boolean", int: "Int64", float: "float64", datetime.date: "datetime64[us]"}

Read = Callable[[sa.ColumnElement, datetime.date], pd.DataFrame]


def frame(statement: sa.Select) -> pd.DataFrame:
    """What a select of a record's columns finds, within the reader's scope.

    A column bears its label. Its dtype does not depend on what it holds: boolean, Int64, float64,
    datetime64[us], and str for text, codes and terms, the last as their values.
    """
    columns = statement.column_descriptions
    # A term is read as its text: to make a member of each cell would take longer than the query.
    plain = [
        sa.type_coerce(column["expr"], sa.String).label(column["name"])
        if isinstance(column["type"], sa.Enum)
        else column["expr"]
        for column in columns
    ]
    found = fetch_columns(db.session, statement.with_only_columns(*plain))
    return pd.DataFrame(
        {
            column["name"]: _array(cells, convert, column["type"].python_type)
            for column, (cells, convert) in zip(columns, found)
        }
    )


def _array(cells, convert, kind) -> ExtensionArray:
    dtype = next((dtype for one, dtype in _DTYPES.items() if issubclass(kind, one)), "str")
    if convert is None and dtype in ("Int64", "float64"):
        return pd.array(cells, dtype=dtype)
    codes, distinct = pd.factorize(cells)  # each value is converted once, and equal texts are one object
    values = distinct.tolist() if convert is None else [convert(value) for value in distinct]
    return pd.array(values, dtype=dtype).take(codes, allow_fill=True)


def rows_of(keys: pd.Series, known: pd.DataFrame, key: str) -> dict[str, np.ndarray | ExtensionArray]:
    """The other columns of the rows of `known` that have these keys, in their order; missing where none has it.

    No two rows have the same key. It does what a merge does, of which the fixed cost is that of many such columns.
    """
    at = pd.Index(known[key]).get_indexer(keys)
    return {name: take(known[name].values, at, allow_fill=True) for name in known if name != key}


def beside_rows(found: pd.DataFrame, columns: dict) -> pd.DataFrame:
    """The same rows with more columns."""
    return pd.concat([found, pd.DataFrame(columns, found.index)], axis="columns")


def joined(found: pd.DataFrame, known: pd.DataFrame, key: str) -> pd.DataFrame:
    """The same rows with the columns of `rows_of`."""
    return beside_rows(found, rows_of(found[key], known, key))


def beside(read: Read) -> Read:
    """Mark how a frame is read that is neither of participants nor of arms, and of which readers see different rows."""
    read.is_beside = True
    return read


def in_scope(read: Read, as_of: datetime.date) -> pd.DataFrame:
    """The frame of all trials that the reader may see, from memory where their data have not changed."""
    return frames_in_scope([read], as_of)[0]


def frames_in_scope(
    reads: list[Read], as_of: datetime.date, only: Iterable[int] | None = None
) -> list[pd.DataFrame]:
    """Several of them. only: the ids of those trials that are asked for, where not of all that the reader may see."""
    versions = data_versions()
    wanted = None if only is None else set(only)
    trials = [trial for trial in _trials_seen() if wanted is None or trial in wanted]
    kept = [
        None
        if db.session.info.get("has_written")
        else _beside(read, as_of)
        if getattr(read, "is_beside", False)
        else _of_no_trial(read, as_of, versions)
        if getattr(read, "is_of_no_trial", False)
        else _of_trials(read, as_of, trials, versions)
        for read in reads
    ]
    if (listed := _handed_out.get()) is not None:
        listed.extend(None if one is None else one.attrs["number"] for one in kept)
    return [
        _read(read, trials, as_of) if one is None else one.copy(deep=False) for read, one in zip(reads, kept)
    ]


_handed_out: ContextVar[list[int | None] | None] = ContextVar("handed_out", default=None)


@contextlib.contextmanager
def handed_out():
    """The numbers of the frames that are read in scope inside: a frame has the same while its data are the same.

    None stands for one that is not kept.
    """
    numbers = []
    token = _handed_out.set(numbers)
    try:
        yield numbers
    finally:
        _handed_out.reset(token)


def of_no_trial(read: Read) -> Read:
    """Mark how a frame is read whose records belong to no trial, such as publications: it is one for everybody."""
    read.is_of_no_trial = True
    return read


def rests_on(states: Callable[[list[int], datetime.date], dict[int, Hashable]]):
    """Mark what a frame of participants rests on, where that is less than all data of their trials.

    states: of trials and a day, by trial the state of that; what belongs to no trial counts besides.
    """

    def mark(read: Read) -> Read:
        read.states = states
        return read

    return mark


def _beside(read, as_of) -> pd.DataFrame:
    """It is read each time, as no version tells its state; but it keeps its number while the reader's rows stay."""
    key = ((read, reader().user_id, as_of),)
    return _memory().keep({key: read(sa.true(), as_of)})[key]


def _of_no_trial(read, as_of, versions) -> pd.DataFrame:
    key = ((read, None, as_of), versions.get(None))
    memory = _memory()
    found = memory.find([key])
    return found[key] if found else memory.keep({key: read(sa.true(), as_of)})[key]


def _memory() -> "FrameMemory":
    return current_app.extensions.setdefault("frames", FrameMemory(MEMORY))


def data_versions() -> dict[int | None, int]:
    """How often the data of each trial have changed; under None of what belongs to no trial."""
    return once("versions", lambda: dict(db.session.execute(_VERSIONS).all()))


_VERSIONS = sa.select(DataVersion.trial_id, DataVersion.version)


def reach() -> tuple[tuple[int, ...], bool]:
    """What of the data the reader sees: the ids of the trials, and whether masked arms too."""
    return tuple(_trials_seen()), reader().sees_masked_arms


def _trials_seen() -> list[int]:
    return once(("trials", reader().request_id), visible_trial_ids)


def is_still(versions: dict) -> bool:
    """Whether the data are as when they had these versions, so that what was read since is of one state of them."""
    return reads_one_state() or versions == dict(db.session.execute(_VERSIONS).all())


def once(name, ask):
    """What is asked again and again, once a transaction: until it writes, it sees one state of the data."""
    if db.session.new or db.session.dirty or db.session.deleted:
        db.session.flush()
    if db.session.info.get("has_written"):
        return ask()
    known = db.session.info.setdefault("asked", {})
    if name not in known:
        known[name] = ask()
    return known[name]


def _of_trials(read, as_of, trials, versions) -> pd.DataFrame | None:
    if not trials:
        return None
    states = _states(read, as_of, trials, versions)
    keys = {trial: ((read, trial, as_of), states[trial], versions.get(None)) for trial in trials}
    memory = _memory()
    found = memory.find(keys.values())
    missing = [trial for trial, key in keys.items() if key not in found]
    if missing:
        fresh = _by_trial(_read(read, missing, as_of), missing)
        if not is_still(versions):
            return None
        found |= memory.keep({keys[trial]: part for trial, part in fresh.items()})
    parts = [found[key] for key in keys.values()]
    return _joined((read, tuple(trials), as_of), parts) if len(parts) > 1 else parts[0]


def _states(read, as_of, trials, versions) -> dict[int, Hashable]:
    """By trial the state of what the frame rests on: it is asked again where the trial's version has moved."""
    ask = getattr(read, "states", None)
    if ask is None:
        return {trial: versions.get(trial) for trial in trials}
    memory = current_app.extensions.setdefault("states", Memory(STATES))
    found = {trial: memory.find((ask, trial, as_of), versions.get(trial)) for trial in trials}
    if missing := [trial for trial, state in found.items() if state is None]:
        fresh = ask(missing, as_of)
        if is_still(versions):
            memory.keep({(ask, trial, as_of): (versions.get(trial), state) for trial, state in fresh.items()})
        found |= fresh
    return found


def _joined(name, parts) -> pd.DataFrame:
    """The parts as one frame, which is kept while they stay."""
    key = (name, tuple(part.attrs["number"] for part in parts))
    memory = _memory()
    found = memory.find([key])
    return found[key] if found else memory.keep({key: pd.concat(parts, ignore_index=True)})[key]


def _read(read, trials, as_of) -> pd.DataFrame:
    """The rows of these trials; what is not of participants is read of every trial, and chosen here."""
    if getattr(read, "is_beside", False) or getattr(read, "is_of_no_trial", False):
        return read(sa.true(), as_of)
    whole = read(Participant.trial_id.in_(trials), as_of)
    return whole if "participant_id" in whole else whole[whole["trial_id"].isin(trials)]


def _by_trial(whole, trials) -> dict[int, pd.DataFrame]:
    """The rows of each of these trials, copied so that a part does not hold the whole in memory."""
    if len(trials) == 1 and (whole["trial_id"] == trials[0]).all():
        return {trials[0]: whole.reset_index(drop=True)}
    parts = dict(iter(whole.groupby("trial_id")))
    return {trial: parts[trial].reset_index(drop=True) if trial in parts else whole[:0] for trial in trials}


class FrameMemory:
    """Frames by key, the least recently used of which go when all together exceed a number of bytes.

    A key is a tuple: what the frame is of, and the state of the data that it was read in. So nothing is ever
    invalidated, and users share frames. Of each thing the last frame is kept, with a number of its own; one that is as
    it was in the state before stays the same object, so what was made of it holds on.
    """

    _numbers = itertools.count()

    def __init__(self, limit: int):
        self.limit = limit
        self._frames: OrderedDict[Hashable, tuple[tuple, pd.DataFrame, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def find(self, keys: Iterable[tuple]) -> dict[tuple, pd.DataFrame]:
        """Those frames that are kept; their values must not be changed in place."""
        found = {}
        with self._lock:
            for key in keys:
                known, one, _size = self._frames.get(key[0], (None, None, 0))
                if known == key:
                    self._frames.move_to_end(key[0])
                    found[key] = one
        return found

    def keep(self, frames: dict[tuple, pd.DataFrame]) -> dict[tuple, pd.DataFrame]:
        """The frames as they are kept."""
        with self._lock:
            before = {key: self._frames.get(key[0], (None, None, 0))[1] for key in frames}
        same = {key: before[key] is not None and one.equals(before[key]) for key, one in frames.items()}
        frames = {key: before[key] if same[key] else one for key, one in frames.items()}
        for key in frames:
            if not same[key]:
                frames[key].attrs["number"] = next(self._numbers)
        sizes = {key: int(one.memory_usage().sum()) for key, one in frames.items()}
        with self._lock:
            for key, one in frames.items():
                self._bytes += sizes[key] - self._frames.pop(key[0], (None, None, 0))[2]
                self._frames[key[0]] = key, one, sizes[key]
            while self._bytes > self.limit:
                self._bytes -= self._frames.popitem(last=False)[1][2]
        return frames


# A transaction that has written sees data that no version names yet: it reads past the memory.


@sa.event.listens_for(orm.Session, "after_flush")
def _note_flush(session, _context):
    session.info["has_written"] = True


@sa.event.listens_for(orm.Session, "do_orm_execute")
def _note_statement(state):
    if not state.is_select:
        state.session.info["has_written"] = True


@sa.event.listens_for(orm.Session, "after_transaction_end")
def _forget(session, transaction):
    if transaction.parent is None:
        session.info.pop("has_written", None)
        session.info.pop("asked", None)
