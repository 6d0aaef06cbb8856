"""Render a report in each format. Pure."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as Xml

from mimecast_sso.operations.formats import Format
from mimecast_sso.operations.reports.history import Day, since, trend
from mimecast_sso.operations.reports.model import Entry, Level, Report, Section
from mimecast_sso.text import foreign
from mimecast_sso.text.paragraphs import paragraph
from mimecast_sso.text.times import shown
from mimecast_sso.text.wording import count

if TYPE_CHECKING:
    from jinja2 import Template

LONGEST_MARKDOWN = 60_000
"""Maximum number of characters in a comment (GitHub: 65,536)."""
_NOTE: Final = 200
"""Characters that are kept free for a note about what was cut."""
_BETWEEN: Final = 4
"""The length of the blank line before a section."""
_LEAST_ROOM: Final = 4_000
"""Characters that a section may take, however many there are; those that do not fit then are left out."""
_SARIF_LEVELS: Mapping[Level, str] = {
    Level.URGENT: "error",
    Level.LOOK: "warning",
    Level.UNKNOWN: "warning",
    Level.INFO: "note",
    Level.FINE: "none",
}
_SARIF_MARKUP = re.compile(r"(\](?=\()|\{(?=\d+\}))")
"""The beginning of an embedded link's target, or of a placeholder (SARIF 2.1.0, sections 3.11.5 and 3.11.6)."""
CERTIFICATE_THRESHOLDS: Final = (7, 30, 60)
"""Days before expiry from which a certificate is highlighted, in two steps."""
CONFIRMATION_DAYS: Final = 365


def render(report: Report, form: Format, days: Sequence[Day] = ()) -> str:
    """The report in a format; ``days`` are earlier reports, which show readers since when a finding exists."""
    if days and form in _FOR_PEOPLE:
        report = replace(report, sections=tuple(_with_past(each, days) for each in report.sections))
    if form == "html":
        return _html(report, days)
    return _RENDERERS[form](report)


_FOR_PEOPLE = frozenset({"text", "markdown", "html"})


def _with_past(section: Section, days: Sequence[Day]) -> Section:
    return replace(section, summary=" \u00b7 ".join(filter(None, (section.summary, since(section, days)))))


# -- Text -----------------------------------------------------------------------------------------------------------


def _text(report: Report) -> str:
    return "\n".join(_text_lines(report)) + "\n"


def _text_lines(report: Report) -> Iterator[str]:
    several = len(report.sections) > 1
    if several:
        yield f"{report.command.capitalize()} of {count(len(report.sections), 'stack')}, {shown(report.at)}"
        yield summary_of(report)
    for section in report.sections:
        yield from _section_lines(section, several=several)


def summary_of(report: Report) -> str:
    """The number of stacks at each level: ``2 urgent, 14 need attention, 284 fine``."""
    return _counted(section.level for section in report.sections)


def _counted(levels: Iterable[Level]) -> str:
    number = Counter(levels)
    words = {
        Level.URGENT: "urgent",
        Level.LOOK: "needs attention" if number[Level.LOOK] == 1 else "need attention",
        Level.UNKNOWN: "not readable",
        Level.FINE: "fine",
    }
    return ", ".join(f"{number[level]} {word}" for level, word in words.items() if number[level])


def _account(section: Section) -> str:
    """Account and region; a dash for a command that does not read them."""
    region = f" ({section.region})" if section.region else ""
    return f"{section.account}{region}" if section.account else "\u2013"


def _said(section: Section) -> str:
    """The summary of a section; where the command gives none, how many entries are on which level."""
    if section.summary:
        return section.summary
    levels = (each.level for each in section.entries if each.possible)
    return _counted(Level.FINE if each is Level.INFO else each for each in levels) or "nothing to report"


def _section_lines(section: Section, *, several: bool) -> Iterator[str]:
    shown = [each for each in section.entries if each.level in (Level.URGENT, Level.LOOK, Level.UNKNOWN)]
    summary = (
        "" if any(each.text == section.summary for each in shown) else section.summary
    )  # Each thing once.
    if several or summary:
        yield f"{section.level.upper():<7}  {section.stack}   {foreign.one_line(summary)}".rstrip()
    for entry in shown:
        yield from entry_lines(entry)


def entry_lines(entry: Entry) -> Iterator[str]:
    """An entry as text: the finding, its values, who did it, its path, and commands."""
    basis = f" [{entry.how}{': ' + foreign.one_line(entry.source) if entry.source else ''}]"
    yield paragraph(f"{foreign.one_line(entry.text)}{basis}", f"  {entry.level.upper():<7}  ", " " * 11)
    for name, values in telling(entry).items():
        yield paragraph(", ".join(map(foreign.one_line, values)) or "(none)", f"{'':13}{name:<9}  ", " " * 24)
    if entry.actor:
        yield paragraph(foreign.one_line(entry.actor), f"{'':13}{'who':<9}  ", " " * 24)
    if entry.path:  # In one piece, to be copied.
        yield f"{'':13}{'path':<9}  {foreign.one_line(entry.path)}"
    for name, command in entry.commands.items():
        yield f"{'':13}{name:<9}  {command}"


def telling(entry: Entry) -> Mapping[str, tuple[str, ...]]:
    """The values that say more than the entry's text, which names an object that is missing or unmanaged."""
    recorded, live = entry.values.get("recorded"), entry.values.get("live")
    if recorded is None or live is None or bool(recorded) == bool(live):
        return entry.values
    if ", ".join(recorded or live) not in entry.text:
        return entry.values if recorded else {name: each for name, each in entry.values.items() if each}
    desired = entry.values.get("desired")
    return {} if desired is None or desired == recorded else {"desired": desired}


# -- JSON, JUnit, SARIF -----------------------------------------------------------------------------------------------


def _json(report: Report) -> str:
    return json.dumps(report.document(), indent=2, ensure_ascii=False) + "\n"


def _junit(report: Report) -> str:
    root = Xml.Element("testsuites", name=f"mimecast-sso {report.command}")
    for section in report.sections:
        failed = [each for each in section.entries if each.level in (Level.URGENT, Level.LOOK)]
        unread = [each for each in section.entries if each.level is Level.UNKNOWN and each.possible]
        suite = Xml.SubElement(
            root,
            "testsuite",
            name=section.stack,
            timestamp=f"{report.at:%Y-%m-%dT%H:%M:%S}",
            tests=str(max(1, len(section.entries))),
            failures=str(len(failed)),
            errors=str(len(unread)),
            skipped=str(len(section.not_possible)),
        )
        for entry in section.entries:
            _junit_case(suite, section, entry)
        if not section.entries:
            Xml.SubElement(suite, "testcase", classname=section.stack, name=report.command)
    Xml.indent(root)
    return Xml.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _junit_case(suite: Xml.Element, section: Section, entry: Entry) -> None:
    case = Xml.SubElement(suite, "testcase", classname=section.stack, name=foreign.one_line(entry.id))
    kind = {Level.URGENT: "failure", Level.LOOK: "failure", Level.UNKNOWN: "error"}.get(entry.level)
    text = foreign.one_line(entry.text)
    if not entry.possible:
        Xml.SubElement(case, "skipped", message=text).text = "\n".join(entry_lines(entry))
    elif kind:
        Xml.SubElement(case, kind, type=str(entry.level), message=text).text = "\n".join(entry_lines(entry))
    else:
        Xml.SubElement(case, "system-out").text = text


def _sarif(report: Report) -> str:
    rules: dict[str, None] = {}
    results = []
    for section in report.sections:
        for entry in section.entries:
            rule = entry.id.split("/", 1)[0]
            rules[rule] = None
            results.append(_sarif_result(section, entry, rule))
    driver = {
        "name": "mimecast-sso",
        "version": metadata.version("mimecast-sso"),
        "rules": [{"id": rule, "shortDescription": {"text": rule.replace("-", " ")}} for rule in rules],
    }
    document = {
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _sarif_result(section: Section, entry: Entry, rule: str) -> dict[str, object]:
    level = _SARIF_LEVELS[entry.level if entry.possible else Level.INFO]
    location = {
        "artifactLocation": {"uri": f"stacks/Pulumi.{section.stack}.yaml"},
        "region": {"startLine": 1},
    }
    return {
        "ruleId": rule,
        "level": level,
        "kind": "pass" if level == "none" else "fail",
        "message": {"text": _sarif_text(entry)},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"findingId/v1": f"{section.stack}/{foreign.one_line(entry.id)}"},
        **({"properties": {"path": foreign.one_line(entry.path)}} if entry.path else {}),
    }


def _sarif_text(entry: Entry) -> str:
    """What a viewer shows of a result; names from a directory are neither links nor placeholders in it."""
    values = (f"{name} {', '.join(each) or '(none)'}" for name, each in telling(entry).items())
    parts = (entry.text, "; ".join(values), f"Who: {entry.actor}" if entry.actor else "")
    return _SARIF_MARKUP.sub(r"\1 ", foreign.one_line(". ".join(filter(None, parts))))


# -- Markdown ---------------------------------------------------------------------------------------------------------


def _markdown(report: Report) -> str:
    head = [
        f"### {report.command.capitalize()} of {count(len(report.sections), 'stack')}: {summary_of(report)}",
        "",
        "| stack | account | status | summary |",
        "|---|---|---|---|",
        *(
            f"| **{foreign.markdown(each.stack)}** | {foreign.markdown(_account(each))} "
            f"| {each.level} | {foreign.markdown(_said(each))} |"
            for each in report.sections
        ),
        "",
        f"Read live {shown(report.at)}",
    ]
    alone = len(report.sections) == 1
    detailed = [
        each for each in report.sections if each.level is not Level.FINE or (alone and each.not_possible)
    ]
    top = "\n".join(head)
    room = (LONGEST_MARKDOWN - forge_length(top) - _NOTE) // max(1, len(detailed)) - _BETWEEN
    return cut_sections(top, [_fitting(each, max(room, _LEAST_ROOM)) for each in detailed])


def _fitting(section: Section, room: int) -> str:
    """A section with as many of its entries as fit, the most urgent first; it says how many are left out."""
    whole = "\n".join(_markdown_section(section, len(section.entries)))
    if forge_length(whole) <= room:
        return whole
    most = bisect_right(
        range(len(section.entries)),
        room,
        key=lambda number: forge_length("\n".join(_markdown_section(section, number))),
    )
    return "\n".join(_markdown_section(section, max(1, most - 1)))


def forge_length(text: str) -> int:
    """The length of a text as CI services count it: UTF-16 code units, two per line break."""
    return len(text.encode("utf-16-le")) // 2 + text.count("\n")


def cut_sections(head: str, sections: Sequence[str], foot: str = "") -> str:
    """A comment: the head, as many whole sections as fit, and the foot; it says what was cut."""
    kept, length = [], forge_length(head) + forge_length(foot) + _NOTE
    for section in sections:
        longer = forge_length(section) + _BETWEEN
        if length + longer > LONGEST_MARKDOWN:
            break
        kept.append(section)
        length += longer
    left = len(sections) - len(kept)
    note = f"{count(left, 'section')} left out here; the full text is in the run's artifact." if left else ""
    return "\n\n".join(filter(None, (head, *kept, note, foot))) + "\n"


def _markdown_section(section: Section, most: int) -> Iterator[str]:
    """The lines of a section with its first ``most`` entries that need attention."""
    entries = [each for each in section.entries if each.level not in (Level.FINE, Level.INFO)]
    shown, left = entries[:most], len(entries) - most
    yield f"<details><summary><b>{foreign.html(section.stack)}</b>: {section.level}</summary>"
    yield ""
    columns = [each for each in _COLUMNS if any(each.cell(entry) for entry in shown)]
    yield f"| what |{''.join(f' {each.name} |' for each in columns)}"
    yield f"|---|{'---|' * len(columns)}"
    yield from (_markdown_row(each, columns) for each in shown)
    if left > 0:
        yield ""
        yield f"{count(left, 'finding')} left out here; the full text is in the run's artifact."
    commands = {command: name for entry in shown for name, command in entry.commands.items()}
    if commands:
        yield ""
        yield from (f"- {name}: {foreign.code(command)}" for command, name in commands.items())
    yield "</details>"


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the table of findings, which is there if any of them has something in it."""

    name: str
    cell: Callable[[Entry], str]


def _values(name: str) -> Callable[[Entry], str]:
    return lambda entry: ", ".join(map(foreign.markdown, telling(entry).get(name, ())))


_COLUMNS = (
    _Column("recorded", _values("recorded")),
    _Column("live", _values("live")),
    _Column("who", lambda entry: foreign.markdown(entry.actor)),
    _Column("path", lambda entry: foreign.code(entry.path) if entry.path else ""),
)


def _markdown_row(entry: Entry, columns: Sequence[_Column]) -> str:
    why = f": {entry.source}" if entry.level is Level.UNKNOWN and entry.source else ""
    text = foreign.markdown(f"{entry.text}{why}")
    return f"| {entry.level}: {text} |{''.join(f' {each.cell(entry)} |' for each in columns)}"


# -- HTML -------------------------------------------------------------------------------------------------------------


def _html(report: Report, days: Sequence[Day]) -> str:
    return _template().render(
        report=report,
        overview=summary_of(report),
        title=f"{report.command.capitalize()} of {count(len(report.sections), 'stack')}",
        at=shown(report.at),
        tiles=trend(report, days),
        strips={each.stack: _strip(each, report, days) for each in report.sections} if days else {},
        line=foreign.one_line,
        count=count,
        telling=telling,
        said=_said,
        thresholds=CERTIFICATE_THRESHOLDS,
        confirmation_days=CONFIRMATION_DAYS,
    )


def _strip(section: Section, report: Report, days: Sequence[Day]) -> Sequence[tuple[datetime, Level | None]]:
    """The status of a stack in earlier reports, and in this one."""
    return [*((day.at, day.level(section.stack)) for day in days), (report.at, section.level)]


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415  (only HTML needs it)

    environment = Environment(
        loader=PackageLoader("mimecast_sso.operations.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")


_RENDERERS: Mapping[str, Callable[[Report], str]] = {
    "text": _text,
    "json": _json,
    "markdown": _markdown,
    "junit": _junit,
    "sarif": _sarif,
}
