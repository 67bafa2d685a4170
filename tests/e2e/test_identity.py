"""Who a connection of the native protocol is: tokens by every way in, refusals, refresh, expiry."""

import time
import unittest

from harness import API_KEY, JWT_SECRET, ServerTest, sign, token


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


if __name__ == "__main__":
    unittest.main()
