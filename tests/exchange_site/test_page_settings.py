"""What the page is told of the settings."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def test_the_page_is_told_what_the_settings_decide_for_a_client(settings: Any) -> None:
    settings.PING_SECONDS, settings.IDLE_SECONDS, settings.RISK_WARN, settings.RISK_LIMIT = 3.0, 7.0, 0.6, 0.9
    found = re.search(
        r'<script id="exchange" type="application/json">(.*?)</script>', Client().get("/").content.decode()
    )
    assert found is not None
    assert json.loads(found[1]) == {"ping_seconds": 3.0, "idle_seconds": 7.0, "risk_warn": 0.6, "risk_limit": 0.9}
