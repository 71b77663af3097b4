import numpy as np
import pytest

from checks.network.certification import audit, verification
from tests.checks.network.certification.networks import batch, flip, small


def test_audits_of_different_weights_draw_different_numbers() -> None:
    """And an audit of the same weights draws the same ones again."""
    net = small()
    x, y = batch(net)
    first, again = audit.audit(net, x, y), audit.audit(net, x, y)
    assert first.seed == again.seed
    net.biases[-1] += 0.5
    assert audit.audit(net, x, y).seed != first.seed


def test_an_audit_is_a_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the current weights: a pass where they are right, a failure where they are not."""
    net = small(dtype=np.float32)
    x, y = batch(net, 50)
    assert audit.audit(net, x, y).verdict == "pass"
    permit = verification.verify(net, x, y)
    assert permit.audit(net, x, y).verdict == "pass"
    flip(monkeypatch)
    report = permit.audit(net, x, y)
    assert report.verdict == "fail"
    assert report.worst is not None
    assert report.worst.tensor == "W2"
