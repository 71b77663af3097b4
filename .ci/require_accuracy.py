"""Fail unless training ended with the accuracy expected: `require_accuracy.py RESULT MINIMUM`.

RESULT is a file written by `backprop train --json`.
"""

import json
import math
import sys
from pathlib import Path


def main(result: str, minimum: str) -> str | None:
    """What to complain about, or None where the last epoch's accuracy is high enough."""
    accuracies = json.loads(Path(result).read_text(encoding="utf-8"))["test_accuracy"]
    last = accuracies[-1] if accuracies else math.nan
    if not last >= float(minimum):  # NaN is not enough either
        return f"test_accuracy: expected {minimum} or more after the last epoch, got {accuracies}"
    print(f"test_accuracy: {last:.4f} after {len(accuracies)} epochs, {minimum} was expected")
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
