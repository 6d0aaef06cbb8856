"""The comment on a change, in Markdown. Pure.

One comment for all stacks, found again by `MARKER`. Each stack's part has people who would be locked out, console work,
refusals and changes; unknowns are listed once at the end. Forges allow 65,536 characters, so whole parts are cut from
the end. The table names the guard of every refusal. If many stacks leave no room for all of its columns, it has fewer;
only if that does not fit either are rows left out, those of the worst stacks last.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from mimecast_sso.assessment.planned import NONE, more_and_less, summary
from mimecast_sso.operations.exit_codes import Exit
from mimecast_sso.operations.reports.render import LONGEST_MARKDOWN, cut_sections, forge_length
from mimecast_sso.operations.review.model import PeopleByReason, Rehearsal, Review, StackReview
from mimecast_sso.text import foreign
from mimecast_sso.text.wording import count, people

MARKER = "<!-- mimecast-sso review v1 -->"
SUPERSEDED = f"""{MARKER}
### Single sign-on: superseded

This comment was about an earlier commit. The review of the latest commit replaces it, unless that commit no longer
affects the deployment or its review fails, which the checks of this request show.
"""
_MOST_NAMES = 20
_LONGEST_TEXT = 2_000
"""Characters of one message in a comment; the whole text has all of it."""
_HEAD = (
    ("stack", "account", "sign-ins: now \u2192 after", "guards", "console work", "changes", "result"),
    ("---",) * 7,
)
_ALL, _NARROW = range(7), (0, 3, 6)
"""Columns: all, and those that a refusal needs."""
_NO_CHANGE, _SEE_ARTIFACT = "\u2705 no change", "\u2754 left out here, in the run's artifact"
_SHORT = 7
_STATE = re.compile(r"^<!-- mimecast-sso state: (.+) -->\s*$", re.MULTILINE)
"""The last line counts, which this program writes."""


def render(review: Review, *, whole: bool = False) -> str:
    """The comment; ``whole``: without cutting it."""
    if review.exit is Exit.FINE:
        return "\n".join(_quiet(review)) + "\n"
    sections = [*_sections(review, whole=whole)]
    if whole:
        return "\n\n".join((_top(review), *sections, _state(review))) + "\n"
    top, state = _fitting(review)
    return cut_sections(top, sections, state)


def _quiet(review: Review) -> Iterator[str]:
    looked = f"{count(len(review.stacks), 'stack')} reviewed"
    unknown = len({text for each in review.stacks for text in each.unknown})
    yield MARKER
    yield f"### Single sign-on: no change ({looked}{f', {unknown} unknown' if unknown else ''})"
    yield _state(review)


def _fitting(review: Review) -> tuple[str, str]:
    """Title and table, and the state line: the first of increasingly shorter variants that fits."""
    for found in _ever_shorter(review):
        if forge_length("\n\n".join(found)) <= LONGEST_MARKDOWN - _RESERVE:
            break
    return found


def _ever_shorter(review: Review) -> Iterator[tuple[str, str]]:
    """Variants: without digests; with unchanged stacks in one row; with fewer columns; with fewer and fewer rows."""
    top, short = _top(review), _state(review, digests=False)
    yield top, _state(review)
    yield top, short
    yield _top(review, folded=True), _state(review, digests=False, folded=True)
    bare = _state(review, digests=False, folded=True, exits=False)
    rows = len(review.stacks)
    while rows:
        yield _top(review, folded=True, columns=_NARROW, most=rows), bare
        rows = rows * 9 // 10
    yield _top(review, folded=True, columns=_NARROW, most=0), bare


_RESERVE = 300
"""Characters reserved for the note about what was cut."""


# -- Title and table ------------------------------------------------------------------------------------------------


def _top(
    review: Review, *, folded: bool = False, columns: Sequence[int] = _ALL, most: int | None = None
) -> str:
    """Title, table and what was reviewed.

    Args:
        review: The review.
        folded: Whether the stacks without a change have one row together.
        columns: Which columns the table has.
        most: How many of the other stacks have a row; all unless given.
    """
    ordered = review.ordered
    shown = [each for each in ordered if not folded or each.exit is not Exit.FINE]
    unchanged, left = len(ordered) - len(shown), 0
    if most is not None:
        shown, left = shown[:most], max(0, len(shown) - most)
    rows = [*_HEAD, *map(_cells, shown)]
    rows += [_summing_up(left, _SEE_ARTIFACT)] if left else []
    rows += [_summing_up(unchanged, _NO_CHANGE)] if unchanged else []
    table = [f"| {' | '.join(row[column] for column in columns)} |" for row in rows]
    return "\n".join([MARKER, f"### Single sign-on: {_title(review)}", "", *table, "", _basis(review)])


def _summing_up(stacks: int, result: str) -> tuple[str, ...]:
    return (count(stacks, "more stack"), *(NONE for _ in _HEAD[0][2:]), result)


def _title(review: Review) -> str:
    stacks = review.stacks
    unknown = sum(1 for each in stacks if each.exit is Exit.ERROR)
    if unknown == len(stacks):
        return f"{count(unknown, 'stack')} unknown"
    if not any(map(_is_known, stacks)):
        lost = sum(_lost_sign_ins(each.rehearsal) for each in stacks if each.rehearsal)
        rest = f", {unknown} unknown" if unknown else ""
        return f"{count(len(stacks) - unknown, 'stack')} rehearsed{rest}, {count(lost, 'sign-in')} lost"
    changed = sum(1 for each in stacks if each.changes or each.note or each.unseen)
    parts = [f"{count(changed, 'stack')} {'changes' if changed == 1 else 'change'}"]
    due = sum(1 for each in stacks if each.console)
    if due:
        parts.append(f"{due} {'needs' if due == 1 else 'need'} console work")
    if unknown:
        parts.append(f"{unknown} unknown")
    parts.append(f"{count(sum(each.lost_people for each in stacks), 'sign-in')} lost")
    return ", ".join(parts)


def _cells(each: StackReview) -> tuple[str, ...]:
    account = f"{foreign.markdown(each.account)} ({each.region})" if each.account else NONE
    return (
        f"**{foreign.markdown(foreign.name(each.stack))}**",
        account,
        _sign_ins(each),
        _guards(each),
        _console(each),
        summary(each.changes) if _is_known(each) else NONE,
        _result(each),
    )


def _is_known(each: StackReview) -> bool:
    return not (each.error or each.unread)


def _sign_ins(each: StackReview) -> str:
    if each.now is None or each.after is None:
        return "unknown" if not each.note else NONE
    found = f"{each.now:,} \u2192 {each.after:,}"
    return f"{found} {more_and_less(each.more, each.less)}" if each.more or each.less else found


def _guards(each: StackReview) -> str:
    if each.refusals:
        names = ", ".join(refusal.guard for refusal in each.refusals)
        return f"{len(each.refusals)} refuses: {names}" if len(each.refusals) == 1 else f"refuse: {names}"
    if each.overridden:
        return f"{len(each.overridden)} overridden"
    return "all met" if _is_known(each) and not each.note else NONE


def _console(each: StackReview) -> str:
    if not each.console:
        return "none" if _is_known(each) and not each.note else NONE
    return (
        f"**due**: {count(each.console_fields, 'field')}" if each.console_fields else "**due**: confirm again"
    )


def _result(each: StackReview) -> str:
    match each.exit:
        case Exit.ERROR:
            return "\u2754 unknown"
        case Exit.REFUSED:
            return "\u274c cannot be deployed as is"
        case Exit.FINE:
            return _NO_CHANGE
    warnings = (
        (each.note, "the stack file is deleted"),
        (each.unread, "rehearsed only"),
        (each.unseen, "a person has to look"),
        (each.console, "action required"),
    )
    warning = next((text for holds, text in warnings if holds), "")
    return f"\u26a0\ufe0f {warning}" if warning else "\u2705 can be deployed"


def _basis(review: Review) -> str:
    against = foreign.code(f"{foreign.name(review.base_name)}@{review.base[:_SHORT]}")
    found = f"Commit {foreign.code(review.head[:_SHORT])} against {against}"
    if review.unread:
        return f"{found}\n\nLive tenants were not read: {foreign.markdown(review.unread)}."
    if all(each.now is None for each in review.stacks):
        return found
    found += f" \u00b7 read live {review.at:%H:%M:%S} UTC"
    return (
        f"{found} \u00b7 identity {foreign.code(foreign.name(review.identity))}" if review.identity else found
    )


def digest_of(comment: str, stack: str) -> str | None:
    """The digest of a stack in a comment of `render`; None for a stack without a change, and for any other text."""
    found = _STATE.findall(comment) if comment.startswith(MARKER) else []
    try:
        entry = json.loads(found[-1])["stacks"][stack] if found else {}
    except (ValueError, KeyError, TypeError):
        return None
    digest = entry.get("plan") if isinstance(entry, dict) else None
    return digest if isinstance(digest, str) else None


def _state(review: Review, *, digests: bool = True, folded: bool = False, exits: bool = True) -> str:
    """The state line, which a later run reads."""
    stacks: dict[str, object] = {}
    for each in sorted(review.stacks, key=lambda one: one.stack):
        if not exits or (folded and each.exit is Exit.FINE):
            continue
        entry: dict[str, object] = {"exit": int(each.exit)}
        if digests and each.plan and each.exit is Exit.CHANGES:
            entry["plan"] = each.plan
        stacks[foreign.name(each.stack)] = entry
    document = {"schema": 1, "head": review.head[:_SHORT], "stacks": stacks}
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=True)
    # Its content must not end the HTML comment around it.
    return (
        f"<!-- mimecast-sso state: {text.replace('<', chr(92) + 'u003c').replace('>', chr(92) + 'u003e')} -->"
    )


# -- Parts ----------------------------------------------------------------------------------------------------------


def _sections(review: Review, *, whole: bool) -> Iterator[str]:
    """The parts of stacks with a change, those with a refusal first."""
    if not whole:
        review = replace(review, stacks=tuple(map(_brief, review.stacks)))
    for each in review.ordered:
        lines = [*_part(each)] if each.exit is not Exit.FINE else []
        if lines:
            stack = foreign.html(foreign.name(each.stack))
            opened = each.exit is Exit.REFUSED
            yield _details(f"<b>{stack}</b>: {_headline(each)}", lines, opened=opened)
    if review.code:
        yield _code(review.code)
    unknown = [*_unknown(review)]
    if unknown:
        yield _details(f"Unknown ({len(unknown)})", [f"- {each}" for each in unknown])


def _brief(each: StackReview) -> StackReview:
    """With messages of bounded length: a stack file with a thousand errors must not push out the other stacks."""
    return replace(
        each,
        error=_cut(each.error),
        unknown=tuple(map(_cut, each.unknown)),
        overridden=tuple(map(_cut, each.overridden)),
        refusals=tuple(
            replace(one, problem=_cut(one.problem), remedy=_cut(one.remedy)) for one in each.refusals
        ),
    )


def _cut(text: str) -> str:
    if len(text) <= _LONGEST_TEXT:
        return text
    return (
        f"{text[:_LONGEST_TEXT]}\u2026 ({len(text) - _LONGEST_TEXT:,} more characters in the run's artifact)"
    )


def _details(title: str, lines: Iterable[str], *, opened: bool = False) -> str:
    head = f"<details{' open' if opened else ''}><summary>{title}</summary>"
    return "\n".join([head, "", "\n".join(lines).strip("\n"), "", "</details>"])


def _headline(each: StackReview) -> str:
    if each.exit is Exit.ERROR:
        return "unknown"
    lost = _lost_sign_ins(each.rehearsal) if each.rehearsal else 0
    found = (
        (each.lost_people, f"{people(each.lost_people)} would lose their sign-in"),
        (each.refusals, "cannot be deployed as is"),
        (lost, f"{count(lost, 'sign-in')} lost in the rehearsal"),
        (each.unread, "rehearsed only"),
        (each.note, "the stack file is deleted"),
        (each.console, "console work is due"),
        (each.unseen, "changes keys that this review does not cover"),
    )
    return next((text for holds, text in found if holds), summary(each.changes))


def _part(each: StackReview) -> Iterator[str]:
    if each.error:
        yield foreign.markdown(each.error)
        yield ""
    yield from _table(each.lost)
    yield from _listed("Cannot sign in now, before the change:", each.broken)
    yield from _listed("Cannot sign in from My Apps now, before the change:", each.broken_tiles)
    yield from _listed("Would not be able to sign in once they are in the roll-out group:", each.not_ready)
    yield from _due(each)
    yield from _refused(each)
    yield from _changes(each)
    if each.rehearsal:
        yield from _rehearsed(each.rehearsal)
    if each.note:
        yield f"{foreign.markdown(each.note)}."
        yield ""


def _table(groups: Sequence[PeopleByReason]) -> Iterator[str]:
    if not groups:
        return
    yield "| why | people | when | what to do |"
    yield "|---|---|---|---|"
    for each in groups:
        yield (
            f"| {foreign.markdown(each.why)} | {each.people:,} | {foreign.markdown(each.when)} "
            f"| {foreign.markdown(each.fix)} |"
        )
    yield ""


def _listed(title: str, groups: Sequence[PeopleByReason]) -> Iterator[str]:
    if groups:
        yield title
        yield ""
        for each in groups:
            yield f"- {people(each.people)}: {foreign.markdown(each.why)}; {foreign.markdown(each.fix)}"
        yield ""


def _due(each: StackReview) -> Iterator[str]:
    command = _command("run-sheet", each)
    for slot, fields in each.console.items():
        names = ", ".join(map(foreign.markdown, fields))
        what = f"{count(len(fields), 'field')} to set: {names}" if fields else "to be confirmed again"
        yield f"Console work, {slot} profile: {what}. {command} writes the sheet."
        yield ""


def _command(verb: str, each: StackReview, options: str = "") -> str:
    return foreign.code(f"mimecast-sso {verb} --stack {each.stack}{options}")


def _refused(each: StackReview) -> Iterator[str]:
    for refusal in each.refusals:
        yield f"Refused by guard {refusal.guard}: {foreign.markdown(refusal.problem)}."
        yield f"What to do: {foreign.markdown(refusal.remedy)}."
        yield ""
    for text in each.overridden:
        yield f"Guard overridden: {foreign.markdown(text)}."
        yield ""
    if each.lost or each.not_ready:
        yield f"Names: {_command('preview', each, ' --people')} on your machine (not shown here)."
        yield ""


def _changes(each: StackReview) -> Iterator[str]:
    if each.keys:
        yield f"The change sets {', '.join(map(foreign.code, each.keys))}."
    if each.unseen:
        keys = _some(each.unseen, lambda key: foreign.code(foreign.name(key)))
        yield f"It also changes {keys}, which only the engine reads: read that part of the change yourself."
    for verb, addresses in (("adds", each.added), ("removes", each.removed)):
        if addresses:
            yield f"It {verb} {count(len(addresses), 'address')}: {_some(addresses, foreign.markdown)}."
    if each.keys or each.unseen or each.added or each.removed:
        yield ""
    for text, number in _grouped(change.text for change in each.changes).items():
        yield f"- {foreign.markdown(text)}{f' ({number})' if number > 1 else ''}"
    if each.changes:
        yield ""
    if each.plan and each.exit is Exit.CHANGES:
        yield f"Deploy exactly this plan: {_command('up', each, f' --expect {each.plan}')}"
        yield ""


def _some(names: Sequence[str], form: Callable[[str], str]) -> str:
    """The first names in a form of Markdown, and the number of others."""
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return f"{', '.join(map(form, names[:_MOST_NAMES]))}{more}"


def _grouped(texts: Iterable[str]) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for each in texts:
        found[each] = found.get(each, 0) + 1
    return found


def _rehearsed(found: Rehearsal) -> Iterator[str]:
    if found.problem:
        yield f"Not rehearsed: {foreign.markdown(found.problem)}."
    else:
        yield f"Rehearsal on the sandbox: {rehearsal_text(found)}"
    yield ""
    if found.lost:
        yield "| lost in the rehearsal | people | sign-ins | from \u2026 to \u2026 seconds after the deployment began |"
        yield "|---|---|---|---|"
        for each in found.lost:
            yield (
                f"| {foreign.markdown(each.why)} | {each.people:,} | {each.sign_ins:,} "
                f"| {each.first:.1f} \u2026 {each.last:.1f} |"
            )
        yield ""


def rehearsal_text(found: Rehearsal) -> str:
    """A rehearsal in one sentence."""
    text = f"base {found.base:,} of {found.base_of:,} {'signs' if found.base == 1 else 'sign'} in"
    if found.refused:
        return f"{text}; head is refused: {foreign.markdown(found.refused)}."
    lost = _lost_sign_ins(found)
    outage = f"{count(lost, 'sign-in')} lost" if lost else "no sign-in lost"
    return f"{text}; head {found.head:,} of {found.head_of:,}. While it takes effect: {outage}."


def _lost_sign_ins(found: Rehearsal) -> int:
    return sum(each.sign_ins for each in found.lost)


def _code(paths: Sequence[str]) -> str:
    shown = [f"- {foreign.code(each)}" for each in paths[:_MOST_NAMES]]
    if len(paths) > _MOST_NAMES:
        shown.append(f"- and {len(paths) - _MOST_NAMES:,} more")
    return _details(f"Code that the change touches ({len(paths)})", shown)


def _unknown(review: Review) -> Iterator[str]:
    """Unknowns, each with the affected stacks."""
    found: dict[str, list[str]] = {}
    for each in review.ordered:
        for text in each.unknown:
            found.setdefault(text, []).append(foreign.name(each.stack))
    for text, stacks in found.items():
        named = ", ".join(stacks[:_MOST_NAMES]) + (
            f" and {len(stacks) - _MOST_NAMES} more" if len(stacks) > _MOST_NAMES else ""
        )
        yield f"{foreign.markdown(named)}: {foreign.markdown(text)}"
