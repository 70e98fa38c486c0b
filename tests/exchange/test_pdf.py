"""Reports on paper."""

import datetime
import re
import zlib

import pandas as pd
import pytest

from tests.factories import make_arm, make_cohort, make_participant, make_reported_outcome, make_trial
from tracker import clock
from tracker.exchange.pdf import pdf
from tracker.exchange.result import report_file
from tracker.reports.base import Table, run_report
from tracker.reports.columns import Shown

#: What the layout's language, a drawing or a spreadsheet could take for something other than text.
HOSTILE = [
    "#import",
    "$x^2$",
    "*a* _b_ `c`",
    "</svg><script>",
    "=cmd|'!A0",
    r"\ #let @x <y>",
    "// /* c",
    '"]#{',
]


class Pages:
    """What a file by typst prints: the text of each of its pages, figures left out."""

    def __init__(self, content: bytes):
        found = re.findall(rb"(?s)(\d+) 0 obj\s(.*?)\sendobj", content)
        self.objects = dict(found)
        pages = [body for body in self.objects.values() if body.startswith(b"<</Type/Page/")]
        self.texts = [self._text(page) for page in pages]
        self.are_wide = [b"MediaBox[0 0 841" in page for page in pages]

    def _stream(self, number):
        head, _, rest = self.objects[number].partition(b"stream\n")
        data = rest.rpartition(b"\nendstream")[0]
        return zlib.decompress(data) if b"FlateDecode" in head else data

    def _letters(self, font):
        table = re.search(rb"/ToUnicode (\d+) 0", self.objects[font])[1]
        pairs = re.findall(rb"<(\w{4})> <(\w+)>", self._stream(table))
        return {bytes.fromhex(code.decode()): bytes.fromhex(text.decode()) for code, text in pairs}

    def _text(self, page):
        resources = self.objects[re.search(rb"/Resources (\d+) 0", page)[1]]
        named = re.search(rb"/Font<<(.*?)>>", resources)[1]
        fonts = {name: self._letters(font) for name, font in re.findall(rb"/(f\d+) (\d+) 0 R", named)}
        printed = []
        drawn = self._stream(re.search(rb"/Contents (\d+) 0", page)[1])
        for name, array in re.findall(rb"(?s)/(f\d+) \S+ Tf .*?Tm(.*?)T[Jj]\nET", drawn):
            strings = re.split(rb"\)-?[\d.]+\(", array.strip(b"[]")[1:-1])
            codes = b"".join(map(_unescaped, strings))
            letters = (fonts[name][codes[at : at + 2]] for at in range(0, len(codes), 2))
            printed.append(b"".join(letters).decode("utf-16-be"))
        return "\n".join(printed)


def _unescaped(text):
    kept = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}

    def byte(escape):
        return bytes([int(escape[1], 8)]) if escape[1].isdigit() else kept.get(escape[1], escape[1])

    return re.sub(rb"(?s)\\(\d{3}|.)", byte, text)


def pages(slug, *arguments):
    return Pages(report_file(slug, "pdf", arguments))


@pytest.fixture
def followed(app):
    """Twenty-four participants of two arms of CCI-017."""
    trial = make_trial(code="CCI-017")
    arms = [make_arm(trial=trial, code=code) for code in "AB"]
    for number in range(24):
        participant = make_participant(trial=trial, arm=arms[number % 2])
        make_reported_outcome(
            participant=participant,
            best_overall_response="PR" if number % 3 else "PD",
            os_months=1 + number / 7,
            os_event=number % 5 > 0,
        )


def test_a_report_is_printed_as_its_page_shows_it(followed):
    arguments = [("by", "arm"), ("endpoint", "os"), ("as_of", "2026-06-30")]
    printed = pages("survival", *arguments)
    text = "\n".join(printed.texts)
    result = run_report("survival", arguments)
    for said in [
        "Survival",
        "Overall survival",
        "Data cut-off",
        "2026-06-30",
        "Decision support: ",
        "Generated at ",
    ]:
        assert said in text, said
    for table in result.tables:
        assert str(table.title) in text
        for row in table.rows:
            for column in table.shown.values():
                assert column.text(row) in text
                assert column.detail(row) in text
    count = len(printed.texts)
    assert [f"{number} / {count}" in text for number, text in enumerate(printed.texts, start=1)] == [
        True
    ] * count


def test_a_wide_table_lies_across_and_others_stand(followed):
    assert pages("outcomes", ("by", "trial,arm")).are_wide == [False, True]
    assert not any(pages("survival", ("by", "trial,arm"), ("endpoint", "os")).are_wide)


def test_a_long_table_repeats_its_head_on_every_page(followed):
    result = run_report("outcomes", [])
    frame = pd.DataFrame({"name": [f"row {number}" for number in range(120)]})
    shown = {"name": Shown("The head", lambda row: row["name"], is_number=False)}
    result.figures, result.headline = [], None
    result.tables = [Table("long", "Long", frame, shown)]
    printed = Pages(pdf(result))
    assert len(printed.texts) >= 3
    assert all("The head" in text for text in printed.texts)
    assert sum(text.count("row ") for text in printed.texts) == 120


@pytest.mark.parametrize("text", HOSTILE)
def test_text_is_never_read_as_markup(app, text):
    trial = make_trial()
    participant = make_participant(trial=trial, cohort=make_cohort(trial=trial, name=text), diagnosis=text)
    make_reported_outcome(participant=participant)
    printed = pages("outcomes", ("by", "cohort,diagnosis"), ("cohort", text))
    assert text in printed.texts[0].splitlines()
    assert printed.texts[-1].replace("\n", "").count(text.replace("\n", "")) >= 2


def test_nobody_is_printed_too(app):
    assert "There is nothing to show." in "".join(pages("survival", ("by", "arm"), ("endpoint", "os")).texts)


def test_what_is_printed_depends_on_the_moment_alone(followed, monkeypatch):
    moment = datetime.datetime(2026, 6, 30, 12, 30, tzinfo=datetime.UTC)
    monkeypatch.setattr(clock, "now", lambda: moment)
    for format in ("pdf", "xlsx", "png", "svg"):
        contents = {report_file("outcomes", format, [("by", "arm")]) for _ in range(2)}
        assert len(contents) == 1, format
