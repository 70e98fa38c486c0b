"""Who is reading and writing, and which trials they may see: added to every select.

Nothing is read before it is said for whom: a request says `reading_as(user)`, commands, jobs and the
demonstration say `with everything():`. A record that is withdrawn, or whose trial or owner is, is in no
select, unless its statement asks with `execution_options(include_withdrawn=True)`.
"""

import contextlib
import functools
import getpass
import uuid
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.orm.interfaces import CriteriaOption

from tracker.extensions import db
from tracker.models import Record, Trial, TrialMember, User
from tracker.roles import Permission, Role


@dataclass
class Reader:
    """On whose behalf the code runs. Without a user: the system's owner, who sees everything."""

    user: User | None
    actor: str
    role: str
    request_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    #: The only trials that the system's owner reads, where not all.
    only: tuple[int, ...] | None = None

    @property
    def user_id(self) -> int | None:
        return self.user.id if self.user else None

    @property
    def sees_all_trials(self) -> bool:
        return self.only is None and (self.user is None or self.user.may(Permission.SEE_ALL_TRIALS))

    @property
    def sees_masked_arms(self) -> bool:
        """Whether arms of a running randomised trial are shown before its results are released."""
        return self.user is None or self.user.role is Role.DIRECTOR

    @cached_property
    def trial_ids(self) -> list[int]:
        """Ids of the trials, withdrawn ones too, that the user is assigned to."""
        if self.only is not None:
            return sorted(self.only)
        return sorted(db.session.scalars(_ASSIGNED, {"user_id": self.user_id}))


#: The trials that a user is assigned to.
_ASSIGNED = (
    sa.select(TrialMember.trial_id)
    .where(TrialMember.user_id == sa.bindparam("user_id"), TrialMember.withdrawn_at.is_(None))
    .execution_options(unscoped=True)
)


def owner_of(model) -> tuple[type[Record], str]:
    """The record that a model's rows belong to, the next one on the way to the trial, and the column for it."""
    return _leads_by(model, model.trial_path.split(".")[0])


@functools.cache
def _leads_by(model, name):
    relationship = sa.inspect(model).relationships[name]
    (column,) = relationship.local_columns
    return relationship.mapper.class_, column.name


_reader: ContextVar[Reader | None] = ContextVar("reader", default=None)


def reader() -> Reader:
    """On whose behalf the code runs now; an error where nobody said."""
    found = _reader.get()
    if found is None:
        raise RuntimeError("nobody said who is reading: use scope.reading_as(user) or scope.everything()")
    return found


@contextlib.contextmanager
def reading_as(user: User, request_id: str | None = None):
    """What is inside is read and written as this user."""
    with _set(Reader(user, str(user), user.role.value, request_id or uuid.uuid4().hex)):
        yield


@contextlib.contextmanager
def everything(actor: str | None = None):
    """What is inside is read and written by the system's owner, who sees every trial."""
    with _set(Reader(None, actor or f"command line: {getpass.getuser()}", "owner")):
        yield


@contextlib.contextmanager
def everything_of(trials: Iterable[int]):
    """What is inside is read by the system's owner, who sees all of these trials, and no other."""
    with _set(Reader(None, "owner", "owner", only=tuple(trials))):
        yield


@contextlib.contextmanager
def nobody(request_id: str | None = None):
    """What is inside is told as done by somebody who is not signed in."""
    with _set(Reader(None, "not signed in", "none", request_id or uuid.uuid4().hex)):
        yield


@contextlib.contextmanager
def _set(new: Reader):
    token = _reader.set(new)
    try:
        yield
    finally:
        _reader.reset(token)


@sa.event.listens_for(orm.Session, "do_orm_execute")
def _add_scope(state: orm.ORMExecuteState):
    if not state.is_select or state.is_column_load or state.is_relationship_load:
        return  # relationships inherit the options of the select that loaded their owner
    if state.execution_options.get("unscoped"):
        return
    if not state.is_orm_statement:
        if _record_tables() & set(sa.sql.visitors.iterate(state.statement)):
            raise RuntimeError(
                "a select over a bare subquery or table escapes the scope: select a record's columns"
            )
        return
    withdrawn_too = bool(state.execution_options.get("include_withdrawn"))
    state.statement = state.statement.options(_criteria(reader().sees_all_trials, withdrawn_too))


class _Criteria(CriteriaOption):
    """A loader criterion for every record, as one option.

    SQLAlchemy finds a compiled statement again by a key of all that is in it. The criteria of all records are longer
    than most statements, and there are only four sets of them: so their key is which of the four it is.
    """

    propagate_to_loaders = True

    def __init__(self, sees_all_trials: bool, withdrawn_too: bool):
        self._key = (_Criteria, sees_all_trials, withdrawn_too)
        self._criteria = [
            orm.with_loader_criteria(model, condition, include_aliases=True)
            for model in sorted(Record.__subclasses__(), key=lambda model: model.__name__)
            if (condition := _condition(model, model, sees_all_trials, withdrawn_too)) is not None
        ]

    def _gen_cache_key(self, anon_map, bindparams):
        return self._key

    def process_compile_state(self, compile_state):
        self.get_global_criteria(compile_state.global_attributes)

    def process_compile_state_replaced_entities(self, compile_state, mapper_entities):
        self.process_compile_state(compile_state)

    def get_global_criteria(self, attributes):
        for criterion in self._criteria:
            criterion.get_global_criteria(attributes)


@functools.cache
def _criteria(sees_all_trials: bool, withdrawn_too: bool) -> _Criteria:
    """The one option of its kind; of which trials the rows may be is asked when a statement runs."""
    return _Criteria(sees_all_trials, withdrawn_too)


_TRIALS = sa.bindparam("trials_seen", callable_=lambda: reader().trial_ids, expanding=True)


def _condition(model, columns, sees_all_trials, withdrawn_too):
    """That a row is seen: not withdrawn itself, and in a trial that is seen; None where every row is.

    columns: whose attributes are the row's columns, the model or an alias of its table.
    """
    terms = [] if withdrawn_too else [columns.withdrawn_at.is_(None)]
    if model.trial_path == "" and not sees_all_trials:
        terms.append(columns.id.in_(_TRIALS))
    for name in filter(None, [(model.trial_path or "").split(".")[0], model.seen_with]):
        owner, key = _leads_by(model, name)
        table = owner.__table__.alias(f"seen_{owner.__tablename__}")
        condition = _condition(owner, table.c, sees_all_trials, withdrawn_too)
        if condition is not None:
            leads = getattr(columns, key)
            seen = leads.in_(sa.select(table.c.id).where(condition))
            # What belongs to no trial, as a finding from a publication, is everybody's.
            is_optional = sa.inspect(model).columns[key].nullable
            terms.append(sa.or_(leads.is_(None), seen) if is_optional else seen)
    if model.trials_path and not sees_all_trials:
        rows = sa.inspect(model).relationships[model.trials_path]
        table = rows.mapper.local_table.alias(f"trials_of_{model.__tablename__}")
        ((_id, key),) = rows.local_remote_pairs
        hidden = sa.select(table.c[key.name]).where(table.c.trial_id.not_in(_TRIALS))
        terms.append(columns.id.not_in(hidden))
    return sa.and_(*terms) if terms else None


@functools.cache
def _record_tables():
    return {model.__table__ for model in Record.__subclasses__()}


def trial_id_of(record) -> int | None:
    """The trial that a record belongs to, if to one."""
    path = record.trial_path
    if path is None:
        return None
    for step in path.split(".") if path else []:
        owner, key = _leads_by(type(record), step)
        if owner.trial_path == "" and step in sa.inspect(record).unloaded:
            return getattr(record, key)
        record = getattr(record, step)
        if record is None:  # a finding may be about no trial
            return None
    return record.id


def visible_trial_ids() -> list[int]:
    """Ids of the trials that the reader may see now, withdrawn ones left out."""
    return list(db.session.scalars(sa.select(Trial.id).order_by(Trial.id)))
