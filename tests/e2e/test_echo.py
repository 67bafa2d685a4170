"""RFC 6455 on the echo path, frame by frame."""

import json
import os
import unittest

from harness import Client, Server, ServerTest

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


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

    async def test_fragments_are_joined_wherever_control_frames_stand_between(self):
        raw = self.opened()
        raw.send_frame(TEXT, b"one ", fin=False)
        raw.send_frame(PING, b"between")
        raw.send_frame(0, b"two ", fin=False)
        raw.send_frame(PONG, b"unasked")
        raw.send_frame(0, b"", fin=False)
        raw.send_frame(0, b"three")
        self.assertEqual(raw.take_frame(), (PONG, b"between"))
        self.assertEqual(raw.take_frame(), (TEXT, b"one two three"))

    async def test_a_character_may_be_cut_by_fragments(self):
        raw = self.opened()
        text = "é\U0001F512".encode()
        for n, byte in enumerate(text):
            raw.send_frame(TEXT if n == 0 else 0, bytes([byte]), fin=n == len(text) - 1)
        self.assertEqual(raw.take_frame(), (TEXT, text))

    async def test_a_frame_may_come_byte_by_byte(self):
        raw = self.opened()
        for byte in b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58":  # RFC 6455 section 5.7
            raw.send(bytes([byte]))
        self.assertEqual(raw.take_frame(), (TEXT, b"Hello"))

    async def test_pings_are_answered_with_their_payload(self):
        raw = self.opened()
        for payload in (b"", b"x" * 125):
            raw.send_frame(PING, payload)
            self.assertEqual(raw.take_frame(), (PONG, payload))

    async def test_a_close_is_answered_with_its_code_and_ends_the_connection(self):
        for payload, code in ((b"\x03\xe8bye", 1000), (b"\x03\xe9", 1001), (b"\x0f\xa0private", 4000), (b"", 1000)):
            with self.subTest(payload):
                raw = self.opened()
                raw.send_frame(CLOSE, payload)
                opcode, answer = raw.take_frame()
                self.assertEqual(opcode, CLOSE)
                if answer or payload:
                    self.assertEqual(int.from_bytes(answer[:2], "big"), code)
                self.assertTrue(raw.ended())

    async def test_what_the_rfc_forbids_closes_with_its_code(self):
        cases = {
            "an unmasked frame": (1002, lambda raw: raw.send_frame(TEXT, b"x", masked=False)),
            "a reserved bit": (1002, lambda raw: raw.send_frame(TEXT, b"x", reserved=2)),
            "a reserved opcode": (1002, lambda raw: raw.send_frame(3, b"x")),
            "a reserved control opcode": (1002, lambda raw: raw.send_frame(11, b"")),
            "a long control frame": (1002, lambda raw: raw.send_frame(PING, b"x" * 126)),
            "a fragmented control frame": (1002, lambda raw: raw.send_frame(PING, b"x", fin=False)),
            "a continuation of nothing": (1002, lambda raw: raw.send_frame(0, b"x")),
            "a message within a message": (1002, lambda raw: (raw.send_frame(TEXT, b"x", fin=False), raw.send_frame(TEXT, b"x"))),
            "invalid UTF-8": (1007, lambda raw: raw.send_frame(TEXT, b"\xc3\x28")),
            "a cut character at the end": (1007, lambda raw: raw.send_frame(TEXT, b"\xe2\x82")),
            "a surrogate": (1007, lambda raw: raw.send_frame(TEXT, b"\xed\xa0\x80")),
            "a close of one byte": (1002, lambda raw: raw.send_frame(CLOSE, b"\x03")),
            "a close code that is never sent": (1002, lambda raw: raw.send_frame(CLOSE, b"\x03\xed")),
            "a close reason that is no UTF-8": (1007, lambda raw: raw.send_frame(CLOSE, b"\x03\xe8\xff")),
            "a message that is too long": (1009, lambda raw: raw.send(b"\x82\xff" + (1048577).to_bytes(8, "big") + b"\0\0\0\0")),
            "a length with the highest bit": (1002, lambda raw: raw.send(b"\x82\xff" + b"\xff" * 8 + b"\0\0\0\0")),
            "a length not in the shortest form": (1002, lambda raw: raw.send(b"\x82\xfe\x00\x05" + b"\0" * 9)),
        }
        for what, (code, send) in cases.items():
            with self.subTest(what):
                raw = self.opened()
                send(raw)
                got, reason = raw.take_close()
                self.assertEqual(got, code)
                self.assertTrue(reason)

    async def test_bytes_behind_the_upgrade_in_one_packet_are_read(self):
        raw = self.raw()
        raw.send(b"GET /echo HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                 b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x82\x00\x00\x00\x00hi")
        head = raw.take_until(b"\r\n\r\n").decode()
        self.assertIn("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", head)  # RFC 6455 section 1.3
        self.assertEqual(raw.take_frame(), (TEXT, b"hi"))

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
