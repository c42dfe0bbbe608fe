"""`python -m mindgan` is `mindgan`."""

import sys


def main() -> int:
    """The exit code of the command line; Ctrl-C is quiet from the first moment, while modules are still loaded."""
    try:
        from mindgan.cli import main as command_line

        return command_line.main()
    except KeyboardInterrupt:
        print("mindgan: stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
