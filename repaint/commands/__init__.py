"""The subcommands of the command line: arguments in, exit code out."""
