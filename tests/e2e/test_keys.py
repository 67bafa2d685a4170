"""Keys that tokens are verified with: PEM files, and key documents (JWKS) from files and over HTTP."""

import base64
import http.server
import json
import os
import subprocess
import tempfile
import threading
import unittest

from harness import DEADLINE_S, Client, Server, sign, token

FIRST, SECOND = "first-secret-of-a-key-document-000", "second-secret-of-a-key-document-00"


def document(*keys):
    """A JWK Set of HS256 keys, (kid, secret) each."""
    encoded = [{"kty": "oct", "alg": "HS256", "kid": kid, "k": base64.urlsafe_b64encode(secret.encode()).rstrip(b"=").decode()} for kid, secret in keys]
    return json.dumps({"keys": encoded})


def signed_by(kid, secret, **more):
    return token(secret=secret, header={"alg": "HS256", "typ": "JWT", "kid": kid}, **more)


class Documents(http.server.BaseHTTPRequestHandler):
    """Serves what its server says; each answer may be held back."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        owner = self.server.owner
        with owner.changed:
            owner.requests.append(dict(self.headers))
            owner.changed.notify_all()
            if not owner.changed.wait_for(lambda: not owner.held, DEADLINE_S):
                return
            status, body, headers = owner.status, owner.body.encode(), owner.headers
            if status == 200 and self.headers.get("If-None-Match") == headers.get("ETag", "none"):
                status, body = 304, b""
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass  # the server stopped meanwhile

    def log_message(self, *_):
        pass


class KeyServer:
    def __init__(self):
        self.changed = threading.Condition()
        self.requests, self.status, self.body, self.headers, self.held = [], 200, document(("k1", FIRST)), {}, False
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Documents)
        self.server.daemon_threads = True
        self.server.owner = self
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/keys"

    def set(self, **what):
        with self.changed:
            for name, value in what.items():
                setattr(self, name, value)
            self.changed.notify_all()

    def wait_for(self, count):
        """Until so many requests have come."""
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.requests) >= count, DEADLINE_S):
                raise AssertionError(f"{len(self.requests)} requests came, not {count}")

    def close(self):
        self.set(held=False)
        self.server.shutdown()
        self.server.server_close()


class KeyTest(unittest.IsolatedAsyncioTestCase):
    def start(self, *arguments, **environment):
        server = Server(*arguments, environment={"JWT_SECRET": None, "WEBSOCKET_SERVICE_JWT_SECRET": None, **environment}).start()
        self.addCleanup(server.stop)
        return server

    async def open(self, server, credential):
        client = await Client.open(server, credential)
        self.addAsyncCleanup(client.close)
        return client

    async def first_frame(self, server, credential):
        client = await self.open(server, credential)
        return (await client.frame())["type"]

    async def until_accepted(self, server, credential):
        for _ in range(1000):
            if await self.first_frame(server, credential) == "welcome":
                return
        self.fail("the key was never taken")


class OverHttp(KeyTest):
    def setUp(self):
        self.keys = KeyServer()
        self.addCleanup(self.keys.close)

    def start_with_keys(self, **more):
        return self.start(WEBSOCKET_JWT_JWKS_URL=self.keys.url, WEBSOCKET_JWT_JWKS_REFRESH_MS="1000", **more)

    async def test_keys_are_there_before_the_first_client(self):
        server = self.start_with_keys()
        self.assertEqual(await self.first_frame(server, signed_by("k1", FIRST)), "welcome")
        self.assertEqual(await self.first_frame(server, signed_by("k1", SECOND)), "error")

    async def test_a_rotated_key_is_taken_and_one_that_is_gone_refused(self):
        server = self.start_with_keys()
        self.keys.set(body=document(("k2", SECOND)))
        await self.until_accepted(server, signed_by("k2", SECOND))
        self.assertEqual(await self.first_frame(server, signed_by("k1", FIRST)), "error")

    async def test_a_token_with_an_unknown_key_waits_for_documents_under_way(self):
        server = self.start_with_keys()
        self.keys.set(held=True, body=document(("k1", FIRST), ("k2", SECOND)))
        self.keys.wait_for(2)
        waiting = await self.open(server, signed_by("k2", SECOND))
        stranger = await self.open(server, signed_by("k3", "a secret of nobody, which is long enough"))
        self.assertEqual(await self.first_frame(server, signed_by("k1", FIRST)), "welcome")  # known keys do not wait
        self.assertEqual((waiting.frames, stranger.frames), ([], []))
        self.keys.set(held=False)
        self.assertEqual((await waiting.frame())["type"], "welcome")
        error = await stranger.frame("error")
        self.assertEqual(error["error"]["code"], "UNAUTHENTICATED")

    async def test_waiting_tokens_are_answered_when_nothing_changed_or_the_load_fails(self):
        for status in (200, 500):
            with self.subTest(status):
                self.keys.set(status=200, held=False)
                server = self.start_with_keys()
                seen = len(self.keys.requests)
                self.keys.set(held=True, status=status)
                self.keys.wait_for(seen + 1)
                waiting = await self.open(server, signed_by("k2", SECOND))
                self.assertEqual(await self.first_frame(server, signed_by("k1", FIRST)), "welcome")
                self.keys.set(held=False)
                self.assertEqual((await waiting.frame("error"))["error"]["code"], "UNAUTHENTICATED")

    async def test_an_unchanged_document_is_asked_for_by_its_tag(self):
        self.keys.set(headers={"ETag": '"v1"'})
        server = self.start_with_keys()
        self.keys.wait_for(3)
        self.assertNotIn("If-None-Match", self.keys.requests[0])
        self.assertEqual(self.keys.requests[2]["If-None-Match"], '"v1"')
        self.assertEqual(await self.first_frame(server, signed_by("k1", FIRST)), "welcome")

    async def test_bad_answers_keep_the_last_good_keys(self):
        server = self.start_with_keys()
        for bad in ({"status": 500}, {"body": "no json"}, {"body": '{"keys":[]}'}, {"body": " " * (2 << 20)},
                    {"status": 302, "headers": {"Location": self.keys.url + "-elsewhere"}}):
            seen = len(self.keys.requests)
            self.keys.set(**{"status": 200, "body": document(("k2", SECOND)), "headers": {}, **bad})
            self.keys.wait_for(seen + 2)  # the first of them has been judged when the second comes
            self.assertEqual(await self.first_frame(server, signed_by("k1", FIRST)), "welcome", bad)
            self.assertEqual(await self.first_frame(server, signed_by("k2", SECOND)), "error", bad)
            self.keys.set(status=200, body=document(("k1", FIRST)), headers={})
            self.keys.wait_for(seen + 4)  # a success, so that the next failure is again the first
        self.assertIn("keys not loaded", server.logged())

    async def test_a_server_starts_without_its_key_server_and_takes_keys_when_it_is_back(self):
        self.keys.set(status=503)
        server = self.start_with_keys()
        self.assertEqual(server.http("GET", "/healthz").status, 200)
        self.assertEqual(await self.first_frame(server, signed_by("k1", FIRST)), "error")
        self.keys.set(status=200)
        await self.until_accepted(server, signed_by("k1", FIRST))

    async def test_it_stops_at_once_while_a_load_is_under_way(self):
        server = self.start_with_keys()
        self.keys.set(held=True)
        self.keys.wait_for(2)
        server.stop()

    async def test_keys_of_users_make_no_services(self):
        server = self.start_with_keys()
        claims = {"sub": "svc", "aud": "sparc-service", "scope": "read", "exp": 4102444800}
        forged = sign(claims, FIRST, {"alg": "HS256", "kid": "k1"})
        self.assertEqual(server.http("GET", "/api/v1/rooms", key=None, headers={"Authorization": "Bearer " + forged}).status, 401)

    async def test_a_services_key_document_is_its_own(self):
        server = self.start(JWT_SECRET="x" * 40, WEBSOCKET_SERVICE_JWT_JWKS_URL=self.keys.url)
        claims = {"sub": "svc", "aud": "sparc-service", "scope": "read", "exp": 4102444800}
        good = sign(claims, FIRST, {"alg": "HS256", "kid": "k1"})
        self.assertEqual(server.http("GET", "/api/v1/rooms", key=None, headers={"Authorization": "Bearer " + good}).status, 200)
        self.assertEqual(await self.first_frame(server, signed_by("k1", FIRST)), "error")


class Files(KeyTest):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    async def test_a_key_document_in_a_file(self):
        server = self.start(WEBSOCKET_JWT_JWKS_FILE=self.write("keys.json", document(("k1", FIRST))))
        self.assertEqual(await self.first_frame(server, signed_by("k1", FIRST)), "welcome")

    async def test_a_file_without_usable_keys_is_an_error_at_the_start(self):
        for text in (None, "", '{"keys":[]}', "no json"):
            with self.subTest(text):
                path = self.write("bad.json", text) if text is not None else self.path("missing.json")
                with self.assertRaises(AssertionError) as caught:
                    self.start(WEBSOCKET_JWT_JWKS_FILE=path)
                self.assertIn(path, str(caught.exception))

    async def test_public_keys_in_pem_files(self):
        for kind, options, algorithm in (("RSA", ["-pkeyopt", "rsa_keygen_bits:2048"], "RS256"), ("ED25519", [], "EdDSA")):
            with self.subTest(algorithm):
                key, public = self.path(kind + ".key"), self.path(kind + ".pub")
                self.openssl("genpkey", "-algorithm", kind, *options, "-out", key)
                self.openssl("pkey", "-in", key, "-pubout", "-out", public)
                server = self.start(WEBSOCKET_JWT_PUBLIC_KEY_FILES=public)
                self.assertEqual(await self.first_frame(server, self.signed(key, algorithm)), "welcome")
                with open(public, encoding="utf-8") as file:
                    confused = token(secret=file.read())  # HS256 with what everybody may know
                self.assertEqual(await self.first_frame(server, confused), "error")

    def signed(self, key, algorithm):
        head, body, _ = token(header={"alg": algorithm}).split(".")
        text = self.write("signed", f"{head}.{body}")
        if algorithm == "RS256":
            self.openssl("dgst", "-sha256", "-sign", key, "-out", text + ".sig", text)
        else:
            self.openssl("pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", text, "-out", text + ".sig")
        with open(text + ".sig", "rb") as file:
            return f"{head}.{body}." + base64.urlsafe_b64encode(file.read()).rstrip(b"=").decode()

    @staticmethod
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=DEADLINE_S)


if __name__ == "__main__":
    unittest.main()
