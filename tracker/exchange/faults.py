"""What is wrong in a file, by row and column."""

import pandas as pd

COLUMNS = ("row", "column", "value", "message")


class Faults:
    """Every faulty row and cell of a file, in no order until `frame` sorts them.

    Their values are for the person who imports the file, on the page or the terminal; they are never logged.
    """

    def __init__(self):
        self._parts = []

    def __len__(self):
        return sum(len(part) for part in self._parts)

    def add(self, message, row=None, column=None, value=None):
        """One fault; without a row it is the whole file's."""
        self.add_rows(pd.Series([value], index=[row], dtype=object), column, message)

    def add_rows(self, cells: pd.Series, column, message):
        """The same column's fault in many rows.

        cells: the faulty values, indexed by row. message: one text, or a Series of texts with that index.
        """
        if cells.empty:
            return
        part = pd.DataFrame({"row": pd.array(cells.index, dtype="Int64"), "column": column})
        part["value"] = [None if pd.isna(cell) else str(cell) for cell in cells]
        part["message"] = [str(one) for one in message] if isinstance(message, pd.Series) else str(message)
        self._parts.append(part)

    def rows(self, column) -> set[int]:
        """The rows in which a column is faulty."""
        parts = [part for part in self._parts if part["column"].iloc[0] == column]
        return {row for part in parts for row in part["row"] if not pd.isna(row)}

    def frame(self) -> pd.DataFrame:
        """One line a fault: row (the header is row 1; None for the whole file), column, value, message."""
        if not self._parts:
            return pd.DataFrame(columns=list(COLUMNS))
        whole = pd.concat([part.astype({"column": object, "value": object}) for part in self._parts])
        whole = whole.drop_duplicates().sort_values("row", kind="stable", na_position="first")
        whole["row"] = whole["row"].astype(object).where(whole["row"].notna(), None)
        return whole.reset_index(drop=True)[list(COLUMNS)]
