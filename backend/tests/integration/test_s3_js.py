"""The newest AWS SDK for JavaScript with its default settings (checksum trailers, CRC64NVME): js/round_trip.mjs."""

import hashlib
import os
import pathlib
import shutil
import subprocess

import pytest

from helpers.program import ROOT

HERE = pathlib.Path(__file__).resolve().parent / "js"


@pytest.fixture(scope="module")
def project():
    """The script beside its packages in the build folder; the first run installs them."""
    package = (HERE / "package.json").read_bytes()
    folder = ROOT / "build" / "tests" / f"s3-js-{hashlib.sha256(package).hexdigest()[:12]}"
    if not (folder / "installed").exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_bytes(package)
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"], cwd=folder, check=True, timeout=300)
        (folder / "installed").touch()
    shutil.copy(HERE / "round_trip.mjs", folder)
    return folder


def test_every_step_of_the_round_trip_succeeds(vibe, project):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {"S3_URL": vibe.s3_url, "AWS_REGION": vibe.region, "AWS_ACCESS_KEY_ID": vibe.access_key,
                    "AWS_SECRET_ACCESS_KEY": vibe.secret_key}
    done = subprocess.run(["node", "round_trip.mjs"], cwd=project, env=environment, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    steps = done.stdout.splitlines()
    assert steps[-1] == "done" and steps[0] == "ok create bucket" and steps[-2] == "ok delete everything"
