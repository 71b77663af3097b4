"""`python -m backprop`: the command line of `backprop.cli`."""

from backprop.cli import main

if __name__ == "__main__":
    main(prog_name="backprop")
