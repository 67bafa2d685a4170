"""tools/check_docs.py finds what it is there to find: this tree is good, and not after each of these mistakes."""

import importlib.util
import re
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.dont_write_bytecode = True
spec = importlib.util.spec_from_file_location("check_docs", ROOT / "tools/check_docs.py")
check_docs = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check_docs)


class CheckDocs(unittest.TestCase):
    def setUp(self):
        # What a mistake changes is laid over the files; nothing is written.
        self.changed = {}
        read = check_docs.read
        check_docs.read = lambda path: self.changed.get(path) or read(path)
        self.addCleanup(setattr, check_docs, "read", read)

    def check(self):
        return [f"{page}: {text}" for page, _, text in check_docs.complaints(ROOT)]

    def change(self, name, pattern, replacement):
        text, count = re.subn(pattern, replacement, check_docs.read(ROOT / name), count=1)
        self.assertEqual(count, 1, f"{name} has no {pattern}")
        self.changed[ROOT / name] = text

    def append(self, name, text):
        self.changed[ROOT / name] = check_docs.read(ROOT / name) + text

    def test_the_tree_as_it_is_has_nothing_to_complain_of(self):
        self.assertEqual(self.check(), [])

    def test_a_readme_that_became_a_manual(self):
        self.append("README.md", "another line\n" * 150)
        self.assertRegex("\n".join(self.check()), r"^README.md: \d+ lines: at most 150$")

    def test_a_link_to_a_page_that_is_not_there(self):
        self.append("docs/semantics.md", "\n[more](nowhere.md)\n")
        self.assertEqual(self.check(), ["docs/semantics.md: there is no nowhere.md"])

    def test_a_link_to_a_heading_that_is_not_there(self):
        self.append("docs/semantics.md", "\n[more](operating.md#nowhere)\n")
        self.assertEqual(self.check(), ["docs/semantics.md: operating.md has no heading #nowhere"])

    def test_a_link_inside_a_fenced_block_is_none(self):
        self.append("docs/semantics.md", "\n```\n[more](nowhere.md)\n```\n")
        self.assertEqual(self.check(), [])

    def test_a_path_that_is_not_there(self):
        self.append("docs/testing.md", "\nsee `src/nowhere/`\n")
        self.assertEqual(self.check(), ["docs/testing.md: there is no src/nowhere/"])

    def test_a_function_that_was_renamed(self):
        self.append("docs/architecture.md", "\n`Shard::no_such_function`\n")
        self.assertEqual(self.check(), ["docs/architecture.md: the code has no Shard::no_such_function"])

    def test_a_code_whose_meaning_was_edited_until_the_page_is_made_again(self):
        self.change("src/base/codes.def", r"A fault of the server\.", "Our fault.")
        self.assertEqual(self.check(), ["docs/codes.md: is not what codes.def says: run tools/check_docs.py --write"])
        self.changed[ROOT / "docs/codes.md"] = check_docs.codes_page(ROOT)
        self.assertEqual(self.check(), [])

    def test_a_metric_that_nobody_described(self):
        self.change("src/server/metrics.cc", r'\{"sessions", "gauge"', '{"sessions_new", "gauge"')
        self.assertEqual(self.check(), ["docs/operating.md: the metric sessions_new is not described",
                                        "docs/operating.md: the server has no metric sessions"])

    def test_a_package_that_nobody_explained(self):
        self.append("tools/packages.txt", "build libsurprise-dev\n")
        self.assertEqual(self.check(), ["docs/dependencies.md: libsurprise-dev of tools/packages.txt is not named"])


if __name__ == "__main__":
    unittest.main()
