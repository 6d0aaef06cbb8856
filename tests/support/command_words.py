"""Checks commands named in texts against existing commands and options."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from typing import Any

import click

from sandbox.__main__ import parser as sandbox_parser

_WORD = re.compile(r"--?[a-z][\w-]*|[a-z][a-z-]*")


def calls(program: str, text: str) -> Iterator[list[str]]:
    """The words of each call of a program, up to a shell operator or a closing bracket."""
    for call in re.split(rf"(?<![\w-]){re.escape(program)} +", text)[1:]:
        yield re.split(r"[;&|#),`]| -- ", call, maxsplit=1)[0].split()


def unknown_words(words: list[str], root: Any) -> Iterator[str]:
    """Subcommands and options that do not exist in a tree of commands."""
    at = root
    for word in words:
        if not _WORD.fullmatch(word):
            continue
        if word.startswith("-"):
            if word not in options(at) | {"-h", "--help"}:
                yield word
        elif subcommands(at):
            if word not in subcommands(at):
                yield word
                return
            at = subcommands(at)[word]


def command_of(words: list[str], root: Any) -> Any:
    """The command that the words call."""
    at = root
    for word in words:
        if word not in subcommands(at):
            break
        at = subcommands(at)[word]
    return at


def subcommands(command: Any) -> dict[str, Any]:
    """The commands of a group by name; none for another command."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        found: dict[str, Any] = {
            name: command.get_command(context, name) for name in command.list_commands(context)
        }
        # It passes its words on to the sandbox's own command line.
        return found | ({"sandbox": sandbox_parser()} if "sandbox" in found else {})
    if isinstance(command, argparse.ArgumentParser):
        groups = (each.choices for each in command._actions if isinstance(each, argparse._SubParsersAction))
        return {name: parser for choices in groups for name, parser in choices.items()}
    return {}


def required_options(command: Any) -> set[str]:
    """The required options of a command, each in its first spelling."""
    if isinstance(command, argparse.ArgumentParser):
        return {each.option_strings[0] for each in command._actions if each.required and each.option_strings}
    return {each.opts[0] for each in command.params if each.required and isinstance(each, click.Option)}


def options(command: Any) -> set[str]:
    """The options of a command, in every spelling."""
    if isinstance(command, click.Command):
        return {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    return {name for action in command._actions for name in action.option_strings}
