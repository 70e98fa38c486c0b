"""What the columns of a file seem to be, by their names and values: a plan for a person to look over."""

import re

import pandas as pd

from tracker import values
from tracker.exchange.fields import DATE, STUDY_DAY, UNITS, Origin, excel_dates
from tracker.exchange.outline import Column, Outline
from tracker.exchange.plan import CODE, OF_ROWS, Plan
from tracker.exchange.sections import SECTIONS, terms_of
from tracker.terms.codes import diagnoses, tissues
from tracker.values import Refusal, fold

#: Names of columns, folded and with words apart, in English and French; of several columns the first name wins.
NAMES = {
    CODE: "participant code|participant id|participant|usubjid|subject id|subjid|subject|patient id|patient key"
    "|patient code|patient|record id|code|id|identifiant|code patient|identifiant patient|sujet|numero patient",
    "participant.arm": "arm|arm code|actarm|treatment arm|arm of treatment|trt|treatment group|bras|bras de traitement",
    "participant.cohort": "cohort|cohort name|cohorte",
    "participant.sex": "sex|gender|sexe|genre",
    "participant.ecog": "ecog|ecog ps|ecog performance status|performance status|statut ecog|indice ecog",
    "participant.tumor_location": "tumor location|tumour location|tumor site|tumour site|primary site|primary tumor"
    "|primary|tumor type|tumour type|cancer type|cancertype|cancer|organ|tissue|localisation|localisation tumorale"
    "|site primitif|organe|type de cancer",
    "participant.diagnosis": "diagnosis|oncotree|oncotree code|histology|cancer type detailed|diagnostic|histologie",
    "participant.subtype": "subtype|molecular subtype|breast subtype|receptor status|sous type|sous type moleculaire",
    "participant.stage": "stage|disease stage|tumor stage|tumour stage|stade|stade tumoral",
    "participant.prior_lines": "prior lines|number of prior lines|previous lines|lines of therapy|prior therapies"
    "|lignes anterieures|nombre de lignes anterieures",
    "participant.prior_immunotherapy": "prior immunotherapy|prior io|previous immunotherapy|immunotherapie anterieure",
    "participant.birth_year": "birth year|year of birth|yob|annee de naissance",
    "participant.age_at_enrolment": "age|age at enrolment|age at enrollment|age at inclusion|age a l inclusion",
    "participant.consented_on": "consented on|consent date|date of consent|date du consentement|date de consentement",
    "participant.enrolled_on": "enrolled on|enrolment date|enrollment date|date of enrolment|date of enrollment"
    "|randomisation date|randomization date|date of randomisation|date of randomization|inclusion date"
    "|date d inclusion|date de randomisation",
    "participant.first_dose_on": "first dose on|first dose date|date of first dose|treatment start|start date"
    "|treatment start date|date de premiere dose|debut du traitement",
    "participant.last_dose_on": "last dose on|last dose date|date of last dose|treatment end date"
    "|date de derniere dose|fin du traitement",
    "participant.new_therapy_on": "new therapy on|new therapy date|next therapy date|date de nouveau traitement",
    "participant.off_treatment_on": "off treatment on|off treatment date|date off treatment|date d arret",
    "participant.off_treatment_reason": "off treatment reason|reason off treatment|motif d arret",
    "participant.off_study_on": "off study on|off study date|date off study|date de sortie d etude",
    "participant.off_study_reason": "off study reason|reason off study|motif de sortie",
    "participant.last_known_alive_on": "last known alive on|last known alive|last follow up|last follow up date"
    "|date of last follow up|last contact|last contact date|date de derniere nouvelle|derniere nouvelle",
    "participant.died_on": "died on|death date|date of death|date de deces|date du deces",
    "outcome.best_overall_response": "best overall response|best response|bor|response|recist|recist response"
    "|objective response|orr|meilleure reponse|meilleure reponse globale|reponse",
    "outcome.clinical_benefit": "clinical benefit|durable clinical benefit|cbr|dcb|benefice clinique",
    "outcome.pathological_complete_response": "pathological complete response|pcr|path cr"
    "|reponse pathologique complete",
    "outcome.pfs_months": "pfs|pfs time|progression free survival|ssp|survie sans progression",
    "outcome.pfs_event": "pfs event|pfs status|progressed|progression|progression event|evenement ssp",
    "outcome.os_months": "os|os time|overall survival|survival|survival time|sg|survie globale|survie",
    "outcome.os_event": "os event|os status|dead|death|deceased|vital status|died|deces|decede|statut vital",
    "measurement.specimen": "barcode|specimen barcode|sample barcode|specimen|specimen id|sample|sample id"
    "|biospecimen id|code barres|prelevement|echantillon|identifiant echantillon",
    "measurement.assay": "assay|assay name|test|test name|analyte|parameter|marker|biomarker|dosage|parametre|marqueur"
    "|analyse",
    "measurement.value": "value|result|test result|valeur|resultat",
    "measurement.unit": "unit|units|unite|unites",
    "measurement.measured_on": "measured on|measurement date|date of measurement|sample date|collection date"
    "|date of sample|sampling date|date de prelevement|date de mesure",
    "measurement.timepoint": "timepoint|time point|sample timepoint|visit|temps|visite",
    "measurement.qualifier": "qualifier|qualificatif",
}

#: The same for files that have one dose, event, lesion or finding a row. Words such as "grade" or "date" mean
#: something else in a file of participants, so that a file is taken for one of these only if all that a record
#: needs is found.
RECORDS = {
    "specimen.barcode": "barcode|specimen barcode|sample barcode|specimen|specimen id|sample|sample id|biospecimen id"
    "|code barres|prelevement|echantillon|identifiant echantillon",
    "specimen.type": "specimen type|sample type|type|material|type de prelevement|type d echantillon",
    "specimen.anatomic_place": "anatomic place|primary or metastasis|primary metastasis|tumor origin|sample origin",
    "specimen.location": "location|organ|biopsy site|site|anatomic location|localisation|organe|siege",
    "specimen.timepoint": "timepoint|time point|sample timepoint|visit|temps|visite",
    "specimen.collected_on": "collected on|collection date|date of collection|sample date|sampling date|biopsy date"
    "|date de prelevement",
    "specimen.collected_day": "collected day|collection day|sample day|jour de prelevement",
    "specimen.tumor_content_percent": "tumor content percent|tumor content|tumour content|tumor cellularity|cellularity"
    "|purity|contenu tumoral|cellularite",
    "specimen.quality": "specimen quality|sample quality|quality|qualite",
    "specimen.status": "specimen status|sample status|status|statut",
    "adverse_event.term": "adverse event|adverse event term|ae term|aeterm|aedecod|event|event term|toxicity|term"
    "|preferred term|ctcae term|evenement indesirable|evenement|toxicite",
    "adverse_event.soc": "soc|system organ class|aebodsys|aesoc|classe de systeme d organes",
    "adverse_event.grade": "grade|ctcae grade|toxicity grade|ae grade|aetoxgr|worst grade|severity|aesev",
    "adverse_event.started_on": "started on|start date|onset|onset date|date of onset|ae start date|aestdtc|astdt"
    "|date de debut|debut",
    "adverse_event.started_day": "started day|start day|onset day|astdy|aestdy|jour de debut",
    "adverse_event.ended_on": "ended on|end date|resolution date|ae end date|aeendtc|aendt|date de fin|fin",
    "adverse_event.ended_day": "ended day|end day|aendy|aeendy|jour de fin",
    "adverse_event.serious": "serious|sae|aeser|grave|gravite",
    "adverse_event.serious_criterion": "serious criterion|seriousness criterion|critere de gravite",
    "adverse_event.immune_related": "immune related|irae|imar|lie a l immunite",
    "adverse_event.dlt": "dlt|dose limiting|dose limiting toxicity|aedlt",
    "adverse_event.related": "related|relationship|causality|related to treatment|aerel|imputabilite",
    "adverse_event.action_taken": "action taken|action|aeacn|action prise",
    "adverse_event.outcome": "outcome|event outcome|aeout|evolution",
    "administration.component": "component|agent|drug|drug name|study drug|medication|extrt|medicament|molecule",
    "administration.cycle": "cycle|cycle number|course|numero de cycle",
    "administration.given_on": "given on|administration date|dose date|dosing date|infusion date|date|exstdtc"
    "|date d administration|date de dose",
    "administration.given_day": "given day|dose day|study day|day|exstdy|jour",
    "administration.dose": "dose|dose given|actual dose|exdose",
    "administration.unit": "unit|dose unit|exdosu|unite",
    "administration.modification": "modification|dose modification|change|exadj",
    "administration.reason": "reason|modification reason|motif|raison",
    "lesion_measurement.lesion": "lesion|lesion label|lesion id|lesion number|target lesion|trlnkid|lesion no",
    "lesion_measurement.assessed_on": "assessed on|assessment date|scan date|date of scan|imaging date|date|trdtc"
    "|date d examen|date d evaluation|date d imagerie",
    "lesion_measurement.assessed_day": "assessed day|assessment day|scan day|study day|day|trdy|jour",
    "lesion_measurement.diameter_mm": "diameter|diameter mm|size mm|longest diameter|longest diameter mm|size|mm"
    "|diametre|diametre mm|taille|taille mm",
    "lesion_measurement.state": "state|status|lesion state|tumor state|etat",
    "lesion.label": "lesion|lesion label|lesion id|lesion number|target lesion|tulnkid|label|lesion no",
    "lesion.role": "role|lesion type|type|target or non target|tuorres|trgrpid|cible",
    "lesion.place": "place|location|lesion location|lesion site|site|anatomic location|tuloc|localisation|siege",
    "lesion.organ": "organ|organe",
    "lesion.nodal": "nodal|node|lymph node|ganglion",
    "assessment.assessed_on": "assessed on|assessment date|scan date|date of scan|imaging date|date|trdtc"
    "|date d examen|date d evaluation|date d imagerie",
    "assessment.assessed_day": "assessed day|assessment day|scan day|study day|day|trdy|jour",
    "assessment.modality": "modality|method|imaging method|imaging|tumethod|modalite|methode",
    "assessment.investigator_response": "investigator response|investigator call|reponse de l investigateur",
    "assessment.investigator_reason": "investigator reason|reason of the call",
}

_SECTIONS = list(dict.fromkeys(target.partition(".")[0] for target in RECORDS))

#: What sources write, folded, for terms that would not be read from it.
WORDS = {
    "participant.sex": {"homme": "male", "femme": "female", "h": "male", "woman": "female", "man": "male"},
    "outcome.best_overall_response": {
        "r": "responder", "nr": "non-responder", "cr/pr": "responder", "sd/pd": "non-responder",
        "pd/sd": "non-responder", "responders": "responder", "non-responders": "non-responder",
        "1": "responder", "0": "non-responder",
        "yes": "responder", "no": "non-responder", "rc": "CR", "rp": "PR", "ms": "SD", "mp": "PD",
    },
    "outcome.os_event": {
        "dead": "yes", "deceased": "yes", "died": "yes", "alive": "no", "living": "no", "censored": "no",
        "1:deceased": "yes", "0:living": "no", "decede": "yes", "vivant": "no", "deces": "yes",
    },
    "outcome.pfs_event": {
        "progressed": "yes", "progression": "yes", "event": "yes", "censored": "no", "1:progression": "yes",
        "0:censored": "no", "1:recurred/progressed": "yes", "0:diseasefree": "no",
    },
    "participant.tumor_location": {
        "nsclc": "LUNG", "sclc": "LUNG", "luad": "LUNG", "lusc": "LUNG", "cbnpc": "LUNG", "melanoma": "SKIN",
        "melanome": "SKIN", "skcm": "SKIN", "renal": "KIDNEY", "rcc": "KIDNEY", "ccrcc": "KIDNEY",
        "colorectal": "BOWEL", "crc": "BOWEL", "colon": "BOWEL", "rectum": "BOWEL", "head & neck": "HEAD_NECK",
        "head and neck": "HEAD_NECK",
        "hnscc": "HEAD_NECK", "gastric": "STOMACH", "esophageal": "STOMACH", "esophagogastric": "STOMACH",
        "hepatobiliary": "LIVER", "hcc": "LIVER", "hepatocellular": "LIVER", "pancreatic": "PANCREAS",
        "ovarian": "OVARY", "endometrial": "UTERUS", "mesothelioma": "PLEURA", "sarcoma": "SOFT_TISSUE",
        "urothelial": "BLADDER", "tnbc": "BREAST", "sein": "BREAST", "poumon": "LUNG", "breast cancer": "BREAST",
        "lung cancer": "LUNG", "prostate cancer": "PROSTATE", "bladder cancer": "BLADDER", "skin cancer": "SKIN",
    },
    "adverse_event.related": {
        "related": "yes", "not related": "no", "unrelated": "no", "unlikely": "no", "none": "no", "remote": "no",
        "possible": "yes", "possibly": "yes", "probable": "yes", "probably": "yes", "definite": "yes",
        "certain": "yes", "lie": "yes", "non lie": "no",
    },
    "lesion.role": {"t": "target", "nt": "non-target", "cible": "target", "non cible": "non-target"},
    "participant.prior_immunotherapy": {"naive": "no", "treated": "yes"},
    "measurement.timepoint": {
        "pre": "baseline", "pre-treatment": "baseline", "pretreatment": "baseline", "screening": "baseline",
        "before": "baseline", "on": "on treatment", "on-treatment": "on treatment", "during": "on treatment",
        "inclusion": "baseline", "progression": "progression", "pd": "progression",
    },
}  # fmt: skip

#: Ways to write a date that are tried, the plain ones first.
DATE_FORMATS = ("", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y%m%d")

_UNITS = {
    "days": "days|day|d|jours|jour|j", "weeks": "weeks|week|wk|w|semaines", "months": "months|month|mo|mos|m|mois",
    "years": "years|year|yr|yrs|y|ans|annees", "percent": "percent|pct|pourcent",
}  # fmt: skip
_UNIT_OF = {word: unit for unit, words in _UNITS.items() for word in words.split("|")}

_TARGETS = {}
for _target, _names in NAMES.items():
    for _rank, _name in enumerate(_names.split("|")):
        _TARGETS.setdefault(_name, (_target, _rank))


def words_of(name: str) -> str:
    """A column's name, folded and with its words apart: "OS_Months" is "os months", "osMonths" too."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return " ".join(re.findall(r"[a-z0-9]+", fold(apart)))


def guess_plan(outline: Outline, source: dict, trial: dict, assays: list[str], everything: bool) -> Plan:
    """What the columns seem to be.

    assays: the names of those that are stored: a column of an assay's name is its measurements. everything:
    whether all sections may be imported, or only measurements.
    """
    plan = Plan(source=source, trial=trial)
    decimal = source.get("decimal", ".")
    plan.fields = _guess_records(outline, decimal, _SECTIONS if everything else ["specimen"])
    taken = {origin["column"] for origin in plan.fields.values()}
    candidates = []
    for place, column in enumerate(outline.columns):
        if column.name in taken:
            continue
        found = _target_of(column)
        if found and (everything or found[0] == CODE or found[0].startswith(("measurement.", "specimen."))):
            candidates.append((found[1], place, found[0], found[2], column))
    for _rank, _place, target, unit, column in sorted(candidates, key=lambda one: one[:2]):
        if target not in plan.fields and (origin := origin_for(target, column, decimal, unit)) is not None:
            plan.fields[target] = origin
    known = {words_of(name): name for name in assays}
    _drop_names_of_no_assay(plan, outline, known)
    taken = {origin["column"] for origin in plan.fields.values()}
    for column in outline.columns:
        name = known.get(words_of(column.name))
        if name and column.name not in taken:
            plan.assays.append({"assay": name, "value": {"column": column.name}})
    measures = plan.assays or "measurement.assay" in plan.fields
    if measures and "specimen.barcode" in plan.fields:  # what is measured, is measured in the row's specimen
        plan.fields.setdefault("measurement.specimen", dict(plan.fields["specimen.barcode"]))
    if not measures:
        for key in [name for name in plan.fields if name.startswith("measurement.")]:
            del plan.fields[key]
    elif not {"measurement.timepoint", "measurement.specimen"} & plan.fields.keys():
        plan.fields["measurement.timepoint"] = {"constant": "baseline"}
    return plan


def _drop_names_of_no_assay(plan, outline, known):
    """What is said of files with one value a row is taken back where no column names assays that are stored."""
    column = plan.fields.get("measurement.assay", {}).get("column")
    names = next((one.values for one in outline.columns if one.name == column), [])
    if "measurement.value" not in plan.fields or not any(words_of(name) in known for name in names):
        for key in OF_ROWS:
            plan.fields.pop(f"measurement.{key}", None)


def _guess_records(outline: Outline, decimal, sections) -> dict[str, dict]:
    """The fields of doses, events, lesions or findings, where the columns have all that these need."""
    by_name = {words_of(column.name): column for column in reversed(outline.columns)}
    found: dict[str, dict] = {}
    for target, words in RECORDS.items():
        column = next((by_name[name] for name in words.split("|") if name in by_name), None)
        if column is not None and (origin := origin_for(target, column, decimal)) is not None:
            found[target] = origin
    guessed: dict[str, dict] = {}
    for section in sections:
        own = {target: origin for target, origin in found.items() if target.startswith(f"{section}.")}
        for day, date in SECTIONS[section].days.items():
            if f"{section}.{date}" in own:
                own.pop(f"{section}.{day}", None)
        known = {SECTIONS[section].days.get(key, key) for key in (one.partition(".")[2] for one in own)}
        needed = {*SECTIONS[section].needs, *SECTIONS[section].required} - {"participant"}
        if needed <= known and set(SECTIONS[section].told) & known:
            guessed |= own
    return guessed


def _target_of(column: Column):
    """The field that a column's name says, how sure that is (0 is surest), and the unit that the name says."""
    name = words_of(column.name)
    if name in _TARGETS:
        return *_TARGETS[name], None
    for target in NAMES:
        section, _dot, key = target.partition(".")
        days = key.removesuffix("_on") + "_day"
        if name == words_of(key):
            return target, 0, None
        if key.endswith("_on") and name == words_of(days):
            return f"{section}.{days}", 0, None
    *rest, last = name.split()
    if rest and last in _UNIT_OF and (found := _TARGETS.get(" ".join(rest))):
        target, rank = found
        section, _dot, key = target.partition(".")
        if SECTIONS[section].field(key).unit and _UNIT_OF[last] in UNITS[SECTIONS[section].field(key).unit]:
            return target, rank, _UNIT_OF[last]
    return None


def origin_for(target: str, column: Column, decimal=".", unit: str | None = None) -> dict | None:
    """How the field would be read from the column; None where its values are plainly something else."""
    section_name, _dot, key = target.partition(".")
    section = SECTIONS[section_name]
    field = section.field(key)
    origin = {"column": column.name}
    if terms_of(section, key) is not None:
        translated = translations(target, column)
        if column.values and not any(translated.values()):
            return None
        if needs_translation(target, column, decimal):
            origin["values"] = {text: term for text, term in translated.items() if term}
    elif target == "measurement.value":
        pass  # of an ordinal assay it is a word
    elif field is STUDY_DAY or field.unit or field.dtype in ("float64", "Int64"):
        if column.values and not column.is_number:
            return None
        origin |= {"unit": unit} if unit and unit != field.unit else {}
    elif field.dtype == DATE:
        form = date_format(column)
        if form is None:
            return None
        origin |= {"date_format": form} if form else {}
    return origin


def date_format(column: Column) -> str | None:
    """The format in which all values are dates, "" where they need none, None where there is none."""
    texts = pd.Series(column.values, dtype=object)
    for form in DATE_FORMATS:
        faults = values.read_dates(texts, date_format=form or None)[1]
        left = texts[faults.index]
        if not len(left) or (not form and excel_dates(left).notna().all()):
            return form
    return None


def translations(target: str, column: Column) -> dict[str, str]:
    """For each value of the column the term that it seems to mean; "" where that cannot be told."""
    section, _dot, key = target.partition(".")
    terms = terms_of(SECTIONS[section], key)
    return {value: _meant(target, terms, value) for value in column.values}


def needs_translation(target: str, column: Column, decimal=".") -> bool:
    """Whether some value cannot be read as it stands."""
    section, _dot, key = target.partition(".")
    texts = pd.Series(column.values, dtype=object)
    return bool(len(SECTIONS[section].field(key).read(texts, Origin(), decimal)[1]))


def _meant(target, terms, value):
    plain = re.sub(r"\.0+$", "", value)
    if plain != value and terms == (True, False):
        value = plain
    try:
        if terms == (True, False):
            return "yes" if values.read_boolean(value) else "no"
        return str(getattr(found := values.read_term(value, terms), "value", found))
    except Refusal:
        known = WORDS.get(target, {}).get(fold(plain))
        if known is None and terms is tissues and (code := diagnoses.find(value)):
            known = diagnoses[code]["tissue"]
        return known or ""
