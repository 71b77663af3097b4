"""The history: what each epoch of training came to, kept with the model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """What one epoch came to.

    Attributes
    ----------
    epoch
        Counted from 1.
    loss
        The mean cost over the test samples after the epoch; over the training samples where there
        are no test samples.
    test_accuracy
        The share of test samples whose largest output is the right one; None where there are no
        test samples, or a single output.
    seconds
        The time that training took, without the test and the audit; None where it was read from a
        file, which holds nothing of the clock: equal runs write equal files.
    audit
        The verdict line of the audit; None where there was none.
    learning_rate
        The rate of this epoch; None in files that were written before it was kept.
    note
        After the first epoch of a run: why the network does not learn; None where it does. It is
        not kept with the model.
    """

    epoch: int
    loss: float
    test_accuracy: float | None
    seconds: float | None = None
    audit: str | None = None
    learning_rate: float | None = None
    note: str | None = None
