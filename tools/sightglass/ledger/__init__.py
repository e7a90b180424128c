"""The ledger of claims: what was measured for each method, on which device, and from which code.

Reading needs neither torch nor anything else of the laboratory; only ``sightglass.ledger.measuring`` does.
"""

from sightglass.ledger.keys import (
    REMEDIES,
    experiment_of,
    is_stale,
    module_of,
    remedy,
    source_digest,
    stale_parts,
    why_picture_stale,
    why_stale,
)
from sightglass.ledger.measuring import Measured, measure, processors
from sightglass.ledger.results import (
    DEVICES,
    Quantity,
    Result,
    Verdict,
    is_expected,
    load,
    load_all,
    measured,
    path_of,
    picture_of,
    verdict,
    write,
)

__all__ = [
    "DEVICES",
    "REMEDIES",
    "Measured",
    "Quantity",
    "Result",
    "Verdict",
    "experiment_of",
    "is_expected",
    "is_stale",
    "load",
    "load_all",
    "measure",
    "measured",
    "module_of",
    "path_of",
    "picture_of",
    "processors",
    "remedy",
    "source_digest",
    "stale_parts",
    "verdict",
    "why_picture_stale",
    "why_stale",
    "write",
]
