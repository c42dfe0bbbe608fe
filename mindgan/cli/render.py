"""`mindgan render`: the pictures of a run again."""

from dataclasses import dataclass

DESCRIPTION = "Draw the loss curve, the GIF and the report of a run again, also while it is still training."


@dataclass(frozen=True)
class Options:
    """Render a run."""

    run: str = "./result"
    """The run's folder: the --train_url it was trained with."""


def run(options: Options) -> int:
    """Writes the files and says which."""
    from mindgan.mlp_gan.results import render

    print("\n".join(str(path) for path in render(options.run)))
    return 0
