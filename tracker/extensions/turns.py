"""Those of one process who want to write to SQLite queue: left to itself, SQLite has each look again now and then, and
whoever happens to look at the right moment goes first."""

import threading
from collections import deque


class Turns:
    """Who came first goes first."""

    def __init__(self):
        self._lock = threading.Lock()
        self._is_taken = False
        self._waiting: deque[threading.Event] = deque()

    def take(self, patience: float) -> bool:
        """Wait for the turn; False where it did not come within this many seconds."""
        with self._lock:
            if not self._is_taken:
                self._is_taken = True
                return True
            called = threading.Event()
            self._waiting.append(called)
        if called.wait(patience):
            return True
        with self._lock:
            if called.is_set():  # in this very moment
                return True
            self._waiting.remove(called)
            return False

    def give(self) -> None:
        """It is the next one's."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._is_taken = False
