"""Finds words in documents: sections that have all of them, the best first. Pure."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

MOST_LETTERS = 100
"""Of a query."""
MOST_PARTS = 10
"""Words, or pairs of Chinese characters, that are looked for; what else a query has is passed over."""
MOST_FOUND = 20
BEFORE, SHOWN = 50, 200
"""Letters of an excerpt: before the first word that was found, and in all."""
ORDINARY = 1_500
"""Letters of a section. Of a longer one a word says less, however often it is there."""
PARTS = re.compile(r"[\u3400-\u9fff]+|[^\s\u3400-\u9fff]+")
"""What a query is made of: words, and runs of Chinese characters, which are not divided into words."""

Excerpt = list[tuple[str, bool]]
"""Pieces of text, each with whether it was looked for."""


class Entry(NamedTuple):
    """A section of a document; `low` is all of its text in small letters."""

    name: str
    title: str
    anchor: str
    heading: str
    text: str
    low: str
    worth: float
    """What its score is multiplied by."""

    @classmethod
    def of(cls, name: str, title: str, anchor: str, heading: str, text: str, worth: float = 1) -> "Entry":
        return cls(name, title, anchor, heading, text, f"{title}\n{heading}\n{text}".lower(), worth)


class Found(NamedTuple):
    name: str
    title: str
    anchor: str
    heading: str
    excerpt: Excerpt


def search(entries: Iterable[Entry], query: str) -> list[Found]:
    """The beginning of a word is enough. Of four Chinese characters each pair has to be there."""
    parts = [part for run in PARTS.findall(query.lower()) for part in _pairs(run)][:MOST_PARTS]
    if not parts:
        return []
    patterns = [_pattern(part) for part in parts]
    scored = []
    for place, entry in enumerate(entries):
        if all(part in entry.low for part in parts) and (score := _score(entry, patterns)):
            scored.append((-score, place, entry))
    marks = _marks(query.lower())
    return [_found(entry, marks) for _, _, entry in sorted(scored)[:MOST_FOUND]]


def _pairs(run: str) -> list[str]:
    chinese = "\u3400" <= run[0] <= "\u9fff"
    return [run[at : at + 2] for at in range(len(run) - 1)] if chinese and len(run) > 2 else [run]


def _pattern(part: str) -> re.Pattern[str]:
    """Where it begins a word; an underscore divides words."""
    begins = r"(?<![a-z0-9])" if part[0].isascii() and part[0].isalnum() else ""
    return re.compile(begins + re.escape(part), re.IGNORECASE)


def _score(entry: Entry, patterns: Sequence[re.Pattern[str]]) -> float:
    """0: one of them is not there. Headings say what a section is about; a title says it of many sections."""
    total = 0.0
    weight = min(1, ORDINARY / len(entry.text)) if entry.text else 1
    for pattern in patterns:
        in_heading = pattern.search(entry.heading)
        score = (6 + 4 * len(in_heading[0]) / len(entry.heading)) if in_heading else 0.0
        score += 2 if pattern.search(entry.title) else 0
        score += min(5, weight * sum(1 for _ in pattern.finditer(entry.text))) / 2
        if not score:
            return 0
        total += score
    return total * entry.worth


def _marks(query: str) -> re.Pattern[str]:
    """Whole runs before the pairs that they are made of."""
    runs = PARTS.findall(query)
    parts = dict.fromkeys([*runs, *(pair for run in runs for pair in _pairs(run))])
    return re.compile("|".join(_pattern(part).pattern for part in parts), re.IGNORECASE)


def _found(entry: Entry, marks: re.Pattern[str]) -> Found:
    first = marks.search(entry.text)
    start = max(0, first.start() - BEFORE) if first else 0
    start = entry.text.rfind(" ", 0, start) + 1 if start else 0
    end = start + SHOWN
    excerpt: Excerpt = [("… ", False)] if start else []
    at = start
    for mark in marks.finditer(entry.text[:end], start):
        excerpt += [(entry.text[at : mark.start()], False), (mark[0], True)]
        at = mark.end()
    excerpt.append((entry.text[at:end] + (" …" if end < len(entry.text) else ""), False))
    return Found(entry.name, entry.title, entry.anchor, entry.heading, [piece for piece in excerpt if piece[0]])
