"""The back office in 中文: every word of ours is in the catalogue, and what is read is what was written."""

import ast
import gettext
import re
from pathlib import Path

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from tests.admin.pages import page, text_of
from tests.builders import Founded

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "locale/zh_Hans/LC_MESSAGES"
FUNCTIONS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext"}


def written() -> dict[str, str]:
    """The catalogue as people edit it."""
    text = (FOLDER / "django.po").read_text()
    pairs = re.findall(r'^msgid (".*")\n(?:msgid_plural ".*"\n)?msgstr(?:\[0\])? (".*")$', text, re.MULTILINE)
    return {ast.literal_eval(key): ast.literal_eval(value) for key, value in pairs if key != '""'}


def read() -> dict[str, str]:
    """The catalogue as Django reads it."""
    with (FOLDER / "django.mo").open("rb") as file:
        catalog = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    return {key if isinstance(key, str) else key[0]: value for key, value in catalog.items() if key}


def asked_for() -> set[str]:
    """Every literal that our templates and the admin's modules want translated."""
    found: set[str] = set()
    for template in (ROOT / "templates").rglob("*.html"):
        found |= set(re.findall(r"""{% translate ["'](.*?)["'] """, template.read_text()))
    for module in (ROOT / "trading/admin").rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in FUNCTIONS:
                found |= {str(arg.value) for arg in node.args[:1] if isinstance(arg, ast.Constant)}
    return found


def test_the_catalogue_that_is_read_is_the_one_that_is_written() -> None:
    assert read() == written()


def test_every_word_of_ours_is_in_the_catalogue() -> None:
    known = set(written())
    assert {text for text in asked_for() if text not in known and not is_of_django(text)} == set()


def is_of_django(text: str) -> bool:
    """Whether Django has the word in its own catalogue."""
    folder = Path(admin.__file__).parent / "locale/zh_Hans/LC_MESSAGES"
    with (folder / "django.mo").open("rb") as file:
        return gettext.GNUTranslations(file).gettext(text) != text


def test_placeholders_survive_the_translation() -> None:
    for source, target in written().items():
        named = set(re.findall(r"{\w*}|%\(\w+\)s", source))
        assert set(re.findall(r"{\w*}|%\(\w+\)s", target)) == named, source


def test_the_page_speaks_the_browsers_language_or_the_chosen_one(traded: Founded, root: Client) -> None:
    assert "Accounts near liquidation" in text_of(root.get(reverse("admin:index")))
    chinese = root.get(reverse("admin:index"), headers={"accept-language": "zh-CN,zh;q=0.9"})
    assert "临近强平或欠款的账户" in text_of(chinese) and 'lang="zh-hans"' in chinese.content.decode()
    root.post(reverse("set_language"), {"language": "zh-hans"})
    assert "停牌" in text_of(root.get(page("instrument", "change", "IX2301")))
    root.post(reverse("set_language"), {"language": "en"})
    assert "Halt trading" in text_of(root.get(page("instrument", "change", "IX2301")))


@pytest.mark.parametrize("language", ["xx", "../../etc", ""])
def test_an_unknown_language_changes_nothing(market: Founded, root: Client, language: str) -> None:
    assert root.post(reverse("set_language"), {"language": language}).status_code in {204, 302}
    assert "Home" in text_of(root.get(reverse("admin:index")))


def test_questions_count_in_chinese_too(traded: Founded, root: Client) -> None:
    chosen = {"action": "halt_selected", "_selected_action": ["IX2301", "IF2301"]}
    said = text_of(root.post(page("instrument"), chosen, headers={"accept-language": "zh-hans"}))
    assert "2 个合约" in said and "1 笔未完成委托" in said and "什么也不做" in said
