"""What stands in the way of withdrawing a record: records that point at it and would be left pointing at nothing."""

from dataclasses import dataclass

import sqlalchemy as sa

from tracker.extensions import db
from tracker.models import Lock, Part, Record


@dataclass
class References:
    """Records not withdrawn that refer to another.

    seen: how many the reader sees of each kind. are_hidden: whether there are more.
    """

    seen: list[tuple[type[Record], int]]
    are_hidden: bool

    def __bool__(self):
        return bool(self.seen) or self.are_hidden


def references_to(record) -> References:
    """The records that refer to this one without belonging to it; what belongs to it, as an arm does, goes with it.

    A regimen is in use even where the reader may not see the trial: then only that is told.
    """
    seen, are_hidden = [], False
    for model in [*Record.__subclasses__(), *Part.__subclasses__()]:
        for relationship in sa.inspect(model).relationships:
            if relationship.mapper.class_ is not type(record) or relationship.direction.name != "MANYTOONE":
                continue
            if _owner_of(model) == relationship.key or model is Lock:  # of which only the present ones hinder
                continue
            statement = _counting(model, relationship, record)
            count = db.session.scalar(statement)
            if count:
                seen.append((_page_of(model), count))
            are_hidden |= db.session.scalar(statement.execution_options(unscoped=True)) > count
    return References(seen, are_hidden)


def _owner_of(model):
    return model.owner if issubclass(model, Part) else (model.trial_path or "").split(".")[0]


def _page_of(model):
    return sa.inspect(model).relationships[model.owner].mapper.class_ if issubclass(model, Part) else model


def _counting(model, relationship, record):
    (column,) = relationship.local_columns
    statement = sa.select(sa.func.count(model.id)).where(getattr(model, column.key) == record.id)
    if issubclass(model, Part):
        owner = sa.inspect(model).relationships[model.owner]
        return statement.join(getattr(model, model.owner)).where(owner.mapper.class_.withdrawn_at.is_(None))
    return statement.where(model.withdrawn_at.is_(None))
