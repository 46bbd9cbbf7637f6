"""What all tests begin with."""

import signal

# A program that is started in the background by a shell ignores Ctrl-C, and Python leaves it so. Tests send it.
signal.signal(signal.SIGINT, signal.default_int_handler)
