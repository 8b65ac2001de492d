"""Counters that a test has for itself."""

import pytest

from trading.observability.counters import MEASURES, Measures


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Measures:
    """The counters of this process, from nothing."""
    for name, value in vars(Measures()).items():
        monkeypatch.setattr(MEASURES, name, value)
    return MEASURES
