"""A mapping as a page edits it, and as the TOML file that the command line reads.

A plan names each field once, as `participant.sex` or `measurement.timepoint`, with where its values come from; all
measurements of a plan share what is said about them. A mapping file may say more than that: then it has no plan,
and is changed as a file.
"""

import json
import tomllib
from dataclasses import dataclass, field

from tracker.exchange.sections import SECTIONS

#: The sections whose fields a plan gives, each with the field that says whose record it is.
_OWNERS = {
    "participant": "code",
    "outcome": "participant",
    "specimen": "participant",
    "administration": "participant",
    "adverse_event": "participant",
    "lesion": "participant",
    "assessment": "participant",
    "lesion_measurement": "participant",
    "measurement": "participant",
}

#: Those of which a file has one table at most.
SINGLE = tuple(name for name in _OWNERS if name != "measurement")

#: The field that all of them take from.
CODE = "participant.code"

#: What all measurements of a plan share.
ABOUT = ("specimen", "measured_on", "measured_day", "timepoint", "qualifier")

#: What only a file tells that has one value a row, of the assay that a column names.
OF_ROWS = ("assay", "value", "unit")


@dataclass
class Plan:
    """source, trial: as in the mapping file. given: its [[arm]] and [[cohort]] tables. fields: where each field comes
    from, a table of the file with column, constant or row. assays: for each [[measurement]] the name of its assay,
    `value` as such a table, and what else is said of the assay."""

    source: dict = field(default_factory=dict)
    trial: dict = field(default_factory=dict)
    given: dict[str, list] = field(default_factory=dict)
    fields: dict[str, dict] = field(default_factory=dict)
    assays: list[dict] = field(default_factory=list)

    @property
    def columns(self) -> dict[str, list[str]]:
        """For each column what it gives: names of fields, and `assay:` with the number of an assay."""
        found: dict[str, list[str]] = {}
        for name, origin in self.fields.items():
            if "column" in origin:
                found.setdefault(origin["column"], []).append(name)
        for number, assay in enumerate(self.assays):
            found.setdefault(assay["value"]["column"], []).append(f"assay:{number}")
        return found


def content_of(plan: Plan) -> dict:
    """The mapping file's content."""
    content = {name: plan.source for name in ("source",) if plan.source} | {"trial": plan.trial}
    content |= {name: tables for name, tables in plan.given.items() if tables}
    sections = {name: {} for name in _OWNERS}
    for target, origin in plan.fields.items():
        section, _dot, key = target.partition(".")
        sections[section][key] = _short(origin)
    code = sections["participant"].pop("code", None)
    if sections["participant"]:
        content["participant"] = {"code": code} | sections["participant"] if code else sections["participant"]
        whose = {}
    else:
        whose = {"participant": code} if code else {}
    for name in SINGLE[1:]:
        if sections[name]:
            content[name] = whose | sections[name]
    about = sections["measurement"]
    if isinstance(about.get("timepoint"), dict) and list(about["timepoint"]) == ["constant"]:
        about["timepoint"] = about["timepoint"]["constant"]
    elif isinstance(about.get("timepoint"), str):
        about["timepoint"] = {"column": about["timepoint"]}
    of_rows = {key: about.pop(key) for key in OF_ROWS if key in about}
    measurements = [
        {"assay": one["assay"], "value": _short(one["value"])}
        | {key: value for key, value in one.items() if key not in ("assay", "value")}
        | about
        | whose
        for one in plan.assays
    ]
    if names := plan.fields.get("measurement.assay"):
        measurements.append(
            {"assay": names} | {key: of_rows[key] for key in of_rows if key != "assay"} | about | whose
        )
    if measurements:
        content["measurement"] = measurements
    return content


def _short(origin):
    return origin["column"] if list(origin) == ["column"] else origin


def plan_of(content: dict) -> Plan | None:
    """The plan of a mapping file; None where it says what a plan cannot."""
    try:
        plan = _plan_of(content)
    except (AttributeError, KeyError, TypeError):
        return None
    return plan if _plain(content_of(plan)) == _plain(content) else None


def _plan_of(content):
    plan = Plan(content.get("source", {}), content["trial"])
    plan.given = {name: content[name] for name in ("arm", "cohort") if name in content}
    for section in SINGLE:
        for key, origin in content.get(section, {}).items():
            SECTIONS[section].field(key)  # a plan knows no table of agents
            plan.fields[_target(section, key)] = _long(origin)
    for table in content.get("measurement", []):
        names_assays = isinstance(table["assay"], dict)
        for key in (*ABOUT, *(OF_ROWS if names_assays else ()), "participant"):
            if key in table:
                is_constant = key == "timepoint" and isinstance(table[key], str)
                origin = {"constant": table[key]} if is_constant else _long(table[key])
                plan.fields[_target("measurement", key)] = origin
        if names_assays:
            continue
        others = {key: value for key, value in table.items() if key not in (*ABOUT, "participant", "value")}
        plan.assays.append(others | {"value": _long(table["value"])})
        plan.assays[-1]["value"]["column"]  # a plan knows no values that are not in a column
    return plan


def _target(section, key):
    return CODE if key == _OWNERS[section] else f"{section}.{key}"


def _long(origin):
    return {"column": origin} if isinstance(origin, str) else dict(origin)


def _plain(value):
    """Content such that two ways to say the same are equal."""
    if isinstance(value, dict):
        short = _short(value) if value else value
        return {key: _plain(one) for key, one in value.items()} if short is value else short
    return [_plain(one) for one in value] if isinstance(value, list) else value


def fields_of(section: str) -> list[str]:
    """The names of the fields of a section that a plan may give, as `participant.sex`."""
    keys = (*ABOUT, *OF_ROWS) if section == "measurement" else SECTIONS[section].keys
    return [f"{section}.{key}" for key in keys if key != _OWNERS[section] or section == "participant"]


def every_field() -> set[str]:
    """The names of all fields that a plan may give."""
    return {name for section in _OWNERS for name in fields_of(section)}


# TOML


def parse(text: str) -> dict:
    """The content of a mapping file that was written here or read before."""
    return tomllib.loads(text.removeprefix("\ufeff").replace("\r\n", "\n"))


def toml(content: dict) -> str:
    """The mapping file of this content: a table a section, each field on a line."""
    blocks = []
    for name, tables in content.items():
        is_list = isinstance(tables, list)
        for table in tables if is_list else [tables]:
            lines = [f"{_key(key)} = {_value(value)}" for key, value in table.items()]
            blocks.append("\n".join([f"[[{name}]]" if is_list else f"[{name}]", *lines]))
    return "\n\n".join(blocks) + "\n"


def _key(key):
    is_bare = key and key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if is_bare else _text(key)


def _text(text):
    # A JSON text is a TOML text but for DEL, which TOML wants escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return f"[{', '.join(_value(one) for one in value)}]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_value(one)}" for key, one in value.items()) + " }"
    return str(value)  # a number or a date
