"""What the end-to-end tests share: the real server as a process, tokens, HTTP, and clients of the native protocol.

The program is the one that SPARC_WEBSOCKET names. Nothing waits for a fixed time: whatever is awaited has a deadline, and fails loudly when it passes.
"""

import asyncio
import base64
import hashlib
import hmac
import http.client
import json
import os
import selectors
import signal
import ssl
import struct
import subprocess
import tempfile
import time
import unittest

import websockets

from raw import DEADLINE_S, Closed, RawConnection

PROGRAM = os.environ.get("SPARC_WEBSOCKET", "")
JWT_SECRET = "a secret of the end-to-end tests, long enough"
SERVICE_SECRET = "another secret, which signs tokens of services"
API_KEY = "key-with-all-scopes"


def token(user="u1", tenant="t1", roles=("operator",), secret=JWT_SECRET, lifetime_s=3600, header=None, **claims):
    """A user's HS256 token. A claim given as None is left out."""
    body = {"userId": user, "tenantId": tenant, "roles": list(roles), "exp": int(time.time()) + lifetime_s, **claims}
    return sign({k: v for k, v in body.items() if v is not None}, secret, header)


def service_token(name="svc", scope="publish read disconnect rollout handle", tenant=None, secret=SERVICE_SECRET, lifetime_s=3600):
    claims = {"sub": name, "aud": "sparc-service", "scope": scope, "tenantId": tenant, "exp": int(time.time()) + lifetime_s}
    return sign({k: v for k, v in claims.items() if v is not None}, secret)


def sign(claims, secret, header=None):
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    head = header or {"alg": "HS256", "typ": "JWT"}
    signed = part(json.dumps(head).encode()) + "." + part(json.dumps(claims).encode())
    if head["alg"] == "none":
        return signed + "."
    return signed + "." + part(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())


class Answer:
    """Of an HTTP request."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json["error"]["code"]

    @property
    def message(self):
        return self.json["error"]["message"]


class Server:
    """The program, on a free port of the loopback address. Ends with `stop`, which checks how it ended."""

    def __init__(self, *arguments, config="", environment=None, tls=None):
        self.arguments, self.environment, self.tls = list(arguments), environment or {}, tls
        self.config = config
        self.process = None
        self.port = None

    def start(self):
        if not PROGRAM:
            raise RuntimeError("SPARC_WEBSOCKET must name the server's program")
        self.log = tempfile.TemporaryFile("w+")
        arguments = [PROGRAM, "serve", "--port", "0", "--host", "127.0.0.1", *self.arguments]
        if self.config:
            self.config_file = tempfile.NamedTemporaryFile("w", suffix=".toml")
            self.config_file.write(self.config)
            self.config_file.flush()
            arguments += ["--config", self.config_file.name]
        environment = {
            "PATH": os.environ["PATH"],
            "JWT_SECRET": JWT_SECRET,
            "WEBSOCKET_SERVICE_JWT_SECRET": SERVICE_SECRET,
            "WEBSOCKET_API_KEY": API_KEY,
            "WEBSOCKET_SHARDS": "2",
            "WEBSOCKET_DRAIN_MS": "300",
            **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")},
            **self.environment,
        }
        environment = {k: v for k, v in environment.items() if v is not None}
        self.process = subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, stderr=self.log)
        try:
            self.port = json.loads(self._ready_line())["port"]
        except Exception:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.log.close()
            raise
        return self

    def _ready_line(self):
        line = b""
        deadline = time.monotonic() + DEADLINE_S
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(max(0, deadline - time.monotonic())):
                    raise AssertionError(f"the server was not ready in time:\n{self.logged()}")
                more = os.read(self.process.stdout.fileno(), 4096)
                if not more:
                    raise AssertionError(f"the server ended at once:\n{self.logged()}")
                line += more
        return line

    def logged(self):
        self.log.seek(0)
        return self.log.read()

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        """Until it has ended well: exit code 0 and no word of a sanitizer."""
        try:
            code = self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the server did not end:\n{self.logged()[-4000:]}") from None
        finally:
            self.process.stdout.close()
        logged = self.logged()
        self.log.close()
        if code != 0 or "Sanitizer" in logged or "runtime error" in logged:
            raise AssertionError(f"the server ended with {code}:\n{logged[-8000:]}")

    def stop(self):
        if self.process is None or self.process.stdout.closed:
            return
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        self.wait()

    # HTTP

    def http(self, method, path, body=None, key=API_KEY, headers=None, port=None):
        """One request on a connection of its own. `body` is sent as it is if it is bytes or text, else as JSON."""
        connection = self.connection(port)
        try:
            return self.ask(connection, method, path, body, key, headers)
        finally:
            connection.close()

    def connection(self, port=None):
        port = port or self.port
        if self.tls:
            return http.client.HTTPSConnection("127.0.0.1", port, timeout=DEADLINE_S, context=self.tls)
        return http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)

    @staticmethod
    def ask(connection, method, path, body=None, key=API_KEY, headers=None):
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        headers = {**({"X-API-Key": key} if key else {}), **(headers or {})}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read().decode())

    def publish(self, namespace, room, event, data, key=API_KEY, **more):
        """Accepted, or the test fails. `room` may be a list."""
        rooms = {"rooms": room} if isinstance(room, list) else {"room": room}
        body = {"namespace": namespace, **rooms, "event": event, "data": data, **more}
        answer = self.http("POST", "/api/v1/broadcast", body, key)
        if answer.status not in (200, 202):
            raise AssertionError(f"not published: {answer.status} {answer.body}")
        return answer.json

    def raw(self):
        """A plain connection, for bytes that no library would send."""
        return RawConnection(self.port)

    def url(self, path="/ws"):
        return f"{'wss' if self.tls else 'ws'}://127.0.0.1:{self.port}{path}"


class Refused(Exception):
    """An `error` frame that answers a request."""

    def __init__(self, error):
        super().__init__(f"{error['code']}: {error['message']}")
        self.code, self.message, self.retry_after_ms = error["code"], error["message"], error.get("retryAfterMs")


class Client:
    """A connection of the native protocol. Frames are kept in the order of their arrival until somebody asks for them."""

    def __init__(self, socket_, pongs=True):
        self.socket = socket_
        self.pongs = pongs    # whether pings are answered
        self.frames = []      # not asked for yet
        self.texts = []       # every message, as it came
        self.last_id = 0
        self.ended = False
        self.changed = asyncio.Condition()
        self.reader = None

    @staticmethod
    async def open(server, credential=None, how="header", path="/ws", subprotocols=("sparc.v1.json",), read=True, headers=None, pongs=True,
                   **options):
        """how: header, key, subprotocol, query, or none."""
        asyncio.get_running_loop().set_debug(False)  # unittest's choice, and slow
        subprotocols = list(subprotocols or [])
        headers = dict(headers or {})
        if credential is not None and how == "header":
            headers["Authorization"] = "Bearer " + credential
        elif credential is not None and how == "key":
            headers["X-API-Key"] = credential
        elif credential is not None and how == "subprotocol":
            subprotocols.append("bearer." + credential)
        elif credential is not None and how == "query":
            path += "?token=" + credential
        options.setdefault("compression", None)
        if server.tls:
            options.setdefault("ssl", server.tls)
        socket_ = await websockets.connect(
            server.url(path), subprotocols=subprotocols or None, extra_headers=headers, ping_interval=None, max_size=None,
            open_timeout=DEADLINE_S, close_timeout=DEADLINE_S, **options)
        client = Client(socket_, pongs)
        if read:
            client.start_reading()
        return client

    def start_reading(self):
        self.reader = asyncio.ensure_future(self._read())

    async def _read(self):
        try:
            async for message in self.socket:
                self.texts.append(message)
                if isinstance(message, bytes):
                    frames = [unpack(message)]
                else:
                    frames = json.loads(message)
                frames = frames if isinstance(frames, list) else [frames]
                async with self.changed:
                    self.frames.extend(frames)
                    self.changed.notify_all()
                if self.pongs and any(frame["type"] == "ping" for frame in frames):
                    await self.send({"type": "pong"})
        except websockets.ConnectionClosed:
            pass
        finally:
            async with self.changed:
                self.ended = True
                self.changed.notify_all()

    async def until(self, found, what):
        """The value of `found()`, once it is not None; it is asked again whenever something arrived."""
        async def wait():
            async with self.changed:
                while (value := found()) is None:
                    if self.ended:
                        raise Closed(f"closed with {self.socket.close_code} {self.socket.close_reason!r} while waiting for {what}; "
                                     f"unread: {self.frames[:20]}")
                    await self.changed.wait()
                return value

        try:
            return await asyncio.wait_for(wait(), DEADLINE_S)
        except asyncio.TimeoutError:
            raise AssertionError(f"no {what} came; unread: {self.frames[:20]}") from None

    async def frame(self, kind=None, **fields):
        """Takes the first frame of that type and with those fields."""
        wanted = {**({"type": kind} if kind else {}), **fields}

        def take():
            for index, frame in enumerate(self.frames):
                if all(frame.get(k) == v for k, v in wanted.items()):
                    return self.frames.pop(index)
            return None

        return await self.until(take, f"frame {wanted}")

    async def event(self, name=None, **fields):
        """The next event, whichever it is; with a name it must have that one, so that nothing unexpected came before it."""
        got = await self.frame("event", **fields)
        if name is not None and got["event"] != name:
            raise AssertionError(f"expected {name}, got {got}")
        return got

    async def welcome(self):
        return await self.frame("welcome")

    async def send(self, *frames):
        """Several frames are one message."""
        await self.socket.send(json.dumps(frames[0] if len(frames) == 1 else frames))

    async def send_raw(self, message):
        await self.socket.send(message)

    async def begin(self, kind, **fields):
        """Sends a request; its id is for `answer`."""
        self.last_id += 1
        await self.send({"type": kind, "id": self.last_id, **fields})
        return self.last_id

    async def answer(self, request):
        def take():
            for index, frame in enumerate(self.frames):
                if frame["type"] in ("reply", "error") and frame.get("id") == request:
                    return self.frames.pop(index)
            return None

        frame = await self.until(take, f"answer to {request}")
        if frame["type"] == "error":
            raise Refused(frame["error"])
        return frame["data"]

    async def request(self, kind, **fields):
        return await self.answer(await self.begin(kind, **fields))

    async def join(self, namespace="alerts", **fields):
        return await self.request("join", namespace=namespace, **fields)

    async def refusal(self, kind, **fields):
        """The request must be refused."""
        try:
            data = await self.request(kind, **fields)
        except Refused as refused:
            return refused
        raise AssertionError(f"{kind} was not refused but answered {data}")

    async def closed(self):
        """(code, reason), once the server has closed."""
        await asyncio.wait_for(self.socket.wait_closed(), DEADLINE_S)
        if self.reader:
            await self.reader
        return self.socket.close_code, self.socket.close_reason

    async def close(self):
        await self.socket.close()
        if self.reader:
            await self.reader


def pack(header, *attachments):
    """A binary message of the native protocol."""
    head = json.dumps({**header, "attachments": [len(a) for a in attachments]}).encode()
    return struct.pack(">I", len(head)) + head + b"".join(attachments)


def unpack(message):
    """Its header, with the attachments' bytes in place of their lengths. A reply to history has those of its events, one to ask of its answers."""
    size, = struct.unpack_from(">I", message)
    header = json.loads(message[4:4 + size])
    at = 4 + size
    several = header["type"] == "reply" and "attachments" not in header
    for frame in header["data"].get("events", header["data"].get("answers")) if several else [header]:
        lengths = frame.get("attachments", [])
        ends = [at + sum(lengths[:n + 1]) for n in range(len(lengths))]
        if "attachments" in frame:
            frame["attachments"] = [message[end - length:end] for end, length in zip(ends, lengths)]
        at = ends[-1] if ends else at
    if at != len(message):
        raise AssertionError(f"{len(message) - at} bytes behind the attachments of {header}")
    return header


class ServerTest(unittest.IsolatedAsyncioTestCase):
    """Tests that share one server. Clients that a test opens are closed at its end."""

    arguments = ()
    config = ""
    environment = {}

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.arguments, config=cls.config, environment=cls.environment).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    async def open(self, credential=None, how="header", server=None, **options):
        client = await Client.open(server or self.server, credential, how, **options)
        self.addAsyncCleanup(client.close)
        return client

    async def user(self, user="u1", tenant="t1", roles=("operator",), server=None, options=None, **claims):
        """A welcomed connection of a user."""
        client = await self.open(token(user, tenant, roles, **claims), server=server, **(options or {}))
        await client.welcome()
        return client

    async def service(self, credential=API_KEY, server=None):
        client = await self.open(credential, "key", server=server)
        await client.welcome()
        return client

    def raw(self, server=None):
        connection = (server or self.server).raw()
        self.addCleanup(connection.close)
        return connection

    def fresh_tenant(self):
        """A tenant of this test alone, so that tests that share a server do not meet in a stream."""
        return "t-" + self.id().rsplit(".", 1)[-1][-100:]

    async def eventually(self, ask, what):
        """Until `ask()` is true. For what the server says only when it is asked."""
        deadline = time.monotonic() + DEADLINE_S
        while not ask():
            if time.monotonic() > deadline:
                raise AssertionError(f"{what} did not happen in time")
            await asyncio.sleep(0.01)


def trusting(certificate):
    """A TLS context that trusts one certificate."""
    return ssl.create_default_context(cafile=certificate)
