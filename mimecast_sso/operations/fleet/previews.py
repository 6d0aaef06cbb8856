"""Preview of each stack: what deploying it would change, and who would lose their sign-in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mimecast_sso.operations import assessing
from mimecast_sso.operations.deployment import engine_name
from mimecast_sso.operations.engine import Engine
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.fleet.selection import listed
from mimecast_sso.operations.project import Project
from mimecast_sso.operations.reports.model import Entry, Level, Section
from mimecast_sso.operations.review import forms
from mimecast_sso.operations.review.look import of_assessment
from mimecast_sso.operations.review.model import StackReview
from mimecast_sso.operations.stacks import Stack
from mimecast_sso.settings import written_elsewhere


class Preview:
    """Previews one stack. The stack files of a project are read once, to find those of the same account."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._names: dict[str, list[str]] = {}
        for each in listed(project):
            self._names.setdefault(each.account, []).append(each.name)

    def __call__(self, stack: Stack) -> Section:
        """The stack's row. Raises any error that `checks.failed` has a row for."""
        settings = stack.settings()
        # An engine is needed only to export a state that is not a file.
        assessment = assessing.assess_stack(stack, settings, Engine(stack, engine_name(), "preview"))
        assessing.require_tenants_of(settings, assessment.snapshot)
        files = map(self._project.stack_file, self._same_account(settings.account_code))
        elsewhere = written_elsewhere(settings, stack.name, self._project.stack_files, files)
        found = of_assessment(
            StackReview(stack.name, settings.account_code, settings.region), assessment, elsewhere
        )
        section = forms.section(found)
        if found.exit is Exit.ERROR:
            return replace(section, exit=int(found.exit))
        # Unknowns that decide nothing are listed, but do not call for attention.
        entries = tuple(_as_note(each) if each.level is Level.UNKNOWN else each for each in section.entries)
        text = section.summary if found.exit is not Exit.FINE else "no change"
        return replace(section, entries=entries, summary=text, exit=int(found.exit))

    def _same_account(self, account: str) -> Iterable[str]:
        return self._names.get(account, ())


def _as_note(entry: Entry) -> Entry:
    return replace(entry, level=Level.INFO)
