"""Fixtures. A test that only uses the service takes `vibe` (one instance per worker of pytest-xdist); one that kills, fills
or reconfigures it takes `vibe_factory`. What tests do with an instance is in helpers/."""

import os
import pathlib
import shutil
import tempfile

import pytest

from helpers.apple import Key, KeyServer, trust
from helpers.phone import Phone
from helpers.program import BINARY, ROOT, Serve, Up
from helpers.smtp import SmtpServer

PHOTOS = ROOT.parent / "shared" / "photos"


@pytest.fixture(scope="session")
def binary():
    if not BINARY.exists():
        pytest.fail(f"there is no program at {BINARY}: build it (./dev test does) or set VIBE_BINARY")
    return BINARY


@pytest.fixture(scope="session")
def scratch():
    """A folder for the whole run. It is gone afterwards, which pytest's own folders are not."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="vibe-test-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _new_folder(scratch, name):
    return pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-", dir=scratch)) / "data"


# -- instances --

@pytest.fixture(scope="session")
def vibe(binary, scratch):
    """The instance that all tests of one worker share: leave it as you found it, and use your own keys and accounts."""
    with Up(scratch / "shared") as instance:
        yield instance


@pytest.fixture(scope="module")
def module_vibe(binary, scratch):
    """module_vibe(**environment): a `vibe up` for the tests of one module, which is stopped after the last of them."""
    made = []

    def make(**environment):
        made.append(Up(_new_folder(scratch, "module"), environment=environment))
        return made[-1].start()

    yield make
    _stop_all(made)


@pytest.fixture
def vibe_factory(binary, scratch):
    """vibe_factory(*arguments, data_dir=None, environment={}, start=True): a `vibe up` of the test's own. It is stopped after
    the test if it still runs, and must end cleanly."""
    made = []

    def make(*arguments, data_dir=None, environment=None, start=True):
        made.append(Up(data_dir or _new_folder(scratch, "own"), arguments, environment))
        return made[-1].start() if start else made[-1]

    yield make
    _stop_all(made)


@pytest.fixture
def serve_factory(vibe, scratch):
    """serve_factory(beside=vibe, start=True, **environment): a `vibe serve` of the test's own. None unsets a variable."""
    made = []

    def make(beside=None, start=True, **environment):
        made.append(Serve(_new_folder(scratch, "serve"), beside or vibe, **environment))
        return made[-1].start() if start else made[-1]

    yield make
    _stop_all(made)


def _stop_all(instances):
    try:
        for instance in instances:
            if instance.process is not None:
                instance.stop()
    finally:
        for instance in instances:
            instance.kill()
            shutil.rmtree(instance.data_dir, ignore_errors=True)


MAIL = {"MAIL_FROM": "Vibe – Konto <no-reply@vibe.example>",
        "PASSWORD_RESET_URL": "https://app.example.com/reset?token={token}&lang=de"}


@pytest.fixture(scope="module")
def mailing(vibe, scratch):
    """A `vibe serve` that sends mail; `smtp` is the server that takes it."""
    with SmtpServer() as smtp, Serve(_new_folder(scratch, "mailing"), vibe, SMTP_URL=smtp.url, **MAIL) as serve:
        serve.smtp = smtp
        yield serve


@pytest.fixture(scope="session")
def apple_key():
    return Key("first")


@pytest.fixture(scope="module")
def apple(vibe, scratch, apple_key):
    """A `vibe serve` that trusts `apple_key` as Apple's, and sends mail; `keys` serves the key, `smtp` takes the mail."""
    with SmtpServer() as smtp, KeyServer(apple_key) as keys, \
            Serve(_new_folder(scratch, "apple"), vibe, SMTP_URL=smtp.url, **MAIL, **trust(keys)) as serve:
        serve.smtp, serve.keys = smtp, keys
        yield serve


# -- people and pictures --

@pytest.fixture
def phone(vibe):
    return Phone(vibe)


@pytest.fixture
def ana(vibe):
    return Phone(vibe, "Ana")


@pytest.fixture
def ben(vibe):
    return Phone(vibe, "Ben")


@pytest.fixture(scope="session")
def photos():
    """The folder of real photographs beside the project; tests that use it also have a sibling on made pictures."""
    if not PHOTOS.is_dir():
        pytest.skip(f"the real photographs are missing: no folder {os.path.relpath(PHOTOS, ROOT)} beside the project")
    return PHOTOS
