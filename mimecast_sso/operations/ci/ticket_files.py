"""Tickets as files: read the CI service's list of tickets, and write a plan for its programs.

The plan is ``plan.json``, and the same as ``plan.tsv`` for shells, a line each: what to do, ticket (``-`` for a new
one), title, and the files with the text and the comment (``-`` for none).
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from mimecast_sso.facts.json_types import JSON
from mimecast_sso.operations.ci.forges import Forge
from mimecast_sso.operations.ci.tickets import Ticket, TicketAction, plan
from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.operations.output import write_report
from mimecast_sso.operations.reports.model import Report, Section
from mimecast_sso.operations.reports.render import render
from mimecast_sso.text.files import UnreadableTextError, parse_json, read_text

_NOTHING = "-"


def run(forge: Forge, reports: Iterable[Report], tickets: Path, folder: Path) -> tuple[TicketAction, ...]:
    """Write the plan after the reports into the folder, and return it. Raises OperationError."""
    known = read_tickets(forge, tickets)
    rows: list[dict[str, JSON]] = []
    planned: list[TicketAction] = []
    for report in reports:
        for section in report.sections:
            for action in plan(report.command, section, known):
                planned.append(action)
                rows.append(_write(forge, report, section, action, folder))
    write_report(folder / "plan.json", json.dumps(rows, indent=2) + "\n")
    write_report(folder / "plan.tsv", "".join(_line(row) for row in rows))
    return tuple(planned)


def read_tickets(forge: Forge, file: Path) -> tuple[Ticket, ...]:
    """The tickets in a list from the service's API. Raises OperationError, which quotes nothing of the file."""
    try:
        return tuple(map(_READERS[forge], parse_json(read_text(file))))
    except UnreadableTextError as error:
        raise OperationError(f"{file} {error.why}.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise OperationError(
            f"{file} is not a list of tickets in the format of {forge.display_name}."
        ) from None


def _of_github(row: Mapping[str, JSON]) -> Ticket:
    return Ticket(int(row["number"]), str(row["state"]).lower() == "open", str(row["body"] or ""))


def _of_gitlab(row: Mapping[str, JSON]) -> Ticket:
    return Ticket(int(row["iid"]), row["state"] == "opened", str(row["description"] or ""))


def _of_azure_devops(row: Mapping[str, JSON]) -> Ticket:
    fields = row["fields"]
    is_open = fields["System.State"] not in ("Closed", "Done", "Resolved", "Removed")
    return Ticket(int(row["id"]), is_open, str(fields.get("System.Description") or ""))


_READERS: Mapping[Forge, Callable[[Mapping[str, JSON]], Ticket]] = {
    Forge.GITHUB: _of_github,
    Forge.GITLAB: _of_gitlab,
    Forge.AZURE_DEVOPS: _of_azure_devops,
}


def _write(
    forge: Forge, report: Report, section: Section, action: TicketAction, folder: Path
) -> dict[str, object]:
    name = f"{report.command}.{action.stack}.{action.do}{action.number or ''}"
    body, comment = folder / f"{name}.body.md", folder / f"{name}.comment.md"
    write_report(body, _body(forge, Report(report.command, report.at, report.exit, (section,)), action))
    if action.comment:
        # Azure DevOps changes a ticket and comments on it in one request.
        name = "" if forge is Forge.AZURE_DEVOPS else f"<!-- {action.name} -->\n"
        write_report(comment, f"{name}{action.comment}\n")
    return {
        "do": str(action.do),
        "ticket": action.number,
        "stack": action.stack,
        "title": action.title,
        "body": body.name,
        "comment": comment.name if action.comment else None,
    }


def _body(forge: Forge, report: Report, action: TicketAction) -> str:
    if forge is Forge.AZURE_DEVOPS:  # Azure DevOps stores HTML and drops HTML comments.
        return f"<p>{action.marker}</p>\n<pre>{html.escape(render(report, 'text'))}</pre>\n"
    return f"<!-- {action.marker} -->\n{render(report, 'markdown')}"


def _line(row: Mapping[str, JSON]) -> str:
    values = (row["do"], row["ticket"], row["title"], row["body"], row["comment"])
    return "\t".join(_NOTHING if value is None else str(value) for value in values) + "\n"
