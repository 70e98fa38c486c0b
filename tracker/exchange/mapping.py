"""The mapping file: which column, constant or row number of a source each field comes from.

A mapping that names something unknown, gives a value of the wrong kind, or leaves out what is required is
refused; the message names the section and the key, and lists what exists.
"""

import datetime
import tomllib
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from flask_babel import gettext as _

from tracker.exchange.fields import DATE, STUDY_DAY, UNITS, Field, Origin
from tracker.exchange.regimens import SEPARATOR
from tracker.exchange.sections import ATTRIBUTION_OF, SECTIONS, WRITTEN
from tracker.exchange.source import SourceOptions, read_options
from tracker.values import Refusal

MAXIMUM_BYTES = 1_000_000

_ORIGIN_KEYS = ("column", "constant", "row", "prefix", "values", "unit", "date_format")


@dataclass(frozen=True)
class Mapping:
    """What a mapping file says.

    given: for trial, arms and cohorts, the values themselves, one record a row.
    origins: for the sections that are read from the source, where each field comes from; a list, because a
    section may stand several times.
    assays: what each [[measurement]] says of its assay, by the words by which messages name the table. What
    is stored has its say too: `measurements.settle_assays`.
    """

    source: SourceOptions
    given: dict[str, pd.DataFrame]
    origins: dict[str, list[dict[str, Origin]]]
    assays: dict[str, dict] = field(default_factory=dict)

    @property
    def columns(self) -> dict[str, str]:
        """The columns that the source must have, and what needs each: the first field that names it."""
        needed = {where.column: "[source] where" for where in self.source.where}
        for name, tables in self.origins.items():
            for table in tables:
                for key, origin in table.items():
                    if origin.column is not None:
                        needed.setdefault(origin.column, f"{SECTIONS[name].title} {key}")
        return needed


def read_mapping(mapping: Path | str | bytes) -> Mapping:
    """The mapping in a TOML file, or in its bytes. Raises Refusal."""
    content = _parse(mapping if isinstance(mapping, bytes) else _content(Path(mapping)))
    tables = {name: _tables(name, content[name]) for name in content if name != "source"}
    source = read_options(content.get("source", {}))
    given, origins, assays = {}, {}, {}
    for name, found in tables.items():
        section = SECTIONS[name]
        if name == "measurement":
            assays = {
                place: _assay(section, table, place) for place, table in found if not _names_assays(table)
            }
            origins[name] = [_measurement(section, table, place, assays.get(place)) for place, table in found]
        elif section.in_rows:
            origins[name] = [_origins(section, table, place) for place, table in found]
        else:
            given[name] = _given(section, found)
    if "trial" not in given:
        raise Refusal(_("The mapping has no [trial]; give its code at least."))
    _add_participants(origins)
    return Mapping(source, given, origins, assays)


def _content(path):
    try:
        if path.stat().st_size > MAXIMUM_BYTES:
            raise Refusal(_("The mapping file is larger than %(limit)d bytes.", limit=MAXIMUM_BYTES))
        return path.read_bytes()
    except OSError as error:
        raise Refusal(_("The mapping file cannot be read: %(why)s.", why=error.strerror)) from None


def _parse(content):
    try:
        return tomllib.loads(content.decode("utf-8-sig").replace("\r\n", "\n"))
    except UnicodeDecodeError:
        raise Refusal(_("The mapping file is not UTF-8 text.")) from None
    except tomllib.TOMLDecodeError as error:
        raise Refusal(_("The mapping file is not valid TOML: %(why)s.", why=str(error))) from None
    except RecursionError:
        raise Refusal(_("The mapping file is nested too deeply.")) from None


def _tables(name, found) -> list[tuple[str, dict]]:
    """The tables of one section, each with the words by which messages name it."""
    titles = ", ".join(["[source]", *(section.title for section in WRITTEN.values())])
    if name not in WRITTEN:
        raise Refusal(_("There is no section [%(name)s]; sections: %(titles)s.", name=name, titles=titles))
    section = SECTIONS[name]
    found = found if isinstance(found, list) else [found]
    if not all(isinstance(table, dict) for table in found) or (len(found) != 1 and not section.is_list):
        raise Refusal(_("%(title)s must be one table.", title=section.title))
    numbered = section.is_list and len(found) > 1
    places = [
        f"{section.title} {number}" if numbered else section.title for number in range(1, len(found) + 1)
    ]
    for place, table in zip(places, found):
        for key in table:
            if key not in section.keys and (name, key) != ("adverse_event", "attribution"):
                listed = ", ".join(section.keys)
                raise _refused(place, key, _("there is no such field; fields: %(fields)s", fields=listed))
        for key in section.needs:
            if key not in table and not any(
                day in table for day, date in section.days.items() if date == key
            ):
                raise Refusal(_("%(place)s needs %(key)s.", place=place, key=key))
    return list(zip(places, found))


# Trial, arms and cohorts: the mapping itself says the values


def _given(section, found) -> pd.DataFrame:
    """One row a table, one column a key that any of them has; the values as the fields are read."""
    rows = [{key: _literal(place, key, value) for key, value in table.items()} for place, table in found]
    texts = pd.DataFrame(rows, dtype=object)
    frame = pd.DataFrame(index=texts.index)
    for name in texts:
        column = texts[name].where(texts[name].notna(), None)
        frame[name], faults = section.fields[name].read(column, Origin(), ".")
        for row, message in faults.items():
            raise _refused(found[row][0], name, message)
    keys = frame[section.key]
    for row in keys.index[keys.isna()]:
        raise _refused(found[row][0], section.key, _("it is empty"))
    if keys.duplicated().any():
        raise Refusal(
            _("Two %(title)s have the same %(key)s; give each its own.", title=section.title, key=section.key)
        )
    return frame


def _literal(place, key, value):
    """The text of a value that stands in the mapping; of a list of agents, their names joined."""
    if isinstance(value, dict):
        if set(value) != {"constant"}:
            raise _refused(place, key, _("write the value itself; a column cannot be named here"))
        value = value["constant"]
    if key == "regimen":
        return _regimen(place, value)
    return _text(value, place, key)


def _regimen(place, agents):
    if not isinstance(agents, list) or not all(isinstance(agent, str) and agent.strip() for agent in agents):
        raise _refused(
            place, "regimen", _('write the agents as a list, such as ["atezolizumab", "docetaxel"]')
        )
    agents = [" ".join(agent.split()) for agent in agents]
    if len({agent.casefold() for agent in agents}) < len(agents):
        raise _refused(place, "regimen", _("an agent stands twice"))
    if any(len(agent) > 100 or SEPARATOR in agent for agent in agents):
        raise _refused(
            place, "regimen", _("an agent's name has at most 100 characters, and no plus sign between spaces")
        )
    return SEPARATOR.join(agents) or None


# Measurements: values and columns


def _names_assays(table) -> bool:
    """Whether a column says of which assay each row is: one value a row."""
    return isinstance(table["assay"], dict) and "column" in table["assay"]


def _assay(section, table, place) -> dict:
    """What a table says of its assay: values, as the fields are read; `assay` is the name."""
    told = {
        key: _read_literal(section, table[key], place, key)
        for key in ("assay", *section.beside)
        if key in table
    }
    if told["assay"] is None:
        raise _refused(place, "assay", _("it is empty"))
    return {key: value for key, value in told.items() if value is not None}


def _measurement(section, table, place, assay) -> dict[str, Origin]:
    told = (*section.beside,) if assay is None else ("assay", *section.beside)
    columns = {key: value for key, value in table.items() if key not in told}
    if assay is None:
        for key in table.keys() & (section.beside.keys() - {"unit"}):
            raise _refused(place, key, _("an assay that a column names is stored already; leave it out"))
        if "unit" in table:
            columns["unit"] = table["unit"]
    if isinstance(columns.get("timepoint"), str):
        columns["timepoint"] = {"constant": _read_literal(section, columns["timepoint"], place, "timepoint")}
        if columns["timepoint"]["constant"] is None:
            del columns["timepoint"]
    origins = _origins(section, columns, place)
    return origins if assay is None else {"assay": Origin(constant=assay["assay"])} | origins


def _read_literal(section, value, place, key):
    """The value of one key as its field is read; None where it is blank."""
    text = pd.Series([_literal(place, key, value)], dtype=object)
    found, faults = (section.beside.get(key) or section.fields[key]).read(text, Origin(), ".")
    for message in faults:
        raise _refused(place, key, message)
    return found.item() if found.notna().item() else None


# Participants and what is theirs: columns of the source


def _origins(section, table, place) -> dict[str, Origin]:
    table = dict(table)
    if "attribution" in table:
        table |= _attributions(table.pop("attribution"), place)
    origins = {key: _origin(place, key, section.field(key), value) for key, value in table.items()}
    dates = [name for name in origins if name in section.fields and section.fields[name].dtype == DATE]
    days = [name for name in origins if name in section.days]
    if dates and days:
        raise Refusal(
            _(
                "%(place)s has dates (%(date)s) and study days (%(day)s); it can have one kind.",
                place=place,
                date=dates[0],
                day=days[0],
            )
        )
    return origins


def _attributions(agents, place) -> dict:
    """Where it stands whether each agent caused the event: the agents' own fields."""
    if not isinstance(agents, dict) or not agents:
        raise _refused(
            place, "attribution", _('write a table of agents, such as { "atezolizumab" = "AEREL1" }')
        )
    return {ATTRIBUTION_OF + " ".join(agent.split()): origin for agent, origin in agents.items()}


def _origin(place, key, field: Field, value) -> Origin:
    if isinstance(value, str):
        return Origin(column=_named_column(value, place, key))
    if not isinstance(value, dict):
        raise _refused(place, key, _('write the name of a column, or a table such as { constant = "…" }'))
    for name in value:
        if name not in _ORIGIN_KEYS:
            raise _refused(
                place,
                key,
                _("a table has no %(name)s; it may have: %(keys)s", name=name, keys=", ".join(_ORIGIN_KEYS)),
            )
    if [name in value for name in ("column", "constant", "row")].count(True) != 1:
        raise _refused(place, key, _("a table has one of column, constant, row"))
    if "row" in value and value["row"] is not True:
        raise _refused(place, key, _("row is true or absent"))
    if "prefix" in value and "row" not in value:
        raise _refused(place, key, _("prefix goes with row = true"))
    prefix = _text(value.get("prefix", ""), place, key)
    return Origin(
        column=_named_column(value["column"], place, key) if "column" in value else None,
        constant=_text(value["constant"], place, key) if "constant" in value else None,
        prefix=prefix if "row" in value else None,
        values=_values(value["values"], place, key) if "values" in value else None,
        unit=_unit(value["unit"], place, key, field) if "unit" in value else None,
        date_format=_date_format(value["date_format"], place, key, field) if "date_format" in value else None,
    )


def _named_column(value, place, key):
    if not isinstance(value, str) or not value.strip():
        raise _refused(place, key, _("write the name of a column"))
    return unicodedata.normalize("NFC", value.strip())


def _values(value, place, key):
    if not isinstance(value, dict) or not value:
        raise _refused(place, key, _('values is a table, such as { "1" = "yes", "0" = "no" }'))
    return {cell.strip(): _text(one, place, key) for cell, one in value.items()}


def _unit(value, place, key, field):
    if not field.unit:
        raise _refused(place, key, _("unit is for times and rates only"))
    units = UNITS[field.unit]
    if value not in units:
        raise _refused(place, key, _("unit is one of: %(units)s", units=", ".join(units)))
    return value


def _date_format(value, place, key, field):
    if field.dtype != DATE or field is STUDY_DAY:
        raise _refused(place, key, _("date_format is for dates only"))
    example = datetime.date(2024, 3, 25)
    try:
        right = datetime.datetime.strptime(example.strftime(value), value).date() == example
    except (TypeError, ValueError):
        right = False
    if not right:
        raise _refused(
            place, key, _("date_format tells day, month and year, such as %(example)s", example="%d/%m/%Y")
        )
    return value


def _text(value, place, key) -> str:
    """The text of a TOML value: what would stand in a cell."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, (int, float)):
        return repr(value)
    raise _refused(place, key, _("write one text, number or date"))


def _add_participants(origins):
    """Where a section does not say whose its records are, they belong to the row's participant."""
    if not origins:
        return
    (participants,) = origins.get("participant", [{}])
    for name, tables in origins.items():
        if "participant" not in SECTIONS[name].fields:
            continue
        for table in tables:
            if "participant" not in table:
                if "code" not in participants and name == "measurement" and "specimen" in table:
                    continue  # whose the specimen is tells it: `specimens.settle_participants`
                if "code" not in participants:
                    raise Refusal(
                        _("%(title)s needs participant: the column of its code.", title=SECTIONS[name].title)
                    )
                table["participant"] = participants["code"]


def _refused(place, key, why):
    return Refusal(_("%(place)s %(key)s: %(why)s.", place=place, key=key, why=str(why).rstrip(".")))
