"""The OpenAPI document: it is valid, it explains everything, and it does not change unless its version does."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import translation
from drf_spectacular.validation import validate_schema

from exchange_site.page.api_documents import as_json, document
from tests.contracts.released import (
    CHANGELOG,
    CONTRACTS,
    ROOT,
    Json,
    broken_schemas,
    have_same_first_number,
    read,
    released,
    version_of,
)
from trading.core.codes import Code
from trading.rest.errors import HttpCode, status_of
from trading.rest.routes import OPERATIONS
from trading.rest.schema import codes_of
from trading.schemas.glossary import OF_ONE, WORDS

VERSION = document()["info"]["version"]
RELEASED = released("openapi")


def test_it_is_an_openapi_document() -> None:
    assert document()["openapi"] == "3.1.0"
    validate_schema(document())


def test_every_operation_is_in_it_once() -> None:
    names = [operation["operationId"] for methods in document()["paths"].values() for operation in methods.values()]
    assert len(names) == len(set(names)) == len(OPERATIONS)


# --- it explains everything


def test_every_field_has_a_meaning_and_nearly_every_one_an_example() -> None:
    """Without an example are those that hold others, and those that only their own answer can give."""
    for name, schema in document()["components"]["schemas"].items():
        for field, inside in schema.get("properties", {}).items():
            assert inside["description"].endswith("."), f"{name}.{field}"
            holds_others = any(word in json.dumps(inside) for word in ('"array"', '"$ref"', '"enum"'))
            assert inside.get("examples") or holds_others or field in ("next", "seq", "token", "type"), (
                f"{name}.{field}"
            )


def test_numbers_have_a_unit() -> None:
    units = re.compile(
        "currency|lots|milliseconds|YYYYMMDD|share|second|minute|days|how|number|most|at once|of them|code",
        re.IGNORECASE,
    )
    for name, schema in document()["components"]["schemas"].items():
        for field, inside in schema.get("properties", {}).items():
            kinds = {inside.get("type"), *(each.get("type") for each in inside.get("anyOf", ()))}
            if kinds & {"number", "integer"}:
                assert units.search(inside["description"]), f"{name}.{field}: {inside['description']}"


def test_every_parameter_is_explained() -> None:
    for path, methods in document()["paths"].items():
        for operation in methods.values():
            assert all(parameter["description"] for parameter in operation.get("parameters", ())), path


def test_nothing_is_explained_that_is_not_there() -> None:
    there = {
        (name, field)
        for name, schema in document()["components"]["schemas"].items()
        for field in schema.get("properties", {})
    }
    queries = {(each.takes.__name__, field) for each in OPERATIONS for field in each.takes.__struct_fields__}
    assert set(OF_ONE) <= there | queries
    assert set(WORDS) <= {field for _, field in there | queries}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.__name__)
def test_an_operation_names_its_codes(operation: Any) -> None:
    where = f"/api/v1/{braced(operation.path)}"
    answers = document()["paths"][where][operation.method.lower()]["responses"]
    for code in codes_of(operation):
        assert f"{int(code)}: {code.text}" in answers[str(status_of(code))]["description"]
    named = {int(number) for answer in answers.values() for number in re.findall(r"(\d+): ", answer["description"])}
    assert named == {int(code) for code in codes_of(operation)}


def code_table(head: str, *, translated: bool) -> str:
    """`translated`: with the English text, which answers have, and its meaning."""
    lines = [head, "|---|---|---|" + "---|" * translated]
    with translation.override("zh-hans"):
        for code in sorted([*Code, *HttpCode]):
            meaning = f" {translation.gettext(code.text)} |" if translated else ""
            lines.append(f"| {int(code)} | {status_of(code)} | {code.text} |{meaning}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("name", "head", "translated"),
    [
        ("rest.md", "| code | status | meaning |", False),
        ("rest.zh-CN.md", "| 代码 | 状态码 | 应答中的文字 | 含义 |", True),
    ],
)
def test_every_code_is_in_the_docs_with_its_status(name: str, head: str, translated: bool) -> None:
    documented = (ROOT / "docs" / name).read_text().split("<!-- codes -->\n")[1].split("\n<!-- /codes -->")[0]
    assert documented == code_table(head, translated=translated)


def test_every_operation_is_in_the_docs() -> None:
    rows = re.findall(r"^\| `(\w+ [^`]+)` \|", (ROOT / "docs/rest.md").read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(f"{each.method} {braced(each.path)}" for each in OPERATIONS)


def braced(path: str) -> str:
    """As OpenAPI writes it."""
    return re.sub(r"<str:(\w+)>", r"{\1}", path)


# --- it does not change


def test_the_document_is_the_one_that_was_released() -> None:
    """Whatever changes in it is a new version (SPECTACULAR_SETTINGS), with a file of its own (`make contracts`) and a
    line in the changelog."""
    file = CONTRACTS / f"openapi-{VERSION}.json"
    assert file.exists() and file.read_bytes() == as_json()
    assert f"REST contract {VERSION}" in CHANGELOG.read_text()


@pytest.mark.parametrize("file", RELEASED, ids=version_of)
def test_clients_of_earlier_documents_find_what_they_know(file: Path) -> None:
    """Of the same first number."""
    if have_same_first_number(version_of(file), VERSION):
        assert broken(read(file), document()) == []


def broken(old: Json, new: Json) -> list[str]:
    """What a client of the old document would miss, or be asked for."""
    found = []
    for path, methods in old["paths"].items():
        for method, operation in methods.items():
            now = new["paths"].get(path, {}).get(method)
            if now is None:
                found.append(f"{method} {path} is gone")
                continue
            had = {parameter["name"] for parameter in operation["parameters"]}
            found += [f"{method} {path} takes no {name}" for name in had - {each["name"] for each in now["parameters"]}]
            wanted = {parameter["name"] for parameter in now["parameters"] if parameter.get("required")}
            found += [f"{method} {path} needs {name}" for name in wanted - had]
            found += [
                f"{method} {path} answers no {status}" for status in set(operation["responses"]) - set(now["responses"])
            ]
    found += broken_schemas(old["components"]["schemas"], new["components"]["schemas"])
    return found


def test_what_breaks_a_client_is_seen() -> None:
    old, new = json.loads(as_json()), json.loads(as_json())
    del new["paths"]["/api/v1/time/"]
    del new["paths"]["/api/v1/orders/"]["get"]["parameters"][0]
    new["components"]["schemas"]["PlaceOrder"]["required"].append("price")
    del new["components"]["schemas"]["OrderData"]["properties"]["status"]
    new["components"]["schemas"]["TradeData"]["required"].remove("price")
    assert sorted(broken(old, new)) == [
        "OrderData has no status",
        "PlaceOrder needs price",
        "TradeData may lack price",
        "get /api/v1/orders/ takes no instrument_id",
        "get /api/v1/time/ is gone",
    ]


# --- where it is


def test_it_is_served_as_yaml_and_as_json() -> None:
    browser = Browser()
    asked = browser.get("/api/schema/", {"format": "json"})
    assert asked.json() == json.loads(as_json())
    assert browser.get("/api/schema/").content.decode().startswith("openapi: 3.1.0")


def test_the_page_has_only_files_of_ours() -> None:
    page = Browser().get("/api/docs/").content.decode()
    assert "swagger-ui-bundle" in page
    assert not re.search(r"<style|style=|<script(?![^>]*src=\"/static/)|https?://", page)
