"""Restoring: after a check, the user's parameters and objects are as they were before it.

The functions are called on copies. But a cost may change arrays that it reaches by itself, and an
object that keeps the last parameters it was given would be left with ones that the check has moved,
or made complex. So the arrays are compared bit for bit and put back, and each function is called
once more at the user's own parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from checks.problem import nested
from checks.problem.nested import Array
from checks.verdict.conduct import same_bits
from checks.verdict.report import Report


class Restoring:
    """What the check may not leave changed, as it was when this was made.

    Parameters
    ----------
    params
        The user's parameters; of anything nested, the arrays.
    inputs
        Further arrays of theirs, by name.
    again
        What calls each function at the parameters, by what it is called in a note.
    """

    def __init__(
        self, params: Any, inputs: dict[str, Array], again: dict[str, Callable[[Any], Any]]
    ) -> None:
        given = dict(nested.leaves(params, root="params"))
        arrays = {name: v for name, v in given.items() if isinstance(v, np.ndarray)}
        # Single numbers are handed over as NumPy's, as all through the check.
        same = len(arrays) == len(given)
        self._params = params if same else nested.rebuild(params, map(np.asarray, given.values()))
        self._kept = [
            [(name, v, v.copy()) for name, v in theirs.items()] for theirs in (arrays, inputs)
        ]
        self._again = again
        self.notes: tuple[str, ...] = ()
        self.changed: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())

    def put_back(self) -> None:
        """Put the arrays back, have each function called at them, and note what was amiss.

        What the functions change in these last calls is put back as well; that they do is for the
        check itself to say.
        """
        parameters, inputs = self._arrays()
        notes = []
        for what, function in self._again.items():
            try:
                with np.errstate(all="ignore"):
                    function(self._params)
            except Exception as error:  # noqa: BLE001 anyone's function may raise anything
                notes.append(
                    f"after the check, {what} raised {type(error).__name__}: {error}; what keeps"
                    " the last parameters it was given may hold ones that the check has moved"
                )
        self._arrays()
        self.notes = tuple(notes)
        self.changed = _told(parameters), _told(inputs)

    def _arrays(self) -> list[list[tuple[str, bool]]]:
        """Put back what has changed; of parameters and inputs, which, and whether it could be."""
        return [
            [(name, _put_back(array, before)) for name, array, before in kept
             if not same_bits(array, before)]
            for kept in self._kept
        ]  # fmt: skip


def _put_back(array: Array, before: Array) -> bool:
    try:
        array[...] = before
    except (ValueError, TypeError):  # it is read-only, or has another shape by now
        return False
    return True


def _told(changed: list[tuple[str, bool]]) -> tuple[str, ...]:
    """A sentence each on arrays that were put back and on those that could not be."""
    ends = {True: "they are as before again", False: "they could not be put back"}
    return tuple(
        f"the functions changed the caller's own arrays {', '.join(names)}; {end}"
        for done, end in ends.items()
        if (names := [name for name, could in changed if could is done])
    )


@contextmanager
def restored(
    params: Any, inputs: dict[str, Array], again: dict[str, Callable[[Any], Any]]
) -> Iterator[Restoring]:
    """A block after which all is put back, however it ends; the arguments are `Restoring`'s.

    An interrupt is no exception: who interrupts a check in a notebook goes on with the model.
    """
    kept = Restoring(params, inputs, again)
    try:
        yield kept
    finally:
        kept.put_back()


def noted(report: Report, kept: Restoring) -> Report:
    """The report with what there is to say of the user's own parameters and objects.

    Inputs that were put back need no word where the diagnosis is that they are changed.
    """
    parameters, inputs = kept.changed
    diagnosed = report.diagnosis is not None and report.diagnosis.code.endswith("changes-inputs")
    notes = (*parameters, *(() if diagnosed else inputs), *kept.notes)
    return replace(report, notes=(*report.notes, *notes)) if notes else report
