#!/usr/bin/python3
"""tools/screenshots.py [RUN]

Makes the pictures in the documents, docs/images/*.png: the page of a run, and that of its first mutant trial. RUN is
the directory of a run of acpi-dimm-online with both arms; without it, the script runs two trials of each arm. Needs a
build and a browser (tools/setup browser).
"""

import base64
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
MEMRIG = ROOT / "build" / "memrig"
IMAGES = ROOT / "docs" / "images"
KERNEL = "debian-6.1-amd64"
sys.path.append(str(ROOT / "tests" / "browser"))

from devtools import Browser, find_browser  # noqa: E402  (its path is known only now)


def picture(browser, page, name, width, height, scheme="light", at=None):
    """Takes the page's window. With `at`, a CSS selector, the window begins there."""
    browser.set_width(width, height, mobile=width < 500)
    browser.set_scheme(scheme)
    browser.open(page.as_uri())
    if at:
        browser.evaluate(f"document.querySelector({at!r}).scrollIntoView()")
    shot = browser.send("Page.captureScreenshot", format="png", captureBeyondViewport=False)
    path = IMAGES / name
    path.write_bytes(base64.b64decode(shot["data"]))
    print(path.relative_to(ROOT))


def page_of(run, trial, out):
    # From beside the run, since the page names the directory as it was given.
    subprocess.run([MEMRIG, "report", pathlib.Path(run.name, trial), "--format", "html", "--out", out], check=True,
                   cwd=run.parent, stdout=subprocess.DEVNULL)
    return out


def take(run, work):
    mutants = sorted(run.glob("race/acpi-dimm-online/*/mutant/0001"))
    if not mutants:
        sys.exit(f"tools/screenshots.py: {run} has no mutant trial of acpi-dimm-online")
    pages = page_of(run, "", work / "run.html"), page_of(run, mutants[0].relative_to(run), work / "trial.html")
    IMAGES.mkdir(exist_ok=True)
    with Browser() as browser:
        picture(browser, pages[0], "run-page.png", 1000, 720)
        picture(browser, pages[0], "run-page-phone.png", 390, 720, scheme="dark")
        picture(browser, pages[1], "trial-page.png", 1000, 900, at="#evidence")


def main():
    if len(sys.argv) > 2 or (len(sys.argv) == 2 and sys.argv[1].startswith("-")):
        print(__doc__.strip())
        return 0 if sys.argv[1] in ("-h", "--help") else 2
    if find_browser() is None:
        sys.exit("tools/screenshots.py: no browser: run 'tools/setup browser'")
    if not MEMRIG.exists():
        sys.exit("tools/screenshots.py: no build/memrig: run 'tools/build memrig'")
    with tempfile.TemporaryDirectory(prefix="memrig-screenshots-") as work:
        work = pathlib.Path(work)
        run = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) == 2 else work / "first"
        if len(sys.argv) == 1:
            subprocess.run([MEMRIG, "run", "acpi-dimm-online", "--kernel", KERNEL, "--trials", "2", "--seed", "1",
                            "--out", run], check=True)
        take(run, work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
