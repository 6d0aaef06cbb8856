"""Read reports that were written as JSON."""

from __future__ import annotations

from pathlib import Path

from mimecast_sso.facts.stack_names import is_stack_name
from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.operations.reports.model import SCHEMA, Report
from mimecast_sso.text.files import UnreadableTextError, parse_json, read_text


def read(file: Path) -> Report:
    """The report in a file that ``--format json`` wrote. Raises OperationError, which quotes nothing of the file."""
    try:
        document = parse_json(read_text(file))
        if document["schema"] != SCHEMA:
            raise OperationError(
                f"{file} is not a report in JSON of schema {SCHEMA}. Write it again with this version."
            )
        report = Report.of(document)
    except UnreadableTextError as error:
        raise OperationError(f"{file} {error.why}.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise OperationError(f"{file} is not a report in JSON. Write it with --format json.") from None
    names = (*(section.stack for section in report.sections), *report.expected)
    if not all(map(is_stack_name, names)):
        raise OperationError(f"{file} is not a report in JSON: it contains an invalid stack name.")
    if not all(address.startswith("https://") for each in report.sections for address in each.links.values()):
        raise OperationError(f"{file} is not a report in JSON: one of its links is not a web page's.")
    return report
