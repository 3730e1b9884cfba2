"""What a mail says; made by `messages`, sent by `smtp`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """One notice in words, the same in text and HTML."""

    subject: str
    """One line, without any control character."""
    text: str
    html: str
    language: str
    """The one it is written in, for example ``en``."""
