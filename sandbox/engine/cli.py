"""The command line: the Pulumi CLI's verbs and flags, as far as this engine goes."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from sandbox.engine import commands, environment
from sandbox.engine.errors import ConfirmationError, EngineError, NotSupportedError
from sandbox.engine.stack import Session

if TYPE_CHECKING:
    from sandbox.engine.deployment import Deployment, Outcome, Target
    from sandbox.engine.events import Events

EXPECTED_NO_CHANGES = 7
_CANCELLED = 8
# Flags of the Pulumi CLI that would change what a run does: refused by name, never ignored.
_REFUSED = (
    "--target", "--target-dependents", "--exclude", "--exclude-dependents", "--replace", "--target-replace",
    "--plan", "--save-plan", "--policy-pack", "--import-file", "--config", "-c", "--config-path", "--attach-debugger",
    "--remote", "--import-pending-creates",
)  # fmt: skip


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise EngineError(message)


def _parser() -> argparse.ArgumentParser:
    common = _Parser(add_help=False)
    common.add_argument("-s", "--stack", help="the stack to work on; default: the selected one")
    common.add_argument("-C", "--cwd", type=Path, help="run as if started in this folder")
    common.add_argument("--config-file", type=Path, help="the stack's configuration file")
    common.add_argument("--color", choices=("auto", "always", "never", "raw"), default="auto")
    common.add_argument("--non-interactive", action="store_true", help="this engine never asks anyway")
    parser = _Parser(prog="python -m sandbox.engine", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True, parser_class=_Parser, metavar="VERB")
    _run_verbs(verbs, common)
    _stack_verbs(verbs, common)
    _config_verbs(verbs, common)
    cancel = verbs.add_parser("cancel", parents=[common], help="remove a lock that a killed run left")
    cancel.add_argument("name", nargs="?")
    cancel.add_argument("-y", "--yes", action="store_true")
    state = verbs.add_parser("state", help="edit the state").add_subparsers(
        dest="sub", required=True, parser_class=_Parser
    )
    unprotect = state.add_parser("unprotect", parents=[common], help="take protection off")
    unprotect.add_argument("urn", nargs="?")
    unprotect.add_argument("--all", action="store_true")
    unprotect.add_argument("-y", "--yes", action="store_true")
    return parser


def _run_verbs(verbs: Any, common: _Parser) -> None:
    run = _Parser(add_help=False, parents=[common])
    for flag in ("--diff", "--json", "--expect-no-changes", "--refresh", "--continue-on-error", "--show-secrets",
                 "--suppress-outputs", "--suppress-progress", "--show-sames", "--run-program",
                 "--skip-preview"):  # fmt: skip
        run.add_argument(flag, action="store_true")
    run.add_argument("-y", "--yes", action="store_true")
    run.add_argument("-f", dest="skip_preview", action="store_true")
    run.add_argument("-p", "--parallel", type=int)
    run.add_argument("-m", "--message")
    run.add_argument("--event-log", type=Path, help="write events here, as JSON lines")
    for name, about, aliases in (
        ("up", "make the stack what the program says", ["update"]),
        ("preview", "say what `up` would do", ["pre"]),
        ("refresh", "make the state what is really there", []),
        ("destroy", "delete everything in the stack", ["down"]),
    ):
        verb = verbs.add_parser(name, aliases=aliases, parents=[run], help=about)
        verb.set_defaults(verb=name, preview_only=False)
        if name in ("refresh", "destroy"):
            verb.add_argument("--preview-only", action="store_true", help="only say what would be done")
        if name == "destroy":
            verb.add_argument("--exclude-protected", action="store_true")
        if name == "refresh":
            verb.add_argument("--clear-pending-creates", action="store_true")
            verb.add_argument("--skip-pending-creates", action="store_true")


def _stack_verbs(verbs: Any, common: _Parser) -> None:
    stack = verbs.add_parser("stack", parents=[common], help="show or change stacks")
    stack.set_defaults(sub="show")
    stack.add_argument("--show-secrets", action="store_true")
    stack.add_argument("--show-name", action="store_true")
    subs = stack.add_subparsers(dest="sub", parser_class=_Parser)
    init = subs.add_parser("init", parents=[common], help="make a stack")
    init.add_argument("name", nargs="?")
    init.add_argument("--no-select", action="store_true")
    init.add_argument("--secrets-provider", default="passphrase")
    ls = subs.add_parser("ls", parents=[common], help="list stacks")
    ls.add_argument("--json", action="store_true")
    subs.add_parser("select", parents=[common], help="select a stack").add_argument("name", nargs="?")
    output = subs.add_parser("output", parents=[common], help="show outputs")
    output.add_argument("name", nargs="?")
    output.add_argument("--json", action="store_true")
    output.add_argument("--show-secrets", action="store_true")
    export = subs.add_parser("export", parents=[common], help="write the state as JSON")
    export.add_argument("--file", type=Path)
    export.add_argument("--show-secrets", action="store_true")
    load = subs.add_parser("import", parents=[common], help="read a state that `export` wrote")
    load.add_argument("--file", type=Path)
    load.add_argument("-f", "--force", action="store_true")
    rm = subs.add_parser("rm", parents=[common], help="remove a stack and its configuration")
    rm.add_argument("name", nargs="?")
    rm.add_argument("-y", "--yes", action="store_true")
    rm.add_argument("-f", "--force", action="store_true")
    rm.add_argument("--preserve-config", action="store_true")


def _config_verbs(verbs: Any, common: _Parser) -> None:
    config = verbs.add_parser("config", parents=[common], help="show or change configuration")
    config.set_defaults(sub="show")
    config.add_argument("--json", action="store_true")
    config.add_argument("--show-secrets", action="store_true")
    subs = config.add_subparsers(dest="sub", parser_class=_Parser)
    for name, about in (("get", "show a value"), ("set", "set a value"), ("rm", "remove a value")):
        sub = subs.add_parser(name, parents=[common], help=about)
        sub.add_argument("key")
        sub.add_argument("--path", action="store_true", help="the key is a path into a structure")
        if name == "get":
            sub.add_argument("--json", action="store_true")
        if name == "set":
            sub.add_argument("value", nargs="?", help="the value; read from standard input if left out")
            sub.add_argument("--secret", action="store_true")
            sub.add_argument("--plaintext", action="store_true")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and give its exit code: 0 fine, 1 failed, 2 not confirmed, 6 no such stack,
    7 changes where none were expected, 8 stopped by a second Ctrl-C."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        for word in words:
            if word.split("=", 1)[0] in _REFUSED:
                raise NotSupportedError(f"the flag {word.split('=', 1)[0]}")
        options = _parser().parse_args(words)
        child = environment.own()
        session = Session(options)
        if options.verb in ("up", "preview", "refresh", "destroy"):
            return run(session, options, child)
        return commands.run(session, options)
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


# -- runs ---------------------------------------------------------------------------------------------


def run(session: Session, options: argparse.Namespace, child: dict[str, str]) -> int:
    """`up`, `preview`, `refresh`, `destroy`."""
    if options.run_program and options.verb not in ("refresh", "destroy"):
        raise EngineError("unknown flag: --run-program")
    kind = "update" if options.verb in ("up", "preview") else options.verb
    previewing = options.verb == "preview" or options.preview_only
    if previewing:
        return _once(session, options, child, kind, preview=True)
    if options.skip_preview or options.yes:
        with session.backend.lock(session.stack_name()):
            if not options.skip_preview:
                code = _once(session, options, child, kind, preview=True)
                if code != 0:
                    return code
            return _once(session, options, child, kind, preview=False)
    raise ConfirmationError(
        "--yes or --skip-preview or --preview-only must be passed in to proceed: this engine never asks"
    )


def _once(
    session: Session, options: argparse.Namespace, child: dict[str, str], kind: str, *, preview: bool
) -> int:
    from sandbox.engine.deployment import Deployment, Options, default_parallel  # noqa: PLC0415
    from sandbox.engine.events import Events, JsonLines  # noqa: PLC0415

    target = session.target()
    events = Events()
    finishers = _listeners(events, options, kind, target, preview=preview)
    if options.event_log:
        events.subscribe(JsonLines.to_file(options.event_log))
    deployment = Deployment(
        target,
        events,
        Options(
            refresh=options.refresh,
            parallel=options.parallel or default_parallel(),
            continue_on_error=options.continue_on_error,
            exclude_protected=getattr(options, "exclude_protected", False),
            clear_pending=getattr(options, "clear_pending_creates", False),
            run_program=options.run_program or (kind != "update" and _truth("PULUMI_RUN_PROGRAM")),
        ),
        preview=preview,
        environment=child,
    )
    outcome = _interruptible(deployment, kind)
    events.emit(
        "summaryEvent",
        {
            "maybeCorrupt": outcome.doubtful,
            "durationSeconds": int(outcome.seconds),
            "resourceChanges": outcome.changes,
            "isPreview": preview,
            "result": "succeeded" if outcome.ok else "failed",
        },
    )
    for finish in finishers:
        finish(outcome)
    return _verdict(options, kind, outcome, target, preview=preview)


def _truth(name: str) -> bool:
    return os.environ.get(name, "").lower() in ("1", "true")


def _listeners(
    events: Events, options: argparse.Namespace, kind: str, target: Target, *, preview: bool
) -> list[Any]:
    from sandbox.engine.display import Display, Style  # noqa: PLC0415
    from sandbox.engine.events import JsonLines  # noqa: PLC0415
    from sandbox.engine.preview_json import PreviewDocument  # noqa: PLC0415

    if options.json and preview and (options.verb == "preview" or options.preview_only):
        document = PreviewDocument(target.config.masked(), refresh=kind == "refresh")
        events.subscribe(document)
        return [document.finish]
    if options.json:
        events.subscribe(JsonLines(sys.stdout.write))
        return []
    live = sys.stdout.isatty() and not options.non_interactive and os.environ.get("TERM") != "dumb"
    display = Display(
        kind,
        target.stack,
        target.project.name,
        preview=preview,
        style=Style(options.color),
        diff=options.diff,
        live=live and not options.suppress_progress,
        show_secrets=options.show_secrets,
        suppress_outputs=options.suppress_outputs,
    )
    events.subscribe(display)
    return [display.finish]


def _interruptible(deployment: Deployment, kind: str) -> Outcome:
    """Run; Ctrl-C once lets running operations end, twice ends at once and leaves them pending."""

    def interrupt(_number: int, _frame: Any) -> None:
        if deployment.cancelling:
            print("error: update cancelled", file=sys.stderr, flush=True)
            deployment.abandon()
            os._exit(_CANCELLED)
        print(
            "^C received; cancelling. If you would like to terminate immediately, press ^C again.\n"
            "Note that terminating immediately may lead to orphaned resources and other inconsistencies.\n",
            flush=True,
        )
        deployment.cancel()

    previous = signal.signal(signal.SIGINT, interrupt)
    try:
        operation = {
            "update": deployment.update,
            "refresh": deployment.refresh,
            "destroy": deployment.destroy,
        }
        return operation[kind]()
    finally:
        signal.signal(signal.SIGINT, previous)


def _verdict(
    options: argparse.Namespace, kind: str, outcome: Outcome, target: Target, *, preview: bool
) -> int:
    if not outcome.ok:
        return 1
    if not options.json:
        _farewell(kind, outcome, target, preview=preview)
    if options.expect_no_changes and outcome.changed:
        print(f"error: no changes were expected for {kind} but changes were proposed", file=sys.stderr)
        return EXPECTED_NO_CHANGES
    return 0


def _farewell(kind: str, outcome: Outcome, target: Target, *, preview: bool) -> None:
    if outcome.empty and kind == "destroy":
        print(
            "The resources in the stack have been deleted, but the history and configuration associated with "
            "the stack are still maintained. \nIf you want to remove the stack completely, run "
            f"`pulumi stack rm {target.stack}`."
        )
    if outcome.protected and not preview:
        print(
            "All unprotected resources were destroyed. There are still "
            f"{outcome.protected} protected resources associated with this stack."
        )
