"""The OpenAPI document of a running vibe, for tests that it drives: its operations, and its examples made real.

docs/openapi.yaml begins with what x-example means.
"""

import copy
import json
import urllib.parse

from helpers import api, images, videos
from helpers.phone import sha256_base64

METHODS = ("get", "post", "put", "patch", "delete")
PASSWORD = "correct horse battery"


def resolve(document, node):
    while isinstance(node, dict) and "$ref" in node:
        target = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def at_pointer(value, pointer):
    for part in filter(None, pointer.split("/")):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


class Operation:
    """One operation: method, path, what it may answer, and its examples."""

    def __init__(self, document, path, method, item):
        raw = item[method]
        self.document, self.path, self.method, self.id = document, path, method.upper(), raw["operationId"]
        self.public = raw.get("security", document["security"]) == []
        self.parameters = [resolve(document, p) for p in item.get("parameters", []) + raw.get("parameters", [])]
        body = resolve(document, raw.get("requestBody", {}))
        content = body.get("content", {}).get("application/json", {})
        self.body_schema, self.body = content.get("schema"), content.get("example")
        self.responses = {int(status): resolve(document, answer) for status, answer in raw["responses"].items()}
        examples = raw["x-example"]
        self.examples = examples if isinstance(examples, list) else [examples]

    def __repr__(self):
        return f"{self.method} {self.path}"

    @property
    def success(self):
        return min(status for status in self.responses if status < 300)

    def parameters_in(self, where):
        return [p for p in self.parameters if p["in"] == where]

    def body_fields(self):
        """name → schema of the body's fields, resolved and with allOf taken in."""
        def collect(schema):
            schema = resolve(self.document, schema or {})
            found = {}
            for part in schema.get("allOf", []):
                found |= collect(part)
            return found | {name: resolve(self.document, s) for name, s in schema.get("properties", {}).items()}
        return collect(self.body_schema)

    def target(self, path_values=None, query=None):
        path = self.path
        for parameter in self.parameters_in("path"):
            value = (path_values or {}).get(parameter["name"], parameter["example"])
            path = path.replace(f'{{{parameter["name"]}}}', urllib.parse.quote(str(value), safe=""))
        return path + ("?" + urllib.parse.urlencode(query) if query else "")

    def codes(self, status):
        content = self.responses[status].get("content", {}).get("application/problem+json", {})
        return content.get("schema", {}).get("properties", {}).get("code", {}).get("enum", [])

    def check(self, status, headers, data):
        """The answer is one that the document declares: status, type, schema and, of a problem, its code."""
        import jsonschema
        assert status in self.responses, f"{self}: {status} is not declared: {data[:500]!r}"
        contents = self.responses[status].get("content", {})
        if not contents:
            assert not data, f"{self}: {status} has a body"
            return None
        kind = headers["Content-Type"].split(";")[0]
        assert kind in contents, f"{self}: {status} has the undeclared type {kind}"
        if "json" not in kind:
            return data.decode()
        answer = json.loads(data)
        schema = {**contents[kind]["schema"], "components": self.document["components"]}
        jsonschema.Draft202012Validator(schema).validate(answer)
        return answer


class Document:
    def __init__(self, vibe):
        self.vibe = vibe
        status, _, data = vibe.request("GET", "/api/openapi.json")
        assert status == 200
        self.json = json.loads(data)
        self.operations = [Operation(self.json, path, method, item) for path, item in self.json["paths"].items()
                           for method in METHODS if method in item]

    def by_id(self, identifier):
        return next(operation for operation in self.operations if operation.id == identifier)

    def register(self, name="Sam"):
        """A new account: its session."""
        return api.register(self.vibe, password=PASSWORD, name=name)

    def steps(self):
        """(operation, example) of all examples, in the order that the document gives."""
        return sorted(((operation, example) for operation in self.operations for example in operation.examples),
                      key=lambda step: step[1]["order"])


class Walk:
    """Runs examples one after the other, with the values of a real server in the place of the written ones."""

    FILES = {"picture": ("image/jpeg", images.jpeg(64, 48, size=4000)), "video": ("video/mp4", videos.mp4() + bytes(20_000_000))}

    def __init__(self, document):
        self.document, self.vibe = document, document.vibe
        self.tokens, self.answers = {}, {}

    def token(self, name):
        if name == "sam" and "sam" not in self.tokens:
            self.tokens["sam"] = self.document.register()["accessToken"]
        return self.tokens.get(name)

    def value(self, source):
        if source == "new-email":
            return api.new_email()
        identifier, pointer = source.split("#")
        return at_pointer(self.answers[identifier], pointer)

    def prepare(self, operation, example):
        """(target, body, headers) of the request."""
        body = copy.deepcopy(operation.body)
        places = {"path": {}, "query": {p["name"]: p["example"] for p in operation.parameters_in("query") if "example" in p},
                  "body": body}
        if "file" in example:
            body["contentType"], data = self.FILES[example["file"]]
            body["contentLength"] = len(data)
            if body.get("checksumSha256"):
                body["checksumSha256"] = sha256_base64(data)
        if body is not None:
            body |= example.get("with", {})
        for where, source in example.get("use", {}).items():
            place, name = where.split(".")
            places[place][name] = self.value(source)
        headers = {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if not operation.public:
            headers["Authorization"] = f"Bearer {self.token(example.get('as', 'zoe'))}"
        return operation.target(places["path"], places["query"]), body, headers

    def put_file(self, identifier):
        ticket = self.answers[identifier]
        _, data = self.FILES[self.document.by_id(identifier).examples[0]["file"]]
        status, _, text = self.vibe.request(ticket["method"], ticket["url"], data, ticket["headers"])
        assert status == 200, text

    def run(self, operation, example):
        """Runs one example; the answer is checked against the document."""
        if "upload" in example:
            self.put_file(example["upload"])
        target, body, headers = self.prepare(operation, example)
        status, answered, data = self.vibe.request(operation.method, target, None if body is None else json.dumps(body),
                                                   headers)
        answer = operation.check(status, answered, data)
        assert status == example.get("status", operation.success), f"{operation}: {status} {data[:500]!r}"
        self.answers[operation.id] = answer
        if isinstance(answer, dict) and "accessToken" in answer:
            self.tokens[example.get("as", "zoe")] = answer["accessToken"]
        return answer

    def run_before(self, order):
        """All examples up to that place in the order, so that what they make is there."""
        for operation, example in self.document.steps():
            if example["order"] < order:
                self.run(operation, example)
        return self
