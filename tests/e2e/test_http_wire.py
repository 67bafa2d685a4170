"""HTTP around the API: health, paths, keep-alive, pipelining, refusals, origins, the second address."""

import json
import re
import unittest

from api import EVENT, ApiTest
from harness import API_KEY, token


class Health(ApiTest):
    async def test_health_and_readiness_need_no_key(self):
        self.assertEqual(self.server.http("GET", "/healthz", key=None).json, {"status": "ok"})
        ready = self.server.http("GET", "/readyz", key=None)
        self.assertEqual((ready.status, ready.json["status"], set(ready.json["namespaces"])), (200, "ok", {"video", "alerts", "monitoring"}))

    async def test_metrics_are_prometheus_text(self):
        client = await self.user("u1", self.fresh_tenant())
        await client.join()
        answer = self.server.http("GET", "/metrics", key=None)
        self.assertTrue(answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"))
        typed, seen = set(), set()
        for line in answer.body.splitlines():
            if line.startswith("# TYPE "):
                name = line.split()[2]
                self.assertNotIn(name, typed, "a type is given once")
                typed.add(name)
            elif not line.startswith("#"):
                self.assertRegex(line, r'^[a-z_]+(\{([a-z_]+="[^"]*",?)*\})? [0-9.eE+-]+$')
                series = line.rsplit(" ", 1)[0]
                self.assertNotIn(series, seen)
                seen.add(series)
                self.assertTrue(any(series.startswith(name) for name in typed), line)
        self.assertTrue(answer.body.endswith("\n"))
        self.assertGreater(len(seen), 10)

    async def test_head_has_the_lengths_and_no_body(self):
        whole, head = self.server.http("GET", "/healthz"), self.server.http("HEAD", "/healthz")
        self.assertEqual((head.status, head.body, head.headers["Content-Length"]), (200, "", str(len(whole.body))))


class Paths(ApiTest):
    async def test_what_is_not_there_is_404(self):
        for path in ("/", "/nothing", "/api/v1/", "/api/v1/nothing", "/api/v2/broadcast", "/healthz/", "/ws/x"):
            with self.subTest(path):
                self.assertEqual(self.server.http("GET", path).status, 404)

    async def test_another_method_is_405_and_told_which(self):
        for method, path, allowed in (("GET", "/api/v1/broadcast", "POST"), ("POST", "/api/v1/rooms", "GET"), ("DELETE", "/api/v1/disconnect", "POST"),
                                      ("POST", "/healthz", "GET"), ("PUT", "/metrics", "GET"), ("POST", "/api/v1/rollout", "GET"),
                                      ("POST", "/api/v1/openapi.json", "GET")):
            with self.subTest(path):
                answer = self.server.http(method, path, {} if method != "GET" else None)
                self.assertEqual(answer.status, 405, answer.body)
                self.assertIn(allowed, answer.headers["Allow"])

    async def test_the_websocket_path_asks_for_an_upgrade(self):
        self.assertEqual(self.server.http("GET", "/ws").status, 426)

    async def test_upgrades_elsewhere_are_404_and_bad_ones_400(self):
        raw = self.raw()
        self.assertIn(" 404 ", raw.upgrade("/elsewhere"))
        raw = self.raw()
        raw.send(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n")
        self.assertEqual(raw.response()[0], 400)
        raw = self.raw()
        raw.send(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n"
                 b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        status, headers, _ = raw.response()
        self.assertEqual((status, headers["sec-websocket-version"]), (426, "13"))


class Wire(ApiTest):
    async def test_a_connection_is_kept_for_many_requests(self):
        connection = self.server.connection()
        try:
            self.server.ask(connection, "GET", "/healthz")
            first = connection.sock
            for _ in range(20):
                self.assertEqual(self.server.ask(connection, "POST", "/api/v1/broadcast", EVENT).status, 200)
            self.assertIs(connection.sock, first)
        finally:
            connection.close()

    async def test_pipelined_requests_are_answered_in_order(self):
        raw = self.raw()
        count = 100  # more than may be unanswered at a time
        body = json.dumps(EVENT).encode()
        publish = b"POST /api/v1/broadcast HTTP/1.1\r\nHost: x\r\nX-API-Key: %s\r\nContent-Length: %d\r\n\r\n%s" % (API_KEY.encode(), len(body), body)
        ready = b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"
        missing = b"GET /missing HTTP/1.1\r\nHost: x\r\n\r\n"
        raw.send((publish + ready + missing) * count)
        offsets = []
        for _ in range(count):
            status, _, answer = raw.response()
            self.assertEqual(status, 200)
            offsets.append(json.loads(answer)["offset"])
            self.assertIn("namespaces", raw.response()[2])
            self.assertEqual(raw.response()[0], 404)
        self.assertEqual(offsets, list(range(offsets[0], offsets[0] + count)))

    async def test_an_answer_is_the_same_wherever_the_request_is_cut(self):
        request = b"POST /api/v1/broadcast HTTP/1.1\r\nHost: x\r\nX-API-Key: wrong\r\nContent-Length: 2\r\n\r\n{}"
        raw = self.raw()
        for cut in range(1, len(request), 7):
            raw.send(request[:cut])
            raw.send(request[cut:])
            self.assertEqual(raw.response()[0], 401)

    async def test_chunked_bodies_are_read(self):
        raw = self.raw()
        body = json.dumps(EVENT).encode()
        raw.send(b"POST /api/v1/broadcast HTTP/1.1\r\nHost: x\r\nX-API-Key: %s\r\nTransfer-Encoding: chunked\r\n\r\n" % API_KEY.encode())
        for part in (body[:5], body[5:]):
            raw.send(b"%x\r\n%s\r\n" % (len(part), part))
        raw.send(b"0\r\n\r\n")
        self.assertEqual(raw.response()[0], 200)

    async def test_expect_continue_is_answered(self):
        raw = self.raw()
        body = json.dumps(EVENT).encode()
        raw.send(b"POST /api/v1/broadcast HTTP/1.1\r\nHost: x\r\nX-API-Key: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n" %
                 (API_KEY.encode(), len(body)))
        self.assertTrue(raw.take_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 "))
        raw.send(body)
        self.assertEqual(raw.response()[0], 200)

    async def test_what_is_no_http_is_refused_and_closed(self):
        for text, status in ((b"nonsense\r\n\r\n", 400), (b"GET / HTTP/1.1\r\n\r\n", 400),
                             (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
                             (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
                             (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 20000 + b"\r\n\r\n", 431),
                             (b"GET /" + b"y" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", None),
                             (b"GET / HTTP/3.7\r\nHost: x\r\n\r\n", None)):
            with self.subTest(text[:40]):
                raw = self.raw()
                raw.send(text)
                got, headers, body = raw.response()
                if status is None:
                    self.assertGreaterEqual(got, 400)
                else:
                    self.assertEqual(got, status)
                self.assertEqual(headers["connection"], "close")
                self.assertTrue(raw.ended())

    async def test_connection_close_is_honoured(self):
        raw = self.raw()
        raw.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        self.assertEqual(raw.response()[0], 200)
        self.assertTrue(raw.ended())

    async def test_http_1_0_is_closed_after_its_answer(self):
        raw = self.raw()
        raw.send(b"GET /healthz HTTP/1.0\r\n\r\n")
        self.assertEqual(raw.response()[0], 200)
        self.assertTrue(raw.ended())

    async def test_a_connection_that_asked_over_http_can_be_upgraded_afterwards(self):
        raw = self.raw()
        raw.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        raw.response()
        self.assertIn(" 101 ", raw.upgrade(headers=f"Authorization: Bearer {token()}\r\n"))
        self.assertEqual(json.loads(raw.take_frame()[1])["type"], "welcome")

    async def test_a_client_that_goes_away_in_the_middle_of_a_body_harms_nobody(self):
        for _ in range(5):
            raw = self.raw()
            raw.send(b"POST /api/v1/broadcast HTTP/1.1\r\nHost: x\r\nX-API-Key: k\r\nContent-Length: 100\r\n\r\n{")
            raw.close()
        self.assertEqual(self.server.http("GET", "/healthz").status, 200)


class Origins(ApiTest):
    environment = {"CORS_ORIGINS": "https://app.example"}

    async def test_a_listed_origin_may_read_answers_and_others_not(self):
        listed = self.server.http("GET", "/healthz", headers={"Origin": "https://app.example"})
        self.assertEqual(listed.headers["Access-Control-Allow-Origin"], "https://app.example")
        other = self.server.http("GET", "/healthz", headers={"Origin": "https://evil.example"})
        self.assertNotIn("Access-Control-Allow-Origin", other.headers)

    async def test_upgrades_from_listed_origins_and_the_own_host_are_allowed(self):
        for origin, status in (("https://app.example", 101), (f"http://127.0.0.1:{self.server.port}", 101), ("https://evil.example", 403), ("null", 403)):
            with self.subTest(origin):
                raw = self.raw()
                raw.send(f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{self.server.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: {origin}\r\n"
                         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
                self.assertEqual(int(raw.take_until(b"\r\n\r\n").split()[1]), status)


class SecondAddress(ApiTest):
    environment = {"WEBSOCKET_ADMIN_PORT": "0", "WEBSOCKET_LOG_FORMAT": "json"}

    def admin_port(self):
        found = []

        def logged():
            found[:] = re.findall(r'"adminPort":"(\d+)"', self.server.logged())
            return bool(found)

        self.assertTrue(logged(), "the log names the port of the second address")
        return int(found[0])

    async def test_operators_are_served_there_only(self):
        port = self.admin_port()
        for path in ("/metrics", "/api/v1/rooms", "/api/v1/openapi.json"):
            self.assertEqual(self.server.http("GET", path).status, 404, path)
            self.assertEqual(self.server.http("GET", path, port=port).status, 200, path)
        self.assertEqual(self.server.http("GET", "/healthz").status, 200)
        self.assertEqual(self.server.http("GET", "/healthz", port=port).status, 200)
        self.assertEqual(self.server.http("POST", "/api/v1/broadcast", EVENT, port=port).status, 200)


if __name__ == "__main__":
    unittest.main()
