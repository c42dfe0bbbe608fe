"""The one error that is meant for a person."""

MAX_SEED = 2**32 - 1  # NumPy's and MindSpore's


class UserError(Exception):
    """Something the user can mend: the message is one line that names the file or option and the way out.

    The command line prints it without a traceback and exits with code 2.
    """


def require_at_most(most: int, **options: int) -> None:
    """Raises UserError where the value of an option is above `most`; options are given by name."""
    for name, value in options.items():
        if value > most:
            raise UserError(f"--{name} {value} is too large; it must be {most} or less")


def require_at_least(least: int, **options: int) -> None:
    """Raises UserError where the value of an option is below `least`; options are given by name."""
    for name, value in options.items():
        if value < least:
            raise UserError(f"--{name} {value} is too small; it must be {least} or more")


def require_seed(seed: int) -> None:
    """Raises UserError where --seed is none that every generator of random numbers takes."""
    if not 0 <= seed <= MAX_SEED:
        raise UserError(f"--seed {seed} is out of range; it must be from 0 to {MAX_SEED}")
