"""The native protocol against the real server: identity, rooms, filters, recovery, frames."""

import time
import unittest

from harness import API_KEY, JWT_SECRET, ServerTest, pack, sign, token


class Identity(ServerTest):
    config = "jwt.leeway_ms = 0\n"

    async def refused(self, credential, how="header"):
        """The error frame and the close of a connection that is refused."""
        client = await self.open(credential, how)
        error = (await client.frame("error"))["error"]
        code, reason = await client.closed()
        self.assertEqual(reason, error["message"])
        return error, code

    async def test_a_token_in_the_authorization_header_is_welcomed(self):
        client = await self.open(token("u1", "t1"))
        welcome = await client.welcome()
        self.assertEqual((welcome["userId"], welcome["tenantId"]), ("u1", "t1"))
        self.assertEqual((welcome["pingInterval"], welcome["pingTimeout"], welcome["maxPayload"]), (30000, 5000, 1048576))
        self.assertTrue(3500 < welcome["expiresIn"] <= 3600)
        self.assertGreaterEqual(welcome["reconnectDelayMs"], 0)
        self.assertTrue(welcome["connectionId"])

    async def test_connection_ids_differ(self):
        ids = set()
        for _ in range(8):
            client = await self.open(token())
            ids.add((await client.welcome())["connectionId"])
        self.assertEqual(len(ids), 8)

    async def test_a_token_as_subprotocol_selects_the_native_one(self):
        client = await self.open(token(), "subprotocol")
        await client.welcome()
        self.assertEqual(client.socket.subprotocol, "sparc.v1.json")

    async def test_without_an_offered_subprotocol_none_is_selected(self):
        client = await self.open(token(), subprotocols=())
        await client.welcome()
        self.assertIsNone(client.socket.subprotocol)

    async def test_a_token_in_the_query_is_welcomed(self):
        await (await self.open(token(), "query")).welcome()

    async def test_the_header_counts_before_the_query(self):
        client = await self.open(token("header"), path="/ws?token=" + token("query"))
        self.assertEqual((await client.welcome())["userId"], "header")

    async def test_after_a_first_auth_frame_come_welcome_and_then_its_reply(self):
        client = await self.open()
        await client.send({"type": "auth", "id": 7, "token": token()})
        first, second = await client.frame(), await client.frame()
        self.assertEqual((first["type"], second["type"], second["id"]), ("welcome", "reply", 7))

    async def test_frames_behind_a_first_auth_wait_for_it(self):
        client = await self.open()
        await client.send({"type": "auth", "id": 1, "token": token()})
        await client.send({"type": "join", "id": 2, "namespace": "alerts"})
        kinds = [(f["type"], f.get("id")) for f in [await client.frame(), await client.frame(), await client.frame()]]
        self.assertEqual(kinds, [("welcome", None), ("reply", 1), ("reply", 2)])

    async def test_any_frame_before_auth_is_unauthenticated_and_closes(self):
        client = await self.open()
        refusal = await client.refusal("join", namespace="alerts")
        self.assertEqual(refusal.code, "UNAUTHENTICATED")
        code, reason = await client.closed()
        self.assertEqual(code, 1008)
        self.assertTrue(reason)

    async def test_a_bad_token_is_told_and_closes_with_1008(self):
        good = token()
        for what, bad in {
            "garbage": "not-a-token", "another secret": token(secret="x" * 40), "cut signature": good[:-4],
            "changed claims": ".".join([good.split(".")[0], token("u2").split(".")[1], good.split(".")[2]]),
            "no algorithm": token(header={"alg": "none"}),
        }.items():
            with self.subTest(what):
                error, code = await self.refused(bad)
                self.assertEqual((error["code"], code), ("UNAUTHENTICATED", 1008))

    async def test_a_missing_claim_is_named(self):
        claims = {"userId": "u", "tenantId": "t", "roles": []}
        for claim in claims:
            with self.subTest(claim):
                error, code = await self.refused(sign({k: v for k, v in claims.items() if k != claim}, JWT_SECRET))
                self.assertEqual((error["code"], code), ("UNAUTHENTICATED", 1008))
                self.assertIn(claim, error["message"])

    async def test_an_id_that_could_not_be_part_of_a_room_name_is_refused(self):
        error, code = await self.refused(token("u/1"))
        self.assertEqual((error["code"], code), ("UNAUTHENTICATED", 1008))
        self.assertIn("userId", error["message"])

    async def test_an_expired_token_is_told_so(self):
        error, code = await self.refused(token(lifetime_s=-10))
        self.assertEqual((error["code"], code), ("TOKEN_EXPIRED", 1008))

    async def test_a_token_of_a_service_makes_no_user_and_an_unknown_key_no_service(self):
        error, code = await self.refused(sign({"userId": "u", "tenantId": "t", "roles": [], "aud": "sparc-service"}, "x" * 40))
        self.assertEqual((error["code"], code), ("UNAUTHENTICATED", 1008))
        error, code = await self.refused(API_KEY + "x", "key")
        self.assertEqual((error["code"], code), ("UNAUTHENTICATED", 1008))

    async def test_a_refresh_keeps_the_connection_and_what_it_holds(self):
        tenant = self.fresh_tenant()
        client = await self.user("u1", tenant)
        await client.join("alerts", rooms=["zone:a"])
        await client.request("auth", token=token("u1", tenant, ("admin",)))
        held = await client.request("subscribe", namespace="alerts")
        self.assertIn("zone:a", held["rooms"])
        self.assertIn("role:admin", held["rooms"])
        self.assertNotIn("role:operator", held["rooms"])
        evicted = await client.frame("evicted")
        self.assertEqual((evicted["namespace"], evicted["rooms"]), ("alerts", ["role:operator"]))

    async def test_a_refresh_to_another_user_or_tenant_is_refused_and_the_old_identity_goes_on(self):
        client = await self.user("u1", "t1")
        for other in (token("u2", "t1"), token("u1", "t2")):
            refusal = await client.refusal("auth", token=other)
            self.assertEqual(refusal.code, "FORBIDDEN")
        refusal = await client.refusal("auth", token="broken")
        self.assertEqual(refusal.code, "UNAUTHENTICATED")
        self.assertIn("user:u1", (await client.join())["rooms"])

    async def test_an_expiring_token_is_announced_and_then_closes(self):
        client = await self.open(sign({"userId": "u", "tenantId": "t", "roles": [], "exp": int(time.time()) + 2}, JWT_SECRET))
        await client.welcome()
        expiring = await client.frame("token_expiring")
        self.assertLessEqual(expiring["expiresIn"], 2)
        error = (await client.frame("error"))["error"]
        code, _ = await client.closed()
        self.assertEqual((error["code"], code), ("TOKEN_EXPIRED", 4002))

    async def test_a_refresh_in_time_outlives_the_first_token(self):
        ends = int(time.time()) + 2
        client = await self.open(sign({"userId": "u", "tenantId": "t", "roles": [], "exp": ends}, JWT_SECRET))
        await client.welcome()
        await client.frame("token_expiring")
        await client.request("auth", token=sign({"userId": "u", "tenantId": "t", "roles": [], "exp": ends + 3600}, JWT_SECRET))
        other = await self.open(sign({"userId": "u", "tenantId": "t", "roles": [], "exp": ends + 1}, JWT_SECRET))
        self.assertEqual((await other.closed())[0], 4002)  # by then the first token has ended too
        await client.join()


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
