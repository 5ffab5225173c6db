# SPDX-License-Identifier: Apache-2.0
"""Calling the hook as a runtime does, without one; what it has kept of those it refused."""

import json
import os
from pathlib import Path

from harness.commands import HOOK, run

ABSENT = object()
REFUSALS = Path("/run/socklid/refusals")


def state(**changes):
    """A container state; a field given as ABSENT is left out."""
    document = {"ociVersion": "1.0.2", "id": "socklid-test-state", "status": "creating",
                "pid": os.getpid(), "bundle": "/nonexistent", **changes}
    return {key: value for key, value in document.items() if value is not ABSENT}


def hook(stage, document, environment=None):
    """`document`: a value to write as JSON, or text or bytes as they are."""
    data = document if isinstance(document, (str, bytes)) else json.dumps(document)
    stages = [stage] if isinstance(stage, str) else stage
    return run(HOOK, *stages, stdin=data, check=False, env=environment or {})


def last_refusal():
    """The record of the container that the hook refused last, with the whole story; its standard
    error has a line for everybody."""
    names = sorted(REFUSALS.glob("*.json"))
    return json.loads(names[-1].read_text()) if names else {"id": "", "exit": 0, "message": ""}
