#!/usr/bin/python3
"""tests/integration/nightly_test.py MEMRIG

Tests memrig compare and history from the outside, on campaigns whose results are made up here. Needs neither QEMU nor a
network.
"""
import json
import os
import sys
import unittest

from nights import CAUGHT, CONTROL, HELD, MUTANT, Nights, known_plan, oops, trial


class Compare(Nights):
    def test_nights_that_are_alike_have_no_regression(self):
        nights = [self.night(day, {CONTROL: [HELD] * 10, MUTANT: [CAUGHT] * 10}) for day in (1, 2)]
        text, read = self.compared(*nights)
        self.assertIn("2 arms: 0 worse, 0 better, 0 changed in all; 0 findings new, 0 gone, 1 standing", text)
        self.assertEqual([cell["rate"] for cell in read["cells"]], ["same", "same"])

    def test_a_mutant_that_is_no_longer_caught_is_one(self):
        old = self.night(1, {MUTANT: [CAUGHT] * 10})
        new = self.night(2, {MUTANT: [trial("held", False)] * 10})
        text, read = self.compared(old, new, 1)
        self.assertIn("REGRESSION: 10 of 10 trials were as expected, now 0 of 10", text)
        self.assertIn("oops: 10 of 10, now 0 of 10", read["cells"][0]["verdicts_changed"])
        self.assertEqual(len(read["findings"]["gone"]), 1)
        self.assertTrue(read["findings"]["gone"][0]["sure"])
        _, back = self.compared(new, old)
        self.assertEqual(back["cells"][0]["rate"], "better")

    def test_what_may_be_chance_is_none(self):
        old = self.night(1, {MUTANT: [CAUGHT] * 10})
        new = self.night(2, {MUTANT: [CAUGHT] * 8 + [trial("held", False)] * 2})
        _, read = self.compared(old, new)
        self.assertEqual(read["cells"][0]["rate"], "same")

    def test_one_conviction_of_a_control_is_one_however_rare(self):
        old = self.night(1, {CONTROL: [HELD] * 1000})
        new = self.night(2, {CONTROL: [HELD] * 999 + [trial("oops", False, oops(), reason="onliner crashed")]})
        text, read = self.compared(old, new, 1)
        self.assertIn("1 trial of a control convict the kernel: #1000: oops: onliner crashed", text)
        self.assertEqual(read["cells"][0]["rate"], "same")
        self.assertEqual(read["findings"]["new"][0]["before"], 0)
        self.assertIn(os.path.join(new, "trials/0000/1000-1"), text)
        self.compared(new, new, 1)  # and it goes on counting until somebody says that it is known

    def test_an_inconclusive_control_is_none(self):
        old = self.night(1, {CONTROL: [HELD] * 10})
        new = self.night(2, {CONTROL: [HELD] * 9 + [trial("inconclusive", False)]})
        self.compared(old, new)

    def test_a_finding_is_the_same_at_another_address(self):
        old = self.night(1, {MUTANT: [trial("oops", True, oops(0x90))] * 3})
        new = self.night(2, {MUTANT: [trial("oops", True, oops(0xa8))] * 3})
        _, read = self.compared(old, new)
        self.assertEqual((read["findings"]["new"], read["findings"]["gone"]), ([], []))
        other = self.night(3, {MUTANT: [trial("oops", True, oops(0x90, "page_zone"))] * 3})
        text, read = self.compared(old, other)
        self.assertEqual((len(read["findings"]["new"]), len(read["findings"]["gone"])), (1, 1))
        self.assertIn("this may be chance", text)

    def test_times_drift_by_more_than_they_scatter(self):
        calm = [trial(seconds=1 + i / 100) for i in range(10)]
        slow = [trial(seconds=2 + i / 100) for i in range(10)]
        wild = [trial(seconds=1 + i / 2) for i in range(10)]
        nights = [self.night(day, {CONTROL: trials}) for day, trials in ((1, calm), (2, slow), (3, wild))]
        text, read = self.compared(nights[0], nights[1])
        self.assertTrue(read["cells"][0]["time_drifted"])
        self.assertIn("time of a trial: 2.04 s, was 1.04 s", text)
        self.assertFalse(self.compared(nights[0], nights[2])[1]["cells"][0]["time_drifted"])

    def test_arms_that_come_and_go_are_shown(self):
        old = self.night(1, {CONTROL: [HELD] * 3, ("race/b", "control"): [HELD]})
        new = self.night(2, {CONTROL: "no such symbol", ("race/c", "control"): [HELD]})
        text, read = self.compared(old, new, 1)
        self.assertIn("skipped: no such symbol", text)
        self.assertEqual([(cell["before"] is None, cell["after"] is None) for cell in read["cells"]],
                         [(False, False), (True, False), (False, True)])

    def test_coverage_that_vanishes_is_a_regression(self):
        old = self.night(1, {CONTROL: [HELD] * 3, MUTANT: [CAUGHT], ("race/b", "control"): "no such symbol"})
        self.compared(old, old)
        for day, cells, words in (
                (2, {MUTANT: [CAUGHT]}, "3 trials before, now not in the campaign"),
                (3, {CONTROL: "no such symbol", MUTANT: [CAUGHT]}, "3 trials before, now skipped: no such symbol"),
                (4, {CONTROL: ("not set up", "it does not boot"), MUTANT: [CAUGHT]},
                 "3 trials before, now not set up: it does not boot"),
                (5, {CONTROL: [], MUTANT: [CAUGHT]}, "3 trials before, now none"),
                (6, {CONTROL: [HELD] * 3, MUTANT: [trial("inconclusive", False)]},
                 "1 of 1 trials convicted the mutant, now none of 1")):
            text, read = self.compared(old, self.night(day, cells), 1)
            self.assertIn("REGRESSION: " + words, text)
            self.assertEqual(sum(len(cell["regressions"]) for cell in read["cells"]), 1)
        more = self.night(7, {CONTROL: [HELD] * 3, MUTANT: [CAUGHT], ("race/b", "control"): [HELD]})
        self.compared(old, more)

    def test_what_is_no_campaign_is_refused(self):
        night = self.night(1, {CONTROL: [HELD]})
        self.assertIn("there is no campaign in", self.memrig("compare", night, self.work, status=2))
        self.assertIn("there is no campaign in", self.memrig("history", self.work, status=2))


class Known(Nights):
    def crashed(self, day, plan=""):
        return self.night(day, {CONTROL: [HELD] * 9 + [trial("oops", False, oops())]}, plan)

    def hash(self):
        return json.loads(self.memrig("history", self.crashed(9), "--json"))["findings"][0]["fingerprint"]

    def test_a_known_finding_is_no_regression_until_it_expires(self):
        plan = known_plan().replace("HASH", self.hash())
        old = self.night(1, {CONTROL: [HELD] * 10})
        text, read = self.compared(old, self.crashed(2, plan))
        self.assertIn("known until 2999-01-01: bug 17", text)
        self.assertFalse(read["findings"]["new"][0]["expired"])
        self.assertEqual(read["notes"], [])
        expired = plan.replace("2999", "2020")
        text, read = self.compared(old, self.crashed(3, expired), 1)
        self.assertIn("was known until 2020-01-01: bug 17", text)
        self.assertIn("has expired, and counts again", text)

    def test_a_pattern_is_on_scenario_and_text(self):
        plan = known_plan(key='pattern = "crash: onliner crashed in zone_*"', more='scenario = "race/*"\n')
        old = self.night(1, {CONTROL: [HELD] * 10})
        self.compared(old, self.crashed(2, plan))
        _, read = self.compared(old, self.crashed(3, plan.replace("race/*", "validate/*")), 1)
        self.assertIn("this known finding was not seen", read["notes"][0])
        self.assertIn(":1: ", read["notes"][0])

    def test_another_finding_beside_it_counts(self):
        plan = known_plan(key='pattern = "crash: *zone_for*"')
        both = oops() + [{"oracle": "rules", "verdict": "rule-broken", "summary": "R1: x", "details": []}]
        old = self.night(1, {CONTROL: [HELD] * 10})
        self.compared(old, self.night(2, {CONTROL: [trial("oops", False, both)] * 10}, plan), 1)

    def test_status_and_a_plan_from_elsewhere_know_it(self):
        night = self.crashed(1)
        self.assertEqual(json.loads(self.memrig("campaign", "status", night, "--json"))["exit_status"], 1)
        plan = os.path.join(self.work, "plan.toml")
        with open(plan, "w", encoding="utf-8") as file:
            file.write(known_plan(key='pattern = "crash:*"'))
        self.compared(night, night, 0, "--known", plan)
        known = self.crashed(2, known_plan(key='pattern = "crash:*"'))
        status = json.loads(self.memrig("campaign", "status", known, "--json"))
        self.assertEqual((status["exit_status"], status["known"]), (0, 1))

    def test_each_mistake_is_said_with_its_place(self):
        night = self.crashed(1)
        plan = os.path.join(self.work, "plan.toml")
        for text, words in ((known_plan(expires='"2027-01-01"', key='pattern = "*"'), ':4:11: "expires" has to be a date'),
                            (known_plan(), ":2:15: a fingerprint has 12 digits"),
                            (known_plan(key=""), ':1:'),
                            (known_plan(key='pattern = "*"', more="expire = 1\n"), ':5:1: unknown key "expire"'),
                            ("[[known]]\npattern = '*'\nexpires = 2027-01-01\n", '"reason" is missing'),
                            ("[known]\npattern = '*'\n", "[[known]]"), ("=", ":1:1")):
            with open(plan, "w", encoding="utf-8") as file:
                file.write(text)
            error = self.memrig("compare", night, night, "--known", plan, status=2)
            self.assertIn(plan, error)
            self.assertIn(words, error)
            self.assertEqual(error.count("\n"), 1)
        run = 'schema = 1\nname = "n"\n[[run]]\nscenarios = ["race/acpi-dimm-online"]\nkernels = ["none"]\n'
        with open(plan, "w", encoding="utf-8") as file:
            file.write(run + known_plan())
        error = self.memrig("campaign", "run", plan, "--out", os.path.join(self.work, "new"), status=2)
        self.assertIn(plan + ":7:15: a fingerprint has 12 digits", error)
        self.assertFalse(os.path.exists(os.path.join(self.work, "new")))


class History(Nights):
    def test_nights_are_in_the_order_of_time(self):
        for day, trials in ((3, [trial("held", False)] * 4), (1, [CAUGHT] * 4), (2, [CAUGHT] * 5)):
            self.night(day, {CONTROL: [HELD] * 4, MUTANT: trials})
        text = self.memrig("history", os.path.join(self.work, "nights"))
        self.assertLess(text.index("2026-11-01"), text.index("2026-11-03"))
        read = json.loads(self.memrig("history", os.path.join(self.work, "nights"), "--json"))
        self.assertEqual([night["started"] for night in read["nights"]],
                         [f"2026-11-0{day}T01:00:00Z" for day in (1, 2, 3)])
        mutant = read["cells"][1]
        self.assertEqual((mutant["scenario"], mutant["arm"]), MUTANT)
        self.assertEqual([night["as_expected"] for night in mutant["nights"]], [4, 5, 0])
        finding = read["findings"][0]
        self.assertEqual((finding["first"], finding["last"], finding["nights"], finding["trials"]), (0, 1, 2, 9))
        self.assertIn("first 2026-11-01T01:00:00Z, last 2026-11-02T01:00:00Z, in 2 of 3 nights, 9 trials", text)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
