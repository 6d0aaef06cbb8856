"""Foreign text: shown on one line, and never a command, an escape or markup."""

from __future__ import annotations

import pytest

from mimecast_sso.provenance import Statement, lines
from mimecast_sso.text import foreign
from mimecast_sso.text.names import enumerate_some

EVIL = "Evil\n::warning::pwned\n##vso[task.setvariable variable=X]y <img src=x> @everyone \x1b]0;t\x07\x1b[2Jz\u202egpj"


def test_nothing_is_left_that_controls_a_terminal_or_a_runner() -> None:
    shown = foreign.one_line(EVIL)
    assert shown == ("Evil : :warning::pwned ## vso[task.setvariable variable=X]y <img src=x> @everyone zgpj")
    assert not any(line.lstrip().startswith("::") for line in shown.splitlines())


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("::error::x", ": :error::x"),
        ("a name ::error::x", "a name : :error::x"),
        ("urn:pulumi:dev::x", "urn:pulumi:dev::x"),
        ("##[command]x", "## [command]x"),
        ("a\u200bb\u2066c\ufeff", "abc"),
        ("a\u200cb", "a\u200cb"),
        ("tab\tand\r\nbreak\u2028line", "tab and break line"),
    ],
)
def test_each_kind_of_control_character_is_made_harmless(written: str, shown: str) -> None:
    assert foreign.one_line(written) == shown


def test_a_long_name_is_cut() -> None:
    assert foreign.name("x" * 200) == f"{'x' * 79}…"


def test_markdown_shows_exactly_the_text() -> None:
    shown = foreign.markdown("[x](http://evil.example) <b> @team | `code`")
    assert shown == r"\[x\](http&#8203;://evil.example) \<b\> &#64;&#8203;team \| \`code\`"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("#12 !3", r"\#&#8203;12 \!&#8203;3"),
        ("&#64;team", r"\&\#&#8203;64;team"),
        ("mailto:x ftp://y", "mailto&#8203;:x ftp&#8203;://y"),
        ("/merge", r"\/merge"),
        ("$x^2$ %1 ~bug", r"\$&#8203;x^2\$ %&#8203;1 \~&#8203;bug"),
        ('%"a b" GH-12', '%&#8203;"a b" GH-&#8203;12'),
        (":smile: urn:pulumi:x", ":&#8203;smile: urn:pulumi:x"),
        ("[vulnerability:3]", r"\[&#8203;vulnerability:3\]"),
    ],
)
def test_forges_link_and_mention_nothing(written: str, shown: str) -> None:
    assert foreign.markdown(written) == shown


def test_in_html_nothing_is_a_tag_a_mention_or_a_link() -> None:
    shown = foreign.html("<img src='x'> @team #1 https://evil.example &amp;")
    assert (
        shown
        == "&lt;img src=&#x27;x&#x27;&gt; @\u200bteam #\u200b1 https\u200b://evil.example &amp;\u200bamp;"
    )


def test_code_ends_only_where_it_is_to_end() -> None:
    assert foreign.code("a`b|c\n@x") == "`a'b\u00a6c @x`"
    assert foreign.code("") == "` `"


def test_statements_and_lists_of_names_use_it() -> None:
    (line,) = lines([Statement(EVIL, source=EVIL)])
    assert "\x1b" not in line
    assert "\n" not in line
    assert "##vso[" not in line
    assert "\x1b" not in enumerate_some([EVIL])


@pytest.mark.parametrize(
    "start", ["=", "+", "-", "@", "\t=", " =", "\u200b=", "\uff1d", "\uff0b", "\ufe62", "\uff20"]
)
def test_a_cell_is_no_formula(start: str) -> None:
    assert foreign.cell(f"{start}1+1").startswith("'")
    assert foreign.cell(f"Ada{start}1") == foreign.one_line(f"Ada{start}1")
