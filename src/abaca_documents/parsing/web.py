"""HTML, by lexbor: the text that a reader sees, block by block, with the headings above it."""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from abaca_documents.errors import ParseFailed
from abaca_documents.parsing.decoding import decode
from abaca_documents.parsing.media import Kind
from abaca_documents.parsing.writing import Full, Writer
from abaca_documents.protocols import Parsed, ParseLimits

UNSEEN = "script, style, noscript, template, svg, math, iframe, object, head link, [hidden]"
BLOCKS = frozenset(
    {
        *("address", "article", "aside", "blockquote", "body", "br", "caption", "dd", "details", "div", "dl", "dt"),
        *("fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr"),
        *("li", "main", "nav", "ol", "option", "p", "pre", "section", "select", "summary", "table", "tbody", "td"),
        *("tfoot", "th", "thead", "tr", "ul"),
    }
)
CELLS = frozenset(("td", "th"))
CHARSET = re.compile(
    rb"<meta[^>]+charset\s*=\s*[\"']?\s*([A-Za-z0-9_-]+)|<\?xml[^>]+encoding=[\"']([A-Za-z0-9_-]+)", re.IGNORECASE
)
DEEPEST = 2000
MANY_BREAKS = re.compile(r"\n{3,}")


def parse(data: bytes, filename: str, limits: ParseLimits) -> Parsed:
    declared = CHARSET.search(data[:4096])
    text, encoding = decode(data, (declared[1] or declared[2]).decode() if declared else None)
    writer = Writer(Kind.HTML, limits, "selectolax")
    write_html(text, writer)
    writer.metadata |= {"encoding": encoding}
    return writer.done()


def write_html(text: str, writer: Writer) -> None:
    tree = LexborHTMLParser(text)
    if (title := tree.css_first("title")) is not None:
        writer.title = title.text()
    if (root := tree.root) is not None and (language := root.attributes.get("lang")):
        writer.metadata["language"] = language
    for node in tree.css('meta[name="author"], meta[name="description"], meta[name="keywords"]'):
        writer.metadata[str(node.attributes.get("name"))] = " ".join((node.attributes.get("content") or "").split())
    tree.strip_tags([name.strip() for name in UNSEEN.split(",")])
    if tree.body is not None:
        try:
            _Walk(writer).run(tree.body)
        except Full:
            pass


class _Walk:
    """Goes through the nodes in their order without recursion: nesting has no end in what people write."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.breaks = 2  # line ends that the text so far ends with
        self.gap = False  # a space is due before the next word

    def run(self, body: LexborNode) -> None:
        stack: list[tuple[LexborNode, bool]] = [(body, False)]
        preformatted = 0
        while stack:
            node, leaving = stack.pop()
            tag = node.tag or ""
            if node.is_text_node:
                self.text(node.text_content or "", keep=preformatted > 0)
                continue
            if tag in BLOCKS:
                self.block(tag)
            preformatted += (tag == "pre") * (-1 if leaving else 1)
            if leaving:
                continue
            if len(stack) > DEEPEST * 50:
                raise ParseFailed("the page is nested too deeply to be read")
            if len(tag) == 2 and tag[0] == "h" and tag[1] in "123456":
                self.writer.heading(int(tag[1]), node.text())
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(list(node.iter(include_text=True))))

    def block(self, tag: str) -> None:
        if tag in CELLS:
            self.gap = True
            return
        wanted = 1 if tag in ("br", "tr", "li", "dd", "dt", "option") else 2
        if self.breaks < wanted:
            self.writer.write("\n" * (wanted - self.breaks))
            self.breaks = wanted
        self.gap = False

    def text(self, text: str, *, keep: bool) -> None:
        if keep:
            self.writer.write(text)
            self.breaks = 1 if text.endswith("\n") else 0
            return
        words = " ".join(text.split())
        if not words:
            self.gap = self.gap or bool(text)
            return
        if (self.gap or text[0].isspace()) and not self.breaks:
            self.writer.write(" ")
        self.writer.write(words)
        self.breaks = 0
        self.gap = text[-1].isspace()
