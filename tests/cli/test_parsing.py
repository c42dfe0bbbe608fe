"""What the parser takes, and what it says to what it does not."""

import pytest

from mindgan.cli.main import main, one_line, parse
from mindgan.mlp_gan.config import MlpGanConfig
from mindgan.runtime.errors import UserError


def test_dashes_and_underscores_are_alike():
    one = parse(["mnist", "--batch_size", "64", "--data_url", "a", "--device_target", "CPU"])
    other = parse(["mnist", "--batch-size=64", "--data-url", "a", "--device-target", "CPU"])
    assert one == other == MlpGanConfig(batch_size=64, data_url="a", device_target="CPU")


@pytest.mark.parametrize("value", [True, False])
def test_booleans_are_words(value):
    assert parse(["mnist", "--verify", str(value)]) == MlpGanConfig(verify=value)


def test_the_defaults_are_the_tutorials():
    config = parse(["mnist"])
    assert (config.epochs, config.batch_size, config.latent_size) == (200, 128, 100)
    assert (config.lr, config.beta1, config.beta2) == (0.0002, 0.5, 0.999)
    assert (config.train_url, config.log_frequency, config.dataset) == ("./result", 10, "auto")


COMMANDS = (
    "mnist",
    "cyclegan",
    "stylegan",
    "train",
    "translate",
    "generate",
    "export",
    "render",
    "metrics",
    "data",
    "import",
)

WRONG = {
    "--epochs 0": ["--epochs 0", "1 or more"],
    "--epochs -3": ["--epochs -3", "1 or more"],
    "--epochs many": ["--epochs 'many' is no whole number"],
    "--epochs 1e3": ["--epochs '1e3' is no whole number"],
    "--batch_size 1.5": ["--batch-size '1.5' is no whole number"],
    "--lr small": ["--lr 'small' is no number"],
    "--lr inf": ["--lr inf", "finite"],
    "--batch_size 1": ["--batch_size 1", "2 or more"],
    "--lr 0": ["--lr", "above 0"],
    "--lr nan": ["--lr", "above 0"],
    "--beta1 1.5": ["--beta1", "between 0 and 1"],
    "--seed -1": ["--seed", "from 0"],
    "--keep 0": ["--keep 0", "1 or more"],
    "--log_frequency 0": ["--log_frequency 0", "1 or more"],
    "--epoch 3": ["--epoch", "did you mean --epochs"],
    "--latentsize 3": ["--latentsize", "did you mean --latent-size"],
    "--mode fast": ["fast", "graph", "pynative"],
    "--device_target TPU": ["TPU", "Ascend"],
    "--verify yes": ["yes", "True", "False"],
    "--dataset cifar": ["cifar", "digits"],
}


@pytest.mark.parametrize("arguments", WRONG)
def test_a_wrong_value_is_one_line_with_the_way_out(arguments, capsys):
    assert main(["mnist", *arguments.split()]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith("mindgan: ")
    assert not set("╭│─╰") & set(said.err)
    for part in WRONG[arguments]:
        assert part in said.err


UNICODE = """╭─ Unrecognized options ─────────────────╮
│ Unrecognized options: --epoch, 3       │
│ ────────────────────────────────────── │
│ Perhaps you meant:                     │
│     --epochs INT                       │
│         How often.                     │
│ ────────────────────────────────────── │
│ For full helptext, run mindgan --help  │
╰────────────────────────────────────────╯
"""
ASCII = """ Unrecognized options
 ----------------------------------------
  Unrecognized options: --epoch, 3
  ----------------------------------------
  Perhaps you meant:
      --epochs INT
          How often.
  ----------------------------------------
  For full helptext, run mindgan --help
"""


@pytest.mark.parametrize("box", [UNICODE, ASCII])
def test_the_parsers_frame_becomes_a_line(box):
    assert (
        one_line(box, ["mnist", "--epoch", "3"])
        == "Unrecognized options: --epoch, 3; did you mean --epochs? (see mindgan --help)"
    )


def test_an_unknown_command_names_the_nearest_or_all(capsys):
    assert main(["mnits"]) == 2
    assert "mnits; did you mean mnist?" in capsys.readouterr().err
    assert main(["qqqqq"]) == 2
    said = capsys.readouterr().err
    assert "mnist, cyclegan, stylegan, train, translate, generate, export, render, metrics, data, import" in said


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_is_a_map_of_the_commands(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    for command in COMMANDS:
        assert f"• {command}" in shown
    assert "Raises" not in shown


@pytest.mark.parametrize(
    "command",
    [
        *(sorted(set(COMMANDS) - {"train"})),
        "train cyclegan",
        "train stylegan",
        "metrics cyclegan",
        "metrics stylegan",
        "data check",
    ],
)
def test_every_option_is_explained(command, capsys):
    with pytest.raises(SystemExit):
        main([*command.split(), "--help"])
    shown = capsys.readouterr().out
    assert "(default:" in shown
    assert "Raises" not in shown


@pytest.mark.parametrize(
    "arguments",
    ["generate --num 0", "generate --seed -1", "generate --walk_frames -1", "export --batch_size 0", "metrics --num 1",
     "metrics --seed -1", "metrics stylegan --num 1", "metrics stylegan --trunc nan",
     "metrics stylegan --source ~nobody1/x", "export --format onnx --out a.mindir", "generate --seeds 5-3",
     "generate --seeds a", "generate --seeds 1,", "generate --seeds 4294967296", "generate --seeds 0-4294967295",
     "generate --trunc nan", "data --preview a.jpg"],
)  # fmt: skip
def test_the_other_commands_check_too(arguments):
    with pytest.raises(UserError, match="--"):
        parse(arguments.split())
