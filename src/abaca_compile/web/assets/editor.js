// A textarea with line numbers, and marks under the text where a compiler said something.
"use strict";

class Editor {
  /** @param {HTMLElement} root with a textarea, [data-gutter] and [data-marks]; `says` is told what is at the caret. */
  constructor(root, says) {
    this.root = root;
    this.text = root.querySelector("textarea");
    this.gutter = root.querySelector("[data-gutter]");
    this.under = root.querySelector("[data-marks]");
    this.says = says;
    this.marks = [];
    this.text.addEventListener("input", () => { this.forget(); this.draw(); });
    this.text.addEventListener("keydown", (event) => this.key(event));
    for (const name of ["keyup", "click", "focus"]) this.text.addEventListener(name, () => this.tell());
    this.draw();
  }

  get value() { return this.text.value; }

  set value(text) { this.text.value = text; this.forget(); this.draw(); }

  /** Marks: {severity, message, line, column, endLine, endColumn}, from 1; columns count characters, not UTF-16 units. */
  show(marks) {
    this.marks = marks.filter((mark) => mark.line)
      .map((mark) => ({ ...mark, ...this.range(mark) }))
      .sort((a, b) => a.start - b.start);
    this.draw();
  }

  forget() { this.marks = []; }

  /** Put the caret where a mark begins. */
  goTo(mark, focus = true) {
    const { start } = this.range(mark);
    if (focus) this.text.focus({ preventScroll: true });
    this.text.setSelectionRange(start, start);
    const row = parseFloat(getComputedStyle(this.root).lineHeight) || 21;
    const top = (mark.line - 1) * row;
    if (top < this.root.scrollTop + row || top > this.root.scrollTop + this.root.clientHeight - 3 * row)
      this.root.scrollTop = Math.max(0, top - this.root.clientHeight / 2);
    this.tell();
  }

  next(step) {
    if (!this.marks.length) return;
    const at = this.text.selectionStart;
    const ahead = this.marks.filter((mark) => (step > 0 ? mark.start > at : mark.start < at));
    const round = step > 0 ? this.marks[0] : this.marks[this.marks.length - 1];
    this.goTo((step > 0 ? ahead[0] : ahead[ahead.length - 1]) || round);
  }

  key(event) {
    if (event.key === "F8") { event.preventDefault(); this.next(event.shiftKey ? -1 : 1); }
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && !event.isComposing) this.indent(event);
  }

  /** A new line begins as far in as the one before. Tab is left alone: it leads out of the text. */
  indent(event) {
    const before = this.value.slice(0, this.text.selectionStart);
    const blanks = /[ \t]*/.exec(before.slice(before.lastIndexOf("\n") + 1))[0];
    if (!blanks) return;
    event.preventDefault();
    document.execCommand("insertText", false, `\n${blanks}`);  // keeps the browser's own undo
  }

  /** Where a mark is in the text. One without an end is one word long, or the rest of its line. */
  range(mark) {
    const lines = this.value.split("\n");
    const line = Math.min(Math.max(mark.line, 1), lines.length);
    const start = this.offset(lines, line, mark.column || this.firstColumn(lines[line - 1]));
    let end = mark.endLine && mark.endColumn
      ? this.offset(lines, Math.min(mark.endLine, lines.length), mark.endColumn)
      : start + (/^\w+/.exec(this.value.slice(start)) || [" "])[0].length;
    if (end <= start) end = start + 1;
    return { start, end };
  }

  firstColumn(line) { return Array.from(/^\s*/.exec(line)[0]).length + 1; }

  offset(lines, line, column) {
    let at = 0;
    for (let number = 0; number < line - 1; number++) at += lines[number].length + 1;
    return at + Array.from(lines[line - 1]).slice(0, column - 1).join("").length;
  }

  draw() {
    const count = this.value.split("\n").length;
    const worst = new Map();
    const order = { error: 3, fatal: 3, warning: 2, note: 1 };
    for (const mark of this.marks)
      if ((order[mark.severity] || 0) > (order[worst.get(mark.line)] || 0)) worst.set(mark.line, mark.severity);
    const rows = [];
    for (let line = 1; line <= count; line++) {
      const row = document.createElement("div");
      row.textContent = line;
      if (worst.has(line)) row.className = `has-${worst.get(line) === "fatal" ? "error" : worst.get(line)}`;
      rows.push(row);
    }
    this.gutter.replaceChildren(...rows);
    this.under.replaceChildren(...this.pieces());
    this.tell();
  }

  pieces() {
    const text = this.value;
    const parts = [];
    let at = 0;
    for (const mark of this.marks) {
      if (mark.start < at) continue;
      parts.push(text.slice(at, mark.start));
      const span = document.createElement("span");
      span.className = `m-${mark.severity === "fatal" ? "error" : mark.severity}`;
      const inside = text.slice(mark.start, mark.end);
      span.textContent = inside.trim() ? inside : `${inside.replace(/\n/g, "")} `;
      if (!inside.trim() && inside.includes("\n")) span.append("\n");
      parts.push(span);
      at = mark.end;
    }
    parts.push(`${text.slice(at)}\n`);
    return parts;
  }

  tell() {
    const before = this.value.slice(0, this.text.selectionStart);
    const line = before.split("\n").length;
    const column = Array.from(before.slice(before.lastIndexOf("\n") + 1)).length + 1;
    const here = this.marks.filter((mark) => mark.line <= line && (mark.endLine || mark.line) >= line);
    const exact = here.filter((mark) => mark.start <= before.length && before.length <= mark.end);
    this.says({ line, column, mark: exact[0] || here[0] || null });
  }
}
