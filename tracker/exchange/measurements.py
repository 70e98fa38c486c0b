"""The [[measurement]] tables of a mapping: the assays that they name, and how their values are read.

A table has the values of one assay in a column; or of many, one a row, where a column names the assay.
"""

import difflib
from dataclasses import replace

import pandas as pd
import sqlalchemy as sa
from flask_babel import gettext as _

from tracker.exchange.faults import Faults
from tracker.exchange.fields import BOUND, BOUNDED_NUMBER, ZERO_OR_ONE, Origin
from tracker.exchange.mapping import Mapping
from tracker.exchange.sections import ASSAY, BIOMARKER, MEASUREMENT, Section
from tracker.exchange.source import Where
from tracker.extensions import db
from tracker.models import Assay, Biomarker
from tracker.terms.biomarker import Scale
from tracker.values import Refusal, fold


def settle_assays(mapping: Mapping) -> Mapping:
    """The mapping with its assays and biomarkers among what is given, as they are stored or will be.

    An assay belongs to all trials, so an import creates one but never changes one: what a table says of an
    assay that exists must be what is stored. Raises Refusal, which names the table and the key.
    """
    names_assays = any(table["assay"].column for table in mapping.origins.get("measurement", []))
    if not (mapping.assays or names_assays):
        return mapping
    told, places = _merged(mapping.assays)
    assays, kinds = _stored_assays(told), _stored_kinds()
    if names_assays:
        told = _stored_assays() | told
    for name, one in told.items():
        if name in assays:
            _refuse_other(name, one, assays[name], places[name])
            told[name] = assays[name]
    for name, one in told.items():
        if name not in assays and name in places:
            _refuse_incomplete(name, one, kinds, places[name])
            kind = kinds.setdefault(one["biomarker"], one.get("kind"))
            if one.setdefault("kind", kind) != kind:
                raise _other(places[name]["kind"], "kind", one["biomarker"], kind, one["kind"])
    biomarkers = {one["biomarker"]: {"name": one["biomarker"], "kind": one["kind"]} for one in told.values()}
    given = {
        "biomarker": _frame(BIOMARKER, list(biomarkers.values())),
        "assay": _frame(ASSAY, [one | {"name": name} for name, one in told.items()]),
    }
    return replace(mapping, given=mapping.given | given)


def _merged(tables) -> tuple[dict[str, dict], dict[str, dict]]:
    """What all tables of an assay say of it, by its name; and which table said it, "" for the first of all."""
    told, places = {}, {}
    for place, table in tables.items():
        name = table["assay"]
        known, said_by = told.setdefault(name, {}), places.setdefault(name, {"": place})
        for key, value in table.items():
            if key == "assay":
                continue
            if known.setdefault(key, value) != value:
                raise _other(place, key, name, known[key], value)
            said_by.setdefault(key, place)
    return told, places


def _stored_assays(names=None) -> dict[str, dict]:
    """What is stored of the assays of these names; without names of all that are not withdrawn."""
    chosen = sa.select(
        Assay.name, Assay.withdrawn_at, Biomarker.name, Biomarker.kind, Assay.scale, Assay.unit,
        Assay.positive_cutoff,
    ).join(Assay.biomarker).order_by(Assay.name)  # fmt: skip
    if names is not None:
        chosen = chosen.where(Assay.name.in_(list(names))).execution_options(include_withdrawn=True)
    rows = db.session.execute(chosen).all()
    for name, withdrawn_at, *_rest in rows:
        if withdrawn_at:
            raise Refusal(_("The assay %(name)s is withdrawn; restore it first.", name=name))
    return {
        name: dict(zip(("biomarker", "kind", "scale", "unit", "positive_cutoff"), rest))
        for name, _withdrawn, *rest in rows
    }


def _stored_kinds() -> dict[str, str]:
    return dict(
        db.session.execute(
            sa.select(Biomarker.name, Biomarker.kind).execution_options(include_withdrawn=True)
        ).all()
    )


def _refuse_other(name, told, stored, places):
    for key, value in told.items():
        if stored[key] == value:
            continue
        if key == "unit":
            message = _(
                "measurement in another unit than the assay's: %(assay)s is stored in %(stored)s, not"
                " in %(told)s",
                assay=name,
                stored=stored[key] or _("no unit"),
                told=value,
            )
            raise Refusal(f"{places[key]} {key}: {message}.")
        raise _other(places[key], key, name, stored[key], value)


def _other(place, key, name, known, told):
    return Refusal(
        _(
            "%(place)s %(key)s: of %(name)s it is %(known)s, not %(told)s; make them agree, or leave it out.",
            place=place,
            key=key,
            name=name,
            known=_("not stated") if known is None else known,
            told=told,
        )
    )


def _refuse_incomplete(name, told, kinds, places):
    needed = ["biomarker", "kind", "scale"] if told.get("biomarker") not in kinds else ["scale"]
    for key in needed:
        if key not in told:
            raise Refusal(
                _(
                    "%(place)s %(key)s: the assay %(name)s is new, so the mapping must say it.",
                    place=places[""],
                    key=key,
                    name=name,
                )
            )


def _frame(section, rows):
    return pd.DataFrame(
        {
            name: pd.Series([one.get(name) for one in rows], dtype=field.dtype)
            for name, field in section.fields.items()
            if any(one.get(name) is not None for one in rows)
        }
    )


def measurement_tables(
    mapping: Mapping, table: pd.DataFrame, faults: Faults
) -> list[tuple[Section, dict[str, Origin]]]:
    """The measurements of each assay as a section of its own, with where its fields come from.

    mapping: settled. A continuous assay gives numbers, of which <5 is a bound unless the qualifier has a
    column; a binary one 0 and 1; of an ordinal one the text is the category. table: the rows, of which a column may
    name the assays; a name that no assay has is a fault.
    """
    told = [
        (assay, origins, where)
        for one in mapping.origins.get("measurement", [])
        for assay, origins, where in _of_one_assay(one, mapping, table, faults)
    ]
    if not told:
        return []
    scales = mapping.given["assay"].set_index("name")["scale"]
    found = []
    for number, (assay, one, where) in enumerate(told, start=1):
        origins, fields = one | {"assay": Origin(constant=assay)}, {}
        if scales[assay] == Scale.ORDINAL:
            origins["category"] = origins.pop("value")
        elif scales[assay] == Scale.BINARY:
            fields["value"] = ZERO_OR_ONE
        elif "qualifier" not in origins:
            origins["qualifier"] = origins["value"]
            fields |= {"value": BOUNDED_NUMBER, "qualifier": BOUND}
        section = MEASUREMENT.of_table(
            number if len(told) > 1 else None, fields, {"assay": assay}, "measured_day" in origins
        )
        found.append((replace(section, where=where), origins))
    return found


def _of_one_assay(origins, mapping, table, faults):
    """The name of the assay, the origins of its fields, and which rows are its own: of each that a column names."""
    column = origins["assay"].column
    if column is None:
        return [(origins["assay"].constant, origins, None)]
    if column not in table:
        return []
    stored = mapping.given["assay"]
    names = {fold(name): name for name in stored["name"]}
    found: dict[str, list[str]] = {}
    for text in dict.fromkeys(table[column]):
        meant = (origins["assay"].values or {}).get(text, text)
        if meant is not None and fold(meant) in names:
            found.setdefault(names[fold(meant)], []).append(text)
    known = {text for texts in found.values() for text in texts}
    unknown = table.loc[~table[column].isin(known), column]
    told = unknown[unknown.notna()]
    faults.add_rows(told, column, told.map(lambda text: no_assay(text, list(names.values()))))
    faults.add_rows(unknown[unknown.isna()], column, _("It is required and missing."))
    if "unit" in origins:
        _refuse_other_units(origins["unit"].column, table, column, found, stored, faults)
    rest = {key: origin for key, origin in origins.items() if key != "unit"}
    return [(name, rest, Where(column, tuple(texts))) for name, texts in found.items()]


def no_assay(name: str, known: list[str]) -> str:
    """That no assay has this name, with those that are called much like it."""
    near = difflib.get_close_matches(fold(name), {fold(one): one for one in known}, 3, 0.5)
    listed = [one for one in known if fold(one) in near] or known[:20]
    return _("There is no assay of this name; there are: %(names)s.", names=", ".join(listed) or "–")


def _refuse_other_units(unit, table, column, found, stored, faults):
    units = stored.set_index("name")["unit"] if "unit" in stored else {}
    for name, texts in found.items() if unit in table else ():
        cells = table.loc[table[column].isin(texts), unit].dropna()
        right = units.get(name)
        right = right if isinstance(right, str) else ""
        wrong = cells[[fold(text) != fold(right) for text in cells]]
        message = _(
            "%(assay)s is stored in %(unit)s: convert the value.", assay=name, unit=right or _("no unit")
        )
        faults.add_rows(wrong, unit, message)
