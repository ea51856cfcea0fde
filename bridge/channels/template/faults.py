"""What is wrong with a template: said without Jinja2, so that it can be told without it."""

from __future__ import annotations


class TemplateFault(ValueError):  # noqa: N818 - a fault is what it is, ours or its author's
    """
    A template is wrong, or cannot be filled with an event.

    Attributes:
        text: What is wrong, for its author; no value is repeated.

        line: Where in the template, from 1; ``None`` if nowhere in particular.

        setting: Which setting the template is: ``body``, ``headers.X-Team``.
    """

    def __init__(
        self, text: str, *, line: int | None = None, setting: str = "body"
    ) -> None:
        super().__init__(text)
        self.text = text
        self.line = line
        self.setting = setting

    def __str__(self) -> str:
        """Say what is wrong and where, without the setting's name."""
        return f"line {self.line}: {self.text}" if self.line else self.text
