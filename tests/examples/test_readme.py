"""What the README of the examples says is there, and what is there is said."""

import re

from tests.e2e.server import ROOT

EXAMPLES = ROOT / "examples"
BESIDES = {"README.md", "style.css"}


def test_every_example_is_named_and_every_link_leads_somewhere() -> None:
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)", text)
    assert links and all((EXAMPLES / link).exists() for link in links), links
    there = {path.name for path in EXAMPLES.iterdir() if not path.name.startswith(("_", "."))} - BESIDES
    assert {name for name in there if not re.search(rf"\b{re.escape(name)}\b", text)} == set()
