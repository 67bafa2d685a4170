"""Clients for tests that need a thousand of them: as little Python as a frame can cost, and what each was sent, in order.

A member holds its position as its client library would, and is told when its connection ended; it does not come back by itself.
"""

import asyncio
import json
import struct

from harness import DEADLINE_S, token

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
AT_ONCE = 100  # connections that are opened at the same time: a listening socket holds no thousand


class Member(asyncio.Protocol):
    """One WebSocket. Of a subclass: `target`, `headers`, `greet`, `on_text`; `ready` is done when the server answers with everything up to now."""

    headers = ""

    def __init__(self, user, tenant):
        self.user, self.tenant = user, tenant
        self.seen = []         # numbers of the events that it was sent
        self.wrong = None      # the first thing that should not have come
        self.recovered = None  # what the server said about it, last time

    async def connect(self, port):
        loop = asyncio.get_running_loop()
        self.held, self.upgraded, self.close_code = bytearray(), False, None
        self.ready, self.ended = loop.create_future(), loop.create_future()
        await loop.create_connection(lambda: self, "127.0.0.1", port)
        await asyncio.wait([self.ready, self.ended], timeout=DEADLINE_S, return_when=asyncio.FIRST_COMPLETED)
        if not self.ready.done():
            raise AssertionError(f"{self.user} was not answered: {self.wrong or bytes(self.held)}")

    def connection_made(self, transport):
        self.transport = transport
        transport.write((f"GET {self.target} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{self.headers}\r\n").encode())

    def connection_lost(self, error):
        if not self.ended.done():
            self.ended.set_result(self.close_code)

    def data_received(self, data):
        held = self.held
        held += data
        if not self.upgraded:
            end = held.find(b"\r\n\r\n")
            if end < 0:
                return
            if not held.startswith(b"HTTP/1.1 101"):
                self.fail(bytes(held))
                self.transport.abort()
                return
            del held[:end + 4]
            self.upgraded = True
        at = 0
        while len(held) - at >= 2:
            size, begin = held[at + 1], at + 2
            if size == 126:
                begin += 2
            elif size == 127:
                begin += 8
            if begin > len(held):
                break
            if size >= 126:
                size = int.from_bytes(held[at + 2:begin], "big")
            if begin + size > len(held):
                break
            self.frame(held[at] & 0x0F, bytes(held[begin:begin + size]))
            at = begin + size
        del held[:at]

    def frame(self, opcode, payload):
        if opcode == TEXT:
            self.on_text(payload.decode())
        elif opcode == PING:
            self.send(PONG, payload)
        elif opcode == CLOSE:
            self.close_code = struct.unpack("!H", payload[:2])[0] if payload else 1005
            self.send(CLOSE, payload[:2])
            self.transport.close()

    def send(self, opcode, payload):
        """Masked with zeros, which leave the payload as it is (RFC 6455 section 5.3)."""
        size = len(payload)
        length = struct.pack("!B", 0x80 | size) if size < 126 else struct.pack("!BH", 0x80 | 126, size)
        self.transport.write(bytes([0x80 | opcode]) + length + bytes(4) + payload)

    def say(self, text):
        self.send(TEXT, text.encode())

    def fail(self, what):
        self.wrong = self.wrong or what

    def is_ready(self):
        if not self.ready.done():
            self.ready.set_result(None)

    def got(self, event, data):
        self.seen.append(data["n"])


class NativeMember(Member):
    """Joins `alerts` and comes back with its position."""

    target = "/ws"

    def __init__(self, user, tenant):
        super().__init__(user, tenant)
        self.headers = f"Authorization: Bearer {token(user, tenant)}\r\nSec-WebSocket-Protocol: sparc.v1.json\r\n"
        self.position = None

    def on_text(self, text):
        frames = json.loads(text)
        for frame in frames if isinstance(frames, list) else [frames]:
            kind = frame["type"]
            if kind == "event":
                if frame["offset"] <= self.position["offset"]:
                    self.fail(f"{frame} behind {self.position}")
                self.position = {**self.position, "offset": frame["offset"]}
                self.got(frame["event"], frame["data"])
            elif kind == "welcome":
                join = {"type": "join", "id": 1, "namespace": "alerts"}
                if self.position:
                    join["recover"] = self.position
                self.say(json.dumps(join))
            elif kind == "reply":
                self.recovered = frame["data"].get("recovered")
                self.position = frame["data"]["position"]
                self.is_ready()
            elif kind == "position":
                self.position = {"epoch": frame["epoch"], "offset": frame["offset"]}
            elif kind == "ping":
                self.say('{"type":"pong"}')
            elif kind != "reconnect":
                self.fail(text)


class SocketIoMember(Member):
    """A socket of `/alerts` that comes back with its pid and offset, as socket.io-client does."""

    target = "/socket.io/?EIO=4&transport=websocket"

    def __init__(self, user, tenant):
        super().__init__(user, tenant)
        self.token = token(user, tenant)
        self.sid = self.pid = self.offset = None

    def on_text(self, text):
        if text.startswith("42/alerts,"):
            event, *arguments = json.loads(text[len("42/alerts,"):])
            if arguments and isinstance(arguments[-1], str):
                self.offset = arguments[-1]
            if event not in ("connected", "position"):
                self.got(event, arguments[0])
        elif text.startswith("40/alerts,"):
            answer = json.loads(text[len("40/alerts,"):])
            self.recovered = (answer["sid"], answer["pid"]) == (self.sid, self.pid)
            self.sid, self.pid = answer["sid"], answer["pid"]
            self.is_ready()
        elif text.startswith("0{"):
            back = {"pid": self.pid, "offset": self.offset} if self.pid and self.offset else {}
            self.say("40/alerts," + json.dumps({"token": self.token, **back}))
        elif text == "2":
            self.say("3")
        else:
            self.fail(text)


async def connect_all(members, port):
    """Each of them, or the test fails."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(member):
        async with gate:
            await member.connect(port)

    await asyncio.gather(*(one(member) for member in members))
