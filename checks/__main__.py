"""`python -m checks` is `gradcheck`, and this is where the command starts.

Nothing is imported here that takes time: an interrupt is to end in one line from the beginning.
"""

from backprop.system import startup


def main() -> None:
    """Run `gradcheck` on the process's arguments, and exit."""
    startup.load("checks.cli.gradcheck").main()


if __name__ == "__main__":
    main()
