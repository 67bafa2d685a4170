"""What the tests of the HTTP API share: keys, an event, and how a refusal looks."""

from harness import API_KEY, ServerTest

TENANT_KEY, READER_KEY = "key-of-tenant-t1", "key-that-may-only-read"
KEYS = f"""
api_keys = [
  {{ name = "tenant", key = "{TENANT_KEY}", scopes = ["publish", "read", "disconnect"], tenant = "t1" }},
  {{ name = "reader", key = "{READER_KEY}", scopes = ["read"] }},
]
"""
EVENT = {"namespace": "alerts", "room": "tenant:t1", "event": "alert:created", "data": {"id": "a1"}}
CALLS = [("POST", "broadcast"), ("GET", "connections"), ("GET", "rooms"), ("GET", "presence"), ("GET", "history"),
         ("POST", "disconnect"), ("GET", "rollout")]


class ApiTest(ServerTest):
    config = KEYS

    def refused(self, status, code, method, path, body=None, key=API_KEY, **more):
        answer = self.server.http(method, path, body, key, **more)
        self.assertEqual(answer.status, status, answer.body)
        self.assertEqual(answer.code, code)
        self.assertTrue(answer.message)
        return answer
