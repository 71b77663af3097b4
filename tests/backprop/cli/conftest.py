from pathlib import Path

import pytest

from checks.network.properties import network_properties
from tests.backprop.cli.runs import DIGITS, good


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder that the certificates of these runs are kept in."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def cache(kept: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every run uses that folder, and no data but what it names."""
    monkeypatch.setenv("GEARTRAIN_CACHE", str(kept))
    monkeypatch.delenv("GEARTRAIN_DATA", raising=False)
    return kept


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for the property checks, which have tests of their own."""
    monkeypatch.setattr(network_properties, "run_all", lambda profile, progress: ("one", "two"))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model after a real run, real gate included."""
    path = tmp_path_factory.mktemp("model") / "m"
    with pytest.MonkeyPatch.context() as patch:
        # Another cache: in that one lie certificates of tests that stand in for the properties.
        patch.setenv("GEARTRAIN_CACHE", str(tmp_path_factory.mktemp("own")))
        patch.delenv("GEARTRAIN_DATA", raising=False)
        options = ["--epochs", 8, "--save", path, "--json", f"{path}.json"]
        good(*DIGITS, *options)
    return path
