"""``python -m sandbox``: the command line of the sandbox."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mimecast_sso.text.terminals import write_to_anything
from sandbox import faults, lifecycle
from sandbox.control_client import ControlError
from sandbox.environment import NotRunningError, environment, home

_PROGRAM = "MIMECAST_SSO_SANDBOX_PROGRAM"
"""Variable with the name under which this program was called: ``mimecast-sso sandbox`` sets it."""
_OFFSET = "clock.offset_seconds"
_RESET = "reset"
_FURTHEST_SECONDS = 100 * 365 * 86400
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_ADDRESS = re.compile(r"[^\s@,;<>]+@[^\s@,;<>]+")

OK = 0
ERROR = 1
USAGE = 64


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0 fine, 1 error, 64 usage; ``run`` passes on its command's own."""
    write_to_anything()
    options = parser().parse_args(arguments)
    action: Callable[[argparse.Namespace], int] = options.action
    try:
        return action(options)
    except (NotRunningError, lifecycle.LifecycleError, ControlError) as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(
            f"{error.filename or home()} cannot be used: {error.strerror}. Fix that, or name another folder for the "
            "sandbox: SANDBOX_HOME=<folder>"
        )


def _fail(message: str) -> int:
    print(f"sandbox: {message}", file=sys.stderr)
    return ERROR


def _start(options: argparse.Namespace) -> int:
    stale = lifecycle.stale_process(home())
    if stale is not None:
        print(f"removed the process file of process {stale.pid}, which is not a running sandbox")
    process, started = lifecycle.start(home(), port=options.port)
    verb = "started" if started else "already running"
    where = home().relative_to(Path.cwd()) if home().is_relative_to(Path.cwd()) else home()
    print(f"sandbox {verb}: proxy http://{process.proxy}, process {process.pid}, home {where}")
    return OK


def _stop(_: argparse.Namespace) -> int:
    print("sandbox stopped" if lifecycle.stop(home()) else "the sandbox was not running")
    return OK


def _status(options: argparse.Namespace) -> int:
    try:
        status = lifecycle.status(home())
    except NotRunningError as error:
        if not options.json:
            raise
        print(json.dumps({"running": False, "home": str(error.home)}))
        return ERROR
    print(json.dumps(status, indent=2) if options.json else _describe(status))
    return OK


def _describe(status: dict[str, Any]) -> str:
    lines = [f"running since {status['started']}, process {status['pid']}, home {status['home']}"]
    lines += [f"  {name:9} {status[name]}" for name in ("proxy", "listener", "dns")]
    for title, kind in (
        ("connections refused", "refused"),
        ("routes unknown", "unknown"),
        ("faults injected", "faults"),
    ):
        counts: dict[str, int] = status[kind]
        lines.append(f"{title}: {sum(counts.values())}")
        lines += [f"  {count:5} {name}" for name, count in counts.items()]
    return "\n".join(lines)


def _env(options: argparse.Namespace) -> int:
    variables = environment(home())
    if options.format == "json":
        print(json.dumps(variables, indent=2))
    else:
        for name, value in variables.items():
            print(f"export {name}={shlex.quote(value)}")
    return OK


def _run(options: argparse.Namespace) -> int:
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        return _usage("run needs a command: mimecast-sso sandbox run -- CMD")
    variables = {**os.environ, **environment(home())}
    try:
        # Replaces this process, so that the command gets signals such as Ctrl-C.
        os.execvpe(command[0], command, variables)  # noqa: S606 (starts no shell)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and "/" not in command[0]:
            return _fail(f"there is no {command[0]} on the PATH; install it, or name its path")
        return _fail(f"{command[0]}: {error.strerror}")


def _reset(_: argparse.Namespace) -> int:
    lifecycle.reset(home())
    print("sandbox stopped; its data and the state of the stacks on it were deleted")
    return OK


def _seed(options: argparse.Namespace) -> int:
    from sandbox import stack_seed, tenants  # noqa: PLC0415 - start and env must not pay for YAML

    if not (options.stack or options.tenant):
        return _usage("seed needs --stack NAME, --tenant KIND or both")
    if options.addresses is not None and not options.tenant:
        return _usage("--addresses needs --tenant")
    if options.own_tenants and not options.stack:
        return _usage("--own-tenants needs --stack")
    document: dict[str, Any] = {}
    said = []
    try:
        if options.stack:
            document = stack_seed.document(
                options.stack, Path("stacks"), _listed(options.people), own=options.own_tenants
            )
            said.append(stack_seed.summary(document))
    except stack_seed.StackError as error:
        return _fail(str(error))
    if options.tenant:
        document = tenants.document(options.tenant, document, addresses=options.addresses)
        said.append(tenants.summary(document))
    control = lifecycle.control(home())
    accounts = [account["accountCode"] for account in control.documents("mimecast.accounts")]
    requested = document["mimecast"]["accountCode"]
    if accounts and requested not in accounts and not options.own_tenants:
        # One application signs in to one account, as at Mimecast.
        return _fail(
            f"this sandbox has Mimecast account {accounts[0]}, not {requested}. Reset it: mimecast-sso "
            "sandbox reset. Or use a second one: SANDBOX_HOME=<another folder>. Or add it with credentials of its "
            "own: --own-tenants"
        )
    if options.keep_groups:
        there = {group["displayName"] for group in control.documents("entra.groups")}
        document["groups"] = [each for each in document.get("groups", []) if each["displayName"] not in there]
    control.seed(document)
    print(f"seeded: {'; and '.join(said)}")
    return OK


def _credentials(options: argparse.Namespace) -> int:
    from sandbox import stack_seed  # noqa: PLC0415

    try:
        print(json.dumps(stack_seed.own_tenants(options.stack, Path("stacks")).variables(), indent=1))
    except stack_seed.StackError as error:
        return _fail(str(error))
    return OK


def _listed(file: Path | None) -> list[str]:
    """The addresses in a file, one per line. Raises StackError if it cannot be read or contains anything else."""
    from sandbox.stack_seed import StackError  # noqa: PLC0415

    if file is None:
        return []
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise StackError(f"{file} cannot be read: {error.strerror}") from None
    except ValueError:
        raise StackError(f"{file} is not text in UTF-8") from None
    for number, line in enumerate(lines, 1):
        if line.strip() and not _ADDRESS.fullmatch(line.strip()):
            raise StackError(f"{file}, line {number}: not a mail address. Write one per line")
    return [line.strip() for line in lines if line.strip()]


def _stack_file(options: argparse.Namespace) -> int:
    from sandbox import rehearsal, stack_seed  # noqa: PLC0415

    try:
        print(rehearsal.write(options.stack, Path("stacks"), home()))
    except stack_seed.StackError as error:
        return _fail(str(error))
    return OK


def _stack_files(options: argparse.Namespace) -> int:
    from sandbox import rehearsal, stack_seed  # noqa: PLC0415

    found: dict[str, dict[str, str]] = {}
    for stack in options.stacks:
        try:
            found[stack] = {"file": str(rehearsal.write(stack, Path("stacks"), home()))}
        except stack_seed.StackError as error:
            found[stack] = {"error": str(error)}
    print(json.dumps(found))
    return OK


def _usage(message: str) -> int:
    print(f"sandbox: {message}", file=sys.stderr)
    return USAGE


def _login(options: argparse.Namespace) -> int:
    from sandbox import sign_in  # noqa: PLC0415

    try:
        print(sign_in.sign_in(home(), options.address, region=options.region, password=options.password))
    except sign_in.PasswordAskedError as refusal:
        return _fail(f"{refusal} Who is in the roll-out: mimecast-sso roll-out status --stack NAME")
    except sign_in.RefusedError as refusal:
        return _fail(str(refusal))
    return OK


def _person(options: argparse.Namespace) -> int:
    from sandbox.entra import sign_in_methods  # noqa: PLC0415

    control, requested = lifecycle.control(home()), options.address.casefold()
    found = [
        user
        for user in control.documents("entra.users")
        if requested in {user["userPrincipalName"].casefold(), (user["mail"] or "").casefold()}
    ]
    if len(found) != 1:
        several = "several people have" if found else "no one in the sandbox has"
        return _fail(f"{several} the address {options.address}")
    (user,) = found
    if options.signs_in_by is not None:
        if options.signs_in_by not in sign_in_methods.METHODS:
            return _usage(f"--signs-in-by must be one of {', '.join(sign_in_methods.METHODS)}")
        control.put(sign_in_methods.COLLECTION, user["id"], {"method": options.signs_in_by})
    kept = control.get(sign_in_methods.COLLECTION, user["id"]) or {"method": sign_in_methods.DEFAULT}
    print(f"{user['userPrincipalName']} signs in by {kept['method']}")
    return OK


def _browse(options: argparse.Namespace) -> int:
    from sandbox import browse  # noqa: PLC0415

    browser = browse.installed()
    for line in browse.lines(home(), browser):
        print(line)
    if options.print or browser is None or not browse.has_display(os.environ):
        return OK
    try:
        browse.open_in(home(), browser)
    except OSError as error:
        return _fail(f"{browser}: {error.strerror}")
    print(f"opened in {browser}, in a separate browser profile")
    return OK


def _sign_ins(options: argparse.Namespace) -> int:
    from sandbox import sign_ins  # noqa: PLC0415

    people = options.addresses or sign_ins.everybody(home())
    if not people:
        return _fail("no people are seeded yet. Seed a stack: mimecast-sso sandbox seed --stack NAME")

    def say(found: sign_ins.Attempt) -> None:
        print(json.dumps(found.document()), flush=True)

    if options.until is None:
        for found in sign_ins.once(home(), people):
            say(found)
    else:
        sign_ins.over_and_over(home(), people, options.until.exists, say)
    return OK


def _administrator(options: argparse.Namespace) -> int:
    from sandbox import administrator  # noqa: PLC0415

    try:
        for line in administrator.fill(home(), options.runsheet):
            if not (options.quiet and line.startswith("  ")):
                print(line)
    except administrator.CannotFillError as error:
        return _fail(str(error))
    return OK


def _fault_set(options: argparse.Namespace) -> int:
    names = (
        *("host", "method", "path", "kind", "status", "body", "delay", "answer", "times", "drop"),
        "after_commit",
    )
    rule = {name: getattr(options, name) for name in names if getattr(options, name)}
    if options.header:
        rule["headers"] = dict(options.header)
    return _fault_add(rule)


def _fault_random(options: argparse.Namespace) -> int:
    names = ("host", "method", "path", "seed", "rate", "kinds", "times")
    return _fault_add(
        {name: getattr(options, name) for name in names if getattr(options, name) not in (None, [])}
    )


def _fault_add(rule: dict[str, Any]) -> int:
    control = lifecycle.control(home())
    control.faults(*faults.left(control.fault_rules()), rule)
    print(f"set: {json.dumps(rule)}")
    return OK


def _fault_list(_: argparse.Namespace) -> int:
    rules = faults.left(lifecycle.control(home()).fault_rules())
    for rule in rules:
        print(json.dumps(rule))
    if not rules:
        print("no fault rules")
    return OK


def _fault_clear(_: argparse.Namespace) -> int:
    lifecycle.control(home()).faults()
    print("all fault rules removed")
    return OK


def _clock(options: argparse.Namespace) -> int:
    control = lifecycle.control(home())
    setting = control.get("settings", _OFFSET) or {"value": 0}
    ahead = 0 if options.move == _RESET else float(setting["value"]) + (options.move or 0)
    if ahead > _FURTHEST_SECONDS:
        return _usage("the clock can be moved by 100 years at most")
    if options.move is not None:
        control.set(_OFFSET, ahead or None)
    world = datetime.now(UTC) + timedelta(seconds=ahead)
    print(f"sandbox time: {world:%Y-%m-%dT%H:%M:%SZ}, {timedelta(seconds=ahead)} ahead")
    return OK


def _move(text: str) -> float | str:
    """Seconds of a move such as ``+15m``, or ``reset``. Raises ArgumentTypeError."""
    match = re.fullmatch(r"\+(\d+)([smhd])", text)
    if text == _RESET:
        return _RESET
    if match is None:
        raise argparse.ArgumentTypeError(
            f'"{text}" is not an offset such as +90s, +15m, +2h, +30d, or {_RESET}'
        )
    return float(int(match[1]) * _UNITS[match[2]])


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f'"{text}" is not a number of 0 or more')
    return int(text)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise argparse.ArgumentTypeError("a header must be NAME:VALUE")
    return name.strip(), value.strip()


def _body(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _add_fault(commands: Any) -> None:
    text = "Inject faults: refusals, delays, lost and corrupted responses."
    kinds = commands.add_parser("fault", help=text, description=text).add_subparsers(
        metavar="set|random|list|clear", required=True
    )
    kinds.add_parser("list", help="List the rules.").set_defaults(action=_fault_list)
    kinds.add_parser("clear", help="Remove every rule.").set_defaults(action=_fault_clear)
    _add_fault_rule(kinds)
    _add_random_faults(kinds)


def _add_fault_rule(kinds: Any) -> None:
    rule = kinds.add_parser("set", help="Add a rule; without --kind, --status or similar it returns 500.")
    rule.set_defaults(action=_fault_set)
    _add_selectors(rule)
    rule.add_argument(
        "--kind", choices=faults.KINDS, help="A predefined fault. Without it, the options below describe one."
    )
    rule.add_argument("--status", type=int, metavar="CODE", help="Respond with this HTTP status.")
    rule.add_argument(
        "--header", type=_header, action="append", metavar="NAME:VALUE", help="Add a response header."
    )
    rule.add_argument(
        "--body", type=_body, metavar="TEXT", help="Respond with this body: JSON, or any other text."
    )
    rule.add_argument("--delay", type=float, metavar="SECONDS", help="Delay the response.")
    rule.add_argument("--drop", action="store_true", help="Close the connection without a response.")
    rule.add_argument("--after-commit", action="store_true", help="Apply the request first.")
    rule.add_argument(
        "--answer",
        choices=faults.ANSWERS[1:],
        help="Corrupt the emulator's own response (the request is applied).",
    )
    rule.add_argument("--times", type=int, default=1, metavar="N", help="How many times (default: 1).")


def _add_random_faults(kinds: Any) -> None:
    drawn = kinds.add_parser("random", help="Inject at random, reproducibly for the same seed.")
    drawn.set_defaults(action=_fault_random)
    _add_selectors(drawn)
    drawn.add_argument("--seed", type=int, required=True, metavar="N", help="Seed of the random numbers.")
    drawn.add_argument(
        "--rate", type=float, help=f"Probability per request (default: {faults.DEFAULT_RATE})."
    )
    drawn.add_argument(
        "--kind",
        dest="kinds",
        action="append",
        choices=faults.KINDS,
        help="Only this kind; repeatable (default: all).",
    )
    drawn.add_argument("--times", type=int, help="Maximum number of faults (default: unlimited).")


def _add_selectors(rule: argparse.ArgumentParser) -> None:
    rule.add_argument("--host", help="Regular expression for the whole host name.")
    rule.add_argument("--method", help="HTTP method.")
    rule.add_argument("--path", help="Regular expression for the whole path.")


_Action = Callable[[argparse.Namespace], int]
_Command = Callable[[str, _Action, str], argparse.ArgumentParser]


def parser() -> argparse.ArgumentParser:
    root = _Parser(
        prog=os.environ.pop(_PROGRAM, "python -m sandbox"),
        description="Offline Entra and Mimecast tenants on loopback.",
    )
    commands = root.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, action: _Action, text: str) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
        added.set_defaults(action=action)
        return added

    _add_process(command)
    _add_tenants(command)
    _add_stacks(command)
    _add_people(command)
    _add_fault(commands)
    clock = command("clock", _clock, "Show the sandbox's clock, or move it.")
    clock.add_argument(
        "move", nargs="?", type=_move, metavar="+15m|reset", help="How far to move it, or reset."
    )
    return root


def _add_process(command: _Command) -> None:
    start = command("start", _start, "Start the sandbox and wait until it is ready.")
    start.add_argument("--port", type=int, help="Use exactly this loopback port for the proxy.")
    command("stop", _stop, "Stop the sandbox; keep its data.")
    status = command("status", _status, "Show addresses, refused connections and unknown routes.")
    status.add_argument("--json", action="store_true", help="Print JSON.")
    env = command("env", _env, "Print the environment variables that point a client at the sandbox.")
    env.add_argument("--format", choices=("shell", "json"), default="shell", help="Default: shell.")
    run = command("run", _run, "Run a command with the variables that env prints.")
    run.add_argument(
        "command", nargs=argparse.REMAINDER, metavar="-- CMD", help="The command with its arguments."
    )
    command("reset", _reset, "Stop the sandbox; delete its data and the state of stacks deployed on it.")


def _add_tenants(command: _Command) -> None:
    seed = command(
        "seed", _seed, "Create what a stack's configuration refers to, or a tenant of a known size."
    )
    seed.add_argument("--stack", metavar="STACK", help="Create what the configuration of STACK refers to.")
    seed.add_argument(
        "--tenant",
        choices=("empty", "ten", "ten-thousand", "synchronised"),
        help="A Mimecast tenant with 0, 10 or 10,000 addresses, or 10 owned by directory synchronisation.",
    )
    seed.add_argument(
        "--addresses", type=_count, metavar="N", help="With --tenant: this many addresses instead."
    )
    seed.add_argument(
        "--own-tenants",
        action="store_true",
        help="With --stack: add a separate Entra tenant and Mimecast account.",
    )
    seed.add_argument(
        "--people",
        type=Path,
        metavar="FILE",
        help="Also create people with the addresses in FILE, one per line.",
    )
    seed.add_argument(
        "--keep-groups",
        action="store_true",
        help="Leave the members of existing groups unchanged.",
    )


def _add_stacks(command: _Command) -> None:
    opens = command(
        "credentials", _credentials, "Print the credentials of the tenants of seed --own-tenants as JSON."
    )
    opens.add_argument("stack", metavar="STACK", help="The stack that the tenants were seeded for.")
    stack_file = command(
        "stack-file",
        _stack_file,
        "Write the stack file for a rehearsal, with its secrets replaced, and print its path.",
    )
    stack_file.add_argument("--stack", metavar="STACK", required=True, help="The stack to rehearse.")
    several = command(
        "stack-files", _stack_files, "Do the same for several stacks; print paths or errors as JSON."
    )
    several.add_argument("stacks", metavar="STACK", nargs="+", help="The stacks to rehearse.")


def _add_people(command: _Command) -> None:
    login = command("login", _login, "Sign a person in to the Mimecast Personal Portal, as a browser would.")
    login.add_argument("address", metavar="ADDRESS", help="The person's mail address.")
    login.add_argument(
        "--region", help="Code of the region whose portal is used (default: the seeded account's)."
    )
    login.add_argument("--password", help="The person's password (default: the sandbox's).")
    browse = command(
        "browse",
        _browse,
        "Open the sandbox's pages in a browser, and print the settings that a browser needs.",
    )
    browse.add_argument("--print", action="store_true", help="Only print.")
    person = command("person", _person, "Show how a person signs in to Entra, or change it.")
    person.add_argument("address", metavar="ADDRESS", help="The person's mail address.")
    person.add_argument(
        "--signs-in-by",
        metavar="METHOD",
        help="Change the method: password, multiFactor (default), windowsHello, windowsIntegrated or passwordless.",
    )
    many = command(
        "sign-ins", _sign_ins, "Sign everybody in, once or repeatedly; print one line of JSON per sign-in."
    )
    many.add_argument("addresses", nargs="*", metavar="ADDRESS", help="Only these people (default: all).")
    many.add_argument("--until", type=Path, metavar="FILE", help="Repeat until this file exists.")
    administrator = command("administrator", _administrator, "Fill in the console forms from a run sheet.")
    administrator.add_argument("runsheet", metavar="RUNSHEET", type=Path, help="A run sheet as an HTML file.")
    administrator.add_argument("--quiet", action="store_true", help="Do not list the fields.")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


if __name__ == "__main__":
    sys.exit(main())
