"""The command line from outside: what it prints, and its exit codes."""

import base64
import http.server
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

PROGRAM = sys.argv.pop(1)


def run(*arguments, environment=None, stdin=""):
    clean = {"PATH": os.environ["PATH"], **(environment or {})}
    return subprocess.run([PROGRAM, *arguments], env=clean, input=stdin, capture_output=True, text=True, timeout=60, check=False)


def claims_of(token):
    part = token.strip().split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def file_with(text):
    file = tempfile.NamedTemporaryFile("w", suffix=".toml")
    file.write(text)
    file.flush()
    return file


class Usage(unittest.TestCase):
    def complains(self, code, text, *arguments, **more):
        ran = run(*arguments, **more)
        self.assertEqual(ran.returncode, code, ran.stderr)
        self.assertIn(text, ran.stderr)

    def test_a_mistaken_flag_or_command_is_told_with_the_nearest_one(self):
        self.complains(2, 'did you mean "--port"', "--prot", "1")
        self.complains(2, 'did you mean "check-config"', "checkconfig", "x")
        self.complains(2, 'there is no command "zzzzzzzzzzzz"', "zzzzzzzzzzzz")

    def test_a_command_that_lacks_an_argument_says_which(self):
        self.complains(2, "namespace is required", "publish")
        self.complains(2, "--user requires --tenant", "token", "--user", "u1")
        self.complains(2, "needs --user and --tenant, or --service", "token", "--dev-keys")

    def test_help_and_version_succeed(self):
        self.assertEqual(run("--help").returncode, 0)
        shown = run("serve", "--help")
        self.assertEqual(shown.returncode, 0)
        self.assertIn("--limits-message-bytes-max", shown.stdout)
        self.assertIn("WEBSOCKET_MAX_PAYLOAD_SIZE = 1048576", shown.stdout)
        self.assertRegex(run("version").stdout, r"^sparc-websocket \d+\.\d+\.\d+\n$")

    def test_documentation_is_printed(self):
        self.assertTrue(run("docs-config").stdout.startswith("# Configuration\n"))

    def test_help_has_every_flag_and_variable_of_the_documentation(self):
        documented = re.findall(r"^\| `\S+` \| `(\w+)` `(--\S+)` \|", run("docs-config").stdout, re.MULTILINE)
        self.assertGreater(len(documented), 100)
        shown = run("serve", "--help").stdout
        for variable, flag in documented:
            self.assertRegex(shown, rf"(?s)\n  {flag}\b[^-].*?\[{variable}\b")
        flags = set(re.findall(r"^  (?:-\w,)?(--\S+)", shown, re.MULTILINE))
        self.assertEqual(flags - {flag for _, flag in documented}, {"--help", "--config", "--print-config"})


class CheckConfig(unittest.TestCase):
    def test_a_good_file_is_called_good(self):
        with file_with("port = 0\n") as file:
            ran = run("check-config", file.name, environment={"WEBSOCKET_PORT": "not a port"})
        self.assertEqual((ran.returncode, ran.stdout), (0, f"{file.name}: good\n"))

    def test_a_mistake_is_named_with_line_column_key_and_the_nearest_key(self):
        with file_with("\nprot = 0\n") as file:
            ran = run("check-config", file.name)
        self.assertEqual(ran.returncode, 2)
        self.assertEqual(ran.stderr, f'{file.name}:2:1: prot: unknown key; did you mean "port"?\n')

    def test_a_file_that_is_not_there_is_a_mistake_of_usage_and_an_empty_one_is_good(self):
        for unreadable in ("nowhere.toml", tempfile.gettempdir()):
            ran = run("check-config", unreadable)
            self.assertEqual(ran.returncode, 2)
            self.assertIn(f"{unreadable}: cannot be read", ran.stderr)
        with file_with("") as file:
            self.assertEqual(run("check-config", file.name).returncode, 0)


class Serve(unittest.TestCase):
    def test_print_config_shows_origins_and_no_secret(self):
        with file_with("shards = 3\n") as file:
            ran = run("serve", "--print-config", "--config", file.name, "--dev-echo", environment={"JWT_SECRET": "hunter2-hunter2"})
        self.assertEqual(ran.returncode, 0)
        self.assertIn(f"shards = 3  # {file.name}:1\n", ran.stdout)
        self.assertIn("dev.echo = true  # flag --dev-echo\n", ran.stdout)
        self.assertIn("# jwt.secret = (redacted)  # environment JWT_SECRET\n", ran.stdout)
        self.assertNotIn("hunter2", ran.stdout + ran.stderr)

    def test_lists_of_tables_are_json_in_a_flag_as_in_a_variable(self):
        tables = '[{"name":"doors","history":true},{"name":"guards"}]'
        for given in (["--namespaces", tables], ["--namespaces=" + tables]):
            printed = run("serve", "--print-config", "--dev-keys", *given)
            self.assertEqual(printed.returncode, 0, printed.stderr)
            self.assertIn('name = "doors"', printed.stdout)
            self.assertIn('name = "guards"', printed.stdout)

    def test_without_a_key_it_does_not_start(self):
        ran = run("serve", "--port", "0")
        self.assertEqual(ran.returncode, 2)
        self.assertIn("set JWT_SECRET", ran.stderr)

    def test_development_keys_are_refused_where_others_could_reach_them(self):
        ran = run("serve", "--port", "0", "--dev-keys", "--host", "0.0.0.0")
        self.assertEqual(ran.returncode, 2)
        self.assertIn("loopback", ran.stderr)

    def test_the_old_services_must_be_named_before_clients_are_handed_to_them(self):
        ran = run("--dev-keys", environment={"USE_UNIFIED_WEBSOCKET": "false"})
        self.assertEqual(ran.returncode, 2)
        self.assertIn("legacy.alerts.url", ran.stderr)

    def test_it_says_when_it_listens_and_stops_when_it_is_told_to(self):
        with subprocess.Popen([PROGRAM, "--port", "0", "--dev-keys", "--drain-ms", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={"PATH": os.environ["PATH"]}, text=True) as server:
            line = json.loads(server.stdout.readline())
            self.assertEqual(line["event"], "listening")
            self.assertGreater(line["port"], 0)
            server.send_signal(signal.SIGHUP)
            server.send_signal(signal.SIGTERM)
            _, told = server.communicate(timeout=60)
        self.assertEqual(server.returncode, 0, told)
        self.assertIn("DEVELOPMENT KEYS", told)


class Token(unittest.TestCase):
    def test_a_users_token_has_the_claims_of_the_guide(self):
        ran = run("token", "--dev-keys", "--user", "u1", "--tenant", "t1", "--roles", "admin,operator", "--organization", "o1")
        claims = claims_of(ran.stdout)
        self.assertEqual(claims.pop("exp") - claims.pop("iat"), 86400)
        self.assertEqual(claims, {"userId": "u1", "tenantId": "t1", "organizationId": "o1", "roles": ["admin", "operator"]})

    def test_it_has_what_the_configuration_asks_for(self):
        with file_with("jwt.audience = ['platform']\njwt.issuer = 'idp'\njwt.claims.user_id = ['sub']\n") as file:
            ran = run("token", "--config", file.name, "--user", "u1", "--tenant", "t1", "--lifetime-s", "0", environment={"JWT_SECRET": "s"})
        claims = claims_of(ran.stdout)
        self.assertEqual((claims["aud"], claims["iss"], claims["sub"]), ("platform", "idp", "u1"))
        self.assertNotIn("exp", claims)

    def test_a_services_token_has_its_scopes(self):
        ran = run("token", "--service", "video", "--scopes", "publish,handle", environment={"WEBSOCKET_SERVICE_JWT_SECRET": "s" * 32})
        claims = claims_of(ran.stdout)
        self.assertEqual((claims["aud"], claims["sub"], claims["scope"]), ("sparc-service", "video", "publish handle"))

    def test_without_a_secret_there_is_none(self):
        ran = run("token", "--user", "u1", "--tenant", "t1")
        self.assertEqual((ran.returncode, ran.stdout), (2, ""))


class Recorder(http.server.BaseHTTPRequestHandler):
    status, seen = 200, []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Recorder.seen.append((self.path, self.headers["X-API-Key"], json.loads(body)))
        self.send_response(Recorder.status)
        self.end_headers()
        self.wfile.write(b'{"epoch":"e","offset":1}')

    def log_message(self, *_):
        pass


class Publish(unittest.TestCase):
    def setUp(self):
        Recorder.status, Recorder.seen = 200, []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def tearDown(self):
        self.server.shutdown()
        self.server.server_close()

    def publish(self, *more, stdin=""):
        return run("publish", "--dev-keys", "--url", self.url, "alerts", "tenant:t1", "alert:created", *more, stdin=stdin)

    def test_it_posts_the_event_with_the_key_and_prints_the_answer(self):
        ran = self.publish('{"id": 1}')
        self.assertEqual((ran.returncode, ran.stdout), (0, '{"epoch":"e","offset":1}\n'))
        event = {"namespace": "alerts", "room": "tenant:t1", "event": "alert:created", "data": {"id": 1}}
        self.assertEqual(Recorder.seen, [("/api/v1/broadcast", "sparc-development-api-key", event)])

    def test_data_can_come_from_the_standard_input(self):
        self.publish("-", stdin="[1, 2]")
        self.assertEqual(Recorder.seen[0][2]["data"], [1, 2])

    def test_a_refusal_is_a_failure_and_shown(self):
        Recorder.status = 403
        ran = self.publish("{}")
        self.assertEqual((ran.returncode, ran.stdout), (1, ""))
        self.assertIn("epoch", ran.stderr)

    def test_a_server_that_is_not_there_is_a_failure(self):
        self.server.shutdown()
        self.server.server_close()
        ran = self.publish("{}")
        self.assertEqual(ran.returncode, 1)
        self.assertIn("connect", ran.stderr)
        self.setUp()


if __name__ == "__main__":
    unittest.main()
