"""The library that speaks SQLite."""

import sqlite3

try:
    import pysqlite3 as sqlite
except ImportError:  # another platform than Linux x86-64: the linked library has to do
    sqlite = sqlite3

__all__ = ["sqlite"]
