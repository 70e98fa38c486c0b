"""What is the matter with a database that did not do what it was asked: disk full, held, away or damaged."""

import enum
import errno

import sqlalchemy as sa


class Fault(enum.StrEnum):
    AWAY = "away"
    BUSY = "busy"
    FULL = "full"
    READ_ONLY = "read only"
    DAMAGED = "damaged"


#: SQLite's primary result codes (https://sqlite.org/rescode.html).
_SQLITE = {
    5: Fault.BUSY,  # SQLITE_BUSY
    6: Fault.BUSY,  # SQLITE_LOCKED
    8: Fault.READ_ONLY,
    10: Fault.FULL,  # SQLITE_IOERR: a quota or a limit of file sizes looks so
    11: Fault.DAMAGED,  # SQLITE_CORRUPT
    13: Fault.FULL,
    14: Fault.AWAY,  # SQLITE_CANTOPEN
    26: Fault.DAMAGED,  # SQLITE_NOTADB
}

#: PostgreSQL's (https://www.postgresql.org/docs/current/errcodes-appendix.html), the longest beginning first.
_POSTGRESQL = {
    "53100": Fault.FULL,
    "53200": Fault.FULL,  # memory
    "55P03": Fault.BUSY,  # lock_timeout
    "57014": Fault.BUSY,  # statement_timeout
    "40001": Fault.BUSY,
    "40P01": Fault.BUSY,
    "25006": Fault.READ_ONLY,
    "XX001": Fault.DAMAGED,
    "XX002": Fault.DAMAGED,
    "58030": Fault.FULL,  # io_error
    "3D000": Fault.AWAY,  # no such database
    "53": Fault.AWAY,  # too many connections
    "57P": Fault.AWAY,
    "58": Fault.AWAY,
    "08": Fault.AWAY,
    "28": Fault.AWAY,
}

#: The same of a file, outside the database.
_DISK = {
    errno.ENOSPC: Fault.FULL,
    errno.EDQUOT: Fault.FULL,
    errno.EFBIG: Fault.FULL,
    errno.EIO: Fault.FULL,
    errno.EROFS: Fault.READ_ONLY,
}


def fault_of(error: Exception) -> Fault | None:
    """None where it is no fault of the database or its disk, but of who asked."""
    if isinstance(error, OSError):
        return _DISK.get(error.errno)
    if isinstance(error, sa.exc.TimeoutError):  # no connection became free
        return Fault.BUSY
    if not isinstance(error, sa.exc.DBAPIError):
        return None
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return _SQLITE.get(code & 0xFF)
    state = getattr(error.orig, "sqlstate", None)
    if state:
        return next((fault for start, fault in _POSTGRESQL.items() if state.startswith(start)), None)
    is_away = error.connection_invalidated or isinstance(
        error, (sa.exc.OperationalError, sa.exc.InterfaceError)
    )
    return Fault.AWAY if is_away else None
