"""The one error that is meant for a person."""


class UserError(Exception):
    """Something the user can mend: the message is one line that names the file or option and the way out.

    The command line prints it without a traceback and exits with code 2.
    """
