"""The composition root: nothing else builds adapters."""

from inspectd.wiring.daemon import Daemon, open_daemon
from inspectd.wiring.models import first_look, open_models, open_reference_builder, open_sight
from inspectd.wiring.state import now, open_state

__all__ = [
    "Daemon",
    "first_look",
    "now",
    "open_daemon",
    "open_models",
    "open_reference_builder",
    "open_sight",
    "open_state",
]
