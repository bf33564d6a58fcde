// What compilers said: a table of verdicts, a list of messages, the raw outputs.
"use strict";

const WORDS = {
  queued: "waiting", processing: "compiling", completed: "compiled", failed: "did not compile",
  timeout: "stopped: time over", error: "could not be compiled", cancelled: "cancelled",
};
const OVER = new Set(["completed", "failed", "timeout", "error", "cancelled"]);

function make(name, properties = {}, ...children) {
  const { dataset, ...others } = properties;
  const node = Object.assign(document.createElement(name), others);
  if (dataset) Object.assign(node.dataset, dataset);
  node.append(...children);
  return node;
}

class Verdicts {
  constructor(editor) {
    this.editor = editor;
    this.card = document.getElementById("verdict");
    this.line = document.getElementById("verdict-line");
    this.about = document.getElementById("verdict-about");
    this.slot = document.getElementById("table-slot");
    this.rows = document.getElementById("rows");
    this.messages = document.getElementById("messages");
    this.outputs = document.getElementById("outputs");
  }

  begin(words) {
    this.card.hidden = false;
    this.slot.hidden = true;
    this.say(words, "processing", "");
    for (const part of [this.rows, this.messages, this.outputs]) part.replaceChildren();
    this.editor.show([]);
  }

  say(words, status, about) {
    if (this.line.textContent !== words) this.line.textContent = words;
    this.line.className = `v-${status}`;
    this.about.textContent = about;
  }

  fail(message) {
    this.say(message, "error", "");
    this.card.hidden = false;
  }

  /** One compilation, in whatever state. */
  show(view, entry) {
    const name = view.environment ? view.environment.id : "";
    if (!OVER.has(view.status)) { this.say(`${name}: ${WORDS[view.status]} …`, view.status, ""); return; }
    const cached = view.cache && view.cache.hit ? "from the cache, " : "";
    const took = view.timings.compile_ms === null ? "" : `${view.timings.compile_ms} ms`;
    this.say(`${name}: ${view.error || WORDS[view.status]}`, view.status, cached + took);
    this.list(view, entry);
  }

  list(view, entry) {
    const mine = (file) => !file || file === entry || view.diagnostics.length === 0;
    const flat = view.diagnostics.flatMap((one) => [
      { ...one, child: false }, ...one.children.map((child) => ({ ...child, child: true })),
    ]);
    const marks = flat.filter((one) => one.line && mine(one.file)).map((one) => this.mark(one));
    this.editor.show(marks);
    this.messages.replaceChildren(...flat.map((one) => this.message(one, mine(one.file))));
    this.outputs.replaceChildren();
    if (view.run) {
      const how = view.run.exit_code === null ? view.run.outcome : `ended with ${view.run.exit_code}`;
      this.output(`The program ${how}, after ${view.run.wall_ms} ms`, view.run.stdout + view.run.stderr, true);
    }
    this.output("What the compiler wrote", [view.stdout, view.stderr].filter(Boolean).join("\n"), !flat.length);
    if (view.artifact && view.artifact.url) {
      const size = view.artifact.size.toLocaleString("en");
      const link = make("a", { href: view.artifact.url, textContent: `Download what was built (${size} bytes)` });
      this.outputs.append(make("p", { className: "pad" }, link));
    }
  }

  mark(one) {
    return {
      severity: one.severity, message: one.message, line: one.line, column: one.column,
      endLine: one.end_line, endColumn: one.end_column, option: one.option || one.code,
    };
  }

  message(one, isMine) {
    const at = one.line ? `${one.line}${one.column ? `:${one.column}` : ""}` : "";
    const words = make("span", { className: "words", textContent: one.message });
    if (one.option || one.code) words.append(make("span", { className: "quiet", textContent: ` ${one.option || one.code}` }));
    if (!isMine) words.append(make("span", { className: "quiet", textContent: ` in ${one.file}` }));
    for (const fix of one.fixits) words.append(make("span", { className: "fix", textContent: ` → ${fix.text}` }));
    const button = make("button", { type: "button" },
      make("span", { className: "at", textContent: at }), make("span", { className: "k", textContent: one.severity }), words);
    if (one.line && isMine) button.addEventListener("click", () => this.editor.goTo(this.mark(one)));
    return make("li", { className: `k-${one.severity}${one.child ? " is-child" : ""}` }, button);
  }

  output(title, text, isOpen) {
    if (!text) return;
    const details = make("details", { className: "output", open: isOpen });
    details.append(make("summary", { textContent: title }), make("pre", { className: "mono", textContent: text }));
    this.outputs.append(details);
  }

  /** A matrix: `choose` is called with the job of the row that is wanted. */
  table(matrix, chosen, choose) {
    this.slot.hidden = false;
    const good = matrix.rows.filter((row) => row.compiled).length;
    const over = matrix.ended === matrix.total;
    const words = over ? `${good} of ${matrix.total} compiled` : `${matrix.ended} of ${matrix.total} have ended …`;
    this.say(words, over ? (matrix.compiled ? "completed" : "failed") : "processing", "");
    const focused = document.activeElement && document.activeElement.dataset.job;
    this.rows.replaceChildren(...matrix.rows.map((row) => this.row(row, chosen, choose)));
    if (focused) this.rows.querySelector(`[data-job="${CSS.escape(focused)}"]`)?.focus();
  }

  row(row, chosen, choose) {
    const name = row.environment + (row.standard ? ` ${row.standard}` : "");
    const button = make("button", { type: "button", textContent: name, dataset: { job: row.job_id } });
    button.addEventListener("click", () => choose(row.job_id));
    const over = OVER.has(row.status);
    const cells = [
      make("td", {}, button),
      make("td", { className: `v-${row.status}`, textContent: WORDS[row.status] }),
      make("td", { className: "num", textContent: over ? row.counts.error : "" }),
      make("td", { className: "num", textContent: over ? row.counts.warning : "" }),
      make("td", { className: "num", textContent: row.duration === null ? "" : Math.round(row.duration / 1e6) }),
      make("td", { textContent: row.error || row.first || "" }),
    ];
    const line = make("tr", {}, ...cells);
    line.setAttribute("aria-selected", String(row.job_id === chosen));
    return line;
  }
}
