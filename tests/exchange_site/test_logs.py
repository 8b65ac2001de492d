"""The log: what a line looks like in both formats, what never is in it, and that errors are counted."""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from django.core.exceptions import BadRequest, PermissionDenied
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.test import RequestFactory

from exchange_site.monitoring.log_format import (
    CountErrors,
    JsonLines,
    LogFile,
    StrangersAreNoErrors,
    TextLines,
    take_in_servers,
    without_queries,
)
from exchange_site.servers.daphne import AccessLog
from trading.observability.counters import Counters
from trading.observability.event_log import log_event, next_connection

ROOT = Path(__file__).resolve().parents[2]
logger = logging.getLogger("tests.exchange_site.log")


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the handler of `logger` writes, which is the only one."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    yield stream
    logger.removeHandler(handler)
    logger.propagate = True


def write_as(formatter: logging.Formatter) -> None:
    logger.handlers[0].setFormatter(formatter)


def test_a_line_for_machines(written: io.StringIO) -> None:
    write_as(JsonLines())
    log_event(logger, "opened", connection=7, user_id=None, client_order_id='a "b"\nc')
    line = json.loads(written.getvalue())
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "INFO",
        "logger": logger.name,
        "message": "opened",
        "connection": 7,
        "client_order_id": 'a "b"\nc',
    }
    assert written.getvalue().count("\n") == 1


def test_the_time_is_utc_to_the_millisecond() -> None:
    record = logging.LogRecord("a", logging.INFO, "", 0, "m", (), None)
    record.created = 1_700_000_000.1239
    assert json.loads(JsonLines().format(record))["time"] == "2023-11-14T22:13:20.123Z"


def test_a_line_for_people(written: io.StringIO) -> None:
    write_as(TextLines())
    log_event(logger, "opened", connection=7, client_order_id="a\nb")
    log_event(logger, "closed")
    first, second = written.getvalue().splitlines()
    assert first.endswith(rf'INFO {logger.name}: opened connection=7 client_order_id="a\nb"')
    assert second.endswith(f"INFO {logger.name}: closed")


@pytest.mark.parametrize("formatter", [JsonLines(), TextLines()])
def test_an_exception_is_written_whole(written: io.StringIO, formatter: logging.Formatter) -> None:
    write_as(formatter)
    try:
        raise ZeroDivisionError("at /ws?token=secret")
    except ZeroDivisionError:
        logger.exception("it %s", "failed")
    text = written.getvalue()
    assert "it failed" in text and "Traceback" in text and "ZeroDivisionError: at /ws" in text
    assert "secret" not in text
    if isinstance(formatter, JsonLines):
        assert text.count("\n") == 1 and json.loads(text)["exception"].startswith("Traceback")


@pytest.mark.parametrize("formatter", [JsonLines(), TextLines()])
def test_what_a_library_hangs_on_a_record_is_not_written(written: io.StringIO, formatter: logging.Formatter) -> None:
    """Django does so with requests, whose text has their query."""
    write_as(formatter)
    logger.info("Not found", extra={"request": "<GET '/page/?token=secret'>", "token": "secret"})
    assert "secret" not in written.getvalue()


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("GET /ws?token=secret HTTP/1.1", "GET /ws HTTP/1.1"),
        ('"WebSocket /ws?user_id=a&token=secret" [accepted]', '"WebSocket /ws" [accepted]'),
        ("at wss://host:1/ws?secret", "at wss://host:1/ws"),
        ("'/?secret'", "'/'"),
        ("/a'b?to=secret /c?secret", "/a'b /c"),
        ('/a?b="&secret x', "/a x"),
        ("is it? WHERE a = ? AND b=? or 1/2 ?", "is it? WHERE a = ? AND b=? or 1/2 ?"),
    ],
)
def test_addresses_are_cut_off_at_their_question_mark(text: str, cut: str) -> None:
    assert without_queries(text) == cut


def test_errors_are_counted_and_warnings_are_not() -> None:
    counters = Counters()
    handler = CountErrors(counters)
    logging.getLogger().addHandler(handler)
    try:
        logger.warning("hm")
        logger.error("no")
        logger.critical("oh no")
    finally:
        logging.getLogger().removeHandler(handler)
    assert counters.errors == 2


def test_connections_have_numbers_of_their_own() -> None:
    assert next_connection() < next_connection()


def test_a_server_that_logs_by_itself_is_taken_in_and_one_that_was_silenced_is_not() -> None:
    loud, silenced = logging.getLogger("uvicorn"), logging.getLogger("uvicorn.access")
    before = [(each.handlers[:], each.propagate) for each in (loud, silenced)]
    try:
        loud.handlers[:], loud.propagate = [logging.NullHandler()], False
        silenced.handlers[:], silenced.propagate = [], False
        take_in_servers()
        assert (loud.handlers, loud.propagate) == ([], True)
        assert (silenced.handlers, silenced.propagate) == ([], False)
    finally:
        for each, (handlers, propagate) in zip((loud, silenced), before, strict=True):
            each.handlers[:], each.propagate = handlers, propagate


def test_requests_that_daphne_serves_are_lines_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """But for a file that somebody has named for them: it gets them as before, without queries too."""
    caplog.set_level(logging.INFO)
    named = io.StringIO()
    request = {"client": "127.0.0.1:1", "method": "GET", "path": '/a"b?token=secret', "status": 200, "size": 5}
    for stream in (sys.stdout, named):
        AccessLog(stream)("http", "complete", request)
    assert [record.getMessage() for record in caplog.records] == ['127.0.0.1:1 "GET /a"b" 200 5']
    assert '"GET /a"b" 200 5' in named.getvalue() and "secret" not in named.getvalue()


def test_an_unknown_format_is_refused_in_a_sentence(tmp_path: Path) -> None:
    environment = {**os.environ, "LOG_FORMAT": "xml", "DATA_DIR": str(tmp_path)}
    run = [sys.executable, "-c", "import exchange_site.settings"]
    done = subprocess.run(run, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert "LOG_FORMAT is text or json, not 'xml'" in done.stderr.splitlines()[-1]


# --- what strangers send


def suspicious(level: int = logging.ERROR) -> logging.LogRecord:
    """As Django logs a request with a wrong Host."""
    try:
        raise ValueError("Invalid HTTP_HOST header")
    except ValueError:
        text = "Invalid HTTP_HOST header: 'evil.example'."
        return logging.LogRecord("django.security.DisallowedHost", level, "", 1, text, (), sys.exc_info())


def test_a_wrong_host_is_a_warning_without_a_traceback() -> None:
    counted = Counters()
    record, handler = suspicious(), CountErrors(counted)
    handler.addFilter(StrangersAreNoErrors())
    handler.handle(record)
    assert counted.errors == 0
    assert (
        TextLines()
        .format(record)
        .endswith("WARNING django.security.DisallowedHost: Invalid HTTP_HOST header: 'evil.example'.")
    )


def test_other_errors_stay_what_they_are() -> None:
    counted = Counters()
    handler = CountErrors(counted)
    handler.addFilter(StrangersAreNoErrors())
    handler.handle(suspicious(logging.CRITICAL))
    handler.handle(logging.LogRecord("django.request", logging.ERROR, "", 1, "failed", (), None))
    assert counted.errors == 2


def answered(error: Exception) -> str:
    """What is written when a page answers with an error."""

    def page(request: HttpRequest) -> HttpResponse:
        raise error

    stream, requests = io.StringIO(), logging.getLogger("django.request")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TextLines())
    handler.addFilter(StrangersAreNoErrors())
    requests.addHandler(handler)
    try:
        convert_exception_to_response(page)(RequestFactory().get("/admin/x/"))
    finally:
        requests.removeHandler(handler)
    return stream.getvalue()


@pytest.mark.parametrize("error", [PermissionDenied(), BadRequest("bad"), MultiPartParserError("cut off")])
def test_a_refused_request_is_one_line(error: Exception) -> None:
    lines = answered(error).splitlines()
    assert len(lines) == 1 and "WARNING django.request" in lines[0] and "/admin/x/" in lines[0]


def test_a_failure_of_ours_has_its_traceback() -> None:
    assert "ValueError: ours" in answered(ValueError("ours"))


def test_a_log_that_cannot_be_written_says_so_once(capsys: pytest.CaptureFixture[str]) -> None:
    log = LogFile("/dev/full", delay=True)
    for number in range(5):
        log.emit(logging.LogRecord("any", logging.INFO, "", 1, f"line {number}", (), None))
    with suppress(OSError):  # what could not be written is tried once more
        log.close()
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1 and "/dev/full" in told[0]
