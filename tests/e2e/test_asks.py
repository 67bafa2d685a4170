"""Services ask clients, and get an answer from each, or are told why there is none."""

import asyncio
import signal
import unittest

from harness import Server, ServerTest, pack, service_token

TENANT_KEY = "key-of-tenant-t1"


class Ask(ServerTest):
    """Two shards: a question goes to clients of both."""

    config = f'api_keys = [{{ name = "tenant", key = "{TENANT_KEY}", scopes = ["publish", "read"], tenant = "t1" }}]\n'
    environment = {"WEBSOCKET_LIMITS_ASK_CLIENTS_MAX": "40", "WEBSOCKET_LIMITS_ASK_MS": "20000", "WEBSOCKET_LIMITS_CONTROL_LANE_BYTES_MAX": "4096"}

    async def in_alerts(self, user, tenant, **join):
        client = await self.user(user, tenant)
        await client.join("alerts", **join)
        return client

    async def answered(self, client, **result):
        """Answers the next question, and returns it."""
        invoke = await client.frame("invoke")
        await client.send({"type": "result", "callId": invoke["callId"], **result})
        return invoke

    async def test_each_member_of_a_room_is_asked_once_and_its_own_answer_is_under_its_name(self):
        tenant = self.fresh_tenant()
        clients = [await self.in_alerts(f"u{n}", tenant, rooms=["zone:1"]) for n in range(12)]
        bystander = await self.in_alerts("bystander", tenant)
        stranger = await self.in_alerts("stranger", tenant + "-other", rooms=["zone:1"])
        service = await self.service()
        request = await service.begin("ask", namespace="alerts", rooms=[f"tenant:{tenant}/zone:1", f"tenant:{tenant}/zone:2"],
                                      event="evacuated?", data={"zone": 1}, args=[True])
        for n, client in enumerate(clients):
            invoke = await self.answered(client, data={"people": n})
            self.assertEqual({k: invoke[k] for k in ("namespace", "event", "data", "args")},
                             {"namespace": "alerts", "event": "evacuated?", "data": {"zone": 1}, "args": [True]})
            self.assertLessEqual(invoke["deadlineMs"], 20000)
        answers = (await service.answer(request))["answers"]
        self.assertEqual(sorted((a["userId"], a["tenantId"], a["data"]["people"]) for a in answers), sorted((f"u{n}", tenant, n) for n in range(12)))
        self.assertEqual(len({a["connectionId"] for a in answers}), 12)
        for client in (bystander, stranger, *clients):
            await client.request("leave", namespace="alerts")
            self.assertEqual(client.frames, [])

    async def test_a_service_asks_the_client_whose_event_it_handles(self):
        client = await self.in_alerts("u1", "t1")
        service = await self.service()
        await service.request("handle", group="confirming", events=["alerts:disarm"])
        event = await client.begin("event", namespace="alerts", event="disarm", data={})
        invoke = await service.frame("invoke")
        request = await service.begin("ask", namespace="alerts", connectionId=invoke["data"]["socketId"], event="sure?")
        self.assertIsNone((await self.answered(client, data="yes"))["data"])
        answer, = (await service.answer(request))["answers"]
        self.assertEqual((answer["connectionId"], answer["data"]), (invoke["data"]["socketId"], "yes"))
        self.assertEqual(await service.request("result", callId=invoke["callId"], data={"disarmed": True}), {})
        self.assertEqual(await client.answer(event), {"disarmed": True})

    async def test_errors_silence_and_nothing_to_say_are_told_apart(self):
        tenant = self.fresh_tenant()
        clients = {name: await self.in_alerts(name, tenant) for name in ("refuses", "unknown", "empty", "silent", "leaves")}
        service = await self.service()
        request = await service.begin("ask", namespace="alerts", room=f"tenant:{tenant}", event="q", timeoutMs=1500)
        await self.answered(clients["refuses"], error={"code": "FORBIDDEN", "message": "not my zone"})
        await self.answered(clients["unknown"], error={"code": "OF_ITS_OWN", "message": "said so"})
        await self.answered(clients["empty"])
        await clients["silent"].frame("invoke")
        await clients["leaves"].frame("invoke")
        await clients["leaves"].close()
        answers = {a["userId"]: a for a in (await service.answer(request))["answers"]}
        self.assertEqual(answers["refuses"]["error"], {"code": "FORBIDDEN", "message": "not my zone"})
        self.assertEqual(answers["unknown"]["error"], {"code": "INTERNAL", "message": "said so"})
        self.assertEqual(set(answers["empty"]), {"connectionId", "userId", "tenantId"})
        self.assertEqual(answers["silent"]["error"]["code"], "TIMEOUT")
        self.assertEqual(answers["leaves"]["error"]["code"], "UNAVAILABLE")

    async def test_bytes_go_both_ways_and_each_answer_keeps_its_own(self):
        tenant = self.fresh_tenant()
        one, two = await self.in_alerts("one", tenant), await self.in_alerts("two", tenant)
        service = await self.service()
        await service.send_raw(pack({"type": "ask", "id": 900, "namespace": "alerts", "room": f"tenant:{tenant}", "event": "compare",
                                     "data": {"image": {"_placeholder": True, "num": 0}}}, b"\x00\x01\xff"))
        for client, parts in ((one, [b"first"]), (two, [b"second", b""])):
            invoke = await client.frame("invoke")
            self.assertEqual((invoke["data"], invoke["attachments"]), ({"image": {"_placeholder": True, "num": 0}}, [b"\x00\x01\xff"]))
            await client.send_raw(pack({"type": "result", "callId": invoke["callId"], "data": [{"_placeholder": True, "num": n} for n in range(len(parts))]}, *parts))
        answers = {a["userId"]: a for a in (await service.answer(900))["answers"]}
        self.assertEqual((answers["one"]["data"], answers["one"]["attachments"]), ([{"_placeholder": True, "num": 0}], [b"first"]))
        self.assertEqual((answers["two"]["data"], answers["two"]["attachments"]), ([{"_placeholder": True, "num": 0}, {"_placeholder": True, "num": 1}], [b"second", b""]))

    async def test_faults_say_what_is_allowed(self):
        service = await self.service()
        right = {"namespace": "alerts", "room": "tenant:t1", "event": "q"}
        for change, code, says in (({"namespace": "alarms"}, "UNKNOWN_NAMESPACE", "configured are"), ({"room": "camera:7"}, "BAD_REQUEST", "tenant"),
                                   ({"event": ""}, "BAD_REQUEST", "event"), ({"room": None}, "BAD_REQUEST", "either"),
                                   ({"connectionId": "c"}, "BAD_REQUEST", "asks one client"), ({"timeoutMs": 60001}, "BAD_REQUEST", "limits.ask_ms_max"),
                                   ({"timeoutMs": -1}, "BAD_REQUEST", "timeoutMs")):
            refused = await service.refusal("ask", **{**right, **change})
            self.assertEqual(refused.code, code, change)
            self.assertIn(says, refused.message)
        self.assertEqual(await service.request("ask", namespace="alerts", connectionId="nobody", event="q"), {"answers": []})
        self.assertEqual(await service.request("ask", namespace="alerts", room="user:nobody-of-any-tenant", event="q"), {"answers": []})

    async def test_asking_needs_publish_and_read_and_is_for_services(self):
        for scope, missing in (("publish", "read"), ("read", "publish")):
            service = await self.open(service_token("half", scope))
            await service.welcome()
            refused = await service.refusal("ask", namespace="alerts", room="tenant:t1", event="q")
            self.assertEqual(refused.code, "FORBIDDEN")
            self.assertIn(missing, refused.message)
        client = await self.in_alerts("u1", "t1")
        self.assertEqual((await client.refusal("ask", namespace="alerts", room="tenant:t1", event="q")).code, "FORBIDDEN")

    async def test_a_key_of_a_tenant_reaches_no_other(self):
        foreign = await self.in_alerts("foreign", "t2")
        everything = await self.service()
        request = await everything.begin("ask", namespace="alerts", room="tenant:t2", event="q")
        await self.answered(foreign)
        connection = (await everything.answer(request))["answers"][0]["connectionId"]
        service = await self.service(TENANT_KEY)
        for room in ("tenant:t2", "system"):
            self.assertEqual((await service.refusal("ask", namespace="alerts", room=room, event="q")).code, "FORBIDDEN")
        self.assertEqual((await service.refusal("ask", namespace="alerts", connectionId=connection, tenantId="t2", event="q")).code, "FORBIDDEN")
        self.assertEqual(await service.request("ask", namespace="alerts", connectionId=connection, event="q"), {"answers": []})
        await foreign.request("leave", namespace="alerts")
        self.assertEqual(foreign.frames, [])

    async def test_more_clients_than_an_ask_may_reach_are_refused_as_a_whole(self):
        tenant = self.fresh_tenant()
        clients = await asyncio.gather(*(self.in_alerts(f"u{n}", tenant) for n in range(41)))
        service = await self.service()
        refused = await service.refusal("ask", namespace="alerts", room=f"tenant:{tenant}", event="q")
        self.assertEqual((refused.code, refused.message), ("BAD_REQUEST", "more than 40 clients would be asked (limits.ask_clients_max); name smaller rooms"))
        for client in clients[:3]:
            await client.request("leave", namespace="alerts")
            self.assertEqual(client.frames, [])

    async def test_several_answers_at_once_are_no_reason_to_close_a_service(self):
        tenant = self.fresh_tenant()
        clients = [await self.in_alerts(f"u{n}", tenant) for n in range(20)]
        service = await self.service()
        await service.send(*({"type": "ask", "id": n, "namespace": "alerts", "room": f"tenant:{tenant}", "event": "q", "timeoutMs": 700} for n in range(501, 507)))
        for request in range(501, 507):
            answers = (await service.answer(request))["answers"]
            self.assertEqual([a["error"]["code"] for a in answers], ["TIMEOUT"] * len(clients))

    async def test_an_ask_without_id_asks_nobody(self):
        client = await self.in_alerts("u1", self.fresh_tenant())
        service = await self.service()
        await service.send({"type": "ask", "namespace": "alerts", "room": f"tenant:{self.fresh_tenant()}", "event": "q"})
        self.assertIn("needs an", (await service.frame("error"))["error"]["message"])
        await client.request("leave", namespace="alerts")
        self.assertEqual(client.frames, [])

    def counted(self, name):
        return sum(int(float(line.rsplit(" ", 1)[1])) for line in self.server.http("GET", "/metrics").body.splitlines()
                   if line.startswith(f"sparc_websocket_{name}") and not line.startswith("#"))

    async def test_metrics_count_them(self):
        names = ("asked_total", "ask_timeouts_total", "late_answers_total", "asks_refused_total")
        before = {name: self.counted(name) for name in names}
        tenant = self.fresh_tenant()
        clients = [await self.in_alerts(f"u{n}", tenant) for n in range(2)]
        service = await self.service()
        request = await service.begin("ask", namespace="alerts", room=f"tenant:{tenant}", event="q", timeoutMs=500)
        await self.answered(clients[0])
        await self.eventually(lambda: self.counted("asked_unanswered") == 1, "one answer of two")
        late = await clients[1].frame("invoke")
        await service.answer(request)
        await clients[1].request("result", callId=late["callId"])
        self.assertEqual(self.counted("asked_unanswered"), 0)
        more = await asyncio.gather(*(self.in_alerts(f"more{n}", tenant) for n in range(40)))
        await service.refusal("ask", namespace="alerts", room=f"tenant:{tenant}", event="q")
        self.assertEqual(len(more), 40)
        self.assertEqual({name: self.counted(name) - before[name] for name in names},
                         {"asked_total": 2, "ask_timeouts_total": 1, "late_answers_total": 1, "asks_refused_total": 1})

    async def test_a_drain_leaves_no_ask_open(self):
        server = Server().start()
        self.addCleanup(server.stop)
        client = await self.user("u1", "t1", server=server)
        await client.join("alerts")
        service = await self.service(server=server)
        request = await service.begin("ask", namespace="alerts", room="tenant:t1", event="q")
        await client.frame("invoke")
        server.signal(signal.SIGTERM)
        answer, = (await service.answer(request))["answers"]
        self.assertEqual(answer["error"]["code"], "UNAVAILABLE")
        server.wait()


if __name__ == "__main__":
    unittest.main()
