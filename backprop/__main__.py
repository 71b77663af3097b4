"""`python -m backprop` is `backprop`: where the command starts, and where it meets its gate.

The one module of this package that knows `checks`; nobody imports it. Nothing is imported here that
takes time: an interrupt is to end in one line from the beginning.
"""

from backprop.system import startup

TYPE_CHECKING = False  # a type checker takes it for true; `typing` takes time to load

if TYPE_CHECKING:
    from typing import Any


def main() -> None:
    """Run `backprop` on the process's arguments, and exit."""
    startup.load("backprop.cli.group").main(prog_name="backprop", obj=gate)


def gate(*arguments: "Any", **options: "Any") -> "Any":
    """The gate of `checks`, loaded when there is something to prove."""
    from checks.network.certification.gate import certify as prove

    return prove(*arguments, **options)


if __name__ == "__main__":
    main()
