#!/usr/bin/env python3
"""Checks what a compiler does not: layers, banned calls, file length, paths of somebody's machine. Prints `file:line: complaint`."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINES_MAX = 700

# The table of docs/architecture.md. The build holds the layers apart too; this also sees layers that are linked but not allowed.
BELOW = {
    "base": set(),
    "net": {"base"},
    "http": {"base"},
    "ws": {"base"},
    "protocol": {"base"},
    "auth": {"base"},
    "session": {"base", "protocol"},
    "hub": {"base"},
    "fanout": {"base", "ws", "protocol", "session", "hub"},
    "broker": {"base"},
    "shard": {"base", "http", "ws", "protocol", "auth", "session", "hub", "fanout", "broker"},
    "client": {"base", "net", "http", "ws", "protocol"},
    # `token` signs with the auth layer, `tail` is a client.
    "app": {"base", "auth", "client", "server"},
}
BELOW["server"] = set(BELOW) - {"app", "client"}

# Where time and randomness are parameters.
PURE = {"base", "http", "ws", "protocol", "auth", "session", "hub", "fanout", "broker", "shard"}

ANYWHERE = [
    (r"\b(?:std::)?s?rand\s*\(", "rand: take Entropy& (base/entropy.h)"),
    (r"\bstr(?:cpy|cat)\s*\(", "no bound: use std::string"),
    (r"\bv?sprintf\s*\(", "no bound: use std::string"),
]
IN_LIBRARIES = [(r"\bf?printf\s*\(|\bstd::(?:cout|cerr)\b|\bputs\s*\(", "a library does not print: return it, or log")]
IN_PURE_LAYERS = [
    (r"_clock::now\s*\(|\bgettimeofday\s*\(|\bclock_gettime\s*\(|\b(?:std::)?time\s*\(\s*(?:nullptr|NULL|0)", "time is a parameter (base/clock.h)"),
    (r"\brandom_device\b|\bgetrandom\s*\(|\bRAND_bytes\s*\(", "randomness is a parameter (base/entropy.h)"),
]
IN_TESTS = [
    (r"\b(?:u|nano)?sleep\s*\(|\bsleep_(?:for|until)\s*\(", "a test does not sleep: wait for what it waits for"),
    (r"\b(?:EXPECT|ASSERT)_[LG][TE]\s*\([^;]*(?:elapsed|_clock::now|duration_cast)", "a test does not assert on elapsed time"),
]

# Split, so that this file does not complain of itself.
MACHINE_PATHS = re.compile("|".join(["/" + "work/", "/" + "root/", "/" + r"home/\w+/", "/" + "tmp/b-", "/" + "Users/"]))


def files():
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True)
    return [Path(name) for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def code_only(text):
    """The same lines without comments and without what literals hold."""
    pattern = re.compile(r'R"(\w*)\((?:.|\n)*?\)\1"|//[^\n]*|/\*(?:.|\n)*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'')
    return pattern.sub(lambda m: '""' + "\n" * m.group(0).count("\n"), text)


def layer_of(path):
    return path.parts[1] if len(path.parts) > 2 and path.parts[0] == "src" else None


def included_layers(text):
    for number, line in enumerate(text.splitlines(), 1):
        found = re.match(r'\s*#\s*include\s+"([^"/]+)/', line)
        if found:
            yield number, found.group(1)


def rules_for(path):
    rules = list(ANYWHERE)
    layer = layer_of(path)
    # The client tells of errors that nobody listens to.
    if layer not in {None, "app", "client"}:
        rules += IN_LIBRARIES
    if layer in PURE:
        rules += IN_PURE_LAYERS
    if path.parts[0] == "tests":
        rules += IN_TESTS
    return rules


def check_source(path, text):
    layer = layer_of(path)
    if layer in BELOW:
        for number, included in included_layers(text):
            if included in BELOW and included != layer and included not in BELOW[layer]:
                yield number, f"{layer} may not include {included} (docs/architecture.md)"
    code = code_only(text)
    for pattern, complaint in rules_for(path):
        for found in re.finditer(pattern, code):
            yield code.count("\n", 0, found.start()) + 1, complaint


def check(path):
    try:
        text = (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    if path.suffix in {".cc", ".h", ".c", ".ts", ".mjs", ".js", ".py", ".sh", ".cmake"}:
        lines = text.count("\n")
        if lines > LINES_MAX:
            yield 1, f"{lines} lines: at most {LINES_MAX}; split it by what its parts know"
    if path.suffix in {".cc", ".h"}:
        yield from check_source(path, text)
    if not str(path).startswith("fuzz/corpus/"):
        for number, line in enumerate(text.splitlines(), 1):
            if MACHINE_PATHS.search(line):
                yield number, "a path of one machine"


def main():
    complaints = [f"{path}:{number}: {complaint}" for path in files() for number, complaint in check(path)]
    print("\n".join(complaints) if complaints else "nothing to complain of")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
