"""`mindgan COMMAND [options]`: the list of commands, and what errors look like."""

import contextlib
import difflib
import io
import os
import re
import signal
import sys
import threading
from dataclasses import dataclass
from typing import Annotated

import tyro
from tyro.conf import subcommand

from mindgan.cli import (
    cyclegan,
    data,
    data_check,
    export,
    generate,
    import_networks,
    metrics,
    metrics_cyclegan,
    metrics_stylegan,
    mnist,
    render,
    stylegan,
    translate,
)
from mindgan.cli.metrics_family import word_of
from mindgan.mlp_gan.config import MlpGanConfig
from mindgan.runtime.errors import UserError

DESCRIPTION = """GANs on MindSpore: train one, look at it, take it away.

First `mindgan mnist`, which trains on handwritten digits and fills ./result, `mindgan cyclegan`, which learns to turn
images of one kind into another, or `mindgan stylegan`, which learns to draw more of a small set of images; then the
other commands on that folder.
Options are written with - or _ alike, and booleans as --x True or --x False."""

Mnist = Annotated[MlpGanConfig, subcommand("mnist", description=mnist.DESCRIPTION)]
CycleGan = Annotated[cyclegan.Options, subcommand("cyclegan", description=cyclegan.DESCRIPTION)]
StyleGan = Annotated[stylegan.Options, subcommand("stylegan", description=stylegan.DESCRIPTION)]


@dataclass(frozen=True)
class Train:
    """`mindgan train`."""

    command: Mnist | CycleGan | StyleGan


@dataclass(frozen=True)
class Metrics:
    """`mindgan metrics`."""

    command: (
        Annotated[metrics.Options, subcommand("mnist", description=metrics.DESCRIPTION)]
        | Annotated[metrics_cyclegan.Options, subcommand("cyclegan", description=metrics_cyclegan.DESCRIPTION)]
        | Annotated[metrics_stylegan.Options, subcommand("stylegan", description=metrics_stylegan.DESCRIPTION)]
    )


@dataclass(frozen=True)
class Data:
    """`mindgan data`."""

    command: (
        Annotated[data.Options, subcommand("mnist", description=data.DESCRIPTION)]
        | Annotated[data_check.Options, subcommand("check", description=data_check.DESCRIPTION)]
    )


TWO_WORDS = (Train, Metrics, Data)
SECOND_WORD = {"metrics": word_of, "data": lambda options: "mnist"}  # where the second word is left out

Command = (
    Mnist
    | CycleGan
    | StyleGan
    | Annotated[Train, subcommand("train", description="The three above, as `train mnist` and so on.")]
    | Annotated[translate.Options, subcommand("translate", description=translate.DESCRIPTION)]
    | Annotated[generate.Options, subcommand("generate", description=generate.DESCRIPTION)]
    | Annotated[export.Options, subcommand("export", description=export.DESCRIPTION)]
    | Annotated[render.Options, subcommand("render", description=render.DESCRIPTION)]
    | Annotated[
        Metrics,
        subcommand(
            "metrics",
            description=f"{metrics.DESCRIPTION} `metrics cyclegan` measures translations, `metrics stylegan` new "
            "images. The second word may be left out where --source is a run's folder.",
        ),
    ]
    | Annotated[Data, subcommand("data", description=f"{data.DESCRIPTION} `data check DIR` judges any images.")]
    | Annotated[import_networks.Options, subcommand("import", description=import_networks.DESCRIPTION)]
)

RUN = {
    MlpGanConfig: mnist.run,
    cyclegan.Options: cyclegan.run,
    stylegan.Options: stylegan.run,
    translate.Options: translate.run,
    generate.Options: generate.run,
    export.Options: export.run,
    render.Options: render.run,
    metrics.Options: metrics.run,
    metrics_cyclegan.Options: metrics_cyclegan.run,
    metrics_stylegan.Options: metrics_stylegan.run,
    data.Options: data.run,
    data_check.Options: data_check.run,
    import_networks.Options: import_networks.run,
}

INTERRUPTED = 130  # what shells give a program that Ctrl-C ended; of SIGTERM too


def main(arguments: list[str] | None = None) -> int:
    """Runs one command.

    Returns:
        The exit code: 0 done, 2 an error the user can mend, 130 stopped by Ctrl-C or SIGTERM.
    """
    _let_sigterm_interrupt()
    _never_fail_to_print()
    try:
        options = parse(sys.argv[1:] if arguments is None else arguments)
        return RUN[type(options)](options)  # type: ignore[operator]
    except UserError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        print("mindgan: stopped", file=sys.stderr)
        return INTERRUPTED
    except MemoryError as error:
        return _fail(f"there is not enough memory ({error}); use smaller numbers")
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}; mend that, then run the same command again")


def _fail(message: str) -> int:
    print(f"mindgan: {message}", file=sys.stderr)
    return 2


def _let_sigterm_interrupt() -> None:
    """SIGTERM, as a scheduler or MindSpore itself sends it, ends like Ctrl-C: what is half-written is removed."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def _never_fail_to_print() -> None:
    """Where the terminal has no letters beyond ASCII they are escaped; by default Python ends with a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def parse(arguments: list[str]) -> object:
    """The options of the command that `arguments` name; `--help` prints and exits.

    Raises:
        UserError: an unknown command or option (with the nearest one), or a value of the wrong kind.
    """
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            options = tyro.cli(
                Command,
                prog="mindgan",
                description=DESCRIPTION,
                args=_completed(arguments) or ["--help"],
                config=(tyro.conf.FlagConversionOff, tyro.conf.OmitSubcommandPrefixes, tyro.conf.OmitArgPrefixes),
            )
            return options.command if isinstance(options, TWO_WORDS) else options
    except SystemExit as stop:
        if not stop.code:
            raise
        raise UserError(one_line(said.getvalue(), arguments)) from None


def _completed(arguments: list[str]) -> list[str]:
    """`arguments` with what they leave out: the second word of a command, the options of a preset."""
    words = next((index for index, word in enumerate(arguments) if word.startswith("-")), len(arguments))
    if words == 1 and arguments[0] in SECOND_WORD:
        return [arguments[0], SECOND_WORD[arguments[0]](arguments[1:]), *arguments[1:]]
    if arguments[:words] in (["cyclegan"], ["train", "cyclegan"]):
        return arguments[:words] + cyclegan.with_preset(arguments[words:])
    if arguments[:words] in (["stylegan"], ["train", "stylegan"]):
        return arguments[:words] + stylegan.with_preset(arguments[words:])
    return arguments


def one_line(box: str, arguments: list[str]) -> str:
    """The framed message of the argument parser as one line: what is wrong, the nearest options, where help is."""
    rows = [re.sub(r"^[│|]\s?|\s*[│|]\s*$", "", row).rstrip() for row in box.splitlines()]
    sections: list[list[str]] = [[]]
    for row in rows:
        if re.fullmatch(r"\s*[─━-]{3,}\s*", row):
            sections.append([])
        elif row.strip() and row[0] not in "╭╰":
            sections[-1].append(row.strip())
    if not box.lstrip().startswith("╭"):  # framed in ASCII, the title is a section and not part of the frame
        sections = sections[1:]
    text = _plainly(" ".join(sections[0]).rstrip("."))
    for section in sections[1:]:
        if section and section[0].startswith("Perhaps you meant"):
            nearest = [word for row in section for word in row.split()[:1] if re.fullmatch(r"--[\w-]+", word)]
            text += f"; did you mean {' or '.join(dict.fromkeys(nearest))}?"
        elif section and section[0].startswith("Available subcommands"):
            commands = " ".join(section).split(": ")[1]
            nearest = difflib.get_close_matches(arguments[0], commands.split(", "), n=1)
            text += f"; did you mean {nearest[0]}?" if nearest else f"; the commands are {commands}"
    return f"{text} (see mindgan --help)"


OPTIONAL = r"Error parsing (\S+): no type matching \{{None\}}\|{} could be instantiated.*"  # the parser's words


def _plainly(text: str) -> str:
    """Python's words for a number that is none, in a person's."""
    for pattern, kind in (
        (r"Error parsing (\S+): invalid literal for int\(\) with base 10: (.*)", "whole number, such as 100"),
        (rf"{OPTIONAL.format('INT')} invalid literal for int\(\) with base 10: (.*)", "whole number, such as 100"),
        (rf"{OPTIONAL.format('FLOAT')} could not convert string to float: (.*)", "number, such as 0.0002"),
        (r"Error parsing (\S+): could not convert string to float: (.*)", "number, such as 0.0002"),
    ):
        text = re.sub(pattern, rf"\1 \2 is no {kind}", text)
    return text
