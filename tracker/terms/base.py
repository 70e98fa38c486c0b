"""What every controlled term has."""

import enum


class Term(enum.StrEnum):
    """A controlled term: its value is stored, its label is shown, its aliases are also read."""

    def __new__(cls, value, label, *aliases):
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        member.aliases = aliases
        return member
