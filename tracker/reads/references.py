"""What stands in the way of withdrawing a record: records that point at it and would be left pointing at nothing."""

import sqlalchemy as sa

from tracker.extensions import db
from tracker.models import Part, Record


def references_to(record) -> list[tuple[type, int]]:
    """(model, how many) of the records not withdrawn that refer to this one without belonging to it.

    What belongs to a record, as an arm does to its trial, goes with it. Counts every trial, because a regimen
    is in use even where the reader may not see it.
    """
    found = []
    for model in [*Record.__subclasses__(), *Part.__subclasses__()]:
        for relationship in sa.inspect(model).relationships:
            if relationship.mapper.class_ is not type(record) or relationship.direction.name != "MANYTOONE":
                continue
            if _owner_of(model) == relationship.key:
                continue
            count = db.session.scalar(_counting(model, relationship, record))
            if count:
                found.append((_page_of(model), count))
    return found


def _owner_of(model):
    return model.owner if issubclass(model, Part) else (model.trial_path or "").split(".")[0]


def _page_of(model):
    return sa.inspect(model).relationships[model.owner].mapper.class_ if issubclass(model, Part) else model


def _counting(model, relationship, record):
    (column,) = relationship.local_columns
    statement = sa.select(sa.func.count(model.id)).where(getattr(model, column.key) == record.id)
    if issubclass(model, Part):
        owner = sa.inspect(model).relationships[model.owner]
        statement = statement.join(getattr(model, model.owner)).where(owner.mapper.class_.withdrawn_at.is_(None))
    else:
        statement = statement.where(model.withdrawn_at.is_(None))
    return statement.execution_options(unscoped=True)
