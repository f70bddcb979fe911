"""`vibe upload`: uploads from the command line as a phone does."""

import os
import pty
import subprocess
import threading

import pytest

from helpers import images, videos
from helpers.api import PASSWORD, register
from helpers.database import count
from helpers.faults import Relay
from helpers.processes import free_port
from helpers.program import vibe_upload


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "heic"])
def test_a_picture_goes_to_its_cdn_address_and_only_that_is_on_stdout(vibe, tmp_path, name):
    data = getattr(images, name)()
    (tmp_path / "picture").write_bytes(data)
    done = vibe_upload(vibe, tmp_path, tmp_path / "picture", "--as", "profile-picture")
    assert done.returncode == 0, done.stderr
    url = done.stdout.strip()
    assert done.stdout == url + "\n" and url.startswith(vibe.cdn_url + "/profile-pictures/")
    status, headers, body = vibe.request("GET", url)
    assert status == 200 and headers["Content-Type"] == "image/jpeg" and (name == "heic" or images.shows(body, data))
    assert count(vibe, "users WHERE profile_picture_cdn_url = :'url'", url=url) == 1


def test_the_demo_account_is_kept_private_and_used_again(vibe, tmp_path):
    (tmp_path / "picture").write_bytes(images.jpeg())
    first = vibe_upload(vibe, tmp_path, tmp_path / "picture", "--as=profile-picture")
    kept = tmp_path / ".local/state/vibe/demo-account"
    assert kept.stat().st_mode & 0o777 == 0o600
    address, password = kept.read_text().split()
    assert address in first.stderr and password not in first.stderr
    second = vibe_upload(vibe, tmp_path, tmp_path / "picture", "--as=profile-picture")
    assert second.returncode == 0 and address not in second.stderr
    assert second.stdout.split("/avatar-")[0] == first.stdout.split("/avatar-")[0]  # the same user's folder
    assert second.stdout != first.stdout


def test_an_account_can_be_given(vibe, tmp_path):
    (tmp_path / "picture").write_bytes(images.jpeg())
    account = register(vibe)
    secrets = {"VIBE_EMAIL": account["user"]["email"], "VIBE_PASSWORD": PASSWORD}
    done = vibe_upload(vibe, tmp_path, tmp_path / "picture", "--as", "profile-picture", environment=secrets)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / ".local").exists()
    secrets["VIBE_PASSWORD"] = "wrong horse"
    done = vibe_upload(vibe, tmp_path, tmp_path / "picture", "--as", "profile-picture", environment=secrets)
    assert done.returncode == 1 and "wrong" in done.stderr and done.stdout == ""


def test_a_real_photo(vibe, tmp_path, photos):
    photo = photos / "portrait-orientation-6.jpg"
    done = vibe_upload(vibe, tmp_path, photo, "--as", "profile-picture")
    assert done.returncode == 0, done.stderr
    assert vibe.request("GET", done.stdout.strip())[0] == 200


def test_a_progress_bar_is_for_terminals_only(vibe, tmp_path):
    (tmp_path / "picture").write_bytes(images.jpeg(size=300_000))
    plain = vibe_upload(vibe, tmp_path, tmp_path / "picture", "--as", "profile-picture")
    assert "%" not in plain.stderr
    master, slave = pty.openpty()
    try:
        done = vibe_upload(vibe, tmp_path, tmp_path / "picture", "--as", "profile-picture", capture_output=False,
                      stdout=subprocess.PIPE, stderr=slave)
        shown = os.read(master, 65536).decode()
    finally:
        os.close(master)
        os.close(slave)
    assert done.returncode == 0 and "100 %" in shown and "0.3 of 0.3 MB" in shown


@pytest.mark.parametrize("content, words", [
    (b"not a picture at all", "no JPEG, PNG, WebP, HEIC, AVIF, GIF, MP4 or QuickTime"),
    (b"", "no JPEG, PNG, WebP, HEIC, AVIF, GIF, MP4 or QuickTime"),
    (videos.mp4(), "image/jpeg"),
], ids=["text", "empty", "video"])
def test_a_file_that_is_no_picture_is_refused_with_a_reason(vibe, tmp_path, content, words):
    (tmp_path / "file").write_bytes(content)
    done = vibe_upload(vibe, tmp_path, tmp_path / "file", "--as", "profile-picture")
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr


def test_wrong_usage_and_unreachable_api_are_one_clear_sentence(vibe, tmp_path):
    (tmp_path / "picture").write_bytes(images.jpeg())
    assert vibe_upload(vibe, tmp_path, tmp_path / "picture").returncode == 2
    assert vibe_upload(vibe, tmp_path, "--as", "profile-picture").returncode == 2
    assert vibe_upload(vibe, tmp_path, tmp_path / "picture", "--as", "selfie").returncode == 2
    missing = vibe_upload(vibe, tmp_path, tmp_path / "none.jpg", "--as", "profile-picture")
    assert missing.returncode == 1 and "none.jpg" in missing.stderr and "No such file" in missing.stderr
    folder = vibe_upload(vibe, tmp_path, tmp_path, "--as", "profile-picture")
    assert folder.returncode == 1 and "is not a file" in folder.stderr
    nobody = f"http://127.0.0.1:{free_port()}"
    away = vibe_upload(vibe, tmp_path, tmp_path / "picture", "--as", "profile-picture", "--api", nobody)
    assert away.returncode == 1 and nobody in away.stderr and "vibe up" in away.stderr


def test_a_lost_answer_of_the_store_costs_no_upload(vibe, serve_factory, tmp_path):
    """The file arrives and its answer is lost. The phone sends it again, and the store has it already."""
    with Relay(vibe.s3_port, lost_answers=1) as relay:
        relay.restore()
        serve = serve_factory(S3_PUBLIC_ENDPOINT=relay.url)
        (tmp_path / "picture").write_bytes(images.jpeg())
        done = vibe_upload(serve, tmp_path, tmp_path / "picture", "--as", "profile-picture")
        assert done.returncode == 0, done.stderr
        assert relay.lost_answers == 0 and vibe.request("GET", done.stdout.strip())[0] == 200


def test_a_store_that_comes_back_gets_the_file(vibe, serve_factory, tmp_path):
    with Relay(vibe.s3_port) as relay:
        serve = serve_factory(S3_PUBLIC_ENDPOINT=relay.url)
        (tmp_path / "picture").write_bytes(images.jpeg())
        threading.Timer(0.4, relay.restore).start()
        done = vibe_upload(serve, tmp_path, tmp_path / "picture", "--as", "profile-picture")
        assert done.returncode == 0, done.stderr
