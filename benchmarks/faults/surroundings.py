"""A machine, a network and guests that do not go along: no memory, full disks, hostile servers."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from injected import Found, Inject, run
from processes import WORK, train, undisturbed

import backprop.__main__
import checks.cli.gradcheck
from backprop import init_net, passes
from backprop.datasets import download
from backprop.training import epochs, evaluation, fast_loop, gradient_descent, minibatches, permit
from backprop.training.fingerprint import fingerprint
from backprop.training.model_file import Model, StorageError, load_model, require_same_run
from checks import check_gradients
from checks.parallel import executors

DEVICES = ("/dev/zero", "/dev/urandom", "/dev/full", "/dev/null", "/proc/self/mem", "/", "/nothing")


def gradcheck(*words: object, before: Callable[[], object] = int) -> Any:
    """A check in a child of this process."""
    return run(checks.cli.gradcheck.main, *words, before=before)


# --- the machine ----------------------------------------------------------------------------------


def full_disks(count: int, rng: random.Random) -> Found:
    """Files that may not grow beyond some bytes, while models and results are written."""
    undisturbed()
    for _ in range(count):
        folder = Path(tempfile.mkdtemp(dir=WORK))
        before = {}
        for name in ("m", "r.json"):
            (folder / name).write_bytes(before.setdefault(name, rng.randbytes(50)))
        most = rng.randrange(0, 13_000)
        ran = train(
            folder / "m", "--json", folder / "r.json", before=partial(_limited, "FSIZE", most)
        )
        lost = ran.ended(5)
        whole = {name for name in before if (folder / name).read_bytes() == before[name]}
        if lost is None and ("m" not in whole or any(folder.glob(".*"))):
            lost = f"at {most} bytes: kept {whole}, left {list(folder.iterdir())}"
        shutil.rmtree(folder)
        yield lost


def _limited(name: str, most: int) -> None:
    number = getattr(resource, f"RLIMIT_{name}")
    if name == "FSIZE":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    if name == "AS":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most += pages * resource.getpagesize()
    resource.setrlimit(number, (most, most))


def little_memory(count: int, rng: random.Random) -> Found:
    """A network that does not fit, checked with some megabytes more than there are now."""
    for number in range(count):
        most = rng.randrange(1 << 20, 200 << 20)
        words = (["784-2000-2000-10", "--probe"], ["784-2000-10"])[number % 2]
        ran = gradcheck(*words, before=partial(_limited, "AS", most))
        # BLAS, where it finds no memory itself, ends the process by a signal: that is no verdict.
        yield ran.ended(5, -signal.SIGSEGV, -signal.SIGABRT) or ran.out or None


def few_files(count: int, rng: random.Random) -> Found:
    """Hardly any file may be opened, with and without worker processes."""
    for number in range(count):
        most = rng.randrange(3, 14)
        jobs = ("--jobs", "4") if number % 2 else ()
        ran = gradcheck("3", "2", "2", *jobs, before=partial(_limited, "NOFILE", most))
        lost = ran.ended(0, 5)
        yield lost or (None if ran.code or "pass" in ran.out else "0 without a pass")


def cache_folders(count: int, rng: random.Random) -> Found:
    """A cache folder that is none, is full, cannot be made, or holds something else."""
    undisturbed()
    file = WORK / "a file"
    file.touch()
    places = ("/dev/full", "/dev/null/c", "/proc/c", str(file), str(file / "c"))
    for number in range(count):
        folder = Path(tempfile.mkdtemp(dir=WORK))

        def before(number: int = number, folder: Path = folder) -> None:
            if number % 2:
                os.environ["GEARTRAIN_CACHE"] = places[number // 2 % len(places)]
                return
            os.environ["GEARTRAIN_CACHE"] = str(folder)
            shutil.copytree(WORK / "cache" / "certificates", folder / "certificates")
            for path in (folder / "certificates").iterdir():
                data = path.read_bytes()
                path.write_bytes(data[: len(data) // 2] + rng.randbytes(9) + data[-9:])

        ran = train(folder / "m", before=before)
        same = (folder / "m").exists() and (folder / "m").read_bytes() == undisturbed()[0]
        shutil.rmtree(folder)
        yield ran.ended(0) or (None if same else "another model")


def devices(count: int, _: random.Random) -> Found:
    """Devices, folders and nothing at all in the place of files."""
    undisturbed()
    model = WORK / "whole" / "m"
    commands: tuple[Callable[[str], tuple[Callable[[], object], list[object]]], ...] = (
        lambda path: (backprop.__main__.main, ["predict", model, path]),
        lambda path: (backprop.__main__.main, ["evaluate", path]),
        lambda path: (backprop.__main__.main, ["train", "--data-dir", path]),
        lambda path: (checks.cli.gradcheck.main, ["3", "2", "--compare", path]),
        lambda path: (checks.cli.gradcheck.main, [f"{path}:subject"]),
    )
    for number in range(count):
        path = DEVICES[number // len(commands) % len(DEVICES)]
        main, words = commands[number % len(commands)](path)
        lost = run(main, *words, before=partial(_limited, "CPU", 20)).ended(2)
        yield lost and f"{words}: {lost}"


# --- servers --------------------------------------------------------------------------------------

RIGHT = random.Random(0).randbytes(200_000)  # noqa: S311 no cryptography
SHA256 = hashlib.sha256(RIGHT).hexdigest()
HEAD = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: %d\r\n\r\n"


class Hostile(BaseHTTPRequestHandler):
    """A mirror that answers in the way its path names."""

    def do_GET(self) -> None:
        """Answer, or do not come to an end of it."""
        way = self.path.split("/")[1]
        with contextlib.suppress(OSError):
            getattr(self, way)()
        self.close_connection = True

    def right(self) -> None:
        """The file."""
        self.wfile.write(HEAD + LENGTH % len(RIGHT) + RIGHT)

    def wrong(self) -> None:
        """Another file of that size."""
        self.wfile.write(HEAD + LENGTH % len(RIGHT) + RIGHT[::-1])

    def short(self) -> None:
        """Less than was promised."""
        self.wfile.write(HEAD + LENGTH % len(RIGHT) + RIGHT[:-1])

    def more(self) -> None:
        """More than the file has."""
        self.wfile.write(HEAD + LENGTH % (len(RIGHT) + 1) + RIGHT + b"!")

    def endless(self) -> None:
        """No end, and no word of one."""
        self.wfile.write(HEAD + b"\r\n")
        for _ in range(1000):
            self.wfile.write(bytes(1 << 20))

    def packed(self) -> None:
        """A body said to be compressed that is not."""
        self.wfile.write(HEAD + b"Content-Encoding: gzip\r\n" + LENGTH % len(RIGHT) + RIGHT)

    def slow(self) -> None:
        """A byte now and then."""
        self.wfile.write(HEAD + LENGTH % len(RIGHT))
        for _ in range(300):
            self.wfile.write(b"x")
            time.sleep(0.01)

    def header(self) -> None:
        """A header without an end."""
        self.wfile.write(HEAD)
        for _ in range(300):
            self.wfile.write(b"X: y\r\n")
            time.sleep(0.01)

    def noise(self) -> None:
        """No HTTP at all."""
        self.wfile.write(os.urandom(1000))

    def nothing(self) -> None:
        """A closed connection."""

    def circle(self) -> None:
        """A redirection to itself."""
        self.wfile.write(b"HTTP/1.1 302 Found\r\nLocation: /circle/f\r\n" + LENGTH % 0)

    def elsewhere(self) -> None:
        """A redirection to a file of this machine."""
        self.wfile.write(b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n" + LENGTH % 0)

    def refused(self) -> None:
        """An error of the server."""
        self.wfile.write(b"HTTP/1.1 500 No\r\n" + LENGTH % 0)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


WAYS = [name for name, found in vars(Hostile).items() if callable(found) and name[0].islower()]
WAYS = [name for name in WAYS if name not in ("do_GET", "log_message")]


def mirrors(count: int, rng: random.Random) -> Found:
    """One to three mirrors, each hostile in a way of its own, or right."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["NO_PROXY"] = "127.0.0.1"
    download.PAUSE, download.TOTAL_SECONDS = 0.0, 0.3
    for _ in range(count):
        folder = Path(tempfile.mkdtemp(dir=WORK))
        ways = rng.sample(WAYS, rng.randrange(1, 4))
        asked = [f"http://127.0.0.1:{server.server_port}/{way}/" for way in ways]
        try:
            download.fetch(
                folder / "f", sha256=SHA256, size=len(RIGHT), mirrors=asked, say=lambda _: None
            )
            came = [(path.name, path.read_bytes()) for path in folder.iterdir()]
            yield None if "right" in ways and came == [("f", RIGHT)] else f"{ways}: wrong file"
        except download.UnavailableError as error:
            left = list(folder.iterdir())
            yield None if len(error.args) == len(ways) and not left else f"{ways}: {error}, {left}"
        except Exception as error:  # noqa: BLE001 that is what is looked for
            yield f"{ways}: {error!r}"
        shutil.rmtree(folder)
    server.shutdown()
    server.server_close()


# --- guests ---------------------------------------------------------------------------------------


class Guest(Executor):
    """An executor that answers in one of many ways, some of the time."""

    def __init__(self, rng: random.Random) -> None:
        self.rng, self.share = rng, rng.random()
        self.answer = rng.choice((_none, _lost, _garbage, _silent, _infinite, _gone))

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        """A future, or whatever."""
        future: Future[Any] = Future()
        if self.rng.random() < self.share:
            return self.answer(future)
        future.set_result(fn(*args, **kwargs))
        return future


def _none(_: Future[Any]) -> Any:
    return None


def _lost(future: Future[Any]) -> Any:
    future.set_exception(OSError("the worker is gone"))
    return future


def _garbage(future: Future[Any]) -> Any:
    future.set_result({"no": "result"})
    return future


def _infinite(future: Future[Any]) -> Any:
    future.set_result((np.full(8, np.inf), {"cost": 1, "process": 1}))
    return future


def _silent(future: Future[Any]) -> Any:
    return future


def _gone(_: Future[Any]) -> Any:
    raise RuntimeError("cannot schedule new futures after shutdown")


def guests(count: int, rng: random.Random) -> Found:
    """Executors that return no futures, no results, infinities, errors, or nothing for ever."""
    executors.SILENCE, executors.PAUSE = 0.02, 0.0
    x = np.linspace(1, 2, 8)
    for number in range(count):
        factor, verdict = ((1.0, "pass"), (1.5, "fail"))[number % 2]
        guest, oracle = Guest(rng), rng.choice(("auto", "real"))
        yield _judged(guest, x, factor, verdict, oracle)


def _judged(executor: Executor, x: Any, factor: float, verdict: str, oracle: Any) -> str | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            report = check_gradients(
                _cubes, partial(_slopes, factor), x, executor=executor, oracle=oracle
            )
        except Exception as error:  # noqa: BLE001 that is what is looked for
            return repr(error)
    return None if report.verdict == verdict else f"{report.verdict} instead of {verdict}"


def _cubes(x: Any) -> Any:
    if Path(_dies()).exists():
        with contextlib.suppress(OSError):
            Path(_dies()).unlink()
            if os.getpid() != int(os.environ["FAULTS_PARENT"]):
                os.kill(os.getpid(), signal.SIGKILL)
    return (x**3).sum()


def _dies() -> str:
    return os.environ.get("FAULTS_DIES", os.devnull + "/none")


def _slopes(factor: float, x: Any) -> Any:
    return factor * 3 * x**2


def workers(count: int, rng: random.Random) -> Found:
    """Worker processes that are killed in the middle of a piece, alone or with the whole pool."""
    os.environ["FAULTS_PARENT"] = str(os.getpid())
    executors.SILENCE, executors.PAUSE = 5.0, 0.0
    for number in range(count):
        factor, verdict = ((1.0, "pass"), (1.5, "fail"))[number % 2]
        with ProcessPoolExecutor(2) as pool:
            list(pool.map(abs, range(2)))
            mark = WORK / "dies"
            os.environ["FAULTS_DIES"] = str(mark)
            workers = list(pool._processes or ())  # noqa: SLF001 to kill them
            if rng.random() < 1 / 2:
                for pid in workers:
                    os.kill(pid, signal.SIGKILL)
            mark.touch()
            yield _judged(pool, np.linspace(1, 2, 8), factor, verdict, "auto")
            mark.unlink(missing_ok=True)
    del os.environ["FAULTS_DIES"]


def replaced_code(count: int, _: random.Random) -> Found:
    """Functions that training runs, replaced after the proof."""
    spots = (
        *((epochs, n) for n in ("train", "epoch_order", "split_samples", "require_permit")),
        (evaluation, "evaluate"), (permit, "require_permit"), (passes, "forward"),
        (passes, "backward"), (gradient_descent, "descend"), (gradient_descent, "Batches"),
        (fast_loop.Loop, "step"), (minibatches.Batches, "of"),
    )  # fmt: skip
    net = init_net((3, 2, 2), seed=0)
    for number in range(count):
        holder, name = spots[number % len(spots)]
        proved: Any = SimpleNamespace(verdict="pass", fingerprint=fingerprint(net))
        inner = getattr(holder, name)
        setattr(holder, name, partial(inner))
        try:
            _asked(net, proved)
            yield f"{holder.__name__}.{name}: not noticed"
        except permit.PermitError:
            yield None
        finally:
            setattr(holder, name, inner)


_asked = permit.require_permit


def other_runs(count: int, rng: random.Random) -> Found:
    """Checkpoints of runs with another shape, seed, peak, size of images, data and so on."""
    net = init_net((6, 4, 3), seed=1)
    model = Model(net=net, dataset="digits", peak=16, image_shape=(2, 3), data_checksum="ab")
    changes: list[dict[str, Any]] = [
        {"net": init_net((6, 5, 3))}, {"net": init_net((6, 4, 3), activation="relu")},
        {"net": init_net((6, 4, 3), dtype=np.float32)}, {"dataset": "mnist"}, {"peak": 255},
        {"image_shape": (3, 2)}, {"data_checksum": "cd"}, {"seed": 2}, {"batch_size": 10},
    ]  # fmt: skip
    for _ in range(count):
        change = rng.choice(changes)
        try:
            require_same_run("m.checkpoint", replace(model, **change), model)
            yield f"taken with another {', '.join(change)}"
        except StorageError:
            yield None


def nests(count: int, rng: random.Random) -> Found:
    """Parameters, gradients and inputs that are nested thousands deep, or hold themselves."""
    for number in range(count):
        nest: Any = np.ones(3)
        for _ in range(rng.randrange(101, 4000)):
            nest = [nest] if rng.random() < 1 / 2 else {"a": nest}
        if number % 2:
            nest = [np.ones(3)]
            nest.append({"b": nest})
        params, gradient, inputs = (nest if number % 3 == k else np.ones(3) for k in range(3))
        try:
            check_gradients(lambda _: 3.0, lambda _, g=gradient: g, params, inputs=inputs)
            yield "accepted"
        except (ValueError, TypeError):
            yield None
        except Exception as error:  # noqa: BLE001 that is what is looked for
            yield repr(error)


def equal_runs(count: int, _: random.Random) -> Found:
    """The same training again: the same file."""
    model = undisturbed()[0]
    for _ in range(count):
        folder = Path(tempfile.mkdtemp(dir=WORK))
        train(folder / "m")
        yield None if (folder / "m").read_bytes() == model else "another file"
        shutil.rmtree(folder)


def diverging(count: int, rng: random.Random) -> Found:
    """Rates at which parameters stop being finite: told, and the last finite checkpoint kept."""
    undisturbed()
    for number in range(count):
        folder = Path(tempfile.mkdtemp(dir=WORK))
        rate, name = 10 ** rng.uniform(20, 300), ("relu", "identity", "softplus")[number % 3]
        ran = train(folder / "m", "--learning-rate", rate, "--activation", name)
        kept = all(load_model(path).history for path in folder.glob("m*"))
        shutil.rmtree(folder)
        yield ran.ended(1) or (None if kept and "finite" in ran.err else ran.err)


def left_folders(count: int, _: random.Random) -> Found:
    """Code under check that goes to another folder: results lie where they were to go."""
    (WORK / "goes.py").write_text(
        "import os, tempfile\nimport numpy as np\n"
        "def cost(x):\n    os.chdir(tempfile.gettempdir())\n    return (x**2).sum()\n"
        "subject = cost, lambda x: 2 * x, np.ones(3)\n"
    )
    for _ in range(count):
        ran = gradcheck("goes.py:subject", "--json", "r.json", before=lambda: os.chdir(WORK))
        found = json.loads((WORK / "r.json").read_text())["verdict"]
        (WORK / "r.json").unlink()
        yield ran.ended(0) or (None if found == "pass" else found)


ROWS: dict[str, tuple[Inject, int]] = {
    "a disk that is full after some bytes": (full_disks, 40),
    "networks that do not fit into memory": (little_memory, 12),
    "3 to 13 open files, with and without --jobs 4": (few_files, 20),
    "cache folders that are none, full or damaged": (cache_folders, 6),
    "devices, folders and nothing in the place of files": (devices, 35),
    "hostile mirrors": (mirrors, 200),
    "executors that answer with anything else, or not at all": (guests, 400),
    "worker processes killed in the middle": (workers, 20),
    "code replaced after the proof": (replaced_code, 120),
    "checkpoints of other runs": (other_runs, 1000),
    "learning rates at which training diverges": (diverging, 9),
    "parameters without an end": (nests, 300),
    "equal runs": (equal_runs, 5),
    "code under check that leaves its folder": (left_folders, 5),
}
