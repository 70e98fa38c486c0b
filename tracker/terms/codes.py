"""Code lists too long for an enumeration, from the CSV files beside this one; README.md has their sources."""

import csv
import re
import unicodedata
from functools import cached_property
from pathlib import Path

_WORD = re.compile(r"\w+")


class CodeList:
    """A published list of codes, read when first needed.

    name: the CSV file's. Its columns are code, label_en, label_fr (where empty, English stands in) and what
    else is published of a code; former_codes, if there, are separated by spaces.
    """

    def __init__(self, name):
        self.name = name
        self._choices: dict[str, list[tuple[str, str]]] = {}  # by language

    def __iter__(self):
        return iter(self.codes)

    def __len__(self):
        return len(self.codes)

    def __contains__(self, code):
        return code in self._rows

    def __getitem__(self, code) -> dict[str, str]:
        """What is published of a code: the columns of its row. Raises KeyError for an unknown code."""
        return self._rows[code]

    @property
    def codes(self) -> tuple[str, ...]:
        """Every code, in the order of the file."""
        return tuple(self._rows)

    def label(self, code, language="en") -> str:
        """The label in that language, else in English; for what is no code, as a source's words, itself."""
        row = self._rows.get(code, {"label_en": code})
        return row.get(f"label_{language}") or row["label_en"]

    def choices(self, language="en") -> list[tuple[str, str]]:
        """Code and label of each, sorted by label without regard to accents; OTHER comes last."""
        if language not in self._choices:
            labelled = [(code, self.label(code, language)) for code in self.codes]
            labelled.sort(key=lambda choice: (choice[0] == "OTHER", _key(choice[1]), choice[0]))
            self._choices[language] = labelled
        return self._choices[language]

    def find(self, text) -> str | None:
        """The code that the text means: a code, a label in either language, or a former code, in that order.

        Case, accents, and the spaces, underscores and hyphens between words do not matter. None where nothing
        matches, or where a label is that of several codes.
        """
        return self._code_by_key.get(_key(text))

    def search(self, text, limit=20) -> list[str]:
        """Codes with every word of the text in code, labels, former codes, tissue, class or definition.

        The closest come first, those that only their definition names last.
        """
        key = _key(text)
        words = _WORD.findall(key)
        found = []
        for code, (named, known) in self._words_by_code.items() if words else ():
            if all(any(word in one for one in known) for word in words):
                is_beginning = all(any(one.startswith(word) for one in named) for word in words)
                is_named = all(any(word in one for one in named) for word in words)
                starts_code = _key(code).startswith(key)
                rank = _key(code) != key, not starts_code, not is_beginning, not is_named, len(named), code
                found.append(rank)
        return [rank[-1] for rank in sorted(found)[:limit]]

    @cached_property
    def _rows(self):
        with Path(__file__).with_name(self.name).open(encoding="utf-8", newline="") as file:
            return {row["code"]: row for row in csv.DictReader(file)}

    @cached_property
    def _code_by_key(self):
        codes_by_label, found = {}, {}
        for code, row in self._rows.items():
            for former in row.get("former_codes", "").split():
                found[_key(former)] = code
            for label in {_key(row["label_en"]), _key(row["label_fr"])} - {""}:
                codes_by_label.setdefault(label, []).append(code)
        found |= {label: codes[0] if len(codes) == 1 else None for label, codes in codes_by_label.items()}
        return found | {_key(code): code for code in self._rows}

    @cached_property
    def _words_by_code(self):
        """For each code the words of its code and labels; and with those, of what else is published of it."""
        found = {}
        for code, row in self._rows.items():
            named = _WORD.findall(_key(f"{code} {row['label_en']} {row['label_fr']}"))
            more = " ".join(row.get(column, "") for column in ("former_codes", "tissue", "soc", "definition"))
            others = _WORD.findall(_key(more))
            found[code] = named, named + others
        return found


def _key(text):
    """Text without case, accents, and what separates words; signs at the end of a word stay: BCR-ABL1+."""
    letters = unicodedata.normalize("NFD", (text or "").casefold())
    bare = "".join(one for one in letters if not unicodedata.combining(one)).replace("œ", "oe")
    return re.sub(r"(?<=[^\W_])[\s_-]+(?=[^\W_])", " ", bare.strip())


tissues = CodeList("oncotree_tissues.csv")
diagnoses = CodeList("oncotree_diagnoses.csv")
ctcae_terms = CodeList("ctcae_terms.csv")
ctcae_socs = CodeList("ctcae_socs.csv")
