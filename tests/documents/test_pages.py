"""The documents as pages: all of them are there, in both languages, and every link and anchor leads somewhere."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest
from django.test import Client

from exchange_site.documents.markdown import render
from exchange_site.documents.pages import rendered
from exchange_site.documents.shelf import LISTED, ROOT, documents, groups
from tests.admin.every_page.test_languages import written

pytestmark = pytest.mark.django_db
LANGUAGES = ("en", "zh-hans")
NAMES = list(documents())
TAKES_A_LOGIN = ("/admin/",)


def page(path: str, language: str = "en") -> str:
    response = Client().get(path, headers={"accept-language": language})
    assert response.status_code == 200, path
    return response.content.decode()


@pytest.mark.slow
def test_every_markdown_file_is_a_page() -> None:
    files = {path.relative_to(ROOT).as_posix() for pattern in ("*.md", "docs/*.md", "clients/*/*.md", "examples/*.md")
             for path in ROOT.glob(pattern)}  # fmt: skip
    served = {each.source for each in documents().values()} | {each.twin for each in documents().values()}
    assert files - served == set()


def test_a_document_that_nobody_has_listed_would_be_found() -> None:
    listed = {each.source for group in LISTED for each in group.documents}
    assert {each.source for group in groups() for each in group.documents} >= listed
    assert len({each.name for group in groups() for each in group.documents}) == len(documents())


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_the_whole_document_and_nothing_that_the_policy_forbids(name: str) -> None:
    said = page(f"/docs/{name}/")
    assert not re.search(r"<script(?! (type=\"module\" )?src=\"/static/)|<style|\sstyle=|\son\w+=|src=\"http", said)
    text = documents()[name].text()
    assert said.count("<pre") >= len(re.findall(r"^ *```", text, re.MULTILINE)) / 2
    shown = len(re.findall(r"<h[1-6] id=", said))
    assert shown == len(re.findall(r"^#+ ", re.sub(r"^ *```.*?^ *```", "", text, flags=re.M | re.S), re.MULTILINE))
    assert "<!--" not in said and "&lt;!--" not in said


@pytest.mark.parametrize("name", [""] + [f"{name}/" for name in NAMES])
def test_every_page_speaks_both_languages(name: str) -> None:
    chinese = page(f"/docs/{name}", "zh-CN")
    assert "全部文档" in chinese and '<html lang="zh-hans">' in chinese
    assert "All documents" in page(f"/docs/{name}")


def test_titles_are_in_the_catalogue() -> None:
    said = {text for group in LISTED for each in group.documents for text in (group.title, each.title, each.about)}
    assert said - set(written()) == set()


def test_a_chinese_text_is_shown_where_there_is_one_and_else_it_is_said() -> None:
    assert "写给运营市场的人" in page("/docs/operators/", "zh-CN")
    assert "写给运营市场的人" not in page("/docs/operators/")
    assert "本文只有英文版" in page("/docs/decisions/", "zh-CN")
    assert "本文只有英文版" not in page("/docs/operators/", "zh-CN")


def test_the_chosen_language_stays_chosen() -> None:
    browser = Client()
    assert "写给运营市场的人" in browser.get("/docs/operators/?lang=zh-hans").content.decode()
    assert "写给运营市场的人" in browser.get("/docs/operators/").content.decode()
    assert "写给运营市场的人" not in browser.get("/docs/operators/?lang=en").content.decode()
    assert browser.get("/docs/operators/?lang=xx").status_code == 200


@pytest.mark.parametrize("name", [each.name for each in documents().values() if each.twin])
def test_both_texts_of_a_document_have_the_same_anchors(name: str) -> None:
    """So a link leads to the same place in either."""
    one, other = (re.findall(r'<h\d id="([^"]+)"', page(f"/docs/{name}/", language)) for language in LANGUAGES)
    assert one == other


@pytest.mark.parametrize("name", [each.name for each in documents().values() if each.twin])
def test_no_mark_of_emphasis_is_left_in_a_chinese_text(name: str) -> None:
    """Between a Chinese full stop and a character without a space it marks nothing, here and on GitHub."""
    said = re.sub(r"<pre.*?</pre>|<code.*?</code>", "", rendered(name, "zh-hans").html, flags=re.DOTALL)
    assert re.findall(r".{0,20}\*.{0,20}", said) == []


@pytest.mark.parametrize("name", ["nothing", "clients", "../protocol", "protocol/more", "%00", "a" * 3000])
def test_an_unknown_page_is_ours(name: str) -> None:
    response = Client().get(f"/docs/{name}/")
    assert response.status_code in {400, 404}
    assert Client().get("/docs/nothing/").content.decode().count("There is no such page") == 2


def test_a_page_is_kept_and_asked_for_again() -> None:
    first = Client().get("/docs/protocol/")
    again = Client().get("/docs/protocol/", headers={"if-none-match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = Client().get("/docs/operators/", headers={"if-none-match": first["ETag"]})
    assert other.status_code == 200
    english = Client().get("/docs/operators/")["ETag"]
    asked = {"if-none-match": english, "accept-language": "zh-CN"}
    assert Client().get("/docs/operators/", headers=asked).status_code == 200
    assert "Cookie" in first["Vary"] and "Accept-Language" in first["Vary"]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("docs/page.png", "image/png"),
        ("examples/first_order.py", "text/plain"),
        ("examples/vue/index.html", "text/plain"),
    ],
)
def test_a_file_is_served_as_it_is_and_can_do_nothing(path: str, kind: str) -> None:
    response: Any = Client().get(f"/docs/files/{path}")
    assert response["Content-Type"].startswith(kind)
    assert b"".join(response.streaming_content) == (ROOT / path).read_bytes()
    assert "sandbox" in response["Content-Security-Policy"] and response["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    ["exchange_site/settings.py", "data/secret_key", "docs/../manage.py", "docs/protocol.md", "docs", "/etc/passwd",
     "examples/%2e%2e/manage.py", "clients"],
)  # fmt: skip
def test_no_other_file_is_served(path: str) -> None:
    assert Client().get(f"/docs/files/{path}").status_code == 404


# --- links


def anchors(said: str) -> set[str]:
    return set(re.findall(r'\sid="([^"]+)"', said))


def links(said: str) -> set[str]:
    return {unescape(found) for found in re.findall(r'\s(?:href|src|action)="([^"]*)"', said)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_links_between_documents_lead_to_a_place_of_theirs(language: str) -> None:
    there = {f"/docs/{name}/": anchors(rendered(name, language).html) for name in NAMES}
    lost = set()
    for name in NAMES:
        for link in links(rendered(name, language).html):
            target, anchor = urldefrag(urljoin(f"/docs/{name}/", link))
            known = urlsplit(target).scheme or not target.startswith("/docs/") or target.startswith("/docs/files/")
            path = urlsplit(target).path
            if (
                link[0] not in "/#h"
                or not (known or path in there)
                or (anchor and path in there and anchor not in there[path])
            ):
                lost.add((name, link))
    assert lost == set()


@pytest.mark.parametrize(
    ("name", "language", "address"),
    [
        ("start", "en", "/docs/protocol/"),
        ("start", "en", "/docs/protocol/?lang=zh-hans"),
        ("start", "zh-hans", "/docs/protocol/"),
        ("start", "zh-hans", "/docs/protocol/?lang=en"),
        ("operations", "zh-hans", "/docs/operations/?lang=en"),
        ("operations", "zh-hans", "/docs/market-rules/#several-markets"),
        ("reference/settings", "zh-hans", "/docs/operations/"),
        ("reference/settings", "zh-hans", "/docs/trading-page/"),
    ],
)
def test_a_link_keeps_the_readers_language_unless_it_names_the_other(name: str, language: str, address: str) -> None:
    assert address in links(rendered(name, language).html)


@pytest.mark.parametrize("name", NAMES)
def test_a_chinese_page_leads_to_english_texts_only_where_it_says_so(name: str) -> None:
    html = rendered(name, "zh-hans").html
    assert set(re.findall(r'<a href="[^"]*lang=en[^"]*">(.*?)</a>', html)) <= {"English"}
    assert "lang=zh-hans" not in html


@pytest.mark.long
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_link_is_alive(language: str) -> None:
    """From the documents as far as links lead on the site; what takes a login is not gone through."""
    browser = Client(headers={"accept-language": language})
    waiting, dead = ["/docs/", "/", "/api/docs/", "/docs/ws/"], []
    seen: dict[str, set[str]] = {}
    wanted: list[tuple[str, str, str]] = []
    while waiting:
        address = waiting.pop()
        if address in seen:
            continue
        response: Any = browser.get(address)
        seen[address] = set()
        if response.status_code >= 400:
            dead.append(address)
        elif response.status_code in (301, 302) and not address.startswith(TAKES_A_LOGIN):
            waiting.append(urljoin(address, response["Location"]))
        elif response.get("Content-Type", "").startswith("text/html") and not address.startswith(TAKES_A_LOGIN):
            said = response.content.decode()
            seen[address] = anchors(said)
            for link in links(said):
                target, anchor = urldefrag(urljoin(address, link))
                if not urlsplit(target).scheme:
                    waiting.append(target)
                    wanted.append((address, target, anchor))
        if response.streaming:
            b"".join(response.streaming_content)
    assert dead == []
    found = {f"{there} has no #{anchor}, of {here}" for here, there, anchor in wanted if anchor
             and anchor not in seen[there]}  # fmt: skip
    assert found == set()
    assert len(seen) > 50


# --- Markdown


def html(text: str) -> str:
    return render(text, lambda link: link).html


def test_html_in_markdown_is_text() -> None:
    assert html("a <script>alert(1)</script> b\n\n<img src=x onerror=1>") == (
        "<p>a &lt;script&gt;alert(1)&lt;/script&gt; b</p>\n<p>&lt;img src=x onerror=1&gt;</p>\n"
    )


def test_a_link_cannot_be_a_script() -> None:
    assert "href" not in html("[a](javascript:alert(1)) [b](data:text/html,x)")


def test_headings_have_the_anchors_of_github_each_its_own() -> None:
    found = render("# A\n## How long: `time_condition`\n## Limits\n## Limits\n## 限价 单", lambda link: link)
    assert [each.anchor for each in found.headings] == ["a", "how-long-time_condition", "limits", "limits-1", "限价-单"]


def test_a_table_has_no_inline_styles() -> None:
    said = html("| a | b |\n|---|--:|\n| 1 | 2 |\n")
    assert "style" not in said and said.count('class="right"') == 2 and '<div class="scroll" tabindex="0">' in said


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        ("撤单\n报单", "撤单报单"),
        ("先撤单，\n`seq` 一", "先撤单，<code>seq</code> 一"),
        ("*撤单*\n报单", "<em>撤单</em>报单"),
        ("撤单\n`seq`\n一", "撤单\n<code>seq</code>\n一"),
        ("an\norder", "an\norder"),
    ],
)
def test_the_end_of_a_line_is_no_space_between_chinese_characters(lines: str, line: str) -> None:
    assert html(lines) == f"<p>{line}</p>\n"
    (said,) = render(lines, lambda link: link).sections
    assert said.text == re.sub(r"<.*?>", "", line).replace("\n", " ")
