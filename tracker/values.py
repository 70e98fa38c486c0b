"""Numbers, dates, codes and terms read from text: one value, or a column of them.

Web forms read one value and imports read columns, by the same rules: a column asks the one-value reader
once for each distinct text. What cannot be read is refused, nothing is guessed. Messages say what would be
right and never repeat what was typed, because that may name a person.
"""

import datetime
import functools
import math
import re
import unicodedata

import pandas as pd
from flask_babel import get_locale
from flask_babel import gettext as _

EARLIEST, LATEST = datetime.date(1900, 1, 1), datetime.date(2100, 12, 31)
INTEGER_LIMIT = 2**31 - 1
STUDY_DAY_LIMIT = 36_500  # a hundred years either way
NUMBER_LENGTH = DATE_LENGTH = 100  # characters; nothing longer is a number or a date
TERM_LENGTH = 1000
ACCENTS_LIMIT = 30  # on one letter
TERMS_LISTED = 12

# Printable according to Unicode, and yet not to be seen: the replacement character, which stands for text
# already lost; the Braille blank, the Hangul fillers, the grapheme joiner and the Khmer inherent vowels.
UNSEEN = frozenset("\ufffd\u2800\u115f\u1160\u3164\uffa0\u034f\u17b4\u17b5")

MONTHS = (
    ("january", "janvier"), ("february", "fevrier"), ("march", "mars"), ("april", "avril"), ("may", "mai"),
    ("june", "juin"), ("july", "juillet"), ("august", "aout"), ("september", "septembre"),
    ("october", "octobre"), ("november", "novembre"), ("december", "decembre"),
)  # fmt: skip
TRUE_WORDS = frozenset({"1", "1.0", "y", "yes", "true", "oui"})
FALSE_WORDS = frozenset({"0", "0.0", "n", "no", "false", "non"})

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:([.,])[0-9]+)?|([.,])[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INTEGER = re.compile(r"([+-]?[0-9]+)(?:\.0+)?")
_CODE_CHARACTER = re.compile(r"[A-Za-z0-9._/+ -]")
_CODE = re.compile(f"{_CODE_CHARACTER.pattern}*")
_CODE_END = re.compile(r"[A-Za-z0-9]")
_ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_NAMED_DATE = re.compile(r"([0-9]{1,2})(?:er)?[\s./-]*([a-z]{3,9})[\s./-]*([0-9]{4}|[0-9]{2})")
_RELATIVE_DATE = re.compile(r"t(?:\s*([+-])\s*([0-9]{1,5}))?")
_SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_LINE_BREAKS = re.compile("\r\n?|[\u2028\u2029]")
_DASHES = re.compile("[\u2010-\u2015\u2212]")
_BETWEEN_WORDS = re.compile(r"(?<=[^\W_])[\s_-]+(?=[^\W_])")


class Refusal(Exception):
    """What was asked cannot be done; the message says why, to the person who asked.

    field: the form field or import column at fault, None when it is none alone.
    status: the HTTP status of the answer.
    """

    def __init__(self, message, field=None, status=422):
        super().__init__(message)
        self.message = message
        self.field = field
        self.status = status

    def __str__(self):
        return str(self.message)


def fold(text) -> str:
    """Text as a search key: no case, no accents, white space collapsed; "" for None."""
    return _bare(text or "", "NFKD")


# One value. Each reader returns None for blank text and raises Refusal for what it cannot read.


def read_text(text, *, multiline=False, maximum=200) -> str | None:
    """Text as it is stored: composed (NFC), stripped, every space a plain one.

    maximum: characters, after normalisation. Line breaks (stored as line feeds) and tabs need multiline.
    Refuses characters that cannot be seen: control, format, surrogate, private and unassigned ones.
    """
    text = _strip(text)
    if text is None:
        return None
    text = _SPACES.sub(" ", _LINE_BREAKS.sub("\n", text))
    if not text.isascii() and len(text) <= 4 * maximum:  # at most four characters compose into one
        _refuse_piled_accents(text)
        text = unicodedata.normalize("NFC", text)
    _refuse_longer(text, maximum)
    if text.isprintable() and UNSEEN.isdisjoint(text):
        return text
    for position, one in enumerate(text, start=1):
        if one in "\n\t" and multiline:
            continue
        if one == "\n":
            raise Refusal(
                _("Write it on one line; there is a line break at position %(position)d.", position=position)
            )
        if one in UNSEEN or not one.isprintable():
            raise Refusal(
                _(
                    "Take out the character %(character)s at position %(position)d; it cannot be seen.",
                    character=_named(one),
                    position=position,
                )
            )
    return text


def read_code(text, maximum=40) -> str | None:
    """A record's code: ASCII letters, digits, - _ . / + and single spaces; a letter or digit at both ends."""
    text = _strip(text)
    if text is None:
        return None
    for position, one in enumerate("" if _CODE.fullmatch(text) else text[: maximum + 1], start=1):
        if not _CODE_CHARACTER.fullmatch(one):
            raise Refusal(
                _(
                    "A code has only the letters A to Z, digits, spaces and - _ . / +;"
                    " replace the character %(character)s at position %(position)d.",
                    character=_named(one),
                    position=position,
                )
            )
    _refuse_longer(text, maximum)
    if not (_CODE_END.fullmatch(text[0]) and _CODE_END.fullmatch(text[-1])):
        raise Refusal(_("A code starts and ends with a letter or a digit."))
    return re.sub(" +", " ", text)


def read_number(text, *, decimal=".", minimum=None, maximum=None) -> float | None:
    """A finite number in ASCII digits, perhaps with an exponent, without separators of thousands; -0 is 0.

    decimal: the decimal mark, or both (".,") where either may stand. minimum, maximum: inclusive.
    """
    text = _strip(text)
    if text is None:
        return None
    match = _NUMBER.fullmatch(text) if len(text) <= NUMBER_LENGTH else None
    mark = match and (match[1] or match[2])
    if not match or (mark and mark not in decimal):
        raise Refusal(
            _(
                "Write a number in plain digits, such as %(example)s, without separators of thousands.",
                example=_shown(12.5, decimal),
            )
        )
    value = float(text.replace(",", ".")) + 0.0  # adding 0.0 makes -0.0 zero
    if not math.isfinite(value):
        raise Refusal(_("The number is too large."))
    _refuse_outside(value, minimum, maximum, decimal)
    return value


def split_bound(text) -> tuple[str, str]:
    """The sign of a number that is only a bound, such as <0.5, and the text of the number; else "=" and the text."""
    text = _strip(text) or ""
    return (text[0], text[1:].lstrip()) if text[:1] in ("<", ">") else ("=", text)


def read_integer(text, minimum=-INTEGER_LIMIT, maximum=INTEGER_LIMIT) -> int | None:
    """A whole number in ASCII digits, minimum and maximum inclusive; 3.0 is 3, as spreadsheets write it."""
    text = _strip(text)
    if text is None:
        return None
    match = _INTEGER.fullmatch(text) if len(text) <= NUMBER_LENGTH else None
    if not match:
        raise Refusal(_("Write a whole number in plain digits, such as 12."))
    value = int(match[1])
    _refuse_outside(value, minimum, maximum)
    return value


def read_date(text, *, today=None, date_format=None) -> datetime.date | None:
    """A calendar date from 1900 to 2100.

    Reads 2024-02-29; 12mar26, 12 Mar 2026 and 12-MAR-2026, with English or French months; t, t-3 and t+3, in
    days from today. Two digits are a year of this century, or of the last where that would lie after today.

    today: date; without it t is refused and two digits are always a year 20yy.
    date_format: a strptime format, such as %d/%m/%Y; when given, nothing else is read.
    """
    text = _strip(text)
    if text is None:
        return None
    key = _bare(text, "NFD") if len(text) <= DATE_LENGTH else ""
    try:
        if date_format:
            date = _formatted_date(text, date_format, today)
        elif match := _ISO_DATE.fullmatch(text):
            date = datetime.date(*map(int, match.groups()))
        elif (match := _NAMED_DATE.fullmatch(key)) and (month := _month(match[2])):
            date = _date(match[3], month, int(match[1]), today)
        elif today and (match := _RELATIVE_DATE.fullmatch(key)):
            date = today + datetime.timedelta(days=int((match[1] or "+") + (match[2] or "0")))
        elif re.fullmatch("[0-9]{8}", text):
            raise Refusal(_("Write the date with hyphens, year first, such as 2024-01-31."))
        else:
            raise Refusal(_("Write the date as 2024-01-31 or 31 Jan 2024."))
    except (ValueError, OverflowError):
        if date_format:
            raise Refusal(
                _("Write the date in the format %(date_format)s.", date_format=date_format)
            ) from None
        raise Refusal(_("There is no such day; check the day, the month and the year.")) from None
    if not EARLIEST <= date <= LATEST:
        raise Refusal(_("Write a date from %(first)d to %(last)d.", first=EARLIEST.year, last=LATEST.year))
    return date


def read_year(text, minimum=EARLIEST.year, maximum=LATEST.year) -> int | None:
    """A calendar year in four digits; a whole date is refused, because only years of birth are kept."""
    text = _strip(text)
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{4}(?:\.0+)?", text):
        raise Refusal(_("Write only the year, in four digits, such as 1961."))
    return read_integer(text, minimum, maximum)


def read_study_day(text) -> int | None:
    """A day counted from the first dose, which is day 1; the day before it is day -1."""
    day = read_integer(text, -STUDY_DAY_LIMIT, STUDY_DAY_LIMIT)
    if day == 0:
        raise Refusal(_("There is no day 0: the first dose is day 1, the day before it is day -1."))
    return day


def read_boolean(text) -> bool | None:
    """0 or 1, Y or N, yes or no, true or false, oui or non; in any case."""
    text = _strip(text)
    if text is None:
        return None
    word = text.lower()
    if word not in TRUE_WORDS | FALSE_WORDS:
        raise Refusal(_("Write yes or no (or 1 or 0, true or false)."))
    return word in TRUE_WORDS


def read_term(text, terms):
    """The member of an enumeration, or the code of a code list, that the text means.

    terms: an enumeration, whose members are known by value, name, label (English or the reader's) and
    aliases, or a code list with find() and codes. Case, accents, and the spaces, underscores and hyphens
    between words do not matter. The refusal lists what exists.
    """
    return _term_reader(terms)(text)


# Columns. Each takes a Series of text (missing: None, NaN or blank) and returns two: the values on the same
# index, missing where blank or faulty, and the messages on the index of the faulty rows alone.


def read_texts(series, *, multiline=False, maximum=200):
    """Texts as read_text reads them; dtype str."""
    return _read_column(series, lambda text: read_text(text, multiline=multiline, maximum=maximum), "str")


def read_codes(series, maximum=40):
    """Codes as read_code reads them; dtype str."""
    return _read_column(series, lambda text: read_code(text, maximum), "str")


def read_numbers(series, *, decimal=".", minimum=None, maximum=None):
    """Numbers as read_number reads them; dtype float64."""
    return _read_column(
        series, lambda text: read_number(text, decimal=decimal, minimum=minimum, maximum=maximum), "float64"
    )


def read_integers(series, minimum=-INTEGER_LIMIT, maximum=INTEGER_LIMIT):
    """Whole numbers as read_integer reads them; dtype Int64."""
    return _read_column(series, lambda text: read_integer(text, minimum, maximum), "Int64")


def read_dates(series, *, today=None, date_format=None):
    """Dates as read_date reads them; dtype datetime64[us]."""
    return _read_column(
        series, lambda text: read_date(text, today=today, date_format=date_format), "datetime64[us]"
    )


def read_years(series, minimum=EARLIEST.year, maximum=LATEST.year):
    """Years as read_year reads them; dtype Int64."""
    return _read_column(series, lambda text: read_year(text, minimum, maximum), "Int64")


def read_study_days(series):
    """Study days as read_study_day reads them; dtype Int64."""
    return _read_column(series, read_study_day, "Int64")


def read_booleans(series):
    """Yes and no as read_boolean reads them; dtype boolean."""
    return _read_column(series, read_boolean, "boolean")


def read_terms(series, terms):
    """Terms as read_term reads them, as their values; dtype str."""
    return _read_column(series, _term_reader(terms), "str")


def _read_column(series, read, dtype):
    values, messages = {}, {}
    cells = series.astype(object).where(series.notna(), None).tolist()
    for text in dict.fromkeys(cells):  # a dict, because pandas takes texts for equal that differ after a NUL
        try:
            values[text] = read(text)
        except Refusal as refusal:
            values[text], messages[text] = None, str(refusal)
    faulty = [text in messages for text in cells]
    found = [values[text] for text in cells]
    faults = [messages[text] for text in cells if text in messages]
    return (
        pd.Series(found, series.index, dtype, series.name),
        pd.Series(faults, series.index[faulty], "str", series.name),
    )


def _strip(text):
    """The text without white space around it, None when nothing is left."""
    return (text.strip() or None) if text else None


def _bare(text, form):
    """Text without case, accents and repeated spaces; NFD keeps full-width digits, NFKD makes them plain."""
    if text.isascii():
        return " ".join(text.lower().split())
    letters = unicodedata.normalize(form, text).casefold()
    letters = "".join(one for one in unicodedata.normalize(form, letters) if not unicodedata.combining(one))
    return " ".join(letters.replace("œ", "oe").replace("æ", "ae").split())


def _named(character):
    """A character as a message can show it, even an unseen one: “µ” (U+00B5 MICRO SIGN)."""
    code = f"U+{ord(character):04X} {unicodedata.name(character, '')}".strip()
    return f"“{character}” ({code})" if character.isprintable() and character not in UNSEEN else code


def _shown(number, decimal):
    return f"{number:.15g}".replace(".", decimal[0])


def _refuse_longer(text, maximum):
    if len(text) > maximum:
        raise Refusal(
            _("Write at most %(maximum)d characters, not %(length)d.", maximum=maximum, length=len(text))
        )


def _refuse_piled_accents(text):
    """Sorting the accents of a letter takes the square of their number; Unicode's stream-safe text has 30."""
    piled = 0
    for position, one in enumerate(text, start=1):
        piled = piled + 1 if unicodedata.combining(one) else 0
        if piled > ACCENTS_LIMIT:
            raise Refusal(
                _("There are too many accents on one letter, at position %(position)d.", position=position)
            )


def _refuse_outside(value, minimum, maximum, decimal="."):
    too_small = minimum is not None and value < minimum
    too_large = maximum is not None and value > maximum
    if not (too_small or too_large):
        return
    if minimum is not None and maximum is not None:
        raise Refusal(
            _(
                "Write a number from %(minimum)s to %(maximum)s.",
                minimum=_shown(minimum, decimal),
                maximum=_shown(maximum, decimal),
            )
        )
    if too_small:
        raise Refusal(_("Write a number of at least %(minimum)s.", minimum=_shown(minimum, decimal)))
    raise Refusal(_("Write a number of at most %(maximum)s.", maximum=_shown(maximum, decimal)))


def _month(name):
    """1 to 12 for a month's name or its unmistakable beginning, folded, in English or French; else None."""
    found = [number for number, names in enumerate(MONTHS, start=1) if any(n.startswith(name) for n in names)]
    return found[0] if len(found) == 1 else None


def _date(year, month, day, today):
    """The date; a year of two digits is this century's unless that lies after today."""
    if len(year) == 4:
        return datetime.date(int(year), month, day)
    if today and (2000 + int(year), month, day) > (today.year, today.month, today.day):
        return datetime.date(1900 + int(year), month, day)
    return datetime.date(2000 + int(year), month, day)


def _formatted_date(text, date_format, today):
    if not text.isascii():  # strptime would read the digits of any script
        raise ValueError
    date = datetime.datetime.strptime(text, date_format).date()
    if "%y" in date_format:
        return _date(f"{date.year % 100:02}", date.month, date.day, today)
    return date


def _term_reader(terms):
    if hasattr(terms, "codes"):
        find, names = terms.find, list(terms.codes)
    else:
        names = [str(getattr(one, "label", one.value)) for one in terms]
        members = tuple(terms)
        known = _by_spelling(members, tuple(map(type, members)), str(get_locale()))

        def find(text):
            return known.get(_term_key(text))

    def read(text):
        text = _strip(text)
        if text is None:
            return None
        term = find(text) if len(text) <= TERM_LENGTH else None
        if term is None:
            raise Refusal(_one_of(names))
        return term

    return read


@functools.cache
def _by_spelling(members, _kinds, _language) -> dict[str, object]:
    """Each of the terms by all that means it, in the reader's language too.

    Terms of two kinds are equal where their values are; so the kinds tell them apart.
    """
    known = {_term_key(spelling): one for one in reversed(members) for spelling in _spellings(one)}
    return known | {
        _term_key(one.value): one for one in reversed(members)
    }  # a value wins over another's alias


def _spellings(member):
    label = getattr(member, "label", member.value)
    english = getattr(label, "_args", ())[:1]  # a lazy string keeps what it translates
    return [member.name, str(label), *english, *getattr(member, "aliases", ())]


def _term_key(text):
    """Folded, and without what separates words; HER2- keeps its sign, and 1 2 does not become 12."""
    spaced = _BETWEEN_WORDS.sub(" ", _DASHES.sub("-", _bare(text, "NFD")))
    return re.sub(r"(?<![0-9]) | (?![0-9])", "", spaced)


def _one_of(names):
    if len(names) <= TERMS_LISTED:
        return _("Write one of: %(names)s.", names=", ".join(names))
    return _(
        "Write one of the %(count)d terms that exist: %(names)s …",
        count=len(names),
        names=", ".join(names[:TERMS_LISTED]),
    )
