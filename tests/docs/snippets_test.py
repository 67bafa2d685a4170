"""C++ in the documentation compiles: each fenced block that includes a public header, against include/ alone."""

import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
COMPILER = "g++"


def snippets():
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        for found in re.finditer(r"^```cpp\n(.*?)^```", text, re.M | re.S):
            if '#include "sparc/' in found.group(1):
                yield f"{page.relative_to(ROOT)}:{text.count(chr(10), 0, found.start()) + 1}", found.group(1)


class Snippets(unittest.TestCase):
    def test_every_snippet_compiles(self):
        found = list(snippets())
        self.assertTrue(found, "no snippet was found: the README shows a service")
        for place, code in found:
            with self.subTest(place), tempfile.NamedTemporaryFile("w", suffix=".cc", encoding="utf-8") as file:
                file.write(code)
                file.flush()
                done = subprocess.run(
                    [COMPILER, "-std=c++23", "-fsyntax-only", "-Wall", "-Werror", "-Wno-missing-field-initializers", f"-I{ROOT / 'include'}", file.name],
                    capture_output=True, text=True, check=False)
                self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        COMPILER = sys.argv.pop(1)
    unittest.main()
