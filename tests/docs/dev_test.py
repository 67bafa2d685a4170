"""`./dev` from outside: each command says how it is written, and refuses what cannot be meant before it installs or builds anything."""

import re
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
COMMANDS = ["setup", "build", "test", "serve", "bench", "fuzz", "sim", "format", "lint"]
MISTAKES = [
    (["setup", "now"], "takes no arguments"),
    (["build", "debug"], "dev, release or tsan"),
    (["build", "release", "twice"], "dev, release or tsan"),
    (["test", "broker"], "arguments begin with a dash"),
    (["serve", "3100"], "arguments begin with a dash"),
    (["bench", "all"], "arguments begin with a dash"),
    (["fuzz", "long"], "seconds are a number"),
    (["fuzz", "5", "ws_reciever"], "ws_receiver"),
    (["sim", "-1"], "seeds are a number"),
    (["format", "--chekc"], "only --check"),
    (["lint", "--fast"], "only --quick"),
    (["biuld"], 'there is no "biuld"'),
]


def dev(*arguments):
    return subprocess.run([ROOT / "dev", *arguments], capture_output=True, text=True, timeout=60, check=False)


class Dev(unittest.TestCase):
    def test_without_a_command_it_lists_them(self):
        for arguments in ([], ["help"], ["--help"]):
            shown = dev(*arguments)
            self.assertEqual(shown.returncode, 0)
            self.assertEqual(re.findall(r"^\./dev (\w+)", shown.stdout, re.MULTILINE), COMMANDS)

    def test_each_command_says_how_it_is_written_and_does_nothing_else(self):
        for command in COMMANDS:
            for arguments in (["--help"], ["-h"]):
                shown = dev(command, *arguments)
                self.assertEqual((shown.returncode, shown.stderr), (0, ""), command)
                self.assertRegex(shown.stdout, rf"^\./dev {command}\b.*\n$")

    def test_a_mistake_is_told_before_anything_is_done(self):
        for arguments, told in MISTAKES:
            refused = dev(*arguments)
            self.assertEqual((refused.returncode, refused.stdout), (2, ""), arguments)
            self.assertIn(told, refused.stderr)
            self.assertIn("./dev ", refused.stderr, "and how it is written")


if __name__ == "__main__":
    unittest.main()
