"""The one exception that users are meant to read."""


class InputError(Exception):
    """Bad input or configuration.

    The message names the file, line or utterance at fault and says what to do. The command line
    prints it without a traceback and exits with status 2.
    """
