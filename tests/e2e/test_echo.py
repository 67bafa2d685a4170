"""The echo path and the event `echo`. What RFC 6455 says about frames is in test_rfc6455.py."""

import json
import os
import unittest

from harness import Client, Server, ServerTest, pack

TEXT, BINARY = 1, 2


class Echo(ServerTest):
    environment = {"WEBSOCKET_DEV_ECHO": "true", "WEBSOCKET_DEFLATE_ENABLED": "true"}

    def opened(self):
        raw = self.raw()
        self.assertIn(" 101 ", raw.upgrade("/echo"))
        return raw

    async def test_messages_come_back_as_they_were(self):
        client = await Client.open(self.server, path="/echo", subprotocols=(), read=False)
        self.addAsyncCleanup(client.close)
        for message in ("", "text", "ünïcödé \U0001F512", b"", b"\x00\xff", os.urandom(125), os.urandom(126), os.urandom(65535), os.urandom(65536),
                        "x" * 1048576):
            await client.socket.send(message)
            self.assertEqual(await client.socket.recv(), message)

    async def test_they_come_back_compressed_too(self):
        client = await Client.open(self.server, path="/echo", subprotocols=(), read=False, compression="deflate")
        self.addAsyncCleanup(client.close)
        for message in ("", "text", "x" * 300000, os.urandom(100000)):
            await client.socket.send(message)
            self.assertEqual(await client.socket.recv(), message)

    async def test_many_messages_come_back_in_order(self):
        raw = self.opened()
        for n in range(500):
            raw.send_frame(TEXT, b"%d" % n)
        for n in range(500):
            self.assertEqual(raw.take_frame(), (TEXT, b"%d" % n))

    async def test_a_slow_reader_gets_everything_or_is_closed_and_nobody_else_waits(self):
        slow = self.opened()
        block = os.urandom(60000)
        slow.socket.setblocking(False)
        try:
            for _ in range(2000):
                slow.send_frame(BINARY, block)
        except (BlockingIOError, ConnectionError):
            pass
        raw = self.opened()
        raw.send_frame(TEXT, b"quick")
        self.assertEqual(raw.take_frame(), (TEXT, b"quick"))

    async def test_an_event_named_echo_is_answered_with_its_data(self):
        user = await self.user()
        for namespace in ("alerts", "video"):
            await user.join(namespace)
            answer = await user.request("event", namespace=namespace, event="echo", data={"text": "x" * 64})
            self.assertEqual(answer["text"], "x" * 64)

    async def test_an_event_named_echo_brings_its_bytes_back(self):
        user = await self.user()
        await user.join("video")
        data = {"image": {"_placeholder": True, "num": 0}}
        await user.send_raw(pack({"type": "event", "id": 77, "namespace": "video", "event": "echo", "data": data}, b"\x00\xff"))
        answer = await user.frame("reply", id=77)
        self.assertEqual((answer["data"]["image"], answer["attachments"]), (data["image"], [b"\x00\xff"]))


class NoEcho(unittest.TestCase):
    def test_without_the_switch_there_is_no_such_path(self):
        server = Server().start()
        self.addCleanup(server.stop)
        raw = server.raw()
        self.addCleanup(raw.close)
        self.assertIn(" 404 ", raw.upgrade("/echo"))
        self.assertEqual(json.loads(server.http("GET", "/healthz").body)["status"], "ok")


if __name__ == "__main__":
    unittest.main()
