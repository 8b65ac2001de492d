"""Modules of tqsdk inside of a test. At its import it puts a logging of its own in place of everybody's."""

import logging
from typing import Any

import pytest


def part_of_tqsdk(name: str) -> Any:
    """A module by its name, with everybody's logging as it was; the test is skipped where there is no tqsdk."""
    kept = logging.getLogger, logging.getLoggerClass(), logging.Logger.root, logging.Logger.manager
    try:
        return pytest.importorskip(name, exc_type=ImportError)
    finally:
        logging.getLogger, loggers, logging.Logger.root, logging.Logger.manager = kept
        logging.setLoggerClass(loggers)
