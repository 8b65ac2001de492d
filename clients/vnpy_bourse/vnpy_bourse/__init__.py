"""A gateway of VeighNa (vnpy) to the Bourse futures exchange."""

from vnpy_bourse.gateway import BourseGateway
from vnpy_bourse.version import VERSION as __version__

__all__ = ["BourseGateway", "__version__"]
