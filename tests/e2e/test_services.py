"""Services on the native protocol: publishing, handling client events, watching."""

import unittest

from harness import API_KEY, ServerTest, pack, service_token, token

TENANT_KEY = "key-of-tenant-t1"


class ServiceTest(ServerTest):
    config = f'api_keys = [{{ name = "tenant", key = "{TENANT_KEY}", scopes = ["publish", "read", "handle"], tenant = "t1" }}]\n'
    environment = {"WEBSOCKET_LIMITS_SERVICE_DEADLINE_MS": "20000"}

    async def handler(self, event, group="video-service", credential=API_KEY, **more):
        service = await self.service(credential)
        self.assertEqual(await service.request("handle", group=group, events=[event], **more), {})
        return service

    async def in_video(self, user="u1", tenant="t1", roles=("operator",), **claims):
        client = await self.user(user, tenant, roles, **claims)
        await client.join("video")
        return client


class Publish(ServiceTest):
    async def test_a_service_is_welcomed_with_its_scopes(self):
        service = await self.open(API_KEY, "key")
        welcome = await service.welcome()
        self.assertEqual(set(welcome["scopes"]), {"publish", "read", "disconnect", "rollout", "handle"})
        self.assertTrue(welcome["service"])
        self.assertNotIn("userId", welcome)
        self.assertEqual((await service.refusal("join", namespace="alerts")).code, "FORBIDDEN")

    async def test_a_service_token_does_what_a_key_does(self):
        for how in ("header", "subprotocol", "query"):
            service = await self.open(service_token("video", "publish"), how)
            welcome = await service.welcome()
            self.assertEqual((welcome["service"], welcome["scopes"]), ("video", ["publish"]))
        self.assertEqual((await service.refusal("watch", hooks=[])).code, "FORBIDDEN")
        self.assertEqual((await service.refusal("handle", group="g", events=["video:x"])).code, "FORBIDDEN")

    async def test_published_frames_reach_clients_in_order(self):
        tenant = self.fresh_tenant()
        client = await self.user("u1", tenant)
        await client.join()
        service = await self.service()
        requests = [await service.begin("publish", namespace="alerts", room=f"tenant:{tenant}", event="alert:created", data=n) for n in range(50)]
        answers = [await service.answer(request) for request in requests]
        self.assertEqual([a["offset"] for a in answers], list(range(1, 51)))
        self.assertEqual([(await client.event())["data"] for _ in range(50)], list(range(50)))

    async def test_absent_data_is_null(self):
        tenant = self.fresh_tenant()
        client = await self.user("u1", tenant)
        await client.join()
        service = await self.service()
        await service.request("publish", namespace="alerts", room=f"tenant:{tenant}", event="bare")
        self.assertIsNone((await client.event("bare"))["data"])

    async def test_faults_are_told(self):
        service = await self.service()
        event = {"namespace": "alerts", "room": "tenant:t1", "event": "x"}
        for change, code in (({"namespace": "alarms"}, "UNKNOWN_NAMESPACE"), ({"room": "camera:7"}, "BAD_REQUEST"), ({"event": ""}, "BAD_REQUEST"),
                             ({"room": "role:admin"}, "BAD_REQUEST"), ({"room": None, "rooms": []}, "BAD_REQUEST")):
            self.assertEqual((await service.refusal("publish", **{**event, **change})).code, code, change)

    async def test_a_key_of_a_tenant_publishes_to_it_alone(self):
        service = await self.service(TENANT_KEY)
        event = {"namespace": "alerts", "event": "x"}
        await service.request("publish", **event, room="tenant:t1")
        for room in ("tenant:t2", "system"):
            self.assertEqual((await service.refusal("publish", **event, room=room)).code, "FORBIDDEN")


class Handle(ServiceTest):
    async def test_an_event_arrives_with_the_verified_identity_and_its_result_is_the_reply(self):
        service = await self.handler("video:identity")
        client = await self.in_video("u1", "t1", ("operator",), organizationId="o1")
        request = await client.begin("event", namespace="video", event="identity",
                                     data={"cameraId": "7", "userId": "forged", "tenantId": "forged", "roles": ["admin"]})
        invoke = await service.frame("invoke")
        self.assertEqual(invoke["event"], "video:identity")
        self.assertLessEqual(invoke["deadlineMs"], 20000)
        data = invoke["data"]
        self.assertTrue(data.pop("socketId"))
        self.assertEqual(data, {"cameraId": "7", "userId": "u1", "tenantId": "t1", "organizationId": "o1", "roles": ["operator"]})
        await service.send({"type": "result", "callId": invoke["callId"], "data": {"url": "rtsp://x", "n": 1.50}})
        self.assertEqual(await client.answer(request), {"url": "rtsp://x", "n": 1.5})

    async def test_data_that_is_no_object_comes_under_data_and_further_arguments_under_args(self):
        service = await self.handler("video:shapes")
        client = await self.in_video()
        for sent, wanted in (({}, {}), ({"data": 7}, {"data": 7}), ({"data": [1]}, {"data": [1]}), ({"data": {"a": 1}, "args": [2]}, {"a": 1, "args": [2]})):
            await client.begin("event", namespace="video", event="shapes", **sent)
            invoke = await service.frame("invoke")
            got = {k: v for k, v in invoke["data"].items() if k not in ("socketId", "userId", "tenantId", "organizationId", "roles")}
            self.assertEqual(got, wanted)
            await service.send({"type": "result", "callId": invoke["callId"]})

    async def test_an_error_is_the_reply_and_nothing_to_say_is_an_empty_one(self):
        service = await self.handler("video:errors")
        client = await self.in_video()
        for result, wanted in (({"error": {"code": "FORBIDDEN", "message": "not this camera"}}, "FORBIDDEN"), ({}, None)):
            request = await client.begin("event", namespace="video", event="errors", data={})
            invoke = await service.frame("invoke")
            await service.send({"type": "result", "callId": invoke["callId"], **result})
            if wanted:
                with self.assertRaisesRegex(Exception, f"{wanted}: not this camera"):
                    await client.answer(request)
            else:
                self.assertEqual(await client.answer(request), {})

    async def test_an_event_without_id_is_handled_and_not_answered(self):
        service = await self.handler("video:quiet")
        client = await self.in_video()
        await client.send({"type": "event", "namespace": "video", "event": "quiet", "data": {"n": 1}})
        invoke = await service.frame("invoke")
        await service.send({"type": "result", "callId": invoke["callId"], "data": {"unheard": True}})
        await client.request("leave", namespace="alerts")
        self.assertEqual(client.frames, [])

    async def test_an_id_in_flight_may_not_be_used_again_until_it_is_answered(self):
        service = await self.handler("video:flight")
        client = await self.in_video()
        event = {"type": "event", "id": 77, "namespace": "video", "event": "flight", "data": {}}
        await client.send(event)
        invoke = await service.frame("invoke")
        await client.send(event)
        error = await client.frame("error", id=77)
        self.assertEqual(error["error"]["code"], "BAD_REQUEST")
        await service.send({"type": "result", "callId": invoke["callId"], "data": 1})
        self.assertEqual((await client.frame("reply", id=77))["data"], 1)
        await client.send(event)
        invoke = await service.frame("invoke")
        await service.send({"type": "result", "callId": invoke["callId"], "data": 2})
        self.assertEqual((await client.frame("reply", id=77))["data"], 2)

    async def test_each_group_gets_an_event_once_and_the_first_result_is_the_reply(self):
        one, two = await self.handler("video:groups", "g1"), await self.handler("video:groups", "g2")
        spare = await self.handler("video:groups", "g2")
        client = await self.in_video()
        request = await client.begin("event", namespace="video", event="groups", data={"n": 1})
        first = await one.frame("invoke")
        holder = await self.whoever(two, spare)
        second = await holder.frame("invoke")
        await holder.send({"type": "result", "callId": second["callId"], "data": "second group"})
        self.assertEqual(await client.answer(request), "second group")
        await one.send({"type": "result", "callId": first["callId"], "data": "too late"})
        await client.request("leave", namespace="alerts")
        self.assertEqual([f for f in client.frames if f.get("id") == request], [])

    async def whoever(self, *services):
        """The one of them that has an invoke."""
        found = []
        await self.eventually(lambda: found.extend(s for s in services if any(f["type"] == "invoke" for f in s.frames)) or found, "invoke")
        self.assertEqual(len(found), 1, "one instance of a group gets it")
        return found[0]

    async def test_events_of_a_connection_go_to_one_instance_in_order(self):
        services = [await self.handler("video:order", "ordered") for _ in range(3)]
        client = await self.in_video()
        for n in range(40):
            await client.send({"type": "event", "namespace": "video", "event": "order", "data": {"n": n}})
        owner = await self.whoever(*services)
        self.assertEqual([(await owner.frame("invoke"))["data"]["n"] for _ in range(40)], list(range(40)))

    async def test_a_service_that_dies_leaves_started_events_unavailable_and_the_rest_to_another(self):
        first = await self.handler("video:dies", "dying")
        client = await self.in_video()
        started = await client.begin("event", namespace="video", event="dies", data={})
        await first.frame("invoke")
        second = await self.handler("video:dies", "dying")
        await first.close()
        with self.assertRaisesRegex(Exception, "UNAVAILABLE"):
            await client.answer(started)
        next_one = await client.begin("event", namespace="video", event="dies", data={})
        invoke = await second.frame("invoke")
        await second.send({"type": "result", "callId": invoke["callId"], "data": "second"})
        self.assertEqual(await client.answer(next_one), "second")

    async def test_a_retryable_event_moves_to_another_instance(self):
        first = await self.handler("video:retry", "retrying", retryable=True)
        client = await self.in_video()
        request = await client.begin("event", namespace="video", event="retry", data={"n": 1})
        lost = await first.frame("invoke")
        second = await self.handler("video:retry", "retrying", retryable=True)
        await first.close()
        invoke = await second.frame("invoke")
        self.assertEqual((invoke["callId"], invoke["data"]["n"]), (lost["callId"], 1))
        await second.send({"type": "result", "callId": invoke["callId"], "data": "again"})
        self.assertEqual(await client.answer(request), "again")

    async def test_a_group_that_went_keeps_its_place_for_a_successor(self):
        first = await self.handler("video:grace", "graceful")
        client = await self.in_video()
        await first.close()
        request = await client.begin("event", namespace="video", event="grace", data={})
        second = await self.handler("video:grace", "graceful")
        invoke = await second.frame("invoke")
        await second.send({"type": "result", "callId": invoke["callId"], "data": "here"})
        self.assertEqual(await client.answer(request), "here")

    async def test_who_may_send_what_is_checked_before_a_service_is_asked(self):
        service = await self.handler("video:recording:start", "recorder")
        viewer, operator = await self.in_video("u1", "t1", ("viewer",)), await self.in_video("u2", "t1", ("operator",))
        refusal = await viewer.refusal("event", namespace="video", event="recording:start", data={"cameraId": "7"})
        self.assertEqual((refusal.code, refusal.message), ("FORBIDDEN", "Insufficient permissions for recording"))
        await operator.begin("event", namespace="video", event="recording:start", data={"cameraId": "7"})
        self.assertEqual((await service.frame("invoke"))["data"]["userId"], "u2")

    async def test_a_service_of_a_tenant_is_not_invoked_for_another(self):
        service = await self.handler("video:scoped", "scoped", TENANT_KEY)
        other, mine = await self.in_video("u1", "t2"), await self.in_video("u1", "t1")
        self.assertEqual((await other.refusal("event", namespace="video", event="scoped", data={})).code, "NO_HANDLER")
        await mine.begin("event", namespace="video", event="scoped", data={})
        self.assertEqual((await service.frame("invoke"))["data"]["tenantId"], "t1")

    async def test_binary_events_arrive_with_their_attachments(self):
        service = await self.handler("video:picture", "pictures")
        client = await self.in_video()
        header = {"type": "event", "id": 5, "namespace": "video", "event": "picture", "data": {"image": {"_placeholder": True, "num": 0}}}
        await client.send_raw(pack(header, b"\x89PNG\x00"))
        invoke = await service.frame("invoke")
        self.assertEqual(invoke["attachments"], [b"\x89PNG\x00"])
        self.assertEqual(invoke["data"]["image"], {"_placeholder": True, "num": 0})
        await service.send({"type": "result", "callId": invoke["callId"], "data": "seen"})
        self.assertEqual((await client.frame("reply", id=5))["data"], "seen")

    async def test_a_publication_excepts_who_caused_it(self):
        service = await self.handler("video:moved", "movers")
        mover, other = await self.in_video("u1"), await self.in_video("u2")
        await mover.send({"type": "event", "id": 5, "namespace": "video", "event": "moved"})
        invoke = await service.frame("invoke")
        wants = {"namespace": "video", "room": "tenant:t1", "event": "others:moved"}
        await service.request("publish", **wants, data=1, **{"except": [invoke["data"]["socketId"], "nobody"]})
        answer = self.server.http("POST", "/api/v1/broadcast", {**wants, "data": 2, "except": [invoke["data"]["socketId"]]})
        self.assertEqual(answer.status, 200, answer.body)
        await service.request("publish", **wants, data=3)
        for data in (1, 2, 3):
            self.assertEqual((await other.frame("event", event="others:moved"))["data"], data)
        self.assertEqual((await mover.frame("event", event="others:moved"))["data"], 3)

    async def test_an_answer_brings_attachments_too(self):
        service = await self.handler("video:shot", "pictures")
        client = await self.in_video()
        for id in (5, 6):
            await client.send({"type": "event", "id": id, "namespace": "video", "event": "shot"})
            call = (await service.frame("invoke"))["callId"]
            parts = (b"\x89PNG\x00", b"") if id == 5 else ()
            data = {"images": [{"_placeholder": True, "num": n} for n in range(len(parts))]}
            await service.send_raw(pack({"type": "result", "callId": call, "data": data}, *parts))
            reply = await client.frame("reply", id=id)
            self.assertEqual((reply["data"], reply.get("attachments", [])), (data, list(parts)))

    async def test_an_answer_whose_attachments_do_not_fit_is_refused_to_the_service(self):
        service = await self.handler("video:shot", "pictures")
        client = await self.in_video()
        await client.send({"type": "event", "id": 5, "namespace": "video", "event": "shot"})
        call = (await service.frame("invoke"))["callId"]
        await service.send_raw(pack({"type": "result", "callId": call, "data": {"image": {"_placeholder": True, "num": 1}}}, b"x"))
        self.assertIn("placeholder", (await service.frame("error"))["error"]["message"])
        await service.send({"type": "result", "callId": call, "data": "better"})
        self.assertEqual((await client.frame("reply", id=5))["data"], "better")

    async def test_a_result_for_a_call_of_another_instance_is_ignored(self):
        service, other = await self.handler("video:mine", "owners"), await self.handler("video:other", "others")
        client = await self.in_video()
        request = await client.begin("event", namespace="video", event="mine", data={})
        invoke = await service.frame("invoke")
        await other.send({"type": "result", "callId": invoke["callId"], "data": "forged"})
        await other.request("watch", hooks=[])  # it has been read by now
        await service.send({"type": "result", "callId": invoke["callId"], "data": "true"})
        self.assertEqual(await client.answer(request), "true")

    async def test_a_client_that_went_away_does_not_matter_to_the_service(self):
        service = await self.handler("video:gone", "patient")
        client = await self.in_video()
        await client.begin("event", namespace="video", event="gone", data={})
        invoke = await service.frame("invoke")
        await client.close()
        await service.send({"type": "result", "callId": invoke["callId"], "data": 1})
        another = await self.in_video("u2")
        request = await another.begin("event", namespace="video", event="gone", data={})
        invoke = await service.frame("invoke")
        await service.send({"type": "result", "callId": invoke["callId"], "data": 2})
        self.assertEqual(await another.answer(request), 2)


class Deadline(ServerTest):
    environment = {"WEBSOCKET_LIMITS_SERVICE_DEADLINE_MS": "150"}

    async def test_without_a_result_in_time_the_reply_is_timeout(self):
        service = await self.service()
        await service.request("handle", group="slow", events=["video:slow"])
        client = await self.user()
        await client.join("video")
        self.assertEqual((await client.refusal("event", namespace="video", event="slow", data={})).code, "TIMEOUT")
        invoke = await service.frame("invoke")
        await service.send({"type": "result", "callId": invoke["callId"], "data": "late"})
        request = await client.begin("event", namespace="video", event="slow", data={})
        invoke = await service.frame("invoke")
        await service.send({"type": "result", "callId": invoke["callId"], "data": "in time"})
        self.assertEqual(await client.answer(request), "in time")


class Watch(ServiceTest):
    async def test_hooks_tell_who_came_and_who_went_in_which_namespace(self):
        tenant = self.fresh_tenant()
        service = await self.service()
        self.assertEqual(await service.request("watch", hooks=["client:connected", "client:disconnected"]), {})
        client = await self.open(token("u1", tenant))
        connection = (await client.welcome())["connectionId"]
        await client.join("alerts")
        await client.join("video")
        for namespace in ("alerts", "video"):
            hook = await service.frame("hook", hook="client:connected", namespace=namespace)
            self.assertEqual((hook["client"]["id"], hook["client"]["userId"], hook["client"]["tenantId"]), (connection, "u1", tenant))
        await client.request("leave", namespace="video")
        hook = await service.frame("hook", hook="client:disconnected", namespace="video")
        self.assertEqual(hook["client"]["id"], connection)
        await client.close()
        hook = await service.frame("hook", hook="client:disconnected", namespace="alerts")
        self.assertEqual(hook["client"]["id"], connection)
        self.assertTrue(hook["reason"])

    async def test_a_new_list_replaces_the_old_one(self):
        service = await self.service()
        await service.request("watch", hooks=["client:connected", "client:disconnected"])
        await service.request("watch", hooks=["client:disconnected"])
        tenant = self.fresh_tenant()
        other = await self.service()
        await other.request("watch", hooks=["client:connected", "client:disconnected"])
        client = await self.user("u1", tenant)
        await client.join()
        await client.close()
        for watcher, hooks in ((other, ["client:connected", "client:disconnected"]), (service, ["client:disconnected"])):
            for hook in hooks:
                got = await self.hook_of(watcher, tenant)
                self.assertEqual(got["hook"], hook)

    async def hook_of(self, watcher, tenant):
        def take():
            for index, frame in enumerate(watcher.frames):
                if frame["type"] == "hook" and frame["client"]["tenantId"] == tenant:
                    return watcher.frames.pop(index)
            return None

        return await watcher.until(take, f"hook of {tenant}")

    async def test_a_key_of_a_tenant_watches_it_alone(self):
        service, everyone = await self.service(TENANT_KEY), await self.service()
        for watcher in (service, everyone):
            await watcher.request("watch", hooks=["client:connected"])
        for tenant in ("t2", "t1"):
            client = await self.user("u-" + self.fresh_tenant(), tenant)
            await client.join()
            await self.hook_of(everyone, tenant)
        self.assertEqual((await service.frame("hook"))["client"]["tenantId"], "t1")

    async def test_an_unknown_hook_is_told_with_those_that_there_are(self):
        service = await self.service()
        refusal = await service.refusal("watch", hooks=["client:sneezed"])
        self.assertEqual(refusal.code, "BAD_REQUEST")
        self.assertIn("client:connected", refusal.message)


if __name__ == "__main__":
    unittest.main()
