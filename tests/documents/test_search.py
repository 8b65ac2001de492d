"""The search over the documents: what is found, in which order, and what a query cannot do."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client

from exchange_site.documents.search import MOST_FOUND, MOST_LETTERS, Entry, search

pytestmark = pytest.mark.django_db
ENTRIES = [
    Entry.of("one", "Protocol", "queries", "Queries", "query_orders gives orders, newest first."),
    Entry.of("one", "Protocol", "cancel", "Cancel an order", "cancel_order takes the id; a border is no order."),
    Entry.of("two", "市场规则", "limits", "涨跌停", "限价单的价格不能超出当日涨跌停。"),
    Entry.of("two", "市场规则", "market", "市价单", "市价单没有价格。"),
]


def anchors(query: str) -> list[str]:
    return [found.anchor for found in search(ENTRIES, query)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("cancel", ["cancel"]),
        ("ORDER", ["cancel", "queries"]),
        ("ord", ["cancel", "queries"]),
        ("order newest", ["queries"]),
        ("rder", []),
        ("query_o", ["queries"]),
        ("限价单", ["limits"]),
        ("价", ["market", "limits"]),
        ("单 限价", ["limits"]),
        ("限价单市价单", []),
        ("价格涨跌停", []),
        ("nothing", []),
        ("", []),
        ("   ", []),
        ("(.*[", []),
    ],
)
def test_what_is_found(query: str, found: list[str]) -> None:
    assert anchors(query) == found


def test_chinese_need_not_stand_together() -> None:
    assert anchors("当日涨跌") == ["limits"] and anchors("限价单的价") == ["limits"]
    entry = Entry.of("a", "t", "x", "h", "撤销报单。单撤也可以。")
    assert [found.anchor for found in search([entry], "报单撤")] == ["x"]


def test_an_excerpt_shows_the_words_marked() -> None:
    entry = Entry.of("a", "t", "x", "h", "before " * 40 + "the Order book " + "after " * 60)
    (found,) = search([entry], "order bo")
    text = "".join(piece for piece, _ in found.excerpt)
    assert [piece for piece, marked in found.excerpt if marked] == ["Order", "bo"]
    assert text.startswith("… before") and text.endswith(" …") and len(text) < 220


def test_not_more_is_found_than_somebody_reads() -> None:
    assert len(search([Entry.of("a", "t", "x", "h", "word")] * 100, "word")) == MOST_FOUND


def test_a_query_of_many_words_is_no_heavier() -> None:
    words = [f"w{number}" for number in range(12)]
    assert search([Entry.of("a", "t", "x", "h", " ".join(words[:10]))], " ".join(words))


def results(query: str, language: str = "en") -> list[dict[str, Any]]:
    response = Client().get("/docs/search.json", {"q": query}, headers={"accept-language": language})
    assert response.status_code == 200
    found: list[dict[str, Any]] = json.loads(response.content)["results"]
    return found


@pytest.mark.parametrize(
    ("query", "address"),
    [
        ("cancel_on_disconnect", "/docs/protocol/"),
        ("self-trade prevention", "/docs/market-rules/#self-trade-prevention"),
        ("close codes", "/docs/protocol/#close-codes"),
        ("backup and restore", "/docs/operations/#backup-and-restore"),
    ],
)
def test_the_first_results_are_what_was_meant(query: str, address: str) -> None:
    assert any(each["address"].startswith(address) for each in results(query)[:3])


@pytest.mark.parametrize("query", ["止损", "止损单", "止盈"])
def test_rules_come_before_tables_that_only_name_them(query: str) -> None:
    assert results(query, "zh-CN")[0]["address"] == "/docs/market-rules/#stop-orders-which-wait-for-a-price"
    assert results("stop orders")[0]["address"] == "/docs/market-rules/#stop-orders-which-wait-for-a-price"


@pytest.mark.parametrize(
    ("query", "language", "address"),
    [
        ("撤单", "zh-CN", "/docs/market-rules/#cancelling"),
        ("cancel", "en", "/docs/market-rules/#cancelling"),
        ("改单", "zh-CN", "/docs/market-rules/#amending"),
        ("amend", "en", "/docs/market-rules/#amending"),
    ],
)
def test_how_it_is_done_comes_before_what_proves_it(query: str, language: str, address: str) -> None:
    assert results(query, language)[0]["address"] == address


def test_a_long_section_that_names_everything_does_not_come_first() -> None:
    long = Entry.of("a", "t", "long", "h", ("order " * 5 + "other words " * 1_000))
    short = Entry.of("b", "t", "short", "h", "An order that waits.")
    assert [found.anchor for found in search([long, short], "order")] == ["short", "long"]


def test_whoever_reads_chinese_finds_chinese_first() -> None:
    found = results("紧急控制", "zh-CN")
    assert found[0]["address"].startswith("/docs/operators/") and "?" not in found[0]["address"]
    assert (found[0]["language"], found[0]["named"]) == ("zh-CN", "")


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_a_section_is_told_in_one_language(language: str) -> None:
    found = results("trade_broken", language)
    sections = [re.sub(r"\?lang=[\w-]+", "", each["address"]) for each in found]
    assert 3 < len(found) < MOST_FOUND and len(sections) == len(set(sections))


def test_a_text_that_is_in_one_language_is_not_found_by_its_title_in_the_other() -> None:
    assert {each["language"] for each in results("设计决定", "zh-CN")} == {"en"}
    assert results("设计决定") == []


@pytest.mark.parametrize(
    ("query", "language", "address", "told"),
    [
        ("紧急控制", "en", "/docs/operators/?lang=zh-hans#", ("zh-CN", "中文")),
        ("dead man's switch", "zh-CN", "/docs/protocol/?lang=en#orders-and-the-connection", ("en", "English")),
        ("backup and restore", "zh-CN", "/docs/operations/?lang=en#backup-and-restore", ("en", "English")),
        ("redis and gateways", "zh-CN", "/docs/decisions/#redis-and-gateways", ("en", "English")),
        ("close codes", "en", "/docs/protocol/#close-codes", ("en", "")),
    ],
)
def test_the_other_language_is_searched_too_and_named(
    query: str, language: str, address: str, told: tuple[str, str]
) -> None:
    found = [each for each in results(query, language) if each["address"].startswith(address)]
    assert found and (found[0]["language"], found[0]["named"]) == told
    path = found[0]["address"].partition("#")[0]
    response = Client().get(path, headers={"accept-language": language})
    assert f'<article lang="{told[0]}">' in response.content.decode()


def test_the_page_of_results_names_another_language() -> None:
    said = Client().get("/docs/search/", {"q": "紧急控制"}).content.decode()
    assert re.search(r'<a href="/docs/operators/\?lang=zh-hans#[\w-]+" lang="zh-CN">', said) and "· 中文</span>" in said
    assert "· English" not in Client().get("/docs/search/", {"q": "close codes"}).content.decode()


def test_the_page_needs_no_script() -> None:
    said = Client().get("/docs/search/", {"q": "close codes"}).content.decode()
    assert '<a href="/docs/protocol/#close-codes" lang="en">' in said and "<mark>close</mark>" in said.lower()
    assert "<img" not in Client().get("/docs/search/", {"q": "<img src=x>"}).content.decode()
    assert Client().get("/docs/search/").status_code == 200


def test_every_result_is_there() -> None:
    for found in results("order"):
        path, _, anchor = found["address"].partition("#")
        assert f'id="{anchor}"' in Client().get(path).content.decode()


def test_a_query_that_is_too_long_is_refused_in_words() -> None:
    asked = {"q": "a" * (MOST_LETTERS + 1)}
    programs, people = Client().get("/docs/search.json", asked), Client().get("/docs/search/", asked)
    assert (programs.status_code, programs.json()["code"], people.status_code) == (400, 400, 400)
    assert "100" in programs.json()["message"] and "at most 100 letters" in people.content.decode()
    assert results("a" * MOST_LETTERS) == []
