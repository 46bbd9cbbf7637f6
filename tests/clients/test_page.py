"""The page in a headless Chromium, where one is installed."""

import json
import shutil

import pytest
from conftest import IMAGES, routed

CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.parametrize("width, height, scheme", [(390, 844, "dark"), (1280, 900, "light"), (1920, 1080, "dark")])
def test_an_image_is_asked_about(browser, server, tmp_path, width, height, scheme):
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, accept_downloads=True)
    page = context.new_page()
    bad, elsewhere = [], []
    page.on("pageerror", lambda error: bad.append(str(error)))
    page.on("console", lambda message: bad.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: elsewhere.append(request.url) if server.http not in request.url and not request.url.startswith(("data:", "blob:")) else None)
    page.goto(f"http://{server.http}/")
    page.wait_for_selector("#about:not([hidden])")
    # The options may be folded.
    page.eval_on_selector('input[name="seed"]', "field => field.value = '4'")
    page.set_input_files("#file", str(IMAGES[1]))
    page.wait_for_selector('body[data-phase="answered"]', timeout=60_000)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    with page.expect_download() as saved:
        page.click("#download")
    saved.value.save_as(tmp_path / "record.json")
    record = json.loads((tmp_path / "record.json").read_text())
    verdict = routed(IMAGES[1], "--seed", "4", "--tol", "0.05")["certificate"]["verdict"]
    assert record["certificate"]["verdict"] == verdict
    # Printing truncates: what is shown is no more than what holds.
    shown = float(page.inner_text("#radius-shown").split()[0])
    assert 0 < shown <= verdict["radius"] < shown + 0.001
    assert not bad and not elsewhere, (bad, elsewhere)
    context.close()


def test_what_is_no_image_is_said_to_be_none(browser, server, tmp_path):
    page = browser.new_page()
    page.goto(f"http://{server.http}/")
    page.wait_for_selector("#about:not([hidden])")
    (tmp_path / "none.png").write_bytes(b"no image")
    page.set_input_files("#file", str(tmp_path / "none.png"))
    page.wait_for_selector("#problem:not([hidden])")
    assert "image" in page.inner_text("#problem")
    page.close()
