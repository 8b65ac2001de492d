"""What axe-core finds in pages, and what they show beyond the window, at every width."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.e2e.browser import missing
from tests.e2e.office.desk import beyond

AXE = Path(__file__).resolve().parents[2] / "node_modules/axe-core/axe.min.js"
WIDTHS = (1440, 820, 390)
RUN = """() => axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'], resultTypes: ['violations']})
    .then(found => found.violations.filter(each => ['serious', 'critical'].includes(each.impact))
    .map(each => each.id + ': ' + each.nodes.slice(0, 3).map(node => node.html.slice(0, 160)).join(' | ')))"""


def axe_core() -> str:
    """The script, which marks what it looks at: the context of a page that runs it has to bypass the policy."""
    if not AXE.exists():
        missing("axe-core is not installed: npm ci")
    return AXE.read_text()


def faults_of(page: Any, site: str, paths: Iterable[str]) -> list[str]:
    """One a line: what is cut off, and what is serious, of each page at each width."""
    script, faults = axe_core(), []
    for path in paths:
        page.goto(f"{site}/{path}")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            if beyond(page):
                faults.append(f"{path}: {beyond(page)} px beyond {width}")
            page.evaluate(script)
            faults += [f"{path} at {width}: {each}" for each in page.evaluate(RUN)]
    return faults
