"""The command-line clients with their default settings: aws-cli, s3cmd, rclone, and curl on presigned URLs."""

import os
import shutil
import subprocess
import urllib.parse
import uuid

import pytest

NAMES = ["plain.txt", "sub/a b+c%20☃.txt", "sub/deeper/é & <x>.bin"]


def need(program):
    path = shutil.which(program, path="/usr/bin")  # Debian's, even if PATH has another one first
    if not path:
        pytest.fail(f"{program} is not installed")
    return path


def run(command, environment, timeout_s=120):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RCLONE_"))}
    done = subprocess.run(command, env=clean | environment, capture_output=True, text=True, timeout=timeout_s,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Some files whose names need escaping, and one of 40 MB, which goes in parts."""
    root = tmp_path_factory.mktemp("in")
    for name in NAMES:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() * 1000)
    (root / "large.bin").write_bytes(os.urandom(40_000_000))
    return root


@pytest.fixture
def bucket():
    return f"cli-{uuid.uuid4().hex[:12]}"


def contents(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture
def aws(vibe, tmp_path):
    environment = {"AWS_ACCESS_KEY_ID": vibe.access_key, "AWS_SECRET_ACCESS_KEY": vibe.secret_key,
                   "AWS_DEFAULT_REGION": vibe.region, "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}
    program = need("aws")
    return lambda *arguments: run([program, "--endpoint-url", vibe.s3_url, *map(str, arguments)], environment)


def test_aws_cli_works_with_default_settings(aws, folder, bucket, tmp_path):
    aws("s3", "mb", f"s3://{bucket}")
    aws("s3", "cp", folder / "large.bin", f"s3://{bucket}/large.bin", "--metadata", "purpose=test", "--content-type", "a/b")
    head = aws("s3api", "head-object", "--bucket", bucket, "--key", "large.bin")
    assert '"purpose": "test"' in head and '"ContentType": "a/b"' in head and '"ContentLength": 40000000' in head
    aws("s3", "sync", folder, f"s3://{bucket}/tree")
    assert aws("s3", "sync", folder, f"s3://{bucket}/tree") == ""  # the second run has nothing to do
    listing = aws("s3", "ls", "--recursive", f"s3://{bucket}")
    assert all(f"tree/{name}" in listing for name in NAMES)
    assert "PRE tree/" in aws("s3", "ls", f"s3://{bucket}")
    aws("s3", "sync", f"s3://{bucket}/tree", tmp_path / "out")
    assert contents(tmp_path / "out") == contents(folder)
    aws("s3", "mv", f"s3://{bucket}/large.bin", f"s3://{bucket}/moved.bin")
    aws("s3", "cp", f"s3://{bucket}/moved.bin", tmp_path / "moved.bin")
    assert (tmp_path / "moved.bin").read_bytes() == (folder / "large.bin").read_bytes()
    url = aws("s3", "presign", f"s3://{bucket}/tree/{NAMES[1]}", "--expires-in", "60").strip()
    assert run([need("curl"), "-sSf", url], {}).encode() == (folder / NAMES[1]).read_bytes()
    aws("s3", "rm", "--recursive", f"s3://{bucket}")
    aws("s3", "rb", f"s3://{bucket}")
    assert bucket not in aws("s3", "ls")


@pytest.fixture
def s3cmd(vibe, tmp_path):
    host = urllib.parse.urlsplit(vibe.s3_url).netloc
    config = tmp_path / "s3cfg"
    config.write_text(f"[default]\naccess_key = {vibe.access_key}\nsecret_key = {vibe.secret_key}\nhost_base = {host}\n"
                      f"host_bucket = {host}\nuse_https = False\n")
    program = need("s3cmd")
    return lambda *arguments: run([program, "-c", str(config), "--no-progress", *map(str, arguments)],
                                  {"LC_ALL": "C.UTF-8", "HOME": str(tmp_path)})


def test_s3cmd_works_with_default_settings(s3cmd, folder, bucket, tmp_path):
    s3cmd("mb", f"s3://{bucket}")
    s3cmd("put", folder / "large.bin", f"s3://{bucket}/large.bin")  # in parts of 15 MB
    s3cmd("sync", f"{folder}/", f"s3://{bucket}/tree/")
    listing = s3cmd("ls", "-r", f"s3://{bucket}")
    assert all(f"s3://{bucket}/tree/{name}" in listing for name in NAMES)
    assert f"DIR  s3://{bucket}/tree/" in s3cmd("ls", f"s3://{bucket}")
    (tmp_path / "out").mkdir()
    s3cmd("sync", f"s3://{bucket}/tree/", f"{tmp_path}/out/")
    assert contents(tmp_path / "out") == contents(folder)
    s3cmd("cp", f"s3://{bucket}/large.bin", f"s3://{bucket}/copy.bin")
    s3cmd("modify", "--add-header=x-amz-meta-purpose:test", f"s3://{bucket}/copy.bin")
    assert "x-amz-meta-purpose: test" in s3cmd("info", f"s3://{bucket}/copy.bin")
    s3cmd("mv", f"s3://{bucket}/large.bin", f"s3://{bucket}/moved.bin")
    s3cmd("get", f"s3://{bucket}/moved.bin", tmp_path / "moved.bin")
    assert (tmp_path / "moved.bin").read_bytes() == (folder / "large.bin").read_bytes()
    assert "Location:" in s3cmd("info", f"s3://{bucket}")
    url = s3cmd("signurl", f"s3://{bucket}/tree/{NAMES[0]}", "+60").strip()
    assert run([need("curl"), "-sSf", url], {}).encode() == (folder / NAMES[0]).read_bytes()
    s3cmd("del", "-r", "-f", f"s3://{bucket}/tree/")
    assert "tree/" not in s3cmd("ls", f"s3://{bucket}")
    s3cmd("rb", "-r", f"s3://{bucket}")
    assert bucket not in s3cmd("ls")


@pytest.fixture
def rclone(vibe, tmp_path):
    environment = {"RCLONE_CONFIG": "/dev/null", "RCLONE_CONFIG_STORE_TYPE": "s3", "RCLONE_CONFIG_STORE_PROVIDER": "Other",
                   "RCLONE_CONFIG_STORE_ENDPOINT": vibe.s3_url, "RCLONE_CONFIG_STORE_REGION": vibe.region,
                   "RCLONE_CONFIG_STORE_ACCESS_KEY_ID": vibe.access_key,
                   "RCLONE_CONFIG_STORE_SECRET_ACCESS_KEY": vibe.secret_key, "HOME": str(tmp_path)}
    program = need("rclone")
    return lambda *arguments: run([program, "-q", *map(str, arguments)], environment)


def test_rclone_works_with_default_settings(rclone, folder, bucket, tmp_path):
    rclone("mkdir", f"store:{bucket}")
    rclone("sync", folder, f"store:{bucket}/tree")
    rclone("check", "--download", folder, f"store:{bucket}/tree")
    assert sorted(rclone("lsf", "-R", "--files-only", f"store:{bucket}/tree").split("\n")[:-1]) == sorted(
        [*NAMES, "large.bin"])
    rclone("copyto", "--s3-upload-cutoff", "5M", "--s3-chunk-size", "5M", folder / "large.bin", f"store:{bucket}/parts.bin")
    rclone("moveto", f"store:{bucket}/parts.bin", f"store:{bucket}/moved.bin")
    rclone("copy", f"store:{bucket}/moved.bin", tmp_path)
    assert (tmp_path / "moved.bin").read_bytes() == (folder / "large.bin").read_bytes()
    rclone("touch", f"store:{bucket}/tree/{NAMES[0]}")  # a copy onto itself replaces the metadata
    rclone("copy", f"store:{bucket}/tree", tmp_path / "out")
    assert contents(tmp_path / "out") == contents(folder)
    (tmp_path / "out" / "large.bin").unlink()
    rclone("sync", tmp_path / "out", f"store:{bucket}/tree")
    assert "large.bin" not in rclone("lsf", "-R", f"store:{bucket}/tree")
    url = rclone("link", "--expire", "60s", f"store:{bucket}/tree/{NAMES[1]}").strip()
    assert run([need("curl"), "-sSf", url], {}).encode() == (folder / NAMES[1]).read_bytes()
    rclone("purge", f"store:{bucket}")
    assert f"{bucket}" not in rclone("lsd", "store:")


def test_curl_puts_and_gets_on_presigned_urls(vibe, folder, bucket, tmp_path):
    from botocore.config import Config
    s3 = vibe.s3(config=Config(signature_version="s3v4"))
    curl = need("curl")
    s3.create_bucket(Bucket=bucket)
    params = {"Bucket": bucket, "Key": "large ☃.bin"}
    # curl sends `Expect: 100-continue` before a body of this size
    status = run([curl, "-sS", "-o", tmp_path / "answer", "-w", "%{http_code}", "-T", folder / "large.bin",
                  s3.generate_presigned_url("put_object", Params=params, ExpiresIn=600)], {})
    assert status == "200"
    url = s3.generate_presigned_url("get_object", Params=params, ExpiresIn=600)
    run([curl, "-sSf", "-o", tmp_path / "whole", url], {})
    assert (tmp_path / "whole").read_bytes() == (folder / "large.bin").read_bytes()
    run([curl, "-sSf", "-r", "39999990-", "-o", tmp_path / "end", url], {})
    assert (tmp_path / "end").read_bytes() == (folder / "large.bin").read_bytes()[-10:]
    assert run([curl, "-sS", "-o", "/dev/null", "-w", "%{http_code}", url.replace("Signature=", "Signature=0")], {}) == "403"
    assert run([curl, "-sS", "-o", "/dev/null", "-w", "%{http_code}", url.partition("?")[0]], {}) == "403"
    s3.delete_object(**params)
    s3.delete_bucket(Bucket=bucket)
