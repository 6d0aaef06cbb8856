"""Make foreign text harmless: names from a directory, a stack file, a pull request.

Such text is printed in terminals, logs of CI runners, Markdown and HTML. It must not control a terminal, reverse the
reading order, break out of its line, or act as a command or markup. HTML is escaped by the template that prints it.

Sources: Unicode's "Bidirectional Algorithm" (UAX 9) and "Default_Ignorable_Code_Point"; GitHub's "Workflow commands
for GitHub Actions", "Autolinked references and URLs" and "Writing mathematical expressions"; GitLab's "Quick actions"
and "GitLab-specific references"; Azure DevOps' "Logging commands".
"""

from __future__ import annotations

import re
from html import escape

from mimecast_sso.text.characters import JOINERS, is_formula, is_invisible

LONGEST_NAME = 80
"""Maximum length of a single name."""

_ESCAPE_SEQUENCE = re.compile(
    r"\x1b(?:\][^\x07\x1b]*(?:\x07|\x1b\\)?|\[[0-?]*[ -/]*[@-~]?|[@-Z\\-_])|\x9b[0-?]*[ -/]*[@-~]?"
)
_RUNNER_COMMAND = re.compile(r"##(?=\[|vso\[)", re.IGNORECASE)
_WORKFLOW_COMMAND = re.compile(r"(?<!\S)::")
"""At the beginning of any word: wrapped text may begin a line there, and indented lines count as well."""
_MARKDOWN = re.compile(r"([\\`*_{}\[\]#|<>~!&$])")
_QUICK_ACTION = re.compile(r"^/")
_LINK = re.compile(r"(?i)\b(https?|ftp|mailto|xmpp|www)(?=[:.])")
_REFERENCE = re.compile(r"(?i)[@#!$%&~](?=[\w\"])|\[(?=[a-z_]+:)|\bGH-(?=\d)|(?<!\w):(?=[\w+-]+:)")
_APART = "&#8203;"
"""A zero-width space. Forges create links and mentions even from escaped characters and entities."""


def one_line(text: str) -> str:
    """The text on one line, without characters that control a terminal or runner, or reverse or hide others."""
    joined = " ".join(_ESCAPE_SEQUENCE.sub("", text).split())
    seen = "".join(each for each in joined if each in JOINERS or not is_invisible(each))
    return _WORKFLOW_COMMAND.sub(": :", _RUNNER_COMMAND.sub("## ", seen))


def name(text: str) -> str:
    """A single name: on one line, and cut."""
    shown = one_line(text)
    return shown if len(shown) <= LONGEST_NAME else f"{shown[: LONGEST_NAME - 1]}…"


def quoted(text: str) -> str:
    """A single name in quotes, as every message writes it: ``"Single sign-on"``."""
    return f'"{name(text)}"'


def cell(text: str) -> str:
    """The text for a table cell: one line, and no formula, because spreadsheets do not run text after an apostrophe."""
    shown = one_line(text)
    return f"'{shown}" if is_formula(shown) else shown


def markdown(text: str) -> str:
    """The text escaped for a line of Markdown: no markup, mentions or links."""
    escaped = _QUICK_ACTION.sub(r"\/", _MARKDOWN.sub(r"\\\1", one_line(text)))
    apart = _REFERENCE.sub(lambda found: f"{found[0]}{_APART}", escaped)
    return _LINK.sub(lambda found: f"{found[0]}{_APART}", apart.replace("@", "&#64;"))


def html(text: str) -> str:
    """The text escaped for HTML inside Markdown, such as a summary, where Markdown's escapes are plain text."""
    apart = _REFERENCE.sub(lambda found: f"{found[0]}\u200b", one_line(text))
    return escape(_LINK.sub(lambda found: f"{found[0]}\u200b", apart))


def code(text: str) -> str:
    """The text as Markdown code, without markup; a back-quote becomes an apostrophe, a bar a broken bar."""
    shown = one_line(text).replace("`", "'").replace("|", "\u00a6")
    return f"`{shown or ' '}`"
