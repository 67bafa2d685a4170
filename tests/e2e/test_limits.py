"""Bounds that a peer can meet: each with its error, and none that harms another."""

import asyncio
import json
import socket
import subprocess
import unittest

import websockets

from harness import API_KEY, DEADLINE_S, PROGRAM, Client, Closed, Refused, Server, ServerTest, token


class Sizes(ServerTest):
    environment = {"WEBSOCKET_MAX_PAYLOAD_SIZE": "4096", "WEBSOCKET_LIMITS_CONNECTION_ROOMS_MAX": "10",
                   "WEBSOCKET_LIMITS_CONNECTION_FILTERS_MAX": "2", "WEBSOCKET_LIMITS_FILTER_VALUES_MAX": "3",
                   "WEBSOCKET_LIMITS_CONNECTION_TOPICS_MAX": "2", "WEBSOCKET_LIMITS_CONNECTION_NAMESPACES_MAX": "2"}

    async def test_a_message_that_is_too_long_closes_with_1009(self):
        client = await self.open(token())
        self.assertEqual((await client.welcome())["maxPayload"], 4096)
        await client.send_raw('{"type":"pong","x":"%s"}' % ("x" * 5000))
        code, reason = await client.closed()
        self.assertEqual(code, 1009)
        self.assertTrue(reason)

    async def test_a_message_of_just_the_limit_is_taken(self):
        client = await self.user()
        frame = '{"type":"leave","id":1,"namespace":"alerts","x":"%s"}'
        await client.send_raw(frame % ("x" * (4096 - len(frame) + 2)))
        await client.frame("reply", id=1)

    async def test_many_fragments_that_are_too_long_together_close_with_1009(self):
        raw = self.raw()
        raw.upgrade(headers=f"Authorization: Bearer {token()}\r\n")
        raw.take_frame()
        raw.send_frame(1, b"x" * 4000, fin=False)
        raw.send_frame(0, b"x" * 97, fin=False)
        self.assertEqual(raw.take_close()[0], 1009)

    async def test_a_body_that_is_too_long_is_413(self):
        answer = self.server.http("POST", "/api/v1/broadcast", json.dumps({"data": "x" * 5000}))
        self.assertEqual(answer.status, 413)

    async def test_rooms_beyond_the_bound_are_refused(self):
        client = await self.user()
        await client.join()
        refusal = await client.refusal("subscribe", namespace="alerts", rooms=[f"zone:{n}" for n in range(20)])
        self.assertEqual(refusal.code, "BAD_REQUEST")
        self.assertIn("limits.connection_rooms_max", refusal.message)

    async def test_identity_rooms_do_not_count_against_the_bound(self):
        client = await self.user("u1", "t1", tuple(f"role{n}" for n in range(9)))
        await client.join()
        held = await client.request("subscribe", namespace="alerts", rooms=[f"zone:{n}" for n in range(10)])
        self.assertEqual(len([r for r in held["rooms"] if r.startswith("zone:")]), 10)
        await client.request("subscribe", namespace="alerts", rooms=["zone:3", "user:u1"])
        self.assertNotIn("denied", await client.join("video", rooms=["user:u1"]))

    async def test_filters_values_topics_and_namespaces_have_bounds(self):
        client = await self.user()
        await client.join("alerts")
        await client.join("video")
        for wants in ({"filters": [{"type": [n]} for n in range(3)]}, {"filters": [{"type": [1, 2, 3, 4]}]}, {"topics": ["a", "b", "c"]}):
            self.assertEqual((await client.refusal("subscribe", namespace="alerts", **wants)).code, "BAD_REQUEST", wants)
        await client.request("subscribe", namespace="alerts", filters=[{"type": [1, 2, 3]}, {"type": ["x"]}], topics=["a", "b"])
        refusal = await client.refusal("join", namespace="monitoring")
        self.assertEqual(refusal.code, "BAD_REQUEST")
        self.assertIn("limits.connection_namespaces_max", refusal.message)


class Counts(ServerTest):
    environment = {"WEBSOCKET_LIMITS_MESSAGE_FRAMES_MAX": "3", "WEBSOCKET_LIMITS_HTTP_HEADERS_MAX": "8", "WEBSOCKET_LIMITS_TOKEN_BYTES_MAX": "400",
                   "WEBSOCKET_LIMITS_SERVICE_HANDLERS_MAX": "2", "WEBSOCKET_LIMITS_LISTING_ENTRIES_MAX": "1",
                   "WEBSOCKET_LIMITS_REVOKED_TOKENS_MAX": "1"}

    async def test_a_message_has_a_bounded_number_of_frames(self):
        client = await self.user()
        await client.send(*[{"type": "leave", "id": n, "namespace": "alerts"} for n in range(1, 5)])
        self.assertIn("limits.message_frames_max", (await client.frame("error"))["error"]["message"])
        await client.send(*[{"type": "leave", "id": n, "namespace": "alerts"} for n in range(11, 14)])
        for n in range(11, 14):  # none of the first message's
            self.assertEqual((await client.frame("reply"))["id"], n)

    async def test_a_request_has_a_bounded_number_of_header_fields(self):
        self.assertEqual(self.server.http("GET", "/healthz", headers={f"X-{n}": "1" for n in range(9)}).status, 431)

    async def test_a_token_has_a_bounded_length(self):
        client = await self.open()
        refusal = await client.refusal("auth", token=token(other="x" * 400))
        self.assertEqual(refusal.code, "UNAUTHENTICATED")
        self.assertIn("limits.token_bytes_max", refusal.message)

    async def test_an_instance_handles_a_bounded_number_of_events_and_is_told_so(self):
        service = await self.service()
        refusal = await service.refusal("handle", group="g", events=["video:a", "video:b", "video:c"])
        self.assertEqual(refusal.code, "BAD_REQUEST")
        self.assertIn("limits.service_handlers_max", refusal.message)
        metrics = self.server.http("GET", "/metrics").body
        self.assertIn("\nsparc_websocket_service_handlers_refused_total 1\n", metrics)

    async def test_an_answer_lists_a_bounded_number_of_connections_and_says_how_many_there_are(self):
        await self.user("a", "t1")
        await self.user("b", "t1")
        listed = self.server.http("GET", "/api/v1/connections?tenantId=t1").json
        self.assertEqual(len(listed["connections"]), 1)
        self.assertGreaterEqual(listed["total"], 2)

    async def test_of_too_many_revoked_tokens_one_is_forgotten_and_counted(self):
        for user in ("r1", "r2"):
            self.server.http("POST", "/api/v1/disconnect", {"token": token(user)})
        metrics = self.server.http("GET", "/metrics").body
        self.assertIn("\nsparc_websocket_revoked_tokens 1\n", metrics)
        self.assertIn("\nsparc_websocket_revoked_tokens_forgotten_total 1\n", metrics)


class Times(ServerTest):
    environment = {"WEBSOCKET_LIMITS_AUTH_MS": "150", "WEBSOCKET_LIMITS_HTTP_REQUEST_MS": "1500", "WEBSOCKET_LIMITS_HTTP_IDLE_MS": "150",
                   "WEBSOCKET_LIMITS_CLOSE_MS": "150"}

    async def test_without_an_identity_in_time_it_closes_with_1008(self):
        client = await self.open()
        self.assertEqual((await client.frame("error"))["error"]["code"], "UNAUTHENTICATED")
        self.assertEqual((await client.closed())[0], 1008)

    async def test_a_request_that_does_not_end_is_told_408_and_one_that_never_began_is_closed(self):
        for part in (b"GET /heal", b"POST /api/v1/broadcast HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"):
            with self.subTest(part):
                raw = self.raw()
                raw.send(part)
                status, headers, _ = raw.response()
                self.assertEqual((status, headers["connection"]), (408, "close"))
                self.assertTrue(raw.ended())
        self.assertTrue(self.raw().ended())

    async def test_an_idle_connection_is_closed(self):
        raw = self.raw()
        raw.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        raw.response()
        self.assertTrue(raw.ended())

    async def test_a_peer_that_does_not_answer_a_close_is_let_go(self):
        raw = self.raw()
        raw.upgrade(headers="Authorization: Bearer broken\r\n")
        raw.take_frame()
        self.assertEqual(raw.take_close()[0], 1008)
        self.assertTrue(raw.ended())


class Silent(ServerTest):
    environment = {"WEBSOCKET_PING_INTERVAL": "150", "WEBSOCKET_PING_TIMEOUT": "100"}

    async def test_a_client_that_answers_no_ping_is_let_go(self):
        client = await self.open(token("silent", "pings"), pongs=False)
        await client.welcome()
        await client.frame("ping")
        await client.closed()
        await self.eventually(lambda: self.server.http("GET", "/api/v1/connections?userId=silent").json["total"] == 0, "the end of the connection")


class Lively(ServerTest):
    environment = {"WEBSOCKET_PING_INTERVAL": "2000", "WEBSOCKET_PING_TIMEOUT": "1900"}

    async def test_a_client_that_answers_stays(self):
        client = await self.user("lively", "pings")
        for _ in range(3):
            await client.frame("ping")
        await client.join()


class Rates(ServerTest):
    environment = {"WEBSOCKET_LIMITS_CONNECTION_MESSAGES": "5/60000ms", "WEBSOCKET_LIMITS_RATE_VIOLATIONS_MAX": "3"}

    async def test_beyond_the_rate_frames_are_refused_and_abuse_closes(self):
        client = await self.user()
        await client.join("alerts")
        for _ in range(5):
            await client.request("subscribe", namespace="alerts")
        for _ in range(3):
            refusal = await client.refusal("subscribe", namespace="alerts")
            self.assertEqual(refusal.code, "RATE_LIMITED")
            self.assertTrue(0 < refusal.retry_after_ms <= 60000)
        await client.send({"type": "subscribe", "id": 99, "namespace": "alerts"})
        code, _ = await client.closed()
        self.assertEqual(code, 4007)

    async def test_pongs_and_refreshes_cost_nothing(self):
        client = await self.user()
        await client.join("alerts")
        for _ in range(20):
            await client.send({"type": "pong"})
        for _ in range(10):
            await client.request("auth", token=token())
        await client.request("subscribe", namespace="alerts")

    async def test_a_loop_of_joins_is_stopped(self):
        client = await self.user()
        with self.assertRaises(Refused) as caught:
            for _ in range(50):
                await client.join("alerts")
                await client.request("leave", namespace="alerts")
        self.assertEqual(caught.exception.code, "RATE_LIMITED")
        self.assertGreater(caught.exception.retry_after_ms, 0)

    async def test_publications_of_services_are_not_limited(self):
        service = await self.service()
        for _ in range(50):
            await service.request("publish", namespace="alerts", room="tenant:t1", event="x")


class UserRates(ServerTest):
    config = 'namespaces = [{ name = "video", rate_limit_options = "5/60000ms" }]\n'

    async def test_connections_of_a_user_share_a_bucket_in_a_namespace_and_others_do_not(self):
        mine = [await self.user("u1") for _ in range(3)]
        other = await self.user("u2")
        for client in [*mine, other]:
            await client.join("video")
            await client.join("alerts")
        refused = 0
        for n in range(60):
            try:
                await mine[n % 3].request("subscribe", namespace="video")
            except Refused as refusal:
                self.assertEqual(refusal.code, "RATE_LIMITED")
                refused += 1
        self.assertTrue(45 <= refused <= 55, f"{refused} of 60 were refused")
        await other.request("subscribe", namespace="video")
        await mine[0].request("subscribe", namespace="alerts")


class Admission(unittest.IsolatedAsyncioTestCase):
    def start(self, **environment):
        server = Server(environment={"WEBSOCKET_SHARDS": "1", **environment}).start()
        self.addCleanup(server.stop)
        return server

    async def open(self, server, **options):
        client = await Client.open(server, token(**options))
        self.addAsyncCleanup(client.close)
        return client

    async def test_a_tenant_has_as_many_connections_as_it_may_and_others_still_come(self):
        server = self.start(WEBSOCKET_LIMITS_TENANT_CONNECTIONS_MAX="2")
        first = [await self.open(server) for _ in range(2)]
        for client in first:
            await client.welcome()
        third = await self.open(server)
        error = (await third.frame("error"))["error"]
        self.assertEqual((error["code"], (await third.closed())[0]), ("CONNECTION_LIMIT", 4005))
        await (await self.open(server, tenant="t2")).welcome()
        await first[0].close()
        for _ in range(100):  # the place is free when the server has seen the end
            client = await self.open(server)
            if (await client.frame())["type"] == "welcome":
                break
        else:
            self.fail("the place of a connection that ended was not given back")

    async def test_beyond_the_rate_of_handshakes_it_is_503_with_retry_after(self):
        server = self.start(WEBSOCKET_LIMITS_NODE_HANDSHAKES="3/60000ms")
        for _ in range(3):
            await (await self.open(server)).welcome()
        with self.assertRaises(websockets.InvalidStatusCode) as caught:
            await self.open(server)
        self.assertEqual(caught.exception.status_code, 503)
        self.assertTrue(15 <= int(caught.exception.headers["Retry-After"]) <= 40, "20 s until there is room, and up to as long again")
        self.assertEqual(server.http("GET", "/healthz").status, 200)

    async def test_more_connections_than_the_node_takes_are_not_served(self):
        server = self.start(WEBSOCKET_LIMITS_CONNECTIONS_MAX="3")
        clients = [await self.open(server) for _ in range(3)]
        for client in clients:
            await client.welcome()
        raw = server.raw()
        self.addCleanup(raw.close)
        self.assertTrue(raw.ended())
        await clients[0].join()


class Ports(unittest.TestCase):
    def test_a_port_that_is_taken_is_an_error_that_says_so(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            ran = subprocess.run([PROGRAM, "serve", "--host", "127.0.0.1", "--port", str(port)], env={"JWT_SECRET": "x" * 40}, capture_output=True,
                                 text=True, timeout=DEADLINE_S, check=False)
        self.assertEqual(ran.returncode, 1, ran.stderr)
        self.assertIn(str(port), ran.stderr)

    def test_a_second_server_cannot_share_the_port_of_the_first(self):
        server = Server().start()
        self.addCleanup(server.stop)
        ran = subprocess.run([PROGRAM, "serve", "--host", "127.0.0.1", "--port", str(server.port)], env={"JWT_SECRET": "x" * 40},
                             capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        self.assertEqual(ran.returncode, 1, ran.stderr)


class SlowReaderTest(ServerTest):
    """A client that does not read, beside one that does."""

    COUNT, BLOCK = 400, 30000  # 12 MB: more than the kernel holds for a connection with a small receive buffer

    async def stuck(self, tenant, namespace):
        """Joined, and reading nothing from now on until it is asked to."""
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.connect(("127.0.0.1", self.server.port))
        plain.setblocking(False)
        client = await self.open(token("slow", tenant), read=False, sock=plain, max_queue=1, read_limit=4096)
        json.loads(await client.socket.recv())
        await client.send({"type": "join", "id": 1, "namespace": namespace})
        reply = json.loads(await client.socket.recv())
        self.assertEqual(reply["id"], 1)
        return client

    async def flood(self, tenant, namespace):
        quick = await self.user("quick", tenant)
        await quick.join(namespace)
        service = await self.service()
        text = "x" * self.BLOCK
        for n in range(self.COUNT):  # one at a time: who reads never lags
            await service.request("publish", namespace=namespace, room=f"tenant:{tenant}", event="alert:created", data={"n": n, "text": text})
            self.assertEqual((await quick.event("alert:created"))["data"]["n"], n)
        return quick

    async def rest(self, client, tenant, namespace):
        """Every frame of the namespace until the last publication."""
        client.start_reading()
        self.server.publish(namespace, f"tenant:{tenant}", "end", {})
        frames = []
        while not frames or frames[-1].get("event") != "end":
            frames.append(await client.frame(namespace=namespace))
        return frames


class SlowReaders(SlowReaderTest):
    environment = {"WEBSOCKET_LIMITS_LANE_BYTES_MAX": "65536"}
    config = 'namespaces = [{ name = "strict", lane = { policy = "disconnect" } }]\n'

    async def test_with_history_it_gets_everything_in_order_once(self):
        tenant = self.fresh_tenant()
        client = await self.stuck(tenant, "alerts")
        await self.flood(tenant, "alerts")
        frames = await self.rest(client, tenant, "alerts")
        self.assertEqual([f for f in frames if f["type"] == "gap"], [])
        events = [f for f in frames if f["type"] == "event" and f["event"] != "end"]
        self.assertEqual([e["data"]["n"] for e in events], list(range(self.COUNT)))

    async def test_without_history_what_is_lost_is_announced(self):
        tenant = self.fresh_tenant()
        client = await self.stuck(tenant, "video")
        await self.flood(tenant, "video")
        frames = await self.rest(client, tenant, "video")
        gaps = [f for f in frames if f["type"] == "gap"]
        events = [f["data"]["n"] for f in frames if f["type"] == "event" and f["event"] != "end"]
        self.assertTrue(gaps)
        self.assertEqual({g["reason"] for g in gaps}, {"dropped"})
        self.assertEqual(events, sorted(set(events)))
        self.assertEqual(len(events) + sum(g["count"] for g in gaps), self.COUNT)

    async def test_a_policy_may_be_to_disconnect(self):
        tenant = self.fresh_tenant()
        client = await self.stuck(tenant, "strict")
        await self.flood(tenant, "strict")
        client.start_reading()
        with self.assertRaises(Closed):
            while True:
                await client.frame("event")
        self.assertEqual(client.socket.close_code, 4008)


class Trimmed(SlowReaderTest):
    """The stream keeps less than the client missed."""

    environment = {"WEBSOCKET_LIMITS_LANE_BYTES_MAX": "65536", "WEBSOCKET_LIMITS_STREAM_ENTRIES_MAX": "20"}

    async def test_what_history_no_longer_reaches_is_announced_once_in_its_place(self):
        tenant = self.fresh_tenant()
        client = await self.stuck(tenant, "alerts")
        await self.flood(tenant, "alerts")
        frames = await self.rest(client, tenant, "alerts")
        gaps = [f for f in frames if f["type"] == "gap"]
        events = [f["data"]["n"] for f in frames if f["type"] == "event" and f["event"] != "end"]
        self.assertTrue(gaps)
        self.assertEqual({g["reason"] for g in gaps}, {"trimmed"})
        self.assertEqual(events, sorted(set(events)))
        self.assertEqual(len(events) + sum(g["count"] for g in gaps), self.COUNT)
        at = frames.index(gaps[0])
        self.assertEqual((gaps[0]["from"], frames[at + 1]["type"]), (frames[at - 1]["offset"] + 1, "position"))
        self.assertEqual(frames[at + 1]["offset"], gaps[0]["to"])


class Crowd(ServerTest):
    async def test_many_clients_get_every_event_in_order(self):
        clients = await asyncio.gather(*(self.user(f"u{n}", "crowd") for n in range(100)))
        await asyncio.gather(*(client.join() for client in clients))
        items = [{"namespace": "alerts", "room": "tenant:crowd", "event": "alert:created", "data": n} for n in range(200)]
        self.assertEqual(self.server.http("POST", "/api/v1/broadcast", items, API_KEY).status, 200)
        for client in clients:
            self.assertEqual([(await client.event())["data"] for _ in range(200)], list(range(200)))


if __name__ == "__main__":
    unittest.main()
