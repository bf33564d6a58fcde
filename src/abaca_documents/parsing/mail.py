"""Mail: its subject as title, who wrote to whom, its text; of attachments only the names."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from abaca_documents.errors import ParseFailed
from abaca_documents.parsing.decoding import decode
from abaca_documents.parsing.media import Kind
from abaca_documents.parsing.web import write_html
from abaca_documents.parsing.writing import Full, Writer
from abaca_documents.protocols import Parsed, ParseLimits

SHOWN = ("From", "To", "Cc", "Date", "Subject")


def parse(data: bytes, filename: str, limits: ParseLimits) -> Parsed:
    message = message_from_bytes(data, policy=default)
    writer = Writer(Kind.EMAIL, limits, "email")
    try:
        _write(message, writer)
    except Full:
        pass
    except (ValueError, LookupError, AttributeError, IndexError, KeyError, TypeError) as error:
        # The library lets these through for headers that are not what they should be.
        raise ParseFailed(f"the mail cannot be read: {error}") from None
    return writer.done()


def _write(message: EmailMessage, writer: Writer) -> None:
    subject = str(message.get("Subject", ""))
    for name in SHOWN:
        if value := " ".join(str(message.get(name, "")).split()):
            writer.metadata[name.lower()] = value
            writer.line(f"{name}: {value}")
    writer.line("")
    if (part := message.get_body(("plain", "html"))) is not None:
        payload = part.get_payload(decode=True)
        text, _ = decode(payload if isinstance(payload, bytes) else b"", part.get_content_charset())
        if part.get_content_subtype() == "html":
            write_html(text, writer)
        else:
            writer.paragraph(text)
    names = [title for each in message.iter_attachments() if (title := each.get_filename())]
    if names:
        writer.metadata["attachments"] = ", ".join(names)
        writer.paragraph("Attachments: " + ", ".join(names))
    writer.title = subject
