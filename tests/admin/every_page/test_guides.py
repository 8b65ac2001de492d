"""The guides for operators name what there is: what is in italics stands in the back office, or in the guide itself."""

import re

import pytest
from django.apps import apps
from django.contrib import admin
from django.utils.text import capfirst

from tests.admin.every_page.test_languages import ROOT, written

NAME = re.compile(r"(?<![*\w`])\*([^*`\s][^*`]*)\*(?![*\w])")
SAID_ELSEWHERE = {"CSV", "All commits ... are in the database's files"}
"""A button that is the same in every language, and a line of the log."""


def names_of_the_back_office() -> set[str]:
    """Words of its pages (which are all in the catalogue; "Forget the key of {user}" is named without whose), its lists
    and their parts, and the columns."""
    found = {re.sub(r" of ({\w+}|%\(\w+\)s)$", "", words) for words in written()}
    found |= {str(app.verbose_name) for app in apps.get_app_configs()}
    for model in admin.site._registry:
        found.add(str(model._meta.verbose_name_plural))
        found |= {str(field.verbose_name) for field in model._meta.fields}
    return {capfirst(name) for name in found}


def alarms(guide: str) -> set[str]:
    """The names in the first column of the guide's tables."""
    return set(re.findall(r"^\| ([a-z ]+) \|", guide, re.MULTILINE))


@pytest.mark.parametrize("name", ["operations.md", "operators-desk.md"])
def test_what_a_guide_names_is_there(name: str) -> None:
    text = re.sub(r"```.*?```", "", (ROOT / "docs" / name).read_text(), flags=re.DOTALL)
    named = {" ".join(found.split()) for found in NAME.findall(text)}
    assert len(named) > 20
    assert named - names_of_the_back_office() - alarms(text) - SAID_ELSEWHERE == set()
