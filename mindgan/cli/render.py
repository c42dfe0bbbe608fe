"""`mindgan render`: the pictures of a run again."""

from dataclasses import dataclass

DESCRIPTION = "Draw the loss curves, the GIF and the report of a run again, also while it is still training."


@dataclass(frozen=True)
class Options:
    """Render a run."""

    run: str = "./result"
    """The run's folder: the --train_url it was trained with."""


def run(options: Options) -> int:
    """Writes the files and says which."""
    from mindgan.cyclegan import results as cyclegan
    from mindgan.mlp_gan import results as mlp_gan
    from mindgan.runtime.run_directory import RunDirectory
    from mindgan.stylegan2 import results as stylegan2
    from mindgan.training.run_config import read_config

    family = read_config(RunDirectory(options.run))["run"].get("family")
    render = {"cyclegan": cyclegan.render, "stylegan2": stylegan2.render}.get(str(family), mlp_gan.render)
    print("\n".join(str(path) for path in render(options.run)))
    return 0
