"""How the service is set where it is measured: as by default, and not as in tests, which look more often and refuse
less."""

from __future__ import annotations

from serving.settings import Settings

_DEFAULT = Settings.model_fields
AS_SERVED = {
    "NEXTBEST_POLL_SECONDS": str(_DEFAULT["poll_seconds"].default),
    "NEXTBEST_MAX_WAIT": str(_DEFAULT["max_wait"].default),
    "NEXTBEST_MAX_BACKGROUND_WAIT": str(_DEFAULT["max_background_wait"].default),
}
