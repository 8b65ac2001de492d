"""Pages run no script that is not ours: the policy is sent with every page, and breaks none of them."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest

from tests.e2e.browser import chromium, new_page
from tests.e2e.server import Server

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("path", ["/", "/admin/login/", "/no-such-page"])
def test_every_page_tells_the_policy(server: Server, path: str) -> None:
    try:
        headers = urllib.request.urlopen(server.http + path).headers
    except urllib.error.HTTPError as error:
        headers = error.headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("path", ["/", "/admin/login/"])
def test_a_page_is_whole_under_its_policy_and_foreign_scripts_do_not_run(server: Server, path: str) -> None:
    with chromium() as browser, new_page(browser) as page:
        page.goto(server.http + path)
        page.wait_for_timeout(500)
        assert page.complaints == []
        page.evaluate("""() => {
            const script = document.createElement('script');
            script.textContent = 'window.stolen = true';
            document.body.append(script);
        }""")
        assert page.evaluate("window.stolen") is None
        assert any("Content Security Policy" in text for text in page.complaints)
