"""TLS, and messages that are compressed (RFC 7692)."""

import json
import os
import signal
import ssl
import subprocess
import tempfile
import time
import unittest
import warnings
import zlib

from harness import DEADLINE_S, Client, Server, ServerTest, token, trusting


def make_certificate(folder, name="server"):
    certificate, key = os.path.join(folder, "certificate.pem"), os.path.join(folder, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key + ".new", "-out", certificate + ".new"],
                   check=True, capture_output=True, timeout=DEADLINE_S)
    os.replace(key + ".new", key)
    os.replace(certificate + ".new", certificate)
    return certificate, key


class Tls(ServerTest):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        certificate, key = make_certificate(cls.folder.name, "first")
        cls.server = Server(environment={"WEBSOCKET_TLS_CERTIFICATE_FILE": certificate, "WEBSOCKET_TLS_KEY_FILE": key}, tls=trusting(certificate)).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.folder.cleanup()

    async def test_clients_and_requests_are_served_over_tls(self):
        client = await self.user("u1", "t1")
        await client.join()
        self.assertEqual(client.socket.transport.get_extra_info("ssl_object").version(), "TLSv1.3")
        self.server.publish("alerts", "tenant:t1", "alert:created", {"n": 1})
        self.assertEqual((await client.event("alert:created"))["data"], {"n": 1})
        self.assertEqual(self.server.http("GET", "/healthz").status, 200)

    async def test_messages_larger_than_a_tls_record_arrive_whole(self):
        client = await self.user("u1", "t2")
        await client.join()
        data = ["x" * 1000, list(range(20000))] * 5
        for _ in range(3):
            self.server.publish("alerts", "tenant:t2", "large", data)
        for _ in range(3):
            self.assertEqual((await client.event("large"))["data"], data)

    async def test_plain_bytes_are_not_answered(self):
        raw = self.raw()
        raw.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            answer = b""
            while more := raw.socket.recv(4096):
                answer += more
        except ConnectionResetError:
            pass
        self.assertNotIn(b"HTTP/1.1 200", answer)
        self.assertEqual(self.server.http("GET", "/healthz").status, 200)

    async def test_tls_1_2_is_spoken_and_what_is_older_refused(self):
        for version, name in ((ssl.TLSVersion.TLSv1_1, None), (ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
            with self.subTest(version), warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
                context.set_ciphers("ALL:@SECLEVEL=0")  # this side speaks the old ones too
                context.minimum_version = context.maximum_version = version
                plain = self.raw().socket
                if name:
                    with context.wrap_socket(plain) as spoken:
                        self.assertEqual(spoken.version(), name)
                else:
                    with self.assertRaisesRegex(ssl.SSLError, "ALERT_PROTOCOL_VERSION"):
                        context.wrap_socket(plain)

    async def test_a_client_that_goes_away_in_the_handshake_harms_nobody(self):
        for part in (b"\x16", b"\x16\x03\x01\x02\x00\x01", b"\x00" * 300):
            raw = self.raw()
            raw.send(part)
            raw.close()
        await self.user()

    async def test_a_hangup_takes_a_new_certificate_and_keeps_connections(self):
        before = await self.user("u1", "t3")
        await before.join()
        certificate, _ = make_certificate(self.folder.name, "second")
        self.server.tls = trusting(certificate)
        self.server.signal(signal.SIGHUP)
        deadline = time.monotonic() + DEADLINE_S
        while True:  # the signal is handled when the server comes to it
            try:
                after = await self.user("u2", "t3")
                break
            except ssl.SSLCertVerificationError:
                self.assertLess(time.monotonic(), deadline)
        await after.join()
        self.server.publish("alerts", "tenant:t3", "both", {})
        await before.event("both")
        await after.event("both")

    async def test_a_hangup_with_a_broken_certificate_keeps_the_one_that_works(self):
        path = os.path.join(self.folder.name, "certificate.pem")
        with open(path) as file:
            good = file.read()
        try:
            with open(path, "w") as file:
                file.write(good[:200])
            self.server.signal(signal.SIGHUP)
            await self.eventually(lambda: "reload refused" in self.server.logged(), "a word about it")
            await self.user("u3", "t3")
        finally:
            with open(path, "w") as file:
                file.write(good)


class WithoutItsKeys(unittest.IsolatedAsyncioTestCase):
    async def test_a_hangup_that_takes_the_keys_away_does_not_make_the_port_plain(self):
        first, second = "first secret, which is long enough for all", "second secret, which is long enough too"
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = make_certificate(folder)
            file = os.path.join(folder, "configuration.toml")
            keys = f'tls.certificate_file = "{certificate}"\ntls.key_file = "{key}"\n'
            with open(file, "w") as out:
                out.write(f'jwt.secret = "{first}"\n{keys}')
            server = Server("--config", file, environment={"JWT_SECRET": None}, tls=trusting(certificate)).start()
            self.addCleanup(server.stop)
            with open(file + ".new", "w") as out:
                out.write(f'jwt.secret = "{second}"\n')
            os.replace(file + ".new", file)
            server.signal(signal.SIGHUP)
            deadline = time.monotonic() + DEADLINE_S
            while True:  # the rest of the file counts: over TLS, with the new secret
                client = await Client.open(server, token(secret=second))
                self.addAsyncCleanup(client.close)
                if (await client.frame())["type"] == "welcome":
                    break
                self.assertLess(time.monotonic(), deadline)
            self.assertIn("whether they speak TLS", server.logged())


class Deflate(ServerTest):
    environment = {"WEBSOCKET_DEFLATE_ENABLED": "true", "WEBSOCKET_DEFLATE_THRESHOLD_BYTES": "64"}
    TEXT = {"text": "again and again " * 200, "n": list(range(300))}

    async def compressed(self, tenant, offer="deflate"):
        client = await self.user("u1", tenant, options={"compression": offer})
        await client.join()
        return client

    async def test_a_client_that_offers_it_gets_compressed_events_with_the_same_content(self):
        tenant = self.fresh_tenant()
        squeezed, plain = await self.compressed(tenant), await self.user("u2", tenant)
        await plain.join()
        self.assertEqual([e.name for e in squeezed.socket.extensions], ["permessage-deflate"])
        self.assertEqual(plain.socket.extensions, [])
        for n in range(10):
            self.server.publish("alerts", f"tenant:{tenant}", "large", {**self.TEXT, "number": n})
            self.server.publish("alerts", f"tenant:{tenant}", "small", n)
        for client in (squeezed, plain):
            for n in range(10):
                self.assertEqual((await client.event("large"))["data"], {**self.TEXT, "number": n})
                self.assertEqual((await client.event("small"))["data"], n)

    async def test_on_the_wire_it_is_smaller_and_marked_by_the_first_reserved_bit(self):
        tenant = self.fresh_tenant()
        raw = self.raw()
        answer = raw.upgrade(headers=f"Authorization: Bearer {token('u1', tenant)}\r\nSec-WebSocket-Extensions: permessage-deflate\r\n")
        self.assertIn("server_no_context_takeover", answer)
        self.take_message(raw)
        raw.send_frame(1, b'{"type":"join","id":1,"namespace":"alerts"}')
        self.take_message(raw)
        self.server.publish("alerts", f"tenant:{tenant}", "large", self.TEXT)
        was_compressed, size, message = self.take_message(raw)
        self.assertTrue(was_compressed)
        self.assertEqual(json.loads(message)["data"], self.TEXT)
        self.assertLess(size, len(message) / 4)
        self.server.publish("alerts", f"tenant:{tenant}", "large", self.TEXT)
        self.assertTrue(self.take_message(raw)[0], "no context is carried from message to message")

    def take_message(self, raw):
        """(compressed, bytes on the wire, message): each is inflated for itself."""
        first, second = raw.take(2)
        size = second & 0x7F
        if size == 126:
            size = int.from_bytes(raw.take(2), "big")
        elif size == 127:
            size = int.from_bytes(raw.take(8), "big")
        payload = raw.take(size)
        if not first & 0x40:
            return False, size, payload
        return True, size, zlib.decompressobj(-15).decompress(payload + b"\x00\x00\xff\xff")

    async def test_compressed_frames_of_clients_are_understood(self):
        client = await self.compressed(self.fresh_tenant())
        rooms = [f"zone:{n}" for n in range(200)]
        held = await client.request("subscribe", namespace="alerts", rooms=rooms)
        self.assertTrue(set(rooms) <= set(held["rooms"]))

    async def test_a_message_in_fragments_is_one_message(self):
        client = await self.compressed(self.fresh_tenant())
        await client.socket.send(iter(['{"type":"subscribe","id":77,', '"namespace":"alerts",', '"rooms":["zone:a"]}']))
        self.assertIn("zone:a", (await client.frame("reply", id=77))["data"]["rooms"])

    async def test_what_grows_beyond_the_limit_is_refused_with_1009(self):
        raw = self.raw()
        raw.upgrade(headers=f"Authorization: Bearer {token()}\r\nSec-WebSocket-Extensions: permessage-deflate\r\n")
        self.take_message(raw)
        squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
        bomb = squeeze.compress(b" " * (64 << 20)) + squeeze.flush(zlib.Z_SYNC_FLUSH)
        self.assertLess(len(bomb), 1 << 20)
        raw.send_frame(1, bomb[:-4], reserved=4)
        self.assertEqual(raw.take_close()[0], 1009)

    async def test_broken_compressed_data_closes_with_1007_or_1002(self):
        raw = self.raw()
        raw.upgrade(headers=f"Authorization: Bearer {token()}\r\nSec-WebSocket-Extensions: permessage-deflate\r\n")
        self.take_message(raw)
        raw.send_frame(1, b"\xff\xff\xff\xff", reserved=4)
        self.assertIn(raw.take_close()[0], (1002, 1007))

    async def test_a_compressed_frame_without_the_extension_closes_with_1002(self):
        raw = self.raw()
        raw.upgrade(headers=f"Authorization: Bearer {token()}\r\n")
        raw.take_frame()
        raw.send_frame(1, b"\x00", reserved=4)
        self.assertEqual(raw.take_close()[0], 1002)


class WithoutDeflate(ServerTest):
    environment = {"WEBSOCKET_DEFLATE_ENABLED": "false"}

    async def test_an_offer_is_declined_and_the_connection_works(self):
        client = await self.user("u1", "t1", options={"compression": "deflate"})
        self.assertEqual(client.socket.extensions, [])
        await client.join()


if __name__ == "__main__":
    unittest.main()
