"""What the documentation gives receivers to copy, run in its own language."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from tests.parts import installed

PAGE = Path(__file__).parents[2] / "docs" / "receiving.md"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = '{"type": "task.succeeded", "data": {"prompt": "a fox, 狐 🦊"}}'

pytestmark = pytest.mark.component

#: A program around each snippet: it reads {"secret", "headers", "body"}, as JSON, from its
#: first argument's file, and prints true or false.
FRAMES = {
    "python": (
        [sys.executable, "try.py"],
        """{snippet}

import json, sys
given = json.load(open(sys.argv[1]))
print(str(verify(given["secret"], given["headers"], given["body"].encode())).lower())
""",
    ),
    "js": (
        ["node", "try.mjs"],
        """import {{ readFileSync }} from "node:fs";
{snippet}
const given = JSON.parse(readFileSync(process.argv[2]));
console.log(verify(given.secret, given.headers, Buffer.from(given.body)));
""",
    ),
    "php": (
        ["php", "try.php"],
        """<?php
{snippet}
$given = json_decode(file_get_contents($argv[1]), true);
echo json_encode(verify($given['secret'], $given['headers'], $given['body']));
""",
    ),
    "go": (
        ["go", "run", "try.go"],
        """package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

{snippet}
func main() {{
	text, _ := os.ReadFile(os.Args[1])
	var given struct {{
		Secret, Body string
		Headers      map[string]string
	}}
	json.Unmarshal(text, &given)
	headers := http.Header{{}}
	for name, value := range given.Headers {{
		headers.Set(name, value)
	}}
	fmt.Println(verify(given.Secret, headers, []byte(given.Body)))
}}
""",
    ),
    "java": (
        ["java", "Try.java"],
        """import static java.nio.charset.StandardCharsets.UTF_8;
import java.nio.file.*;
import java.security.*;
import java.util.*;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

class Try {{
    {snippet}
    public static void main(String[] args) throws Exception {{
        List<String> lines = Files.readAllLines(Path.of(args[0] + ".lines"));
        Map<String, String> headers = new HashMap<>();
        for (String line : lines.subList(2, lines.size()))
            headers.put(line.split("=", 2)[0], line.split("=", 2)[1]);
        System.out.println(verify(lines.get(0), headers, lines.get(1).getBytes(UTF_8)));
    }}
}}
""",
    ),
}
#: Debian's package of what runs a language, and the marker of its tests. Compilers are large,
#: and take a minute: `make soak` runs those.
PACKAGES = {
    "js": ("nodejs", pytest.mark.parts),
    "php": ("php-cli", pytest.mark.parts),
    "go": ("golang-go", pytest.mark.soak),
    "java": ("default-jdk-headless", pytest.mark.soak),
}
LANGUAGES = [
    pytest.param(name, marks=[PACKAGES[name][1]] if name in PACKAGES else [])
    for name in FRAMES
]


def _snippets(language: str) -> str:
    text = PAGE.read_text(encoding="utf-8")
    [snippet] = re.finditer(rf"(?ms)^```{language}\n(.*?)^```", text)
    return snippet[1]


def _headers(at: datetime, body: str = BODY) -> dict[str, str]:
    signature = Webhook(SECRET).sign("evt_1", at, body)
    return {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": f"v1,{'A' * 43}= {signature}",
    }


@pytest.fixture(scope="module", params=LANGUAGES)
def program(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[str], Path]:
    """One language's snippet as a program: its command, and the directory to run it in."""
    command, frame = FRAMES[request.param]
    if request.param in PACKAGES:
        installed(command[0], PACKAGES[request.param][0])
    folder = tmp_path_factory.mktemp(request.param)
    source = frame.format(snippet=_snippets(request.param))
    (folder / command[-1]).write_text(source, encoding="utf-8")
    return command, folder


def _verify(
    program: tuple[list[str], Path], headers: dict[str, str], body: str = BODY
) -> bool:
    command, folder = program
    given = folder / "given.json"
    content = {"secret": SECRET, "headers": headers, "body": body}
    given.write_text(json.dumps(content), encoding="utf-8")
    lines = [SECRET, body, *(f"{name}={value}" for name, value in headers.items())]
    (folder / "given.json.lines").write_text("\n".join(lines), encoding="utf-8")
    run = subprocess.run(
        [*command, str(given)],
        cwd=folder,
        env={**os.environ, "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.stderr == ""
    return {"true": True, "false": False}[run.stdout.strip()]


def test_a_receiver_takes_what_the_bridge_signed_and_nothing_else(
    program: tuple[list[str], Path],
) -> None:
    now = datetime.now(UTC)

    assert _verify(program, _headers(now))
    assert not _verify(program, _headers(now), BODY.replace("fox", "cat"))
    assert not _verify(program, _headers(now - timedelta(minutes=6)))
    assert not _verify(program, {**_headers(now), "webhook-id": "evt_2"})
