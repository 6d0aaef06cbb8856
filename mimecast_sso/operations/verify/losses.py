"""What others did to the certificates and a deployment undid unseen, as lines of the table."""

from __future__ import annotations

from collections.abc import Iterator

from mimecast_sso.operations.certificate_losses import Checked
from mimecast_sso.operations.verify.checks import Check, Result

_WHAT = "certificates: others' changes"
_LOG = "read live: the directory's audit log"


def checks(told: Checked) -> Iterator[Check]:
    """A line for each finding; one that all is fine where there is none."""
    if told.impossible:
        yield Check(_WHAT, Result.NOT_POSSIBLE, f"the directory's audit log: {told.impossible}", "unknown")
        return
    for loss in told.losses:
        yield Check(_WHAT, Result.FAILS, loss, _LOG)
    for each in told.unknown:
        yield Check(_WHAT, Result.UNKNOWN, each, "unknown")
    if told.judgement is None:
        return
    for each in told.judgement.open:
        yield Check(_WHAT, Result.OPEN, each, _LOG)
    if not (told.losses or told.unknown or told.judgement.open):
        yield Check(_WHAT, Result.FINE, f"none was undone unseen by {told.span}", _LOG)
