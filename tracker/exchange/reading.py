"""A file's rows as records: every field read by its section's rules, every faulty row and cell found."""

from dataclasses import dataclass, replace
from pathlib import PurePath

import pandas as pd
from flask_babel import gettext as _

from tracker.exchange.checking import record_names
from tracker.exchange.faults import Faults
from tracker.exchange.fields import DATE, STUDY_DAY, YES_NO, Origin, excel_dates
from tracker.exchange.mapping import Mapping
from tracker.exchange.measurements import measurement_tables
from tracker.exchange.sections import ON_DEMAND, SECTIONS, Section
from tracker.exchange.source import SourceOptions, Where, read_table

#: What a spreadsheet writes where a formula failed.
_ERRORS = [
    "#N/A", "#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!", "#GETTING_DATA",
]  # fmt: skip


@dataclass
class Reading:
    """What a file says.

    sections: what a file may bring, each after those that it refers to; of a list in rows, such as
    measurements, each table that the mapping has is one.
    frames: for each section's place one record a row, with the fields that the mapping gives, missing where
    the file tells nothing. The index is the row of the file; for what the mapping itself gives, such as trial
    and arm, it counts the mapping's tables.
    named: for each section's place the source's name of a field: its column, else the field itself.
    faults: what forbids to store anything; warnings: what a person should look at. A comparison adds to both.
    """

    name: str
    sections: list[Section]
    frames: dict[str, pd.DataFrame]
    named: dict[str, dict[str, str]]
    faults: Faults
    warnings: Faults
    rows: int

    @property
    def label(self) -> str:
        """The file's name as a record can bear it: without a path, or what cannot be seen."""
        name = "".join(
            one if one.isprintable() else "?" for one in PurePath(self.name.replace("\\", "/")).name
        )
        return name[:300] or "file"


def read(name: str, content: bytes, mapping: Mapping, corrections: dict | None = None) -> Reading:
    """The records in a file; its name says of which kind it is. Raises Refusal for what is no table.

    corrections: by row, the texts that stand in place of its cells, by column; None leaves the row out.
    """
    table, faults = read_table(name, content, mapping.source, mapping.columns)
    return read_records(name, corrected(table, corrections or {}, mapping.source), faults, mapping)


def read_records(name: str, table: pd.DataFrame, faults: Faults, mapping: Mapping) -> Reading:
    """The records in a table of text, or in some of its rows; its faults are added to those of the file."""
    rows = len(table)
    for where in mapping.source.where:
        if where.column in table:
            table = table[_matches(table[where.column], where, mapping.source)]
    if not len(table) and not faults:
        faults.add(_("The conditions for the rows leave none of the file."))
    table = _without_errors(table, faults)
    tables = [
        (_in_days(SECTIONS[section_name], origins), origins)
        for section_name, found in mapping.origins.items()
        for origins in found
        if section_name != "measurement"
    ] + measurement_tables(mapping, table, faults)
    sections = [section for section, _origins in tables]
    given = _without_other_assays(mapping, sections)
    reading = Reading(name, sections_of(sections), given, {}, faults, Faults(), rows)
    numbered = [section for section in sections if section.is_list]
    for section, origins in tables:
        own = (
            table if section.where is None else table[table[section.where.column].isin(section.where.equals)]
        )
        take(reading, section, origins, own, mapping.source)
    for number, section in enumerate(numbered):
        for earlier in numbered[:number]:
            if earlier.only == section.only and {earlier.place, section.place} <= reading.frames.keys():
                _leave_out_repeated(section, earlier, reading)
    return reading


def _without_other_assays(mapping, sections) -> dict[str, pd.DataFrame]:
    """What the mapping gives, without the assays that it only offers to a column of their names."""
    given = dict(mapping.given)
    if any(section.where for section in sections):
        used = {section.only["assay"] for section in sections if section.name == "measurement"}
        given["assay"] = given["assay"][given["assay"]["name"].isin(used)]
        of_used = given["biomarker"]["name"].isin(given["assay"]["biomarker"])
        given["biomarker"] = given["biomarker"][of_used]
    return given


def take(
    reading: Reading, section: Section, origins: dict[str, Origin], table, options: SourceOptions
) -> None:
    """Add the records that a table of text has of one section, unless a column that they need is missing."""
    named = {section.days.get(field, field): origin.column or field for field, origin in origins.items()}
    if section.made_of:
        named[section.key] = named[next(field for field in section.told if field in named)]
    if section.part_of:
        named |= dict.fromkeys(section.derived, named[SECTIONS[section.part_of].made_of[-1]])
    reading.named[section.place] = named
    if all(origin.column is None or origin.column in table for origin in origins.values()):
        reading.frames[section.place] = _records(section, origins, table, options, reading)


def sections_of(tables: list[Section]) -> list[Section]:
    """What a file of these sections may bring in, each after those that it refers to."""
    given = {section.name: section for section in tables if not section.is_list}
    wanted, found = set(), {section.name for section in tables}
    while found - wanted:
        wanted |= found
        found = {other for name in wanted for other in _around(SECTIONS[name])}
    sections = []
    for section in SECTIONS.values():
        if section.is_list and section.in_rows:
            sections += [one for one in tables if one.name == section.name]
        elif section.name in wanted or section.name not in ON_DEMAND:
            sections.append(given.get(section.name, section))
    return sections


def _around(section):
    """The sections that this one's records name, and those of its parts."""
    named = {one.refers_to for one in section.fields.values() if one.refers_to in SECTIONS}
    return named | {one.name for one in SECTIONS.values() if one.part_of == section.name}


def _in_days(section, origins):
    return replace(section, in_days=bool(section.days.keys() & origins.keys()))


def corrected(table: pd.DataFrame, corrections: dict, options: SourceOptions) -> pd.DataFrame:
    """The table with what was mended, which `read` explains."""
    left_out = [row for row, cells in corrections.items() if cells is None]
    table = table[~table.index.isin(left_out)].copy()
    for row, cells in corrections.items():
        for column, text in (cells or {}).items():
            if row in table.index and column in table:
                table.at[row, column] = None if text.strip() in options.missing else text.strip()
    return table


def _without_errors(table, faults):
    """The table with its error cells missing; they are faulty."""
    for column in table:
        broken = table[column].isin(_ERRORS)
        faults.add_rows(table.loc[broken, column], column, _("The cell holds an error of the spreadsheet's."))
        table = table.assign(**{column: table[column].mask(broken, None)}) if broken.any() else table
    return table


def _matches(cells, where: Where, options: SourceOptions):
    return _substituted(cells, dict.fromkeys(where.equals, "yes"), options.decimal)[0].eq("yes")


def _records(section: Section, origins, table, options, reading) -> pd.DataFrame:
    """One section's records, equal repetitions left out."""
    frame = pd.DataFrame(index=table.index)
    for name, origin in origins.items():
        frame[section.days.get(name, name)] = _field(section, name, origin, table, options, reading)
    if "undated" not in section.fields:
        pass
    elif section.days.keys() & origins.keys():
        frame["undated"] = pd.Series(True, frame.index, dtype=YES_NO)
    elif dates := [name for name in frame if section.fields[name].dtype == DATE]:
        # True dates make a participant dated; a row without any tells nothing.
        frame["undated"] = pd.Series(False, frame.index, dtype=YES_NO).where(frame[dates].notna().any(axis=1))
    given = [section.days.get(name, name) for name, origin in origins.items() if origin.constant is None]
    if told := [name for name in section.told if name in given] or [
        name for name in section.told if name in frame
    ]:
        frame = frame[frame[told].notna().any(axis=1)]
    for key in section.needed:
        _refuse_missing(frame, key, reading.named[section.place].get(key, key), reading.faults)
        frame = frame[frame[key].notna()]
    return distinct(section, with_keys(section, frame), reading)


def with_keys(section: Section, frame: pd.DataFrame) -> pd.DataFrame:
    """Records with the names of themselves and of those that they point to."""
    undated = pd.Series(section.in_days, frame.index, dtype=YES_NO)
    for name, one in section.fields.items():
        other = SECTIONS.get(one.refers_to)
        if other is None or not other.made_of or name == "component":
            continue
        if name in frame:  # in the file it bears its own name, which is one of the participant's
            frame = frame.assign(**{name: frame["participant"] + ", " + frame[name]})
        else:
            frame = frame.assign(**{name: record_names(other, frame, undated)})
    if section.made_of:
        frame = frame.assign(**{section.key: record_names(section, frame, undated)})
    return frame


def _refuse_missing(frame, key, column, faults):
    already = faults.rows(column)
    missing = frame.index[frame[key].isna()]
    missing = missing[[row not in already for row in missing]]
    faults.add_rows(pd.Series(None, missing, dtype=object), column, _("It is required and missing."))


def _field(section, name, origin: Origin, table, options, reading) -> pd.Series:
    """The values of one field, missing where faulty; the faults and warnings are added to the reading."""
    cells = _texts(origin, table)
    column = origin.column or name
    texts = cells
    if origin.values is not None:
        texts, unknown = _substituted(cells, origin.values, options.decimal)
        listed = ", ".join(one for one in origin.values if one)
        message = _("No value is chosen for this cell; there is one for: %(values)s.", values=listed)
        reading.faults.add_rows(cells[unknown], column, origin.unknown or message)
    field = section.field(name)
    found, faults = field.read(texts, origin, options.decimal)
    reading.faults.add_rows(cells[faults.index], column, faults)
    if field.dtype == DATE and field is not STUDY_DAY:
        serial = excel_dates(texts)
        serial = serial[serial.notna() & (serial == found)]
        message = serial.dt.strftime("%Y-%m-%d").map(
            lambda date: _("The number was read as Excel's day %(date)s.", date=date)
        )
        reading.warnings.add_rows(cells[serial.index], column, message)
    return found


def _texts(origin, table):
    if origin.column is not None:
        return table[origin.column]
    if origin.prefix is not None:
        numbers = table.index.to_series() - 1  # row 2 of the file, the first after the header, is number 1
        return (origin.prefix + numbers.astype("str")).astype(object)
    return pd.Series(origin.constant, table.index, dtype=object)


def _substituted(cells, by_key, decimal):
    """The texts that `values` puts in the place of cells, and a mask of the cells that it does not know.

    A key is the cell's text, or its number where both are numbers; "" is a missing cell, "*" any other. A
    missing cell without a key of its own stays missing.
    """
    numbers = {number: text for key, text in by_key.items() if (number := _number(key, ".")) is not None}

    def text_for(cell):
        if cell is None:
            return by_key.get("")
        if cell in by_key:
            return by_key[cell]
        number = _number(cell, decimal)
        return numbers[number] if number in numbers else by_key.get("*", _UNKNOWN)

    found = {cell: text_for(cell) for cell in dict.fromkeys(cells)}
    texts = pd.Series([found[cell] for cell in cells], cells.index, dtype=object)
    unknown = texts.map(lambda text: text is _UNKNOWN).astype(bool)
    return texts.mask(unknown, None), unknown


_UNKNOWN = object()


def _number(text, decimal):
    try:
        return float(text.replace(decimal, ".")) if text.isascii() and "_" not in text else None
    except ValueError:
        return None


def distinct(section, frame, reading) -> pd.DataFrame:
    """Rows that repeat a record with equal values are one; unequal ones are faults that name both rows."""
    repeated = frame[frame[section.key].duplicated(keep=False)]
    if repeated.empty:
        return frame
    first_rows = repeated.index.to_series().groupby(repeated[section.key].to_numpy()).transform("first")
    first = frame.loc[first_rows].set_axis(repeated.index)
    for name in repeated.columns.drop(section.key):
        differs = ~(
            (repeated[name] == first[name]).fillna(False) | (repeated[name].isna() & first[name].isna())
        )
        rows = repeated.index[differs.astype(bool)]
        column = reading.named[section.place].get(name, name)
        message = first_rows[rows].map(
            lambda row: _(
                "The row repeats row %(row)d with another value; make them equal, or leave one out.", row=row
            )
        )
        reading.faults.add_rows(repeated.loc[rows, name], column, message)
    return frame[~frame[section.key].duplicated()]


def _leave_out_repeated(section, earlier, reading):
    """Of records that an earlier table has too, equal ones are one; unequal ones are faults."""
    frame, known = reading.frames[section.place], reading.frames[earlier.place]
    is_known = frame[section.key].isin(known[section.key])
    repeated = frame[is_known]
    first = known.set_index(section.key).loc[repeated[section.key]].set_axis(repeated.index)
    message = _("%(title)s has this record with another value; leave one out.", title=earlier.title)
    for name in section.fields:
        if name in repeated and name in first:
            differs = ~((repeated[name] == first[name]) | (repeated[name].isna() & first[name].isna()))
            column = reading.named[section.place].get(name, name)
            reading.faults.add_rows(repeated.loc[differs.astype(bool), name], column, message)
    reading.frames[section.place] = frame[~is_known]
