#!/usr/bin/python3
"""tools/lint_language.py [--base REVISION] [--no-commits] [FILE...]

Checks the part of CONTRIBUTING.md "Language" that a program can check, in all sources of the repository or in FILEs:

- no line with a comment is over 120 columns (documents are not checked for this);
- no sentence of a comment or a document opens with a headless Who, Whoever, What, Of, That, How or Whether, such as
  "Who waits is parked". A question ("What is a block?") and "How to ..." are allowed;
- the subject of a commit is `layer: imperative summary`, at most 72 columns.

The commits are those after REVISION. Without --base, they are those that the main branch of `origin` lacks. Without
that branch, they are those after the newest tag, or the last 20.

Prints one line per violation. Exits with 1 if there is any, and with 2 if the arguments are wrong.
"""
import argparse
import ast
import io
import os
import re
import subprocess
import sys
import tokenize

COLUMNS = 120
SUBJECT_COLUMNS = 72
LAST_COMMITS = 20
# Texts that a test compares or parses are not prose.
DATA = re.compile(r"^tests/(golden|data)/(?!.*\.md$)")

OPENING = re.compile(r"(?:Who|Whoever|What|Of|That|How(?! to\b)|Whether)\s+[a-z]")
# The part of a line that may stand before its text: bullets, numbers, headings, quotations and emphasis.
MARKER = re.compile(r"^(?:\s|[-*+>]\s|\d+[.)]\s|#+\s|\\brief\s|\*\*|_)*")
SENTENCE_END = re.compile(r"[.!?][\"')*`]*\s+")
LAYER = re.compile(r"[a-z][\w.+/-]*(?:, [a-z][\w.+/-]*)*: ")
# Words that end like a participle or a third person, and are imperatives.
IMPERATIVES = {"bring", "embed", "exceed", "feed", "focus", "need", "proceed", "seed", "shed", "speed", "string", "swing",
               "succeed", "alias", "canvas", "bias"}
NO_VERBS = {"a", "an", "the", "who", "whoever", "what", "of", "that", "how", "whether", "it", "this", "these", "there"}

# A comment in the group; or a literal, which may hold what looks like a comment.
C_TOKENS = re.compile(r"""(//(?:\\\n|[^\n])*|/\*.*?(?:\*/|\Z))
                          |R"(?P<mark>[^\s()\\]{0,16})\(.*?\)(?P=mark)"
                          |"(?:\\.|[^"\\\n])*"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])*'""", re.S | re.X)
HASH_TOKENS = re.compile(r"""((?:(?<=\s)|(?<=\A))\#[^\n]*)
                             |\"{3}.*?\"{3}|'{3}.*?'{3}
                             |\\.|"(?:\\.|[^"\\\n])*"|'[^'\n]*'""", re.S | re.X)


def matched_comments(pattern, text):
    """Yields the number of each line with a comment, whether only the comment is in it, and the comment's text."""
    for match in pattern.finditer(text):
        if match.group(1) is None:
            continue
        number = text.count("\n", 0, match.start()) + 1
        alone = not text[text.rfind("\n", 0, match.start()) + 1:match.start()].strip()
        for offset, line in enumerate(match.group(1).split("\n")):
            yield number + offset, alone or offset > 0, re.sub(r"^\s*(?:///?<?|/\*+|\*/|\*(?=\s|$)|#+!?)|\*/\s*$", "", line)


def python_comments(text):
    """As matched_comments(). A docstring is a comment."""
    found = {}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            found[token.start[0]] = (not token.line[:token.start[1]].strip(), token.string.lstrip("#!"))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
            first = node.body[0].value
            for offset, line in enumerate(text.split("\n")[first.lineno - 1:first.end_lineno]):
                found[first.lineno + offset] = (True, line.strip().removeprefix('"""').removesuffix('"""'))
    yield from ((number, *comment) for number, comment in sorted(found.items()))


def comments_of(path, text):
    """The comments of a source, or None for a file of another kind."""
    name = os.path.basename(path)
    extension = os.path.splitext(name)[1]
    if extension == ".py":
        return python_comments(text)
    if extension in {".c", ".cc", ".h", ".cocci", ".css"}:
        return matched_comments(C_TOKENS, text)
    if (extension in {".toml", ".sh", ".cmake", ".config", ".yml", ".service", ".timer"} or name == "CMakeLists.txt" or
            re.match(r"#!.*\b(ba)?sh\b|# shellcheck shell", text)):
        return matched_comments(HASH_TOKENS, text)
    return None


def comment_blocks(comments):
    """Yields each block of comment lines that follow one another, as a list of (number, text)."""
    block, last = [], None
    for number, alone, text in comments:
        if block and (not alone or number != last + 1 or not text.strip()):
            yield block
            block = []
        if text.strip():
            block.append((number, text))
        last = number
    if block:
        yield block


def document_blocks(text):
    """Yields the paragraphs of a Markdown document, without its code."""
    block, fenced = [], False
    for number, line in enumerate(text.split("\n"), 1):
        if re.match(r"\s*(```|~~~)", line):
            fenced = not fenced
            line = ""
        if block and (fenced or not line.strip() or line.startswith("#") or block[-1][1].startswith("#")):
            yield block
            block = []
        if line.strip() and not fenced and not (not block and line.startswith("    ")):
            block.append((number, line))
    if block:
        yield block


def headless(block):
    """Yields (number, opening) for each headless opening of a sentence in a block of lines."""
    text, lines = "", []
    for number, line in block:
        marker = MARKER.match(line).end()
        starts = not text or re.search(r"\S", line[:marker]) or re.search(r"[.:;?!][\"')*`]*$", text)
        lines.append((len(text), number, bool(starts)))
        text += line[marker:].rstrip() + " "
    starts = [begin for begin, _, opens in lines if opens] + [match.end() for match in SENTENCE_END.finditer(text)]
    for begin in sorted(set(starts)):
        opening = OPENING.match(text, begin)
        if not opening:
            continue
        end = re.compile(r"[.?!](?=[\"')*`]*(?:\s|$))").search(text, begin)
        if end and end.group() == "?":
            continue
        yield max(number for at, number, _ in lines if at <= begin), text[begin:begin + 40].strip()


def check_text(path, text):
    """Yields (number, message) for each violation in a file."""
    if path.endswith(".md"):
        blocks = document_blocks(text)
    else:
        comments = comments_of(path, text)
        if comments is None:
            return
        comments = list(comments)
        lines = text.split("\n")
        for number in sorted({number for number, _, _ in comments}):
            if len(lines[number - 1]) > COLUMNS:
                yield number, f"a line with a comment has {len(lines[number - 1])} columns, at most {COLUMNS} are allowed"
        blocks = comment_blocks(comments)
    for block in blocks:
        for number, opening in headless(block):
            yield number, f"headless opening \"{opening}\": begin with the subject"


def check_subject(subject):
    """Yields a message for each rule that the subject of a commit breaks."""
    if len(subject) > SUBJECT_COLUMNS:
        yield f"the subject has {len(subject)} columns, at most {SUBJECT_COLUMNS} are allowed"
    layer = LAYER.match(subject)
    if not layer:
        yield "the subject is not `layer: imperative summary`"
        return
    summary = subject[layer.end():]
    word = re.match(r"[\w'-]*", summary).group()
    if summary.endswith("."):
        yield "the subject ends with a full stop"
    if word in IMPERATIVES:
        return
    if not re.match(r"[a-z]", word) or word in NO_VERBS or re.search(r"(?:ed|ing|[^su]s)$", word):
        yield f"the summary begins with \"{word}\", not with an imperative"


def git(*arguments):
    """The output of git, or None if it fails."""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, errors="replace")
    return done.stdout.strip() if done.returncode == 0 else None


def range_of_commits(base):
    """The commits to check, as arguments for git log; None if there are none."""
    for branch in [base] if base else ["origin/HEAD", "origin/main", "origin/master"]:
        if git("rev-parse", "--verify", "--quiet", branch + "^{commit}") is not None:
            return [branch + "..HEAD"]
    if base:
        print(f"tools/lint_language.py: error: no commit {base}", file=sys.stderr)
        sys.exit(2)
    if git("rev-parse", "--verify", "--quiet", "HEAD") is None:
        return None
    tag = git("describe", "--tags", "--abbrev=0")
    return [tag + "..HEAD"] if tag else ["-n", str(LAST_COMMITS), "HEAD"]


def sources():
    """The files of the repository, also those that are not committed yet."""
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard") or ""
    return [path for path in sorted(set(listed.split("\0"))) if path and os.path.isfile(path) and not DATA.match(path)]


def main():
    parser = argparse.ArgumentParser(usage=__doc__, add_help=False)
    parser.add_argument("--base")
    parser.add_argument("--no-commits", action="store_true")
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    if options.help:
        print(__doc__.strip())
        return 0
    violations = []
    for path in options.files or sources():
        with open(path, "rb") as file:
            content = file.read()
        if b"\0" not in content:
            violations += [f"{path}:{number}: {what}" for number, what in check_text(path, content.decode("utf-8", "replace"))]
    commits = None if options.no_commits or options.files else range_of_commits(options.base)
    for line in (git("log", "--no-merges", "--format=%h %s", *commits) or "").splitlines() if commits else []:
        commit, _, subject = line.partition(" ")
        violations += [f"commit {commit}: {what}: {subject}" for what in check_subject(subject)]
    for violation in violations:
        print(violation)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
