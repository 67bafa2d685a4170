"""The calls of the HTTP API: who may, what each does and answers."""

import json
import unittest

from api import CALLS, EVENT, READER_KEY, TENANT_KEY, ApiTest
from harness import API_KEY, service_token, token


class Access(ApiTest):
    async def test_without_a_key_nothing_is_answered(self):
        for method, name in CALLS:
            with self.subTest(name):
                self.refused(401, "UNAUTHENTICATED", method, "/api/v1/" + name, key=None)
                self.refused(401, "UNAUTHENTICATED", method, "/api/v1/" + name, key="wrong")

    async def test_users_tokens_never_qualify(self):
        for credential in (token(roles=("admin",)), token(roles=("admin",), aud="sparc-service", scope="publish read")):
            for method, name in CALLS:
                with self.subTest(name):
                    self.refused(401, "UNAUTHENTICATED", method, "/api/v1/" + name, key=None,
                                 headers={"Authorization": "Bearer " + credential})

    async def test_a_key_may_come_as_bearer(self):
        answer = self.server.http("GET", "/api/v1/rooms", key=None, headers={"Authorization": "bearer " + API_KEY})
        self.assertEqual(answer.status, 200)

    async def test_a_service_token_opens_what_its_scope_names(self):
        def ask(method, name, body=None, **claims):
            return self.server.http(method, "/api/v1/" + name, body, None, {"Authorization": "Bearer " + service_token(**claims)}).status

        self.assertEqual(ask("GET", "rooms", scope="read"), 200)
        self.assertEqual(ask("POST", "broadcast", EVENT, scope="read"), 403)
        self.assertEqual(ask("POST", "broadcast", EVENT, scope="publish"), 200)
        self.assertEqual(ask("POST", "broadcast", EVENT, scope="publish", tenant="t2"), 403)
        self.assertEqual(ask("GET", "rooms", scope=""), 403)
        self.assertEqual(ask("GET", "rooms", lifetime_s=-60), 401)
        self.assertEqual(ask("GET", "rooms", secret="x" * 40), 401)

    async def test_a_missing_scope_is_forbidden(self):
        for method, name in (("POST", "broadcast"), ("POST", "disconnect"), ("GET", "rollout")):
            self.refused(403, "FORBIDDEN", method, "/api/v1/" + name, {}, READER_KEY)

    async def test_a_key_of_a_tenant_publishes_to_it_alone(self):
        self.assertEqual(self.server.http("POST", "/api/v1/broadcast", EVENT, TENANT_KEY).status, 200)
        for room in ("tenant:t2", "tenant:t2/user:u1", "system"):
            self.refused(403, "FORBIDDEN", "POST", "/api/v1/broadcast", {**EVENT, "room": room}, TENANT_KEY)
        self.refused(403, "FORBIDDEN", "GET", "/api/v1/rollout", key=TENANT_KEY)
        self.refused(403, "FORBIDDEN", "POST", "/api/v1/disconnect", {"tenantId": "t2"}, TENANT_KEY)
        self.refused(403, "FORBIDDEN", "POST", "/api/v1/disconnect", {"token": "x"}, TENANT_KEY)

    async def test_a_key_of_a_tenant_sees_it_alone(self):
        for tenant in ("t1", "t2"):
            await (await self.user("u1", tenant)).join()
        for path in ("connections", "rooms"):
            shown = self.server.http("GET", f"/api/v1/{path}?tenantId=t2", key=TENANT_KEY).json
            self.assertEqual({item["tenantId"] for item in shown[path]}, {"t1"})
        self.server.publish("alerts", "tenant:t2", "secret", {})
        events = self.server.http("GET", "/api/v1/history?namespace=alerts&tenantId=t2", key=TENANT_KEY).json["events"]
        self.assertNotIn("secret", [e["event"] for e in events])


class Broadcast(ApiTest):
    def post(self, body, **more):
        return self.server.http("POST", "/api/v1/broadcast", body, **more)

    async def test_one_is_answered_with_its_position(self):
        first, second = self.post(EVENT), self.post(EVENT)
        self.assertEqual((first.status, first.headers["Content-Type"]), (200, "application/json"))
        self.assertEqual(second.json, {"epoch": first.json["epoch"], "offset": first.json["offset"] + 1})
        self.assertEqual(self.post({**EVENT, "namespace": "video"}).json, {})

    async def test_several_are_published_in_order_and_answered_one_by_one(self):
        tenant = self.fresh_tenant()
        client = await self.user("u1", tenant)
        await client.join()
        items = [{**EVENT, "room": f"tenant:{tenant}", "data": n} for n in range(20)]
        items[7] = {**items[7], "namespace": "alarms"}
        items[9] = 17
        answer = self.post(items)
        self.assertEqual((answer.status, len(answer.json)), (200, 20))
        self.assertEqual(answer.json[7]["error"]["code"], "UNKNOWN_NAMESPACE")
        self.assertEqual(answer.json[9]["error"]["code"], "BAD_REQUEST")
        offsets = [a["offset"] for a in answer.json if "offset" in a]
        self.assertEqual(offsets, list(range(1, 19)))
        for n in (n for n in range(20) if n not in (7, 9)):
            self.assertEqual((await client.event())["data"], n)
        self.assertEqual(self.post([]).json, [])

    async def test_a_thousand_at_most(self):
        self.assertEqual(len(self.post([EVENT] * 1000).json), 1000)
        self.refused(400, "BAD_REQUEST", "POST", "/api/v1/broadcast", [EVENT] * 1001)

    async def test_faults_name_what_is_wrong(self):
        for body, word in (("", "JSON"), ("{", "JSON"), ('{"a":tru}', "JSON"), (b"\xff", "JSON"), (17, "object"),
                           ({**EVENT, "namespace": 7}, "namespace"), ({"room": "tenant:t1", "event": "x"}, "namespace"),
                           ({**EVENT, "event": ""}, "event"), ({**EVENT, "event": "x" * 257}, "256"),
                           ({"namespace": "alerts", "event": "x"}, "room"), ({**EVENT, "rooms": ["tenant:t1"]}, "rooms"),
                           ({**EVENT, "room": "camera:7"}, "tenant"), ({**EVENT, "room": "role:admin"}, "tenant"),
                           ({**EVENT, "room": "tenant:a/b/c\n"}, ""), ({**EVENT, "publicationId": "x" * 129}, "publicationId"),
                           ({"namespace": "alerts", "event": "x", "rooms": ["tenant:a", "tenant:b"]}, "one tenant"),
                           ({"namespace": "alerts", "event": "x", "rooms": ["tenant:a", "system"]}, "public"),
                           ({"namespace": "alerts", "event": "x", "rooms": []}, "room")):
            with self.subTest(str(body)[:60]):
                answer = self.refused(400, "BAD_REQUEST", "POST", "/api/v1/broadcast", body)
                self.assertIn(word, answer.message)

    async def test_an_unknown_namespace_is_404(self):
        answer = self.refused(404, "UNKNOWN_NAMESPACE", "POST", "/api/v1/broadcast", {**EVENT, "namespace": "alarms"})
        self.assertIn("alerts", answer.message)

    async def test_a_retry_with_the_same_publication_id_is_answered_alike(self):
        body = {**EVENT, "publicationId": "retry-1"}
        self.assertEqual(self.post(body).json, self.post(body).json)

    async def test_an_id_in_two_tenants_is_ambiguous_until_the_tenant_is_named(self):
        first, second = await self.user("twin", "twins-1"), await self.user("twin", "twins-2")
        for client in (first, second):
            await client.join()
        body = {**EVENT, "room": "user:twin"}
        self.assertIn("ambiguous", self.refused(400, "BAD_REQUEST", "POST", "/api/v1/broadcast", body).message)
        self.assertEqual(self.post({**body, "tenantId": "twins-2"}).status, 200)
        self.assertEqual((await second.event())["room"], "user:twin")

    async def test_two_ids_without_their_tenant_are_refused_and_with_it_both_are_reached(self):
        tenant = self.fresh_tenant()
        users = [await self.user(name, tenant) for name in ("pair-a", "pair-b")]
        for client in users:
            await client.join()
        body = {"namespace": "alerts", "rooms": ["user:pair-a", "user:pair-b"], "event": "both", "data": {}}
        self.assertIn("tenant", self.refused(400, "BAD_REQUEST", "POST", "/api/v1/broadcast", body).message)
        self.assertEqual(self.post({**body, "tenantId": tenant}).status, 200)
        for client in users:
            await client.event("both")

    async def test_names_that_no_frame_could_have_are_refused(self):
        self.refused(400, "BAD_REQUEST", "POST", "/api/v1/broadcast", {**EVENT, "event": "a\nb"})
        self.refused(400, "BAD_REQUEST", "POST", "/api/v1/broadcast", {**EVENT, "publicationId": "a\u0000b"})

    async def test_a_public_room_is_no_room_of_a_tenant(self):
        self.assertIn("public", self.refused(400, "BAD_REQUEST", "POST", "/api/v1/broadcast", {**EVENT, "room": "tenant:t1/system"}).message)

    async def test_an_id_that_nobody_has_is_accepted(self):
        self.assertEqual((self.post({**EVENT, "room": "user:nobody-ever"}).status), 200)

    async def test_further_arguments_arrive_as_args(self):
        tenant = self.fresh_tenant()
        client = await self.user("u1", tenant)
        await client.join()
        self.post({**EVENT, "room": f"tenant:{tenant}", "args": [1, {"b": [2]}]})
        self.assertEqual((await client.event())["args"], [1, {"b": [2]}])

    async def test_a_body_that_is_too_long_is_413(self):
        body = json.dumps({**EVENT, "data": "x" * 1048576})
        answer = self.server.http("POST", "/api/v1/broadcast", body)
        self.assertEqual((answer.status, answer.code), (413, "PAYLOAD_TOO_LARGE"))


class Operating(ApiTest):
    def get(self, path, **more):
        answer = self.server.http("GET", "/api/v1/" + path, **more)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json

    async def test_connections_are_listed_with_what_they_hold(self):
        tenant = self.fresh_tenant()
        client = await self.user("u1", tenant, ("operator", "admin"), organizationId="o1")
        await client.join("alerts", rooms=["zone:a"])
        await self.user("u2", tenant)
        listed = self.get(f"connections?tenantId={tenant}")
        self.assertEqual(listed["total"], 2)
        one = next(c for c in listed["connections"] if c["userId"] == "u1")
        self.assertEqual((one["tenantId"], one["organizationId"], sorted(one["roles"])), (tenant, "o1", ["admin", "operator"]))
        self.assertIn("zone:a", one["subscriptions"]["alerts"])
        self.assertRegex(one["connectedAt"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertLessEqual(one["connectedAt"], one["lastActivity"])
        self.assertEqual(self.get(f"connections?tenantId={tenant}&userId=u2")["total"], 1)
        limited = self.get(f"connections?tenantId={tenant}&limit=1")
        self.assertEqual((limited["total"], len(limited["connections"])), (2, 1))
        self.assertEqual(self.get("connections?tenantId=nobody"), {"connections": [], "total": 0})

    async def test_rooms_are_listed_with_their_members(self):
        tenant = self.fresh_tenant()
        for user in ("u1", "u2", "u3"):
            await (await self.user(user, tenant)).join("alerts", rooms=["zone:a"])
        listed = self.get(f"rooms?tenantId={tenant}&namespace=alerts")
        sizes = {r["room"]: r["members"] for r in listed["rooms"]}
        self.assertEqual((sizes["zone:a"], sizes[f"tenant:{tenant}"], sizes["user:u1"]), (3, 3, 1))
        self.assertEqual(listed["total"], len(listed["rooms"]))
        self.assertEqual(self.get(f"rooms?tenantId={tenant}&namespace=video")["total"], 0)

    async def test_presence_tells_the_users_of_a_room(self):
        tenant = self.fresh_tenant()
        for user in ("u1", "u1", "u2"):
            await (await self.user(user, tenant)).join("alerts", rooms=["zone:a"])
        users = self.get(f"presence?namespace=alerts&tenantId={tenant}&room=zone%3Aa")["users"]
        self.assertEqual({u["userId"]: u["connections"] for u in users}, {"u1": 2, "u2": 1})
        self.refused(400, "BAD_REQUEST", "GET", "/api/v1/presence?namespace=alerts")
        self.refused(404, "UNKNOWN_NAMESPACE", "GET", "/api/v1/presence?namespace=x&room=zone:a&tenantId=t1")

    async def test_the_dashboard_needs_no_key_and_is_not_sent_twice(self):
        page = self.server.http("GET", "/admin/", key=None)
        self.assertEqual(page.status, 200)
        self.assertIn("frame-ancestors 'none'", page.headers["Content-Security-Policy"])
        self.assertNotIn("unsafe", page.headers["Content-Security-Policy"])
        self.assertNotIn("Content-Encoding", page.headers)
        again = self.server.http("GET", "/admin/", key=None, headers={"If-None-Match": page.headers["ETag"]})
        self.assertEqual((again.status, again.body, again.headers["ETag"]), (304, "", page.headers["ETag"]))
        head = self.server.http("HEAD", "/admin/", key=None)
        self.assertEqual((head.status, head.body), (200, ""))
        moved = self.server.http("GET", "/admin", key=None)
        self.assertEqual((moved.status, moved.headers["Location"]), (308, "/admin/"))
        self.assertEqual(self.server.http("GET", "/admin/../etc", key=None).status, 404)
        self.assertEqual(self.server.http("POST", "/admin/", key=None).status, 405)

    async def test_history_is_read_from_a_position(self):
        tenant = self.fresh_tenant()
        for n in range(1, 6):
            last = self.server.publish("alerts", f"tenant:{tenant}/user:u{n}", "alert:created", n)
        first = self.get(f"history?namespace=alerts&tenantId={tenant}&limit=2")
        self.assertEqual([e["data"] for e in first["events"]], [1, 2])
        self.assertEqual((first["complete"], first["recovered"]), (False, True))
        at = first["position"]
        rest = self.get(f"history?namespace=alerts&tenantId={tenant}&epoch={at['epoch']}&offset={at['offset']}")
        self.assertEqual([e["data"] for e in rest["events"]], [3, 4, 5])
        self.assertEqual((rest["complete"], rest["recovered"], rest["position"]), (True, True, last))
        lost = self.get(f"history?namespace=alerts&tenantId={tenant}&epoch=other&offset=3")
        self.assertEqual((lost["recovered"], len(lost["events"])), (False, 5))
        self.refused(400, "BAD_REQUEST", "GET", "/api/v1/history?tenantId=t1")
        self.refused(404, "UNKNOWN_NAMESPACE", "GET", "/api/v1/history?namespace=x&tenantId=t1")

    async def test_disconnect_closes_whom_it_names(self):
        tenant = self.fresh_tenant()
        users = {user: await self.open(token(user, tenant)) for user in ("u1", "u2", "u3")}
        ids = {user: (await client.welcome())["connectionId"] for user, client in users.items()}

        def disconnect(**body):
            return self.server.http("POST", "/api/v1/disconnect", body).json["disconnected"]

        self.assertEqual(disconnect(userId="u1", tenantId=tenant), 1)
        self.assertEqual((await users["u1"].closed())[0], 4003)
        self.assertEqual(disconnect(connectionId=ids["u2"]), 1)
        code, reason = await users["u2"].closed()
        self.assertEqual(code, 4003)
        self.assertTrue(reason)
        self.assertEqual(disconnect(connectionId=ids["u2"]), 0)
        self.assertEqual(disconnect(connectionId="nonsense"), 0)
        self.assertEqual(disconnect(tenantId=tenant), 1)
        await users["u3"].closed()
        self.refused(400, "BAD_REQUEST", "POST", "/api/v1/disconnect", {})
        self.refused(400, "BAD_REQUEST", "POST", "/api/v1/disconnect", "[]")

    async def test_a_disconnect_that_is_misread_disconnects_nobody(self):
        client = await self.user("u1", "t1")
        for body in ({}, {"userid": "u1"}, {"userId": 1, "tenantId": "t1"}, {"connectionId": None, "tenantId": "t1"}, {"userId": "", "tenantId": "t1"}):
            for key in (API_KEY, TENANT_KEY):
                self.refused(400, "BAD_REQUEST", "POST", "/api/v1/disconnect", body, key)
        await client.join()

    async def test_a_revoked_service_token_closes_its_connection_and_opens_nothing(self):
        revoked = service_token("revoked-service")
        service = await self.service(revoked)
        self.assertEqual(self.server.http("POST", "/api/v1/disconnect", {"token": revoked}).json, {"disconnected": 1})
        self.assertEqual((await service.closed())[0], 4010)
        again = await self.open(revoked, "key")
        self.assertEqual((await again.closed())[0], 4010)
        self.refused(401, "REVOKED", "GET", "/api/v1/rooms", key=revoked)

    async def test_numbers_and_rooms_in_the_query_are_checked(self):
        self.refused(400, "BAD_REQUEST", "GET", "/api/v1/history?namespace=alerts&tenantId=t1&epoch=x&offset=ten")
        self.refused(400, "BAD_REQUEST", "GET", "/api/v1/presence?namespace=alerts&tenantId=t1&room=tenant:t2/camera:7")
        for room in ("camera:7", "tenant:t1/camera:7"):
            self.assertEqual(self.get("presence?namespace=alerts&tenantId=t1&room=" + room)["users"], [])

    async def test_a_revoked_token_closes_and_opens_no_connection(self):
        tenant = self.fresh_tenant()
        revoked = token("u1", tenant)
        client = await self.open(revoked)
        await client.welcome()
        other = await self.user("u1", tenant, ("other",))
        answer = self.server.http("POST", "/api/v1/disconnect", {"token": revoked}).json
        self.assertEqual(answer, {"disconnected": 1})
        self.assertEqual((await client.closed())[0], 4010)
        again = await self.open(revoked)
        self.assertEqual((await again.frame("error"))["error"]["code"], "REVOKED")
        self.assertEqual((await again.closed())[0], 4010)
        await other.join()

    async def test_rollout_shows_each_namespace(self):
        self.assertEqual(self.get("rollout"), {"namespaces": {"video": "unified", "alerts": "unified", "monitoring": "unified"}})


if __name__ == "__main__":
    unittest.main()
