"""The strings of messages, in each language; tables, so that a reader sees all of them."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.core.endpoint import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Strings:
    """What messages say; ``{what}`` is the action, ``{name}`` an endpoint or upstream."""

    actions: dict[str, str]
    task: str
    headlines: dict[str, str]  #: By event type.
    corrected: dict[str, str]  #: Of ``task.corrected``, by the new status.
    progress: str
    started: str
    reason: str
    next: str
    task_id: str
    open: str
    watch: str
    choose: str  #: What leads to the page with a task's buttons.
    too_late: str  #: To somebody who presses what cannot be pressed (any more).
    not_yours: str  #: To somebody who may not press.
    needs_prompt: str  #: To somebody who presses what wants a prompt.
    unavailable: str  #: To somebody whose press could not be written down.
    works: str  #: To somebody who presses a sample's button.
    accepted: str  #: What came of a press; like the next three.
    refused: str
    unsure: str
    undone: str
    picture_of: str
    no_prompt: str
    not_shown: str  #: In place of a picture that cannot be shown.
    expired: str
    sample: str
    hours: str
    minutes: str
    seconds: str
    modal: str  #: What a task waits for.
    lost: dict[str, str]  #: Why, by the cause in `bridge.core.cadence.Loss`.
    since: str
    colon: str  #: Between a label and what it labels.


_EN = Strings(
    actions={
        "IMAGINE": "Imagine",
        "UPSCALE": "Upscale",
        "UPSCALE_HD": "Upscale",
        "VARIATION": "Variation",
        "HIGH_VARIATION": "Strong variation",
        "LOW_VARIATION": "Subtle variation",
        "REROLL": "Reroll",
        "DESCRIBE": "Describe",
        "BLEND": "Blend",
        "SHORTEN": "Shorten",
        "ZOOM": "Zoom out",
        "CUSTOM_ZOOM": "Custom zoom",
        "OUTPAINT": "Zoom out",
        "PAN": "Pan",
        "INPAINT": "Vary region",
        "MODAL": "Imagine",
        "SWAP_FACE": "Face swap",
        "UPLOAD": "Upload",
        "VIDEO": "Video",
        "VIDEO_EXTEND": "Video extension",
        "EDIT": "Edit",
        "EDITS": "Edit",
        "RETEXTURE": "Retexture",
    },
    task="Task",
    headlines={
        "task.submitted": "{what} queued",
        "task.started": "{what} in progress",
        "task.progress": "{what} in progress",
        "task.action_required": "{what} waits for you",
        "task.succeeded": "{what} finished",
        "task.failed": "{what} failed",
        "task.cancelled": "{what} cancelled",
        "task.lost": "{what} lost",
        "task.corrected": "{what}: the outcome was corrected",
        "task.archived": "{what} kept",
        "endpoint.disabled": "Endpoint {name} was disabled",
        "endpoint.recovered": "Endpoint {name} works again",
        "upstream.unhealthy": "Upstream {name} does not answer",
        "upstream.recovered": "Upstream {name} answers again",
        "delivery.dead": "A delivery to {name} was given up",
        "archive.full": "The archive is full: the oldest pictures go",
        "action.refused": "{label} was not done at {name}",
        "action.unknown": "{label} may or may not have started at {name}",
        "rule.limited": "Rule {name} has reached its limit",
    },
    corrected={
        "SUCCESS": "{what}: finished after all",
        "FAILURE": "{what}: failed after all",
        "CANCEL": "{what}: was cancelled after all",
    },
    progress="Progress",
    started="Started",
    reason="Reason",
    next="Next",
    task_id="task",
    open="Open full size",
    watch="Watch",
    choose="Choose what to do next",
    too_late="This button does not work any more.",
    not_yours="You may not press the buttons here.",
    needs_prompt="This button needs a prompt.",
    unavailable="This could not be done just now. Please try again in a moment.",
    works="It works. This was a sample; nothing was pressed.",
    accepted="✓ started",
    refused="✗ refused",
    unsure="? may or may not have started",
    undone="undone",
    picture_of="Midjourney picture for: {prompt}",
    no_prompt="(no prompt)",
    not_shown="The picture cannot be shown here",
    expired="The picture's link has expired",
    sample="This is a sample. No task was harmed.",
    hours="{} h",
    minutes="{} min",
    seconds="{} s",
    modal="it goes on after /mj/submit/modal",
    lost={},
    since="Since",
    colon=": ",
)

_ZH = Strings(
    actions={
        "IMAGINE": "绘图",
        "UPSCALE": "放大",
        "UPSCALE_HD": "高清放大",
        "VARIATION": "变体",
        "HIGH_VARIATION": "强变体",
        "LOW_VARIATION": "弱变体",
        "REROLL": "重绘",
        "DESCRIBE": "图生文",
        "BLEND": "混图",
        "SHORTEN": "提示词精简",
        "ZOOM": "变焦",
        "CUSTOM_ZOOM": "自定义变焦",
        "OUTPAINT": "扩图",
        "PAN": "平移",
        "INPAINT": "局部重绘",
        "MODAL": "绘图",
        "SWAP_FACE": "换脸",
        "UPLOAD": "上传",
        "VIDEO": "视频",
        "VIDEO_EXTEND": "视频延长",
        "EDIT": "编辑",
        "EDITS": "编辑",
        "RETEXTURE": "重绘纹理",
    },
    task="任务",
    headlines={
        "task.submitted": "{what}排队中",
        "task.started": "{what}进行中",
        "task.progress": "{what}进行中",
        "task.action_required": "{what}等待确认",
        "task.succeeded": "{what}完成",
        "task.failed": "{what}失败",
        "task.cancelled": "{what}已取消",
        "task.lost": "{what}丢失",
        "task.corrected": "{what}：结果已更正",
        "task.archived": "{what}已存档",
        "endpoint.disabled": "端点 {name} 已停用",
        "endpoint.recovered": "端点 {name} 已恢复",
        "upstream.unhealthy": "上游 {name} 无响应",
        "upstream.recovered": "上游 {name} 已恢复",
        "delivery.dead": "发往 {name} 的一条通知已放弃投递",
        "archive.full": "图片存档已满，最旧的图片将被删除",
        "action.refused": "{name} 未执行 {label}",
        "action.unknown": "{name} 可能已经开始 {label}，也可能没有",
        "rule.limited": "规则 {name} 已达到上限",
    },
    corrected={
        "SUCCESS": "{what}：最终完成",
        "FAILURE": "{what}：最终失败",
        "CANCEL": "{what}：最终取消",
    },
    progress="进度",
    started="开始于",
    reason="原因",
    next="下一步",
    task_id="任务",
    open="查看原图",
    watch="观看视频",
    choose="选择下一步",
    too_late="此按钮已失效。",
    not_yours="你没有权限按这里的按钮。",
    needs_prompt="此按钮需要提示词。",
    unavailable="暂时无法执行，请稍后再试。",
    works="按钮可用。这只是测试，没有执行任何操作。",
    accepted="✓ 已开始",
    refused="✗ 被拒绝",
    unsure="? 可能已开始，也可能没有",
    undone="已撤销",
    picture_of="Midjourney 图片：{prompt}",
    no_prompt="（无提示词）",
    not_shown="图片无法在此显示",
    expired="图片链接已过期",
    sample="这是一条测试消息，并非真实任务。",
    hours="{} 小时",
    minutes="{} 分钟",
    seconds="{} 秒",
    modal="等待提交 /mj/submit/modal",
    lost={
        "missing": "上游已有 {}未列出该任务",
        "expired": "该任务在开始跟踪后 {}内没有结束",
    },
    since="开始于",
    colon="：",
)

STRINGS: dict[str, Strings] = {"en": _EN, "zh": _ZH}


def strings_of(endpoint: Endpoint) -> Strings:
    """Return what people at an endpoint read, in its language."""
    return STRINGS[getattr(endpoint.options, "language", "en")]
