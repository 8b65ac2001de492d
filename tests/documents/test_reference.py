"""What is made from the code: complete, explained, and of one mind with what is written by hand."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client

from exchange_site.documents.reference.commands_page import arguments, commands
from exchange_site.documents.reference.errors_page import DO, LIMITS
from exchange_site.documents.reference.settings_page import SECTIONS, SOURCE, declared
from exchange_site.documents.reference.tables import rows_below
from exchange_site.documents.shelf import ROOT, documents
from tests.admin.every_page.test_languages import written
from trading.core.codes import Code
from trading.rest.errors import HttpCode
from trading.websocket.contract.asyncapi import CLOSE_CODES

pytestmark = pytest.mark.django_db


def page(name: str, language: str = "en") -> str:
    return Client().get(f"/docs/reference/{name}/", headers={"accept-language": language}).content.decode()


def test_every_setting_has_its_row() -> None:
    names = re.findall(r"env\.\w+\(\s*\"([A-Z_]+)\"", (ROOT / SOURCE).read_text())
    assert [each.name for each in declared()] == names and len(names) > 50
    said = rows_below("Settings")
    assert {name for name in names if not (said[name][1] or re.search("[a-z]", said[name][0]) or _why(name))} == set()
    shown = page("settings")
    assert {name for name in names if f"<td><code>{name}</code></td>" not in shown} == set()


def _why(name: str) -> str:
    return next(each.why for each in declared() if each.name == name)


def test_the_defaults_that_are_written_by_hand_are_those_of_the_code() -> None:
    said = rows_below("Settings")
    other = {}
    for each in declared():
        try:
            default = ast.literal_eval(each.default or "''")
        except ValueError:
            continue
        told = said[each.name][0].strip("`")
        if isinstance(default, bool):
            other[each.name] = (told, told == ("on" if default else "off"))
        elif isinstance(default, int | float):
            other[each.name] = (told, float(told) == default)
    assert len(other) > 40 and {name: told for name, (told, same) in other.items() if not same} == {}


def test_every_section_of_the_settings_has_a_name_in_chinese() -> None:
    marked = re.findall(r"^# --- ([^:\n]+)", (ROOT / SOURCE).read_text(), re.MULTILINE)
    assert marked == list(SECTIONS) and set(marked) - set(written()) == set()


@pytest.mark.parametrize("name", commands())
def test_every_command_says_what_it_does_and_what_it_takes(name: str) -> None:
    command = commands()[name]
    assert command.help
    assert [each.dest for each in arguments(name, command) if each.option_strings and not each.help] == []
    said = page("commands")
    assert f'<h2 id="{name}">' in said
    named = {(each.option_strings or [str(each.metavar or each.dest).upper()])[-1] for each in arguments(name, command)}
    assert {each for each in named if each not in said} == set()


def test_every_code_has_its_meaning_and_what_helps_in_both_languages() -> None:
    codes = [*Code, *HttpCode]
    assert list(DO) == [*Code, *HttpCode]
    said = {text for code in codes for text in (code.text, DO[code])} | set(CLOSE_CODES.values())
    assert said - set(written()) == set()
    english, chinese = page("errors"), page("errors", "zh-hans")
    assert {code for code in codes if f"<td><code>{int(code)}</code></td>" not in english} == set()
    assert {code for code in CLOSE_CODES if f"<td><code>{code}</code></td>" not in english} == set()
    assert {name for name in LIMITS if f"<td><code>{name}</code></td>" not in english} == set()
    assert written()["Insufficient funds"] in chinese


def test_no_path_of_the_server_is_told() -> None:
    assert str(ROOT) not in "".join(page(name) for name in ("settings", "commands", "errors"))


def test_the_generated_documents_speak_chinese() -> None:
    made = [each.name for each in documents().values() if each.made_by]
    assert len(made) == 4
    for name in made:
        said = Client().get(f"/docs/{name}/", headers={"accept-language": "zh-CN"}).content.decode()
        assert re.search(r"<h1 id=[^>]*>[\u4e00-\u9fff]", said)


def test_the_words_of_the_code_that_pages_show_are_in_the_catalogue() -> None:
    """Reasons of settings, and the help of commands and of their arguments."""
    helps = {each.help for name, command in commands().items() for each in arguments(name, command) if each.help}
    said = {each.why for each in declared() if each.why} | {each.help for each in commands().values()} | helps
    assert len(said) > 100 and said - set(written()) == set()


@pytest.mark.parametrize("name", ["settings", "commands"])
def test_what_a_setting_or_an_argument_means_is_told_in_chinese(name: str) -> None:
    rows = [re.findall("<td>(.*?)</td>", row) for row in re.findall("<tr>(.*?)</tr>", page(name, "zh-CN"), re.DOTALL)]
    meant = [row[-1] for row in rows if row and row[-1]]
    assert len(meant) > 40 and [each for each in meant if not re.search("[\u4e00-\u9fff]", each)] == []
    assert [each for each in meant if re.search("[a-z]{3,} (the|of|that|a|it) ", each)] == []


AS_A_SERVER = """
import django
django.setup()
from exchange_site.documents.reference.commands_page import commands_page
print(commands_page())
"""


def test_a_server_makes_the_page_of_commands_without_what_tests_have_on_their_path(tmp_path: Path) -> None:
    """A server is not started by manage.py, and the client library that the bots use need not be installed."""
    done = subprocess.run(
        [sys.executable, "-c", AS_A_SERVER],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "exchange_site.settings", "DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and "## run_bots" in done.stdout, done.stderr
