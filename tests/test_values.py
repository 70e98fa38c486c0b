"""What people type, and what becomes of it; the texts come from the lists of what users and attackers try."""

import datetime
import enum
import time
import unicodedata

import numpy as np
import pandas as pd
import pytest
from flask_babel.speaklater import LazyString
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker import values
from tracker.values import Refusal

TODAY = datetime.date(2026, 3, 12)


class Term(enum.StrEnum):
    """An enumeration made as those of tracker.terms."""

    def __new__(cls, value, label, *aliases):
        member = str.__new__(cls, value)
        member._value_, member.label, member.aliases = value, label, aliases
        return member


class Phase(Term):
    EARLY_PHASE1 = "EARLY_PHASE1", "Early Phase 1", "early 1"
    PHASE1 = "PHASE1", "Phase 1", "1"
    PHASE12 = "PHASE1/PHASE2", "Phase 1/Phase 2", "1/2"
    RANDOMISED = "randomised", "Randomisé"


class Subtype(enum.StrEnum):
    HR_POSITIVE = "HR+/HER2-"
    HER2_POSITIVE = "HER2+"


class Organs:
    """Stands for a code list: codes, and find()."""

    codes = tuple(f"ORGAN{number}" for number in range(1, 33))

    def find(self, text):
        return text.upper() if text.upper() in self.codes else None


def refusal(read, *arguments, **options):
    """The message with which a reader refuses."""
    with pytest.raises(Refusal) as caught:
        read(*arguments, **options)
    return str(caught.value)


def test_a_refusal_is_its_message_and_knows_its_field_and_status():
    plain, stale = Refusal("Write a number."), Refusal("Someone saved before.", field="volume_ml", status=409)
    assert (str(plain), plain.message, plain.field, plain.status) == ("Write a number.",) * 2 + (None, 422)
    assert (stale.field, stale.status) == ("volume_ml", 409)


READERS = [
    values.read_text,
    values.read_code,
    values.read_number,
    values.read_integer,
    values.read_date,
    values.read_year,
    values.read_study_day,
    values.read_boolean,
    lambda text: values.read_term(text, Phase),
]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("blank", [None, "", "   ", "\t\r\n", "\u00a0"])
def test_blank_is_no_value(read, blank):
    assert read(blank) is None


@pytest.mark.parametrize("read", READERS[1:])
@pytest.mark.parametrize("typed", ["١٢", "１２", "1\u200b2", "NUL\0", "\ud800", "?", "1" * 100_000])
def test_what_is_no_value_is_refused_in_whole_sentences(read, typed):
    message = refusal(read, typed)
    assert message[0].isupper()
    assert message[-1] in ".…"
    assert message.encode()  # may be sent


# Text


def test_composed_and_decomposed_letters_are_equal():
    assert values.read_text("e\u0301tude") == values.read_text("\u00e9tude") == "étude"


@pytest.mark.parametrize(
    "typed", ["<script>alert(1)</script>", "{{7*7}}", "' OR 1=1--", "=cmd|'/C calc'!A0", "100 % 50%d"]
)
def test_text_is_taken_literally(typed):
    assert values.read_text(typed) == typed


def test_text_is_stripped_and_its_spaces_are_plain():
    assert values.read_text("  12\u00a0mg\u202f: oui \n") == "12 mg : oui"


@pytest.mark.parametrize(
    "one, name",
    [
        ("\0", "U+0000"),
        ("\x1b", "U+001B"),
        ("\t", "U+0009"),
        ("\ud800", "U+D800"),
        ("\u200b", "U+200B ZERO WIDTH SPACE"),
        ("\ufeff", "U+FEFF ZERO WIDTH NO-BREAK SPACE"),
        ("\u202e", "U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("\ue000", "U+E000"),
        ("\uffff", "U+FFFF"),
        ("\ufffd", "U+FFFD REPLACEMENT CHARACTER"),
        ("\u3164", "U+3164 HANGUL FILLER"),
    ],
)
def test_characters_that_cannot_be_seen_are_refused_by_name_and_position(one, name):
    message = f"Take out the character {name} at position 3; it cannot be seen."
    assert refusal(values.read_text, f"ab{one}c") == message
    if one != "\t":
        assert refusal(values.read_text, f"ab{one}c", multiline=True) == message


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r", "\u2028"])
def test_line_breaks_need_a_field_of_several_lines(line_break):
    typed = f"first{line_break}second"
    assert refusal(values.read_text, typed) == "Write it on one line; there is a line break at position 6."
    assert values.read_text(typed, multiline=True) == "first\nsecond"
    assert values.read_text("a\tb", multiline=True) == "a\tb"


def test_the_limit_counts_characters_as_they_are_stored():
    assert values.read_text("e\u0301" * 200) == "é" * 200
    assert values.read_text("a\r\n" * 100 + "b", multiline=True, maximum=201) == "a\n" * 100 + "b"
    assert refusal(values.read_text, "x" * 201) == "Write at most 200 characters, not 201."
    assert refusal(values.read_text, "x" * 1_000_000, maximum=5) == "Write at most 5 characters, not 1000000."


def test_accents_piled_up_to_keep_the_server_busy_are_refused():
    start = time.perf_counter()
    message = refusal(values.read_text, "a" + "\u0301\u0316" * 39_000, maximum=20_000)
    assert message == "There are too many accents on one letter, at position 32."
    assert time.perf_counter() - start < 1  # composing them takes ten seconds


@given(st.text())
def test_stored_text_is_composed_visible_and_read_again_the_same(typed):
    try:
        text = values.read_text(typed, maximum=1000)
    except Refusal:
        return
    if text is not None:
        assert text == unicodedata.normalize("NFC", text).strip() == values.read_text(text)
        assert text.isprintable()


# Codes


@pytest.mark.parametrize("code", ["A1", "P-001", "CHECK-12/ARM_A", "Pembro + chemo 2", "v1.0", "7"])
def test_codes_have_letters_digits_and_some_marks(code):
    assert values.read_code(f" {code} ") == code


def test_a_code_has_single_spaces():
    assert values.read_code("ARM  A") == "ARM A"


@pytest.mark.parametrize(
    "typed, named",
    [
        ("P\u0410", "“\u0410” (U+0410 CYRILLIC CAPITAL LETTER A) at position 2"),
        ("P-１", "“１” (U+FF11 FULLWIDTH DIGIT ONE) at position 3"),
        ("٣A", "“٣” (U+0663 ARABIC-INDIC DIGIT THREE) at position 1"),
        ("P\u200b1", "U+200B ZERO WIDTH SPACE at position 2"),
        ("É1", "“É” (U+00C9 LATIN CAPITAL LETTER E WITH ACUTE) at position 1"),
        ("A\u00a0B", "U+00A0 NO-BREAK SPACE at position 2"),
        ("A\nB", "U+000A at position 2"),
        ("A,B", "“,” (U+002C COMMA) at position 2"),
    ],
)
def test_a_code_names_the_character_that_it_refuses(typed, named):
    assert refusal(values.read_code, typed).endswith(f"replace the character {named}.")


def test_a_code_starts_and_ends_with_a_letter_or_digit_and_is_short():
    assert refusal(values.read_code, "-A") == refusal(values.read_code, "A+")
    assert refusal(values.read_code, "A" * 41) == "Write at most 40 characters, not 41."
    assert values.read_code("A" * 41, maximum=41) == "A" * 41


# Numbers


@pytest.mark.parametrize(
    "typed, number",
    [
        ("12", 12.0),
        (" 12.5 ", 12.5),
        (".5", 0.5),
        ("+3", 3.0),
        ("-2.5e-3", -0.0025),
        ("1E3", 1000.0),
        ("007", 7.0),
    ],
)
def test_numbers_are_plain_ascii(typed, number):
    assert values.read_number(typed) == number


@pytest.mark.parametrize(
    "typed",
    ["1_000", "1,000", "1 000", "1,5", "NaN", "nan", "Infinity", "-inf", "0x10", "1.", ".", "e5", "1e", "--1",
     "½", "١٢", "１２", "1\u200b2", "1\n2", "12 mg", "<5", "−1", "1.2.3"],
)  # fmt: skip
def test_what_only_looks_like_a_number_is_refused(typed):
    message = "Write a number in plain digits, such as 12.5, without separators of thousands."
    assert refusal(values.read_number, typed) == message


def test_numbers_too_large_to_hold_are_refused():
    assert (
        refusal(values.read_number, "1e400")
        == refusal(values.read_number, "-1e400")
        == "The number is too large."
    )


def test_minus_zero_is_zero():
    for typed in ("-0", "-0.0", "-0e5", "-1e-400"):
        assert str(values.read_number(typed)) == "0.0"


def test_a_decimal_comma_is_read_where_it_is_the_custom():
    assert values.read_number("1,5", decimal=",") == 1.5
    assert "such as 12,5," in refusal(values.read_number, "1.5", decimal=",")  # perhaps fifteen hundred
    assert values.read_number("1,5", decimal=",.") == values.read_number("1.5", decimal=",.") == 1.5
    assert refusal(values.read_number, "1,500.0", decimal=",.")


def test_numbers_keep_their_bounds():
    assert values.read_number("0", minimum=0, maximum=100) == 0
    assert refusal(values.read_number, "101", minimum=0, maximum=100) == "Write a number from 0 to 100."
    assert refusal(values.read_number, "-1", minimum=0) == "Write a number of at least 0."
    assert refusal(values.read_number, "9", maximum=7.5, decimal=",") == "Write a number of at most 7,5."


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_number_is_read_back_exactly(number):
    assert values.read_number(repr(number)) == number


def test_whole_numbers_fit_32_bits():
    assert values.read_integer("-12") == -12
    assert values.read_integer("3.0") == 3  # how a spreadsheet column with gaps writes 3
    assert values.read_integer("2147483647") == 2**31 - 1
    for typed in ("2147483648", "1" * 20):
        assert refusal(values.read_integer, typed) == "Write a number from -2147483647 to 2147483647."
    assert refusal(values.read_integer, "6", 1, 5) == "Write a number from 1 to 5."
    for typed in ("3.5", "1e3", "1_000", "٣", "３"):
        assert refusal(values.read_integer, typed) == "Write a whole number in plain digits, such as 12."


def test_there_is_no_study_day_0():
    assert [values.read_study_day(typed) for typed in ("1", "-1", "+29")] == [1, -1, 29]
    assert "no day 0" in refusal(values.read_study_day, "0")
    assert "no day 0" in refusal(values.read_study_day, "-0")


@pytest.mark.parametrize("typed", ["1961-05-02", "61", "02.05.1961", "1899", "2101", "１９６１"])
def test_a_year_is_four_digits_and_no_date(typed):
    assert values.read_year("1961") == 1961
    assert refusal(values.read_year, typed)


# Dates


@pytest.mark.parametrize(
    "typed, date",
    [
        ("2024-02-29", "2024-02-29"),
        ("12mar26", "2026-03-12"),
        ("13mar26", "1926-03-13"),  # tomorrow, so it was a hundred years ago
        ("12 Mar 2026", "2026-03-12"),
        ("12-MAR-2026", "2026-03-12"),
        ("01/Feb/2025", "2025-02-01"),
        ("1er févr. 2024", "2024-02-01"),
        ("14 juil. 2024", "2024-07-14"),
        ("3 AOÛT 2024", "2024-08-03"),
        ("25-déc-99", "1999-12-25"),
        ("3 September 2024", "2024-09-03"),
        ("t", "2026-03-12"),
        ("T-3", "2026-03-09"),
        ("t + 30", "2026-04-11"),
    ],
)
def test_dates_as_clinicians_write_them(typed, date):
    assert values.read_date(typed, today=TODAY) == datetime.date.fromisoformat(date)


@pytest.mark.parametrize("number", range(1, 13))
def test_every_month_is_read_in_english_and_french(number):
    date = datetime.date(2024, number, 5)
    english = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    french = (
        "janv.",
        "févr.",
        "mars",
        "avr.",
        "mai",
        "juin",
        "juil.",
        "août",
        "sept.",
        "oct.",
        "nov.",
        "déc.",
    )
    for month in (english[number - 1], french[number - 1]):
        assert values.read_date(f"5 {month} 2024") == date


@pytest.mark.parametrize(
    "typed, message",
    [
        ("20240101", "Write the date with hyphens, year first, such as 2024-01-31."),
        ("2025-02-29", "There is no such day; check the day, the month and the year."),
        ("29feb2025", "There is no such day; check the day, the month and the year."),
        ("2024-13-01", "There is no such day; check the day, the month and the year."),
        ("1899-12-31", "Write a date from 1900 to 2100."),
        ("2101-01-01", "Write a date from 1900 to 2100."),
        ("t-99999", "Write a date from 1900 to 2100."),
        ("t+999999", "Write the date as 2024-01-31 or 31 Jan 2024."),
        ("01/02/2024", "Write the date as 2024-01-31 or 31 Jan 2024."),  # of February or of January
        ("2024-1-5", "Write the date as 2024-01-31 or 31 Jan 2024."),
        ("3 jui 2024", "Write the date as 2024-01-31 or 31 Jan 2024."),  # June or July
        ("٢٠٢٤-٠١-٠١", "Write the date as 2024-01-31 or 31 Jan 2024."),
        ("２０２４-０１-０１", "Write the date as 2024-01-31 or 31 Jan 2024."),
        ("12mar26" + " " * 100 + "or so", "Write the date as 2024-01-31 or 31 Jan 2024."),
    ],
)
def test_dates_that_are_none_or_could_be_two_are_refused(typed, message):
    assert refusal(values.read_date, typed, today=TODAY) == message


def test_without_a_today_nothing_is_counted_from_it():
    assert refusal(values.read_date, "t-3") == "Write the date as 2024-01-31 or 31 Jan 2024."
    assert values.read_date("12mar99") == datetime.date(2099, 3, 12)


def test_a_stated_format_is_the_only_one():
    assert values.read_date("01/02/2024", date_format="%d/%m/%Y") == datetime.date(2024, 2, 1)
    assert values.read_date("01/02/99", date_format="%d/%m/%y", today=TODAY) == datetime.date(1999, 2, 1)
    assert values.read_date("01/02/70", date_format="%d/%m/%y") == datetime.date(2070, 2, 1)
    for typed in ("2024-02-01", "31/02/2024", "٠١/٠٢/٢٠٢٤", "01/02/2024 10:00"):
        message = refusal(values.read_date, typed, date_format="%d/%m/%Y")
        assert message == "Write the date in the format %d/%m/%Y."


@given(st.dates(values.EARLIEST, values.LATEST))
def test_every_iso_date_is_read_back(date):
    assert values.read_date(date.isoformat()) == date


# Yes, no and terms


@pytest.mark.parametrize("typed", ["1", "1.0", "Y", "yes", "TRUE", "Oui"])
@pytest.mark.parametrize("denied", ["0", "0.0", "N", "no", "False", "non"])
def test_yes_and_no(typed, denied):
    assert values.read_boolean(typed) is True
    assert values.read_boolean(denied) is False


@pytest.mark.parametrize("typed", ["2", "O", "perhaps", "１", "yes no"])
def test_neither_yes_nor_no(typed):
    assert refusal(values.read_boolean, typed) == "Write yes or no (or 1 or 0, true or false)."


@pytest.mark.parametrize(
    "typed", ["EARLY_PHASE1", "early phase 1", "Early-Phase 1", " early  1 ", "EARLYPHASE1"]
)
def test_a_term_is_known_by_value_name_label_and_alias(typed):
    assert values.read_term(typed, Phase) is Phase.EARLY_PHASE1


def test_a_term_is_known_without_its_accents():
    assert (
        values.read_term("randomise", Phase) is values.read_term("RANDOMISE\u0301", Phase) is Phase.RANDOMISED
    )


def test_signs_belong_to_a_term():
    assert values.read_term("hr+/her2\u2212", Subtype) is Subtype.HR_POSITIVE  # typed with a true minus
    assert values.read_term("HER2+", Subtype) is Subtype.HER2_POSITIVE
    for typed in ("HR+/HER2", "HER2", "HER2-"):
        assert refusal(values.read_term, typed, Subtype) == "Write one of: HR+/HER2-, HER2+."


def test_digits_that_are_apart_stay_apart():
    assert refusal(values.read_term, "PHASE 1 1", enum.StrEnum("Phase", {"PHASE11": "phase 11"}))


def test_an_unknown_term_is_told_what_exists():
    message = refusal(values.read_term, "Phase ９", Phase)
    assert message == "Write one of: Early Phase 1, Phase 1, Phase 1/Phase 2, Randomisé."
    message = refusal(values.read_term, "ORGAN33", Organs())
    assert message == f"Write one of the 32 terms that exist: {', '.join(Organs.codes[:12])} …"
    assert values.read_term("organ7", Organs()) == "ORGAN7"


def test_a_label_is_read_in_english_and_in_the_language_of_the_reader():
    class Design(Term):
        BASKET = "basket", LazyString(lambda text: {"Basket trial": "Essai panier"}[text], "Basket trial")

    assert (
        values.read_term("essai panier", Design) is values.read_term("Basket trial", Design) is Design.BASKET
    )
    assert refusal(values.read_term, "x", Design) == "Write one of: Essai panier."


# Columns

COLUMNS = [
    (values.read_texts, values.read_text, {}),
    (values.read_codes, values.read_code, {}),
    (values.read_numbers, values.read_number, {"decimal": ",.", "maximum": 1000}),
    (values.read_integers, values.read_integer, {}),
    (values.read_dates, values.read_date, {"today": TODAY}),
    (values.read_years, values.read_year, {}),
    (values.read_study_days, values.read_study_day, {}),
    (values.read_booleans, values.read_boolean, {}),
    (values.read_terms, values.read_term, {"terms": Phase}),
]
CELLS = st.one_of(
    st.none(),
    st.text(max_size=12),
    st.text("0123456789+-.,eEt/ ", max_size=10),
    st.sampled_from(
        [
            "yes",
            "N",
            "a",
            "a\0b",
            "a\0c",
            "\ud800",
            "nan",
            "NaN",
            "<NA>",
            "None",
            "phase 1",
            "1/2",
            "2024-02-29",
        ]
    ),
)


@pytest.mark.parametrize("read_column, read, options", COLUMNS)
@settings(deadline=None)
@given(cells=st.lists(CELLS, max_size=20))
def test_a_column_is_read_as_its_cells_are(read_column, read, options, cells):
    index = [f"row {len(cells) - number}" for number in range(len(cells))]
    found, faults = read_column(pd.Series(cells, index, dtype=object, name="dose"), **options)
    assert list(found.index) == index
    assert found.name == faults.name == "dose"
    for row, cell in zip(index, cells):
        expected, message = value_or_message(read, cell, options)
        assert faults.get(row) == message
        if expected is None:
            assert pd.isna(found[row])
        else:
            assert found[row] == (pd.Timestamp(expected) if read is values.read_date else expected)


def value_or_message(read, cell, options):
    try:
        return read(cell, **options), None
    except Refusal as refused:
        return None, str(refused)


@pytest.mark.parametrize(
    "read_column, dtype",
    list(
        zip(
            [case[0] for case in COLUMNS],
            ["str", "str", "float64", "Int64", "datetime64[us]", "Int64", "Int64", "boolean", "str"],
        )
    ),
)
@pytest.mark.parametrize("cells", [[], [None, "1", ""], [None, None]])
def test_a_column_has_its_type_even_when_empty(read_column, dtype, cells):
    options = {"terms": Phase} if read_column is values.read_terms else {}
    found, faults = read_column(pd.Series(cells, dtype="str"), **options)
    assert found.dtype == dtype
    assert faults.dtype == "str"


def test_equal_rows_names_do_not_confuse_the_faults():
    found, faults = values.read_numbers(pd.Series(["1", "x", "3"], index=[7, 7, 7]))
    assert found.tolist()[::2] == [1, 3]
    assert len(faults) == 1


def test_terms_are_read_as_plain_values():
    found, _ = values.read_terms(pd.Series(["phase 1", "1/2"]), Phase)
    assert found.tolist() == ["PHASE1", "PHASE1/PHASE2"]


def test_a_hundred_thousand_different_numbers_take_well_under_a_second():
    numbers = np.random.default_rng(1).normal(size=100_000)
    column = pd.Series(numbers).astype("str")
    start = time.perf_counter()
    found, faults = values.read_numbers(column)
    assert time.perf_counter() - start < 2  # 0.25 s where nothing else runs
    assert faults.empty
    assert (found.to_numpy() == numbers).all()


# Search


def test_search_keys_know_no_case_accent_or_white_space():
    assert values.fold("  Étude\u00a0  MÉLANOME ") == values.fold("e\u0301tude mélanome") == "etude melanome"
    assert values.fold("Straße ﬁn １ Œil") == "strasse fin 1 oeil"
    assert values.fold(None) == ""


@given(st.text())
def test_a_search_key_is_its_own_key(text):
    assert values.fold(values.fold(text)) == values.fold(text)
