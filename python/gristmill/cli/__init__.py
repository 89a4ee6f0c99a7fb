"""The command line: one file a verb, each with `add_parser` and `run`. The only place that prints or exits.

`main` finds the verb, imports its file alone, and turns errors into messages and exit codes. Not here: any work.
"""
