"""The back office in 中文: every word of ours is in the catalogue, and what is read is what was written."""

import ast
import gettext
import json
import re
from html import unescape
from pathlib import Path
from typing import Any, get_args

import pytest
from django.contrib import admin
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import translation
from django.views.i18n import JavaScriptCatalog

from tests.admin.every_page.test_pages import MODELS
from tests.admin.pages import page, text_of
from tests.builders import Founded
from trading.admin.office.refusals import said
from trading.core.codes import Code
from trading.core.commands import AdminCommand
from trading.core.types import stored_name
from trading.operators.authority.rights import ROLES

ROOT = Path(__file__).resolve().parents[3]
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
        text = template.read_text()
        found |= {first or second for first, second in re.findall(r"""{% translate (?:"(.*?)"|'(.*?)') """, text)}
        whole = re.findall(r"{% blocktranslate[^%]*%}([^{]*(?:{{ \w+ }}[^{]*)*){% endblocktranslate %}", text)
        found |= {re.sub(r"{{ (\w+) }}", r"%(\1)s", each) for each in whole}
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


PROSE = [*sorted((ROOT / "templates/admin").rglob("*.html")), ROOT / "templates/contest.html"]
MARKED = re.compile(r"{% blocktranslate.*?{% endblocktranslate %}|{%.*?%}|{{.*?}}|{#.*?#}", re.DOTALL)


@pytest.mark.parametrize("template", PROSE, ids=lambda path: path.name)
def test_no_template_says_a_word_that_is_not_marked(template: Path) -> None:
    """What a page says only sometimes too: nobody waits, nothing is held."""
    text = re.sub(r"{% block (coltype|bodyclass) %}.*?{% endblock %}", " ", template.read_text())
    text = unescape(MARKED.sub(" ", text))
    said = re.findall(r'(?:placeholder|alt|aria-label|title)="([^"]*)"', text)
    said += re.findall(r'type="submit"[^>]*value="([^"]*)"', text)
    words = re.findall(r"[A-Za-z]{2,}", " ".join([re.sub(r"<[^>]*>", " ", text), *said]))
    assert set(words) <= {"CSV", "Bourse", "DOCTYPE", "doctype", "html"}


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
    assert "临近强平或穿仓的账户" in text_of(chinese) and 'lang="zh-hans"' in chinese.content.decode()
    root.post(reverse("set_language"), {"language": "zh-hans"})
    assert "暂停交易" in text_of(root.get(page("instrument", "change", "IX2301")))
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


# --- what the engine answers


def sentences_of(room: Path) -> set[str]:
    """The sentences in a module of rules, each with a gap for what is put into it."""
    found: set[str] = set()
    for call in ast.walk(ast.parse(room.read_text())):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Refused" and len(call.args) > 1:
            text = call.args[1]
            if isinstance(text, ast.Constant):
                found.add(str(text.value))
            elif isinstance(text, ast.JoinedStr):
                found.add("".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in text.values))
    return found


RULES = ("funds", "instruments", "phases", "restrictions", "settlement", "adoption")
"""What operators ask for ends in these."""
COMPOSED = {
    "New connections are {}": "New connections are refused already",
    "The liquidation of {} is {}": "The liquidation of {} is stopped already",
}
"""What the rule puts into the gap is a part of the sentence."""


def test_what_the_engine_answers_to_operators_is_said_in_chinese() -> None:
    asked = {each for name in RULES for each in sentences_of(ROOT / f"trading/core/rules/{name}.py")}
    assert len(asked) > 20
    with translation.override("zh-hans"):
        for sentence in asked:
            told = said(COMPOSED.get(sentence, sentence).replace("{}", "7"))
            assert not re.search(r"[A-Za-z]{3}", told.replace("YYYYMMDD", "")), sentence


def test_whatever_is_asked_for_has_a_name_in_chinese() -> None:
    words = [*map(stored_name, get_args(AdminCommand)), *(code.text for code in Code), *ROLES]
    assert {word for word in words if word not in written()} == set()


def test_the_more_exact_sentence_is_found_and_phases_are_words() -> None:
    with translation.override("zh-hans"):
        assert said("user001 is frozen already") == "user001 已冻结"
        assert said("IX2301 is halted already") == "IX2301 已处于“暂停交易”阶段"
        assert said("Rejected by boss: not today") == "boss 已驳回：not today"
        assert said("nobody has translated this") == "nobody has translated this"
    assert said("user001 is frozen already") == "user001 is frozen already"


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("model", MODELS)
def test_no_two_filters_of_a_list_have_one_name(traded: Founded, root: Client, model: str, language: str) -> None:
    shown = root.get(page(model), headers={"accept-language": language})
    names = re.findall(r'data-filter-title="([^"]*)"', shown.content.decode())
    assert len(names) == len({name.casefold() for name in names}), names


def text_of_script(answer: Any) -> str:
    return str(answer.content.decode())


def test_the_offices_own_script_speaks_chinese() -> None:
    """Django has no Chinese for half of what its list to choose from says."""
    script = (Path(admin.__file__).parent / "static/admin/js/SelectFilter2.js").read_text()
    literal = r"""gettext\(\s*(['"])(.*?)(?<!\\)\1"""
    words = {text for _quote, text in re.findall(literal, script)}
    catalogue = JavaScriptCatalog.as_view(packages=["django.contrib.admin"])
    with translation.override("zh-hans"):
        served = text_of_script(catalogue(RequestFactory().get("/admin/jsi18n/")))
    known = json.loads(served.partition("const newcatalog = ")[2].partition(";\n")[0])
    assert len(words) > 8
    assert {word for word in words if not re.search("[\u4e00-\u9fff]", str(known.get(word, "")))} == set()
