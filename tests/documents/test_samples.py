"""What documents tell people to type, and which files they send them to: commands take it, and the files are there."""

from __future__ import annotations

import json
import logging
import re
import shlex
from datetime import datetime
from importlib.util import find_spec

import pytest
import yaml
from django.core.management import get_commands, load_command_class

from exchange_site.documents.shelf import ROOT, documents
from exchange_site.monitoring.log_format import JsonLines
from tests.documents.twins import BLOCK

PATHS = sorted({path for each in documents().values() if each.source for path in (each.source, each.twin) if path})
TEXTS = {path: (ROOT / path).read_text(encoding="utf-8") for path in PATHS}
INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
FOLDERS = "bots|clients|deploy|docs|examples|exchange_site|locale|marketdata|static|templates|tests|trading"
OF_THE_READER = {"my_agent.py", "readme.py"}
"""Files that readers write themselves."""


def lines(text: str) -> list[str]:
    """What stands in blocks of code."""
    return [line for _, block in BLOCK.findall(text) for line in block.splitlines()]


def typed(text: str) -> list[str]:
    """What is shown as code: whole lines, and words in sentences."""
    return [*lines(text), *(" ".join(found.split()) for found in INLINE.findall(BLOCK.sub("", text)))]


@pytest.mark.parametrize("path", PATHS)
def test_a_command_line_is_one_that_the_command_takes(path: str) -> None:
    """argparse ends the test where a word is unknown to it."""
    known = get_commands()
    for line in lines(TEXTS[path]):
        _, ours, rest = line.partition("manage.py ")
        if ours:
            name, *words = shlex.split(rest, comments=True)
            load_command_class(str(known[name]), name).create_parser("manage.py", name).parse_args(words)


@pytest.mark.parametrize("path", PATHS)
def test_what_is_named_is_there(path: str) -> None:
    shown = typed(TEXTS[path])
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    made = {found for code in shown for found in re.findall(r"(?:^|[;&] *)make ([a-z][\w-]*)", code)}
    commands = {found for code in shown for found in re.findall(r"manage\.py ([a-z]\w+)", code)}
    modules = {found for code in shown for found in re.findall(r"python -m ((?:tests|bots|gym_bourse)[\w.]*)", code)}
    scripts = {found for code in shown for found in re.findall(r"python (\S+\.py)", code)} - OF_THE_READER
    files = {code for code in shown if re.fullmatch(rf"(?:{FOLDERS})/[\w./-]*", code)}
    assert made - targets == set()
    assert commands - set(get_commands()) == set()
    assert {each for each in modules if find_spec(each) is None} == set()
    assert {each for each in scripts | files if not (ROOT / each).exists()} == set()


def test_prometheus_is_told_of_the_job_that_the_alarms_name() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", TEXTS["docs/operations.md"], re.DOTALL)
    (job,) = yaml.safe_load(block)["scrape_configs"]
    assert set(re.findall(r'job="(\w+)"', TEXTS["docs/operations.md"])) == {job["job_name"]}
    assert job["authorization"] and job["static_configs"]


def test_the_line_of_the_log_is_one_that_is_written() -> None:
    (shown,) = re.findall(r"```json\n(.*)\n```", TEXTS["docs/operations.md"])
    said = json.loads(shown)
    ids = {name: value for name, value in said.items() if name not in {"time", "level", "logger", "message"}}
    record = logging.makeLogRecord({"name": said["logger"], "levelname": said["level"], "msg": said["message"]})
    record.created, record.ids = datetime.fromisoformat(said["time"]).timestamp(), ids
    assert JsonLines().format(record) == shown


def test_the_path_of_the_environment_for_gymnasium_leads_to_its_packages() -> None:
    (path,) = re.findall(r"export PYTHONPATH=(\S+)", TEXTS["clients/gym_bourse/README.md"])
    there = {each.name for folder in path.split(":") for each in (ROOT / folder).iterdir()}
    assert {"gym_bourse", "bourse_client", "trading", "bots"} <= there
