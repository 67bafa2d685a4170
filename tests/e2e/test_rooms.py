"""Rooms, topics, filters and presence of the native protocol."""

import unittest

from harness import ServerTest


class MemberTest(ServerTest):
    async def asyncSetUp(self):
        self.tenant = self.fresh_tenant()

    async def member(self, user="u1", roles=("operator",), namespace="alerts", tenant=None, wants=None, **claims):
        client = await self.user(user, tenant or self.tenant, roles, **claims)
        await client.join(namespace, **(wants or {}))
        return client

    def to(self, room):
        return f"tenant:{self.tenant}" + (f"/{room}" if room else "")


class Rooms(MemberTest):
    async def test_a_join_tells_rooms_topics_fields_and_the_position(self):
        client = await self.user("u1", self.tenant, ("operator", "admin"), organizationId="o1")
        reply = await client.join("alerts", rooms=["camera:7"])
        self.assertEqual(sorted(reply["rooms"]),
                         sorted([f"tenant:{self.tenant}", "org:o1", "user:u1", "role:operator", "role:admin", "camera:7"]))
        self.assertEqual(reply["topics"]["incidents"], ["incident:*"])
        self.assertEqual(reply["fields"]["type"], ["type", "alertType", "/event/type"])
        self.assertTrue(reply["position"]["epoch"])
        self.assertEqual(reply["position"]["offset"], 0)

    async def test_an_event_arrives_with_the_publishers_bytes_and_its_offset(self):
        client = await self.member()
        data = '{"id":"a1", "n":1.0,"big":12345678901234567890,"text":"\\u00e9é"}'
        body = '{"namespace":"alerts","room":"%s","event":"alert:created","data":%s,"publicationId":"p1"}' % (self.to(""), data)
        answer = self.server.http("POST", "/api/v1/broadcast", body.encode()).json
        event = await client.event("alert:created")
        self.assertEqual((event["namespace"], event["room"], event["id"]), ("alerts", self.to(""), "p1"))
        self.assertEqual(event["offset"], answer["offset"])
        self.assertRegex(event["timestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertTrue(any(f'"data":{data}' in text for text in client.texts), client.texts)

    async def test_identity_rooms_reach_whom_they_name_and_nobody_else(self):
        one = await self.member("u1", ("operator",), organizationId="o1")
        two = await self.member("u2", ("admin",), organizationId="o2")
        for room, name in (("user:u1", "to-user"), ("org:o1", "to-org"), ("role:operator", "to-role"), ("", "to-all")):
            self.server.publish("alerts", self.to(room), name, {})
        for name in ("to-user", "to-org", "to-role", "to-all"):
            await one.event(name)
        await two.event("to-all")  # and nothing before it

    async def test_users_and_organizations_are_found_without_their_tenant(self):
        user = self.tenant + "-user"
        client = await self.member(user, organizationId=self.tenant + "-org")
        self.server.publish("alerts", f"user:{user}", "one", {})
        self.server.publish("alerts", f"org:{self.tenant}-org", "two", {})
        self.server.publish("alerts", f"user:{user}", "three", {}, tenantId=self.tenant)
        for name in ("one", "two", "three"):
            await client.event(name)

    async def test_a_tenant_never_sees_anothers_events(self):
        mine = await self.member("u1")
        theirs = await self.member("u1", tenant=self.tenant + "-2")
        await theirs.request("subscribe", namespace="alerts", rooms=["camera:7"])
        await mine.request("subscribe", namespace="alerts", rooms=["camera:7"])
        for room in ("", "user:u1", "camera:7", "role:operator"):
            self.server.publish("alerts", self.to(room), "mine", {"room": room})
        self.server.publish("alerts", f"tenant:{self.tenant}-2", "theirs", {})
        for room in (f"tenant:{self.tenant}", "user:u1", "camera:7", "role:operator"):
            self.assertEqual((await mine.event("mine"))["room"], room)
        await theirs.event("theirs")

    async def test_full_names_of_the_own_tenant_are_shown_short(self):
        client = await self.member()
        held = await client.request("subscribe", namespace="alerts", rooms=[self.to("camera:7"), self.to("")])
        self.assertIn("camera:7", held["rooms"])
        self.assertEqual(held["rooms"].count(self.to("")), 1)
        held = await client.request("unsubscribe", namespace="alerts", rooms=[self.to("camera:7")])
        self.assertNotIn("camera:7", held["rooms"])

    async def test_rooms_of_others_and_rooms_without_a_rule_are_forbidden(self):
        client = await self.member()
        for room in ("tenant:other", "tenant:other/camera:7", "user:u2", "org:o9", "role:admin", "unheard-of"):
            with self.subTest(room):
                refusal = await client.refusal("subscribe", namespace="alerts", rooms=[room])
                self.assertEqual(refusal.code, "FORBIDDEN")
                self.assertIn(room.split("/")[-1], refusal.message)

    async def test_one_forbidden_room_fails_the_whole_subscribe(self):
        client = await self.member()
        refusal = await client.refusal("subscribe", namespace="alerts", rooms=["camera:1", "user:u2"], topics=[])
        self.assertEqual(refusal.code, "FORBIDDEN")
        self.assertNotIn("camera:1", (await client.request("subscribe", namespace="alerts"))["rooms"])
        self.server.publish("alerts", self.to(""), "still-everything", {})
        await client.event("still-everything")

    async def test_a_join_lists_forbidden_rooms_and_succeeds(self):
        client = await self.user("u1", self.tenant)
        reply = await client.join("alerts", rooms=["camera:1", "user:u2", "tenant:other/camera:1"])
        self.assertIn("camera:1", reply["rooms"])
        self.assertEqual([d["code"] for d in reply["denied"]], ["FORBIDDEN", "FORBIDDEN"])
        self.assertEqual(reply["denied"][0]["room"], "user:u2")

    async def test_bad_room_names_are_bad_requests(self):
        client = await self.member()
        for room in ("", "x" * 257, "a\nb", "tenant:", "user:a/b"):
            with self.subTest(room):
                self.assertEqual((await client.refusal("subscribe", namespace="alerts", rooms=[room])).code, "BAD_REQUEST")

    async def test_subscribing_to_ones_own_rooms_changes_nothing(self):
        client = await self.member()
        before = await client.request("subscribe", namespace="alerts")
        self.assertEqual(await client.request("subscribe", namespace="alerts", rooms=["user:u1", self.to("")]), before)
        self.assertEqual(await client.request("unsubscribe", namespace="alerts", rooms=["user:u1"]), before)

    async def test_a_public_room_reaches_every_tenant(self):
        one, two = await self.member(), await self.member(tenant=self.tenant + "-2")
        silent = await self.member(tenant=self.tenant + "-3")
        for client in (one, two):
            self.assertIn("system", (await client.request("subscribe", namespace="alerts", rooms=["system"]))["rooms"])
        self.assertEqual(self.server.publish("alerts", "system", "maintenance", {"at": "noon"}), {})
        for client in (one, two):
            event = await client.event("maintenance")
            self.assertEqual(event["room"], "system")
            self.assertNotIn("offset", event)
        self.server.publish("alerts", f"tenant:{self.tenant}-3", "end", {})
        await silent.event("end")

    async def test_a_publication_to_several_rooms_arrives_once(self):
        client = await self.member(wants={"rooms": ["camera:7", "zone:a"]})
        self.server.publish("alerts", [self.to("zone:a"), self.to("camera:7"), self.to("")], "once", {})
        self.server.publish("alerts", self.to(""), "end", {})
        self.assertEqual((await client.event("once"))["room"], "zone:a")
        await client.event("end")

    async def test_unknown_namespaces_are_told_with_those_that_there_are(self):
        client = await self.user("u1", self.tenant)
        for kind in ("join", "subscribe", "leave"):
            refusal = await client.refusal(kind, namespace="alarms")
            self.assertEqual(refusal.code, "UNKNOWN_NAMESPACE")
            self.assertIn("monitoring", refusal.message)
        for kind, more in (("subscribe", {}), ("event", {"event": "x"}), ("history", {}), ("presence", {"room": "zone:a"}),
                           ("unsubscribe", {"rooms": []})):
            self.assertEqual((await client.refusal(kind, namespace="alerts", **more)).code, "UNKNOWN_NAMESPACE", kind)

    async def test_namespaces_do_not_mix(self):
        client = await self.member()
        await client.join("monitoring")
        self.server.publish("monitoring", self.to(""), "m", {})
        self.assertEqual((await client.event("m"))["namespace"], "monitoring")
        self.server.publish("video", self.to(""), "v", {})
        self.server.publish("alerts", self.to(""), "a", {})
        self.assertEqual((await client.event("a"))["namespace"], "alerts")

    async def test_a_second_join_is_a_subscribe_with_the_position(self):
        client = await self.member()
        self.server.publish("alerts", self.to(""), "one", {})
        await client.event("one")
        reply = await client.join("alerts", rooms=["camera:7", "user:u2"])
        self.assertIn("camera:7", reply["rooms"])
        self.assertEqual(reply["position"]["offset"], 1)
        self.assertEqual(reply["denied"], [{"room": "user:u2", "code": "FORBIDDEN"}])
        refusal = await client.refusal("join", namespace="alerts", recover=reply["position"])
        self.assertEqual(refusal.code, "BAD_REQUEST")

    async def test_a_field_that_is_not_configured_is_told_with_those_that_are(self):
        client = await self.member()
        refusal = await client.refusal("subscribe", namespace="alerts", filters=[{"colour": ["red"]}])
        self.assertEqual(refusal.code, "BAD_REQUEST")
        self.assertIn("priority", refusal.message)

    async def test_members_with_different_filters_each_get_their_own(self):
        high = await self.member("u1", wants={"filters": [{"priority": ["high"]}]})
        low = await self.member("u2", wants={"filters": [{"priority": ["low"]}]})
        for priority in ("low", "high", "low"):
            self.server.publish("alerts", self.to(""), "alert:created", {"priority": priority})
        self.server.publish("alerts", self.to(""), "end", {})
        self.assertEqual((await high.event("alert:created"))["data"], {"priority": "high"})
        await high.event("end")
        for _ in range(2):
            self.assertEqual((await low.event("alert:created"))["data"], {"priority": "low"})
        await low.event("end")

    async def test_the_newest_value_of_latest_events_follows_a_join(self):
        for value in (1, 2, 3):
            for metric in ("cpu", "disk"):
                answer = self.server.publish("monitoring", self.to(""), "metrics:update", {"metric": metric, "value": value})
                self.assertEqual(answer, {})
        client = await self.member(namespace="monitoring")
        got = [(await client.event("metrics:update"))["data"] for _ in range(2)]
        self.assertCountEqual(got, [{"metric": "cpu", "value": 3}, {"metric": "disk", "value": 3}])
        self.server.publish("monitoring", self.to(""), "end", {})
        await client.event("end")


class Changes(MemberTest):
    """One thread: what was published before a request has then been delivered before it, as these tests want."""

    environment = {"WEBSOCKET_SHARDS": "1"}

    async def test_subscribed_rooms_come_and_go(self):
        client = await self.member()
        self.server.publish("alerts", self.to("camera:7"), "before", {})
        held = await client.request("subscribe", namespace="alerts", rooms=["camera:7"])
        self.assertIn("camera:7", held["rooms"])
        self.server.publish("alerts", self.to("camera:7"), "during", {})
        self.assertEqual((await client.event("during"))["room"], "camera:7")
        held = await client.request("unsubscribe", namespace="alerts", rooms=["camera:7", "camera:never-held"])
        self.assertNotIn("camera:7", held["rooms"])
        self.server.publish("alerts", self.to("camera:7"), "after", {})
        self.server.publish("alerts", self.to(""), "end", {})
        await client.event("end")

    async def test_after_leave_nothing_of_the_namespace_arrives(self):
        client = await self.member()
        self.assertEqual(await client.request("leave", namespace="alerts"), {})
        self.server.publish("alerts", self.to(""), "unseen", {})
        self.assertEqual((await client.refusal("subscribe", namespace="alerts")).code, "UNKNOWN_NAMESPACE")
        await client.join()
        self.server.publish("alerts", self.to(""), "end", {})
        await client.event("end")
        self.assertEqual(await client.request("leave", namespace="monitoring"), {})

    async def test_topics_and_filters_narrow_and_replace(self):
        client = await self.member(namespace="monitoring")
        everything = ["incident:created", "security:event", "threshold:breached"]

        async def gets(**wants):
            await client.request("subscribe", namespace="monitoring", **wants)
            for name in everything:
                self.server.publish("monitoring", self.to(""), name, {"severity": "high"})
            await client.request("subscribe", namespace="monitoring", topics=None, filters=None)
            self.server.publish("monitoring", self.to(""), "end", {})
            names = []
            while (event := await client.event())["event"] != "end":
                names.append(event["event"])
            return names

        self.assertEqual(await gets(), everything)
        self.assertEqual(await gets(topics=["incidents"]), ["incident:created"])
        self.assertEqual(await gets(topics=["incidents", "threshold:breached"]), ["incident:created", "threshold:breached"])
        self.assertEqual(await gets(topics=[]), [])
        self.assertEqual(await gets(filters=[{"priority": ["low"]}]), [])
        self.assertEqual(await gets(filters=[{"priority": ["low"]}, {"priority": ["high"]}]), everything)
        self.assertEqual(await gets(filters=[{"type": ["absent lets through"]}]), everything)
        self.assertEqual(await gets(filters=[]), [])
        self.assertEqual(await gets(topics=["security:events"], filters=[{"priority": ["high"]}]), ["security:event"])


class Presence(ServerTest):
    config = 'rooms = [{ pattern = "building:*", presence = true }]\n'

    async def test_users_of_a_room_are_told_once_with_their_connections(self):
        clients = [await self.user(user) for user in ("u1", "u1", "u2")]
        for client in clients:
            await client.join("alerts", rooms=["building:1"])
        users = (await clients[0].request("presence", namespace="alerts", room="building:1"))["users"]
        self.assertEqual({u["userId"]: u["connections"] for u in users}, {"u1": 2, "u2": 1})
        self.assertRegex(users[0]["since"], r"^\d{4}-\d\d-\d\dT")
        await clients[2].request("unsubscribe", namespace="alerts", rooms=["building:1"])
        await clients[1].close()

        def shown():
            users = self.server.http("GET", "/api/v1/presence?namespace=alerts&tenantId=t1&room=building:1").json["users"]
            return {u["userId"]: u["connections"] for u in users}

        await self.eventually(lambda: shown() == {"u1": 1}, "the end of the others' presence")

    async def test_presence_of_rooms_not_held_or_without_the_rule_is_forbidden(self):
        client = await self.user()
        await client.join("alerts", rooms=["zone:a"])
        for room in ("building:2", "zone:a", "tenant:other/building:1"):
            refusal = await client.refusal("presence", namespace="alerts", room=room)
            self.assertEqual(refusal.code, "FORBIDDEN", room)

    async def test_presence_stays_inside_the_tenant(self):
        mine, theirs = await self.user("u1", "t8"), await self.user("u2", "t9")
        for client in (mine, theirs):
            await client.join("alerts", rooms=["building:9"])
        users = (await mine.request("presence", namespace="alerts", room="building:9"))["users"]
        self.assertEqual([u["userId"] for u in users], ["u1"])


if __name__ == "__main__":
    unittest.main()
