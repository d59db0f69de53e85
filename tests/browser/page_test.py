#!/usr/bin/python3
"""page_test.py PAGE_SAMPLE: what a campaign's page is in a real browser, Debian's chromium without a window.

Prints how large the large page is and how long it took to open, and judges neither. Exits with 77 where there is no
browser.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

from devtools import Browser, find_browser

SAMPLE = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else ""

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
        for which in ("small", "large"):
            path = pathlib.Path(cls.directory, which + ".html")
            subprocess.run([SAMPLE, which, path], check=True)
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
        self.assertTrue(all(after <= before + 1 for before, after in zip(levels, levels[1:])), levels)
        unnamed = "[...document.querySelectorAll('svg:not([aria-hidden])')].filter(svg => !svg.ariaLabel).length"
        self.assertEqual(self.browser.evaluate(unnamed), 0)

    def test_fits_a_phone(self):
        for which in self.urls:
            self.open(which, width=360)
            self.browser.evaluate(OPEN_ALL)
            self.assertLessEqual(self.browser.evaluate("document.documentElement.scrollWidth"), 360)

    def test_can_be_read_light_and_dark(self):
        grounds = []
        for scheme in ("light", "dark"):
            self.open("small", scheme=scheme)
            self.browser.evaluate(OPEN_ALL)
            contrast = self.browser.evaluate(LOW_CONTRAST)
            self.assertGreater(contrast["texts"], 100)
            self.assertEqual(contrast["low"], [], scheme)
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
        self.assertEqual([text for text, _ in seen[:3]], ["To the content", "Summary", "Scenarios and kernels"])
        self.assertTrue(all(outline == "solid" for _, outline in seen), seen)

    def test_ten_thousand_results(self):
        self.open("large")
        load = self.browser.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
        size = os.path.getsize(pathlib.Path(self.directory, "large.html"))
        print(f"10,000 results: {size / 1e6:.2f} MB, open after {load / 1e3:.2f} s")
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
