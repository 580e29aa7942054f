"""The page in a browser: Debian's Chromium paints, fills, goes on with fills, stops and downloads, in a narrow window
and by keyboard too.

`REPAINT_SCREENSHOT=docs/demo.png` keeps the README's picture of it.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "examples/pictures"
CHROMIUM = shutil.which("chromium")

pytest.importorskip("playwright")
if find_spec("gradio") is None:  # it is not imported here: the page is another process
    pytest.skip("needs gradio", allow_module_level=True)
if CHROMIUM is None:
    pytest.skip("needs Debian's chromium", allow_module_level=True)

import httpx  # noqa: E402
from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402

from repaint.checkpoints.safe_files import encode_checkpoint  # noqa: E402
from repaint.demo.choices import Choices  # noqa: E402
from tests.helpers.tiny import FLAGS, tiny_unet  # noqa: E402

SCREENSHOT = os.environ.get("REPAINT_SCREENSHOT")
PATIENCE = 300  # seconds: events are waited for, however busy the machine is

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network in place of the bundled: a call takes a fraction of the time."""
    path = tmp_path_factory.mktemp("page") / "small.safetensors"
    path.write_bytes(encode_checkpoint(tiny_unet(image_size=64).state_dict(), {"network": FLAGS | {"image_size": 64}}))
    return path


@pytest.fixture(scope="module")
def address(model: Path) -> Iterator[str]:
    """Of the page that `scripts/demo.py` serves."""
    command = [sys.executable, "-u", str(ROOT / "scripts/demo.py"), "--device", "cpu"]
    command += ["--model", str(model), str(ROOT / "examples/faces64.safetensors")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            found = re.search(r"http://\S+", server.stdout.readline())
            assert found
            yield found[0]
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with (
        sync_playwright() as playwright,
        closing(playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])) as browser,
    ):
        yield browser


@pytest.fixture
def outside() -> list[str]:
    """Addresses of other machines that the page asks for something."""
    return []


def visit(browser: Browser, address: str, outside: list[str]) -> Page:
    """A visitor of his own, with a window of his own: a tab behind another one is drawn once a second."""
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.set_default_timeout(1000 * PATIENCE)
    page.on("request", lambda request: outside.append(request.url) if is_outside(request.url, address) else None)
    page.goto(address)
    page.locator("#picture canvas").first.wait_for()  # earlier, the editor ignores a file
    return page


def load(page: Page, picture: str) -> None:
    ended: list[str] = []  # streams of events: that of an upload ends once the brush has its size
    for end in ("requestfinished", "requestfailed"):  # by the server, or by the page after the last event
        page.on(end, lambda request: ended.append(request.url) if "/queue/data" in request.url else None)
    page.locator("#picture input[type=file]").first.set_input_files(PICTURES / picture)
    wait_until(page, lambda: bool(ended))
    wait_for_picture(page)


def choose_example(page: Page, number: int) -> None:
    page.locator(".gallery-item").nth(number).click()
    wait_for_picture(page)


def wait_for_picture(page: Page) -> None:
    page.get_by_text(re.compile(r"^[2-9]\d\d%$")).wait_for()  # enlarged to fill the editor's field
    wait_for_drawing(page)


def is_outside(url: str, address: str) -> bool:
    return not url.startswith((address, address.replace("http", "ws"), "data:", "blob:"))


def choose(page: Page, schedule: str) -> None:
    page.locator(f"input[type=radio][value={schedule}]").check()


def wait_for_model(page: Page, name: str) -> None:
    selected = page.get_by_label("Model").first.element_handle()
    page.wait_for_function("([input, name]) => input.value === name", arg=[selected, name])


def set_fills(page: Page, count: int) -> None:
    page.get_by_label("number input for Fills").fill(str(count))


def paint(page: Page) -> None:
    """A stroke across the middle of the picture."""
    box = page.locator("#picture canvas").first.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 50, y)
    page.mouse.down()
    page.mouse.move(x + 50, y + 20, steps=3)
    page.mouse.up()
    wait_for_drawing(page)


def wait_until(page: Page, condition: Callable[[], bool]) -> None:
    """Let the page work until a condition holds, which its events bring about."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        page.wait_for_timeout(20)


def wait_for_drawing(page: Page) -> None:
    """Two animation frames: the first may have begun before."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def wait_for_status(page: Page, pattern: str) -> re.Match[str]:
    """The status may change right after it has matched, so the page gives the text that did."""
    text = "document.querySelector('#status').innerText"
    handle = page.wait_for_function(f"/{pattern}/.test({text}) && {text}", polling=100)
    found = re.search(pattern, handle.json_value())
    assert found
    return found


def download(page: Page, folder: Path, number: int = 0) -> np.ndarray:
    with page.expect_download() as event:
        page.locator("#files a").nth(number).click()
    event.value.save_as(folder / "fill.png")
    return np.asarray(Image.open(folder / "fill.png").convert("RGB"))


def check_stroke(fill: np.ndarray, picture: str) -> None:
    """A fill differs from its picture around what `paint` has painted, and nowhere else."""
    truth = np.asarray(Image.open(PICTURES / picture).convert("RGB"))
    assert fill.shape == truth.shape
    hole = (fill != truth).any(axis=2)
    rows, columns = np.abs(np.indices(hole.shape) / np.array(hole.shape)[:, None, None] - 0.5)
    assert 0.04 < hole.mean() < 0.3
    assert not hole[(rows > 0.25) | (columns > 0.35)].any()


def test_paint_fill_download(browser: Browser, address: str, outside: list[str], tmp_path: Path) -> None:
    with closing(visit(browser, address, outside)) as page:
        assert page.get_by_label("Model").first.input_value() == "small.safetensors"
        choose_example(page, 1)  # the first is a photograph
        wait_for_model(page, "faces64.safetensors")  # which suits it
        page.locator("#fill").click()
        page.get_by_text("nothing is painted yet; paint over what shall be replaced").wait_for()
        choose(page, "fast" if SCREENSHOT else "preview")
        set_fills(page, 4 if SCREENSHOT else 2)
        paint(page)
        page.get_by_label("Seed", exact=True).fill("-1")
        page.locator("#fill").click()
        wait_for_status(page, "seed: enter a whole number")
        page.get_by_label("Seed", exact=True).fill("0")
        page.locator("#fill").click()
        calls = wait_for_status(page, r"done, (\d+) network calls")
        assert calls[1] == ("60" if SCREENSHOT else "33")
        page.locator("#gallery img").nth(1).wait_for()
        page.wait_for_function("[...document.querySelectorAll('#gallery img')].every(image => image.complete)")
        page.locator("#compare img").nth(1).wait_for()
        page.screenshot(path=SCREENSHOT or tmp_path / "page.png", full_page=True)
        fills = [download(page, tmp_path, number) for number in range(2)]
        assert (fills[0] != fills[1]).any()
        for fill in fills:
            check_stroke(fill, "face_0.png")

        check_keyboard(page)
        check_narrow_window(page)
        page.locator("#back").press("Space")
        page.locator("#back").wait_for(state="hidden")
        page.locator("#hole-white input").check()
        page.locator("#mask-file input[type=file]").set_input_files(write_mask(tmp_path))
        page.locator("#mask-file img").wait_for()
        page.locator("#sides").get_by_label("right").check()
        page.locator("#length input, #length textarea").fill("16")
        set_fills(page, 1)
        page.locator("#fill").click()
        page.wait_for_function("document.querySelectorAll('#gallery img').length === 0")
        wait_for_status(page, r"done, (\d+) network calls")
        again = download(page, tmp_path)
    check_masked_and_extended(again, fills[0])
    assert outside == []


def check_keyboard(page: Page) -> None:
    """Tab reaches every control, which shows it; keys open sections, move the slider, choose a fill and take it."""
    for section in ("#mask", "#more"):
        page.locator(f"{section} button").first.press("Enter")
        page.locator(f"{section} input[type=checkbox]").last.wait_for()
    assert page.get_by_label("Method").first.input_value() == "the schedule's own"
    assert page.get_by_label("Refine large holes").first.input_value() == "none"  # of a model of whole faces
    handle = page.locator("#compare [data-testid=slider]")
    middle = handle.get_attribute("style")
    handle.press("ArrowRight")
    assert handle.get_attribute("aria-valuenow") == "55"
    page.wait_for_function(
        "before => document.querySelector('#compare [data-testid=slider]').getAttribute('style') !== before", arg=middle
    )
    page.locator("#gallery button.thumbnail-item").nth(1).press("Enter")
    page.wait_for_function("document.querySelectorAll('#compare img')[1].src.includes('fill_seed0_1')")
    page.locator("#take").press("Enter")
    page.locator("#back").wait_for()
    page.evaluate("document.activeElement.blur()")
    names = "picture back mask mask-file hole-white soft fill stop more sides length refine adapt"
    missing = {f"#{name}" for name in [*names.split(), "gallery", "compare", "take", "files"]}
    for _ in range(100):
        page.keyboard.press("Tab")
        found = page.evaluate(
            """places => {
                const focus = document.activeElement;
                const visible = focus === document.body || parseFloat(getComputedStyle(focus).outlineWidth) >= 3;
                return [visible, places.filter(place => focus.closest(place))];
            }""",
            sorted(missing),
        )
        assert found[0], page.evaluate("document.activeElement.outerHTML")
        missing -= set(found[1])
        if not missing:
            return
    raise AssertionError(f"Tab does not reach {missing}")


def check_narrow_window(page: Page) -> None:
    """Nothing is cut off at 360 pixels with all sections open, nor is there anything to scroll to the side."""
    wide = page.viewport_size
    assert wide is not None
    page.set_viewport_size({"width": 360, "height": 740})
    wait_for_drawing(page)
    page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
    beyond = """() => [...document.querySelectorAll('button, input, img, label, span, p, a, canvas')].filter(each => {
        const box = each.getBoundingClientRect();
        return box.width && (box.right > innerWidth + 1 || box.left < -1);
    }).map(each => each.outerHTML)"""
    assert page.evaluate(beyond) == []
    page.set_viewport_size(wide)
    wait_for_drawing(page)


def write_mask(folder: Path) -> Path:
    """White below what `paint` paints."""
    levels = np.zeros((64, 64), np.uint8)
    levels[52:60, 8:24] = 255
    Image.fromarray(levels).save(folder / "mask.png")
    return folder / "mask.png"


def check_masked_and_extended(fill: np.ndarray, painted: np.ndarray) -> None:
    """The fill of the hole that `painted` fills and of `write_mask`, in the picture and a quarter more."""
    truth = np.asarray(Image.open(PICTURES / "face_0.png").convert("RGB"))
    assert fill.shape == (64, 80, 3)
    changed = (fill[:, :64] != truth).any(axis=2)
    assert changed[52:60, 8:24].mean() > 0.9
    stroke = (painted != truth).any(axis=2)
    assert changed[stroke].mean() > 0.9
    changed[52:60, 8:24] = False
    assert (changed & ~stroke).sum() <= 0.01 * stroke.sum()  # a fill may hit upon the picture's own pixel


def test_two_visitors_stop_and_get_their_own_fills(
    browser: Browser, address: str, outside: list[str], tmp_path: Path
) -> None:
    first, second = two_visitors(browser, address, outside)
    seen = int(wait_for_status(first, r"network call ([1-9]\d*) of 2410")[1])

    first.locator("#preview img").wait_for()  # the prediction is shown before the end
    assert not first.locator("#gallery").is_visible()

    second.locator("#fill").click()  # and waits for his turn
    wait_for_status(second, "waiting for its turn")
    with second.expect_response(lambda response: "/run/" in response.url):  # he is out before the first one's place
        second.locator("#stop").click()
    first.locator("#stop").click()
    assert seen <= int(wait_for_status(first, r"stopped after (\d+) network calls")[1]) < 2410
    wait_for_status(second, "^stopped$")

    first.locator("#more button").first.click()
    first.locator("#adapt input").check()
    first.locator("#fill").click()
    wait_for_status(first, r"training step [1-9]\d* of 300")
    first.locator("#stop").click()
    wait_for_status(first, "stopped after 0 network calls")
    first.locator("#adapt input").uncheck()

    for page in (first, second):
        assert not page.locator("#gallery").is_visible()
        choose(page, "preview")
        set_fills(page, 1)
        page.locator("#fill").click()
    for page, picture in ((first, "face_2.png"), (second, "face_3.png")):
        wait_for_status(page, "done")
        check_stroke(download(page, tmp_path), picture)
        page.close()


def test_of_several_clicks_while_waiting_only_the_last_counts(
    browser: Browser, address: str, outside: list[str]
) -> None:
    first, second = two_visitors(browser, address, outside)
    wait_for_status(first, r"network call [1-9]")

    choose(second, "preview")
    keep_ends(second)
    for seed in (1, 2, 3):
        second.get_by_label("Seed", exact=True).fill(str(seed))
        with second.expect_response(lambda response: "/queue/join" in response.url):
            second.locator("#fill").click()
    first.locator("#stop").click()
    second.locator("#files a[href*=fill_seed3_0]").first.wait_for()
    wait_for_status(second, "done")
    assert second.evaluate("ends").count("done") == 1
    for page in (first, second):
        page.close()


def two_visitors(browser: Browser, address: str, outside: list[str]) -> tuple[Page, Page]:
    """Pages of two visitors with painted holes in `face_2.png` and `face_3.png`; the first one's is being filled."""
    first, second = (visit(browser, address, outside) for _ in range(2))
    for page, picture in ((first, "face_2.png"), (second, "face_3.png")):
        load(page, picture)
        paint(page)
    choose(first, "paper")
    set_fills(first, 8)  # minutes of work, behind which the second one waits: it goes on until it is stopped
    first.locator("#fill").click()
    return first, second


def keep_ends(page: Page) -> None:
    """How jobs end from now on, in a list `ends` of the page: "stopped" or "done", and "" in between."""
    page.evaluate(
        """() => {
            const status = document.querySelector("#status");
            window.ends = [""];
            new MutationObserver(() => {  // several of them for one status: it shows seconds, too
                const end = /stopped|done/.exec(status.innerText)?.[0] ?? "";
                if (end !== window.ends.at(-1)) window.ends.push(end);
            }).observe(status, { childList: true, characterData: true, subtree: true });
        }"""
    )


@pytest.mark.parametrize("path", ["/etc/passwd", str(ROOT / "README.md"), "examples/faces64.safetensors"])
def test_no_other_files_are_served(address: str, path: str) -> None:
    assert httpx.get(f"{address}gradio_api/file={path}", timeout=PATIENCE).status_code in (403, 404)


def test_no_other_files_are_read(address: str, model: Path) -> None:
    """Who speaks to the server without the page cannot name files of this machine either."""
    name = model.name
    picture, layer = (upload(address, PICTURES / f"face_{number}.png") for number in (0, 1))
    assert "event: complete" in ask_for_fill(address, picture, layer, name)
    assert "event: complete" in ask_for_fill(address, picture, layer, name, mask=picture)
    assert httpx.get(f"{address}gradio_api/file={picture}", timeout=PATIENCE).status_code == 200
    outside = str(PICTURES / "face_0.png")
    for request in (
        (outside, layer, name),
        (picture, outside, name),
        (picture, layer, str(ROOT / "README.md")),
        (picture, layer, name, outside),
    ):
        answer = ask_for_fill(address, *request)
        assert "event: error" in answer
        assert "event: complete" not in answer


def upload(address: str, path: Path) -> str:
    """Put a file where the server may read it, as the page does; returns its name there."""
    with path.open("rb") as file:
        answer = httpx.post(f"{address}gradio_api/upload", files={"files": file}, timeout=PATIENCE)
    (name,) = answer.raise_for_status().json()
    return str(name)


def ask_for_fill(address: str, picture: str, layer: str, model: str, mask: str | None = None) -> str:
    """The events of a fill of all that a layer covers."""
    background, painted = (named_file(path) for path in (picture, layer))
    value = {"background": background, "layers": [painted], "composite": None}
    choices = Choices(model, "preview", "replace", mask_file=None if mask is None else named_file(mask))
    call = f"{address}gradio_api/call/fill"
    event = httpx.post(call, json={"data": [None, value, *choices]}, timeout=PATIENCE).json()["event_id"]
    return httpx.get(f"{call}/{event}", timeout=PATIENCE).text


def named_file(path: str) -> Any:
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def test_only_this_machine_is_served(address: str) -> None:
    assert address.startswith("http://127.0.0.1:")
