"""A receiver that is killed between its commit and its answer: what it kept is kept, and the repetition changes nothing."""

import json
import os
import subprocess
import sys

import pytest
import requests
from sqlalchemy import Engine

from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline_tests.webhooks.conftest import TIMEOUT, event, prepare, running_receiver, signed

# The receiver as it is, in a process of its own that dies as soon as a delivery is committed.
_KILLED_AFTER_THE_COMMIT = """
import os, signal
from st_deltek_pipeline.settings import load_settings
from st_deltek_pipeline.store.database import engine_for
from st_deltek_pipeline.webhooks import writer
from st_deltek_pipeline.webhooks.server import Receiver

kept = writer.InboxWriter._kept

def kept_and_killed(self, batch):
    kept(self, batch)
    os.kill(os.getpid(), signal.SIGKILL)

writer.InboxWriter._kept = kept_and_killed
settings = load_settings()
receiver = Receiver(settings, engine_for(settings.database_url), host="127.0.0.1", port=0)
receiver.run(lambda: print(receiver.url, flush=True))
"""


def test_a_delivery_whose_answer_was_lost_after_the_commit_is_kept_once_when_it_comes_again(
    settings: Settings, engine: Engine
) -> None:
    """T28: 2xx only after the commit; killed between commit and answer, delivered again, one effect."""
    prepare(settings, engine)
    environment = {
        **os.environ,
        "ST_DELTEK_DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "ST_DELTEK_DATA_DIR": str(settings.data_dir),
        "ST_DELTEK_CONNECTIONS_DIR": str(settings.connections_dir),
    }
    with subprocess.Popen(  # noqa: S603 (our own program)
        [sys.executable, "-c", _KILLED_AFTER_THE_COMMIT], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        body = json.dumps(event(1)).encode()
        with pytest.raises(requests.ConnectionError):
            requests.post(f"{url}/webhooks/acme/servicetitan", data=body, headers=signed(body), timeout=TIMEOUT)
        assert process.wait(TIMEOUT) == -9
    with running_receiver(settings, engine) as running:
        assert running.rows() == [(1, "waiting", 1)]
        assert running.send(event(1)).status_code == 200
        assert running.rows() == [(1, "waiting", 2)]
        # Nothing new to tell of: the event is found in the inbox as it was.
        assert running.told == []
