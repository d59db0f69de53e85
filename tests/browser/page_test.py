#!/usr/bin/python3
"""page_test.py PAGE_SAMPLE: what the pages of results are in a real browser, Debian's chromium without a window.

Prints how large the large page is and how long it took to open, and judges neither. Exits with 77 where there is no
browser.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

from devtools import Browser, find_browser

SAMPLE = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else ""

TESTS = pathlib.Path(__file__).resolve().parent.parent
TRIALS = ("deadlock", "oops", "rule-broken", "held", "inconclusive")


def make_run(directory):
    """A run in which a control deadlocks, on a kernel by path."""
    results = json.loads((TESTS / "golden/report/not-as-expected.json").read_text(encoding="utf-8"))
    kernel = "/home/somebody/linux/arch/x86/boot/bzImage"
    for one in results["kernels"]:
        one["id"] = kernel
    for arm in results["arms"]:
        arm["kernel"] = kernel
    verdict = json.loads((TESTS / "data/trials/deadlock/verdict.json").read_text(encoding="utf-8"))
    trial = results["arms"][0]["trial_results"][0]
    trial.update(verdict="deadlock", as_expected=False, findings=verdict["findings"], directory="trials/0001")
    directory.mkdir()
    (directory / "results.json").write_text(json.dumps(results), encoding="utf-8")
    shutil.copytree(TESTS / "data/trials/deadlock", directory / "trials/0001")


def make_matrix(directory):
    """Two mutants, of which one is not killed."""
    cells = [{"kernel": "ref-6.12-amd64", "mutant": name, "scenario": "race/acpi-dimm-online", "claimed": True,
              "outcome": outcome, "verdict": verdict, "oracle": "", "reason": "told", "as_expected": good,
              "trials": [{"number": 1, "verdict": verdict, "reason": "told", "directory": directory_}]}
             for name, outcome, verdict, good, directory_ in (("online_store", "killed", "deadlock", True, "one"),
                                                              ("state_store", "survived", "held", False, "two"),
                                                              ("", "survived", "held", True, "three"))]
    mutants = [{"name": name, "description": name + " without its lock", "killed": killed, "fate": fate,
                "as_expected": killed, "equivalent": ""}
               for name, killed, fate in (("online_store", True, "killed"), ("state_store", False, "NOT KILLED"))]
    directory.mkdir()
    (directory / "matrix.json").write_text(json.dumps({"cells": cells, "mutants": mutants, "killed": 1, "to_kill": 2,
                                                       "original_trials": 1, "exit_status": 1}), encoding="utf-8")
    shutil.copytree(TESTS / "data/trials/deadlock", directory / "one")


def make_sweep(directory):
    """Three calls that failed: an oops, one that held, and one that could not be set up."""
    cases = [{"number": number, "outcome": outcome, "reason": "told", "directory": f"trials/{number:04}", "seconds": 1.5,
              "failure": {"actor": "offliner", "function": "kmalloc_noprof", "nth": 1, "of": 2,
                          "path": ["kmalloc_noprof", "offline_pages", "memory_subsys_offline"]}}
             for number, outcome in ((1, "oops"), (2, "held"), (3, "not set up"))]
    directory.mkdir()
    (directory / "sweep.json").write_text(json.dumps({"scenario": "validate/offline", "kernel": "debian-6.12-amd64",
                                                      "release": "6.12.117", "calls": 6, "paths": 3, "exit_status": 1,
                                                      "bench": "q35", "cases": cases}), encoding="utf-8")
    shutil.copytree(TESTS / "data/trials/oops", directory / "trials/0001")


def make_hunt(directory):
    """Two cases, one of which is a finding."""
    cases = [{"number": number, "strategy": strategy, "outcome": outcome, "reason": "told", "fresh": 3, "at_seconds": 4.5,
              "directory": f"trials-1/{number:04}"}
             for number, strategy, outcome in ((1, "priorities", "oops"), (2, "loop", "held"))]
    findings = [{"fingerprint": "8d69c7ebdd9e", "text": "crash: onliner crashed in zone_for_pfn_range", "verdict": "oops",
                 "cases": [1], "file": "findings/8d69c7ebdd9e.toml", "actors": ["onliner", "remover"], "attempts": 7,
                 "again": 3, "of": 3}]
    strategies = {"priorities": {"trials": 1, "convicted": 1, "inconclusive": 0, "seconds": 4.5, "first_trial": 1,
                                 "first_seconds": 4.5},
                  "loop": {"trials": 1, "convicted": 0, "inconclusive": 0, "seconds": 9, "first_trial": None,
                           "first_seconds": None}}
    directory.mkdir()
    (directory / "hunt.json").write_text(json.dumps({"kernel": "debian-6.12-amd64", "release": "6.12.117", "seed": 7,
                                                     "findings": findings, "strategies": strategies, "cases": cases,
                                                     "coverage": ["locks: device_hotplug_lock > mem_hotplug_lock",
                                                                  "onliner device_online > remover device_offline"],
                                                     "exit_status": 1, "seconds": 14}), encoding="utf-8")
    shutil.copytree(TESTS / "data/trials/oops", directory / "trials-1/0001")


OPEN_ALL = "document.querySelectorAll('details').forEach(details => details.open = true)"

# Every text that is seen, with too little contrast to its ground: WCAG 2.1's relative luminance. A ground without
# colour is its parent's.
LOW_CONTRAST = """(() => {
  const rgb = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const luminance = colour => colour.slice(0, 3).map(part => part / 255).map(
    part => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  ).reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = element => {
    for (; element; element = element.parentElement) {
      const colour = rgb(getComputedStyle(element).backgroundColor);
      if (colour.length == 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  // What a drawing's text stands on: the box of its group, else the page.
  const behind = element => {
    const box = element.tagName == 'text' && element.parentElement.tagName == 'g' && element.parentElement.querySelector('rect');
    const fill = box ? getComputedStyle(box).fill : '';
    if (fill.startsWith('url')) return rgb(getComputedStyle(document.querySelector('#waiting rect')).fill);
    return fill.startsWith('rgb') ? rgb(fill) : ground(element.closest('svg') ? element.closest('svg').parentElement : element);
  };
  const low = [], seen = new Set();
  let texts = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || seen.has(element) || element.closest('title, defs')) continue;
    seen.add(element);
    texts++;
    const style = getComputedStyle(element);
    const one = luminance(rgb(element.closest('svg') ? style.fill : style.color)), other = luminance(behind(element));
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) low.push(`${ratio.toFixed(2)} ${element.tagName}.${element.getAttribute('class')}: ${element.textContent.slice(0, 40)}`);
  }
  return {texts, low};
})()"""


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="memrig-page-"))
        cls.urls = {}
        sources = {"small": "small", "large": "large"}
        for which, make in (("run", make_run), ("matrix", make_matrix), ("sweep", make_sweep), ("hunt", make_hunt)):
            sources[which] = pathlib.Path(cls.directory, which)
            make(sources[which])
        for trial in TRIALS:
            sources[trial] = TESTS / "data/trials" / trial
        for which, source in sources.items():
            path = pathlib.Path(cls.directory, which + ".html")
            subprocess.run([SAMPLE, source, path], check=True)
            cls.urls[which] = path.as_uri()
        cls.browser = cls.enterClassContext(Browser())

    def open(self, which, width=1200, scheme="light"):
        self.browser.set_width(width, mobile=width < 500)
        self.browser.set_scheme(scheme)
        self.browser.open(self.urls[which])

    def of_events(self, *methods):
        return [event["params"] for event in self.browser.events if event["method"] in methods]

    def test_needs_nothing_but_itself_and_complains_of_nothing(self):
        for which, url in self.urls.items():
            self.open(which)
            self.browser.evaluate(OPEN_ALL)
            requests = {event["request"]["url"] for event in self.of_events("Network.requestWillBeSent")}
            self.assertEqual(requests, {url})
            self.assertEqual(self.of_events("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown",
                                            "Page.javascriptDialogOpening"), [])

    def test_what_a_guest_printed_is_text(self):
        self.open("small")
        self.assertEqual(self.browser.evaluate("document.querySelectorAll('script, img, [onload], [onerror]').length"), 0)
        self.assertIn("<script>alert(1)</script><img src=x onerror=alert(1)>",
                      self.browser.evaluate("document.querySelector('pre.console').textContent + document.body.textContent"))

    def test_has_all_parts(self):
        self.open("small")
        for selector, least in {"#summary .banner": 1, "#matrix table .chip": 4, "article.finding": 4, "svg.graph .cycle": 4,
                                "svg.lanes .wait": 2, "svg.lanes .lock": 2, "svg.lanes .refused": 1, "svg.plot circle": 4,
                                "mark.headline": 1, "caption": 4, "th[scope]": 8}.items():
            self.assertGreaterEqual(self.browser.evaluate(f"document.querySelectorAll({selector!r}).length"), least, selector)
        self.assertEqual(self.browser.evaluate("document.documentElement.lang"), "en")
        levels = self.browser.evaluate("[...document.querySelectorAll('h1,h2,h3,h4,h5')].map(h => +h.tagName[1])")
        self.assertEqual(levels[0], 1)
        for which in self.urls:
            self.open(which)
            levels = self.browser.evaluate("[...document.querySelectorAll('h1,h2,h3,h4,h5')].map(h => +h.tagName[1])")
            self.assertTrue(all(after <= before + 1 for before, after in zip(levels, levels[1:])), (which, levels))
            unnamed = "[...document.querySelectorAll('svg:not([aria-hidden])')].filter(svg => !svg.ariaLabel).length"
            self.assertEqual(self.browser.evaluate(unnamed), 0)

    def test_puts_the_unexpected_first_and_folds_the_rest(self):
        for which in ("run", "matrix", "sweep", "small"):
            self.open(which)
            shown = self.browser.evaluate("[...document.querySelectorAll('main h2')].map(h => h.textContent)")
            self.assertEqual(shown[:2], ["Summary", "Findings"], which)
            # A chip that needs attention is seen without a click.
            bad = "[...document.querySelectorAll('main .chip.bad')].filter(chip => chip.checkVisibility()).length"
            self.assertGreater(self.browser.evaluate(bad), 0, which)
            good = ("[...document.querySelectorAll('#findings .chip.good, #table-1 tr')]"
                    ".filter(one => one.closest('details') && one.checkVisibility()).length")
            self.assertEqual(self.browser.evaluate(good), 0, which)

    def test_names_no_path_of_a_kernel(self):
        self.open("run")
        self.assertNotIn("/home/somebody", self.browser.evaluate("document.documentElement.outerHTML"))
        self.assertIn("6.1.0-44-cloud-amd64", self.browser.evaluate("document.body.textContent"))

    def test_fits_a_phone(self):
        for which in self.urls:
            self.open(which, width=360)
            self.browser.evaluate(OPEN_ALL)
            self.assertLessEqual(self.browser.evaluate("document.documentElement.scrollWidth"), 360)

    def test_can_be_read_light_and_dark(self):
        grounds = []
        for scheme in ("light", "dark"):
            for which in set(self.urls) - {"large"}:
                self.open(which, scheme=scheme)
                self.browser.evaluate(OPEN_ALL)
                contrast = self.browser.evaluate(LOW_CONTRAST)
                self.assertGreater(contrast["texts"], 40, which)
                self.assertEqual(contrast["low"], [], (which, scheme))
            grounds.append(self.browser.evaluate("getComputedStyle(document.body).backgroundColor"))
        self.assertNotEqual(*grounds)

    def test_can_be_used_by_keyboard(self):
        self.open("small")
        press = {"key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}
        seen = []
        for _ in range(4):
            self.browser.send("Input.dispatchKeyEvent", type="keyDown", **press)
            self.browser.send("Input.dispatchKeyEvent", type="keyUp", **press)
            seen.append(self.browser.evaluate("[document.activeElement.textContent, getComputedStyle(document.activeElement).outlineStyle]"))
        self.assertEqual([text for text, _ in seen[:3]], ["To the content", "Summary", "Findings"])
        self.assertTrue(all(outline == "solid" for _, outline in seen), seen)

    def test_ten_thousand_results(self):
        self.open("large")
        load = self.browser.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
        size = os.path.getsize(pathlib.Path(self.directory, "large.html"))
        print(f"10,000 results: {size / 1e6:.2f} MB, open after {load / 1e3:.2f} s")
        self.assertLess(size, 5e6)
        self.assertIn("10000 of 10000 trials done", self.browser.evaluate("document.querySelector('.banner').textContent"))
        self.assertGreaterEqual(self.browser.evaluate("document.querySelectorAll('#matrix tbody tr').length"), 50)
        self.assertGreaterEqual(self.browser.evaluate("document.querySelectorAll('article.finding').length"), 10)


class TemporaryFiles(unittest.TestCase):
    def in_own_place(self):
        """A folder that the browser takes for the temporary directory."""
        place = self.enterContext(tempfile.TemporaryDirectory(prefix="memrig-page-"))
        before = tempfile.tempdir
        tempfile.tempdir = place
        self.addCleanup(setattr, tempfile, "tempdir", before)
        return place

    def test_nothing_stays(self):
        place = self.in_own_place()
        for _ in range(5):
            with Browser() as browser:
                browser.open("data:text/html,<p>text")
            self.assertEqual(os.listdir(place), [])

    def test_nothing_stays_of_a_browser_that_does_not_begin(self):
        place = self.in_own_place()
        with unittest.mock.patch("devtools.find_browser", return_value="/bin/true"):
            with self.assertRaises((RuntimeError, BrokenPipeError)) as raised:
                with Browser():
                    pass
            self.assertEqual(os.listdir(place), [], raised.exception)


if __name__ == "__main__":
    if find_browser() is None:
        print("no chromium: tools/setup browser installs it")
        sys.exit(77)
    unittest.main()
