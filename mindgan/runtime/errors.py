"""The one error that is meant for a person."""


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
