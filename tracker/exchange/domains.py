"""The domains of CDISC SDTM as the CSV files of a folder, their dates made whole and their columns named apart."""

import calendar
import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pandas as pd
from flask_babel import gettext as _

from tracker.exchange.faults import Faults
from tracker.exchange.fields import Origin
from tracker.exchange.source import SourceOptions, read_start, read_table
from tracker.values import Refusal, fold

#: The domains that are read, with the columns that each must have.
NEEDED = {
    "DM": ("USUBJID",),
    "EX": ("USUBJID", "EXTRT"),
    "AE": ("USUBJID", "AETERM"),
    "DS": ("USUBJID", "DSDECOD"),
    "TU": ("USUBJID", "TULNKID", "TULOC"),
    "TR": ("USUBJID", "TRLNKID", "TRTESTCD"),
    "RS": ("USUBJID", "RSTESTCD"),
}

OPTIONS = SourceOptions()

#: A date as ISO 8601 has it, perhaps with a time, or without a day.
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?(?:T.*)?")


def find_domains(folder: Path) -> dict[str, Path]:
    """The file of each domain that a folder has: tu.csv, or a name with the domain as a word.

    Where a folder has several sets, such as those of two criteria, it is the set that has both TU and TR. Raises
    Refusal where it cannot be told which file is meant, or there is none.
    """
    if not folder.is_dir():
        raise Refusal(_("There is no folder %(path)s.", path=folder))
    found: dict[str, list[tuple[str, Path]]] = defaultdict(list)
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() != ".csv" or not path.is_file():
            continue
        words = re.split("[^A-Za-z0-9]+", path.stem.upper())
        for domain in NEEDED:
            if words == [domain]:
                found[domain].append(("", path))
            elif domain in words:
                others = " ".join(word for word in words if word != domain)
                found[domain].append((others, path))
    sets = {others for others, _path in found["TU"]} & {others for others, _path in found["TR"]}
    chosen = {}
    for domain, files in found.items():
        whole = [path for others, path in files if others == ""]
        of_set = [path for others, path in files if len(sets) == 1 and others in sets]
        candidates = whole or of_set or [path for _others, path in files]
        if len(candidates) > 1:
            raise Refusal(
                _(
                    "Several files may be %(domain)s: %(names)s. Keep one in the folder, or name it %(name)s.csv.",
                    domain=domain,
                    names=", ".join(path.name for path in candidates),
                    name=domain.lower(),
                )
            )
        if candidates:
            chosen[domain] = candidates[0]
    if not chosen.keys() & {"TU", "TR", "RS", "DM"}:
        raise Refusal(
            _("The folder has no SDTM domain as a CSV file, such as tu.csv, tr.csv, rs.csv or dm.csv.")
        )
    for one, other in (("TR", "TU"), ("TU", "TR")):
        if one in chosen and other not in chosen:
            raise Refusal(
                _("The folder has %(one)s, but not %(other)s; it needs both.", one=one, other=other)
            )
    return chosen


def read_domain(domain: str, name: str, content: bytes, faults: Faults) -> pd.DataFrame:
    """A domain's rows as text, its columns as "TU.TULOC"; faults name them so."""
    header = list(read_start(name, content, OPTIONS, 1))
    needed = dict.fromkeys(dict.fromkeys([*NEEDED[domain], *header]), domain)
    table, found = read_table(name, content, OPTIONS, needed)
    table.columns = [f"{domain}.{column}" for column in table]
    for fault in found.frame().itertuples():
        column = f"{domain}.{fault.column}" if fault.column else domain
        faults.add(fault.message, fault.row, column, fault.value)
    return table


def with_whole_dates(table: pd.DataFrame, warnings: Faults) -> pd.DataFrame:
    """Dates as days: a month without a day becomes its last day, which is a warning; a year alone is missing, and
    faulty where it is needed."""
    dates = [column for column in table if column.endswith("DTC")]
    return table.assign(**{column: _whole_dates(table[column], column, warnings) for column in dates})


def _whole_dates(texts, column, warnings) -> pd.Series:
    whole = {text: _whole_date(text) for text in texts.dropna().unique()}
    partial = texts[texts.map(lambda text: text is not None and len(text) == 7).astype(bool)]
    partial = partial[partial.map(whole).notna()]
    message = partial.map(lambda text: _("The day is not told: it was taken as %(date)s.", date=whole[text]))
    warnings.add_rows(partial, column, message)
    return texts.map(whole, na_action="ignore").astype(object).where(texts.notna(), None)


def _whole_date(text):
    """The day of a date with a time, the last of a month; the text itself where it is neither."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None if re.fullmatch("[0-9]{4}", text) else text
    year, month, day = match.groups()
    if day is None and 1 <= int(month) <= 12 and int(year) > 0:
        day = f"{calendar.monthrange(int(year), int(month))[1]:02}"
    return f"{year}-{month}-{day}" if day else text


def of_evaluator(table: pd.DataFrame, domain: str, evaluator: str) -> pd.DataFrame:
    """The rows of one evaluator, by its role or, where a role has several readers, by its name.

    A file without the column is nobody's in particular. Raises Refusal, which lists whom there are.
    """
    roles, readers = (table.get(f"{domain}.{domain}{name}") for name in ("EVAL", "EVALID"))
    if roles is None or not len(table):
        return table
    known = readers if readers is not None else pd.Series(None, table.index, dtype=object)
    key = fold(evaluator)
    is_role, is_reader = (folded(one).eq(key) for one in (roles, known))
    chosen = table[is_reader if is_reader.any() else is_role]
    several = sorted(known[chosen.index].dropna().unique())
    if chosen.empty or len(several) > 1:
        listed = sorted({*roles[known.isna()].dropna(), *known.dropna()})
        raise Refusal(
            _(
                "%(domain)s has not one evaluator %(evaluator)s; choose one with --evaluator: %(known)s.",
                domain=domain,
                evaluator=evaluator,
                known=", ".join(listed),
            )
        )
    return chosen


def columns_of(table, **columns) -> dict[str, Origin]:
    """Where fields come from, of those columns that the table has: of several names the first."""
    found = {}
    for field, names in columns.items():
        name = next((name for name in names.split() if name in table), None)
        if name is not None:
            found[field] = Origin(column=name)
    return found


def _in_days(table, domain, date, day):
    """Whether a domain has study days only."""
    dates, days = table.get(f"{domain}.{date}"), table.get(f"{domain}.{day}")
    return days is not None and days.notna().any() and (dates is None or dates.isna().all())


def dated(section, table, domain, origins, **dates):
    """The section with where its dates come from, or its study days."""
    first = next(iter(dates.values()))
    in_days = _in_days(table, domain, f"{first}DTC", f"{first}DY")
    ending = "DY" if in_days else "DTC"
    for field, name in dates.items():
        if (column := f"{domain}.{name}{ending}") in table:
            origins[field.removesuffix("_on") + "_day" if in_days else field] = Origin(column=column)
    return replace(section, in_days=in_days), origins, table


def first_column(table, *names):
    """The first of these columns that the table has; nothing where it has none."""
    return next((table[name] for name in names if name in table), pd.Series(None, table.index, dtype=object))


def folded(texts) -> pd.Series:
    """Texts without regard to case and accents; "" where missing."""
    found = [fold(text) if isinstance(text, str) else "" for text in texts]
    return pd.Series(found, texts.index, dtype="str")


def as_text(cells) -> pd.Series:
    """Cells as a file has them: text, or None."""
    return cells.astype(object).where(cells.notna(), None)
