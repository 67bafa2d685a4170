"""Positions of the native protocol: replay, history, retries of publications."""

import unittest

from harness import ServerTest


class Recovery(ServerTest):
    config = "limits.stream_entries_max = 50\n"
    environment = {"WEBSOCKET_SHARDS": "1"}  # positions of joins are then those of the last publication; test_storm.py has more

    async def asyncSetUp(self):
        self.tenant = self.fresh_tenant()

    def publish(self, first, last, room=""):
        for n in range(first, last + 1):
            self.server.publish("alerts", f"tenant:{self.tenant}" + room, "alert:created", {"n": n})

    async def test_a_client_that_comes_back_gets_what_it_missed_then_live_events(self):
        client = await self.user("u1", self.tenant)
        joined = await client.join("alerts", rooms=["zone:a"])
        self.publish(1, 3)
        for n in (1, 2, 3):
            last = await client.event("alert:created")
            self.assertEqual(last["data"]["n"], n)
        await client.close()
        self.publish(4, 20)
        self.publish(21, 22, "/zone:a")
        self.publish(23, 23, "/zone:never-held")
        again = await self.user("u1", self.tenant)
        position = {"epoch": joined["position"]["epoch"], "offset": last["offset"]}
        reply = await again.join("alerts", rooms=["zone:a"], recover=position)
        self.assertEqual((reply["recovered"], reply["position"]), (True, position))
        self.assertGreaterEqual(reply["until"], 23)
        self.publish(24, 25)
        offsets = []
        for n in [*range(4, 23), 24, 25]:
            event = await again.event("alert:created")
            self.assertEqual(event["data"]["n"], n)
            offsets.append(event["offset"])
        self.assertEqual(offsets, sorted(set(offsets)))

    async def test_a_replay_ends_with_a_position_at_its_end(self):
        self.publish(1, 5)
        client = await self.user("u1", self.tenant)
        epoch = (await client.join())["position"]["epoch"]
        again = await self.user("u1", self.tenant)
        reply = await again.join("alerts", recover={"epoch": epoch, "offset": 2})
        got = []
        while not (got and got[-1]["type"] == "position"):
            got.append(await again.frame(namespace="alerts"))
        self.assertEqual([f.get("data", {}).get("n") for f in got[:-1]], [3, 4, 5])
        self.assertEqual((got[-1]["epoch"], reply["until"]), (epoch, 5))
        self.assertGreaterEqual(got[-1]["offset"], reply["until"])

    async def test_nothing_missed_is_recovered_without_a_replay(self):
        self.publish(1, 2)
        client = await self.user("u1", self.tenant)
        position = (await client.join())["position"]
        again = await self.user("u1", self.tenant)
        reply = await again.join("alerts", recover=position)
        self.assertTrue(reply["recovered"])
        self.publish(3, 3)
        self.assertEqual((await again.event())["data"]["n"], 3)

    async def test_recovery_from_offset_0_brings_everything_while_history_begins_at_1(self):
        client = await self.user("u1", self.tenant)
        position = (await client.join())["position"]
        self.assertEqual(position["offset"], 0)
        self.publish(1, 4)
        again = await self.user("u1", self.tenant)
        self.assertTrue((await again.join("alerts", recover=position))["recovered"])
        for n in (1, 2, 3, 4):
            self.assertEqual((await again.event())["data"]["n"], n)

    async def test_positions_that_are_no_longer_reached_are_not_recovered(self):
        client = await self.user("u1", self.tenant)
        position = (await client.join())["position"]
        self.publish(1, 60)
        for lost in (position, {"epoch": "another", "offset": 55}, {"epoch": position["epoch"], "offset": 1000}, {"epoch": "", "offset": 0}):
            again = await self.user("u1", self.tenant)
            reply = await again.join("alerts", recover=lost)
            self.assertEqual(reply["recovered"], False, lost)
            self.assertEqual(reply["position"], {"epoch": position["epoch"], "offset": 60})
            self.assertNotIn("until", reply)

    async def test_a_replay_respects_filters_and_rooms_of_now(self):
        self.publish(1, 1)
        self.server.publish("alerts", f"tenant:{self.tenant}/user:u2", "alert:created", {"n": "for u2"})
        self.server.publish("alerts", f"tenant:{self.tenant}", "alert:created", {"n": 2, "priority": "low"})
        self.server.publish("alerts", f"tenant:{self.tenant}", "alert:created", {"n": 3, "priority": "high"})
        epoch = (await (await self.user("u1", self.tenant)).join())["position"]["epoch"]
        client = await self.user("u1", self.tenant)
        await client.join("alerts", filters=[{"priority": ["high"]}], recover={"epoch": epoch, "offset": 0})
        self.assertEqual([(await client.event())["data"]["n"] for _ in range(2)], [1, 3])

    async def test_history_is_read_in_parts(self):
        client = await self.user("u1", self.tenant)
        await client.join()
        self.publish(1, 7)
        self.server.publish("alerts", f"tenant:{self.tenant}/user:u2", "alert:created", {"n": "for u2"})
        seen, since = [], None
        while True:
            part = await client.request("history", namespace="alerts", limit=3, **({"since": since} if since else {}))
            self.assertLessEqual(len(part["events"]), 3)
            self.assertTrue(part["recovered"])
            seen += [e["data"]["n"] for e in part["events"]]
            since = part["position"]
            if part["complete"]:
                break
        self.assertEqual(seen, [1, 2, 3, 4, 5, 6, 7])
        self.assertEqual(since["offset"], 8)

    async def test_history_from_a_lost_position_begins_at_the_oldest_kept(self):
        client = await self.user("u1", self.tenant)
        position = (await client.join())["position"]
        self.publish(1, 60)
        part = await client.request("history", namespace="alerts", since=position)
        self.assertEqual((part["recovered"], part["events"][0]["offset"], len(part["events"])), (False, 11, 50))

    async def test_a_namespace_without_history_says_so(self):
        client = await self.user("u1", self.tenant)
        await client.join("video")
        self.assertEqual((await client.refusal("history", namespace="video")).code, "BAD_REQUEST")

    async def test_a_retried_publication_is_answered_as_the_first_and_delivered_once(self):
        client = await self.user("u1", self.tenant)
        await client.join()
        room = f"tenant:{self.tenant}"
        first = self.server.publish("alerts", room, "alert:created", {"n": 1}, publicationId="same")
        self.assertEqual(self.server.publish("alerts", room, "alert:created", {"n": 1}, publicationId="same"), first)
        self.publish(2, 2)
        self.assertEqual([(await client.event())["data"]["n"] for _ in range(2)], [1, 2])


class Quiet(ServerTest):
    environment = {"WEBSOCKET_PING_INTERVAL": "200", "WEBSOCKET_PING_TIMEOUT": "20000"}

    async def test_a_ping_brings_the_position_where_the_stream_has_grown(self):
        client = await self.user("u1", "quiet")
        epoch = (await client.join("alerts"))["position"]["epoch"]
        self.server.publish("alerts", "tenant:quiet/user:u2", "alert:created", {})
        position = await client.frame("position")
        self.assertEqual((position["namespace"], position["epoch"], position["offset"]), ("alerts", epoch, 1))
        await client.frame("ping")


if __name__ == "__main__":
    unittest.main()
