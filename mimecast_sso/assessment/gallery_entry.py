"""The gallery entry that an application is created from, which it keeps for its lifetime. Pure."""

from __future__ import annotations

from mimecast_sso.assessment.assessment import Assessment
from mimecast_sso.provenance import How, Statement, Verdict
from mimecast_sso.settings import ConfigurationError
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.wording import people


def template_id(assessment: Assessment) -> str:
    """The id of the first configured entry that the gallery has; "" if an application is adopted.

    If the gallery has none of them, an existing application keeps its entry.

    Raises:
        ConfigurationError: There is no entry, and a non-gallery application is not allowed.
    """
    snapshot, application = assessment.snapshot, assessment.settings.application
    if application.adopt or snapshot.template:
        return snapshot.template
    existing = assessment.desired.application
    if existing is not None and existing.template_id:
        return existing.template_id
    if application.allow_non_gallery:
        return snapshot.cloud.non_gallery_template
    names = ", ".join(quoted(name) for name in application.template)
    problem = (
        f"mimecast-sso:application.template: the tenant's gallery has no entry named {names}. Set the name or the id "
        "of an existing entry, or allowNonGallery: true to create a non-gallery application."
    )
    raise ConfigurationError([problem])


def kept(assessment: Assessment) -> Statement | None:
    """Warn about an application that keeps a different gallery entry than the configured one."""
    existing, desired = assessment.desired.application, assessment.desired.other_template
    if existing is None or not desired or assessment.desired.replaces_application:
        return None
    snapshot = assessment.snapshot
    known = snapshot.groups_known
    who = f"the {people(len(snapshot.everybody))} in the roll-out" if known else "the people in the roll-out"
    return Statement(
        f"mimecast-sso:application.template names gallery entry {desired}, but application {existing.client_id} was "
        f"created from {existing.template_id}. An application keeps its entry: nothing changes, and {who} are "
        f"not affected. Set template: {existing.template_id} to name the current entry. A different entry means "
        f"another application: empty the roll-out group first ({assessment.command('roll-out back')}), wait 15 "
        "minutes until Mimecast acts on it, then override guard allow-destroy",
        How.LIVE,
        "Microsoft Graph",
        Verdict.WARNS,
    )
