"""Dispatch of a command line to its subcommands, which are imported only when they are called."""

import sys
from collections.abc import Mapping, Sequence

from repaint.commands.launch import load_main


def run_subcommand(
    prog: str, description: str, commands: Mapping[str, tuple[str, str]], arguments: Sequence[str] | None
) -> int:
    """Dispatch to `repaint.commands.MODULE.main`.

    Args:
        prog: what the command line begins with.
        description: one line for the help.
        commands: (module, summary) by the subcommand's name.
        arguments: of the command line after `prog`; None for the process's own.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    usage = f"usage: {prog} {{{','.join(commands)}}} [options]"
    if words and words[0] in commands:
        return load_main(commands[words[0]][0])(words[1:], prog=f"{prog} {words[0]}")
    if words and words[0] in ("-h", "--help"):
        width = max(map(len, commands))
        lines = [f"  {name:{width}}  {summary}" for name, (_, summary) in commands.items()]
        print(usage, "", description, "", *lines, "", f"{prog} COMMAND --help explains a command.", sep="\n")
        return 0
    wrong = f"unknown command {words[0]!r}" if words else "a command is missing"
    print(f"{usage}\nerror: {wrong}", file=sys.stderr)
    return 2
