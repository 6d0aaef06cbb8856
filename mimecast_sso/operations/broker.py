"""Credentials of one stack: from the environment, or from the output of your own command.

``MIMECAST_SSO_CREDENTIALS=exec:./get-credentials {stack}`` names the command. It prints a JSON object with the
``ARM_*`` and ``MIMECAST_*`` variables of that stack: out of a key vault, an ESC environment, a password store. Its
output is kept in memory for that stack only, and is not combined with credentials of the environment.
"""

from __future__ import annotations

import os
import re
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from mimecast_sso.operations.exit_codes import OperationError
from mimecast_sso.text.files import parse_json
from mimecast_sso.text.foreign import quoted
from mimecast_sso.text.wording import count

VARIABLE = "MIMECAST_SSO_CREDENTIALS"
TIMEOUT_SECONDS = 30.0

_EXEC = "exec:"
_STACK = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_ALLOWED = re.compile(r"(ARM|MIMECAST(?!_SSO_))_[A-Z0-9_]+")
"""Not the variables of this project itself, such as the one that names the command."""
_OF_A_CREDENTIAL = re.compile(
    r"ARM_(TENANT_ID|CLIENT_.+|OIDC_.+|USE_.+|MSI_.+)|MIMECAST_CLIENT_.+|ACTIONS_ID_TOKEN_.+"
)
_LONGEST = 65_536


class CredentialsError(OperationError):
    """The command gave no credentials for a stack."""


def with_credentials(
    environment: Mapping[str, str], stack: str, root: Path, *, timeout: float = TIMEOUT_SECONDS
) -> dict[str, str]:
    """The environment with the credentials of a stack and of no other.

    Args:
        environment: Names the command; returned unchanged if it names none.
        stack: The stack's name, which stands for ``{stack}`` in the command.
        root: The folder that the command runs in.
        timeout: Seconds that it may take.

    Raises:
        CredentialsError: The command cannot be run, fails, takes too long, or prints something else.
    """
    command = environment.get(VARIABLE)
    if not command:
        return dict(environment)
    printed = _run(_words(command, stack), environment, stack, root, timeout)
    found = _variables(printed, stack)
    kept = {name: value for name, value in environment.items() if not _OF_A_CREDENTIAL.fullmatch(name)}
    # Without it, an incomplete credential would be completed by the Azure CLI's signed-in user.
    return kept | {"ARM_USE_CLI": "false"} | found


def _words(command: str, stack: str) -> list[str]:
    if not command.startswith(_EXEC):
        raise CredentialsError(
            f"{VARIABLE} does not start with {_EXEC} Write, for example: "
            f"export {VARIABLE}='{_EXEC}./get-credentials {{stack}}'"
        )
    if not _STACK.fullmatch(stack):
        raise CredentialsError(
            f"Stack {quoted(stack)} cannot be passed to the command of {VARIABLE}: use letters, digits, "
            "dots, underscores and hyphens."
        )
    try:
        words = [word.replace("{stack}", stack) for word in shlex.split(command.removeprefix(_EXEC))]
    except ValueError:
        words = []
    if not words:
        raise CredentialsError(
            f"{VARIABLE} names no command after {_EXEC}, or has a quotation mark that is not closed."
        )
    return words


def _run(words: list[str], environment: Mapping[str, str], stack: str, root: Path, timeout: float) -> bytes:
    """The output of the command. Its messages may contain secrets, so they are not shown."""
    try:
        process = subprocess.Popen(
            words,
            cwd=root,
            env={name: value for name, value in environment.items() if not _OF_A_CREDENTIAL.fullmatch(name)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise CredentialsError(
            f"{words[0]}, which {VARIABLE} names, cannot be run: {error.strerror}. Correct the path; it is relative "
            f"to {root}."
        ) from None
    until = time.monotonic() + timeout
    with process:
        try:
            printed = _printed(process, until)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise CredentialsError(
                f"{words[0]} gave no credentials for stack {stack} within {timeout:.3g} seconds and was stopped."
            ) from None
        if printed is None:
            os.killpg(process.pid, signal.SIGKILL)
            return b""
    if process.returncode:
        raise CredentialsError(
            f"{words[0]} gave no credentials for stack {stack}: exit code {process.returncode}. Its messages are not "
            f"shown, because they may hold secrets. Run it by hand: {shlex.join(words)}"
        )
    return printed


def _printed(process: subprocess.Popen[bytes], until: float) -> bytes | None:
    """What a process prints until it ends; ``None`` if that is more than a credential, and goes on for ever perhaps.

    Raises:
        subprocess.TimeoutExpired: It has not ended by then.
    """
    printed, output = bytearray(), process.stdout.fileno() if process.stdout else -1
    # Not select(), which takes no descriptor above 1023, as a process with many stacks may have.
    with selectors.DefaultSelector() as ready:
        ready.register(output, selectors.EVENT_READ)
        while (left := until - time.monotonic()) > 0 and ready.select(left):
            read = os.read(output, _LONGEST)
            if not read:
                process.wait(max(until - time.monotonic(), 0))
                return bytes(printed)
            printed += read
            if len(printed) > _LONGEST:
                return None
    raise subprocess.TimeoutExpired(process.args, 0)


def _variables(printed: bytes, stack: str) -> dict[str, str]:
    """The variables of a document; a malformed one is never quoted."""
    try:
        document = parse_json(printed)
    except ValueError:
        document = None
    if not isinstance(document, dict) or not all(map(_is_value, document.values())):
        raise CredentialsError(
            f"The command of {VARIABLE} printed no JSON object with string values for stack {stack}. Have it print, "
            'for example: {"ARM_TENANT_ID": "…", "ARM_CLIENT_ID": "…", "ARM_CLIENT_SECRET": "…", '
            '"MIMECAST_CLIENT_ID": "…", "MIMECAST_CLIENT_SECRET": "…"}'
        )
    foreign = [name for name in document if not _ALLOWED.fullmatch(name)]
    if foreign:
        raise CredentialsError(
            f"The command of {VARIABLE} printed {count(len(foreign), 'variable')} for stack {stack} besides ARM_* and "
            "MIMECAST_* credentials. Have it print only those."
        )
    return document


def _is_value(each: object) -> bool:
    return isinstance(each, str) and "\0" not in each  # No environment takes a NUL character.
