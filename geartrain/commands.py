"""Commands: where `gradcheck` and `backprop` start, once they are installed.

A module of the user's called `checks` or `backprop`, in PYTHONPATH say, does not hide ours here.
"""

from geartrain.siblings import load_first


def gradcheck() -> None:
    """Run `gradcheck` on the process's arguments, and exit."""
    load_first()
    from checks.__main__ import main

    main()


def backprop() -> None:
    """Run `backprop` on the process's arguments, and exit."""
    load_first()
    from backprop.__main__ import main

    main()
