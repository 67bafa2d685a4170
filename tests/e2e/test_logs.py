"""What a node logs: access and audit as JSON, and no secret anywhere."""

import asyncio
import json
import signal
import unittest

import websockets

from harness import API_KEY, DEADLINE_S, JWT_SECRET, SERVICE_SECRET, Client, Server, service_token, token

NARROW_KEY = "key-of-one-scope-only"
CONFIG = f'[[api_keys]]\nname = "reader"\nkey = "{NARROW_KEY}"\nscopes = ["read"]\n'


class LogTest(unittest.IsolatedAsyncioTestCase):
    def start(self, **environment):
        server = Server(config=CONFIG, environment={"WEBSOCKET_LOG_FORMAT": "json", "WEBSOCKET_LOG_LEVEL": "debug", "WEBSOCKET_LOG_ACCESS": "true",
                                                    **environment}).start()
        self.addCleanup(server.stop)
        return server

    async def ended(self, server):
        server.signal(signal.SIGTERM)
        await asyncio.get_running_loop().run_in_executor(None, server.process.wait, DEADLINE_S)

    async def entries(self, server, event=None):
        """Of a life that ends here. Each line is one."""
        await self.ended(server)
        entries = [json.loads(line) for line in server.logged().splitlines()]
        for entry in entries:
            self.assertLessEqual({"time", "level", "event"}, entry.keys())
        return [entry for entry in entries if event in (None, entry["event"])]

    async def greeted(self, server, credential, how="header", **options):
        """Its first frame, whatever it is."""
        client = await Client.open(server, credential, how, **options)
        self.addAsyncCleanup(client.close)
        return client, await client.frame()


class Secrets(LogTest):
    async def test_tokens_and_keys_are_in_no_log_wherever_they_come_from(self):
        for log_format in ("json", "text"):
            with self.subTest(log_format):
                server = self.start(WEBSOCKET_LOG_FORMAT=log_format)
                secrets = [JWT_SECRET, SERVICE_SECRET, API_KEY, NARROW_KEY, *await self.use_everything(server)]
                server.signal(signal.SIGHUP)
                await self.ended(server)
                logged = server.logged()
                self.assertIn("authentication failed", logged)
                for secret in secrets:
                    for part in [secret, *secret.split(".")[1:]]:
                        self.assertNotIn(part, logged)

    async def use_everything(self, server):
        """Tokens good and bad by every way in; what was used."""
        used = []

        def fresh(user, **claims):
            used.append(token(user, **claims))
            return used[-1]

        for how in ("header", "subprotocol", "query"):
            client, first = await self.greeted(server, fresh("good-" + how), how)
            self.assertEqual(first["type"], "welcome")
            for bad in (fresh("wrong-" + how, secret="some other secret, long enough"), fresh("late-" + how, lifetime_s=-60),
                        fresh("broken-" + how)[:-2]):
                used.append(bad)
                self.assertEqual((await self.greeted(server, bad, how))[1]["type"], "error")
        client = await Client.open(server)
        self.addAsyncCleanup(client.close)
        await client.request("auth", token=fresh("first"))
        await client.request("auth", token=fresh("first", lifetime_s=7200))
        await client.refusal("auth", token=fresh("other"))
        await client.join()
        await client.refusal("subscribe", namespace="alerts", rooms=["tenant:elsewhere"])

        for path in ("/socket.io/?EIO=4&transport=websocket", f"/socket.io/?EIO=4&transport=websocket&token={fresh('sio')}"):
            for connect in ("40/alerts,", "40/alerts," + json.dumps({"token": fresh("sio-auth")}), "40/alerts," + json.dumps({"token": fresh("sio-bad")[:-2]})):
                async with websockets.connect(server.url(path)) as socket:
                    await socket.send(connect)
                    while not (await socket.recv()).startswith(("40/", "44/")):
                        pass

        used += [service_token("svc"), service_token("svc", secret="some other secret, long enough"), "no-such-key-at-all", service_token("narrow", "read")]
        for credential in [*used[-4:], NARROW_KEY, API_KEY]:
            server.http("POST", "/api/v1/broadcast", {}, key=credential)
            server.http("POST", "/api/v1/broadcast", {}, key=None, headers={"Authorization": "Bearer " + credential})
            server.http("GET", "/api/v1/rooms?token=" + credential, key=None)
            server.http("GET", "/elsewhere?token=" + credential, key=None)
            await self.greeted(server, credential, "key")
        server.http("POST", "/api/v1/disconnect", {"token": fresh("revoked")})
        self.assertEqual((await self.greeted(server, used[-1]))[1]["type"], "error")
        return used


class Access(LogTest):
    async def test_each_answer_is_logged_with_its_address_method_path_and_status(self):
        server = self.start(WEBSOCKET_TRUSTED_PROXIES="127.0.0.1")
        server.http("GET", "/healthz")
        server.http("GET", "/api/v1/rooms?namespace=alerts")
        server.http("GET", "/api/v1/rooms", key=None)
        server.http("DELETE", "/api/v1/rooms")
        server.http("GET", "/nowhere", headers={"X-Forwarded-For": "203.0.113.9"})
        await self.greeted(server, token())
        await self.greeted(server, token(), headers={"X-Forwarded-For": "203.0.113.9"})
        for path, more in (("/elsewhere", {}), ("/ws", {"origin": "https://elsewhere.example"}), ("/socket.io/?EIO=3&transport=websocket", {})):
            with self.assertRaises(websockets.InvalidStatusCode):
                await websockets.connect(server.url(path), **more)
        async with websockets.connect(server.url("/socket.io/?EIO=4&transport=websocket")):
            pass
        server.http("GET", "/socket.io/?EIO=4&transport=polling", key=None)
        server.http("GET", "/socket.io/?EIO=4&transport=polling&sid=none", key=None)
        logged = [(e["address"], e["method"], e["path"], e["status"]) for e in await self.entries(server, "access")]
        here = "127.0.0.1"
        self.assertEqual(logged, [
            (here, "GET", "/healthz", "200"),
            (here, "GET", "/api/v1/rooms", "200"),
            (here, "GET", "/api/v1/rooms", "401"),
            (here, "DELETE", "/api/v1/rooms", "405"),
            ("203.0.113.9", "GET", "/nowhere", "404"),
            (here, "GET", "/ws", "101"),
            ("203.0.113.9", "GET", "/ws", "101"),
            (here, "GET", "/elsewhere", "404"),
            (here, "GET", "/ws", "403"),
            (here, "GET", "/socket.io/", "400"),
            (here, "GET", "/socket.io/", "101"),
            (here, "GET", "/socket.io/", "200"),
            (here, "GET", "/socket.io/", "400"),
        ])

    async def test_without_the_switch_requests_are_not_logged(self):
        server = self.start(WEBSOCKET_LOG_ACCESS="false")
        server.http("GET", "/healthz")
        await self.greeted(server, token())
        self.assertEqual(await self.entries(server, "access"), [])

    async def test_a_path_cannot_write_a_line_of_its_own(self):
        server = self.start()
        raw = server.raw()
        self.addCleanup(raw.close)
        raw.send(b'GET /a%0A{"event":"forged"}\\x HTTP/1.1\r\nHost: x\r\n\r\n')
        raw.response()
        self.assertNotIn("forged", [entry["event"] for entry in await self.entries(server)])


class Audit(LogTest):
    async def test_it_says_who_was_refused_what_and_from_where(self):
        server = self.start()
        client, _ = await self.greeted(server, token("u1", "t1"))
        await client.join()
        await client.refusal("subscribe", namespace="alerts", rooms=["tenant:t2"])
        await self.greeted(server, token(secret="some other secret, long enough"))
        server.http("POST", "/api/v1/broadcast", {}, key="nobody's key")
        server.http("POST", "/api/v1/broadcast", {}, key=NARROW_KEY)
        server.http("POST", "/api/v1/disconnect", {"userId": "u1", "tenantId": "t1"})
        audit = await self.entries(server, "audit")
        for entry in audit:
            self.assertEqual(entry["address"], "127.0.0.1")
        self.assertEqual([(e["what"], e["user"], e["tenant"]) for e in audit], [
            ("room of another tenant refused", "u1", "t1"),
            ("authentication failed", "", ""),
            ("API request refused", "", ""),
            ("API request refused", "reader", ""),
            ("connections closed", "WEBSOCKET_API_KEY", ""),
        ])
        self.assertEqual(audit[0]["detail"], "tenant:t2")
        self.assertEqual(audit[-1]["detail"], "user u1 of tenant t1")


if __name__ == "__main__":
    unittest.main()
