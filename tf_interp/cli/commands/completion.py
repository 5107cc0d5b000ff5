"""`tf-interp completion`: a script that completes commands, options and files, made from the parser."""

import argparse
import pathlib
import re
import shlex

from tf_interp.cli.parser import list_actions, list_commands, make_parser


def completion_command(options: argparse.Namespace) -> None:
    """Print the script.

    Args:
        options: of the command.
    """
    print({"bash": _bash, "zsh": _zsh, "fish": _fish}[options.shell]())


def _options(command: argparse.ArgumentParser) -> list[tuple[str, argparse.Action]]:
    return [(option, action) for action in list_actions(command) for option in action.option_strings]


def _takes_file(action: argparse.Action) -> bool:
    return action.type is pathlib.Path or action.dest in ("probe", "model")


def _bash() -> str:
    """Return a script for bash: words of options, files for those that take one and for what is no option."""
    commands = list_commands(make_parser())
    cases = []
    for name, command in commands.items():
        options = _options(command)
        alone = "|".join(option for option, action in options if action.nargs != 0 and not _takes_file(action))
        words = " ".join(option for option, _ in options)
        choices = " ".join(word for action in list_actions(command) for word in action.choices or ())
        cases.append(
            f'    {name}) case "$before" in {alone or "-"}) return;; esac\n'
            f'      if [[ $word == -* ]]; then COMPREPLY=($(compgen -W "{words}" -- "$word"))\n'
            + (f'      else COMPREPLY=($(compgen -W "{choices}" -- "$word")); fi;;' if choices else "      fi;;")
        )
    return (
        "_tf_interp() {\n"
        "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
        "  COMPREPLY=()\n"
        f'  if ((COMP_CWORD == 1)); then COMPREPLY=($(compgen -W "{" ".join(commands)} --help --version" -- "$word")); '
        "return; fi\n"
        '  case "${COMP_WORDS[1]}" in\n' + "\n".join(cases) + "\n  esac\n"
        "}\n"
        "complete -o default -F _tf_interp tf-interp  # files where nothing else fits"
    )


def _zsh() -> str:
    """Return a script for zsh, whose `_arguments` shows what each option means."""
    commands = list_commands(make_parser())
    cases = []
    for name, command in commands.items():
        specs = []
        for option, action in _options(command):
            value = "" if action.nargs == 0 else f":{action.dest}:" + ("_files" if _takes_file(action) else " ")
            specs.append(shlex.quote(f"*{option}[{_short(action)}]{value}"))
        for action in list_actions(command):
            if not action.option_strings:
                choices = f"({' '.join(action.choices)})" if action.choices else "_files"
                specs.append(shlex.quote(f"*:{action.dest}:{choices}"))
        cases.append(f"    {name}) _arguments " + " \\\n      ".join(specs) + ";;")
    return (
        "#compdef tf-interp\n"
        "_tf_interp() {\n"
        f"  if ((CURRENT == 2)); then compadd -- {' '.join(commands)}; return; fi\n"
        "  local command=$words[2]\n"
        "  shift words; ((CURRENT--))\n"
        "  case $command in\n" + "\n".join(cases) + "\n  esac\n"
        "}\n"
        "compdef _tf_interp tf-interp"
    )


def _fish() -> str:
    """Return a script for fish: a line for each option."""
    commands = list_commands(make_parser())
    lines = [f"complete -c tf-interp -n __fish_use_subcommand -f -a {shlex.quote(' '.join(commands))}"]
    for name, command in commands.items():
        seen = f"complete -c tf-interp -n '__fish_seen_subcommand_from {name}'"
        for action in list_actions(command):
            flags = " ".join(f"-l {o[2:]}" if o.startswith("--") else f"-s {o[1:]}" for o in action.option_strings)
            if flags:
                value = "" if action.nargs == 0 else " -r -F" if _takes_file(action) else " -x"
                lines.append(f"{seen} {flags}{value} -d {shlex.quote(_short(action))}")
            elif action.choices:
                lines.append(f"{seen} -f -a {shlex.quote(' '.join(action.choices))}")
    return "\n".join(lines)


def _short(action: argparse.Action) -> str:
    """Return what an option means in one line, without what a shell would read as its own."""
    return re.split(r"[;:(,]", (action.help or "").replace("'", ""))[0].strip().replace("[", "").replace("]", "")
