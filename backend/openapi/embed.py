#!/usr/bin/env python3
"""Turns docs/openapi.yaml into one C file: the document as compact JSON, and the page made of it (page.py)."""
import base64
import hashlib
import json
import pathlib
import sys

import yaml

import page

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def load(path, version):
    with open(path, encoding="utf-8") as file:
        document = yaml.safe_load(file)
    document.pop("x-common", None)  # holds nothing but the YAML's anchors
    document["info"]["version"] = version
    return document


def check(document):
    """Stops the build for mistakes in the document that no test of the program would find."""
    def walk(node, where):
        if isinstance(node, dict):
            reference = node.get("$ref")
            if reference is not None:
                page.resolve(document, node)
            for key, value in node.items():
                walk(value, f"{where}/{key}")
        elif isinstance(node, list):
            for index, value in enumerate(node):
                walk(value, f"{where}/{index}")
        elif node is not None and not isinstance(node, (str, int, float, bool)):
            sys.exit(f"{where}: quote this value, YAML reads it as {type(node).__name__}")

    walk(document, "#")
    ids = [operation["operationId"] for item in document["paths"].values()
           for method, operation in item.items() if method in METHODS]
    if len(ids) != len(set(ids)):
        sys.exit("two operations have the same operationId")


def literal(name, text):
    """A C string, in lines short enough for editors and for the compiler's messages."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?")
    lines, line = [], ""
    for piece in escaped.splitlines(keepends=True):
        while piece:
            room = 110 - len(line)
            cut = min(room, len(piece))
            while cut < len(piece) and piece[cut - 1] == "\\":  # never between a backslash and what it escapes
                cut += 1
            line += piece[:cut].replace("\n", "\\n")
            piece = piece[cut:]
            lines.append(line)
            line = ""
    body = "\n".join(f'    "{line}"' for line in lines)
    return f"static const char {name}[] =\n{body};"


def digest(text):
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def entry(name, content_type, policy, text):
    etag = hashlib.sha256(text.encode()).hexdigest()[:16]
    return "\n".join([
        literal(f"{name}_text", text),
        f"const struct vb_embedded vb_embedded_{name} = {{", f'    .content_type = "{content_type}",',
        f'    .content_security_policy = "{policy}",', f'    .etag = "\\"{etag}\\"",', f"    .text = {name}_text,",
        f"    .size = sizeof({name}_text) - 1,", "};", ""])


def main(output, version, source, style_file, script_file):
    document = load(source, version)
    check(document)
    style = pathlib.Path(style_file).read_text(encoding="utf-8")
    script = pathlib.Path(script_file).read_text(encoding="utf-8")
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"
    # The page may use this style and this script. It may not load, send or frame anything.
    policy = (f"default-src 'none'; style-src 'sha256-{digest(style)}'; script-src 'sha256-{digest(script)}'; "
              "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
    pathlib.Path(output).write_text("\n".join([
        "/* Made by openapi/embed.py from docs/openapi.yaml. */", '#include "api/embedded.h"', "",
        entry("openapi", "application/json", "default-src 'none'; frame-ancestors 'none'", text),
        entry("docs", "text/html; charset=utf-8", policy, page.render(document, style, script))]), encoding="utf-8")


main(*sys.argv[1:])
