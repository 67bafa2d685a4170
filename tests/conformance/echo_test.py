"""The conformance servers, spoken to from outside: long-polling, upgrade, WebSocket, Socket.IO. Argument: the folder of the programs."""

import asyncio
import json
import subprocess
import sys
import unittest
import urllib.error
import urllib.request

import websockets

PROGRAMS = sys.argv.pop()
DEADLINE_S = 60
HEARTBEAT = ["25000", "20000"]  # the suites' own is too short for a busy machine


class Server:
    def __init__(self, program, path):
        self.process = subprocess.Popen([f"{PROGRAMS}/{program}", "0", *HEARTBEAT], stdout=subprocess.PIPE, text=True)
        self.address = f"127.0.0.1:{self.process.stdout.readline().split()[-1]}{path}?EIO=4"

    def request(self, query, body=None):
        try:
            with urllib.request.urlopen(f"http://{self.address}{query}", body, DEADLINE_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def open_polling(self):
        status, body = self.request("&transport=polling")
        assert status == 200 and body[0] == "0", body
        return "&transport=polling&sid=" + json.loads(body[1:])["sid"]

    def websocket(self, query=""):
        return websockets.connect(f"ws://{self.address}&transport=websocket{query}", open_timeout=DEADLINE_S)

    def stop(self):
        self.process.terminate()
        self.process.stdout.close()
        return self.process.wait(DEADLINE_S)


async def receive(client):
    return await asyncio.wait_for(client.recv(), DEADLINE_S)


class EngineIo(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.server = Server("engine_io_echo", "/engine.io/")

    def tearDown(self):
        self.assertEqual(self.server.stop(), 0)

    def test_text_and_binary_come_back_over_polling(self):
        session = self.server.open_polling()
        self.assertEqual(self.server.request(session, b"4hello\x1ebAQIDBA=="), (200, "ok"))
        self.assertEqual(self.server.request(session), (200, "4hello\x1ebAQIDBA=="))

    def test_a_bad_packet_ends_its_session_alone(self):
        session, other = self.server.open_polling(), self.server.open_polling()
        self.assertEqual(self.server.request(session, b"abc")[0], 400)
        self.assertEqual(self.server.request(session), (400, '{"code":1,"message":"Session ID unknown"}'))
        self.assertEqual(self.server.request(other, b"4a"), (200, "ok"))

    def test_what_no_session_may_be_is_refused_with_its_code(self):
        for query, code in (("", 0), ("&transport=abc", 0), ("&transport=websocket", 3), ("&transport=polling&sid=__proto__", 1)):
            status, body = self.server.request(query)
            self.assertEqual((status, json.loads(body)["code"]), (400, code), query)
        self.assertEqual(json.loads(self.server.request("&transport=polling", b"4a")[1])["code"], 2)

    async def test_a_session_goes_on_over_the_websocket_that_it_upgrades_to(self):
        session = self.server.open_polling()
        self.server.request(session, b"4waits")
        async with self.server.websocket(session.replace("&transport=polling", "")) as client:
            await client.send("2probe")
            self.assertEqual(await receive(client), "3probe")
            await client.send("5")
            self.assertEqual(await receive(client), "4waits")
            await client.send(b"\x01\x02")
            self.assertEqual(await receive(client), b"\x01\x02")
            self.assertEqual(self.server.request(session)[0], 400)
            await client.send("4still")
            self.assertEqual(await receive(client), "4still")


class SocketIo(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.server = Server("socket_io_echo", "/socket.io/")

    def tearDown(self):
        self.assertEqual(self.server.stop(), 0)

    async def test_an_acknowledgement_brings_the_arguments_back(self):
        async with self.server.websocket() as client:
            self.assertEqual((await receive(client))[0], "0")
            await client.send('40/custom,{"token":"abc"}')
            self.assertTrue((await receive(client)).startswith('40/custom,{"sid":"'))
            self.assertEqual(await receive(client), '42/custom,["auth",{"token":"abc"}]')
            await client.send('451-/custom,7["message-with-ack",{"_placeholder":true,"num":0}]')
            await client.send(b"\xff")
            self.assertEqual(await receive(client), '461-/custom,7[{"_placeholder":true,"num":0}]')
            self.assertEqual(await receive(client), b"\xff")

    async def test_who_breaks_the_rules_is_closed(self):
        for packet in ("4abc", "42{}", '42["not connected"]', "440"):
            async with self.server.websocket() as client:
                await receive(client)
                await client.send(packet)
                with self.assertRaises(websockets.ConnectionClosed):
                    await receive(client)

    async def test_who_joins_no_namespace_is_closed(self):
        async with self.server.websocket() as client:
            await receive(client)
            with self.assertRaises(websockets.ConnectionClosed):
                await receive(client)


if __name__ == "__main__":
    unittest.main()
