#!/usr/bin/python3
"""tests/integration/guides_test.py MEMRIG [--build]

Runs the commands of the three guides (docs/guide-patch.md, docs/guide-nightly.md, docs/guide-hang.md) as they are
written, in a fresh clone. With --build, tools/setup and tools/build are run as well; without it, the clone has the
given program. Needs QEMU, and the network if the kernels are not in the cache.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

BUILDS = "--build" in sys.argv
if BUILDS:
    sys.argv.remove("--build")
MEMRIG = pathlib.Path(sys.argv.pop(1)).resolve()
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
GUIDES = ("guide-patch.md", "guide-nightly.md", "guide-hang.md")
OWN_KERNEL = "debian-6.12-amd64"  # stands for the reader's own kernel


def commands_of(guide):
    """The lines "$ COMMAND" of the code blocks."""
    text = (ROOT / "docs" / guide).read_text(encoding="utf-8")
    blocks = re.findall(r"^```\n(.*?)^```$", text, re.M | re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    return [line[2:] for line in lines if line.startswith("$ ")]


def image_of(kernel):
    """The image of a kernel in the cache, which is fetched if it is not there."""
    done = subprocess.run([MEMRIG, "kernels", "fetch", kernel], check=True, capture_output=True, text=True)
    return pathlib.Path(done.stdout.split()[-1])


class Guides(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = pathlib.Path(tempfile.mkdtemp(prefix="memrig-guides-"))
        cls.addClassCleanup(shutil.rmtree, cls.work)
        cls.clone = cls.work / "memrig"
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, cls.clone], check=True)
        # Where the reader has a kernel's tree.
        own = cls.work / "home" / "linux" / "arch" / "x86" / "boot"
        own.mkdir(parents=True)
        shutil.copy(image_of(OWN_KERNEL), own / "bzImage")
        if not BUILDS:
            (cls.clone / "build").mkdir()
            (cls.clone / "build" / "memrig").symlink_to(MEMRIG)

    def run_guide(self, guide):
        commands = commands_of(guide)
        self.assertGreater(len(commands), 5, guide)
        for command in commands:
            if command.startswith("tools/") and not BUILDS:
                continue
            # HOME is the reader's; the cache stays that of this host.
            home = f"HOME={self.work}/home; "
            environment = dict(os.environ, MEMRIG_CACHE=os.environ.get("MEMRIG_CACHE") or str(
                pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "memrig"))
            done = subprocess.run(["bash", "-c", home + command], cwd=self.clone, env=environment,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, f"{guide}: {command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
            print(f"{guide}: {command}", flush=True)

    def test_all_are_one_page(self):
        for guide in GUIDES:
            lines = (ROOT / "docs" / guide).read_text(encoding="utf-8").splitlines()
            self.assertLessEqual(len(lines), 70, guide)


def add_test(guide):
    name = "test_" + guide.removesuffix(".md").replace("-", "_")
    setattr(Guides, name, lambda self: self.run_guide(guide))


for one in GUIDES:
    add_test(one)

if __name__ == "__main__":
    unittest.main(verbosity=2)
