"""How many examples properties try: `dev` when nothing is said, `ci` where the environment has CI. There they are the
same in every run: whoever changes something else must not meet an old fault by luck. (`make histories` and `make fuzz`
look for new ones.) No example is judged by the time that it takes."""

import os

from hypothesis import HealthCheck, settings

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large]

settings.register_profile("dev", max_examples=30, deadline=None, suppress_health_check=QUIET)
settings.register_profile("ci", settings.get_profile("dev"), max_examples=100, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")
