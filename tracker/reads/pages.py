"""Lists of records a page at a time: searched, narrowed and sorted by what the address says."""

import datetime
import functools
from dataclasses import dataclass
from urllib.parse import urlencode

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy import orm

from tracker.extensions import db
from tracker.reads.masking import MASKABLE, seen_on_pages
from tracker.values import Refusal, fold, read_integer, read_text

#: Rows on a page.
PAGE_SIZE = 50


@dataclass
class Column:
    name: str
    label: str
    is_sortable: bool
    is_number: bool
    is_short: bool  # a date or a code: never broken over lines

    @functools.cached_property
    def layout(self) -> str:
        """The class of its cells."""
        return "num" if self.is_number else "nowrap" if self.is_short else ""


@dataclass
class Filter:
    name: str
    label: str
    options: list[tuple]
    chosen: list[str]


@dataclass
class Page:
    """One page of a list. number, pages: counted from 1; first, last: the rows shown, of `total`."""

    rows: list
    columns: list[Column]
    filters: list[Filter]
    query: str
    sort: str
    number: int
    total: int
    arguments: list[tuple[str, str]]

    @property
    def sort_was_chosen(self):
        return any(name == "sort" for name, _value in self.arguments)

    @property
    def pages(self):
        return max(1, -(-self.total // PAGE_SIZE))

    @property
    def first(self):
        return (self.number - 1) * PAGE_SIZE + 1 if self.total else 0

    @property
    def last(self):
        return min(self.number * PAGE_SIZE, self.total)

    @property
    def is_narrowed(self):
        return bool(self.query or any(one.chosen for one in self.filters))

    def address(self, **changes) -> str:
        """This list's address with some parameters changed; what is None goes."""
        kept = [(name, value) for name, value in self.arguments if name not in changes and name != "page"]
        kept += [(name, value) for name, value in changes.items() if value is not None]
        return "?" + urlencode(kept)


def list_page(model, form, columns, filters, arguments, headings, sort=None) -> Page:
    """The page that the address asks for.

    form: an empty form of the model, whose fields give labels, options and readers. arguments: the address's, a
    MultiDict: q, sort (a column, or -column), page, and a filter's name, repeated for "or". headings: of columns
    that have a shorter name in a list. sort: used where the address gives none. Raises Refusal for what is none of
    these.
    """
    known = {"q", "sort", "page", *filters}
    for name in arguments:
        if name not in known:
            raise Refusal(
                _("There is no parameter of that name; there are: %(names)s.", names=", ".join(sorted(known)))
            )
    hidden = MASKABLE.get(model, set())
    shown = [_column(model, form, name, name not in hidden, headings) for name in columns]
    query = read_text(arguments.get("q")) or ""
    chosen = [
        Filter(name, form[name].label.text, form[name].options(), arguments.getlist(name)) for name in filters
    ]
    condition = seen_on_pages(model)
    condition += [_matches(model, form[one.name], one.chosen) for one in chosen if any(one.chosen)]
    if query:
        condition.append(model.search_text.contains(fold(query), autoescape=True))
    total = db.session.scalar(sa.select(sa.func.count(model.id)).where(*condition))
    number = page_number(arguments.get("page"), total)
    sort = arguments.get("sort") or sort or columns[0]
    if sort.removeprefix("-") not in (allowed := [one.name for one in shown if one.is_sortable]):
        raise Refusal(_("The list can be sorted by: %(names)s.", names=", ".join(allowed)))
    statement = _listed(model, tuple(columns), sort).where(*condition)
    rows = db.session.scalars(statement.offset((number - 1) * PAGE_SIZE)).unique().all()
    pairs = [(name, value) for name, value in arguments.items(multi=True) if value]
    return Page(rows, shown, chosen, query, sort, number, total, pairs)


def _column(model, form, name, is_shown_to_all, headings):
    label = headings.get(name) or form[name].label.text
    if _is_relationship(model, name):
        relationship = sa.inspect(model).relationships[name]
        has_order = not relationship.uselist and getattr(relationship.mapper.class_, "searched", ())
        return Column(
            name, label, bool(has_order and is_shown_to_all), False, name in ("trial", "arm", "participant")
        )
    stored = getattr(model, name).type
    kind = getattr(stored, "impl_instance", stored).python_type  # an instant's own type tells none
    is_short = name == "code" or issubclass(kind, datetime.date)
    return Column(name, label, is_shown_to_all, kind in (int, float), is_short)


def _is_relationship(model, name):
    return name in sa.inspect(model).relationships


def _matches(model, field, texts):
    values = [field.read(text) for text in texts if text]
    if _is_relationship(model, field.name):
        return getattr(model, f"{field.name}_id").in_([record.id for record in values])
    return getattr(model, field.name).in_(values)


def page_number(text, total):
    number = read_integer(text, minimum=1) or 1
    if number > max(1, -(-total // PAGE_SIZE)):
        raise Refusal(_("The list has no such page."), status=404)
    return number


@functools.cache
def _listed(model, columns, sort) -> sa.Select:
    """A page of the records with what these columns show of others, sorted by one of them."""
    with_others = [orm.joinedload(getattr(model, name)) for name in columns if _is_relationship(model, name)]
    # Written into the statement: SQLite plans a statement anew each time that its limit is given.
    limit = sa.literal(PAGE_SIZE, literal_execute=True)
    statement = sa.select(model).options(*with_others).limit(limit)
    name = sort.removeprefix("-")
    by = getattr(model, name)
    if _is_relationship(model, name):
        other = orm.aliased(sa.inspect(model).relationships[name].mapper.class_)
        statement = statement.outerjoin(by.of_type(other))
        by = getattr(other, other.searched[0])
    order = by.desc() if sort.startswith("-") else by.asc()
    return statement.order_by(order.nulls_last(), model.id)
