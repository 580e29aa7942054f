"""Runs of several processes, started by torchrun as users start them, and what becomes of them when processes die."""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
import torch
import yaml
from torch.distributed import DistError, HashStore

from repaint.errors import DataError
from repaint.workers import worker
from repaint.workers.worker import CHUNK, Worker, single_worker
from tests.helpers import processes
from tests.helpers.processes import Process
from tests.helpers.tiny import make_run

ROOT = Path(__file__).parents[2]
PICTURES = 12
DEATHS = int(os.environ.get("REPAINT_DEATHS", "2"))  # how many random moments of death to try
STEPS = {"timestep_respacing": "10", "schedule_jump_params": {"jump_length": 2, "jump_n_sample": 2}}


def command(conf: Path, count: int, *arguments: str) -> list[str]:
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={count}"] if count else []
    return [*launcher, "test.py", "--conf_path", str(conf), "--device", "cpu", *arguments]


def restarting(conf: Path) -> list[str]:
    words = command(conf, 2)
    words.insert(words.index("--standalone"), "--max-restarts=1")
    return words


def run(conf: Path, count: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    return processes.run(*command(conf, count, *arguments))


def into(folder: Path, base: Path) -> Path:
    """The configuration `base` with results in another folder."""
    tree = yaml.safe_load(base.read_text())
    paths = tree["data"]["eval"]["tiny"]["paths"]
    tree["data"]["eval"]["tiny"]["paths"] = {key: f"{folder}/{Path(path).name}" for key, path in paths.items()}
    folder.mkdir()
    (folder / "conf.yml").write_text(yaml.safe_dump(tree))
    return folder / "conf.yml"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.png"))}


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of one process; its folder."""
    folder = tmp_path_factory.mktemp("workers")
    base = make_run(folder, PICTURES, **STEPS)
    done = run(into(folder / "alone", base), 0)
    assert done.returncode == 0, done.stderr
    return folder


def check_complete(folder: Path, reference: Path) -> None:
    """All is there once, equal to the bytes of the undisturbed run, and nothing else."""
    assert contents(folder) == contents(reference / "alone")
    assert sorted(line["name"] for line in lines(folder)) == [f"{i:02d}.png" for i in range(PICTURES)]
    strangers = [path for path in folder.rglob("*") if path.name.startswith(".repaint-") or path.suffix == ".part"]
    assert strangers == []
    assert not (folder / "manifest_parts").exists()


def test_several_processes_make_the_same_files(tmp_path: Path, reference: Path) -> None:
    count = 4  # what two do is seen where one of them dies
    done = run(into(tmp_path / "out", reference / "conf.yml"), count)
    assert done.returncode == 0, done.stderr
    check_complete(tmp_path / "out", reference)
    assert f"on {count} x cpu" in done.stdout
    assert done.stdout.count("12 pictures filled") == 1
    assert len([line for line in done.stdout.splitlines() if line.startswith("tiny:")]) == 1
    again = run(tmp_path / "out/conf.yml", count)
    assert "12 of 12 pictures are finished already" in again.stdout
    check_complete(tmp_path / "out", reference)


def wait_until(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + processes.PATIENCE
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def workers_of(launcher: int) -> list[int]:
    """Process numbers of the workers of a torchrun."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == launcher:
                found.append(int(path.parent.name))
    return sorted(found)


def kill_when(launcher: Process, folder: Path, finished: int, victim: int) -> bool:
    """Kill one of two workers with SIGKILL once so many pictures are finished; tells whether they still worked."""

    def ready() -> bool:
        return len(list(folder.glob("inpainted/*.png"))) >= finished and len(workers_of(launcher.pid)) == 2

    wait_until(lambda: launcher.poll() is not None or ready())
    workers = workers_of(launcher.pid)
    if len(workers) < 2:
        return False
    os.kill(workers[victim], signal.SIGKILL)
    return True


@pytest.mark.parametrize("number", range(DEATHS))
def test_what_a_killed_process_left_is_done_by_the_next_run(tmp_path: Path, reference: Path, number: int) -> None:
    chance = random.Random(number)
    finished, victim = chance.randrange(PICTURES - 1), chance.randrange(2)
    for attempt in itertools.count():
        out = tmp_path / f"out{attempt}"
        conf = into(out, reference / "conf.yml")
        launcher = Process(*command(conf, 2))
        killed = kill_when(launcher, out, finished, victim)
        if launcher.wait() != 0:
            break
        assert not killed  # on a busy machine all may be done before this process looks
    for path in out.rglob(".repaint-*.part"):
        os.utime(path, (0, 0))  # old enough to be nobody's
    done = run(conf, chance.choice([0, 2]))
    assert done.returncode == 0, done.stderr
    check_complete(out, reference)


def test_two_machines_restart_together_and_overwrite_once(tmp_path: Path, reference: Path) -> None:
    """After a death only its own machine counts the restart, so that number is not the same everywhere."""
    if DEATHS < 10:
        pytest.skip("torchrun takes minutes to notice; REPAINT_DEATHS=10 runs it")
    conf = into(tmp_path / "out", reference / "conf.yml")
    assert run(conf, 0).returncode == 0
    launch = command(conf, 1, "--overwrite")
    place = launch.index("--standalone")
    launch[place : place + 1] = [
        "--nnodes=2",
        "--rdzv_backend=c10d",
        "--rdzv_endpoint=localhost:29573",
        "--max-restarts=1",
    ]
    machines = [Process(*launch) for _ in range(2)]
    started = time.time()
    wait_until(lambda: sum(path.stat().st_mtime > started for path in tmp_path.glob("out/inpainted/*.png")) >= 3)
    os.kill(workers_of(machines[1].pid)[0], signal.SIGKILL)
    assert [machine.wait() for machine in machines] == [0, 0]
    assert all(path.stat().st_mtime > started for path in tmp_path.glob("out/inpainted/*.png"))
    for path in (tmp_path / "out").rglob(".repaint-*.part"):
        path.unlink()
    check_complete(tmp_path / "out", reference)


def test_a_restart_takes_over_what_a_killed_process_left(tmp_path: Path, reference: Path) -> None:
    conf = into(tmp_path / "out", reference / "conf.yml")
    launcher = Process(*restarting(conf))
    kill_when(launcher, tmp_path / "out", 2, 0)
    assert launcher.wait() == 0
    for path in (tmp_path / "out").rglob(".repaint-*.part"):
        path.unlink()  # too young for the restart to know that it is nobody's
    check_complete(tmp_path / "out", reference)


def test_a_mistake_is_reported_once(tmp_path: Path, reference: Path) -> None:
    conf = into(tmp_path / "out", reference / "conf.yml")
    words = command(conf, 2, "--set", "data.eval.tiny.gt_path=nowhere")
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True)  # torchrun's own start
    assert done.returncode != 0
    assert done.stderr.count("nowhere: no such folder") == 1


def test_a_bad_picture_decides_the_exit_code_when_all_others_are_done(tmp_path: Path) -> None:
    conf = make_run(tmp_path, 4)
    (tmp_path / "gt/02.png").write_bytes(b"damaged")
    done = processes.run(*restarting(conf))
    assert done.returncode != 0
    assert (
        done.stdout.count("3 pictures filled, 1 could not be done") == 1
    )  # a restart would end alike, so it does nothing
    assert len(list((tmp_path / "out/inpainted").iterdir())) == 3


def test_numbers_are_claimed_once() -> None:
    alone = single_worker(torch.device("cpu"))
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda _: list(alone.claim(500)), range(4)))
    assert sorted(number for part in parts for number in part) == list(range(500))


def pair(tmp: HashStore) -> list[Worker]:
    return [Worker(rank, 2, torch.device("cpu"), tmp, HashStore()) for rank in range(2)]


class FakeClock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    monkeypatch.setattr(worker, "time", clock)
    return clock


def test_messages_of_any_length_arrive() -> None:
    main, other = pair(HashStore())
    text = "ä" * (2 * CHUNK + 7)
    main.publish("plan", text)
    main.publish("nothing", "")
    assert other.wait_for("plan") == text
    assert other.wait_for("nothing") == ""


def test_nobody_waits_for_a_process_that_is_gone(clock: FakeClock) -> None:
    main, other = pair(HashStore())
    assert main.gather("tally", "mine", lambda: None) == ["mine"]
    assert clock.now == pytest.approx(worker.LOST_SECONDS, abs=1)
    with pytest.raises(DataError, match="the main process"):
        other.wait_for("end")


@pytest.mark.usefixtures("clock")
def test_a_slow_process_is_waited_for_while_it_lives() -> None:
    store = HashStore()
    main, other = pair(store)
    calls, last = 0, round(2 * worker.LOST_SECONDS / worker.POLL_SECONDS)

    def waiting() -> None:
        nonlocal calls
        calls += 1
        store.set("heartbeat/1", str(calls))
        if calls == last:
            other.publish("tally/1", "theirs")

    assert main.gather("tally", "mine", waiting) == ["mine", "theirs"]
    assert calls == last


def test_heartbeats_end_with_the_job(clock: FakeClock) -> None:
    beats: list[str] = []

    class EndingStore:
        def set(self, key: str, value: str) -> None:
            if len(beats) == 3:
                raise DistError("connection closed")
            beats.append(f"{key} at {value}")

    worker.send_heartbeats(EndingStore(), 1)  # type: ignore[arg-type]
    assert beats == ["heartbeat/1 at 0.0", "heartbeat/1 at 5.0", "heartbeat/1 at 10.0"]
