"""The OpenAPI document, held against the server."""

import pathlib
import unittest

from api import CALLS, ApiTest

PUBLISHED_DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "openapi.json"


class OpenApi(ApiTest):
    def document(self):
        answer = self.server.http("GET", "/api/v1/openapi.json", key=None)
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "application/json"))
        return answer

    async def test_the_served_document_is_the_published_one(self):
        self.assertEqual(self.document().body, PUBLISHED_DOCUMENT.read_text())

    async def test_every_reference_leads_somewhere(self):
        document = self.document().json
        self.assertEqual(document["openapi"], "3.1.0")

        def visit(node):
            if isinstance(node, dict):
                if "$ref" in node:
                    target = document
                    for part in node["$ref"].removeprefix("#/").split("/"):
                        target = target[part]
                for value in node.values():
                    visit(value)
            elif isinstance(node, list):
                for value in node:
                    visit(value)

        visit(document)

    async def test_every_described_call_answers_with_a_described_status(self):
        for path, methods in self.document().json["paths"].items():
            for method, operation in methods.items():
                with self.subTest(f"{method} {path}"):
                    query = "&".join(f"{p['name']}={p['example']}" for p in map(self.resolved, operation.get("parameters", [])) if p.get("required"))
                    body = None
                    if "requestBody" in operation:
                        body = next(iter(operation["requestBody"]["content"]["application/json"]["examples"].values()))["value"]
                    answer = self.server.http(method.upper(), path + (f"?{query}&tenantId=t1" if query else ""), body)
                    self.assertNotEqual(answer.status, 404)
                    self.assertIn(str(answer.status), operation["responses"])
                    self.assertEqual(answer.status, 200, answer.body)
                    if answer.headers["Content-Type"] == "application/json":
                        self.checked(answer.json, operation["responses"]["200"]["content"]["application/json"]["schema"])
                    if operation["security"]:
                        self.assertEqual(self.server.http(method.upper(), path, body, key=None).status, 401)

    async def test_every_call_of_the_server_is_described(self):
        paths = self.document().json["paths"]
        for path in ["/healthz", "/readyz", "/metrics"] + ["/api/v1/" + name for _, name in CALLS]:
            self.assertIn(path, paths)

    async def test_examples_are_what_the_server_understands(self):
        content = self.document().json["paths"]["/api/v1/broadcast"]["post"]["requestBody"]["content"]["application/json"]
        for name, example in content["examples"].items():
            self.assertEqual(self.server.http("POST", "/api/v1/broadcast", example["value"]).status, 200, name)

    def resolved(self, node):
        document = self.document().json
        while "$ref" in node:
            target = document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def checked(self, value, schema):
        """The parts of JSON Schema that the document uses to describe answers."""
        schema = self.resolved(schema)
        for word in ("oneOf", "anyOf"):
            if word in schema:
                fits = 0
                for choice in schema[word]:
                    try:
                        self.checked(value, choice)
                        fits += 1
                    except AssertionError:
                        pass
                self.assertGreaterEqual(fits, 1, f"{value} fits none of {schema[word]}")
        kind = schema.get("type")
        if kind:
            kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
            self.assertIsInstance(value, kinds[kind])
        if "const" in schema:
            self.assertEqual(value, schema["const"])
        if "enum" in schema:
            self.assertIn(value, schema["enum"])
        if isinstance(value, dict):
            for name in schema.get("required", []):
                self.assertIn(name, value)
            if "maxProperties" in schema:
                self.assertLessEqual(len(value), schema["maxProperties"])
            for name, item in value.items():
                if name in schema.get("properties", {}):
                    self.checked(item, schema["properties"][name])
                elif isinstance(schema.get("additionalProperties"), dict):
                    self.checked(item, schema["additionalProperties"])
        if isinstance(value, list) and "items" in schema:
            for item in value:
                self.checked(item, schema["items"])


if __name__ == "__main__":
    unittest.main()
