"""The OpenAPI document is true: the tests run all its examples, and the first steps of its page."""

import json
import re
import subprocess

import jsonschema
import pytest

from helpers import images, openapi
from helpers.program import tool_environment


@pytest.fixture(scope="module")
def document(vibe):
    return openapi.Document(vibe)


def test_every_example_answers_as_documented(document):
    walk = openapi.Walk(document)
    ran = set()
    for operation, example in document.steps():
        walk.run(operation, example)
        ran.add(operation.id)
    assert ran == {operation.id for operation in document.operations}


def test_example_answers_fit_their_schemas(document):
    for operation in document.operations:
        examples = [(operation.body_schema, operation.body)] if operation.body_schema else []
        for answer in operation.responses.values():
            examples += [(content["schema"], content.get("example")) for content in answer.get("content", {}).values()]
        for schema, example in examples:
            if example is not None:
                jsonschema.Draft202012Validator(
                    {**schema, "components": document.json["components"]}).validate(example)


def test_every_error_has_codes_and_every_body_an_example(document):
    for operation in document.operations:
        for status, answer in operation.responses.items():
            if status >= 400:
                assert operation.codes(status), f"{operation}: {status} has no codes"
        assert (operation.body_schema is None) == (operation.body is None), f"{operation} has no example of its body"
        assert operation.public or 401 in operation.responses, f"{operation} needs a token and has no 401"


def test_the_document_is_revalidated_by_its_etag(vibe):
    for path, kind in (("/api/openapi.json", "application/json"), ("/api/docs", "text/html; charset=utf-8")):
        status, headers, body = vibe.request("GET", path)
        assert status == 200 and headers["Content-Type"] == kind and len(body) == int(headers["Content-Length"])
        status, again, body = vibe.request("GET", path, headers={"If-None-Match": headers["ETag"]})
        assert (status, body, again["ETag"]) == (304, b"", headers["ETag"])
        assert vibe.request("GET", path, headers={"If-None-Match": '"another"'})[0] == 200


def test_the_page_shows_every_operation(vibe, document):
    page = vibe.request("GET", "/api/docs")[2].decode()
    for operation in document.operations:
        assert f'<article class="operation" id="{operation.id}">' in page
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page)


def test_the_first_steps_work_in_a_shell(vibe, document, tmp_path):
    (tmp_path / "photo.jpg").write_bytes(images.jpeg(320, 200, size=30_000))
    script = "\n".join(step["shell"] for step in document.json["x-start-here"])
    assert "zoe@example.com" in script and "http://localhost:3000" in script
    script = script.replace("http://localhost:3000", vibe.api_url).replace("zoe@", f"{tmp_path.name}.{vibe.api_port}@")
    done = subprocess.run(["/bin/sh", "-eu"], input=script, cwd=tmp_path, capture_output=True, text=True,
                          env=tool_environment())
    assert done.returncode == 0, done.stdout + done.stderr
    me = json.loads(done.stdout.splitlines()[-1])
    assert me["user"]["name"] == "Zoë 🌸" and me["user"]["profilePictureCdnUrl"]
    assert images.shows((tmp_path / "picture.jpg").read_bytes(), (tmp_path / "photo.jpg").read_bytes())
