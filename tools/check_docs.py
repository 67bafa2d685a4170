#!/usr/bin/env python3
"""Checks what the documentation repeats of the code: links, docs/codes.md, names of functions, metrics, packages, the README's
length. Prints `file:line: complaint`. `--write` makes docs/codes.md from src/base/codes.def."""

import argparse
import functools
import json
import re
import subprocess
import sys
import urllib.parse
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README_LINES_MAX = 150

RETRY = {
    "never": "never",
    "after_new_token": "after a new token",
    "later": "later",
    "after_delay": "after `retryAfterMs`",
    "at_once": "at once, by position",
    "yes": "yes",
}

# What a client does about each, in the order of the enum.
RETRY_MEANS = {
    "never": "The same again fails the same way: change the request, the identity or the configuration.",
    "after_new_token": "Get a new token first.",
    "later": "After `retryAfterMs`, or the client's own growing delay.",
    "after_delay": "`retryAfterMs` is always there.",
    "at_once": "Connect again and `join` with `recover`.",
    "yes": "Once more, for what may run twice.",
}

CODES_HEAD = """# Codes

Made by `tools/check_docs.py --write` from `src/base/codes.def`; do not edit. The same file makes the C++ enum (`src/base/codes.h`).

A code is what a peer is told: in an `error` frame, in an HTTP answer, as the reason that a connection closes. It is a contract: a
code keeps its meaning, a new meaning gets a new code, and a client treats one that it does not know as `INTERNAL`. The `message`
beside it is a sentence for people and may change.

| code | close code | retry | meaning |
| --- | --- | --- | --- |
"""

CODES_MIDDLE = """
A code without close code never closes a connection. Those with one close it only where the connection as a whole is concerned; a
frame that is refused costs an `error` and nothing else. Before `welcome`, `UNAUTHENTICATED` and `TOKEN_EXPIRED` close with 1008.

| retry | what a client does |
| --- | --- |
"""

CODES_TAIL = """
Close codes beside these: 1000 (normal, or the client's own close), 1002 and 1007 (a fault in WebSocket frames or UTF-8), 1009 also
for too many fragments, 1012 (drain: come back, see `reconnect` in [protocol.md](protocol.md#reconnect)).

| HTTP status | codes |
| --- | --- |
"""


def read(path):
    return path.read_text(encoding="utf-8")


def codes(root):
    """(name, close, retry, meaning) of every row of codes.def."""
    row = re.compile(r'^SPARC_CODE\((\w+), (\d+), (\w+), "(.*)"\)$', re.M)
    return row.findall(read(root / "src/base/codes.def"))


def statuses(root):
    """HTTP status -> codes, from the one function that knows."""
    body = re.search(r"int status_of\(Code code\) \{(.*?)\n\}", read(root / "src/server/api.cc"), re.S).group(1)
    out, waiting = {}, []
    for name, status in re.findall(r"case Code::(\w+):|return (\d+);", body):
        if name:
            waiting.append(name)
        elif waiting:
            out[status] = out.get(status, []) + waiting
            waiting = []
    return out


def codes_page(root):
    table = codes(root)
    page = CODES_HEAD
    page += "".join(f"| `{n}` | {c if c != '0' else ''} | {RETRY[r]} | {m} |\n" for n, c, r, m in table)
    page += CODES_MIDDLE
    used = {retry for _, _, retry, _ in table}
    page += "".join(f"| {RETRY[r]} | {text} |\n" for r, text in RETRY_MEANS.items() if r in used)
    page += CODES_TAIL
    for status, names in sorted(statuses(root).items()):
        page += f"| {status} | {' '.join(f'`{n}`' for n in names)} |\n"
    return page


def listed(root, pattern):
    """Files that are, or are about to be, in the repository."""
    asked = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", pattern], cwd=root, capture_output=True, check=True)
    return [Path(name) for name in asked.stdout.decode().split("\0") if name and (root / name).is_file()]


def prose(text):
    """The same lines without what stands in fenced blocks."""
    return re.sub(r"^```.*?^```", lambda m: "\n" * m.group(0).count("\n"), text, flags=re.M | re.S)


def anchors(text):
    """The names that GitHub gives to headings."""
    out, seen = set(), {}
    for heading in re.findall(r"^#{1,6} +(.*?) *#*$", prose(text), re.M):
        name = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()).replace(" ", "-")
        out.add(f"{name}-{seen[name]}" if name in seen else name)
        seen[name] = seen.get(name, 0) + 1
    return out


def check_links(root, page):
    text = prose(read(root / page))
    for found in re.finditer(r"\]\(([^()\s]+)\)", re.sub(r"`[^`\n]*`", lambda m: " " * len(m.group(0)), text)):
        target = urllib.parse.unquote(found.group(1))
        if re.match(r"[a-z]+:", target):
            continue
        line = text.count("\n", 0, found.start()) + 1
        name, _, anchor = target.partition("#")
        there = (root / page).parent / name if name else root / page
        if not there.exists():
            yield page, line, f"there is no {target}"
        elif anchor and there.suffix == ".md" and anchor not in anchors(read(there)):
            yield page, line, f"{name or page} has no heading #{anchor}"


def check_files(root, page):
    """Paths of this repository that stand in backquotes."""
    tops = "src|include|tests|fuzz|bench|tools|docs|deploy|examples|cmake"
    for number, line in enumerate(prose(read(root / page)).splitlines(), 1):
        for name in re.findall(rf"`((?:{tops})/[\w./-]*)`", line):
            if not (root / name).exists() and not (root / page).parent.joinpath(name).exists():
                yield page, number, f"there is no {name}"


@functools.cache
def names_in_code(root):
    """Types that are declared, and every word, below src/ and include/."""
    types, words = set(), set()
    for top in ("src", "include"):
        for path in (root / top).rglob("*.*"):
            if path.suffix in {".h", ".cc"}:
                text = read(path)
                words.update(re.findall(r"\w+", text))
                types.update(re.findall(r"\b(?:class|struct) (\w+)", text))
    return types, words


def check_functions(root, page):
    """`Type::function`: the type is declared and the function is named somewhere below src/ and include/."""
    for number, line in enumerate(read(root / page).splitlines(), 1):
        for type_, function in re.findall(r"\b([A-Z]\w+)::([a-z]\w*)\b", line):
            types, words = names_in_code(root)
            if type_ not in types or function not in words:
                yield page, number, f"the code has no {type_}::{function}"


def check_metrics(root):
    page = Path("docs/operating.md")
    text = read(root / page)
    source = read(root / "src/server/metrics.cc")
    made = set(re.findall(r'\{"(\w+)", "(?:gauge|counter|histogram)"', source)) | set(
        re.findall(r'(?:begin|one)\("(\w+)", "(?:gauge|counter|histogram)"', source))
    told = set(re.findall(r"^\| `(\w+)`", text.partition("## Metrics")[2].partition("\n## ")[0], re.M))
    for name in sorted(made - told):
        yield page, 1, f"the metric {name} is not described"
    for name in sorted(told - made):
        yield page, 1, f"the server has no metric {name}"


def check_packages(root):
    page = Path("docs/dependencies.md")
    text = read(root / page)
    wanted = set(re.findall(r"^\w+ (\S+)$", re.sub(r"^#.*$", "", read(root / "tools/packages.txt"), flags=re.M), re.M))
    for name in sorted(wanted):
        if f"`{name}`" not in text:
            yield page, 1, f"{name} of tools/packages.txt is not named"
    for manifest in listed(root, "*package.json"):
        for name in json.loads(read(root / manifest)).get("dependencies", {}):
            if f"`{name}`" not in text:
                yield page, 1, f"{name} of {manifest} is not named"


def complaints(root):
    lines = read(root / "README.md").count("\n")
    if lines > README_LINES_MAX:
        yield Path("README.md"), lines, f"{lines} lines: at most {README_LINES_MAX}"
    for page in listed(root, "*.md"):
        yield from check_links(root, page)
        yield from check_files(root, page)
        if page.parts[0] in {"README.md", "docs"}:
            yield from check_functions(root, page)
    if read(root / "docs/codes.md") != codes_page(root):
        yield Path("docs/codes.md"), 1, "is not what codes.def says: run tools/check_docs.py --write"
    yield from check_metrics(root)
    yield from check_packages(root)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--write", action="store_true")
    given = arguments.parse_args()
    if given.write:
        (ROOT / "docs/codes.md").write_text(codes_page(ROOT), encoding="utf-8")
    found = [f"{page}:{line}: {text}" for page, line, text in complaints(ROOT)]
    print("\n".join(found) if found else "nothing to complain of")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
