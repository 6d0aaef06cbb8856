"""``mimecast-sso assess``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import click

from mimecast_sso.assessment import candidates, fitting, sentences
from mimecast_sso.assessment.sign_in import Outcome, Result
from mimecast_sso.operations.assess.files import refuse_to_overwrite, write_people, write_stack_file
from mimecast_sso.operations.assess.survey import Question, Survey, draft, survey
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.output import Output, exit_of
from mimecast_sso.operations.project import find_project
from mimecast_sso.provenance import Statement
from mimecast_sso.settings import from_file
from mimecast_sso.text import foreign
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.names import enumerate_some
from mimecast_sso.text.paragraphs import paragraph
from mimecast_sso.text.wording import people

_COLUMN = 6


def assess(
    *,
    region: str | None,
    account_code: str | None,
    client_id: str | None,
    group: str | None,
    config_file: Path | None,
    csv_file: Path,
    stack_file: Path | None,
    force: bool,
    output: Output,
) -> Exit:
    """Print the forecast, and write the people and a stack file that fits.

    Raises:
        OperationError: A file cannot be written, or a stack file would be overwritten.
        click.UsageError: The options exclude each other.
    """
    if config_file is None:
        question, output.stack = _drafted(region, account_code, client_id, group)
    elif region or account_code or client_id or group:
        raise click.UsageError(
            "Pass either --config-file or --region, --account-code, --client-id and --group, not both."
        )
    else:
        question = Question(from_file(config_file), True, find_project().root)
        output.stack = config_file.name.removesuffix(".yaml").removeprefix("Pulumi.")
    target = stack_file or Path(f"build/assess/Pulumi.{output.stack}.yaml")
    refuse_to_overwrite(target, force=force)
    found = survey(question, dict(os.environ))
    write_people(csv_file, found.candidates)
    if found.fits:
        write_stack_file(target, found.fitting.values, found.snapshot)
    statements = statements_of(found)
    output.keep(*statements)
    for text in _text(found, question, config_file or target, csv_file, target):
        output.line(text)
    return exit_of(statements)


def _drafted(
    region: str | None, account_code: str | None, client_id: str | None, group: str | None
) -> tuple[Question, str]:
    """The question without a stack file, and the name of the stack that it is about."""
    if not region or not account_code:
        raise click.UsageError("Pass --region and --account-code, or --config-file.")
    question = Question(draft(region, account_code, client_id, group), False, find_project().root)
    return question, f"{account_code.lower()}-{region}"


def statements_of(found: Survey) -> list[Statement]:
    """The findings of a survey, as statements."""
    adoption = [found.adoption] if found.adoption else []
    return [
        *candidates.statements(found.candidates),
        *candidates.not_counted(found.candidates),
        *candidates.tiles(found.candidates),
        *sentences.conditional_access(found.snapshot),
        *candidates.unread(found.snapshot),
        *adoption,
        *found.fitting.notes,
    ]


# -- Text -------------------------------------------------------------------------------------------------------------


def _text(found: Survey, question: Question, deployed: Path, csv_file: Path, target: Path) -> Iterator[str]:
    yield _wrapped(_head(found, question, deployed))
    if found.candidates.people:
        yield ""
    for outcome, who in found.candidates.by_outcome.items():
        names = [each.forecast.name for each in who]
        yield from _row(len(who), outcome, names, found)
    yield from (f"\n{_wrapped(f'{each.text}.')}" for each in candidates.not_counted(found.candidates))
    for title, texts in (
        ("Conditional Access", [str(each) for each in sentences.conditional_access(found.snapshot)]),
        ("My Apps", [each.text for each in candidates.tiles(found.candidates)]),
        ("Unknown", [f"{each.text}: {each.source}" for each in candidates.unread(found.snapshot)]),
    ):
        if texts:
            yield f"\n{title}:"
            yield from map(_item, texts)
    yield ""
    yield from _application(found)
    yield from (_item(each.text) for each in found.fitting.notes)
    yield f"\nPeople:     {csv_file}"
    if found.fits:
        yield f"Stack file: {target}"
    else:
        yield "Stack file: not written, because the application or the domains could not be read"
    yield "Nothing was changed in Entra or at Mimecast."


def _head(found: Survey, question: Question, deployed: Path) -> str:
    settings, number = question.settings, len(found.candidates.people)
    where = f"Mimecast account {settings.account_code} ({settings.region}), Entra tenant {found.snapshot.tenant_id}: "
    known = "assigned, in the roll-out group or known at Mimecast."
    if not number:
        return f"{where}nobody is {known}"
    configuration = str(deployed) if question.complete or found.fits else "the default configuration"
    return (
        f"{where}{people(number)} {'is' if number == 1 else 'are'} {known} With {configuration} deployed, its console "
        f"work done and everybody in the roll-out group {quoted(settings.roll_out.group)}:"
    )


def _row(number: int, outcome: Outcome, names: list[str], found: Survey) -> Iterator[str]:
    if outcome.signs_in:
        how = "" if outcome.result is Result.ENTRA else ", with a password"
        yield f"{number:>{_COLUMN},}  would sign in{how}"
        return
    problem = candidates.problem(outcome)
    text = problem if outcome.result is Result.UNKNOWN else f"would not sign in: {problem}"
    yield _wrapped(text, f"{number:>{_COLUMN},}  ", " " * (_COLUMN + 2))
    if outcome.reason is not None:
        yield _indented(f"Fix: {candidates.way_out(outcome, found.snapshot)}")
    yield _indented(enumerate_some(names))


def _application(found: Survey) -> Iterator[str]:
    present = fitting.present_application(found.snapshot)
    if found.adoption is None or present is None:
        if found.snapshot.application.is_known:
            identifier = found.candidates.desired.endpoints.identifier
            yield _wrapped(
                f"No application has the identifier {identifier}; deploying the stack file creates one."
            )
        return
    if found.findings or not found.adoption.warns:
        name = f"application {quoted(present.display_name)} (client id {present.client_id})"
        changes = "" if found.findings else " changes nothing"
        yield _wrapped(f"Adopting the {name}{changes}{':' if found.findings else '.'}")
        yield from (_item(str(each)) for each in found.findings)
    else:
        yield _wrapped(f"{found.adoption.text} ({found.adoption.basis})")


def _item(text: str) -> str:
    return _wrapped(text, "  ", "    ")


def _indented(text: str) -> str:
    return _wrapped(text, " " * (_COLUMN + 2), " " * (_COLUMN + 2))


def _wrapped(text: str, first: str = "", others: str = "") -> str:
    """A paragraph of terminal width, without characters that control a terminal or reverse text."""
    return paragraph(foreign.one_line(text), first, others)
