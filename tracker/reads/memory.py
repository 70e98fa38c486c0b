"""What was made of stored data, kept in memory with the state of them that it is of."""

import threading
from collections import OrderedDict
from collections.abc import Hashable


class Memory:
    """What was derived, with the state that it is of, by key; the least recently used of it goes.

    limit: how many keys are kept. Nothing is invalidated: what is of another state is not found. It is shared, so what
    is kept is not to be changed.
    """

    def __init__(self, limit: int):
        self.limit = limit
        self._kept: OrderedDict[Hashable, tuple] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: Hashable, state):
        """What is kept under the key, if it is of this state."""
        with self._lock:
            if key not in self._kept or self._kept[key][0] != state:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][1]

    def keep(self, found: dict[tuple, tuple]) -> None:
        """found: by key the state and what is of it."""
        with self._lock:
            for key, pair in found.items():
                self._kept[key] = pair
                self._kept.move_to_end(key)
            while len(self._kept) > self.limit:
                self._kept.popitem(last=False)
