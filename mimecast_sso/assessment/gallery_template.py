"""The gallery entry that an application is made from: looked up before it is made, and kept for its life."""

from __future__ import annotations

from functools import partial

import pulumi
import pulumi_azuread as azuread

from mimecast_sso.assessment.live_tenant import Remark
from mimecast_sso.assessment.lookups import LookupFailed, ask
from mimecast_sso.facts.entra import Cloud
from mimecast_sso.settings import Application
from mimecast_sso.settings.values import is_guid


def find(application: Application, cloud: Cloud, made_from: str) -> str:
    """The id of the first entry of the configured list.

    ``made_from`` is the entry of the application that is there already, or "". It stands in where the gallery has none
    of the list: that application needs none any more. Otherwise RunError is raised.
    """
    for template in application.template:
        if is_guid(template):
            return template.lower()
        try:
            found = ask(partial(azuread.get_application_template, display_name=template))
        except LookupFailed as failure:
            if "no application templates found" not in str(failure):
                raise pulumi.RunError(
                    f'The gallery entry "{template}" could not be looked up: {failure}'
                ) from None
        else:
            return found.template_id
    if made_from:
        return made_from
    if application.allow_non_gallery:
        return cloud.non_gallery_template
    names = ", ".join(f'"{name}"' for name in application.template)
    raise pulumi.RunError(
        f"mimecast-sso:application.template: the tenant's gallery has no entry named {names}. Write the name or "
        "the id of the entry it has, or allowNonGallery: true to make a non-gallery application."
    )


def remark(client_id: str, made_from: str, wanted: str, people: int | None) -> Remark:
    """What is said of an application that keeps another entry. ``people`` sign in through it; None is unknown."""
    count = "an unknown number of" if people is None else str(people)
    return Remark(
        f"mimecast-sso:application.template leads to gallery entry {wanted}, and application {client_id} was made from "
        f"{made_from}. An application keeps its entry: nothing of it is changed, and the {count} people who sign in "
        f"through it are not affected. Write template: {made_from} to say what is there. Another application would "
        "replace this one: take everybody out first (mimecast-sso roll-out back), wait Mimecast's 15 minutes, then "
        "lift guard allow-destroy.",
        True,
    )
