"""Frames of the native protocol: what is read, what is refused, what goes through unchanged."""

import unittest

from harness import ServerTest, pack


class Frames(ServerTest):
    async def asyncSetUp(self):
        self.tenant = self.fresh_tenant()
        self.client = await self.user("u1", self.tenant)

    async def error_of(self, message):
        await self.client.send_raw(message)
        return await self.client.frame("error")

    async def test_faults_are_bad_requests_and_the_connection_stays(self):
        for what, message in {
            "no JSON": "{", "no object": "17", "nothing": "", "an empty array": "[]", "a scalar in an array": "[1]",
            "no type": "{}", "unknown type": '{"type":"jion"}', "type is no string": '{"type":1}',
            "missing field": '{"type":"join"}', "wrong type of a field": '{"type":"join","namespace":7}',
            "a field twice": '{"type":"join","namespace":"alerts","namespace":"video"}',
            "malformed data": '{"type":"event","namespace":"alerts","event":"x","data":tru}',
            "attachments in text": '{"type":"event","namespace":"alerts","event":"x","attachments":[1]}',
            "short binary": b"\x00\x00", "a header longer than the message": b"\x00\x00\x00\x09{}",
        }.items():
            with self.subTest(what):
                error = await self.error_of(message)
                self.assertEqual(error["error"]["code"], "BAD_REQUEST")
                self.assertTrue(error["error"]["message"])
        await self.client.join()

    async def test_a_fault_behind_a_readable_id_carries_it(self):
        error = await self.error_of('{"type":"jion","id":41}')
        self.assertEqual(error["id"], 41)
        self.assertIn("join", error["error"]["message"])

    async def test_unknown_fields_are_ignored_and_null_is_absent(self):
        await self.client.join("alerts", colour="red", rooms=None, recover=None)

    async def test_an_array_is_handled_in_order(self):
        await self.client.send({"type": "join", "id": 1, "namespace": "alerts"},
                               {"type": "subscribe", "id": 2, "namespace": "alerts", "rooms": ["zone:a"]},
                               {"type": "unsubscribe", "id": 3, "namespace": "alerts", "rooms": ["zone:a"]},
                               {"type": "nonsense", "id": 4}, {"type": "leave", "id": 5, "namespace": "alerts"})
        answers = [await self.client.frame() for _ in range(5)]
        self.assertEqual([a["id"] for a in answers if a["id"] != 4], [1, 2, 3, 5])
        self.assertIn("zone:a", next(a for a in answers if a["id"] == 2)["data"]["rooms"])
        self.assertEqual(next(a for a in answers if a["id"] == 4)["error"]["code"], "BAD_REQUEST")

    async def test_a_frame_without_id_is_not_answered(self):
        await self.client.send({"type": "join", "namespace": "alerts"})
        held = await self.client.request("subscribe", namespace="alerts")
        self.assertIn("user:u1", held["rooms"])
        self.assertEqual(self.client.frames, [])

    async def test_ids_may_be_any_integer_within_2_to_the_53(self):
        for number in (0, -1, 2**53, -(2**53)):
            await self.client.send({"type": "leave", "id": number, "namespace": "alerts"})
            self.assertEqual((await self.client.frame("reply"))["id"], number)
        for bad in ("1", 1.5, 2**53 + 2, [], True):
            await self.client.send({"type": "leave", "id": bad, "namespace": "alerts"})
            error = await self.client.frame("error")
            self.assertEqual((error["error"]["code"], error.get("id")), ("BAD_REQUEST", None), bad)

    async def test_frames_of_services_are_forbidden_to_users(self):
        for kind, fields in (("publish", {"namespace": "alerts", "room": f"tenant:{self.tenant}", "event": "x"}),
                             ("handle", {"group": "g", "events": ["video:x"]}), ("watch", {"hooks": []})):
            self.assertEqual((await self.client.refusal(kind, **fields)).code, "FORBIDDEN", kind)

    async def test_an_event_that_nobody_handles_is_told_at_once(self):
        await self.client.join("video")
        self.assertEqual((await self.client.refusal("event", namespace="video", event="dance")).code, "NO_HANDLER")

    async def test_binary_events_reach_clients_as_they_were_published(self):
        await self.client.join("video")
        service = await self.service()
        header = {"type": "publish", "id": 1, "namespace": "video", "room": f"tenant:{self.tenant}", "event": "snapshot",
                  "data": {"image": {"_placeholder": True, "num": 0}, "mask": {"_placeholder": True, "num": 1}}}
        await service.send_raw(pack(header, b"\x00\xffimage", b""))
        await service.frame("reply", id=1)
        event = await self.client.event("snapshot")
        self.assertEqual(event["attachments"], [b"\x00\xffimage", b""])
        self.assertEqual(event["data"], header["data"])

    async def test_history_brings_binary_events_back_complete(self):
        tenant = self.fresh_tenant()
        client = await self.user("u1", tenant)
        await client.join()
        service = await self.service()
        header = {"type": "publish", "namespace": "alerts", "room": f"tenant:{tenant}", "event": "snapshot",
                  "data": {"image": {"_placeholder": True, "num": 0}}}
        for n, attachment in enumerate((b"\x00\xff", b"second"), 1):
            await service.send_raw(pack({**header, "id": n}, attachment))
            await service.frame("reply", id=n)
        self.server.publish("alerts", f"tenant:{tenant}", "plain", 1)
        live = [await client.event() for _ in range(3)]
        self.assertEqual((await client.request("history", namespace="alerts"))["events"], live)
        self.assertEqual(live[1]["attachments"], [b"second"])
        kept = self.server.http("GET", f"/api/v1/history?namespace=alerts&tenantId={tenant}").json["events"]
        self.assertEqual([e.get("attachments") for e in kept], [["AP8="], ["c2Vjb25k"], None])
        self.assertEqual(kept[0]["data"], header["data"])

    async def test_a_pong_that_nobody_asked_for_is_fine(self):
        await self.client.send({"type": "pong"})
        await self.client.join()

    async def test_closing_is_answered_with_the_same_code(self):
        await self.client.socket.close(1000, "bye")
        self.assertEqual(self.client.socket.close_code, 1000)

    async def test_deeply_nested_data_is_refused_and_64_levels_pass(self):
        await self.client.join("video")
        event = '{"type":"event","id":1,"namespace":"video","event":"x","data":%s}'
        self.assertEqual((await self.error_of(event % ("[" * 63 + "1" + "]" * 63)))["error"]["code"], "NO_HANDLER")
        self.assertEqual((await self.error_of(event % ("[" * 64 + "1" + "]" * 64)))["error"]["code"], "BAD_REQUEST")


if __name__ == "__main__":
    unittest.main()
