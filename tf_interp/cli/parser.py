"""The parser of `tf-interp`: what each command takes. Options that several commands have are written once."""

import argparse
import difflib
import pathlib
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import tf_interp
from tf_interp.findings.run_finding import KINDS

EXIT_CODES = """exit status:
  0    done
  1    findings: there is one that --fail-on names
  2    a mistake in what was asked for, or a file that cannot be read or written
  130  interrupted (Ctrl-C); what analyze wrote so far can be read, and the same
       command goes on where it was"""
PARTS = {"features": "Features", "groups": "NeuronGroups", "attribution": "Attributions", "decisions": "Decisions",
         "concepts": "ConceptTests", "dictionary": "SemanticDictionary"}  # fmt: skip
PART_OPTIONS = {part: part for part in PARTS} | {"concepts": "tests"}  # --concepts is the folder of pictures
FIRST_SETTINGS = {
    "features": "units",
    "groups": "k",
    "attribution": "target",
    "decisions": "target",
    "concepts": "relative",
    "dictionary": "pictures",
}  # whose name may be left out
SHORT_OPTIONS = {
    "units": ("features",),
    "steps": ("features", "groups"),
    "seed": ("features", "groups", "decisions", "concepts", "dictionary"),
}  # which parts each is for


class Parser(argparse.ArgumentParser):
    """A parser that says what was probably meant, and takes `--preprocess -1..1`."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and what was probably meant; exit with status 2."""
        found = re.fullmatch(r"unrecognized arguments: (.*)", message)
        words = found[1].split() if found else []
        known = [option for action in self._actions for option in action.option_strings]
        for word in words:
            near = difflib.get_close_matches(word.partition("=")[0], known, 1, 0.6) if word.startswith("--") else []
            message += f"; did you mean {near[0]}?" if near else ""
        chosen = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if chosen:
            near = difflib.get_close_matches(chosen[1], re.findall(r"\w+", chosen[2]), 1, 0.6)
            message += f"; did you mean {near[0]}?" if near else ""
        if words and all(pathlib.Path(word).exists() for word in words):
            message += "; quote a pattern of files, so that the shell leaves it alone: --probe 'photos/*.jpg'"
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: error: {message}\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse words; a value that begins with a minus and a digit is no option."""
        words = list(sys.argv[1:] if args is None else args)
        for index, word in enumerate(words[1:], 1):
            if re.match(r"-\d", word) and words[index - 1] == "--preprocess":
                words[index - 1 : index + 1] = [f"--preprocess={word}"]
                break
        found, extra = super().parse_known_args(words, namespace)
        for action in self._actions:  # of a list, argparse takes only what stands before the first option
            if not action.option_strings and action.nargs == "*":
                late = [word for word in extra if not word.startswith("-")]
                setattr(found, action.dest, [*(getattr(found, action.dest, None) or []), *late])
                extra = [word for word in extra if word.startswith("-")]
        if extra and self._subparsers is None:  # of a command: the parser above does not know what it could have meant
            self.error(f"unrecognized arguments: {' '.join(extra)}")
        return found, extra


def make_parser() -> Parser:
    """Return the parser of all commands; what was not given is left out of its results."""
    parser = Parser("tf-interp", description="See what a Keras network has learned.", epilog=EXIT_CODES,
                    formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--version", action="version", version=f"tf-interp {tf_interp.__version__}")
    parser.add_argument("--traceback", action="store_true", help="show where an error was raised")
    commands = parser.add_subparsers(dest="name", required=True, metavar="COMMAND", parser_class=Parser)
    _add_demo(commands)
    _add_inspect(commands)
    _add_analyze(commands)
    _add_render(commands)
    _add_tcav(commands)
    _add_findings(commands)
    _add_report(commands)
    _add_evolution(commands)
    completion = _add_command(commands, "completion", "print a script that completes commands in your shell", (
        "bash:  eval \"$(tf-interp completion bash)\"    in ~/.bashrc\n"
        "zsh:   eval \"$(tf-interp completion zsh)\"     in ~/.zshrc, behind compinit\n"
        "fish:  tf-interp completion fish > ~/.config/fish/completions/tf-interp.fish"
    ))  # fmt: skip
    completion.add_argument("shell", choices=("bash", "zsh", "fish"), help="which shell")
    return parser


def _add_command(commands: Any, name: str, help: str, more: str = "") -> Parser:
    return commands.add_parser(
        name,
        help=help,
        description=help[0].upper() + help[1:] + ".",
        epilog=f"{more}\n\n{EXIT_CODES}".strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
    )


def _add_demo(commands: Any) -> None:
    demo = _add_command(
        commands, "demo", "train a small network that learns a shortcut, and see it do so (about a minute)"
    )
    demo.add_argument(
        "--out", type=pathlib.Path, help="new folder for the logs (default: tf-interp-demo, or the next free name)"
    )
    demo.add_argument("--seed", type=int, default=0, help="same seed, same numbers (default: 0)")
    demo.add_argument("--serve", action="store_true", help="start TensorBoard on the result")
    demo.add_argument("--port", type=int, default=6006, help="TensorBoard's port for --serve (default: 6006)")


def _add_inspect(commands: Any) -> None:
    inspect = _add_command(commands, "inspect", "list a model's layers and say what to run next", (
        "fields of --json (a side that may be any is null):\n"
        "  schema         1; fields may be added, others keep name and meaning\n"
        "  model          source, name, kind, digest of the weights\n"
        "  inputs         name, shape\n"
        "  outputs        path, label, kind, evidence, described, shape, names, quantity,\n"
        "                 meant: whether targets are about it\n"
        "  signatures     names, of a SavedModel\n"
        "  range          expects (values that the network seems to take, or null), fed,\n"
        "                 evidence, warning\n"
        "  layers         path, kind, shape, parameters, worth_watching: why or null,\n"
        "                 not_readable: why or null, called_on: what a layer that is called\n"
        "                 several times reads in this call, or null\n"
        "  will_not_work  about, why\n"
        "  warnings       sentences that must be read; notes: all\n"
        "  next           words of the next command; next_command: for a shell"
    ))  # fmt: skip
    _add_model(inspect)
    inspect.add_argument("--json", action="store_true", help="print everything as JSON")
    _add_manners(inspect)


def _add_analyze(commands: Any) -> None:
    analyze = _add_command(commands, "analyze", "fill the tab for a finished model", (
        "Killed or interrupted, the same command goes on where it was.\n\n"
        "settings of parts:  --features units=16,steps=512,at=neuron\n"
        "                    --groups k=8,icons=false    --features 'units=[3,17,40]'\n"
        "settings in a file: --config run.toml; flags override it, --save-config writes it"
    ))  # fmt: skip
    _add_model(analyze)
    _add_probe(analyze)
    _add_layers(analyze, "; left out: a few that are worth watching")
    analyze.add_argument("--logdir", type=pathlib.Path, metavar="DIR", help="TensorBoard log directory to write to")
    analyze.add_argument("--part", action="append", metavar="PART,...", help=f"what to do, of {', '.join(PARTS)} "
                         "(default: all but dictionary, concepts where --concepts is given)")  # fmt: skip
    for part, option in PART_OPTIONS.items():
        analyze.add_argument(
            f"--{option}", metavar="N=V,...", help=f"settings of the part {part}, NAME=VALUE,...; 'help' lists them"
        )
    _add_concepts(analyze)
    analyze.add_argument("--units", type=int, help="channels to draw per layer; short for --features units=N")
    analyze.add_argument("--steps", type=int, help="optimization steps per picture, half as many for groups; short for "
                         "--features steps=N --groups steps=N/2")  # fmt: skip
    analyze.add_argument("--step", type=int, help="training step to file the records under (default: 0)")
    analyze.add_argument("--seed", type=int, help="same seed, same numbers (default: 0)")
    analyze.add_argument("--again", action="store_true", help="where the log directory holds another analysis, use the "
                         "next free one beside it, e.g. logs/x-2")  # fmt: skip
    analyze.add_argument("--dry-run", action="store_true", help="say what would be done and what it costs, and end")
    _add_configuration(analyze)
    _add_manners(analyze)


def _add_render(commands: Any) -> None:
    render = _add_command(commands, "render", "draw pictures of what units, or a whole layer, detect", (
        "example:  tf-interp render exported/ block5c_add:7 block5c_add:42 -o units.png"
    ))  # fmt: skip
    _add_model(render)
    render.add_argument("unit", nargs="*", metavar="LAYER:CHANNEL", help="what to draw; output:CLASS for a class")
    render.add_argument("-o", "--out", type=pathlib.Path, metavar="FILE", help="file to write: .png, .jpg or .webp for "
                        "one sheet; .npz for arrays (images, activations, status, names)")  # fmt: skip
    render.add_argument("--steps", type=int, help="optimization steps per picture (default: 256)")
    render.add_argument("--seed", type=int, help="same seed, same numbers (default: 0)")
    _add_configuration(render)
    _add_manners(render)


def _add_tcav(commands: Any) -> None:
    tcav = _add_command(commands, "tcav", "test which concepts a decision depends on, without a log", (
        "example:  tf-interp tcav exported/ --layer block5c_add --concepts concepts/ --random random/ \\\n"
        "            --target zebra --probe zebras/ -o zebra.csv"
    ))  # fmt: skip
    _add_model(tcav)
    _add_probe(tcav)
    _add_layers(tcav)
    _add_concepts(tcav)
    tcav.add_argument("--tests", metavar="N=V,...", help="settings of the test, NAME=VALUE,...; 'help' lists them")
    tcav.add_argument("-o", "--out", type=pathlib.Path, metavar="FILE", help="write all rows to a .csv or .json file")
    tcav.add_argument("--seed", type=int, help="same seed, same numbers (default: 0)")
    _add_configuration(tcav)
    _add_manners(tcav)


def _add_findings(commands: Any) -> None:
    kinds = "\n".join(f"  {name:<19}{kind.words}" for name, kind in KINDS.items())
    findings = _add_command(commands, "findings", "list what runs have found", (
        f"kinds, those of most consequence first:\n{kinds}\n\n"
        "fields of --json, one object a line: run, kind, about, sentence, step, epoch, subject,\n"
        "rate, evidence, numbers; fields may be added, others keep name and meaning\n\n"
        "in continuous integration:  tf-interp findings logs/ --fail-on relies:watermark\n"
        "new since the last release: tf-interp findings logs/new --against logs/released"
    ))  # fmt: skip
    findings.add_argument("logdir", type=pathlib.Path, help="TensorBoard log directory; all runs below it are read")
    findings.add_argument("--json", action="store_true", help="print a JSON object a line")
    findings.add_argument("--since", type=int, metavar="STEP", help="those found at this step or later")
    findings.add_argument("--kind", action="append", metavar="KIND", help="those of this kind; repeatable")
    findings.add_argument("--against", type=pathlib.Path, metavar="DIR", help="those that no run below this log "
                          "directory has")  # fmt: skip
    findings.add_argument("--fail-on", action="append", metavar="KIND[:NAME]", help="end with status 1 if one of "
                          "those listed is of this kind, and about this concept, class, layer or group; "
                          "repeatable")  # fmt: skip
    findings.add_argument("-q", "--quiet", action="store_true", help="print findings only")


def _add_report(commands: Any) -> None:
    report = _add_command(commands, "report", "write what was recorded as one file to send", (
        ".html  the tab itself over the same records: one page, no server, opens from a disk\n"
        ".md    the last step in words and tables, for pull requests and model cards\n"
        ".json  the same as a dictionary: report (version), title, made_by, recorded, notices,\n"
        "       runs: run, session, model, output, class_names, steps, epoch, probe, looked_at,\n"
        "       warnings, notes, findings, headline, concepts, groups, decisions, features;\n"
        "       fields may be added, others keep name and meaning\n\n"
        "example:  tf-interp report logs/zebra -o zebra.html"
    ))  # fmt: skip
    report.add_argument("logdir", type=pathlib.Path, help="TensorBoard log directory; all runs below it are in the "
                        "report, for comparison")  # fmt: skip
    report.add_argument("-o", "--out", type=pathlib.Path, metavar="FILE", required=True, help="file to write: .html, "
                        ".md or .json; one that is there is replaced")  # fmt: skip
    report.add_argument("--max-mb", type=float, default=20.0, metavar="MB", help="how large a page may be; where all "
                        "steps would take more, some are left out, and this is said (default: 20)")  # fmt: skip
    report.add_argument("-q", "--quiet", action="store_true", help="print the file's name and warnings only")


def _add_evolution(commands: Any) -> None:
    evolution = _add_command(commands, "evolution", "write how a layer's features changed over training as GIF or WebP")
    evolution.add_argument("logdir", type=pathlib.Path, help="TensorBoard log directory of one run")
    evolution.add_argument("--layer", required=True, help="layer whose units to show")
    evolution.add_argument("--unit", default=None, help="one unit by name or channel index (default: all side by side)")
    evolution.add_argument("-o", "--out", type=pathlib.Path, required=True, help="file to write, .gif or .webp")


def _add_model(parser: Parser) -> None:
    parser.add_argument("model", nargs="?", metavar="MODEL",
                        help="a .keras file, a SavedModel folder, a frozen graph (.pb), "
                        "or zoo:efficientnet-lite0")  # fmt: skip
    group = parser.add_argument_group("the model")
    group.add_argument("--preprocess", metavar="HOW", help="from pictures in 0..1 to what the network takes: 0..1, "
                       "-1..1, 0..255, caffe, torch, efficientnet-lite, or module:function of your own")  # fmt: skip
    group.add_argument("--range", nargs=2, type=float, metavar=("LOW", "HIGH"),
                       help="the same for any range, e.g. -2 2")  # fmt: skip
    group.add_argument("--labels", "--class-names", type=pathlib.Path, metavar="FILE",
                       help="the network's class names: one a line, or a JSON list or index -> name")  # fmt: skip
    group.add_argument("--size", type=int, metavar="PIXELS",
                       help="side of the pictures, where the network leaves it open")  # fmt: skip
    group.add_argument("--head", metavar="KIND", help="what the output is, where the guess is wrong: multiclass, "
                       "binary (one logit), multilabel, regression, dense or other")  # fmt: skip
    group.add_argument("--output", metavar="LABEL", help="the output that is meant, of a network with several; of a "
                       "frozen graph the name of a tensor")  # fmt: skip
    group.add_argument("--signature", metavar="NAME", help="the signature to read, of a SavedModel with several")
    group.add_argument("--trust", action="store_true",
                       help="load a file that can run code: only for models of your own making")  # fmt: skip


def _add_probe(parser: Parser) -> None:
    parser.add_argument("--probe", metavar="PICTURES", help="pictures to look with: a folder, or one of a sub-folder "
                        "per class; a quoted pattern, 'photos/*.jpg'; or an .npz file with images (or x; of several "
                        "inputs an array for each) and, if you like, labels (or y) and class_names")  # fmt: skip


def _add_layers(parser: Parser, otherwise: str = "") -> None:
    parser.add_argument("--layer", action="append", metavar="NAME", help="layer to look at, or a quoted pattern such "
                        f"as 'block*/relu'; may be given several times{otherwise}")  # fmt: skip


def _add_concepts(parser: Parser) -> None:
    group = parser.add_argument_group("concepts")
    group.add_argument("--concepts", type=pathlib.Path, metavar="DIR",
                       help="folder with one sub-folder of pictures per concept")  # fmt: skip
    group.add_argument("--random", type=pathlib.Path, metavar="DIR",
                       help="folder of pictures of no concept in particular")  # fmt: skip
    group.add_argument("--target", action="append", metavar="CLASS",
                       help="class index or name that the concepts are tested on; repeatable")  # fmt: skip


def _add_configuration(parser: Parser) -> None:
    group = parser.add_argument_group("settings in a file")
    group.add_argument("--config", type=pathlib.Path, metavar="FILE", help="take settings from a .toml or .json file: "
                       "names as of the options, e.g. layer = ['conv1', 'conv2']; options override it, of parts "
                       "setting by setting")  # fmt: skip
    group.add_argument("--save-config", type=pathlib.Path, metavar="FILE",
                       help="write the settings of this command to a .toml or .json file")  # fmt: skip


def _add_manners(parser: Parser) -> None:
    parser.add_argument("-q", "--quiet", action="store_true", help="print results and warnings only, no bar")
    parser.add_argument("-v", "--verbose", action="store_true", help="print every piece of work that is finished")


def list_actions(parser: argparse.ArgumentParser) -> Sequence[argparse.Action]:
    """Return what a parser takes, for what is generated from it: argparse has no public name for that."""
    return parser._actions


def find_command(parser: argparse.ArgumentParser, name: str) -> Parser:
    """Return the parser of one command.

    Args:
        parser: that of all.
        name: of the command.
    """
    return list_commands(parser)[name]


def list_commands(parser: argparse.ArgumentParser) -> dict[str, Parser]:
    """Return the parser of each command by its name."""
    return next(action.choices for action in list_actions(parser) if isinstance(action.choices, dict))
