"""
Presets: requests that well-known services want, as templates that anybody could have written.

A preset is nothing but text in the language of templates, so that anyone who needs another
request copies one from here (or from the documentation, which shows all of them) and changes
it. Free texts are cut where the service has a limit; the whole event is what
``kind = "webhook"`` sends.

Sources: GitHub, REST API, "Create a repository dispatch event" (100 characters of type, 10
properties, 64 kB) and "Create a workflow dispatch event" (10 inputs on GitHub Enterprise
Server, 25 on github.com, 65,535 characters); Airflow, stable REST API, ``post_dag_run`` of
2.x and ``TriggerDAGRunPostBody`` of 3.x (``logical_date`` must be there and may be null);
Jenkins, "Remote access API", and the README of its Generic Webhook Trigger plugin;
CloudEvents 1.0.2, JSON format and HTTP protocol binding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from urllib.parse import urlsplit

from bridge.errors import Misconfigured

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """
    A request in templates.

    Attributes:
        headers: Names in lower case. The endpoint's own go before them, and what comes out
            empty is not sent.

        success: Status codes that also mean "done", beside the endpoint's own.
    """

    body: str
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    success: tuple[str, ...] = ()


_BEARER = "{% if token %}Bearer {{ token }}{% endif %}"
#: What is given as user:password is meant for Basic, anything else for Bearer.
_BASIC_OR_BEARER = (
    "{% if token and ':' in token %}Basic {{ token | base64 }}"
    "{% elif token %}Bearer {{ token }}{% endif %}"
)
_GITHUB = {
    "accept": "application/vnd.github+json",
    "authorization": _BEARER,
    "x-github-api-version": "2022-11-28",
}

_REPOSITORY_DISPATCH = """\
{
  "event_type": "{{ type }}",
  "client_payload": {
    "id": "{{ id }}",
    "type": "{{ type }}",
    "timestamp": "{{ timestamp }}",
    "data": {{ data | fit(50000) }}
  }
}
"""

_WORKFLOW_DISPATCH = """\
{
  "ref": "{{ values.ref or "main" }}",
  "inputs": {
    "event": "{{ id }}",
    "type": "{{ type }}",
    "task": "{{ task.id }}",
    "status": "{{ task.status }}",
    "prompt": "{{ task.prompt | cut(2000) }}",
    "image": "{{ task.imageUrl }}",
    "reason": "{{ reason | cut(1000) }}",
    "data": "{{ data | fit(30000) | tojson }}"
  }
}
"""

_AIRFLOW = """\
{
  "dag_run_id": "{{ id }}",
  "logical_date": null,
  "note": "{{ title }}",
  "conf": {
    "id": "{{ id }}",
    "type": "{{ type }}",
    "timestamp": "{{ timestamp }}",
    "data": {{ data }}
  }
}
"""

#: In 2.x a date is made up where none is given, and null is refused; notes came with 2.5.
_AIRFLOW_2 = _AIRFLOW.replace('  "logical_date": null,\n  "note": "{{ title }}",\n', "")

_JENKINS = (
    "MJ_EVENT={{ id }}&MJ_TYPE={{ type }}&MJ_TIMESTAMP={{ timestamp }}"
    "&MJ_TASK={{ task.id }}&MJ_UPSTREAM={{ upstream }}&MJ_ACTION={{ task.action }}"
    "&MJ_STATUS={{ task.status }}&MJ_PROGRESS={{ task.progress }}"
    "&MJ_PROMPT={{ task.prompt | cut(4000) }}&MJ_IMAGE_URL={{ task.imageUrl }}"
    "&MJ_VIDEO_URL={{ task.videoUrls | first | default('') }}"
    "&MJ_REASON={{ reason | cut(1000) }}"
)

_EVENT = """\
{
  "id": "{{ id }}",
  "type": "{{ type }}",
  "timestamp": "{{ timestamp }}",
  "data": {{ data }}
}
"""

#: One level, no lists: what a person clicks together in a flow, each field has a name there.
_THIN = """\
{
  "event": "{{ id }}",
  "type": "{{ type }}",
  "time": "{{ timestamp }}",
  "title": "{{ title }}",
  "task": {{ task.id }},
  "upstream": {{ upstream }},
  "action": {{ task.action }},
  "status": {{ task.status }},
  "progress": {{ task.progress }},
  "prompt": {{ task.prompt }},
  "image": {{ task.imageUrl }},
  "video": {{ task.videoUrls | first | default(none) }},
  "reason": {{ reason }}
{% for key, value in task.metadata.items() %}
  , "meta_{{ key }}": "{{ value }}"
{% endfor %}
}
"""

#: A URI reference; names of upstreams need no escaping.
_SOURCE = "/mjbridge{% if upstream %}/{{ upstream }}{% endif %}"

_CLOUDEVENT = """\
{
  "specversion": "1.0",
  "id": "{{ id }}",
  "source": "%s",
  "type": "{{ type }}",
  "subject": "{{ subject }}",
  "time": "{{ timestamp }}",
  "datacontenttype": "application/json",
  "data": {{ data }}
}
""".replace("%s", _SOURCE)

PRESETS: Mapping[str, Preset] = {
    "github_repository_dispatch": Preset(
        body=_REPOSITORY_DISPATCH,
        headers=_GITHUB,
    ),
    "github_workflow_dispatch": Preset(
        body=_WORKFLOW_DISPATCH,
        headers=_GITHUB,
    ),
    "airflow": Preset(
        body=_AIRFLOW,
        headers={"accept": JSON, "authorization": _BASIC_OR_BEARER},
        success=("409",),  # the run is there already: an earlier attempt arrived
    ),
    "jenkins": Preset(
        body=_JENKINS,
        content_type=FORM,
        headers={"authorization": _BASIC_OR_BEARER},
    ),
    "jenkins_webhook": Preset(
        body=_EVENT,
        headers={"authorization": _BEARER},
    ),
    "n8n": Preset(
        body=_THIN,
        headers={"authorization": _BEARER},
    ),
    "zapier": Preset(body=_THIN),
    "make": Preset(
        body=_THIN,
        headers={"x-make-apikey": "{{ token }}"},
    ),
    "cloudevents": Preset(
        body=_CLOUDEVENT,
        content_type="application/cloudevents+json; charset=utf-8",
        headers={"authorization": _BEARER},
    ),
    "cloudevents_binary": Preset(
        body="{{ data }}",
        headers={
            "authorization": _BEARER,
            "ce-specversion": "1.0",
            "ce-id": "{{ id }}",
            "ce-source": _SOURCE,
            "ce-type": "{{ type }}",
            "ce-subject": "{{ subject | percent }}",
            "ce-time": "{{ timestamp }}",
        },
    ),
}

#: What else people call them.
_ALIASES = {
    "repository_dispatch": "github_repository_dispatch",
    "workflow_dispatch": "github_workflow_dispatch",
    "airflow_dagruns": "airflow",
    "jenkins_generic": "jenkins_webhook",
    "cloudevents_structured": "cloudevents",
}


def preset_of(name: str, url: str) -> Preset:
    """
    Find a preset by its name, in any common spelling.

    Raises:
        Misconfigured: There is none.
    """
    plain = name.lower().replace("-", "_")
    plain = _ALIASES.get(plain, plain)
    if plain not in PRESETS:
        near = get_close_matches(plain, [*PRESETS, *_ALIASES], n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(PRESETS)}"
        msg = f"there is no such preset; {hint}"
        raise Misconfigured(msg)
    preset = PRESETS[plain]
    if plain == "airflow" and "/api/v1/" in urlsplit(url).path:
        return replace(preset, body=_AIRFLOW_2)
    return preset
