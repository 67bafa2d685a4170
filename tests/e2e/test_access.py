"""Who may be where: paths without a token, namespaces for some roles alone."""

import signal
import unittest

from harness import Client, ServerTest, token


class Anonymous(ServerTest):
    config = 'anonymous = [{ path = "/status", tenant = "public-status", roles = ["viewer"], namespaces = ["monitoring"] }]\n'

    async def test_on_its_path_nobody_needs_a_token_and_joins_only_what_is_open(self):
        client = await self.open(path="/status")
        welcome = await client.welcome()
        self.assertEqual(welcome["tenantId"], "public-status")
        reply = await client.join("monitoring")
        self.assertFalse([r for r in reply["rooms"] if r.startswith("user:")])
        self.assertEqual((await client.refusal("join", namespace="alerts")).code, "FORBIDDEN")
        self.server.publish("monitoring", "tenant:public-status", "up", {})
        await client.event("up")
        refusal = await client.refusal("auth", token=token())
        self.assertEqual(refusal.code, "FORBIDDEN")

    async def test_a_reload_opens_no_further_namespace(self):
        client = await self.open(path="/status")
        await client.welcome()
        await client.join("monitoring")
        admitted = self.server.logged().count('reloaded')
        self.server.signal(signal.SIGHUP)
        await self.eventually(lambda: self.server.logged().count('reloaded') > admitted, "the reload")
        late = await self.open(path="/status")  # both shards have taken it when both answer below
        await late.welcome()
        await late.join("monitoring")
        for one in (client, late):
            await one.request("subscribe", namespace="monitoring", rooms=["building:1"])
            self.assertEqual((await one.refusal("join", namespace="alerts")).code, "FORBIDDEN")

    async def test_elsewhere_a_token_is_needed(self):
        client = await Client.open(self.server)
        self.addAsyncCleanup(client.close)
        self.assertEqual((await client.refusal("join", namespace="monitoring")).code, "UNAUTHENTICATED")


class Guarded(ServerTest):
    config = 'namespaces = [{ name = "vault", roles = ["admin"], history = true }]\n'

    async def test_who_lost_the_role_for_a_namespace_gets_nothing_of_it_and_cannot_come_back_by_its_rooms(self):
        tenant = self.fresh_tenant()
        client, other = await self.user("u1", tenant, ("admin",)), await self.user("u2", tenant, ("admin",))
        for one in (client, other):
            await one.join("vault", rooms=["building:1"])
        await client.request("auth", token=token("u1", tenant, ("operator",)))
        self.assertEqual(set((await client.frame("evicted"))["rooms"]), {f"tenant:{tenant}", "user:u1", "role:admin", "building:1"})
        for kind in ("subscribe", "join"):
            self.assertEqual((await client.refusal(kind, namespace="vault", rooms=["building:2"])).code, "FORBIDDEN")
        self.server.publish("vault", [f"tenant:{tenant}", f"tenant:{tenant}/building:2"], "secret", {})
        await other.event("secret")
        await other.close()  # the last member: the stream must stay for whom it holds no room
        self.assertEqual((await client.request("history", namespace="vault"))["events"], [])
        await client.request("auth", token=token("u1", tenant, ("admin",)))
        self.server.publish("vault", f"tenant:{tenant}", "again", {})
        await client.event("again")
        await client.request("leave", namespace="vault")


if __name__ == "__main__":
    unittest.main()
