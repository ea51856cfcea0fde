"""
A gateway that costs as little as a gateway can, with rows of 2 kB made of two templates.

``GET /set/NAME/VALUE`` changes how it answers: ``delay`` is seconds, ``ended`` the percentage
of ids that have ended (by their last two digits), ``rand`` 1 if every answer has another
``?rand=`` in its links, as new-api's have; ``flips`` is FROM,STEP: the task N ends at
FROM + N x STEP (N: its last six digits). ``GET /counts`` tells how many distinct ids were
asked for since it was last set, in how many requests; ``GET /flips`` when each task was
first shown as ended. Submissions are taken, and fetched tasks shown as in a list.

    python -m benchmarks.gateway 8098
"""

from __future__ import annotations

import asyncio
import json
import time

from benchmarks.raw_http import answer, later, serve, with_body

HASH = "3785da15-4f70-4034-9128-f3ff1ac634fa"
PROMPT = "a lighthouse on a cliff above a stormy sea, oil on canvas, wide shot " * 6
#: Before the id of the first task that is submitted here.
FIRST_TAKEN = 1730621826000000
BUTTONS = [
    ("upsample", 1, "U1"), ("upsample", 2, "U2"), ("upsample", 3, "U3"), ("upsample", 4, "U4"),
    ("reroll", 0, ""), ("variation", 1, "V1"), ("variation", 2, "V2"),
]  # fmt: skip


def _row(*, ended: bool) -> bytes:
    """Return a row of about 2 kB, with @ID and @RAND to be replaced."""
    rand = "" if ended else "@RAND"
    prompt = PROMPT if ended else PROMPT * 2
    row = {
        "id": "@ID",
        "action": "IMAGINE",
        "customId": "",
        "botType": "",
        "prompt": prompt,
        "promptEn": prompt,
        "description": "Submit success",
        "state": "",
        "submitTime": 1730621826053,
        "startTime": 1730621828024,
        "finishTime": 1730621855817 if ended else 0,
        "imageUrl": f"https://gateway.example/mj/image/@ID{rand}",
        "status": "SUCCESS" if ended else "IN_PROGRESS",
        "progress": "100%" if ended else "31%",
        "failReason": "",
        "buttons": [
            {
                "customId": f"MJ::JOB::{what}::{number}::{HASH}",
                "emoji": "",
                "label": label,
                "type": 2,
                "style": 2,
            }
            for what, number, label in (BUTTONS if ended else [])
        ],
        "maskBase64": "",
        "properties": {"finalPrompt": "", "finalZhPrompt": ""},
    }
    return json.dumps(row).encode()


RUNNING, ENDED = _row(ended=False), _row(ended=True)


class Gateway:
    """Answers lists; keeps count of what it was asked for."""

    def __init__(self) -> None:
        self._set: dict[str, float] = {"delay": 0.0, "ended": 0.0, "rand": 0.0}
        self._flips: tuple[float, float] | None = None
        self._flipped: dict[str, float] = {}
        self._asked: set[str] = set()
        self._requests = 0
        self._taken = 0
        self._last = 0.0

    def handle(
        self, path: bytes, _head: bytes, body: bytes, transport: asyncio.Transport
    ) -> None:
        if path.startswith(b"/set/"):
            _, _, name, value = path.decode().split("/")
            self._change(name, value)
            transport.write(answer({}))
        elif path == b"/counts":
            counts = {"distinct": len(self._asked), "requests": self._requests}
            transport.write(answer({**counts, "last": self._last}))
        elif path == b"/flips":
            transport.write(answer(self._flipped))
        elif path.startswith(b"/mj/submit/"):
            self._taken += 1
            task_id = str(FIRST_TAKEN + self._taken)
            transport.write(answer({"code": 1, "description": "ok", "result": task_id}))
        elif path.endswith(b"/fetch"):
            row = self._shown(path.decode().split("/")[-2])
            later(self._set["delay"], transport, with_body(row))
        else:
            self._list(json.loads(body)["ids"], transport)

    def _change(self, name: str, value: str) -> None:
        if name == "flips":
            began, step = value.split(",")
            self._flips = float(began), float(step)
        else:
            self._set[name] = float(value)
        self._asked.clear()
        self._requests = 0

    def _list(self, ids: list[str], transport: asyncio.Transport) -> None:
        self._requests += 1
        self._asked.update(ids)
        rows = b",".join([self._shown(one) for one in ids])
        self._last = time.monotonic()
        later(self._set["delay"], transport, with_body(b"[" + rows + b"]"))

    def _shown(self, task_id: str) -> bytes:
        if self._has_ended(task_id):
            return ENDED.replace(b"@ID", task_id.encode())
        rand = b"?rand=%d" % time.time_ns() if self._set["rand"] else b""
        return RUNNING.replace(b"@ID", task_id.encode()).replace(b"@RAND", rand)

    def _has_ended(self, task_id: str) -> bool:
        if self._flips is None:
            return int(task_id[-2:]) < self._set["ended"]
        began, step = self._flips
        now = time.time()
        if now < began + int(task_id[-6:]) * step:
            return False
        self._flipped.setdefault(task_id, now)
        return True


if __name__ == "__main__":
    serve(Gateway().handle)
