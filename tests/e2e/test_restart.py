"""A node that stops: what clients are told, what the next one knows, and what changes without stopping."""

import asyncio
import json
import os
import signal
import tempfile
import time
import unittest

from harness import API_KEY, DEADLINE_S, Client, Server, token


class RestartTest(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def start(self, **environment):
        server = Server(environment={"WEBSOCKET_SNAPSHOT_FILE": os.path.join(self.folder.name, "snapshot"), **environment}).start()
        self.addCleanup(server.stop)
        return server

    async def client(self, server, user="u1", tenant="t1"):
        client = await Client.open(server, token(user, tenant))
        self.addAsyncCleanup(client.close)
        await client.welcome()
        return client

    async def ended(self, server):
        await asyncio.get_running_loop().run_in_executor(None, server.wait)


class Drain(RestartTest):
    async def test_every_client_is_told_to_reconnect_and_closed_with_1012(self):
        server = self.start(WEBSOCKET_DRAIN_MS="600")
        clients = [await self.client(server, f"u{n}") for n in range(20)]
        service = await Client.open(server, API_KEY, "key")
        self.addAsyncCleanup(service.close)
        server.signal(signal.SIGTERM)
        delays = set()
        for client in clients:
            advice = await client.frame("reconnect")
            self.assertEqual(advice["reason"], "drain")
            self.assertTrue(0 <= advice["afterMs"] <= 600)
            delays.add(advice["afterMs"])
        self.assertGreater(len(delays), 5, "each client has a moment of its own")
        for client in clients + [service]:
            code, reason = await client.closed()
            self.assertEqual(code, 1012)
            self.assertTrue(reason)
        await self.ended(server)

    async def test_a_draining_server_goes_on_serving_until_it_closes(self):
        server = self.start(WEBSOCKET_DRAIN_MS="2000")
        client = await self.client(server)
        service = await Client.open(server, API_KEY, "key")
        self.addAsyncCleanup(service.close)
        await client.join()
        server.signal(signal.SIGTERM)
        advice = await service.frame("reconnect")
        self.assertGreaterEqual(advice["afterMs"], (await client.frame("reconnect"))["afterMs"], "services leave after the clients")
        answer = await service.request("publish", namespace="alerts", room="tenant:t1", event="late", data={})
        self.assertEqual(answer["offset"], 1)
        await client.event("late")
        await self.ended(server)

    async def test_without_connections_it_ends_at_once(self):
        server = self.start(WEBSOCKET_DRAIN_MS="3600000")
        server.signal(signal.SIGTERM)
        await self.ended(server)

    async def test_a_drain_does_not_wait_for_clients_that_do_not_answer(self):
        server = self.start(WEBSOCKET_DRAIN_MS="100", WEBSOCKET_LIMITS_CLOSE_MS="100")
        raw = server.raw()
        self.addCleanup(raw.close)
        raw.upgrade(headers=f"Authorization: Bearer {token()}\r\n")
        self.assertEqual(json.loads(raw.take_frame()[1])["type"], "welcome")
        idle = server.raw()
        self.addCleanup(idle.close)
        server.signal(signal.SIGTERM)
        self.assertEqual(json.loads(raw.take_frame()[1])["type"], "reconnect")
        self.assertEqual(raw.take_close()[0], 1012)
        await self.ended(server)


class Snapshot(RestartTest):
    async def test_positions_ids_and_latest_values_survive_a_restart(self):
        server = self.start()
        client = await self.client(server)
        epoch = (await client.join())["position"]["epoch"]
        first = server.publish("alerts", "tenant:t1", "alert:created", {"n": 1}, publicationId="one")
        server.publish("alerts", "tenant:t1", "alert:created", {"n": 2})
        server.publish("monitoring", "tenant:t1", "metrics:update", {"metric": "cpu", "value": 7})
        server.stop()
        server = self.start()
        client = await self.client(server)
        reply = await client.join("alerts", recover={"epoch": epoch, "offset": 0})
        self.assertTrue(reply["recovered"])
        self.assertEqual([(await client.event())["data"]["n"] for _ in range(2)], [1, 2])
        self.assertEqual(server.publish("alerts", "tenant:t1", "alert:created", {"n": 1}, publicationId="one"), first)
        self.assertEqual(server.publish("alerts", "tenant:t1", "alert:created", {"n": 3}), {"epoch": epoch, "offset": 3})
        self.assertEqual((await client.event())["data"]["n"], 3)
        await client.join("monitoring")
        self.assertEqual((await client.event("metrics:update"))["data"]["value"], 7)

    async def test_a_crash_begins_new_epochs_instead_of_using_offsets_twice(self):
        server = self.start()
        first = server.publish("alerts", "tenant:t1", "alert:created", {"n": 1})
        server.stop()
        server = self.start()
        self.assertEqual(server.publish("alerts", "tenant:t1", "alert:created", {"n": 2})["epoch"], first["epoch"])
        server.signal(signal.SIGKILL)
        with self.assertRaises(AssertionError):
            server.wait()
        server = self.start()
        again = server.publish("alerts", "tenant:t1", "alert:created", {"n": 3})
        self.assertNotEqual(again["epoch"], first["epoch"])
        client = await self.client(server)
        self.assertFalse((await client.join("alerts", recover=first))["recovered"])

    async def test_a_damaged_snapshot_is_refused_and_the_server_starts_anew(self):
        server = self.start()
        first = server.publish("alerts", "tenant:t1", "alert:created", {"n": 1})
        server.stop()
        path = os.path.join(self.folder.name, "snapshot")
        with open(path, "r+b") as file:
            file.seek(20)
            byte = file.read(1)
            file.seek(20)
            file.write(bytes([byte[0] ^ 0xFF]))
        server = self.start()
        self.assertNotEqual(server.publish("alerts", "tenant:t1", "alert:created", {"n": 2})["epoch"], first["epoch"])


class Reload(RestartTest):
    def started(self, text):
        """A server whose configuration can be changed: `rewrite(text)` does, and reloads."""
        file = os.path.join(self.folder.name, "configuration.toml")

        def write(text):  # at once: a reload may read it at any moment
            with open(file + ".new", "w") as new:
                new.write(text)
            os.replace(new.name, file)

        write(text)
        server = Server("--config", file, environment={"JWT_SECRET": None, "WEBSOCKET_API_KEY": None, "WEBSOCKET_LOG_FORMAT": "json"}).start()
        self.addCleanup(server.stop)

        def rewrite(text):
            write(text)
            server.signal(signal.SIGHUP)

        return server, rewrite

    async def taken(self, server, credential):
        """A connection with it, once the server takes it: a signal is handled when the server comes to it."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            client = await Client.open(server, credential)
            self.addAsyncCleanup(client.close)
            if (await client.frame())["type"] == "welcome":
                return client
            self.assertLess(time.monotonic(), deadline)

    async def test_a_hangup_takes_new_keys_and_keeps_connections(self):
        first, second = "first secret, which is long enough for all", "second secret, which is long enough too"
        server, rewrite = self.started(f'jwt.secret = "{first}"\n')
        old = await self.taken(server, token(secret=first))
        rewrite(f'jwt.secret = "{second}"\n')
        await self.taken(server, token(secret=second))
        late = await Client.open(server, token(secret=first))
        self.addAsyncCleanup(late.close)
        self.assertEqual((await late.frame("error"))["error"]["code"], "UNAUTHENTICATED")
        await old.join()

    async def test_what_listens_stays_as_it_is_whatever_a_reload_says(self):
        first, second = "first secret, which is long enough for all", "second secret, which is long enough too"
        server, rewrite = self.started(f'jwt.secret = "{first}"\napi_key = "{API_KEY}"\n')
        rewrite(f'jwt.secret = "{second}"\napi_key = "{API_KEY}"\nadmin.port = 0\nport = 1\n')
        await self.taken(server, token(secret=second))
        self.assertEqual(server.http("GET", "/api/v1/rooms").status, 200, "there is no other address that it could be served on")
        self.assertIn("need a restart", server.logged())

    async def test_a_mistake_changes_nothing_and_is_told(self):
        first, second = "first secret, which is long enough for all", "second secret, which is long enough too"
        server, rewrite = self.started(f'jwt.secret = "{first}"\n')
        for mistake, told in ((f'jwt.secret = "{second}"\nprot = 1\n', 'did you mean "port"'),
                              (f'jwt.secret = "{second}"\njwt.public_key_files = ["/nowhere.pem"]\n', "/nowhere.pem"),
                              ("", "no key to verify tokens with")):
            rewrite(mistake)
            await self.refused(server, told)
            await self.taken(server, token(secret=first))

    async def refused(self, server, reason):
        deadline = time.monotonic() + DEADLINE_S
        while True:
            entries = [json.loads(line) for line in server.logged().splitlines() if line.endswith("}")]
            if any(entry["event"].startswith("reload refused") and reason in entry["reason"] for entry in entries):
                return
            self.assertLess(time.monotonic(), deadline)
            await asyncio.sleep(0.01)


if __name__ == "__main__":
    unittest.main()
