"""The catalogue of French messages: whole, compiled, and with the placeholders of the English ones."""

import re
import tomllib
from pathlib import Path

import pytest
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "tracker" / "translations" / "fr" / "LC_MESSAGES"

#: How many messages may still be without a translation.
LAG = 40


def forms(text):
    """The singular and the plural, or the one form that there is."""
    return (text,) if isinstance(text, str) else text


@pytest.fixture(scope="module")
def catalogue():
    with (FOLDER / "messages.po").open("rb") as file:
        return read_po(file)


@pytest.fixture(scope="module")
def messages():
    """What the code and the templates say."""
    mappings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["babel"]["mappings"]
    methods = [(one.pop("pattern"), one.pop("method")) for one in mappings]
    options = {pattern: rest for (pattern, _method), rest in zip(methods, mappings)}
    keywords = DEFAULT_KEYWORDS | {"_l": None, "_ln": (1, 2)}
    return {
        message
        for folder in ("tracker", "templates")
        for _file, _line, message, *_more in extract_from_dir(ROOT / folder, methods, options, keywords)
    }


def test_the_catalogue_has_the_messages_of_the_code_and_no_others(catalogue, messages):
    """Mend it as the README says under "Translations"."""
    known = {message.id for message in catalogue if message.id}
    assert sorted(messages - known, key=str) == []
    assert sorted(known - messages, key=str) == []


def test_few_messages_are_without_a_translation(catalogue):
    asked = [message for message in catalogue if message.id]
    missing = [one.id for one in asked if not all(forms(one.string)) or one.fuzzy]
    assert len(missing) <= LAG, missing


def test_a_translation_has_the_placeholders_of_its_message(catalogue):
    def placeholders(text):
        return sorted(re.findall(r"%(?:\(\w+\))?(?:\.\d)?[sdf]|%%", text))

    wrong = [
        message.id
        for message in catalogue
        for english, french in zip(forms(message.id), forms(message.string))
        if english and french and placeholders(english) != placeholders(french)
    ]
    assert wrong == []


def test_a_translation_is_set_as_french_is(catalogue):
    """No-break spaces before signs of two parts and inside guillemets, and apostrophes that are curved."""
    faults = re.compile(r"(?<!\u00a0)[;!?»](?=\s|$)|[\w)]:(?=\s|$)| [:;!?»]| %(?!\()|«(?!\u00a0)|[“”]|\w'\w")
    texts = [french for message in catalogue if message.id for french in forms(message.string)]
    assert [text for text in texts if faults.search(text)] == []


def test_the_compiled_catalogue_is_that_of_the_text(catalogue):
    with (FOLDER / "messages.mo").open("rb") as file:
        assert _translations(read_mo(file)) == _translations(catalogue)


def _translations(catalogue):
    """What each message is in French, its plural forms one after the other."""
    told = [(message.id, message.string) for message in catalogue if message.id and message.string]
    return {_forms(message): _forms(french) for message, french in told}


def _forms(text):
    return (text,) if isinstance(text, str) else tuple(text)
