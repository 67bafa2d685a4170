"""Plain connections, for bytes that no library would send."""

import socket
import struct

DEADLINE_S = 30  # of everything that is awaited; generous, because sanitizers and a busy machine are slow


class Closed(Exception):
    """The connection ended while something was awaited."""


class RawConnection:
    """Bytes out, bytes in, each with a deadline."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
        self.held = b""

    def send(self, data):
        self.socket.sendall(data)

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise Closed(f"closed by the server; unread: {self.held!r}")
        self.held += data

    def take(self, size):
        while len(self.held) < size:
            self._more()
        taken, self.held = self.held[:size], self.held[size:]
        return taken

    def take_until(self, mark):
        while mark not in self.held:
            self._more()
        return self.take(self.held.index(mark) + len(mark))

    def response(self):
        """(status, headers, body) of the next HTTP response."""
        lines = self.take_until(b"\r\n\r\n").decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
        return int(lines[0].split()[1]), headers, self.take(int(headers.get("content-length", 0))).decode()

    def ended(self):
        """Whether the server has nothing more to say; waits for it to say so."""
        try:
            while True:
                self._more()
        except (Closed, ConnectionResetError):
            return self.held == b""

    def upgrade(self, path="/ws", headers=""):
        """The response's status line and headers."""
        self.send((f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n").encode())
        return self.take_until(b"\r\n\r\n").decode()

    def send_frame(self, opcode, payload=b"", fin=True, masked=True, reserved=0):
        """RFC 6455 section 5.2."""
        first = (0x80 if fin else 0) | reserved << 4 | opcode
        mask_bit = 0x80 if masked else 0
        if len(payload) < 126:
            head = struct.pack("!BB", first, mask_bit | len(payload))
        elif len(payload) < 65536:
            head = struct.pack("!BBH", first, mask_bit | 126, len(payload))
        else:
            head = struct.pack("!BBQ", first, mask_bit | 127, len(payload))
        key = b"\x11\x22\x33\x44" if masked else b""
        body = bytes(b ^ key[i % 4] for i, b in enumerate(payload)) if masked else payload
        self.send(head + key + body)

    def take_frame(self):
        """(opcode, payload) of the next frame, which must be whole and unmasked."""
        first, second = self.take(2)
        if second & 0x80 or not first & 0x80:
            raise AssertionError(f"masked or fragmented: {first:#x} {second:#x}")
        size = second & 0x7F
        if size == 126:
            size, = struct.unpack("!H", self.take(2))
        elif size == 127:
            size, = struct.unpack("!Q", self.take(8))
        return first & 0x0F, self.take(size)

    def take_close(self):
        """(code, reason) of the close frame, which must be next."""
        opcode, payload = self.take_frame()
        if opcode != 8:
            raise AssertionError(f"expected a close frame, got opcode {opcode}: {payload!r}")
        return struct.unpack("!H", payload[:2])[0], payload[2:].decode()

    def close(self):
        self.socket.close()
