"""What a client has not been told yet: patches that are merged into each other until it asks."""

from trading.diff.translation.words import Patch


class Patches:
    """Merges as the client would, so that what is told late is told once. `nodes`: how much there is of it."""

    def __init__(self) -> None:
        self._patches: list[Patch] = []
        self.nodes = 0

    def __bool__(self) -> bool:
        return bool(self._patches)

    def add(self, patch: Patch) -> None:
        if not self._patches or not self._merge(self._patches[-1], patch):
            self._patches.append({})
            self._merge(self._patches[-1], patch)

    def add_all(self, patches: list[Patch]) -> None:
        for patch in patches:
            self.add(patch)

    def take(self) -> list[Patch]:
        """All of it, in order; then there is nothing."""
        taken, self._patches, self.nodes = self._patches, [], 0
        return taken

    def _merge(self, target: Patch, patch: Patch) -> bool:
        """False where what was deleted comes anew: in one patch the client would keep what it had. Then nothing has
        been changed."""
        if not _fits(target, patch):
            return False
        self._put(target, patch)
        return True

    def _put(self, target: Patch, patch: Patch) -> None:
        for key, value in patch.items():
            if isinstance(value, dict):
                if key not in target:
                    target[key] = {}
                    self.nodes += 1
                self._put(target[key], value)
            else:
                target[key] = value


def _fits(target: Patch, patch: Patch) -> bool:
    for key, value in patch.items():
        if isinstance(value, dict) and key in target:
            there = target[key]
            if not isinstance(there, dict) or not _fits(there, value):
                return False
    return True
