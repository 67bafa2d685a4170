"""The README's first session, as it is written there, against the real server: token, tail, the Python client, publish, the broadcast."""

import http.client
import json
import os
import re
import selectors
import shlex
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DEADLINE_S = 120
PROGRAM = ""


def block(language, having):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for code in re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S):
        if having in code:
            return code
    raise AssertionError(f"the README has no {language} block with {having}")


def line(code, having):
    return next(text for text in code.replace("\\\n", " ").splitlines() if having in text)


class Output:
    """What a process writes, awaited with a deadline."""

    def __init__(self, stream):
        self.stream, self.text = stream, ""
        self.selector = selectors.DefaultSelector()
        self.selector.register(stream, selectors.EVENT_READ)

    def wait_for(self, wanted):
        end = time.monotonic() + DEADLINE_S
        while wanted not in self.text:
            if not self.selector.select(max(0, end - time.monotonic())):
                raise AssertionError(f"{wanted!r} did not come within {DEADLINE_S} s; there is: {self.text!r}")
            read = os.read(self.stream.fileno(), 65536)
            if not read:
                raise AssertionError(f"{wanted!r} did not come before the end; there is: {self.text!r}")
            self.text += read.decode()

    def close(self):
        self.selector.close()
        self.stream.close()


class ReadmeSession(unittest.TestCase):
    def setUp(self):
        # Nothing of the machine's own configuration.
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("WEBSOCKET_", "JWT_", "REDIS_", "CORS_", "USE_UNIFIED"))}
        server = self.start([PROGRAM, "serve", "--dev-keys", "--port", "0"])
        server.wait_for("\n")
        self.port = json.loads(server.text.splitlines()[0])["port"]

    def start(self, command):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=self.environment)
        output = Output(process.stdout)
        self.addCleanup(output.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return output

    def here(self, command):
        """A line of the README for this program and this port."""
        words = shlex.split(command.replace("3100", str(self.port)).removesuffix("&"))
        words[0] = PROGRAM
        return words

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def wait_for_members(self, count):
        wanted = f'sparc_websocket_namespace_connections{{namespace="alerts"}} {count}\n'
        end = time.monotonic() + DEADLINE_S
        while wanted not in self.ask("GET", "/metrics")[1]:
            self.assertLess(time.monotonic(), end, "the clients did not join")

    def test_it_works_as_it_is_written(self):
        session = block("sh", "$server token")
        command = re.search(r"\$\((.*)\)", line(session, "$server token")).group(1)
        token = subprocess.run(self.here(command), capture_output=True, text=True, check=True, env=self.environment).stdout.strip()
        self.assertEqual(token.count("."), 2)

        tail = self.start(self.here(line(session, "$server tail").replace("$TOKEN", token)))
        with tempfile.NamedTemporaryFile("w", suffix=".py", encoding="utf-8") as file:
            file.write(block("python", "websockets").replace("3100", str(self.port)))
            file.flush()
            client = self.start(["/usr/bin/python3", file.name, token])
            self.wait_for_members(2)

        publish = self.here(line(session, "$server publish").replace("--dev-keys", "--dev-keys --port 3100"))
        answer = json.loads(subprocess.run(publish, capture_output=True, text=True, check=True, env=self.environment).stdout)
        self.assertEqual(answer["offset"], 1)
        client.wait_for("1 alert:created {'id': 'a1', 'priority': 'high'}\n")
        tail.wait_for("alert:created")

        words = shlex.split(line(block("sh", "curl"), "curl"))
        header, body = words[words.index("-H") + 1], words[words.index("-d") + 1]
        path = words[1].partition("3100")[2]
        status, text = self.ask("POST", path, body, dict([header.split(": ")]))
        self.assertEqual((status, json.loads(text)["offset"]), (200, 2))
        client.wait_for("2 alert:created {'id': 'a1'}\n")


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
