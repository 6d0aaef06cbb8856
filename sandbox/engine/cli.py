"""The command line: the Pulumi CLI's verbs and flags that this engine supports."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from sandbox.engine import commands, environment, foreign_providers, signals
from sandbox.engine.errors import ConfirmationError, EngineError, NotSupportedError
from sandbox.engine.stack import Session, Stack

if TYPE_CHECKING:
    from sandbox.engine.deployment import Deployment
    from sandbox.engine.events import Events
    from sandbox.engine.outcome import Outcome

EXPECTED_NO_CHANGES = 7
_CANCELLED = 8
_INTERRUPTED = 130  # as a shell says of a command that Ctrl-C ended
# Flags of the Pulumi CLI that would change a run: refused by name, never ignored.
_REFUSED = (
    "--target", "--target-dependents", "--exclude", "--exclude-dependents", "--replace", "--target-replace",
    "--plan", "--save-plan", "--policy-pack", "--import-file", "--config", "-c", "--config-path", "--attach-debugger",
    "--remote", "--import-pending-creates", "--run-program",
)  # fmt: skip
_COMMON = ("--stack=", "--cwd=", "--config-file=", "--color=", "--non-interactive")
_RUN = (
    "--yes", "--skip-preview", "--diff", "--json", "--event-log=", "--expect-no-changes", "--refresh", "--parallel=",
    "--continue-on-error", "--show-secrets", "--suppress-outputs", "--suppress-progress", "--message=",
)  # fmt: skip
# Verb: its help, and its arguments: `--flag`, `--flag=` with a value, a word, an optional `word?`, any number of
# `words*`.
_VERBS = {
    "up": ("create, update and delete resources to match the program", _RUN),
    "preview": ("show what `up` would do", _RUN),
    "refresh": (
        "update the state to match what exists",
        (*_RUN, "--preview-only", "--clear-pending-creates", "--skip-pending-creates"),
    ),
    "destroy": ("delete everything in the stack", (*_RUN, "--preview-only", "--exclude-protected")),
    "cancel": ("remove the lock of a killed run", ("name?", "--yes")),
    "stack": ("show a stack", ("--show-secrets",)),
    "stack init": ("create a stack", ("name?", "--no-select", "--secrets-provider=")),
    "stack ls": ("list stacks", ("--json",)),
    "stack select": ("select a stack", ("name?",)),
    "stack output": ("show outputs", ("name?", "--json", "--show-secrets")),
    "stack export": ("write the state as JSON", ("--file=", "--show-secrets")),
    "stack import": ("read a state that `export` wrote", ("--file=", "--force")),
    "stack rm": ("remove a stack and its configuration", ("name?", "--yes", "--force")),
    "state unprotect": ("unprotect resources", ("urn?", "--all", "--yes")),
    "state delete": ("remove resources from the state; keep the objects",
                     ("urns*", "--all", "--force", "--target-dependents", "--yes")),
    "state rename": ("rename a resource in the state", ("urn", "name", "--yes")),
    "config": ("show configuration", ("--json", "--show-secrets")),
    "config get": ("show a value", ("key", "--path", "--json")),
    "config set": ("set a value; without VALUE, read it from standard input",
                   ("key", "value?", "--path", "--secret", "--plaintext")),
    "config rm": ("remove a value", ("key", "--path")),
}  # fmt: skip
_ALIASES = {
    "update": "up",
    "pre": "preview",
    "down": "destroy",
    "state remove": "state delete",
    "state rm": "state delete",
}
_SHORT = {"--stack": "-s", "--cwd": "-C", "--yes": "-y", "--parallel": "-p", "--message": "-m",
          "--skip-preview": "-f", "--force": "-f"}  # fmt: skip
_KINDS: dict[str, dict[str, Any]] = {
    "--parallel": {"type": int},
    "--color": {"choices": ("auto", "always", "never", "raw"), "default": "auto"},
    **{name: {"type": Path} for name in ("--cwd", "--config-file", "--event-log", "--file")},
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise EngineError(message)


def _options(words: Sequence[str]) -> argparse.Namespace:
    """The verb and its arguments; flags of other verbs are False."""
    for count in (2, 1):
        verb = " ".join(words[:count])
        verb = _ALIASES.get(verb, verb)
        if verb in _VERBS:
            break
    else:
        raise EngineError(f"unknown command {' '.join(words[:1])!r}; the commands are: {', '.join(_VERBS)}")
    about, arguments = _VERBS[verb]
    for flag in (word.split("=", 1)[0] for word in words):
        if flag in _REFUSED and flag not in arguments:
            raise NotSupportedError(f"the flag {flag}")
    parser = _Parser(prog=f"python -m sandbox.engine {verb}", description=about)
    for argument in (*arguments, *_COMMON):
        name = argument.rstrip("=?*")
        if not name.startswith("--"):
            parser.add_argument(name, nargs=argument[-1] if argument[-1] in "?*" else None)
        else:
            kind = _KINDS.get(name, {}) if argument.endswith("=") else {"action": "store_true"}
            parser.add_argument(*([_SHORT[name]] if name in _SHORT else []), name, **kind)
    names = {argument for _, others in _VERBS.values() for argument in others if argument.startswith("--")}
    absent = {name.strip("-=").replace("-", "_"): False for name in names.difference(arguments)}
    return parser.parse_args(words[count:], argparse.Namespace(verb=verb, **absent))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and give its exit code: 0 fine, 1 failed, 2 not confirmed, 6 no such stack,
    7 changes where none were expected, 8 stopped by a second Ctrl-C or SIGTERM, 130 by a signal while nothing runs."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with signals.handled(_stop):  # A signal's own action would leave the lock behind.
            return _dispatch(words)
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:  # while no operation runs
        return _INTERRUPTED
    except OSError as error:
        print(f"error: {error.filename or 'a file'} cannot be used: {error.strerror}", file=sys.stderr)
        return 1


def _stop(*_: Any) -> NoReturn:
    raise KeyboardInterrupt


def _dispatch(words: list[str]) -> int:
    if words in (["-h"], ["--help"]):
        print("\n".join(f"{verb:<16} {about}" for verb, (about, _) in _VERBS.items()))
        return 0
    options = _options(words)
    child = environment.own()
    session = Session(options)
    if options.verb in commands.VERBS:
        commands.VERBS[options.verb](session, options)
        return 0
    return run(session, options, child)


# -- runs ---------------------------------------------------------------------------------------------


def run(session: Session, options: argparse.Namespace, child: Mapping[str, str]) -> int:
    """`up`, `preview`, `refresh`, `destroy`."""
    if options.exclude_protected and (count := _nothing_but_protected(session)):
        print(
            f"There were no unprotected resources to destroy. There are still {count} protected resources associated "
            "with this stack."
        )
        return 0
    if options.verb == "preview" or options.preview_only:
        return _once(session, options, child, lambda: None, preview=True)
    if not (options.skip_preview or options.yes):
        raise ConfirmationError(
            "--yes or --skip-preview or --preview-only must be passed in to proceed: this engine never prompts"
        )
    with session.backend.lock(session.stack_name()) as unlock:
        code = 0 if options.skip_preview else _once(session, options, child, unlock, preview=True)
        return code or _once(session, options, child, unlock, preview=False)


def _nothing_but_protected(session: Session) -> int:
    """The number of resources if all are protected or needed by a protected one, else 0."""
    from sandbox.engine.deployment import protected_with_needs  # noqa: PLC0415

    resources = session.stack().open().journal(write=False).base
    kept = protected_with_needs(resources)
    return 0 if any(resource.urn not in kept for resource in resources) else len(kept)


def _once(
    session: Session,
    options: argparse.Namespace,
    child: Mapping[str, str],
    unlock: Callable[[], None],
    *,
    preview: bool,
) -> int:
    from sandbox.engine.deployment import Deployment  # noqa: PLC0415 (not every verb runs anything)
    from sandbox.engine.events import Events, JsonLines  # noqa: PLC0415

    kind = "update" if options.verb in ("up", "preview") else options.verb
    stack = session.stack().open()
    foreign_providers.refuse(stack)
    events = Events(preview=preview)
    finish = _listen(events, options, kind, stack, preview=preview)
    if options.event_log:
        events.subscribe(JsonLines.to_file(options.event_log))
    deployment = Deployment(kind, stack, events, options, preview=preview, environment=child)
    outcome = _interruptible(deployment, unlock)
    events.summary(outcome)
    finish(outcome)
    if outcome.ok and not options.json:
        _farewell(kind, outcome, stack, preview=preview)
    if outcome.ok and options.expect_no_changes and outcome.changed:
        print(f"error: no changes were expected for {kind} but changes were proposed", file=sys.stderr)
        return EXPECTED_NO_CHANGES
    return 0 if outcome.ok else 1


def _listen(
    events: Events, options: argparse.Namespace, kind: str, stack: Stack, *, preview: bool
) -> Callable[[Outcome], None]:
    """Subscribe a display to the run. Returns the function that shows the result."""
    from sandbox.engine.display import Display  # noqa: PLC0415
    from sandbox.engine.events import JsonLines, PreviewDocument  # noqa: PLC0415

    if options.json and (options.verb == "preview" or options.preview_only):
        document = PreviewDocument(stack.config.masked(), refresh=kind == "refresh")
        events.subscribe(document)
        return document.finish
    if options.json:
        events.subscribe(JsonLines(sys.stdout.write))
        return lambda _: None
    display = Display(kind, stack, options, preview=preview)
    events.subscribe(display)
    return display.finish


def _interruptible(deployment: Deployment, unlock: Callable[[], None]) -> Outcome:
    """Run. Ctrl-C, SIGTERM or SIGHUP lets running operations finish; twice ends at once and leaves them pending.

    In the second case `Children` kills the children: if they ended before this process, it would record their
    operations as failed. SIGHUP never is a second signal: a shell repeats what its terminal sends, and a service
    manager sends it with SIGTERM.
    """

    def interrupt(number: int, _frame: Any) -> None:
        name = signals.NAMES[signal.Signals(number)]
        if not deployment.cancelling:
            deployment.cancel()
            again = "press ^C" if number == signal.SIGINT else "send SIGTERM"
            print(
                f"{name} received; cancelling. If you would like to terminate immediately, {again} again.\n"
                "Note that terminating immediately may lead to orphaned resources and other inconsistencies.\n",
                flush=True,
            )
        elif number != signal.SIGHUP:
            print("error: update cancelled", file=sys.stderr, flush=True)
            unlock()
            os._exit(_CANCELLED)

    with signals.handled(interrupt):
        return deployment.run()


def _farewell(kind: str, outcome: Outcome, stack: Stack, *, preview: bool) -> None:
    if outcome.empty and kind == "destroy":
        print(
            "The resources in the stack have been deleted, but the history and configuration associated with "
            "the stack are still maintained. \nIf you want to remove the stack completely, run "
            f"`pulumi stack rm {stack.name}`."
        )
    if outcome.protected and not preview:
        print(
            "All unprotected resources were destroyed. There are still "
            f"{outcome.protected} protected resources associated with this stack."
        )
