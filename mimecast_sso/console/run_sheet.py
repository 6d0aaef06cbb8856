"""The sheet an administrator works from: every field of the console's forms, with the value ready to paste.

The Markdown form is for tickets, the HTML form for people who print or click, the plain text for mail and
terminals. All carry the same facts in the form's order; Markdown and HTML can be read by machines: tables under
fixed headings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from mimecast_sso.console.attestation import BY, EVIDENCE, Fingerprints
from mimecast_sso.console.read_back import bookmarklet
from mimecast_sso.console.source import expiry_of
from mimecast_sso.facts.json_types import JSON
from mimecast_sso.facts.profile_form import (
    CONSOLE_PATHS,
    FIELDS,
    PROPAGATION_MINUTES,
    PROVIDER_NAMES,
    TICKED,
    UNTICKED,
    Control,
    FormField,
    FormSection,
    FormValues,
)
from mimecast_sso.facts.regions import REGIONS
from mimecast_sso.text.certificates import base64_body, thumbprint_of
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.paragraphs import paragraph
from mimecast_sso.text.times import utc_text

if TYPE_CHECKING:
    from jinja2 import Template

CONSOLE_WORK_IS_DUE = "Console work is due"
"""How a deployment announces a run sheet."""
LEAVE_EMPTY = "leave empty"
CERTIFICATE_BELOW = "the text below, on one line"
ADMINISTRATORS_PROFILE = "Account_Administrators_Authentication_Profile"

_TEMPLATES = Path(__file__).parent / "templates"
_CERTIFICATE = "certificate"
_PRESENT_PATHS = {
    FormSection.PROFILE: "Users & Groups > Applications > Authentication Profiles",
    FormSection.SETTINGS: "Users & Groups > Applications",
}


@dataclass(frozen=True, slots=True)
class RunSheet:
    """The content of a run sheet. ``form`` and ``previous`` map field keys to values.

    ``previous`` is the last confirmed form, or ``None`` if nothing was ever set in the console;
    ``state`` and ``evidence`` are those of the resource (`mimecast_sso.console.attestation`).
    """

    stack: str
    region: str
    account_code: str
    form: FormValues
    previous: FormValues | None
    fingerprints: Fingerprints
    state: str
    evidence: Mapping[str, JSON] | None = None
    second: bool = False
    """Whether it is for the second profile slot, which blue/green rotations use."""
    on_save: tuple[str, ...] = ()
    """The effect of Save on people's sign-in, as forecast when the sheet was written."""
    rehearsal: bool = False
    """Whether it is for the sandbox, whose certificate and tenant do not belong to a real account."""

    @property
    def confirm_command(self) -> str:
        """The command to run after the console holds these values."""
        return f"{self._confirm} --fingerprint {self.fingerprints.critical} --by {BY} --evidence {EVIDENCE}"

    @property
    def read_back_command(self) -> str:
        """The command to run after the forms were read back in the console."""
        return f"{self._confirm} --by {BY} --read-back read-back.json"

    @property
    def _confirm(self) -> str:
        which = " --profile second" if self.second else ""
        return f"mimecast-sso confirm --stack {self.stack}{which}"

    @property
    def console_url(self) -> str:
        """The sign-in page of the Administration Console."""
        return REGIONS[self.region].console_url

    def rows(self, section: FormSection) -> list[SheetRow]:
        """The fields of one console dialogue, in the order of the dialogue."""
        return [_row(self, field) for field in FIELDS if field.section is section]


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One line of a table. ``value`` is what to enter; ``before`` the current value, if it changes."""

    key: str
    label: str
    value: str
    before: str
    note: str

    @property
    def is_certificate(self) -> bool:
        """Whether the value is too long for a table in Markdown."""
        return self.key == _CERTIFICATE


@dataclass(frozen=True, slots=True)
class _Dialogue:
    number: int
    title: str
    path: str
    introduction: str
    rows: list[SheetRow]

    @property
    def changes(self) -> bool:
        return any(row.before for row in self.rows)


def markdown(sheet: RunSheet) -> str:
    """The sheet as Markdown. Tables are under ``## 1. Authentication profile`` and ``## 2. Application settings``."""
    state = f"State: **{sheet.state}**. {_escaped(_explanation(sheet))}"
    banner = [f"> **{_REHEARSAL}**", ""] if sheet.rehearsal else []
    parts = [f"# {_title(sheet)}", "", *banner, state, "", *_facts_table(sheet)]
    for heading, paragraphs in _before_work(sheet):
        parts += ["", f"## {heading}", "", *_bullets(paragraphs)]
    for dialogue in _dialogues(sheet):
        parts += ["", f"## {dialogue.number}. {dialogue.title}", "", *_dialogue_markdown(dialogue)]
    for heading, paragraphs in _after_work(sheet):
        parts += ["", f"## {heading}", "", *_bullets(paragraphs)]
    parts += ["", "## 3. Confirm", "", _CONFIRM, "", "```sh", sheet.confirm_command, "```", ""]
    return "\n".join(parts)


def html(sheet: RunSheet) -> str:
    """The sheet as one self-contained, printable page. Every value is escaped.

    Tables are ``<table data-section="…">`` with a row ``<tr data-field="key">`` for each field; the value is the
    text of ``td.value code``.
    """
    return _template().render(
        sheet=sheet,
        title=_title(sheet),
        explanation=_explanation(sheet),
        facts=_facts(sheet),
        banner=_REHEARSAL if sheet.rehearsal else "",
        bookmarklet=bookmarklet(),
        read_back=_READ_BACK,
        before_work=_before_work(sheet),
        dialogues=_dialogues(sheet),
        after_work=_after_work(sheet),
        confirm=_CONFIRM,
        leave_empty=LEAVE_EMPTY,
        ticks=(TICKED, UNTICKED),
    )


def text(sheet: RunSheet) -> str:
    """The sheet as plain text, with each value on its own line, ready to paste."""
    banner = [*_wrapped(_REHEARSAL), ""] if sheet.rehearsal else []
    parts = [_underlined(_title(sheet), "="), "", *banner, f"State: {sheet.state}. {_explanation(sheet)}", ""]
    parts += [f"{name:24}{value}" for name, value in _facts(sheet).items()]
    for heading, paragraphs in _before_work(sheet):
        parts += ["", _underlined(heading), "", *_items(paragraphs)]
    for dialogue in _dialogues(sheet):
        parts += ["", _underlined(f"{dialogue.number}. {dialogue.title}"), "", *_dialogue_text(dialogue)]
    for heading, paragraphs in _after_work(sheet):
        parts += ["", _underlined(heading), "", *_items(paragraphs)]
    parts += ["", _underlined("3. Confirm"), "", *_wrapped(_CONFIRM), "", f"    {sheet.confirm_command}", ""]
    return "\n".join(parts)


_CONFIRM = (
    "When the console holds exactly these values, confirm that with your name and evidence (a change number, a "
    "screenshot). This records the critical fingerprint; the next deployment then adds people to the group."
)
_READ_BACK = (
    "Better: read the forms back. Drag the button to the bookmarks bar. In the console, open "
    "the saved authentication profile and click the bookmark; open the saved application settings and click it again; "
    "then save the file and run the command below. The bookmark copies labels and values of the form on the page, "
    "holds no credentials and sends nothing."
)
_REHEARSAL = (
    "REHEARSAL with the sandbox's certificate and tenant. Do not enter these values in a real console."
)


def _title(sheet: RunSheet) -> str:
    which = ", second profile" if sheet.second else ""
    return f"Mimecast console: single sign-on for {sheet.account_code} ({sheet.stack}{which})"


_AGREES = {
    "claimed": "A person confirmed these values",
    "read": "A person confirmed these values, and a copy of the console's forms agrees",
    "proved": "A person confirmed these values, and a sign-in request from Mimecast agrees",
}


def _explanation(sheet: RunSheet) -> str:
    evidence = sheet.evidence or {}
    if sheet.state in _AGREES:
        return f"{_AGREES[sheet.state]}; no action needed."
    if sheet.state == "contradicted":
        return (
            "A person confirmed these values, but the sign-in request that Mimecast sent at "
            f"{evidence['request']['at']} differs from them: {_differing(evidence['request'])}. Set the values below, "
            "then confirm again."
        )
    if sheet.state == "stale":
        change = evidence.get("change")
        why = (
            f"the audit log shows {quoted(change['event'])} at {change['at']}"
            if change
            else f"the confirmation expired on {evidence.get('expired', 'a day in the past')}"
        )
        return (
            f"A person confirmed these values, but {why}. Compare the console with them, then confirm again."
        )
    if sheet.previous is None:
        return "Nobody has confirmed these values yet."
    return "The values below differ from the last confirmed ones."


def _differing(request: Mapping[str, JSON]) -> str:
    def sent(aspect: str) -> str:
        value = "on" if aspect == "enforcement" else request.get(aspect)
        return ", ".join(value) if isinstance(value, list | tuple) else str(value or "")

    return "; ".join(f"{_ASPECTS[aspect]} {sent(aspect) or 'none'}" for aspect in request["differs"])


_ASPECTS = {
    "issuer": "issuer",
    "destination": "destination",
    "replyUrl": "reply URL",
    "contexts": "authentication contexts",
    "enforcement": "enforcement of SAML",
}


def _before_work(sheet: RunSheet) -> list[tuple[str, list[str]]]:
    reader = (
        f"An administrator of Mimecast account {sheet.account_code}, region {sheet.region}, who may edit "
        "authentication profiles and application settings. Mimecast offers no API for either, so a person enters "
        "the values."
    )
    return [("Who this is for", [reader]), ("What it does to people's sign-in", _effects(sheet))]


def _effects(sheet: RunSheet) -> list[str]:
    if sheet.on_save:
        forecast = [f"{each}." for each in sheet.on_save]
        return [*forecast, "The deployment adds people after step 3.", *lock_out_warnings(sheet.form)]
    group = quoted(str(sheet.form["group"]))
    return [
        f"Nothing until people are in the group {group}. The deployment adds them after step 3.",
        "People who are already in the group get the new values within the time below.",
        *lock_out_warnings(sheet.form),
    ]


def lock_out_warnings(form: FormValues) -> list[str]:
    """Warnings about who could be locked out by these values; the deployment logs them as well.

    Source: Mimecast's articles on authentication profiles, SAML for end-user applications, the default
    administrator profile and break-glass accounts.
    """
    warnings = [
        (
            f"Administrators: if {ADMINISTRATORS_PROFILE} exists, it overrides every other profile for them, "
            "including this one. No API shows whether it exists; check in the console before you enforce anything."
        )
    ]
    if form["enforceAdministrationConsole"] is True:
        warnings.append(
            "Administrators in the group sign in to the console through SAML. Keep a second Super Administrator "
            "who does not depend on the identity provider."
        )
    if form["enforceEndUserApplications"] is True:
        warnings.append(
            "Mimecast for Outlook, Mobile and Mac, and every program that uses the API with a user's password, "
            "refuse the password of people in the group; API 1.0 keys cannot be created for them."
        )
    warnings.append(
        "Permitted IP ranges of the profile: sign-ins from other addresses are refused, which does not count as a "
        "failed sign-in. No API shows them."
    )
    if form["monitorMetadataUrl"] is not True:
        warnings.append(
            "The certificate is pasted, not monitored: if Entra signs with another one, nobody in the group can "
            "sign in until it is entered here as well."
        )
    return warnings


def _after_work(sheet: RunSheet) -> list[tuple[str, list[str]]]:
    group = str(sheet.form["group"])
    return [
        (
            "What not to touch",
            [
                (
                    "The default authentication profile and the default application settings: they apply to everybody "
                    "who is not in a group with its own settings."
                ),
                f"{ADMINISTRATORS_PROFILE}: it is active at once for all administrators and cannot be removed.",
                (
                    "Permitted IP ranges, 2-step authentication and the domain authentication mechanisms of this "
                    "profile: leave the defaults of the form."
                ),
                f"The members of {quoted(group)}: the deployment manages them.",
            ],
        ),
        (
            "When it takes effect",
            [f"Within {PROPAGATION_MINUTES} minutes after Save and Exit, by Mimecast's documentation."],
        ),
        (
            "Roll-back",
            [
                (
                    f"At once: mimecast-sso roll-out back --stack {sheet.stack}, or by hand in the console under "
                    f"Directories > Profile Groups: remove the people from the group {quoted(group)}. "
                    "They are asked for a password again (a cloud password or the directory's) "
                    f"within {PROPAGATION_MINUTES} minutes. The profile and its settings can stay."
                ),
            ],
        ),
    ]


def _dialogues(sheet: RunSheet) -> list[_Dialogue]:
    return [
        _dialogue(sheet, number, section)
        for number, section in enumerate((FormSection.PROFILE, FormSection.SETTINGS), start=1)
    ]


def _dialogue(sheet: RunSheet, number: int, section: FormSection) -> _Dialogue:
    path, introduction = CONSOLE_PATHS[section], _INTRODUCTIONS[section]
    if sheet.previous is not None:
        key = "description" if section is FormSection.PROFILE else "applicationSettings"
        path = f"{_PRESENT_PATHS[section]} > {sheet.previous.get(key, sheet.form[key])}"
        introduction = "Open the existing definition, change what the table shows, then Save and Exit."
    return _Dialogue(number, section.value, path, introduction, sheet.rows(section))


_INTRODUCTIONS = {
    FormSection.PROFILE: "Enter the fields in this order, then Save and Exit.",
    FormSection.SETTINGS: (
        "These settings bind the profile to the group; a profile alone affects nobody. Select the profile with "
        "Lookup, then Save and Exit."
    ),
}


def _row(sheet: RunSheet, field: FormField) -> SheetRow:
    value = _shown(sheet.form[field.key])
    before = ""
    if sheet.previous is not None and field.key in sheet.previous:
        old = _shown(sheet.previous[field.key])
        before = (old or LEAVE_EMPTY.replace("leave ", "")) if old != value else ""
    if field.key == _CERTIFICATE:
        value = base64_body(value)
        before = "another certificate" if before and base64_body(before) != value else ""
    imported = field.key == _CERTIFICATE and not value and sheet.form["monitorMetadataUrl"] is True
    return SheetRow(field.key, field.label, value, before, _IMPORTED if imported else _note(field))


def _facts(sheet: RunSheet) -> dict[str, str]:
    return {
        "Stack": sheet.stack,
        "Region": sheet.region,
        "Account": sheet.account_code,
        "Console": sheet.console_url,
        **_certificate_facts(str(sheet.form[_CERTIFICATE])),
        "Critical fingerprint": sheet.fingerprints.critical,
        "Cosmetic fingerprint": sheet.fingerprints.cosmetic,
    }


def _certificate_facts(certificate: str) -> dict[str, str]:
    """Thumbprint and expiry, to compare with the certificate that the console shows."""
    found = expiry_of(certificate)
    if found is None:
        return {}
    return {"Certificate thumbprint": thumbprint_of(certificate), "Certificate expires": utc_text(found)}


def _shown(value: str | bool) -> str:
    if isinstance(value, bool):
        return TICKED if value else UNTICKED
    return value.strip()


_IMPORTED = "leave as it is; Import next to the Metadata URL fills it"


def _note(field: FormField) -> str:
    notes = []
    if field.former_label:
        notes.append(f"formerly {quoted(field.former_label)}")
    if field.key == "provider":
        notes.append(f"or {PROVIDER_NAMES[1]}, whichever the list offers")
    if field.key in ("passwordProtectedContext", "integratedAuthenticationContext"):
        notes.append("ticked in a new profile; Entra needs it unticked")
    if field.control is Control.TEXT_AREA:
        notes.append("without BEGIN and END lines")
    return "; ".join(notes)


# -- Markdown -------------------------------------------------------------------------------------------------


def _facts_table(sheet: RunSheet) -> list[str]:
    rows = (f"| {name} | {_code(value)} |" for name, value in _facts(sheet).items())
    return ["| | |", "| --- | --- |", *rows]


def _dialogue_markdown(dialogue: _Dialogue) -> list[str]:
    lines = [f"Console: **{_escaped(dialogue.path)}**", "", dialogue.introduction, ""]
    columns = ["Field", "Value", *(["Before"] if dialogue.changes else []), "Note"]
    lines += [_line(columns), _line(["---"] * len(columns))]
    for row in dialogue.rows:
        value = CERTIFICATE_BELOW if row.is_certificate and row.value else _cell(row.value)
        before = [_code(row.before) if row.before else ""] if dialogue.changes else []
        lines.append(_line([_escaped(row.label), value, *before, _escaped(row.note)]))
    for row in dialogue.rows:
        if row.is_certificate and row.value:
            lines += ["", f"{row.label}:", "", "```text", row.value, "```"]
    return lines


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: str) -> str:
    if value in (TICKED, UNTICKED):
        return value
    return _code(value) if value else LEAVE_EMPTY


def _code(value: str) -> str:
    # A code span must not contain its own delimiter, and a table cell must not contain a bare pipe.
    text = " ".join(value.split()).replace("|", "\\|")
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _bullets(paragraphs: list[str]) -> list[str]:
    return [f"- {_escaped(paragraph)}" for paragraph in paragraphs]


# -- Plain text -----------------------------------------------------------------------------------------------


def _dialogue_text(dialogue: _Dialogue) -> list[str]:
    lines = [f"Console: {dialogue.path}", *_wrapped(dialogue.introduction)]
    for row in dialogue.rows:
        lines += ["", f"{row.label}:", f"    {row.value or f'({LEAVE_EMPTY})'}"]
        lines += [f"    (before: {row.before})"] if row.before else []
        lines += [f"    ({row.note})"] if row.note else []
    return lines


def _underlined(heading: str, line: str = "-") -> str:
    return f"{heading}\n{line * len(heading)}"


def _items(paragraphs: list[str]) -> list[str]:
    return [line for paragraph in paragraphs for line in _wrapped(paragraph, "- ", "  ")]


def _wrapped(text: str, first: str = "", rest: str = "") -> list[str]:
    return paragraph(text, first, rest).splitlines()


# -- HTML -----------------------------------------------------------------------------------------------------


@cache
def _template() -> Template:
    # Loaded when the first page is written: most runs write none.
    import jinja2  # noqa: PLC0415

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("run_sheet.html.j2")
