"""The command line: the only code that parses arguments or prints to a person. One file a command."""
