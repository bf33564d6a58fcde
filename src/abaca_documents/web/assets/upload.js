// Uploads: files that were dropped or chosen are sent, three at a time, and followed until they were taken in.
"use strict";

(() => {
  const form = document.getElementById("upload");
  if (!form) return;
  const AT_ONCE = 3;
  const LOOK_MS = 700; // between two looks at what is under way, and 8 of it at a time
  const LOOKED_AT = 8;
  const { api, csrf, page } = form.dataset;
  const largest = Number(form.dataset.largest);
  const chosen = document.getElementById("files");
  const into = document.getElementById("into");
  const list = document.getElementById("sending");
  const says = document.getElementById("upload-says");
  const waiting = [], followed = [];
  let sending = 0, ended = 0, failed = 0, total = 0, looking = false;

  function make(tag, properties, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  class Line {
    constructor(file, collection) {
      this.file = file;
      this.collection = collection;
      this.name = make("span", { className: "name", textContent: file.name, title: file.name });
      this.bar = make("progress", { max: 100, value: 0 });
      this.bar.setAttribute("aria-label", `Progress of ${file.name}`);
      this.words = make("span", { className: "says", textContent: "waits" });
      this.element = make("li", {}, this.name, this.bar, this.words);
      list.append(this.element);
    }

    tell(percent, words) { this.bar.value = percent; this.words.textContent = words; }

    lead(id) {
      const link = make("a", { className: "name", href: `${page}/${encodeURIComponent(id)}`, textContent: this.file.name, title: this.file.name });
      this.name.replaceWith(link);
      this.name = link;
    }

    end(words, isBad) {
      this.tell(100, words);
      this.element.className = isBad ? "is-bad" : "is-done";
      ended += 1;
      failed += isBad ? 1 : 0;
      says.textContent = `${ended} of ${total} files ended${failed ? `, ${failed} failed` : ""}`;
    }
  }

  function reason(request) {
    try { return JSON.parse(request.responseText).error.message; } catch { return `the service answered ${request.status}`; }
  }

  function send(line) {
    sending += 1;
    const request = new XMLHttpRequest(); // fetch tells nothing of how much was sent
    const next = () => { sending -= 1; pump(); };
    const body = new FormData();
    for (const [name, value] of [["collection", line.collection], ["async", "true"], ["file", line.file]]) body.append(name, value);
    request.open("POST", `${api}/documents/upload`);
    request.setRequestHeader("X-CSRF-Token", csrf);
    request.setRequestHeader("Accept", "application/json");
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) line.tell((100 * event.loaded) / event.total, `sent ${Math.floor((100 * event.loaded) / event.total)} %`);
    };
    request.onload = () => {
      if (request.status === 429) { // over the key's rate: again, later
        waiting.unshift(line);
        line.tell(0, "waits for its turn");
        setTimeout(next, 1000 * Math.max(1, Number(request.getResponseHeader("Retry-After")) || 1));
        return;
      }
      next();
      if (request.status < 200 || request.status > 299) { line.end(reason(request), true); return; }
      const answer = JSON.parse(request.responseText);
      line.lead(answer.document_id);
      if (!answer.job_id) { line.end("is here already", false); return; }
      line.id = answer.document_id;
      line.job = answer.job_id;
      line.tell(0, "stored, waits");
      followed.push(line);
      look();
    };
    request.onerror = () => { next(); line.end("the service cannot be reached", true); };
    request.send(body);
  }

  function pump() {
    while (sending < AT_ONCE && waiting.length) send(waiting.shift());
  }

  async function look() {
    if (looking) return;
    looking = true;
    while (followed.length) {
      const turn = followed.splice(0, LOOKED_AT);
      const still = await Promise.all(turn.map(follow));
      followed.push(...turn.filter((_, at) => still[at]));
      await new Promise((resume) => setTimeout(resume, LOOK_MS));
    }
    looking = false;
  }

  /** Whether it is still under way. */
  async function follow(line) {
    let status;
    try {
      const answer = await fetch(`${api}/documents/${encodeURIComponent(line.id)}/status`, { headers: { Accept: "application/json" } });
      if (answer.status === 404) { line.end("was deleted meanwhile", true); return false; }
      if (!answer.ok) return true;
      status = await answer.json();
    } catch { return true; } // the next look may reach it
    if (status.status === "pending" || status.status === "processing") {
      line.tell(status.progress, status.message || (status.status === "pending" ? "stored, waits" : "is taken in"));
      return true;
    }
    if (status.error) line.end(status.error, true);
    else line.end(`can be searched: ${status.chunk_count} ${status.chunk_count === 1 ? "chunk" : "chunks"}`, false);
    return false;
  }

  function take(files) {
    const collection = into.value.trim() || "default";
    for (const file of files) {
      total += 1;
      const line = new Line(file, collection);
      if (file.size > largest) line.end(`larger than ${largest.toLocaleString("en")} bytes`, true);
      else waiting.push(line);
    }
    pump();
  }

  function refuse(name, words) {
    total += 1;
    new Line({ name }, "").end(words, true);
  }

  chosen.addEventListener("change", () => { take(chosen.files); chosen.value = ""; });
  chosen.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); chosen.click(); } });
  form.addEventListener("submit", (event) => event.preventDefault());

  // Wherever on the page they are let go: elsewhere the browser would open the file in its place.
  const carries = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  for (const name of ["dragenter", "dragover"]) {
    addEventListener(name, (event) => { if (carries(event)) { event.preventDefault(); form.classList.add("is-over"); } });
  }
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) form.classList.remove("is-over"); });
  addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    form.classList.remove("is-over");
    const folders = [...event.dataTransfer.items].filter((item) => item.webkitGetAsEntry?.()?.isDirectory).map((item) => item.webkitGetAsEntry().name);
    take([...event.dataTransfer.files].filter((file) => !folders.includes(file.name)));
    for (const name of folders) refuse(name, "a folder: `abaca docs add FOLDER --recursive` takes it in");
  });
})();
