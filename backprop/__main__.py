"""`python -m backprop` is `backprop`, and this is where the command starts.

Nothing is imported here that takes time: an interrupt is to end in one line from the beginning.
"""

from backprop import start


def main() -> None:
    """Run `backprop` on the process's arguments, and exit."""
    start.load("backprop.cli").main(prog_name="backprop")


if __name__ == "__main__":
    main()
