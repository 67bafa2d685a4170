"""Clients of the older plain-WebSocket services: they connect unchanged, and see what their view shows."""

import re
import unittest

from harness import JWT_SECRET, ServerTest, sign, token

UUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
INITIAL = ["security:events", "incidents", "alerts"]


class RawWsTest(ServerTest):
    async def connect(self, credential=None, path="/security", server=None):
        return await self.open(credential, "query", server=server, path=path, subprotocols=())

    async def old_client(self, user="u1", tenant="t1", path="/security", server=None, channels=None, **claims):
        """A greeted connection; with `channels` it holds these alone."""
        client = await self.connect(token(user, tenant, **claims), path, server)
        await client.frame("connection")
        if channels is not None:
            await client.send({"type": "unsubscribe", "channels": INITIAL})
            await client.send({"type": "subscribe", "channels": channels})
            await client.frame("unsubscribed")
            await client.frame("subscribed")
        return client

    def risk(self, tenant, score, room=None, **event):
        """Publishes a security event."""
        payload = {"event": event, "analysis": {"riskScore": score, "threats": ["probe"], "recommendations": ["look"], "more": 1}}
        self.server.publish("monitoring", room or f"tenant:{tenant}", "security:event", payload)
        return payload

    async def nothing_else(self, client):
        """What came is what was asked for: the next message answers this ping."""
        await client.send({"type": "ping"})
        self.assertEqual((await client.frame())["type"], "pong")


class Connecting(RawWsTest):
    config = "jwt.leeway_ms = 0\n"

    async def refused(self, credential):
        client = await self.connect(credential)
        return await client.closed()

    async def test_without_a_token_the_upgrade_succeeds_and_the_connection_closes(self):
        self.assertEqual(await self.refused(None), (1008, "Missing authentication token"))
        client = await self.connect(path="/security?token=")
        self.assertEqual(await client.closed(), (1008, "Missing authentication token"))

    async def test_a_bad_token_closes(self):
        for bad in ("nonsense", token(secret="another secret, which is not the server's"), token(lifetime_s=-5), token(tenant=None),
                    token(tenant="not an id"), token(user=None)):
            self.assertEqual(await self.refused(bad), (1008, "Authentication failed"), bad)

    async def test_an_api_key_is_no_token_of_a_user(self):
        self.assertEqual(await self.refused("key-with-all-scopes"), (1008, "Authentication failed"))

    async def test_the_token_in_the_query_counts_whatever_headers_a_proxy_adds(self):
        for header in ({"Authorization": "Basic dXNlcjpwYXNzd29yZA=="}, {"Authorization": "Bearer of-the-proxy"}, {"X-API-Key": "of-the-proxy"}):
            client = await self.open(token(), "query", path="/security", subprotocols=(), headers=header)
            await client.frame("connection")

    async def test_who_offers_subprotocols_gets_the_first(self):
        client = await self.open(token(), "query", path="/security", subprotocols=("of.the.old.service", "another"))
        self.assertEqual(client.socket.subprotocol, "of.the.old.service")
        await client.frame("connection")

    async def test_each_path_greets_with_an_id_and_what_is_held(self):
        ids = set()
        for path in ("/security", "/v1/ws", "/ws/security"):
            client = await self.connect(token(), path)
            greeting = await client.frame()
            self.assertEqual(greeting, {"type": "connection", "data": {"clientId": greeting["data"]["clientId"], "subscriptions": INITIAL}})
            self.assertRegex(greeting["data"]["clientId"], UUID)
            ids.add(greeting["data"]["clientId"])
        self.assertEqual(len(ids), 3)

    async def test_a_token_without_roles_has_none(self):
        client = await self.connect(sign({"userId": "u1", "organizationId": "o1"}, JWT_SECRET))
        await client.frame("connection")

    async def test_what_is_sent_at_once_is_answered_behind_the_greeting(self):
        raw = self.raw()
        mask = lambda text: bytes(b ^ b"\x11\x22\x33\x44"[i % 4] for i, b in enumerate(text.encode()))
        frame = lambda text: bytes([0x81, 0x80 | len(text)]) + b"\x11\x22\x33\x44" + mask(text)
        raw.send((f"GET /security?token={token()} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode()
                 + frame('{"type":"subscribe","channels":["metrics"]}') + frame('{"type":"ping"}'))
        raw.take_until(b"\r\n\r\n")
        messages = [raw.take_frame()[1].decode() for _ in range(3)]
        self.assertIn('"type":"connection"', messages[0])
        self.assertEqual(messages[1], '{"type":"subscribed","channels":["metrics"]}')
        self.assertRegex(messages[2], r'^\{"type":"pong","timestamp":\d{13}\}$')

    async def test_a_connection_outlives_its_token(self):
        client = await self.old_client(tenant=self.fresh_tenant(), lifetime_s=5)
        kept = re.compile(r"^sparc_websocket_expired_kept_total\{.*\} 1$", re.M)
        await self.eventually(lambda: kept.search(self.server.http("GET", "/metrics").body), "the end of the token")
        self.risk(self.fresh_tenant(), 1)
        await client.frame("security_event")


class Channels(RawWsTest):
    async def test_only_known_and_own_channels_are_granted(self):
        client = await self.old_client("u1", "t1", organizationId="o1")
        await client.send({"type": "subscribe", "channels": ["user:u1", "org:o2", "metrics", "org:o1", "user:u2", "tenant:t1", "threats", "org:", "all"]})
        self.assertEqual(await client.frame(), {"type": "subscribed", "channels": ["user:u1", "metrics", "org:o1", "threats"]})
        await client.send({"type": "subscribe", "channels": ["org:o2"]})
        self.assertEqual(await client.frame(), {"type": "subscribed", "channels": []})

    async def test_unsubscribing_ends_what_a_channel_shows(self):
        tenant = self.fresh_tenant()
        client = await self.old_client(tenant=tenant)
        await client.send({"type": "unsubscribe", "channels": ["security:events"]})
        self.assertEqual(await client.frame(), {"type": "unsubscribed", "channels": ["security:events"]})
        self.risk(tenant, 10)
        self.server.publish("monitoring", f"tenant:{tenant}", "incident:created", {"id": 1})
        self.assertEqual(await client.frame(), {"type": "incident_created", "data": {"id": 1}})
        await client.send({"type": "subscribe", "channels": ["security:events"]})
        await client.frame("subscribed")
        self.risk(tenant, 11)
        self.assertEqual((await client.frame())["data"]["analysis"]["riskScore"], 11)

    async def test_each_event_has_its_old_name(self):
        tenant = self.fresh_tenant()
        client = await self.old_client(tenant=tenant)
        await client.send({"type": "subscribe", "channels": ["metrics"]})
        await client.frame("subscribed")
        room = f"tenant:{tenant}"
        payload = self.risk(tenant, 80)
        self.assertEqual(await client.frame(), {"type": "security_event", "data": payload})
        for namespace, event, name in (("monitoring", "incident:created", "incident_created"), ("monitoring", "incident:updated", "incident_updated"),
                                       ("monitoring", "metrics:update", "system_metrics"), ("alerts", "alert:high_risk", "high_risk_alert")):
            self.server.publish(namespace, room, event, {"n": event})
            self.assertEqual(await client.frame(), {"type": name, "data": {"n": event}})

    async def test_what_no_row_names_is_not_shown(self):
        tenant = self.fresh_tenant()
        client = await self.old_client(tenant=tenant)
        for namespace, event in (("alerts", "alert:created"), ("monitoring", "system:event"), ("video", "video:analytics")):
            self.server.publish(namespace, f"tenant:{tenant}", event, {})
        self.server.publish("monitoring", f"tenant:{tenant}", "metrics:update", {})  # a channel that is not held
        self.risk(tenant, 1)
        self.assertEqual((await client.frame())["type"], "security_event")
        await self.nothing_else(client)

    async def test_a_high_risk_is_an_alert_too(self):
        tenant = self.fresh_tenant()
        client = await self.old_client(tenant=tenant)
        payload = self.risk(tenant, 80.5, id=7)
        self.assertEqual(await client.frame(), {"type": "security_event", "data": payload})
        self.assertEqual(await client.frame(), {"type": "high_risk_alert", "data": {"event": {"id": 7}, "riskScore": 80.5, "threats": ["probe"],
                                                                                    "recommendations": ["look"]}})

    async def test_who_holds_alerts_alone_gets_the_derived_message_and_not_its_source(self):
        tenant = self.fresh_tenant()
        client = await self.old_client(tenant=tenant, channels=["alerts"])
        self.risk(tenant, 10)
        self.risk(tenant, 95, id=8)
        alert = await client.frame()
        self.assertEqual((alert["type"], alert["data"]["event"]), ("high_risk_alert", {"id": 8}))
        await self.nothing_else(client)

    async def test_several_channels_that_show_an_event_bring_it_once(self):
        tenant = self.fresh_tenant()
        client = await self.old_client("u1", tenant, organizationId="o1")
        await client.send({"type": "subscribe", "channels": ["org:o1", "user:u1"]})
        await client.frame("subscribed")
        self.risk(tenant, 1)
        self.risk(tenant, 2, room=[f"tenant:{tenant}", f"tenant:{tenant}/org:o1", f"tenant:{tenant}/user:u1"])
        for score in (1, 2):
            self.assertEqual((await client.frame())["data"]["analysis"]["riskScore"], score)
        await self.nothing_else(client)

    async def test_the_own_organization_and_the_own_user_are_addressed(self):
        tenant = self.fresh_tenant()
        organization = await self.old_client("u1", tenant, organizationId="o1", channels=["org:o1"])
        user = await self.old_client("u1", tenant, organizationId="o1", channels=["user:u1"])
        other = await self.old_client("u2", tenant, organizationId="o2", channels=["org:o2", "user:u2"])
        self.server.publish("monitoring", f"tenant:{tenant}/org:o1", "incident:created", {"n": 1})
        self.server.publish("monitoring", f"tenant:{tenant}/user:u1", "incident:created", {"n": 2})
        self.assertEqual((await organization.frame())["data"], {"n": 1})
        self.assertEqual((await user.frame())["data"], {"n": 2})
        for client in (organization, user, other):
            await self.nothing_else(client)


class Tenants(RawWsTest):
    async def test_events_stay_in_their_tenant(self):
        mine, theirs = self.fresh_tenant(), self.fresh_tenant() + "-other"
        client = await self.old_client(tenant=mine)
        other = await self.old_client(tenant=theirs)
        self.risk(theirs, 99, id="theirs")
        self.risk(mine, 10, id="mine")
        self.assertEqual((await client.frame())["data"]["event"], {"id": "mine"})
        await self.nothing_else(client)
        self.assertEqual((await other.frame())["data"]["event"], {"id": "theirs"})
        await other.frame("high_risk_alert")
        await self.nothing_else(other)

    async def test_a_token_that_knows_only_an_organization_has_it_for_a_tenant(self):
        organization = self.fresh_tenant()
        client = await self.old_client(tenant=None, organizationId=organization)
        self.risk(organization, 5)
        await client.frame("security_event")

    async def test_a_native_client_may_not_do_the_same(self):
        client = await self.open(token(tenant=None, organizationId="o1"))
        self.assertEqual((await client.closed())[0], 1008)


class Filters(RawWsTest):
    async def test_severities_narrow_what_has_one(self):
        tenant = self.fresh_tenant()
        client = await self.old_client(tenant=tenant)
        await client.send({"type": "subscribe", "channels": ["alerts"], "filters": {"severity": ["high", "critical"]}})
        self.assertEqual(await client.frame(), {"type": "subscribed", "channels": ["alerts"]})
        await self.nothing_else(client)
        for severity in ("low", "high", "medium"):
            self.risk(tenant, 1, severity=severity)
        self.risk(tenant, 2)  # says none
        self.server.publish("monitoring", f"tenant:{tenant}", "incident:created", {"severity": "low"})
        self.server.publish("monitoring", f"tenant:{tenant}", "incident:created", {"priority": "critical"})
        self.assertEqual((await client.frame())["data"]["event"], {"severity": "high"})
        self.assertEqual((await client.frame())["data"]["event"], {})
        self.assertEqual((await client.frame())["data"], {"priority": "critical"})
        await self.nothing_else(client)

    async def test_null_lifts_them_and_a_type_is_one(self):
        tenant = self.fresh_tenant()
        client = await self.old_client(tenant=tenant)
        await client.send({"type": "subscribe", "channels": [], "filters": {"type": "intrusion", "severity": ["high", "low"], "priority": "high"}})
        await client.frame("subscribed")
        await self.nothing_else(client)
        self.risk(tenant, 1, type="theft", severity="high")
        self.risk(tenant, 2, type="intrusion", severity="low")
        self.risk(tenant, 3, type="intrusion", severity="high")
        self.assertEqual((await client.frame())["data"]["analysis"]["riskScore"], 3)
        await client.send({"type": "subscribe", "filters": None})
        await client.frame("subscribed")
        await self.nothing_else(client)
        self.risk(tenant, 4, type="theft")
        await client.frame("security_event")


class Messages(RawWsTest):
    async def test_a_ping_is_answered_with_the_time(self):
        client = await self.old_client()
        await client.send({"type": "ping"})
        pong = await client.frame()
        self.assertEqual(pong, {"type": "pong", "timestamp": pong["timestamp"]})
        self.assertIsInstance(pong["timestamp"], int)
        self.assertGreater(pong["timestamp"], 1_600_000_000_000)

    async def test_other_types_and_binary_messages_are_ignored(self):
        client = await self.old_client()
        await client.send({"type": "acknowledge", "id": 1})
        await client.send_raw(b'{"type":"ping"}')
        await self.nothing_else(client)

    async def test_what_is_no_message_is_told_and_the_connection_stays(self):
        client = await self.old_client()
        for wrong in ("ping", "[]", '{"type":5}', '{"type":"subscribe","channels":"alerts"}', '{"type":"subscribe","filters":[]}'):
            await client.send_raw(wrong)
            error = await client.frame()
            self.assertEqual((error["type"], error["data"]["code"]), ("error", "BAD_REQUEST"), wrong)
        await self.nothing_else(client)


class Heartbeat(RawWsTest):
    environment = {"WEBSOCKET_PING_INTERVAL": "100", "WEBSOCKET_PING_TIMEOUT": "100"}

    def next_ping(self, raw):
        while True:
            opcode, payload = raw.take_frame()
            if opcode == 9:
                return payload

    async def test_a_client_that_answers_no_websocket_ping_is_let_go(self):
        raw = self.raw()
        raw.upgrade(f"/security?token={token()}")
        self.next_ping(raw)
        self.assertTrue(raw.ended())

    async def test_a_client_that_answers_stays(self):
        raw = self.raw()
        raw.upgrade(f"/security?token={token()}")
        for _ in range(5):
            raw.send_frame(10, self.next_ping(raw))


class Anonymous(RawWsTest):
    config = 'legacy.monitoring.anonymous_tenant = "lobby"\n'

    async def test_a_client_without_a_token_sees_the_tenant_that_is_configured(self):
        client = await self.connect()
        self.assertEqual((await client.frame("connection"))["data"]["subscriptions"], INITIAL)
        await client.send({"type": "subscribe", "channels": ["user:anonymous", "metrics"]})
        self.assertEqual((await client.frame())["channels"], ["metrics"])
        self.risk("t1", 1)
        self.risk("lobby", 2)
        self.assertEqual((await client.frame())["data"]["analysis"]["riskScore"], 2)

    async def test_a_bad_token_is_still_refused(self):
        self.assertEqual(await (await self.connect("nonsense")).closed(), (1008, "Authentication failed"))


class WithoutOldClients(RawWsTest):
    config = "legacy.enabled = false\n"

    async def test_their_paths_are_not_there(self):
        for path in ("/security", "/v1/ws", "/ws/security"):
            raw = self.raw()
            self.assertIn(" 404 ", raw.upgrade(path + "?token=" + token()).splitlines()[0])


class AnotherDialect(RawWsTest):
    """Nothing but configuration."""

    config = """
[[views]]
name = "guards"
wire = "rawws"
paths = ["/guards"]
namespaces = ["alerts", "doors"]
claims = { userId = ["sub"], tenantId = "site" }
channels = [{ name = "alarms", initial = true }, { name = "door", initial = false }, { name = "me/", kind = "user" }]
rateLimitOptions = "5/1h"
[[views.outputs]]
namespace = "doors"
event = "door:*"
channels = ["door"]
[[views.outputs]]
namespace = "doors"
event = "door:forced"
to = "ALARM"
channels = ["alarms"]
when = '/severity == "critical"'
fields = { what = "/door/name", whole = "" }
[[views]]
name = "monitoring-rawws"
paths = ["/old"]
channels = [{ name = "metrics", enabled = false }]
outputs = [{ namespace = "monitoring", event = "security:event", to = "high_risk_alert", when = "/analysis/riskScore >= 60" }]
[[namespaces]]
name = "doors"
history = true
"""

    async def guard(self, user, site):
        client = await self.connect(sign({"sub": user, "site": site}, JWT_SECRET), "/guards")
        self.assertEqual((await client.frame("connection"))["data"]["subscriptions"], ["alarms"])
        return client

    async def test_a_view_that_is_configured_is_served(self):
        site = self.fresh_tenant()
        client = await self.guard("g1", site)
        await client.send({"type": "subscribe", "channels": ["door", "me/g1", "me/g2", "alerts"]})
        self.assertEqual((await client.frame())["channels"], ["door", "me/g1"])
        self.server.publish("doors", f"tenant:{site}", "door:open", {"n": 1})
        self.assertEqual(await client.frame(), {"type": "door:open", "data": {"n": 1}})
        forced = {"door": {"name": "north"}, "severity": "critical"}
        self.server.publish("doors", f"tenant:{site}", "door:forced", forced)
        self.assertEqual(await client.frame(), {"type": "door:forced", "data": forced})
        self.assertEqual(await client.frame(), {"type": "ALARM", "data": {"what": "north", "whole": forced}})

    async def test_a_shipped_view_changes_by_row(self):
        tenant = self.fresh_tenant()
        client = await self.old_client(tenant=tenant, path="/old")
        await client.send({"type": "subscribe", "channels": ["metrics", "threats"]})
        self.assertEqual((await client.frame())["channels"], ["threats"])
        self.risk(tenant, 60)
        await client.frame("security_event")
        await client.frame("high_risk_alert")
        self.assertIn(" 404 ", self.raw().upgrade("/security").splitlines()[0])

    async def test_the_rate_of_a_view_binds_its_clients_and_no_native_ones(self):
        site = self.fresh_tenant()
        client = await self.guard("g1", site)
        answers = []
        for _ in range(100):  # one by one: points are leased in advance, so that a burst may run ahead of the answer
            await client.send({"type": "subscribe", "channels": ["door"]})
            answers.append(await client.frame())
            if answers[-1]["type"] == "error":
                break
        self.assertEqual(answers[0]["type"], "subscribed")
        self.assertEqual(answers[-1]["type"], "error")
        self.assertEqual(answers[-1]["data"]["code"], "RATE_LIMITED")
        self.assertIn("rateLimitOptions of the view", answers[-1]["data"]["message"])
        self.assertGreater(answers[-1]["data"]["retryAfterMs"], 0)
        native = await self.user("g1", site)
        await native.join("alerts")
        for _ in range(20):
            await native.request("subscribe", namespace="alerts", rooms=["zone:1"])


if __name__ == "__main__":
    unittest.main()
