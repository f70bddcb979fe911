"""The page /api/docs: the OpenAPI document as one file of HTML that loads nothing else."""
import html
import json
import re

METHODS = ("get", "post", "put", "patch", "delete")
DEPTH_MAX = 5


def resolve(document, node):
    """What a $ref, or a chain of them, points to in the document."""
    while isinstance(node, dict) and "$ref" in node:
        target = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def flat(document, schema):
    """A schema with its $ref and allOf merged into it."""
    schema = resolve(document, schema)
    if "anyOf" in schema:  # always "this or null" here
        first = flat(document, schema["anyOf"][0])
        return first | {"nullable": True}
    merged = {"properties": {}, "required": []}
    for part in schema.get("allOf", []):
        part = flat(document, part)
        merged["properties"] |= part.get("properties", {})
        merged["required"] += part.get("required", [])
        merged |= {key: value for key, value in part.items() if key not in ("properties", "required")}
    merged["properties"] |= schema.get("properties", {})
    merged["required"] += schema.get("required", [])
    merged |= {key: value for key, value in schema.items() if key not in ("properties", "required", "allOf")}
    return merged


def e(text):
    return html.escape(str(text), quote=True)


def prose(text):
    """The little of Markdown that the document uses: paragraphs, `code` and **bold**."""
    out = []
    for paragraph in str(text).strip().split("\n\n"):
        paragraph = e(paragraph)
        paragraph = re.sub(r"`([^`]+)`", r"<code>\1</code>", paragraph)
        paragraph = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", paragraph)
        out.append(f"<p>{paragraph}</p>")
    return "\n".join(out)


def inline(text):
    return prose(text).removeprefix("<p>").removesuffix("</p>")


def block(text, label, kind="text"):
    """A box of code with a button that copies it."""
    return (f'<figure class="code"><figcaption>{e(label)}<button type="button" class="copy">Copy</button></figcaption>'
            f'<pre tabindex="0"><code class="{kind}">{highlight(text, kind)}</code></pre></figure>')


def highlight(text, kind):
    if kind == "json":
        pattern = r'("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null|-?\d+(?:\.\d+)?)\b'

        def paint(match):
            if match[1]:
                return f'<span class="{"k" if match[2] else "s"}">{e(match[1])}</span>{match[2] or ""}'
            return f'<span class="n">{match[0]}</span>'

        out, at = [], 0
        for match in re.finditer(pattern, text):
            out += [e(text[at:match.start()]), paint(match)]
            at = match.end()
        return "".join(out) + e(text[at:])
    return e(text)


def pretty(value):
    return json.dumps(value, ensure_ascii=False, indent=2)


# ---- schemas -------------------------------------------------------------------------------------------------------

def type_of(document, schema):
    kinds = schema.get("type", "string" if "enum" in schema or "const" in schema else "any")
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    if schema.get("nullable") and "null" not in kinds:
        kinds.append("null")
    if "array" in kinds:
        inner = type_of(document, flat(document, schema.get("items", {})))
        kinds[kinds.index("array")] = f"array of {inner}"
    return " or ".join(kinds)


def rules(schema):
    """Limits, in words."""
    said = []
    if "const" in schema:
        said.append(f'always <code>{e(schema["const"])}</code>')
    if "enum" in schema:
        said.append("one of " + ", ".join(f"<code>{e(value)}</code>" for value in schema["enum"]))
    if "minimum" in schema or "maximum" in schema:
        low, high = schema.get("minimum"), schema.get("maximum")
        said.append(f"{low} to {high}" if None not in (low, high) else f"at least {low}" if high is None else f"at most {high}")
    if "default" in schema:
        said.append(f'default <code>{e(schema["default"])}</code>')
    return "; ".join(said)


def fields(document, schema, depth=0):
    schema = flat(document, schema)
    if "array" in schema.get("type", ""):
        schema = flat(document, schema.get("items", {}))
    if not schema.get("properties") or depth > DEPTH_MAX:
        return ""
    rows = []
    for name, raw in schema["properties"].items():
        field = flat(document, raw)
        needed = '<em class="required">required</em>' if name in schema["required"] else ""
        said = " ".join(filter(None, [inline(field["description"]) if "description" in field else "",
                                      f'<span class="rules">{rules(field)}</span>' if rules(field) else ""]))
        rows.append(f'<li><div class="field"><code class="name">{e(name)}</code> <span class="type">'
                    f'{e(type_of(document, field))}</span> {needed}</div>{f"<div class=said>{said}</div>" if said else ""}'
                    f'{fields(document, raw, depth + 1)}</li>')
    return f'<ul class="fields">{"".join(rows)}</ul>'


# ---- operations ----------------------------------------------------------------------------------------------------

class Operation:
    def __init__(self, document, path, method, item):
        raw = item[method]
        self.path, self.method, self.id = path, method, raw["operationId"]
        self.summary, self.description, self.tag = raw["summary"], raw.get("description", ""), raw["tags"][0]
        self.public = raw.get("security") == []
        self.parameters = [resolve(document, p) for p in item.get("parameters", []) + raw.get("parameters", [])]
        body = resolve(document, raw.get("requestBody", {}))
        self.body = body.get("content", {}).get("application/json")
        self.responses = {status: resolve(document, answer) for status, answer in sorted(raw["responses"].items())}

    def curl(self):
        path = self.path
        query = []
        for parameter in self.parameters:
            if parameter["in"] == "path":
                path = path.replace(f'{{{parameter["name"]}}}', str(parameter["example"]))
            elif parameter["in"] == "query" and "example" in parameter:
                query.append(f'{parameter["name"]}={parameter["example"]}')
        url = f"$API{path}" + ("?" + "&".join(query) if query else "")
        lines = [f'curl {"" if self.method == "get" else f"-X {self.method.upper()} "}"{url}"']
        if not self.public:
            lines.append('-H "Authorization: Bearer $TOKEN"')
        if self.body:
            lines.append("-H 'Content-Type: application/json'")
            lines.append("-d '" + pretty(self.body["example"]).replace("\n", "\n  ").replace("'", "'\\''") + "'")
        return " \\\n  ".join(lines)


def operations(document):
    return [Operation(document, path, method, item) for path, item in document["paths"].items()
            for method in METHODS if method in item]


def render_parameters(parameters):
    rows = []
    for parameter in parameters:
        schema = parameter["schema"]
        needed = '<em class="required">required</em>' if parameter.get("required") else ""
        said = " ".join(filter(None, [inline(parameter.get("description", "")), f'<span class="rules">{rules(schema)}</span>'
                                      if rules(schema) else ""]))
        rows.append(f'<li><div class="field"><code class="name">{e(parameter["name"])}</code> <span class="type">'
                    f'{e(schema.get("type", "string"))}, in the {e(parameter["in"])}</span> {needed}</div>'
                    f'<div class="said">{said}</div></li>')
    return f'<h4>Parameters</h4><ul class="fields">{"".join(rows)}</ul>' if rows else ""


def codes_of(schema):
    return schema.get("properties", {}).get("code", {}).get("enum", [])


def render_responses(document, operation):
    good, bad = [], []
    for status, answer in operation.responses.items():
        contents = answer.get("content", {})
        if status < "400":
            shape = "".join(fields(document, c["schema"]) for t, c in contents.items() if t == "application/json")
            shape = f'<details><summary>Fields of the answer</summary>{shape}</details>' if shape else ""
            good.append(f'<div class="answer"><span class="status ok">{e(status)}</span> '
                        f'{inline(answer["description"])}{shape}</div>')
        else:
            problem = contents.get("application/problem+json", {})
            codes = " ".join(f"<code>{e(code)}</code>" for code in codes_of(problem.get("schema", {})))
            bad.append(f'<li><span class="status bad">{e(status)}</span> {codes}<div class="said">'
                       f'{inline(answer["description"])}</div></li>')
    errors = (f'<details class="errors"><summary>Errors <span class="count">{len(bad)}</span></summary>'
              f'<ul class="fields">{"".join(bad)}</ul></details>') if bad else ""
    return f'<h4>Answers</h4>{"".join(good)}{errors}'


def render_examples(operation):
    boxes = [block(operation.curl(), "curl", "shell")]
    for status, answer in operation.responses.items():
        example = answer.get("content", {}).get("application/json", {}).get("example")
        if status < "300" and example is not None:
            boxes.append(block(pretty(example), f"Answer {status}", "json"))
            break
    return "".join(boxes)


def render_operation(document, operation):
    auth = '<span class="tag">public</span>' if operation.public else '<span class="tag lock">needs a token</span>'
    body = f'<h4>Body</h4>{fields(document, operation.body["schema"])}' if operation.body else ""
    path = re.sub(r"(\{[^}]+\})", r"<var>\1</var>", e(operation.path)).replace("/", "/<wbr>")
    return f"""<article class="operation" id="{operation.id}">
<header><h3><a href="#{operation.id}">{e(operation.summary)}</a></h3>
<p class="line"><span class="method {operation.method}">{operation.method.upper()}</span> <code class="path">{path}</code> {auth}</p></header>
<div class="columns"><div class="words">{prose(operation.description) if operation.description else ""}
{render_parameters(operation.parameters)}{body}{render_responses(document, operation)}</div>
<div class="examples">{render_examples(operation)}</div></div></article>"""


# ---- the page ------------------------------------------------------------------------------------------------------

def render_nav(document, listed):
    groups = ['<li class="group"><a href="#start">Start here</a></li><li class="group"><a href="#basics">The basics</a></li>']
    for tag in document["tags"]:
        items = "".join(f'<li><a href="#{o.id}"><span class="method {o.method}">{o.method.upper()}</span>{e(o.summary)}</a></li>'
                        for o in listed if o.tag == tag["name"])
        if items:
            groups.append(f'<li class="group"><a href="#tag-{tag["name"]}">{e(tag["name"])}</a><ul>{items}</ul></li>')
    return f'<ul>{"".join(groups)}</ul>'


def render_start(document):
    steps = "".join(f'<li><h3>{e(step["title"])}</h3>{prose(step["text"])}{block(step["shell"].rstrip(), "shell", "shell")}</li>'
                    for step in document["x-start-here"])
    return (f'<section id="start"><h2>Start here</h2><p>From no account to a profile picture on the CDN, in a shell with '
            f'<code>curl</code>.</p><ol class="steps">{steps}</ol></section>')


def render_codes(document):
    """The list of all stable codes, each with its status."""
    rows, seen = [], set()
    for operation in operations(document):
        for status, answer in operation.responses.items():
            schema = answer.get("content", {}).get("application/problem+json", {}).get("schema", {})
            for code in codes_of(schema):
                if (status, code) not in seen:
                    seen.add((status, code))
                    rows.append((status, code))
    cells = "".join(f'<li><span class="status bad">{e(s)}</span> <code>{e(c)}</code></li>' for s, c in sorted(rows))
    return f'<details class="errors"><summary>All codes <span class="count">{len(rows)}</span></summary><ul class="all">{cells}</ul></details>'


def render(document, style, script):
    listed = operations(document)
    info = document["info"]
    sections = []
    for tag in document["tags"]:
        own = [o for o in listed if o.tag == tag["name"]]
        if own:
            sections.append(f'<section id="tag-{tag["name"]}"><h2>{e(tag["name"])}</h2><p class="lead">'
                            f'{inline(tag["description"])}</p>{"".join(render_operation(document, o) for o in own)}</section>')
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{e(info["title"])}</title>
<style>{style}</style>
</head>
<body>
<a class="skip" href="#start">Skip to the content</a>
<header class="top"><a class="brand" href="#start">{e(info["title"])}</a><span class="version">{e(info["version"])}</span>
<button type="button" id="menu" aria-expanded="false" aria-controls="nav">Contents</button></header>
<nav id="nav" aria-label="Operations"><input id="filter" type="search" placeholder="Filter" aria-label="Filter operations">
{render_nav(document, listed)}</nav>
<main>
<div class="hero"><h1>{e(info["title"])}</h1><p class="lead">{e(info["summary"])}</p>
<p class="links"><a href="/api/openapi.json">openapi.json</a> · {len(listed)} operations · <span id="origin"></span></p></div>
{render_start(document)}
<section id="basics"><h2>The basics</h2>{prose(info["description"])}{render_codes(document)}</section>
{"".join(sections)}
</main>
<script>{script}</script>
</body>
</html>
"""
