"""Those who may, and an engine beside."""

from datetime import timedelta

from django.utils import timezone

from tests.admin.conftest import root, staff, traded
from tests.admin.desk.conftest import officer

__all__ = ["officer", "root", "staff", "traded"]


def soon(**distance: int) -> str:
    """A moment from now as a form has it."""
    return f"{timezone.localtime(timezone.now() + timedelta(**distance)):%Y-%m-%dT%H:%M}"
