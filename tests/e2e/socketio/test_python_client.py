"""Another make of client: Debian's python-socketio against the real server."""

import asyncio
import os
import sys
import unittest

import aiohttp
import socketio

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import DEADLINE_S, Server, token  # noqa: E402


class PythonClient(unittest.IsolatedAsyncioTestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server().start()
        cls.addClassCleanup(cls.server.stop)

    async def client(self, namespace, transports, tenant="t1"):
        http = aiohttp.ClientSession()
        self.addAsyncCleanup(http.close)
        client = socketio.AsyncClient(reconnection=False, http_session=http)
        client.inbox = asyncio.Queue()

        for event in ("connected", "alert:created", "joined-tenant", "error"):
            client.on(event, lambda *arguments, event=event: client.inbox.put_nowait((event, arguments)), namespace=namespace)
        await asyncio.wait_for(
            client.connect(f"http://127.0.0.1:{self.server.port}", auth={"token": token(tenant=tenant)}, namespaces=[namespace], transports=transports,
                           wait_timeout=DEADLINE_S),
            DEADLINE_S)
        self.addAsyncCleanup(client.disconnect)
        return client

    async def event(self, client, name):
        while True:
            event, arguments = await asyncio.wait_for(client.inbox.get(), DEADLINE_S)
            if event == name:
                return arguments[0]

    async def test_events_by_each_transport(self):
        for transports in (["polling", "websocket"], ["polling"], ["websocket"]):
            with self.subTest(transports=transports):
                tenant = "python-" + "-".join(transports)
                client = await self.client("/alerts", transports, tenant)
                self.assertEqual((await self.event(client, "connected"))["tenantId"], tenant)
                self.server.publish("alerts", f"tenant:{tenant}", "alert:created", {"id": "ä", "n": 1.5})
                self.assertEqual(await self.event(client, "alert:created"), {"id": "ä", "n": 1.5})
                self.assertEqual(client.transport(), transports[-1])

    async def test_an_acknowledgement_is_called(self):
        client = await self.client("/alerts", ["websocket"], "python-ack")
        reply = await asyncio.wait_for(client.call("subscribe", {"alertTypes": ["security"], "priorities": ["high"]}, namespace="/alerts"), DEADLINE_S)
        self.assertNotIn("error", reply)

    async def test_the_root_namespace_joins_its_tenant(self):
        client = await self.client("/", ["polling", "websocket"], "python-root")
        await client.emit("join-tenant", "python-root")
        self.assertEqual(await self.event(client, "joined-tenant"), {"tenantId": "python-root"})
        self.server.publish("alerts", "tenant:python-root", "alert:created", {"id": 1})
        self.assertEqual(await self.event(client, "alert:created"), {"id": 1})

    async def test_a_client_without_a_token_is_refused(self):
        http = aiohttp.ClientSession()
        self.addAsyncCleanup(http.close)
        client = socketio.AsyncClient(reconnection=False, http_session=http)
        refused = asyncio.get_running_loop().create_future()
        client.on("connect_error", lambda data: refused.done() or refused.set_result(data), namespace="/alerts")
        with self.assertRaises(socketio.exceptions.ConnectionError):
            await client.connect(f"http://127.0.0.1:{self.server.port}", namespaces=["/alerts"], wait_timeout=2)
        self.assertEqual((await asyncio.wait_for(refused, DEADLINE_S))["message"], "Missing authentication token")


if __name__ == "__main__":
    unittest.main(verbosity=2)
