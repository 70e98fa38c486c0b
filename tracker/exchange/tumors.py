"""Tumors and what was found of them, in the SDTM domains TU and TR; and the responses in RS."""

import pandas as pd
import sqlalchemy as sa
from flask_babel import gettext as _

from tracker import clock
from tracker.exchange.domains import as_text, columns_of, dated, first_column, folded
from tracker.exchange.sections import ASSESSMENT, LESION, LESION_MEASUREMENT
from tracker.extensions import db
from tracker.models import Participant
from tracker.reads.response import responses_frame
from tracker.terms.response import LesionRole, LesionState, Modality, Organ
from tracker.values import Refusal, fold, read_term

#: Where a node lies.
NODE = "LYMPH NODE"

# Lesions and what was found of them


def lesions_of(tumors, results):
    """The tables of lesions, of assessments and of what was found."""
    if "TU.TUTESTCD" in tumors:
        tumors = tumors[tumors["TU.TUTESTCD"].isin(["TUMIDENT", "LESIDENT"])]
    tumors = tumors.copy()
    keys = _keys(tumors, "TU")
    results = results[results["TR.TRLNKID"].notna()].copy()
    measured = set(_keys(results, "TR")[results["TR.TRTESTCD"].isin(["LDIAM", "LPERP"])])
    told = first_column(tumors, "TU.TUSTRESC", "TU.TUORRES")
    is_measured = keys.isin(measured)
    tumors["TU.TUSTRESC"] = [
        _role(text, was_measured) for text, was_measured in zip(told, is_measured, strict=True)
    ]
    is_node = tumors["TU.TULOC"].str.upper().eq(NODE)
    tumors["node"] = is_node.map({True: "yes", False: "no"})
    organs = {place: _term(place, Organ) for place in tumors["TU.TULOC"].dropna().unique()}
    tumors["organ"] = as_text(tumors["TU.TULOC"].map(organs))
    lesions = columns_of(
        tumors,
        participant="TU.USUBJID",
        label="TU.TULNKID",
        role="TU.TUSTRESC",
        place="TU.TULOC",
        organ="organ",
        nodal="node",
    )
    found = _found(results, dict(zip(keys, is_node)), dict(zip(keys, tumors["TU.TUSTRESC"])))
    methods = first_column(found, "TR.TRMETHOD", "TR.method").where(
        lambda one: one.notna(), _keys(found, "TR").map(dict(zip(keys, first_column(tumors, "TU.TUMETHOD"))))
    )
    found["TR.TRMETHOD"] = methods.map(
        lambda text: (
            _term(text, Modality) or Modality.OTHER.value if isinstance(text, str) else Modality.OTHER.value
        )
    )
    # A visit has one modality: that of its first lesion.
    visit = [name for name in ("TR.USUBJID", "TR.TRDTC", "TR.TRDY") if name in found]
    found["TR.TRMETHOD"] = found.groupby(visit, dropna=False)["TR.TRMETHOD"].transform("first")
    visits = columns_of(found, participant="TR.USUBJID", modality="TR.TRMETHOD")
    measurements = columns_of(
        found, participant="TR.USUBJID", lesion="TR.TRLNKID", diameter_mm="TR.TRSTRESN", state="TR.TRSTRESC"
    )
    return [
        (LESION, lesions, tumors),
        dated(ASSESSMENT, found, "TR", visits, assessed_on="TR"),
        dated(LESION_MEASUREMENT, found, "TR", measurements, assessed_on="TR"),
    ]


def _keys(table, domain):
    return table[f"{domain}.USUBJID"] + "\0" + table[f"{domain}.{domain}LNKID"]


def _term(text, terms):
    try:
        return read_term(text, terms).value
    except Refusal:
        return None


def _role(text, was_measured):
    """What a tumor was identified as: new ones are measured where TR has a diameter of them."""
    words = fold(text).replace("-", " ").split() if text else []
    if "new" in words:
        return (LesionRole.NEW_MEASURED if was_measured else LesionRole.NEW_NOT_MEASURED).value
    return text


def _found(results, nodes, roles) -> pd.DataFrame:
    """The rows of TR that tell: the diameter of a target lesion (of a node the short axis), the state of another.

    Diameters come as text in mm under TR.TRSTRESN, states as text under TR.TRSTRESC.
    """
    keys = _keys(results, "TR")
    test = results["TR.TRTESTCD"]
    role = keys.map(roles).map(lambda one: _term(one, LesionRole) if isinstance(one, str) else None)
    is_measured = role.isin([LesionRole.TARGET.value, LesionRole.NEW_MEASURED.value])
    axis = keys.map(nodes).map({True: "LPERP", False: "LDIAM"}).fillna("LDIAM")
    is_diameter = (test == axis) & (is_measured | role.isna())
    is_state = (test == "TUMSTATE") & ~is_measured
    found = results[is_diameter | is_state].copy()
    is_diameter = is_diameter[found.index]
    number = first_column(found, "TR.TRSTRESN", "TR.TRSTRESC", "TR.TRORRES")
    text = first_column(found, "TR.TRSTRESC", "TR.TRORRES")
    unit = folded(first_column(found, "TR.TRSTRESU", "TR.TRORRESU"))
    number = number.where(unit != "cm", number.map(_from_cm, na_action="ignore"))
    done = folded(first_column(found, "TR.TRSTAT")) != "not done"
    # A target may have a state in place of a diameter: too small, not evaluable, not done.
    states = {one: _term(one, LesionState) for one in text.dropna().unique()}
    state = as_text(text.map(states))
    state = state.where(done, LesionState.NOT_EVALUABLE.value)
    found["TR.TRSTRESN"] = number.where(is_diameter & state.isna(), None)
    found["TR.TRSTRESC"] = state.where(~is_diameter | state.notna(), None).where(
        is_diameter | state.notna(), text
    )
    return found


def _from_cm(text):
    try:
        return repr(round(float(text) * 10, 6))
    except ValueError:
        return text


# Responses


def compare_responses(table, trial_id, warnings):
    """Warn of each overall response in RS that is not what follows from the assessments."""
    told = table[table["RS.RSTESTCD"] == "OVRLRESP"]
    if "RS.RSDTC" not in told:
        return
    text = first_column(told, "RS.RSSTRESC", "RS.RSORRES")
    derived = responses_frame(Participant.trial_id == trial_id, clock.today())
    codes = dict(
        db.session.execute(
            sa.select(Participant.id, Participant.code).where(Participant.trial_id == trial_id)
        ).all()
    )
    derived["key"] = (
        derived["participant_id"].map(codes) + "\0" + derived["assessed_on"].dt.strftime("%Y-%m-%d")
    )
    derived = derived.drop_duplicates("key", keep="last").set_index("key")
    keys = told["RS.USUBJID"] + "\0" + told["RS.RSDTC"]
    is_immune = folded(first_column(told, "RS.RSCAT")).str.contains("irecist").fillna(False).astype(bool)
    found = keys.map(derived["response"]).where(~is_immune, keys.map(derived["immune_response"]))
    differs = text.notna() & (folded(text) != folded(found))
    message = found[differs].map(
        lambda one: (
            _("From the assessments follows %(response)s.", response=one)
            if isinstance(one, str)
            else _("No assessment on this day is stored.")
        )
    )
    warnings.add_rows(text[differs], "RS.RSSTRESC", message)
