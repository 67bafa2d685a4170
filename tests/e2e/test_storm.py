"""Clients that come and go at random while events flow: none is lost, repeated or out of order. A failure names its seed."""

import asyncio
import os
import random
import unittest

from harness import Client, ServerTest, token

CLIENTS, EVENTS = 30, 400
SEED = int(os.environ.get("SPARC_E2E_SEED", random.SystemRandom().randrange(1 << 32)))


class Storm(ServerTest):
    environment = {"WEBSOCKET_SHARDS": "3", "WEBSOCKET_DEFLATE_ENABLED": "true", "WEBSOCKET_DEFLATE_THRESHOLD_BYTES": "64"}

    async def publish(self, service, rng):
        """Events 1 to EVENTS, addressed to everybody, and between them some that not everybody may see."""
        for n in range(1, EVENTS + 1):
            if rng.random() < 0.3:
                await service.request("publish", namespace="alerts", room=f"tenant:storm/user:u{rng.randrange(CLIENTS)}", event="mine", data=0)
            priority = rng.choice(["low", "high"])
            await service.request("publish", namespace="alerts", room="tenant:storm", event="alert:created",
                                  data={"n": n, "priority": priority, "text": "x" * rng.choice([1, 100, 5000])})
            if rng.random() < 0.1:
                await asyncio.sleep(0)

    async def live(self, number, rng, position):
        """Everything that one client gets, over as many connections as it takes; it leaves each without a word."""
        got = []
        wants = {"filters": [{"priority": ["high"]}]} if number % 3 == 0 else {}
        while True:
            client = await Client.open(self.server, token(f"u{number}", "storm"), compression="deflate" if number % 2 else None)
            await client.welcome()
            reply = await client.join("alerts", recover=position, **wants)
            self.assertTrue(reply["recovered"], (number, position, reply))
            for _ in range(rng.randrange(1, 60)):
                frame = await client.frame(namespace="alerts")
                self.assertIn(frame["type"], ("event", "position"), frame)
                if frame["type"] == "position":
                    self.assertEqual(frame["epoch"], position["epoch"])
                    self.assertGreaterEqual(frame["offset"], position["offset"])
                else:
                    self.assertGreater(frame["offset"], position["offset"], "repeated or out of order")
                    if frame["event"] == "end":
                        await client.close()
                        return got
                    got.append(frame["data"]["n"] if frame["event"] == "alert:created" else 0)
                position = {**position, "offset": frame["offset"]}
            client.socket.transport.abort()
            await client.reader

    async def test_nothing_is_lost_repeated_or_out_of_order(self):
        rng = random.Random(SEED)
        first = await self.user("first", "storm")
        position = (await first.join())["position"]
        service = await self.service()
        clients = [asyncio.ensure_future(self.live(n, random.Random(rng.random()), position)) for n in range(CLIENTS)]
        await self.publish(service, rng)
        await service.request("publish", namespace="alerts", room="tenant:storm", event="end", data={"priority": "high"})
        history = self.history()
        published = [e["data"] for e in history if e["event"] == "alert:created"]
        for number, got in enumerate(await asyncio.gather(*clients)):
            wanted = [d["n"] for d in published if number % 3 or d["priority"] == "high"]
            self.assertEqual([n for n in got if n], wanted, f"client {number}, SPARC_E2E_SEED={SEED}")
            mine = [e for e in history if e["event"] == "mine" and e["room"] == f"user:u{number}"]
            self.assertEqual(got.count(0), len(mine), f"client {number}, SPARC_E2E_SEED={SEED}")

    def history(self):
        events, at = [], ""
        while True:
            part = self.server.http("GET", "/api/v1/history?namespace=alerts&tenantId=storm" + at).json
            events += part["events"]
            at = f"&epoch={part['position']['epoch']}&offset={part['position']['offset']}"
            if part["complete"]:
                return events


if __name__ == "__main__":
    unittest.main()
