# SPDX-License-Identifier: Apache-2.0
"""Calling the hook as a runtime does, without one."""

import json
import os

from harness.commands import HOOK, run

ABSENT = object()


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
