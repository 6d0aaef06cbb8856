"""Addresses and domains that people paste: what is equivalent, and what is refused with its code point."""

from __future__ import annotations

import pytest

from mimecast_sso.text.names import MalformedNameError, domain_name, email_address, one_line, person_name

ADA = "ada@example.com"
PERSIAN = "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc"
"""A word that is written with a zero-width non-joiner."""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"\u200b{ADA}", 'holds an invisible character, U+200B (ZERO WIDTH SPACE), before "ada"'),
        (f"\ufeff{ADA}", "U+FEFF (ZERO WIDTH NO-BREAK SPACE)"),
        ("a\u00adda@example.com", 'U+00AD (SOFT HYPHEN), before "da"'),
        (f"\u202e{ADA}", "U+202E (RIGHT-TO-LEFT OVERRIDE)"),
        ("ada\u2066@example.com", "U+2066 (LEFT-TO-RIGHT ISOLATE), at its end"),
        ("ada\u200d@example.com", "U+200D (ZERO WIDTH JOINER)"),
        ("ada\ufe0f@example.com", "U+FE0F (VARIATION SELECTOR-16)"),
        ("ada\u3164@example.com", "U+3164 (HANGUL FILLER)"),
        ("ada@exam\u200bple.com", 'U+200B (ZERO WIDTH SPACE), before "ple.com"'),
        ("a..b@example.com", "has a dot in the wrong place"),
        (".a@example.com", "has a dot in the wrong place"),
        ("a.@example.com", "has a dot in the wrong place"),
        ("\uff41da@example.com", 'holds U+FF41 (FULLWIDTH LATIN SMALL LETTER A), which looks like "a"'),
        ("\u0430da@example.com", "mixes Cyrillic and Latin letters: U+0430 (CYRILLIC SMALL LETTER A)"),
        ("\u0441\u043e\u0440@example.com", "has Cyrillic letters before the @ and Latin ones after it"),
        ("ada@ex\u0430mple.com", "mixes Cyrillic and Latin letters"),
        ("ada@xn--exmple-4nf.com", "mixes Cyrillic and Latin letters"),
        ("ada@xn--zz--zz.com", "what follows the @ is not a domain"),
        ("ada@\u0301example.com", "what follows the @ is not a domain"),
        ("o\u2019brien@example.com", 'U+2019 (RIGHT SINGLE QUOTATION MARK), which looks like "\'"; type'),
        ("anne\u2013marie@example.com", 'holds U+2013 (EN DASH), which looks like "-"'),
        ("anne\u2011marie@example.com", 'holds U+2011 (NON-BREAKING HYPHEN), which looks like "-"'),
        ("\u0130ada@example.com", 'U+0130 (LATIN CAPITAL LETTER I WITH DOT ABOVE), which looks like "I"'),
        ("I\u0307ada@example.com", 'U+0130 (LATIN CAPITAL LETTER I WITH DOT ABOVE), which looks like "I"'),
        ("i\u0307ada@example.com", 'holds U+0307 (COMBINING DOT ABOVE) on "i", where it is invisible'),
        ("\u0131da@example.com", 'U+0131 (LATIN SMALL LETTER DOTLESS I), which looks like "i"'),
        ("ada@\u0130stanbul.com", 'U+0307 (COMBINING DOT ABOVE) on "i", where it is invisible'),
        ("ada@xn--istanbul-o0e.com", 'U+0307 (COMBINING DOT ABOVE) on "i", where it is invisible'),
        ("ada@exam\u200dple.com", "U+200D (ZERO WIDTH JOINER), before"),
        ("ada@example.com..", "what follows the @ is not a domain"),
        ("ada@1.2.3.4", "what follows the @ is not a domain"),
        ("Ada <ada@example.com>", "is not an e-mail address"),
        ("\u201cada\u201d@example", "is not an e-mail address"),
    ],
)
def test_an_address_with_lookalike_characters_is_refused(text: str, said: str) -> None:
    with pytest.raises(MalformedNameError) as refused:
        email_address(text)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        (" Ada@Example.COM. ", ADA),
        ("o'brien+tag@example.com", "o'brien+tag@example.com"),
        ("ju\u0308rgen@example.com", "jürgen@example.com"),
        ("иван@пример.рф", "иван@xn--e1afmkfd.xn--p1ai"),
        ("ada@ex_ample.com", "ada@ex_ample.com"),
    ],
)
def test_an_address_has_one_normal_form(text: str, normal: str) -> None:
    assert email_address(text) == normal


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("straße.example", "xn--strae-oqa.example"),
        ("xn--strae-oqa.example", "xn--strae-oqa.example"),
        ("βόλος.example", "xn--nxasmm1c.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("bücher。example", "xn--bcher-kva.example"),
        (f"{PERSIAN}.example", "xn--mgba3gch31f060k.example"),
        ("日本テスト.example", "xn--zckzah9945czlb.example"),
        ("\u0131\u015f\u0131k.example", "xn--k-ekaa7p.example"),
    ],
)
def test_an_internationalised_domain_is_idna_2008(text: str, normal: str) -> None:
    assert domain_name(text) == normal


def test_a_joiner_counts_only_where_the_language_needs_it() -> None:
    with pytest.raises(MalformedNameError):
        domain_name("exam\u200dple.com")


@pytest.mark.parametrize(
    "name", ["=1+1", " =1+1", "+1", "-2", "@SUM(A1)", "\t=1", "\uff1d1+1", "\uff20A1", "\ufe62\u0031"]
)
def test_a_name_that_a_spreadsheet_would_execute_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="begins like a formula"):
        person_name(name)


def test_a_name_contains_no_invisible_characters_except_joiners() -> None:
    assert one_line(PERSIAN) == PERSIAN
    with pytest.raises(ValueError, match=r"U\+202E"):
        one_line("Ada\u202eAda")
