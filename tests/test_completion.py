"""Completion: what bash offers; the scripts of the other shells name every command and option."""

import re
import shutil
import subprocess

import pytest

from tf_interp import cli
from tf_interp.cli.parser import list_actions, list_commands, make_parser


def _offered(shell, script, name):
    """Return the options that a script offers behind a command."""
    if shell == "fish":
        lines = [line.split(" -d ")[0] for line in script.splitlines() if f"seen_subcommand_from {name}'" in line]
        found = re.findall(r" -([sl]) (\S+)", "\n".join(lines))
        return {("-" if kind == "s" else "--") + word for kind, word in found}
    case = re.search(rf"^    {name}\) (.*?);;$", script, re.M | re.S)[1]
    if shell == "zsh":
        return set(re.findall(r"'\*(-[\w-]+)\[", case))
    return set(re.search(r'-W "(-[^"]*)"', case)[1].split())


def _script(shell, capsys):
    assert cli.main(["completion", shell]) == 0
    return capsys.readouterr().out


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_bash_offers_commands_options_and_choices(capsys):
    script = (
        _script("bash", capsys)
        + """
offer() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tf_interp; echo "${COMPREPLY[*]}"; }
offer tf-interp an
offer tf-interp analyze m --lay
offer tf-interp analyze --layer x
offer tf-interp completion z
"""
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["analyze", "--layer", "", "zsh"], done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_command_and_option_is_there(shell, capsys):
    script = _script(shell, capsys)
    for name, command in list_commands(make_parser()).items():
        options = {option for action in list_actions(command) for option in action.option_strings}
        assert _offered(shell, script, name) == options, name
