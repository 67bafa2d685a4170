"""RFC 6455 on the real port, frame by frame: handshakes with `/ws`, frames with the echo path. Numbers are the RFC's sections."""

import base64
import contextlib
import hashlib
import os
import struct
import unittest

import websockets

from harness import ServerTest, token

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
LIMIT, FRAGMENTS = 100000, 64


class Rfc6455Test(ServerTest):
    environment = {"WEBSOCKET_DEV_ECHO": "true", "WEBSOCKET_DEFLATE_ENABLED": "true", "WEBSOCKET_MAX_PAYLOAD_SIZE": str(LIMIT),
                   "WEBSOCKET_LIMITS_MESSAGE_FRAGMENTS_MAX": str(FRAGMENTS)}

    def opened(self, headers=""):
        raw = self.raw()
        self.assertIn(" 101 ", raw.upgrade("/echo", headers))
        return raw

    def echoes(self, raw):
        """Whether it goes on: this is answered, and nothing was before it."""
        raw.send_frame(TEXT, b"still there")
        self.assertEqual(raw.take_frame(), (TEXT, b"still there"))

    def closes(self, raw, code):
        got, reason = raw.take_close()
        self.assertEqual(got, code, reason)
        self.assertTrue(reason, "a close has a reason")


class Handshake(Rfc6455Test):
    FIELDS = {"Host": "x", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": KEY}

    def answer(self, method="GET", version="1.1", path="/ws", **changes):
        """(status, headers) for a handshake; a field is left out that is None."""
        fields = {**self.FIELDS, **{name.replace("_", "-"): value for name, value in changes.items()}}
        raw = self.raw()
        raw.send((f"{method} {path} HTTP/{version}\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields.items() if v is not None) + "\r\n").encode())
        lines = raw.take_until(b"\r\n\r\n").decode().split("\r\n")
        return int(lines[0].split()[1]), {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines[1:] if line)}

    def test_section_1_3_the_answer_proves_that_the_key_was_read(self):
        for key in (KEY, base64.b64encode(os.urandom(16)).decode()):
            status, headers = self.answer(Sec_WebSocket_Key=key)
            self.assertEqual(status, 101)
            digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
            self.assertEqual(headers["sec-websocket-accept"], base64.b64encode(digest).decode())
            self.assertEqual((headers["upgrade"].lower(), headers["connection"].lower()), ("websocket", "upgrade"))

    def test_section_4_2_1_each_requirement_is_checked(self):
        cases = {
            "another method": (None, {"method": "POST"}),
            "HTTP 1.0": (None, {"version": "1.0"}),
            "no Host": (400, {"Host": None}),
            "no Upgrade": (426, {"Upgrade": None}),
            "another Upgrade": (426, {"Upgrade": "h2c"}),
            "no Connection": (None, {"Connection": None}),
            "a Connection that does not name the upgrade": (None, {"Connection": "keep-alive"}),
            "no key": (400, {"Sec_WebSocket_Key": None}),
            "a key of 15 bytes": (400, {"Sec_WebSocket_Key": base64.b64encode(bytes(15)).decode()}),
            "a key of 17 bytes": (400, {"Sec_WebSocket_Key": base64.b64encode(bytes(17)).decode()}),
            "a key that is no base64": (400, {"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZ!=="}),
            "no version": (400, {"Sec_WebSocket_Version": None}),
        }
        for what, (expected, changes) in cases.items():
            with self.subTest(what):
                status, _ = self.answer(**changes)
                self.assertGreaterEqual(status, 400)
                self.assertEqual(status, expected or status)

    def test_section_4_2_1_tokens_are_found_in_lists_whatever_their_case(self):
        self.assertEqual(self.answer(Connection="keep-alive, UPGRADE", Upgrade="WebSocket")[0], 101)

    def test_section_4_2_2_a_subprotocol_is_chosen_of_those_that_were_offered_or_none(self):
        bearer = {"Authorization": f"Bearer {token()}"}
        for offered, chosen in ((None, None), ("sparc.v1.json", "sparc.v1.json"), ("other, sparc.v1.json", "sparc.v1.json")):
            status, headers = self.answer(Sec_WebSocket_Protocol=offered, **bearer)
            self.assertEqual((status, headers.get("sec-websocket-protocol")), (101, chosen), offered)
        status, headers = self.answer(Sec_WebSocket_Protocol="chat", **bearer)
        self.assertNotEqual(headers.get("sec-websocket-protocol"), "sparc.v1.json", "it was not offered")

    def test_section_4_4_another_version_is_answered_with_the_one_that_is_spoken(self):
        for version in ("8", "0", "14"):
            status, headers = self.answer(Sec_WebSocket_Version=version)
            self.assertEqual((status, headers["sec-websocket-version"]), (426, "13"))

    def test_section_5_frames_behind_the_request_in_one_packet_are_read(self):
        raw = self.raw()
        raw.send(b"GET /echo HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in self.FIELDS.items()).encode() + b"\r\n\x81\x82\x00\x00\x00\x00hi")
        self.assertIn(b" 101 ", raw.take_until(b"\r\n\r\n"))
        self.assertEqual(raw.take_frame(), (TEXT, b"hi"))

    def test_section_9_1_an_extension_that_is_not_known_is_declined_and_the_grammar_checked(self):
        self.assertNotIn("sec-websocket-extensions", self.answer(Sec_WebSocket_Extensions="x-unknown; a=1")[1])
        self.assertTrue(self.answer(Sec_WebSocket_Extensions="x-unknown, permessage-deflate")[1]["sec-websocket-extensions"].startswith("permessage-deflate"))
        self.assertEqual(self.answer(Sec_WebSocket_Extensions="permessage-deflate;")[0], 400)

    def test_section_10_2_an_origin_that_is_not_welcome_is_403(self):
        self.assertEqual(self.answer(Origin="https://elsewhere.example")[0], 403)
        self.assertEqual(self.answer(Origin="http://x")[0], 101)


class Frames(Rfc6455Test):
    def test_section_5_1_an_unmasked_frame_closes_with_1002(self):
        for opcode in (TEXT, BINARY, PING, PONG, CLOSE):
            with self.subTest(opcode):
                raw = self.opened()
                raw.send_frame(opcode, b"", masked=False)
                self.closes(raw, 1002)

    def test_section_5_1_frames_of_the_server_are_not_masked(self):
        raw = self.opened()
        for size in (5, 200, 70000):  # take_frame refuses masked ones
            raw.send_frame(BINARY, bytes(size))
            self.assertEqual(raw.take_frame(), (BINARY, bytes(size)))

    def test_section_5_2_a_reserved_bit_that_no_extension_defines_closes_with_1002(self):
        deflate = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
        for bits, headers in ((1, ""), (2, ""), (4, ""), (7, ""), (1, deflate), (2, deflate), (6, deflate)):
            opcode = PING if bits == 1 and headers else TEXT  # RSV1 is for the first frame of messages only
            with self.subTest(bits=bits, headers=headers):
                raw = self.opened(headers)
                raw.send_frame(opcode, b"x", reserved=bits)
                self.closes(raw, 1002)

    def test_section_5_2_a_reserved_opcode_closes_with_1002(self):
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
            with self.subTest(opcode):
                raw = self.opened()
                raw.send_frame(opcode, b"")
                self.closes(raw, 1002)

    def test_section_5_2_each_length_has_its_encoding_and_comes_back_in_it(self):
        raw = self.opened()
        for size in (0, 1, 125, 126, 127, 65535, 65536):
            payload = os.urandom(size)
            raw.send_frame(BINARY, payload)
            self.assertEqual(raw.take_frame(), (BINARY, payload))

    def test_section_5_2_a_length_that_is_not_in_its_shortest_form_closes_with_1002(self):
        for head in (b"\x82\xfe" + struct.pack("!H", 125), b"\x82\xff" + struct.pack("!Q", 65535), b"\x82\xff" + b"\x80" + bytes(7)):
            with self.subTest(head):
                raw = self.opened()
                raw.send(head + bytes(4))
                self.closes(raw, 1002)

    def test_section_5_3_each_frame_has_a_key_of_its_own(self):
        raw = self.opened()
        for key in (bytes(4), b"\xff" * 4, b"\x00\x01\x02\x03", os.urandom(4)):
            raw.send(b"\x81\x85" + key + bytes(b ^ key[i % 4] for i, b in enumerate(b"Hello")))
            self.assertEqual(raw.take_frame(), (TEXT, b"Hello"))

    def test_section_5_7_a_frame_may_come_byte_by_byte(self):
        raw = self.opened()
        for byte in b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58":
            raw.send(bytes([byte]))
        self.assertEqual(raw.take_frame(), (TEXT, b"Hello"))


class Fragments(Rfc6455Test):
    def test_section_5_4_fragments_are_joined_wherever_control_frames_stand_between(self):
        raw = self.opened()
        raw.send_frame(TEXT, b"one ", fin=False)
        raw.send_frame(PING, b"between")
        raw.send_frame(CONTINUATION, b"two ", fin=False)
        raw.send_frame(PONG, b"unasked")
        raw.send_frame(CONTINUATION, b"", fin=False)
        self.assertEqual(raw.take_frame(), (PONG, b"between"), "before the message has ended")
        raw.send_frame(CONTINUATION, b"three")
        self.assertEqual(raw.take_frame(), (TEXT, b"one two three"))

    def test_section_5_4_a_message_in_fragments_keeps_its_type(self):
        raw = self.opened()
        for opcode in (BINARY, TEXT):
            raw.send_frame(opcode, b"", fin=False)
            raw.send_frame(CONTINUATION, b"")
            self.assertEqual(raw.take_frame(), (opcode, b""))

    def test_section_5_4_a_continuation_of_nothing_closes_with_1002(self):
        for before in ((), ((TEXT, b"whole", True),), ((TEXT, b"in ", False), (CONTINUATION, b"parts", True))):
            with self.subTest(before):
                raw = self.opened()
                for opcode, payload, fin in before:
                    raw.send_frame(opcode, payload, fin)
                raw.send_frame(CONTINUATION, b"x")
                if before:
                    raw.take_frame()
                self.closes(raw, 1002)

    def test_section_5_4_a_message_within_a_message_closes_with_1002(self):
        for opcode in (TEXT, BINARY):
            raw = self.opened()
            raw.send_frame(TEXT, b"x", fin=False)
            raw.send_frame(opcode, b"y")
            self.closes(raw, 1002)

    def test_section_5_4_a_close_may_come_within_a_message(self):
        raw = self.opened()
        raw.send_frame(TEXT, b"unfinished", fin=False)
        raw.send_frame(CLOSE, struct.pack("!H", 1000))
        self.assertEqual(raw.take_close()[0], 1000)
        self.assertTrue(raw.ended())


class Control(Rfc6455Test):
    def test_section_5_5_a_control_frame_is_not_fragmented_and_has_125_bytes_at_most(self):
        for opcode in (CLOSE, PING, PONG):
            for payload, fin in ((b"", False), (b"x" * 126, True)):
                with self.subTest(opcode=opcode, fin=fin):
                    raw = self.opened()
                    raw.send_frame(opcode, payload, fin)
                    self.closes(raw, 1002)

    def test_section_5_5_2_each_ping_is_answered_with_its_payload_in_order(self):
        raw = self.opened()
        payloads = [b"", b"a", b"\x00\xff", b"x" * 125]
        for payload in payloads:
            raw.send_frame(PING, payload)
        self.assertEqual([raw.take_frame() for _ in payloads], [(PONG, payload) for payload in payloads])

    def test_section_5_5_3_a_pong_that_nobody_asked_for_is_not_answered(self):
        raw = self.opened()
        raw.send_frame(PONG, b"unasked")
        self.echoes(raw)


class Closing(Rfc6455Test):
    def test_section_5_5_1_a_close_is_answered_with_its_code_and_the_server_ends_the_connection(self):
        for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999):
            with self.subTest(code):
                raw = self.opened()
                raw.send_frame(CLOSE, struct.pack("!H", code) + "schön".encode())
                self.assertEqual(raw.take_close()[0], code)
                self.assertTrue(raw.ended(), "section 7.1.1: the server closes first")

    def test_section_5_5_1_what_comes_behind_a_close_is_not_read(self):
        raw = self.opened()
        raw.send_frame(TEXT, b"before")
        with_close = b"\x88\x82\0\0\0\0\x03\xe8"
        raw.send(with_close + b"\x81\x84\0\0\0\0late" + b"\x89\x80\0\0\0\0" + b"nonsense")
        self.assertEqual(raw.take_frame(), (TEXT, b"before"))
        self.assertEqual(raw.take_close()[0], 1000)
        self.assertTrue(raw.ended())

    def test_section_7_1_2_a_server_that_closes_waits_for_the_answer_and_sends_nothing_more(self):
        raw = self.raw()
        raw.upgrade("/ws", "Authorization: Bearer broken\r\n")
        self.assertEqual(raw.take_frame()[0], TEXT)  # the error
        self.assertEqual(raw.take_close()[0], 1008)
        raw.send_frame(TEXT, b'{"type":"join","id":1,"namespace":"alerts"}')
        raw.send_frame(CLOSE, struct.pack("!H", 1008))
        self.assertTrue(raw.ended())

    def test_section_7_1_5_a_close_without_a_code_is_answered(self):
        raw = self.opened()
        raw.send_frame(CLOSE)
        self.assertEqual(raw.take_frame()[0], CLOSE)
        self.assertTrue(raw.ended())

    def test_section_7_1_7_a_connection_that_fails_is_told_and_ended_whatever_else_was_sent(self):
        raw = self.opened()
        raw.send(b"\x83\x80\0\0\0\0" + b"\x81\x88\0\0\0\0not read" * 10000)
        self.closes(raw, 1002)
        self.assertTrue(raw.ended())

    def test_section_7_1_4_a_client_that_vanishes_in_a_frame_harms_nobody(self):
        other = self.opened()
        for part in (b"\x81", b"\x81\xfe\x01", b"\x81\x85\0\0\0\0He", b"\x01\x81\0\0\0\0x"):
            raw = self.opened()
            raw.send(part)
            raw.close()
        self.echoes(other)

    def test_section_7_4_a_code_that_may_not_be_sent_closes_with_1002(self):
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535):
            with self.subTest(code):
                raw = self.opened()
                raw.send_frame(CLOSE, struct.pack("!H", code))
                self.closes(raw, 1002)

    def test_section_5_5_1_a_close_of_one_byte_closes_with_1002_and_a_reason_that_is_no_utf8_with_1007(self):
        for payload, code in ((b"\x03", 1002), (b"\x03\xe8\xff", 1007), (b"\x03\xe8\xed\xa0\x80", 1007)):
            raw = self.opened()
            raw.send_frame(CLOSE, payload)
            self.closes(raw, code)


class Text(Rfc6455Test):
    def test_section_5_6_text_and_binary_come_back_as_what_they_were(self):
        raw = self.opened()
        for opcode, payload in ((TEXT, "ünïcödé \U0001F512".encode()), (BINARY, b"\xff\xfe\x00"), (TEXT, b"\x00"), (BINARY, b"")):
            raw.send_frame(opcode, payload)
            self.assertEqual(raw.take_frame(), (opcode, payload))

    def test_section_8_1_a_character_may_be_cut_by_fragments_at_each_byte(self):
        raw = self.opened()
        text = "aé東\U0001F512".encode()
        for cut in range(len(text) + 1):
            raw.send_frame(TEXT, text[:cut], fin=False)
            raw.send_frame(CONTINUATION, text[cut:])
            self.assertEqual(raw.take_frame(), (TEXT, text))

    def test_section_8_1_text_that_is_not_utf8_closes_with_1007(self):
        for text in (b"\xc3\x28", b"\xe2\x82", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\x80", b"\xff"):
            for cut in range(len(text) + 1):
                with self.subTest(text=text, cut=cut):
                    raw = self.opened()
                    raw.send_frame(TEXT, text[:cut], fin=False)
                    raw.send_frame(CONTINUATION, text[cut:])
                    self.closes(raw, 1007)

    def test_section_8_1_what_no_text_could_have_is_refused_before_its_message_has_ended(self):
        raw = self.opened()
        raw.send_frame(TEXT, b"\xff", fin=False)
        self.closes(raw, 1007)


class Limits(Rfc6455Test):
    def test_section_10_4_a_frame_above_the_limit_is_refused_by_its_header(self):
        raw = self.opened()
        raw.send_frame(BINARY, bytes(LIMIT))
        self.assertEqual(raw.take_frame(), (BINARY, bytes(LIMIT)))
        raw.send(b"\x82\xff" + struct.pack("!Q", LIMIT + 1) + bytes(4))
        self.closes(raw, 1009)

    async def test_section_10_4_who_is_still_sending_too_much_reads_why_it_was_closed(self):
        client = await self.open(path="/echo", subprotocols=())
        with contextlib.suppress(websockets.ConnectionClosed):
            await client.send_raw(bytes(100 * LIMIT))
        self.assertEqual((await client.closed())[0], 1009)

    def test_section_10_4_fragments_are_limited_together_and_in_their_number(self):
        raw = self.opened()
        raw.send_frame(BINARY, bytes(LIMIT), fin=False)
        raw.send_frame(CONTINUATION, b"")
        self.assertEqual(raw.take_frame(), (BINARY, bytes(LIMIT)))
        raw.send_frame(BINARY, bytes(LIMIT), fin=False)
        raw.send_frame(CONTINUATION, b"x")
        self.closes(raw, 1009)
        raw = self.opened()
        for n in range(FRAGMENTS + 1):
            raw.send_frame(CONTINUATION if n else TEXT, b"", fin=False)
        self.closes(raw, 1009)


if __name__ == "__main__":
    unittest.main()
