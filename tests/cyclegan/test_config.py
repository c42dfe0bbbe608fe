"""Every default of ModelArts' operator, the paper's, and what each value out of range is answered with."""

import pytest

from mindgan.cli.cyclegan import with_preset
from mindgan.cli.main import main, parse
from mindgan.cyclegan.config import FIXED_BY_RUN, PRESETS, CycleGanConfig
from mindgan.runtime.errors import UserError

DATA = ["--data_url", "a"]


def test_the_defaults_are_modelarts():
    config = CycleGanConfig()
    assert (config.do_validation, config.image_channel, config.image_height, config.image_width) == (True, 3, 256, 256)
    assert (config.batch_size, config.max_epoch) == (1, 100)
    assert (config.g_learning_rate, config.d_learning_rate) == (1e-4, 1e-4)
    assert (config.log_frequency, config.save_frequency, config.predict, config.resume) == (5, 5, False, "")
    assert parse(["cyclegan", *DATA]).settings() == {**CycleGanConfig(data_url="a").settings(), "preset": "auto"}


def test_the_papers_settings():
    config = parse(["cyclegan", *DATA, "--preset", "paper"])
    assert (config.g_learning_rate, config.d_learning_rate) == (2e-4, 2e-4)
    assert (config.max_epoch, config.last_epochs, config.pool_size) == (200, 100, 50)
    assert (config.load_size, config.size) == ((286, 286), (256, 256))
    assert (config.lambda_A, config.lambda_B, config.lambda_identity, config.beta1) == (10, 10, 0.5, 0.5)
    assert (config.num_blocks, config.ngf, config.ndf, config.num_layers, config.gan_mode) == (9, 64, 64, 3, "lsgan")


def test_both_spellings_of_the_command():
    assert parse(["train", "cyclegan", *DATA]) == parse(["cyclegan", *DATA])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--preset", "paper", "--max_epoch", "10", "--image_height", "512"],
        ["--max-epoch=10", "--image-height=512", "--preset=paper"],
        ["--max_epoch", "10", "--preset", "paper", "--image-height", "512"],
        ["--preset", "small", "--max_epoch", "10", "--preset", "paper", "--image_height=512"],
    ],
)
def test_what_the_user_says_wins_over_a_preset(arguments):
    config = parse(["train", "cyclegan", *DATA, *arguments])
    assert (config.max_epoch, config.image_height, config.g_learning_rate) == (10, 512, 2e-4)
    assert (config.last_epochs, config.load_size) == (5, (572, 286))  # the preset's fit other sizes


def test_without_data_the_preset_is_small():
    assert parse(["cyclegan"]).image_height == 32
    assert parse(["cyclegan", "--preset", "operator"]).image_height == 256
    for data in (["--data_url", "a"], ["--data-url=a"]):
        assert parse(["cyclegan", *data]).image_height == 256


def test_every_preset_is_of_known_settings():
    for values in PRESETS.values():
        assert CycleGanConfig(**values).settings().items() >= values.items()
    assert set(FIXED_BY_RUN) <= CycleGanConfig().settings().keys()


def test_an_unknown_preset_is_told():
    with pytest.raises(UserError, match=r"--preset big: .*auto, operator, paper, small"):
        with_preset(["--preset", "big"])


WRONG = {
    "--image_height 100": ["--image_height 100 is no power of two; use 64 or 128"],
    "--image_width 257": ["--image_width 257 is no power of two; use 256 or 512"],
    "--image_height 0": ["--image_height 0 is too small", "32"],
    "--image_width -256": ["--image_width -256 is too small", "32"],
    "--image_height 16": ["--image_height 16 is too small", "32"],
    "--image_height 24": ["--image_height 24 is too small for these networks; use 32"],
    "--image_height 8192": ["--image_height 8192 is too large; use 4096"],
    "--image_width 64 --generator unet_128": ["--image_width 64 is too small", "128"],
    "--num_layers 12": ["--num_layers 12 is too many"],
    "--discriminator pixel --image_height 4": ["--image_height 4 is too small", "8"],
    "--image_channel 2": ["--image_channel 2", "3 for colour or 1 for grey"],
    "--image_max_width 0": ["--image_max_width 0", "-1 for any size"],
    "--image_max_height -2": ["--image_max_height -2", "-1 for any size"],
    "--load_height 200": ["--load_height 200 is smaller than --image_height 256"],
    "--batch_size 0": ["--batch_size 0", "1 or more"],
    "--max_epoch 0": ["--max_epoch 0", "1 or more"],
    "--log_frequency 0": ["--log_frequency 0", "1 or more"],
    "--save_frequency 0": ["--save_frequency 0", "1 or more"],
    "--pool_size -1": ["--pool_size -1", "0 or more"],
    "--g_learning_rate 0": ["--g_learning_rate 0.0", "above 0"],
    "--d_learning_rate nan": ["--d_learning_rate nan", "above 0"],
    "--lambda_A -1": ["--lambda_A -1.0", "0 or more"],
    "--beta1 1": ["--beta1 1.0", "between 0 and 1"],
    "--decay_epochs 101": ["--decay_epochs 101", "--max_epoch 100"],
    "--seed -1": ["--seed -1", "from 0"],
    "--predict True": ["--predict True needs --resume"],
    "--predict True --resume empty": ["--predict True needs --resume"],
    "--image_height many": ["'many' is no whole number"],
    "--predict maybe": ["maybe", "True", "False"],
    "--lr_policy square": ["square", "cosine"],
    "--maxepoch 3": ["did you mean --max-epoch"],
    "--train_url ''": ["--train_url is empty"],
}


@pytest.mark.parametrize("arguments", WRONG)
def test_a_wrong_value_is_one_line_with_the_way_out(arguments, capsys):
    words = [word.strip("'") for word in arguments.split()]
    assert main(["train", "cyclegan", *DATA, *words]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("mindgan: ")
    for part in WRONG[arguments]:
        assert part in said


def test_a_target_without_a_source_is_told(capsys):
    assert main(["cyclegan", "--target_data_url", "b"]) == 2
    assert "--target_data_url needs a --data_url" in capsys.readouterr().err


@pytest.mark.parametrize("height", [32, 64, 4096])
def test_rectangles_of_powers_of_two_do(height):
    assert CycleGanConfig(image_height=height, image_width=128).size == (height, 128)


@pytest.mark.parametrize("word", ["empty", "Empty", ""])
def test_the_word_empty_names_no_checkpoint(word):
    """ModelArts' job passes its defaults as they are documented."""
    config = CycleGanConfig(resume=word)
    assert (config.resume, config.settings()["resume"]) == ("", "")


def test_a_prediction_takes_sizes_that_discriminators_do_not():
    assert CycleGanConfig(predict=True, resume="a.ckpt", image_height=8, image_width=16).size == (8, 16)
