#!/usr/bin/python3
"""tests/integration/lint_language_test.py

Runs tools/lint_language.py in repositories that are made here: each check is red on a bad sample and green on a good
one.
"""
import os
import subprocess
import sys
import tempfile
import unittest

LINT = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "tools", "lint_language.py")


class Repository(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="memrig-lint-")
        self.addCleanup(directory.cleanup)
        self.root = directory.name
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments):
        environment = {"PATH": os.environ["PATH"], "HOME": self.root, "GIT_CONFIG_NOSYSTEM": "1"}
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *identity, *arguments], cwd=self.root, env=environment, check=True, capture_output=True)

    def commit(self, subject):
        self.git("commit", "-q", "--allow-empty", "-m", subject)

    def write(self, path, text):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def lint(self, *arguments):
        """Returns the exit status and the lines that were printed."""
        environment = dict(os.environ, GIT_CEILING_DIRECTORIES=os.path.dirname(self.root), GIT_CONFIG_NOSYSTEM="1")
        for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
            environment.pop(name, None)
        done = subprocess.run([sys.executable, LINT, *arguments], cwd=self.root, env=environment, text=True,
                              capture_output=True)
        return done.returncode, done.stdout.splitlines()

    def expect_red(self, path, text, *places):
        """Expects one violation at each place, LINE and words of its message."""
        self.write(path, text)
        status, lines = self.lint(path)
        self.assertEqual(status, 1, text)
        self.assertEqual(len(lines), len(places), lines)
        for line, (number, words) in zip(lines, places):
            self.assertTrue(line.startswith(f"{path}:{number}: "), line)
            self.assertIn(words, line)

    def expect_green(self, path, text):
        self.write(path, text)
        self.assertEqual(self.lint(path), (0, []), text)


LONG = "word " * 23 + "words."  # 121 columns


class Columns(Repository):
    def test_a_long_comment_is_red_in_each_kind_of_source(self):
        for path in ("a.cc", "a.h", "a.c", "a.cocci"):
            self.expect_red(path, f"int a;\n// {LONG}\n", (2, "124 columns"))
            self.expect_red(path, f"/* One.\n * {LONG} */\n", (2, "columns"))
        for path in ("a.toml", "a.sh", "a.cmake", "CMakeLists.txt", "a.py"):
            self.expect_red(path, f"\n# {LONG}\n", (2, "123 columns"))
        self.expect_red("script", f"#!/usr/bin/env bash\n# {LONG}\n", (2, "columns"))
        self.expect_red("a.py", f'"""One.\n\n{LONG}\n"""\n', (3, "121 columns"))
        self.expect_red("a.cc", "int a;" + " " * 100 + "// It counts the trials.\n", (1, "columns"))

    def test_a_line_of_120_columns_is_green(self):
        self.expect_green("a.cc", "// " + LONG[4:] + "\n")
        self.expect_green("a.toml", "# " + "ä" * 118 + "\n")

    def test_what_is_no_comment_is_green(self):
        self.expect_green("a.cc", f'auto a = "// {LONG}";\nauto b = R"x(\n// {LONG}\n)x";\nint c = 1\'000;\n')
        self.expect_green("a.sh", f"a='# {LONG}'\nb=${{#a}}\n")
        self.expect_green("a.toml", f'a = """\n# {LONG}\n"""\n')
        self.expect_green("a.py", f"a = '# {LONG}'\n")
        self.expect_green("a.md", f"{LONG}\n")


class Openings(Repository):
    BAD = ("Who waits is parked.", "Whoever waits is parked.", "What is left is counted.", "Of two locks, one is held.",
           "That a guest stops is told.", "How kernels are had.", "Whether it is held.")
    GOOD = ("A task that waits is parked.", "What is a memory block?", "How to get a kernel.", "Of Linux's locks.",
            "Whose turn it is.", "Off by one.", "True if the lock is held.")

    def test_each_word_is_red(self):
        for sentence in self.BAD:
            for path, start in (("a.cc", "// "), ("a.py", "# "), ("a.toml", "# "), ("a.md", ""), ("b.md", "- "),
                                ("c.md", "## "), ("d.md", "1. "), ("e.md", "**")):
                self.expect_red(path, f"{start}{sentence}\n", (1, "headless opening"))

    def test_good_sentences_are_green(self):
        for sentence in self.GOOD:
            for path, start in (("a.cc", "// "), ("a.py", "# "), ("a.md", ""), ("b.md", "- ")):
                self.expect_green(path, f"{start}{sentence}\n")

    def test_an_opening_is_found_where_a_sentence_begins(self):
        self.expect_red("a.cc", "// It waits.\n// Who waits is parked.\n", (2, "Who waits"))
        self.expect_red("a.cc", "// It waits. Who waits is parked.\n", (1, "Who waits"))
        self.expect_red("a.cc", "// Cases:\n// - What is held.\n", (2, "What is held"))
        self.expect_red("a.cc", "int a;  // It waits.\n// Who waits is parked.\nint b;  // How it ends.\n", (2, "Who"), (3, "How"))
        self.expect_red("a.py", '"""Who waits is parked."""\n', (1, "Who waits"))

    def test_a_sentence_that_goes_on_is_green(self):
        self.expect_green("a.cc", "// The table says, by the name of\n// Whoever took the lock, its state.\n")
        self.expect_green("a.cc", "// What is it that the\n// adder holds?\n")
        self.expect_green("a.md", "The chapter\nWhat is held\n")

    def test_code_and_data_are_green(self):
        self.expect_green("a.cc", 'auto a = "Who waits is parked.";\n')
        self.expect_green("a.md", "Run:\n\n```\nWhat is held\n```\n\n    Who waits is parked\n")
        self.write("tests/golden/a.toml", "# Who waits is parked.\n")
        self.write("src/a.toml", "# The task waits.\n")
        self.assertEqual(self.lint("--no-commits"), (0, []))
        self.write("src/b.toml", "# Who waits is parked.\n")
        self.assertEqual(self.lint("--no-commits")[0], 1)


class Subjects(Repository):
    def subjects(self, *arguments):
        status, lines = self.lint(*arguments)
        self.assertEqual(status, 1 if lines else 0, lines)
        return lines

    def test_good_subjects_are_green(self):
        for subject in ("tools: lint the language", "probe, run: assert the preconditions", "docs: pass the README on",
                        "base/log: need no file", "base: " + "a" * 66):
            self.commit(subject)
        self.assertEqual(self.subjects(), [])

    def test_each_rule_is_red(self):
        cases = {"Lint the language": "not `layer:", "Tools: lint the language": "not `layer:",
                 "tools: Lint the language": "not with an imperative", "tools: adds a lint": "not with an imperative",
                 "tools: added a lint": "not with an imperative", "tools: adding a lint": "not with an imperative",
                 "tools: who waits is parked": "not with an imperative", "tools: the lint": "not with an imperative",
                 "tools: lint the language.": "full stop", "tools: " + "a" * 66: "73 columns"}
        for subject, words in cases.items():
            self.commit("base: begin")
            self.git("tag", "-f", "before")
            self.commit(subject)
            lines = self.subjects("--base", "before")
            self.assertEqual(len(lines), 1, lines)
            self.assertIn(words, lines[0])

    def test_without_a_base_it_checks_what_origin_lacks_or_what_is_since_the_tag_or_the_last_20(self):
        self.assertEqual(self.subjects(), [])
        self.commit("Old style")
        self.assertEqual(len(self.subjects()), 1)
        for _ in range(20):
            self.commit("base: go on")
        self.assertEqual(self.subjects(), [])
        self.git("tag", "v1")
        self.commit("After the tag")
        self.assertEqual(len(self.subjects()), 1)
        self.git("update-ref", "refs/remotes/origin/main", "HEAD")
        self.assertEqual(self.subjects(), [])
        self.commit("After the push")
        self.assertEqual(len(self.subjects()), 1)

    def test_an_unknown_base_is_an_error(self):
        self.commit("base: begin")
        self.assertEqual(self.lint("--base", "no-such")[0], 2)


if __name__ == "__main__":
    unittest.main()
