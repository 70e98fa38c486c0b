"""What every stored thing has."""

import datetime
from typing import ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, declared_attr, mapped_column, relationship

from tracker import clock
from tracker.extensions import Base, db
from tracker.terms.base import Term
from tracker.terms.codes import CodeList
from tracker.values import fold

# A term is stored as its value and CHECKed; short lists change only with a migration.
Base.registry.update_type_annotation_map(
    {
        Term: sa.Enum(
            Term,
            native_enum=False,
            create_constraint=True,
            length=60,
            values_callable=lambda terms: [term.value for term in terms],
        )
    }
)


class Code(sa.TypeDecorator):
    """A code of one of the code lists in `terms`; a code that the list does not have is refused."""

    impl = sa.String
    cache_ok = True  # by the list's name: a list does not change while the process runs

    def __init__(self, codes: CodeList, length=40):
        super().__init__(length)
        self.codes = codes

    def process_bind_param(self, value, dialect):
        if value is not None and value not in self.codes:
            raise ValueError(f"{value!r} is not a code of {self.codes.name}")
        return value


class Record(db.Model):
    """A thing that people enter: it has a version, a trail and a page, and is withdrawn, never deleted."""

    __abstract__ = True

    #: Title of one and of many, for pages.
    titles: ClassVar[tuple]
    #: The relationships that lead to the record's trial, joined by dots; "" for the trial itself; None when
    #: the record belongs to no trial.
    trial_path: ClassVar[str | None] = None
    #: The columns that a search looks into.
    searched: ClassVar[tuple[str, ...]] = ()
    #: Whether a change of a stored value needs a reason.
    needs_reason: ClassVar[bool] = True
    #: Whether it is written even where its trial is locked: it speaks of the data, and is none of them.
    stays_open: ClassVar[bool] = False
    #: The columns of which the first that is filled in dates a record, for data cuts; where none is, it is of its
    #: participant's day, and without one before every cut. What is dated by its entry is kept if it was there when a
    #: cut was locked. None for what no cut concerns.
    dated_by: ClassVar[tuple[str, ...] | None] = None
    #: Columns that tell of another day than the record's: by name the column that has the day.
    days_of: ClassVar[dict[str, str]] = {}
    #: Whether it is never changed nor withdrawn, once it is stored.
    is_final: ClassVar[bool] = False
    #: Whether reports and frames may depend on it.
    is_data: ClassVar[bool] = True
    #: The relationship to its list of trials, every one of which a reader must see to see it.
    trials_path: ClassVar[str | None] = None
    #: A relationship to a record without which it is not seen, where there is one.
    seen_with: ClassVar[str | None] = None
    #: Columns that no signature binds: what became of the record, and not what it says.
    unsigned: ClassVar[tuple[str, ...]] = ()

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int]
    created_at: Mapped[datetime.datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime.datetime] = mapped_column(default=clock.now)
    withdrawn_at: Mapped[datetime.datetime | None]
    search_text: Mapped[str] = mapped_column(sa.Text, default="")

    @declared_attr.directive
    def __mapper_args__(cls):
        return {"version_id_col": cls.version}

    @classmethod
    def search_text_of(cls, values) -> str:
        """What a search compares with: the searched columns, case and accents folded."""
        return fold(" ".join(str(values[name]) for name in cls.searched if values.get(name)))


class Authored:
    """A record that only its author changes. One without an author, as an import leaves it, has no such guard."""

    author_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user.id"), index=True)

    @declared_attr
    def author(cls):
        return relationship("User", foreign_keys=[cls.author_id])

    def is_of(self, user) -> bool:
        """Whether this user is its author."""
        return self.author_id is not None and self.author_id == user.id

    def is_anothers(self, user) -> bool:
        """Whether it has an author, who is not this user."""
        return self.author_id is not None and self.author_id != user.id


class Importable:
    """Data on participants. imported: came in a file, so that it may be older than the day on which it was stored."""

    imported: Mapped[bool] = mapped_column(default=False, server_default=sa.false())


class FromReport:
    """A record that rests on the figures of a report; without a report, somebody typed them.

    `reports.kept` fills these in, asks the report again and tells whether the data have changed since.
    """

    #: The report's slug.
    report: Mapped[str | None] = mapped_column(sa.String(40))
    #: What the report was asked, as pairs of a parameter and its value: the trials are among them, the day is as_of.
    parameters: Mapped[list | None] = mapped_column(sa.JSON(none_as_null=True))
    as_of: Mapped[datetime.date | None]
    #: Of the data that the report was computed from.
    fingerprint: Mapped[str | None] = mapped_column(sa.String(64))
    #: What the report said then, by name.
    figures: Mapped[dict | None] = mapped_column(sa.JSON(none_as_null=True))


class Part(db.Model):
    """One row of a record's list: no page and no version of its own. A change to it changes its owner."""

    __abstract__ = True

    #: The relationship to the owner, and the owner's to its parts.
    owner: ClassVar[str]
    rows: ClassVar[str]

    id: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int]


@sa.event.listens_for(Record, "mapper_configured", propagate=True)
@sa.event.listens_for(Part, "mapper_configured", propagate=True)
def _keep_old_values(mapper, _):
    # Otherwise the old value of an expired attribute would be lost to the trail.
    for attribute in mapper.column_attrs:
        mapper.class_manager[attribute.key].impl.active_history = True


@sa.event.listens_for(Record, "before_insert", propagate=True)
@sa.event.listens_for(Record, "before_update", propagate=True)
def _fold_for_search(mapper, connection, record):
    record.search_text = record.search_text_of({name: getattr(record, name) for name in record.searched})
