"""How many examples properties try: `dev` when nothing is said, `ci` where the environment has CI."""

import os

from hypothesis import HealthCheck, settings

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile("dev", max_examples=30, deadline=None, suppress_health_check=QUIET)
settings.register_profile("ci", max_examples=100, deadline=None, suppress_health_check=QUIET, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")
