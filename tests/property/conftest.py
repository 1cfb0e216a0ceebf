"""How much hypothesis tries: without deadlines, which other work on the machine would break."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "vcpuid", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.load_profile("vcpuid")
