"""Snapshots to try the rules on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from bridge.core.button import Button
from bridge.core.cadence import Loss
from bridge.core.task import TaskSnapshot, TaskStatus

#: The task of the documentation's example event, as the upstream gave it.
PIG = TaskSnapshot(
    id="1730621826053455",
    status=TaskStatus.SUCCESS,
    progress=100,
    action="IMAGINE",
    prompt="pig --v 6.1",
    prompt_en="pig --v 6.1",
    final_prompt="pig --v 6.1",
    description="Submit success",
    image_url="https://cdn.example/pig.png?ex=6728831f&is=6727319f&hm=f6d7&",
    buttons=(
        Button.of(
            "MJ::JOB::upsample::1::3785da15-4f70-4034-9128-f3ff1ac634fa", "U1", None
        ),
    ),
    submit_time=1730621826053,
    start_time=1730621828024,
    finish_time=1730621855817,
)

#: Why a task was given up.
MISSING = Loss("missing", 300.0)


def seen(
    status: str | None, progress: int | None = None, **fields: Any
) -> TaskSnapshot:
    """What an upstream said about task 1."""
    read = None if status is None else TaskStatus(status)
    return replace(TaskSnapshot(id="1", status=read, progress=progress), **fields)


statuses = st.sampled_from([*TaskStatus, None])
snapshots = st.builds(
    seen,
    statuses,
    st.none() | st.integers(0, 100),
    fail_reason=st.none() | st.sampled_from(["banned", "timeout"]),
    image_url=st.none() | st.integers(0, 9).map("https://h/mj/image/1?rand={}".format),
    action=st.none() | st.sampled_from(["IMAGINE", "MODAL"]),
)
histories = st.lists(snapshots, max_size=12)
