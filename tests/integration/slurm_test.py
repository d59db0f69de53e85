#!/usr/bin/python3
"""tests/integration/slurm_test.py MEMRIG [small | full]

Submits campaigns of real trials to a real Slurm cluster of the test's own (slurm_cluster.py), and breaks parts of it:
nodes, the controller, the coordinator, slurmd alone, a node's disk, a result. At the end every trial is there once,
with the verdict that it has on one machine. Sweeps, hunts and explorations are split in the same way. `small` is the
part for each run, `full` the part for the night: 200 trials in 8 shards.

Exits with 77 if there can be no cluster here. Needs QEMU and the kernel debian-6.1-amd64 in the cache.
"""
import glob
import json
import os
import shutil
import signal
import sys
import unittest

import slurm_cluster
from slurm_cluster import wait_for
from slurm_submitted import CACHE, EXTENT, Submitted, read_json


@unittest.skipUnless(os.geteuid() == 0, "only root mounts file systems")
class NodesOfTheirOwn(Submitted):
    """On node1 the directory of temporary files is a small file system; on both nodes the cache can only be read."""
    read_only = "mount --bind {0} {0} && mount -o remount,bind,ro {0}".format(CACHE)
    in_node = {"node1": read_only + " && mount -t tmpfs -o size=700m tmpfs $TMPDIR", "node2": read_only}

    def setUp(self):
        super().setUp()
        # Fills the cache.
        self.call("run", "race/acpi-dimm-online", "--arm", "control", "--trials", "1", "--accel", "tcg")

    def fill(self, node):
        self.cluster.do_in_node(node, f"fallocate -l 600M {self.cluster.temporary}/full")
        self.tell(f"the disk of {node} is full")

    def ends_for_lack_of_room(self):
        """Returns the shard that could not be run."""
        said = self.memrig("wait", self.path("out"), status=4)
        states = wait_for("Slurm answers", self.states)
        failed = [number for number, shard in states.items() if shard["state"] == "failed"]
        self.assertEqual(len(failed), 1, said)
        self.assertIn("FAILED, exit status 3", states[failed[0]]["why"])
        with open(self.path("out", "logs", f"{failed[0]}.log"), encoding="utf-8") as log:
            complaints = [line for line in log if line.startswith("memrig: ")]
        self.assertEqual(len(complaints), 1, complaints)
        self.assertIn(f"no room is left in {self.cluster.temporary}", complaints[0])
        self.assertEqual(self.attempts(failed[0]), [], "nothing is left of it")
        self.tell(complaints[0].strip())
        return failed[0]

    def is_submitted_again(self, shards):
        self.cluster.do_in_node("node1", f"rm {self.cluster.temporary}/full")
        self.assertIn(f"1 shard submitted, {shards - 1} done before", self.submit(shards))
        self.memrig("wait", self.path("out"))


@unittest.skipUnless(EXTENT == "small", "the small extent")
class SmallNodesOfTheirOwn(NodesOfTheirOwn):
    def test_a_full_disk_on_one_node_costs_one_task(self):
        self.plan(1)
        self.fill("node1")
        self.submit(2)
        self.ends_for_lack_of_room()
        self.is_submitted_again(2)
        self.assertEqual(len(self.seeds(self.merge())), 2)


@unittest.skipUnless(EXTENT == "full", "the full extent")
class FullNodesOfTheirOwn(NodesOfTheirOwn):
    def test_a_disk_that_gets_full_in_mid_task_costs_one_task(self):
        self.plan(6)
        self.submit(2)
        wait_for("a shard is in mid task on node1", lambda: self.in_mid_task("node1"))
        self.fill("node1")
        self.ends_for_lack_of_room()
        self.is_submitted_again(2)
        self.compare_with_one_machine(self.merge(), 6)


class Work(Submitted):
    """Work other than a plan."""
    sweep = ["sweep", "validate/offline", "--kernel", "debian-6.1-amd64", "--actor", "adder", "--allocators-only",
             "--within", "__add_memory"]
    explore = ["run", "race/acpi-dimm-online", "--mode", "explore"]

    def submit_work(self, command, shards, *more, status=0):
        return self.call(*command, "--slurm", "--shards", str(shards), "--accel", "tcg", "--out", self.path("out"), *more,
                         status=status)

    def cases(self, directory):
        """The call and the outcome of each case, without what differs from run to run."""
        read = read_json(directory, "sweep.json")
        return {case["number"]: (case["failure"], case["outcome"]) for case in read["cases"]}

    def orders(self, directory):
        """By arm, for each order its number, its verdict, and the order that the evidence says was played."""
        found = {}
        for path in glob.glob(os.path.join(directory, "**", "explored.jsonl"), recursive=True):
            arm = os.path.basename(os.path.dirname(path))
            with open(path, encoding="utf-8") as file:
                lines = [json.loads(line) for line in file.read().splitlines()[1:]]
            for line in lines:
                trial = line["trial"]
                played = read_json(directory, line["directory"], "trial.json")
                self.assertEqual(os.path.basename(line["directory"]), f"{trial['number']:04}")
                self.assertEqual((played["number"], played["order"]), (trial["number"], trial["order"]))
                found[(arm, json.dumps(trial["order"]))] = (trial["number"], trial["verdict"])
        return found

    def sweep_in_shards(self, cases, shards, kills=False):
        command = [*self.sweep, "--most", str(cases)]
        self.assertIn(f"{shards} shards submitted", self.submit_work(command, shards))
        self.tell("the sweep is recorded and submitted")
        if kills:
            self.kill_node_in_mid_task("node1")
        said = self.memrig("wait", self.path("out"))
        self.assertIn(f"{cases} of {cases} cases done", said)
        self.assertIn("nothing to submit", self.submit_work(command, shards))
        # One machine plays the same recording: another one may have other calls.
        shutil.copytree(self.path("out", "opening"), self.path("alone"))
        self.assertIn(f"{cases} cases of {shards} shards merged", self.merge_and_run_alone([*command, "--resume"]))
        alone = self.cases(self.path("alone"))
        self.assertEqual(len(alone), cases)
        self.assertEqual(self.cases(self.path("merged")), alone)
        self.tell("the sweep on one machine has the same results")

    def hunt_in_shards(self, cases, shards, kills=False):
        command = ["hunt", "--most", str(cases), "--bench", "q35-many", "--kernel", "debian-6.1-amd64"]
        self.assertIn("ends after a number of cases",
                      self.call("hunt", "--for", "1m", "--slurm", "--out", self.path("out"), status=2))
        self.assertIn(f"{shards} shards submitted", self.submit_work(command, shards))
        if kills:
            self.kill_node_in_mid_task("node1")
        self.assertIn(f"{cases} of {cases} cases done", self.memrig("wait", self.path("out")))
        self.assertIn("nothing to submit", self.submit_work(command, shards))
        said = self.call("campaign", "merge", self.path("out"), "--out", self.path("merged"))
        self.assertIn(f"{cases} cases of {shards} shards merged", said)
        read = read_json(self.path("merged"), "hunt.json")
        self.assertEqual([one["number"] for one in read["cases"]], list(range(1, cases + 1)))
        # The seed is another one each time. A random race may come to no end, but no kernel is to blame.
        self.assertLessEqual({one["outcome"] for one in read["cases"]}, {"held", "inconclusive"})
        for one in read["cases"]:
            self.assertTrue(os.path.exists(self.path("merged", one["directory"], "race.json")), one)
        # It goes on alone, behind the cases that the shards played.
        more = ["hunt", "--most", str(cases + 1), *command[3:], "--seed", str(read["seed"]), "--accel", "tcg", "--resume"]
        self.call(*more, "--out", self.path("merged"))
        self.assertEqual(len(read_json(self.path("merged"), "hunt.json")["cases"]), cases + 1)
        self.tell("the hunt is merged, and went on")

    def merge_and_run_alone(self, command):
        """Returns what the merge said. The caller compares the results of both."""
        merged = self.run_memrig("campaign", "merge", self.path("out"), "--out", self.path("merged"))
        self.tell(merged.stdout.splitlines()[0] if merged.stdout else merged.stderr)
        alone = self.run_memrig(*command, "--accel", "tcg", "--out", self.path("alone"))
        for done in (merged, alone):
            self.assertIn(done.returncode, (0, 1), done.stderr)
        return merged.stdout

    def explore_in_shards(self, command, shards, kills=False):
        self.assertIn(f"{shards} shards submitted", self.submit_work(command, shards))
        self.tell("the first orders are played, and the others submitted")
        error = self.submit_work([*command, "--seed", "7"], shards, status=2)
        self.assertRegex(error, "is of another scenario, kernel|has changed since it was submitted")
        if kills:
            self.kill_node_in_mid_task("node1")
        self.memrig("wait", self.path("out"))
        self.tell("all shards are done")
        self.merge_and_run_alone(command)
        alone = self.orders(self.path("alone"))
        self.assertGreater(len(alone), shards)
        self.assertEqual(self.orders(self.path("merged")), alone)
        self.tell(f"one machine plays the same {len(alone)} orders, with the same numbers and verdicts")


@unittest.skipUnless(EXTENT == "small", "the small extent")
class SmallWork(Work):
    def test_an_exploration_in_shards(self):
        points = "kobject_uevent,percpu_up_write"
        self.explore_in_shards([*self.explore, "--arm", "control", "--preemptions", "1", "--points", points], 2)


@unittest.skipUnless(EXTENT == "full", "the full extent")
class FullWork(Work):
    def test_a_sweep_survives_a_node(self):
        self.sweep_in_shards(6, 3, kills=True)

    def test_a_hunt_survives_a_node(self):
        self.hunt_in_shards(20, 2, kills=True)

    def test_an_exploration_survives_a_node(self):
        self.explore_in_shards([*self.explore, "--preemptions", "1"], 3, kills=True)


@unittest.skipUnless(EXTENT == "small", "the small extent")
class Small(Submitted):
    def test_a_node_is_killed_in_mid_task(self):
        self.plan(3)
        self.assertIn("3 shards submitted", self.submit(3))
        shard = self.kill_node_in_mid_task("node1")
        said = self.memrig("wait", self.path("out"))
        self.assertIn("3 of 3 shards done; 6 of 6 trials done, 6 as expected", said)
        self.tell("all shards are done")
        with open(self.path("out", "logs", f"{shard}.log"), encoding="utf-8") as log:
            text = log.read()
        self.assertEqual(text.count("2 trials planned"), 2, "the log of the killed attempt is kept")
        self.assertIn("nothing to submit: 3 shards done", self.submit(3))
        self.compare_with_one_machine(self.merge(), 3)

    def test_bad_input_is_one_line(self):
        self.plan(4)
        error = self.submit(4, "--partition", "none", status=2)
        self.assertIn("Slurm refuses: sbatch: ", error)
        self.assertIn("Invalid partition", error)
        self.assertFalse(os.path.exists(self.path("out")))
        self.submit(8, "--", "--hold", "--mem=7M", "--array=1-9")
        job = self.cluster.output("scontrol", "-o", "show", "job")
        self.assertIn("MinMemoryNode=7M", job)
        self.assertIn("ArrayTaskId=1-8 ", job)
        self.assertEqual({shard["state"] for shard in wait_for("Slurm answers", self.states).values()}, {"pending"})
        self.memrig("cancel", self.path("out"))
        self.assertIn("0 of 8 shards done", self.memrig("wait", self.path("out"), status=4))
        self.plan(5)
        self.assertIn("has changed since it was submitted", self.submit(8, status=2))
        self.cluster.kill("slurmctld", signal.SIGTERM)
        shutil.rmtree(self.path("out"))
        self.assertIn("Slurm does not answer", self.submit(8, status=3))
        self.assertFalse(os.path.exists(self.path("out")))


@unittest.skipUnless(EXTENT == "full", "the full extent")
class Full(Submitted):
    def test_two_hundred_trials_survive_everything(self):
        self.plan(100)
        self.submit(8)
        coordinator = self.begin_wait()
        self.kill_node_in_mid_task("node1")
        coordinator.kill()
        coordinator.wait()
        self.tell("the coordinator is killed")
        wait_for("a shard is in mid task on node2", lambda: self.in_mid_task("node2"), 1800)
        coordinator = self.begin_wait()
        self.cluster.restart_controller()
        self.tell("the coordinator and slurmctld are started again")
        self.assertEqual(coordinator.wait(), 0)
        self.tell("all shards are done")
        result = self.path("out", "shards", "5", "result", "campaign.sqlite")
        os.truncate(result, os.path.getsize(result) // 2)
        error = self.memrig("merge", self.path("out"), "--out", self.path("merged"), status=2)
        self.assertIn("shards/5/result/campaign.sqlite is damaged", error)
        self.tell(error.strip())
        self.assertEqual(wait_for("Slurm answers", self.states)[5]["state"], "damaged")
        said = self.submit(8)
        self.assertIn("1 result damaged", said)
        self.assertIn("1 shard submitted, 7 done before", said)
        self.memrig("wait", self.path("out"))
        self.compare_with_one_machine(self.merge(), 100)

    def test_slurmd_is_killed_alone(self):
        self.plan(5)
        self.submit(1)
        shard = 1
        node = wait_for("the shard is in mid task",
                        lambda: next((node for node in slurm_cluster.NODES if self.in_mid_task(node)), None))
        [old] = self.cluster.tasks("memrig", "campaign", "run", "--publish")
        # The old task stands still until the new one is there, so that they run side by side.
        os.kill(old, signal.SIGSTOP)
        self.cluster.kill_slurmd(node)
        self.tell(f"slurmd of {node} is killed alone")
        wait_for("the requeued task runs beside the old one", lambda: len(self.attempts(shard)) == 2)
        both = self.cluster.tasks("memrig", "campaign", "run", "--publish")
        self.assertEqual(len(both), 2)
        os.kill(old, signal.SIGCONT)
        self.tell("both attempts run side by side, under one job and task id")
        wait_for("both attempts have ended",
                 lambda: not self.cluster.tasks("memrig", "campaign", "run", "--publish"), 900)
        self.memrig("wait", self.path("out"))
        merged = self.merge(notes="shard 1/1 was run twice, with the same verdicts")
        self.compare_with_one_machine(merged, 5)


if __name__ == "__main__":
    reason = slurm_cluster.missing()
    if reason:
        print(reason, file=sys.stderr)
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
