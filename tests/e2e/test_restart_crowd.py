"""A node with a thousand clients is restarted while events are published: each client gets each event once and in order."""

import asyncio
import contextlib
import os
import signal
import tempfile
import unittest

import websockets

from crowd import NativeMember, SocketIoMember, connect_all
from harness import API_KEY, DEADLINE_S, Client, Closed, Server

CLIENTS, TENANTS = 1000, 10
BEFORE, AFTER = 100, 200  # events: until the signal, and to the next node


class Publisher:
    """A service that publishes numbers one by one, each with an id, so that one whose answer was lost is not published twice."""

    def __init__(self):
        self.numbers = [0] * TENANTS  # the next of each tenant

    async def publish(self, service, tenant, event="alert:created"):
        number = self.numbers[tenant]
        await service.request("publish", namespace="alerts", room=f"tenant:t{tenant}", event=event, data={"n": number},
                              publicationId=f"{tenant}-{number}")
        self.numbers[tenant] += 1

    async def until_closed(self, server):
        """Over the drain. How many were accepted behind the signal."""
        service, accepted = await Client.open(server, API_KEY, "key"), 0
        with contextlib.suppress(Closed, websockets.ConnectionClosed):
            while True:
                await self.publish(service, accepted % TENANTS)
                accepted += 1
                if accepted == BEFORE:
                    server.signal(signal.SIGTERM)
        await service.close()
        return accepted - BEFORE

    async def the_rest(self, server):
        service = await Client.open(server, API_KEY, "key")
        for count in range(AFTER):
            await self.publish(service, count % TENANTS)
        await service.close()


class RestartUnderAThousandClients(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)  # unittest's choice, and slow
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def start(self):
        server = Server(environment={"WEBSOCKET_SNAPSHOT_FILE": os.path.join(self.folder.name, "snapshot"), "WEBSOCKET_DRAIN_MS": "1000"}).start()
        self.addCleanup(server.stop)
        return server

    async def restart(self, kind):
        members = [kind(f"u{n}", f"t{n % TENANTS}") for n in range(CLIENTS)]
        self.addCleanup(lambda: [member.transport.abort() for member in members])

        first = self.start()
        await connect_all(members, first.port)
        publisher = Publisher()
        publishing = asyncio.ensure_future(publisher.until_closed(first))
        codes = await asyncio.wait_for(asyncio.gather(*(member.ended for member in members)), DEADLINE_S)
        late = await publishing
        await asyncio.get_running_loop().run_in_executor(None, first.wait)
        self.assertGreater(late, 0, "nothing was published while the node drained")
        had = [len(member.seen) for member in members]
        self.assertLess(min(had), sum(publisher.numbers) // TENANTS, "nobody missed anything: nothing to recover")

        second = self.start()
        await asyncio.gather(publisher.the_rest(second), connect_all(members, second.port))
        wanted = [list(range(count)) for count in publisher.numbers]
        await self.until(members, lambda n, member: len(member.seen) >= publisher.numbers[n % TENANTS] or member.ended.done())
        await asyncio.get_running_loop().run_in_executor(None, second.stop)  # behind it nothing can come twice
        for n, member in enumerate(members):
            self.assertIsNone(member.wrong, member.user)
            self.assertTrue(member.recovered, member.user)
            self.assertEqual(member.seen, wanted[n % TENANTS], member.user)
        return codes

    @staticmethod
    async def until(members, there):
        async def wait():
            for n, member in enumerate(members):
                while not there(n, member):
                    await asyncio.sleep(0)

        try:
            await asyncio.wait_for(wait(), DEADLINE_S)
        except asyncio.TimeoutError:
            pass  # what is missing is said for each

    async def test_native_clients_recover_by_position(self):
        self.assertEqual(set(await self.restart(NativeMember)), {1012})

    async def test_socketio_clients_recover_by_pid_and_offset(self):
        self.assertEqual(set(await self.restart(SocketIoMember)), {1005})


if __name__ == "__main__":
    unittest.main()
