"""The second factor, and where staff are signed in."""

import time
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.admin.desk.conftest import Officer
from tests.admin.pages import YES, logged_in, page, text_of
from tests.builders import Founded
from trading.admin.desk.page import address
from trading.models import OperatorCommand, StaffSession, User

HOME = reverse("admin:index")


def code_of(device: TOTPDevice, ahead: int = 0) -> str:
    totp = TOTP(device.bin_key)
    totp.time = time.time() + 30 * ahead
    return f"{totp.token():06}"


def set_up(client: Client, name: str) -> TOTPDevice:
    client.get(address("second_factor"))
    device = TOTPDevice.objects.get(user__username=name)
    answer = client.post(address("second_factor"), {"code": code_of(device)})
    assert answer.headers["Location"] == HOME
    device.refresh_from_db()
    assert device.confirmed
    return device


def test_where_it_is_wanted_nothing_is_seen_or_done_without_it(officer: Officer, settings: Any) -> None:
    settings.SECOND_FACTOR = True
    client = officer("Treasurer")
    for url in (HOME, page("account"), address("approvals")):
        assert client.get(url).headers["Location"] == address("second_factor")
    answer = client.post(page("account", "deposit", 1), {"amount": "1", "key": "0" * 32})
    assert answer.headers["Location"] == address("second_factor")
    assert not OperatorCommand.objects.exists()
    set_up(client, "treasurer")
    assert client.get(HOME).status_code == 200


def test_who_has_set_it_up_must_show_it_anyway(officer: Officer) -> None:
    device = set_up(officer("Treasurer"), "treasurer")
    again = logged_in(User.objects.get(username="treasurer"))
    assert again.get(HOME).headers["Location"] == address("second_factor")
    said = again.get(address("second_factor"))
    assert "Secret" not in text_of(said)
    again.post(address("second_factor"), {"code": code_of(device, ahead=1)})
    assert again.get(HOME).status_code == 200


@pytest.mark.parametrize("code", ["", "000000", "abc", "9" * 40, "-1"])
def test_a_wrong_code_opens_nothing(officer: Officer, settings: Any, code: str) -> None:
    settings.SECOND_FACTOR = True
    client = officer("Treasurer")
    client.get(address("second_factor"))
    if code == code_of(TOTPDevice.objects.get()):
        code = "111111"
    assert client.post(address("second_factor"), {"code": code}).status_code == 200
    assert client.get(HOME).status_code == 302
    assert not TOTPDevice.objects.get().confirmed


def test_a_code_opens_once(officer: Officer) -> None:
    device = set_up(officer("Treasurer"), "treasurer")
    device.refresh_from_db()
    again = logged_in(User.objects.get(username="treasurer"))
    code = f"{TOTP(device.bin_key, drift=device.drift).token():06}"
    again.post(address("second_factor"), {"code": code_of(device, ahead=1)})
    third = logged_in(User.objects.get(username="treasurer"))
    assert third.post(address("second_factor"), {"code": code}).status_code == 200


def test_a_stolen_password_sets_up_no_second_app(officer: Officer) -> None:
    set_up(officer("Treasurer"), "treasurer")
    thief = logged_in(User.objects.get(username="treasurer"))
    thief.get(address("second_factor"))
    thief.post(address("second_factor"), {"code": "000000"})
    assert TOTPDevice.objects.count() == 1


def test_a_lost_app_is_forgotten_by_another(officer: Officer) -> None:
    client = officer("Treasurer")
    set_up(client, "treasurer")
    client.get(HOME)
    member = User.objects.get(username="treasurer")
    assert client.post(address("forget_factor", member.pk), {"post": "yes"}).status_code == 403
    officer("Administrator").post(address("forget_factor", member.pk), {"post": "yes"})
    assert not TOTPDevice.objects.filter(user=member).exists()
    assert client.get(HOME).headers["Location"].startswith("/admin/login/")


def test_a_lost_app_is_forgotten_by_the_shell(officer: Officer, capsys: pytest.CaptureFixture[str]) -> None:
    set_up(officer("Treasurer"), "treasurer")
    call_command("reset_second_factor", "treasurer")
    assert "Forgot" in capsys.readouterr().out
    assert not TOTPDevice.objects.exists()


def test_the_secrets_of_others_have_no_page(root: Client) -> None:
    assert root.get("/admin/otp_totp/totpdevice/").status_code == 404


# --- sessions


def test_a_session_is_written_down_and_ended(officer: Officer) -> None:
    treasurer, administrator = officer("Treasurer"), officer("Administrator")
    for client in (treasurer, administrator):
        client.get(HOME)
    row = StaffSession.objects.get(user__username="treasurer")
    assert row.address == "127.0.0.1"
    assert "treasurer" in text_of(administrator.get(address("sessions")))
    asked = text_of(administrator.post(address("end_session"), {"session": row.pk[:12]}))
    assert "treasurer has to sign in again in this browser." in asked and "from 127.0.0.1" in asked
    assert treasurer.get(HOME).status_code == 200
    administrator.post(address("end_session"), {"session": row.pk[:12], **YES})
    assert treasurer.get(HOME).headers["Location"].startswith("/admin/login/")
    assert not StaffSession.objects.filter(user__username="treasurer").exists()


def test_nobody_else_sees_or_ends_the_sessions_of_others(officer: Officer) -> None:
    treasurer, viewer = officer("Treasurer"), officer("Viewer")
    for client in (treasurer, viewer):
        client.get(HOME)
    assert "treasurer" not in text_of(viewer.get(address("sessions")))
    key = StaffSession.objects.get(user__username="treasurer").pk
    for beginning in (key[:12], key, "", "%"):
        assert viewer.post(address("end_session"), {"session": beginning, **YES}).status_code == 404
    assert treasurer.get(HOME).status_code == 200
    own = {"session": StaffSession.objects.get(user__username="viewer").pk[:12]}
    assert "It is the session that you are in." in text_of(viewer.post(address("end_session"), own))
    viewer.post(address("end_session"), {**own, **YES})
    assert viewer.get(HOME).status_code == 302


def test_traders_are_not_written_down(market: Founded) -> None:
    client = logged_in(User.objects.get(username="user001"))
    client.get(HOME)
    client.get("/")
    assert not StaffSession.objects.exists()
