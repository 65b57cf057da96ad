"""How hypothesis looks for counterexamples here: in CI the same ones every time, elsewhere new ones.

LAW_EXAMPLES=2000 makes it look longer than every run can afford.
"""

import os

from hypothesis import HealthCheck, settings

EXAMPLES = int(os.environ.get("LAW_EXAMPLES", "60"))
TOO_SLOW = [HealthCheck.too_slow]  # the machine's doing, not the law's
settings.register_profile("laws", deadline=None, max_examples=EXAMPLES, suppress_health_check=TOO_SLOW)
settings.register_profile("ci", settings.get_profile("laws"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "laws")
