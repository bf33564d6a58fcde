// The page: what is asked, sending it, following it, and what was asked before.
"use strict";

const SAMPLES = {
  c: "#include <stdio.h>\n\nint main(void) {\n    printf(\"%d\\n\", answer);\n    return 0;\n}\n",
  cpp: "#include <iostream>\n#include <vector>\n\nint main() {\n    std::vector<int> numbers{1, 2, 3};\n    for (const auto& n : numbers) std::cout << n << '\\n'\n}\n",
  rust: "fn main() {\n    let words = vec![\"will\", \"it\"];\n    let moved = words;\n    println!(\"{:?}\", words);\n}\n",
  go: "package main\n\nimport \"fmt\"\n\nfunc main() {\n\tunused := 1\n\tfmt.Println(\"hello\")\n}\n",
  java: "public class Main {\n    public static void main(String[] args) {\n        int n = \"one\";\n    }\n}\n",
  javascript: "function greet(name) {\n  return `hello ${name}`\n\nconsole.log(greet('you'))\n",
  typescript: "const count: number = \"three\";\nconsole.log(count);\n",
  python: "def greet(name):\n    print(\"hello\", name\n\ngreet(\"you\")\n",
  zig: "pub fn main() void {\n    const n: u8 = 300;\n    _ = n;\n}\n",
};
const ENTRY = { c: "main.c", cpp: "main.cpp", rust: "main.rs", go: "main.go", java: "Main.java", javascript: "main.js",
  typescript: "main.ts", python: "main.py", zig: "main.zig" };

class Bench {
  constructor(form) {
    this.form = form;
    this.api = form.dataset.api;
    this.language = document.getElementById("language");
    this.standard = document.getElementById("standard");
    this.runBox = document.getElementById("run");
    this.turn = 0;
    this.drafts = new Map();
    this.editor = new Editor(form.querySelector("[data-editor]"), (at) => this.tell(at));
    this.verdicts = new Verdicts(this.editor);
    form.addEventListener("submit", (event) => { event.preventDefault(); this.submit(); });
    form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); this.submit(); }
    });
    this.language.addEventListener("change", () => this.changeLanguage());
    form.addEventListener("change", (event) => { if (event.target.name === "environment") this.standards(); });
    this.runBox?.addEventListener("change", () => { document.getElementById("stdin-label").hidden = !this.runBox.checked; });
    this.current = "";
    this.changeLanguage();
    this.recent();
  }

  tell({ line, column, mark }) {
    document.getElementById("position").textContent = `${line}:${column}`;
    const says = document.getElementById("says");
    if (!says.dataset.usual) says.dataset.usual = says.textContent;
    const words = mark ? `${mark.severity}: ${mark.message}${mark.option ? ` [${mark.option}]` : ""}` : says.dataset.usual;
    if (says.textContent === words) return;
    says.className = `says${mark ? ` is-${mark.severity === "fatal" ? "error" : mark.severity}` : " quiet"}`;
    says.textContent = words;
  }

  get picks() { return this.form.querySelector(`.picks[data-language="${this.language.value}"]`); }

  get chosen() { return [...this.picks.querySelectorAll("input:checked")].map((box) => box.value); }

  changeLanguage() {
    if (this.current) this.drafts.set(this.current, this.editor.value);
    this.current = this.language.value;
    for (const picks of this.form.querySelectorAll(".picks")) picks.hidden = picks !== this.picks;
    if (!this.chosen.length) {
      const first = this.picks.querySelector("input:not(:disabled)");
      if (first) first.checked = true;
    }
    this.editor.value = this.drafts.get(this.current) ?? SAMPLES[this.current] ?? "";
    this.standards();
  }

  /** The standards that every chosen compiler takes. */
  standards() {
    const lists = [...this.picks.querySelectorAll("input:checked")].map((box) => box.dataset.standards.split(" ").filter(Boolean));
    const common = (lists[0] || []).filter((name) => lists.every((list) => list.includes(name)));
    const before = this.standard.value;
    const own = make("option", { value: "", textContent: "each compiler's own" });
    this.standard.replaceChildren(own, ...common.map((name) => make("option", { value: name, textContent: name })));
    this.standard.value = common.includes(before) ? before : "";
  }

  body() {
    const body = { source_code: this.editor.value, language: this.language.value, filename: ENTRY[this.language.value] };
    if (this.language.value === "java") delete body.filename;  // its name follows from the public class
    const flags = document.getElementById("flags").value.trim();
    if (flags) body.flags = flags.split(/\s+/);
    if (this.standard.value) body.standard = this.standard.value;
    if (this.runBox && this.runBox.checked) body.run = { enabled: true, stdin: document.getElementById("stdin").value };
    return body;
  }

  async ask(method, path, body) {
    const headers = { Accept: "application/json", "X-CSRF-Token": this.form.dataset.csrf };
    if (body) headers["Content-Type"] = "application/json";
    const answer = await fetch(this.api + path, { method, headers, body: body && JSON.stringify(body), credentials: "same-origin" });
    const said = await answer.json();
    if (!answer.ok) throw new Error(said.error ? said.error.message : `the service answered ${answer.status}`);
    return said;
  }

  async submit() {
    const turn = ++this.turn;
    const chosen = this.chosen;
    if (!chosen.length) { this.verdicts.fail("choose a compiler"); return; }
    this.verdicts.begin("Sending …");
    try {
      if (chosen.length === 1) await this.one({ ...this.body(), environment: chosen[0] }, turn);
      else await this.many({ ...this.body(), environments: chosen }, turn);
    } catch (error) {
      if (turn === this.turn) this.verdicts.fail(error.message);
    }
    this.recent();
  }

  async one(body, turn) {
    const view = await this.ask("POST", "/compile", body);
    await this.follow(view, turn);
  }

  async follow(view, turn) {
    while (turn === this.turn) {
      this.verdicts.show(view, this.entry(view));
      if (OVER.has(view.status)) return;
      view = await this.ask("GET", `/compile/${view.job_id}?wait=20`);
    }
  }

  entry(view) { return this.language.value === "java" ? (view.diagnostics.find((one) => one.file) || {}).file : ENTRY[this.language.value]; }

  async many(body, turn) {
    let matrix = await this.ask("POST", "/compile/matrix", body);
    let chosen = null;
    const choose = async (id) => {
      chosen = id;
      this.verdicts.table(matrix, chosen, choose);
      const view = await this.ask("GET", `/compile/${id}`);
      if (turn === this.turn && chosen === id) this.verdicts.list(view, this.entry(view));
    };
    for (let pause = 120; turn === this.turn; pause = Math.min(1000, pause * 1.5)) {
      this.verdicts.table(matrix, chosen, choose);
      const telling = matrix.rows.find((row) => row.status === "failed");
      if (chosen === null && telling) await choose(telling.job_id);
      if (matrix.ended === matrix.total) {
        if (chosen === null) await choose(matrix.rows[0].job_id);
        return;
      }
      await new Promise((resume) => setTimeout(resume, pause));
      matrix = await this.ask("GET", `/compile/matrix/${matrix.matrix_id}`);
    }
  }

  async recent() {
    let page;
    try { page = await this.ask("GET", "/compile?limit=8"); } catch { return; }
    if (!page.items.length) return;
    document.getElementById("recent-list").replaceChildren(...page.items.map((view) => this.line(view)));
  }

  line(view) {
    const name = view.environment ? view.environment.id : "";
    const first = view.diagnostics.find((one) => one.severity !== "note");
    const at = new Date(view.created_at);
    return make("li", {},
      make("a", { href: `${this.form.dataset.jobs}/${view.job_id}`, textContent: name }),
      make("span", { className: "what", textContent: view.error || (first ? first.message : "") }),
      make("span", { className: `v-${view.status}`, textContent: WORDS[view.status] }),
      make("time", { dateTime: view.created_at, className: "quiet num", textContent: at.toLocaleTimeString() }));
  }
}

const form = document.getElementById("compile");
if (form) new Bench(form);
