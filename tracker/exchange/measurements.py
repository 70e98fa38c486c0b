"""The [[measurement]] tables of a mapping: the assays that they name, and how their values are read."""

from dataclasses import replace

import pandas as pd
import sqlalchemy as sa
from flask_babel import gettext as _

from tracker.exchange.fields import BOUND, BOUNDED_NUMBER, ZERO_OR_ONE, Origin
from tracker.exchange.mapping import Mapping
from tracker.exchange.sections import ASSAY, BIOMARKER, MEASUREMENT, Section
from tracker.extensions import db
from tracker.models import Assay, Biomarker
from tracker.terms.biomarker import Scale
from tracker.values import Refusal


def settle_assays(mapping: Mapping) -> Mapping:
    """The mapping with its assays and biomarkers among what is given, as they are stored or will be.

    An assay belongs to all trials, so an import creates one but never changes one: what a table says of an
    assay that exists must be what is stored. Raises Refusal, which names the table and the key.
    """
    if not mapping.assays:
        return mapping
    told, places = _merged(mapping.assays)
    assays, kinds = _stored_assays(told), _stored_kinds()
    for name, one in told.items():
        if name in assays:
            _refuse_other(name, one, assays[name], places[name])
            told[name] = assays[name]
    for name, one in told.items():
        if name not in assays:
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


def _stored_assays(names) -> dict[str, dict]:
    rows = db.session.execute(
        sa.select(
            Assay.name, Assay.withdrawn_at, Biomarker.name, Biomarker.kind, Assay.scale, Assay.unit,
            Assay.positive_cutoff,
        )
        .join(Assay.biomarker)
        .where(Assay.name.in_(list(names)))
        .execution_options(include_withdrawn=True)
    ).all()  # fmt: skip
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


def measurement_tables(mapping: Mapping) -> list[tuple[Section, dict[str, Origin]]]:
    """Each table as a section of its own, with where its fields come from.

    mapping: settled. A continuous assay gives numbers, of which <5 is a bound unless the qualifier has a
    column; a binary one 0 and 1; of an ordinal one the text is the category.
    """
    tables = mapping.origins.get("measurement", [])
    if not tables:
        return []
    scales = mapping.given["assay"].set_index("name")["scale"]
    found = []
    for number, table in enumerate(tables, start=1):
        assay = table["assay"].constant
        origins, fields = dict(table), {}
        if scales[assay] == Scale.ORDINAL:
            origins["category"] = origins.pop("value")
        elif scales[assay] == Scale.BINARY:
            fields["value"] = ZERO_OR_ONE
        elif "qualifier" not in origins:
            origins["qualifier"] = origins["value"]
            fields |= {"value": BOUNDED_NUMBER, "qualifier": BOUND}
        section = MEASUREMENT.of_table(
            number if len(tables) > 1 else None, fields, {"assay": assay}, "measured_day" in origins
        )
        found.append((section, origins))
    return found
