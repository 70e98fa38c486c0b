"""What in a text may tell who a person is: names, numbers, addresses and full birth dates, in French and in English.

A text that is found is asked about, never refused: only people can tell. So a rule may err, but seldom. Years of birth
and ages are no direct identifiers, and names of those who published something are none of a participant.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from flask_babel import lazy_gettext as _l

#: What a text can hold, by code: how a message names it.
KINDS = {
    "name": _l("a person’s name"),
    "telephone": _l("a telephone number"),
    "national": _l("a national identity or health number"),
    "hospital": _l("a hospital’s number of a patient"),
    "birth": _l("a full date of birth"),
    "email": _l("an e-mail address"),
    "address": _l("a postal address"),
}

#: Of these fields the name of somebody is what they are for.
NAMING = {"principal_investigator", "display_name", "printed_name", "citation"}


@dataclass(frozen=True)
class Found:
    """kind: one of KINDS. words: the part of the text that looks so."""

    kind: str
    words: str

    @property
    def label(self):
        return KINDS[self.kind]


# Names

_UPPER, _LOWER = "A-ZÀ-ÖØ-Þ", "a-zà-öø-ÿ"
#: A name as people write it: Dupont, DUPONT, O'Brien, Le-Goff.
_NAME = (
    rf"[{_UPPER}](?:[{_LOWER}]+|[{_UPPER}]{{2,}}|['’][{_UPPER}][{_LOWER}]+)(?:[-'’][{_UPPER}][\w]+)?(?!\w)"
)

#: Given names that are common in France, Belgium, the United Kingdom and North America, and mean nothing else.
_GIVEN = (Path(__file__).parents[1] / "terms" / "given_names.txt").read_text("utf-8").split()
_GIVEN_NAME = rf"(?:{'|'.join(sorted(_GIVEN, key=len, reverse=True))})"

#: Words after which a name is that of a place, of who wrote something, or of a method.
_OF_A_PLACE = re.compile(
    r"(?:\b(?:cent(?:re|er)|instituts?|institutes?|h[oô]pital|hospital|chu|chru|chr|clinique|clinic|universit[éy]|university|fondation"
    r"|foundation|cancéropôle|lyc[ée]e|b[âa]timent|building|laboratoire|laboratory|service|unit[ée]?|amphith[ée][âa]tre|salle|room|fund|prize|prix)"
    r"(?:\s+(?:de|du|d['’]|des|of|the))?\s+(?:\w+-)?|[-–])$",
    re.IGNORECASE,
)
_AFTER_IT = re.compile(
    r"(?:\s*(?:,\s*[\w.'’ -]{0,60})?(?:,?\s+(?:et\s+al|and\s+colleagues|et\s+coll)\b)"
    r"|['’]s\s+(?:test|criteri|method|score|index|rule|exact|correction|syndrome|disease|sarcoma|lymphoma|interval|estimat|design)"
    r"|\s*(?:[-–]\s*[A-ZÀ-Þ]|,?\s*\(?(?:19|20)\d\d\b)"
    r"|\s+(?:hospital|laborator\w+|cent(?:re|er)|institut|university|clinic|foundation|test|criteri|method|scale|score|index|design|exact"
    r"|syndrome|disease|interval|estimat|regression|staging|classification)\b)",
    re.IGNORECASE,
)

_TITLE = (
    r"(?:Mme|Mmes|Mlle|Madame|Mademoiselle|Monsieur|Messieurs|Mr|Mrs|Ms|Miss|Mister|Dr|Drs|Docteure?|Doctor|Pr|Prof|Professeure?"
    r"|Professor|MME|MLLE|MADAME|MONSIEUR|MRS|Sœur|Me)\.?|M\."
)
#: What may follow a title that is written in small letters, and is no name.
_SAYS = (
    r"(?:est|a|va|se|s|ne|n|qui|dit|doit|peut|et|ou|en|au|aux|d|de|du|des|la|le|les|l|a-t-elle|avec|sans|pour|puis|car|sera|était|has|had|is"
    r"|was|says|said|will|and|or|in|with|patient|imaging|scan)"
)
#: What follows the word patient with a capital, and is no name.
_NO_PATIENT = (
    r"(?:Reported|Global|Health|Information|Karnofsky|Lansky|Safety|Experience|Satisfaction|Data|Number|Identification|Diary"
    r"|Questionnaire|Years?|Status|Advocate|Preference|Care|Level|Flow|Population|Selection|Characteristics|Disposition|Assistance"
    r"|Caucasi\w+|African\w*|Asian|Hispanic|French|English|Child|ECOG|Ph|Grade|Consent|Cohort|Arm|Day|Access|Named)"
)

_NAMES = [
    # Mme Dupont, Dr Marie Curie, M. de La Tour
    re.compile(
        rf"(?<![\w.])(?:{_TITLE})\s{{1,3}}(?:(?:de|du|des|von|van|le|la|de\s+la|[{_UPPER}]\.)\s+)*{_NAME}(?:\s+{_NAME})?"
    ),
    # mme dupont
    re.compile(rf"(?<![\w.])(?:mme|mlle|mrs)\.?\s{{1,3}}(?!{_SAYS}\b)[{_LOWER}]{{3,}}\b"),
    # Marie Dupont, Marie DUPONT, Jean-Pierre Martin
    re.compile(
        rf"(?<![\w-]){_GIVEN_NAME}(?:-{_GIVEN_NAME})?\s{{1,3}}(?:[{_UPPER}]\.\s?)?(?:(?:de|du|le|la|van|von)\s)?{_NAME}"
    ),
    # DUPONT Marie
    re.compile(rf"(?<![\w-])[{_UPPER}]{{3,}}(?:[-'’][{_UPPER}]+)?,?\s{{1,3}}{_GIVEN_NAME}\b(?!-?\w)"),
    # nom du patient : dupont; last name: Smith
    re.compile(
        r"\b(?:nom\s+(?:du|de\s+la|de|d['’]usage|patient)\s*(?:patiente?|famille|naissance|jeune\s+fille|malade)?"
        r"|pr[ée]noms?(?:\s+d[eu]\s+(?:la\s+)?patiente?)?|patient(?:['’]s)?\s+(?:full\s+)?name|(?:last|first|maiden|family|given)\s+name|surname)"
        rf"\s{{0,3}}[:=]\s{{0,3}}[{_UPPER}{_LOWER}]{{2,}}",
        re.IGNORECASE,
    ),
    # a patient named Smith, sa fille Marie, née Durand
    re.compile(rf"\b(?:[Nn]amed|[Cc]alled|[Nn]ommée?|s['’]appelle|[Nn]ée)\s{{1,3}}(?!Le\b|En\b){_NAME}"),
    re.compile(
        r"\b(?:husband|wife|son|daughter|mother|father|brother|sister|mari|femme|épouse|époux|fils|fille|mère|père|frère|sœur|conjointe?)"
        rf",?\s{{1,3}}{_GIVEN_NAME}\b"
    ),
    # patient Dupont, la patiente DUPONT
    re.compile(
        rf"\b[Pp]atiente?\s*:?\s{{1,3}}(?!{_NO_PATIENT}\b)[{_UPPER}][{_LOWER}]{{2,}}(?:\s{{1,3}}{_NAME})?(?!\w)(?=\s*(?:[.,;:)(]|$"
        r"|\s(?:a|est|s['’]|se|ne|n['’]|qui|was|is|has|had|reports?|died|décédée?|came|called|refused|refuse|presented|présente|vu|vue|seen)\b))"
    ),
    re.compile(rf"\b[Pp]atiente?\s*:?\s{{1,3}}{_GIVEN_NAME}\b(?!-?\w)"),
    # initials: J.D., initiales JD
    re.compile(
        rf"\b(?:[Ii]nitials?|[Ii]nitiales?)\b(?:\s+(?:du|de\s+la|of\s+the)\s+patiente?)?\s{{0,3}}[:=(]?\s{{0,3}}"
        rf"[{_UPPER}]\.?[- ]?[{_UPPER}]\.?(?![{_LOWER}{_UPPER}])"
    ),
]

# Numbers

_TELEPHONES = [
    # France, also from abroad: 01 23 45 67 89, +33 (0)1 23 45 67 89, 0033 1 …
    re.compile(
        r"(?<![\w.,/-])(?:(?:\+|00)33[ .-]?(?:\(0\)[ .-]?)?[1-9]|0[1-9])(?:[ .-]?\d{2}){4}(?![\w/-]|[.,]\d)"
    ),
    # any country: +44 20 7946 0958, +1 (212) 555-0123
    re.compile(
        r"(?<![\w.,/])\+[1-9]\d{0,2}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){2,4}(?![\w/%]|[.,]\d)"
    ),
    # North America: (212) 555-0123, 212-555-0123, 212.555.0123
    re.compile(
        r"(?<![\w.,/-])(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[.-])[2-9]\d{2}[ .-]\d{4}(?![\w/%-]|[.,]\d)"
    ),
    # United Kingdom: 020 7946 0958, 07700 900123, 0113 496 0123
    re.compile(
        r"(?<![\w.,/-])(?:02\d[ -]\d{4}[ -]?\d{4}|07\d{3}[ -]?\d{3}[ -]?\d{3}"
        r"|01\d{2,3}[ -]\d{3}[ -]?\d{3,4})(?![\w/%-]|[.,]\d)"
    ),
    # whatever is said to be one
    re.compile(
        r"\b(?:t[ée]l(?:[ée]phone)?|phone|mobile|cell\s?phone|portable|fax)\b\.?\s{0,3}(?:no|n°|number|num[ée]ro)?\.?\s{0,3}[:=]?\s{0,3}"
        r"\+?\(?\d(?:[ .()-]{0,2}\d){5,14}",
        re.IGNORECASE,
    ),
]

#: Thirteen digits and a key of two: sex, year, month, department, commune, order (INSEE). INS is the same number.
_NIR = re.compile(
    r"(?<![\w.,/])([1-478])([ .]?)(\d{2})\2(\d{2})\2(\d{2}|2[AaBb])\2(\d{3})\2(\d{3})(?:[ ./-]{0,3}(\d{2}))?(?![\w/])"
)
_SSN = re.compile(r"(?<![\w.,/-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w/-])")
_SSN_SAID = re.compile(r"\b(?:ssn|social\s+security)\b\D{0,15}\d{3}[ -]?\d{2}[ -]?\d{4}(?!\d)", re.IGNORECASE)
_NHS = re.compile(r"(?<![\w.,/-])(\d{3})([ -])(\d{3})\2(\d{4})(?![\w/-])")
_NHS_SAID = re.compile(r"\b(?:nhs|chi)\b\D{0,15}(\d{3})[ -]?(\d{3})[ -]?(\d{4})(?!\d)", re.IGNORECASE)
_NATIONAL_SAID = re.compile(
    r"\b(?:passe?port|carte\s+(?:nationale\s+)?d['’]identit[ée]|carte\s+vitale|(?:no|n°|num[ée]ro)\s+(?:de\s+)?(?:s[ée]cu(?:rit[ée]\s+sociale)?|ss)"
    r"|nir|matricule\s+ins|identity\s+card|national\s+insurance)\b"
    r"[^\d\n]{0,15}(?:[A-Z]{1,2}\s?)?\d(?:[ .]?[\dA-Z]){5,}",
    re.IGNORECASE,
)
_HOSPITAL = re.compile(
    r"(?<!\w)(?:IPP|NIP|NDA|IEP|MRN|m\.r\.n\.|medical\s+record(?:\s+(?:number|no))?|hospital\s+(?:number|no)|patient\s+id(?:entifier)?"
    r"|(?:no|n°|num[ée]ro)\s+(?:de\s+)?(?:dossier|s[ée]jour|patient))"
    r"\.?\s{0,3}[:=#°]?\s{0,3}[A-Z]{0,3}[- ]?\d(?:[ .-]?\d){5,}",
    re.IGNORECASE,
)

# Dates of birth

_MONTH = (
    r"(?:jan(?:v(?:ier)?|uary)?|f[ée]v(?:r(?:ier)?)?|feb(?:ruary)?|mar(?:s|ch)?|a(?:vr(?:il)?|pr(?:il)?)|mai|may|jui(?:n|l(?:let)?)|june?|july?"
    r"|ao[uû]t|aug(?:ust)?|sep(?:t(?:embre|ember)?)?|oct(?:obre|ober)?|nov(?:embre|ember)?|d[ée]c(?:embre|ember)?)\.?"
)
_DATE = (
    rf"(?:\d{{4}}[-/. ]\d{{1,2}}[-/. ]\d{{1,2}}|\d{{1,2}}[-/. ]\d{{1,2}}[-/. ](?:\d{{4}}|\d{{2}})"
    rf"|\d{{1,2}}(?:er|st|nd|rd|th)?[- ]?(?:of\s)?{_MONTH}[-, ]*\d{{2,4}}"
    rf"|{_MONTH}\s?\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{4}}|(?:19|20)\d{{6}}|(?:[0-2]\d|3[01])(?:0\d|1[0-2])(?:19|20)\d\d)(?!\d)"
)
_SAYS_BIRTH = (
    r"(?:n[ée]e?s?\s+(?:le|un|en|à[^\d\n]{1,30}le)|(?:was\s+|is\s+)?born(?:\s+(?:on|in|at[^\d\n]{1,30}))?|(?:date\s+of\s+birth|birth\s?date|birthday|d\.?\s?o\.?\s?b\.?)"
    r"|date\s+de\s+naissance|naissance|d\.?d\.?n\.?|anniversaire)"
)
_BIRTHS = [
    re.compile(
        rf"(?<!\w){_SAYS_BIRTH}\.?[\s:=(,-]{{0,5}}(?:is\s|was\s|est\s|the\s|le\s)?"
        rf"(?:(?:lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|\w{{3,6}}day)\s)?{_DATE}",
        re.IGNORECASE,
    ),
    re.compile(
        rf"(?<!\w){_DATE}[\s,]{{0,3}}\(?(?:dob|ddn|date\s+of\s+birth|date\s+de\s+naissance|birth\s?date)\b",
        re.IGNORECASE,
    ),
]

# Addresses

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_TOWNS = (
    r"(?:Paris|Marseille|Lyon|Toulouse|Nice|Nantes|Montpellier|Strasbourg|Bordeaux|Lille|Rennes|Reims|Toulon|Grenoble|Dijon|Angers|Nîmes|Clermont"
    r"|Tours|Limoges|Amiens|Metz|Besançon|Perpignan|Orléans|Rouen|Mulhouse|Caen|Nancy|Villejuif|Créteil|Versailles|Nanterre|Brest|Poitiers|Avignon"
    r"|Saint-\w+|Sainte-\w+|(?:Le|La|Les)\s[A-ZÀ-Þ]\w+|[A-ZÀ-Þ][\w]+-(?:sur|sous|en|lès|les|le|la|de|du|aux)-[\w-]+|[A-ZÀ-Þ]{4,}(?:\sCEDEX)?)"
)
_ADDRESSES = [
    re.compile(
        r"(?<![\w.,/-])\d{1,4}\s?(?:bis|ter|quater)?,?\s{1,2}(?:rue|avenue|av\.|boulevard|bd\.?|bld|allées?|impasse|chemin|quai|faubourg|fbg|ruelle"
        r"|r[ée]sidence|lotissement|hameau|lieu-dit|villa|sentier)\s{1,2}(?:d[eu]s?|de\s+la|de\s+l['’]|d['’]|la|le|les|l['’]|[\wÀ-ÿ]{3,})",
        re.IGNORECASE,
    ),
    re.compile(
        r"(?<![\w.,/-])\d{1,4}\s?(?:bis|ter)?,?\s{1,2}(?:place|route|cours|square|passage|voie)\s{1,2}(?:(?:d[eu]s?|de\s+la)\s+(?:l['’])?|de\s+l['’]|d['’])?[A-ZÀ-Þ]\w{2,}"
    ),
    re.compile(rf"(?<![\w.,/-])(?:F-)?(?:0[1-9]|[1-8]\d|9[0-58])\d{{3}}\s{{1,2}}{_TOWNS}(?!\w)"),
    re.compile(
        r"(?<![\w.,/-])\d{1,5}[A-Za-z]?,?\s{1,2}(?:[NSEW]\.?\s)?(?:[A-Z][a-z]+\s{1,2}){1,3}(?:Street|St\.?|Road|Rd\.?|Avenue|Ave\.?|Lane|Drive|Court"
        r"|Boulevard|Blvd\.?|Way|Close|Crescent|Terrace|Gardens|Square|Highway|Grove|Mews)(?=\W|$)"
    ),
    re.compile(r"\b[A-Z][a-z]{2,},\s{1,2}[A-Z]{2}\s{1,2}\d{5}(?:-\d{4})?(?!\w)"),  # Springfield, IL 62704
    re.compile(  # London SW1A 1AA
        r"\b[A-Z][a-z]{2,},?\s{1,2}(?:[A-PR-UWYZ]\d{1,2}|[A-PR-UWYZ][A-HK-Y]\d[\dA-Z]?|[A-PR-UWYZ]\d[A-HJKPSTUW])\s\d[ABD-HJLNP-UW-Z]{2}\b"
    ),
]

# What a text must have for a rule to find something: most have nothing of it, and are passed at once

_LONG = re.compile(r"@|(?:\d[ ./-]{0,2}){9}")
_CORSICA = re.compile(r"\d ?2[ABab] ?\d")
_MANY_DIGITS = re.compile(r"(?:\d[ .()/-]{0,3}){8}")
_DIGIT, _WORD = re.compile(r"\d"), re.compile(r"[^\W\d_]+")


def _words(text):
    return frozenset(text.split())


_GIVEN_WORDS = frozenset(_GIVEN)
_TITLE_WORDS = _words(
    "Mme Mmes Mlle Madame Mademoiselle Monsieur Messieurs Mr Mrs Ms Miss Mister Dr Drs Docteur Docteure "
    "Doctor Pr Prof Professeur Professeure Professor MME MLLE MADAME MONSIEUR MRS Sœur Me M "
)
#: By the place of the rule in _NAMES.
_NAME_WORDS = (
    *(_TITLE_WORDS, _words("mme mlle mrs"), _GIVEN_WORDS, _GIVEN_WORDS),
    _words(
        "nom prénom prénoms prenom prenoms name surname Nom Prénom Prénoms Prenom Name Surname NOM NAME "
        "SURNAME PRÉNOM PRENOM "
    ),
    _words("Named named Called called Nommé Nommée nommé nommée appelle née Née"),
    *(_GIVEN_WORDS, _words("patient patiente Patient Patiente"), _GIVEN_WORDS),
    _words("initial Initial initials Initials initiale initiales Initiale Initiales"),
)
_BIRTH_WORDS = _words(
    "né née nés nées ne nee born birth birthdate birthday dob ddn b n naissance anniversaire "
)
_HOSPITAL_WORDS = _words("ipp nip nda iep mrn r medical hospital patient dossier séjour sejour")
_NATIONAL_WORDS = _words(
    "passeport passport identité identite vitale sécu secu sécurité securite ss nir ins identity "
    "insurance ssn social nhs chi "
)
_TELEPHONE_WORDS = _words("tel tél telephone téléphone phone mobile cell cellphone portable fax")
_ADDRESS_WORDS = _words(
    "rue avenue av boulevard bd bld allée allées allee allees impasse chemin quai faubourg fbg ruelle "
    "résidence residence lotissement hameau lieu villa sentier place route cours square passage voie "
    "street st road rd ave lane drive court blvd way close crescent terrace gardens highway grove mews "
)
_POSTCODE = re.compile(r"\d{5}|\d[A-Z]{2}\b")


def find_personal(text: str | None, names: bool = True) -> list[Found]:
    """What in a text may identify a person, the first of each kind; empty when nothing does.

    names: whether names of people are looked for; of a field that is there to hold one they are not.
    """
    if not text:
        return []
    found, words = [], set(_WORD.findall(text))
    if names and (name := _name_in(text, words)):
        found.append(Found("name", name))
    if "@" in text and (one := _EMAIL.search(text)):
        found.append(Found("email", one[0]))
    if not _DIGIT.search(text):
        return found
    small = {word.lower() for word in words}
    national = _national_in(text, not small.isdisjoint(_NATIONAL_WORDS))
    if national:
        found.append(Found("national", national))
    for kind, patterns, known in (
        ("hospital", [_HOSPITAL], _HOSPITAL_WORDS),
        ("birth", _BIRTHS, _BIRTH_WORDS),
        ("address", _ADDRESSES, _ADDRESS_WORDS),
    ):
        if small.isdisjoint(known) and not (kind == "address" and _POSTCODE.search(text)):
            continue
        if one := _first(patterns, text):
            found.append(Found(kind, one))
    if _MANY_DIGITS.search(text) or not small.isdisjoint(_TELEPHONE_WORDS):
        one = _first(_TELEPHONES, text)
        if one and not (national and one in national):
            found.append(Found("telephone", one))
    return found


def _first(patterns, text) -> str | None:
    return next((one[0].strip() for pattern in patterns if (one := pattern.search(text))), None)


def find_personal_rows(texts: pd.Series, find=find_personal) -> pd.Series:
    """What `find` says of a column, asked once of each distinct text: the rows where it finds something."""
    found = {text: hits for text in texts.dropna().unique() if (hits := find(text))}
    chosen = texts[texts.isin(list(found))] if found else texts[:0]
    return chosen.astype(object).map(found)


def find_personal_in_code(code: str | None) -> list[Found]:
    """The same of a code, where only what no scheme of codes looks like counts: 3-2-4 digits are site and number."""
    if not code or not _LONG.search(code) or _SSN.fullmatch(code):
        return []
    return find_personal(code, names=False)


def kinds_of(found: Iterable[Found]) -> list[str]:
    """The kinds, each once, in the order of KINDS."""
    kinds = {one.kind for one in found}
    return [kind for kind in KINDS if kind in kinds]


def _name_in(text, words) -> str | None:
    for pattern, known in zip(_NAMES, _NAME_WORDS, strict=True):
        if words.isdisjoint(known):
            continue
        for one in pattern.finditer(text):
            is_place = _OF_A_PLACE.search(text[max(0, one.start() - 40) : one.start()])
            if not is_place and not _AFTER_IT.match(text, one.end()):
                return one[0].strip()
    return None


def _national_in(text, is_said) -> str | None:
    if _LONG.search(text) or _CORSICA.search(text):
        for one in _NIR.finditer(text):
            if _is_nir(one):
                return one[0]
        if one := _SSN.search(text):
            return one[0]
        for one in _NHS.finditer(text):
            if is_nhs_number(one[1] + one[3] + one[4]):
                return one[0]
    if is_said:
        for one in _NHS_SAID.finditer(text):
            if is_nhs_number("".join(one.groups())):
                return one[0]
        return _first([_SSN_SAID, _NATIONAL_SAID], text)
    return None


def _is_nir(one) -> bool:
    """With a key that holds; or with a wrong one, or in groups, where all parts are what they can be of a person born
    in France. Thirteen digits in a row without a key may be anything."""
    sex, gap, year, month, department, commune, order, key = one.groups()
    number = f"{sex}{year}{month}{department}{commune}{order}"
    if not (1 <= int(month) <= 12 or 20 <= int(month) <= 42 or 50 <= int(month) <= 99):
        return False
    if key is not None and int(key) == nir_key(number):
        return True
    return (
        (key is not None or bool(gap.strip("."))) and sex in "12" and int(month) <= 12 and department != "00"
    )


def nir_key(number: str) -> int:
    """The key of a French number of thirteen characters: 97 less the rest by 97, Corsica's letters as 19 and 18.

    Source: Insee, numéro d'inscription au répertoire (NIR).
    """
    return 97 - int(number.upper().replace("2A", "19", 1).replace("2B", "18", 1)) % 97


def is_nhs_number(digits: str) -> bool:
    """Whether the tenth digit checks the nine before (modulus 11).

    Source: NHS Data Dictionary, NHS number.
    """
    check = 11 - sum(int(digit) * weight for digit, weight in zip(digits[:9], range(10, 1, -1))) % 11
    return check != 10 and check % 11 == int(digits[9])
