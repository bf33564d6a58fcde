// Market data from a file: it is sent as a form to the API, and what is wrong with it is said beside the fields.
"use strict";

(() => {
  const form = document.getElementById("upload");
  if (!form) return;
  const { api, csrf, page } = form.dataset;
  const largest = Number(form.dataset.largest);
  const MOST_FACTS = 64 * 1024; // what the API takes in a field
  const says = document.getElementById("upload-says");
  const wrong = document.getElementById("upload-wrong");
  const bar = form.querySelector("progress");
  const { file, name, facts } = form.elements;
  const chosen = document.getElementById("chosen");
  const FIELDS = { data: "file", body: "file" }; // fields of the API that have another name here
  let given = ""; // the name that the file gave

  function make(tag, properties, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  function clear() {
    wrong.replaceChildren();
    says.textContent = "";
    for (const each of form.elements) each.removeAttribute("aria-invalid");
  }

  /** What was found in the data, a row for each kind of fault and ticker. */
  function table(problems) {
    const head = make("tr", {}, ...["", "Ticker", "Times", "First", "What"].map((word) => make("th", { scope: "col", textContent: word })));
    const rows = problems.map((one) => make("tr", {},
      make("td", {}, make("span", { className: `pill ${one.severity === "error" ? "bad" : "warn"}`, textContent: one.severity })),
      ...[one.ticker, one.count.toLocaleString("en")].map((text) => make("td", { textContent: text })),
      make("td", { className: "c-time", textContent: one.first.slice(0, 16).replace("T", " ") }),
      make("td", { textContent: one.text })));
    const caption = make("caption", { className: "hide", textContent: "What was found in the data" });
    const region = make("div", { className: "scroll tall", tabIndex: 0 }, make("table", { className: "grid" }, caption, make("thead", {}, head), make("tbody", {}, ...rows)));
    region.setAttribute("role", "region");
    region.setAttribute("aria-label", "What was found in the data");
    return region;
  }

  function refuse(message, field, problems = []) {
    const element = form.elements[FIELDS[field] || field];
    const label = element && element.labels && element.labels[0] && element.labels[0].dataset.word;
    wrong.replaceChildren(make("p", { className: "callout bad", textContent: `Not taken. ${label ? `${label}: ` : ""}${message}` }));
    if (problems.length) wrong.append(table(problems));
    says.textContent = "";
    if (element) {
      element.setAttribute("aria-invalid", "true");
      element.focus();
    }
    wrong.scrollIntoView({ block: "nearest" });
  }

  function busy(is) {
    for (const button of form.querySelectorAll("button")) button.disabled = is;
    bar.hidden = !is;
  }

  function answered(request, isCheck) {
    let answer;
    try { answer = JSON.parse(request.responseText); } catch { refuse(`the service answered ${request.status}`); return; }
    if (request.status > 299) {
      const { message, field, details } = answer.error || {};
      const problems = (details && details.problems) || [];
      refuse(problems.length ? "the data are not sound" : message || `the service answered ${request.status}`, field, problems);
    } else if (isCheck) {
      const bars = `${answer.rows.toLocaleString("en")} bars of ${answer.tickers.toLocaleString("en")} tickers`;
      if (answer.ok) says.textContent = `Sound: ${bars}. Nothing was kept.`;
      else refuse(`${bars} are not sound`, "data", answer.problems);
      if (answer.ok && answer.problems.length) wrong.append(table(answer.problems));
    } else {
      location.assign(`${page}/${encodeURIComponent(answer.name)}`);
    }
  }

  async function send(isCheck) {
    clear();
    const data = file.files[0];
    if (!data) { refuse("choose one", "file"); return; }
    if (data.size > largest) { refuse(`${data.name} has ${data.size.toLocaleString("en")} bytes; at most ${largest.toLocaleString("en")} are taken`, "file"); return; }
    const body = new FormData();
    for (const each of ["name", "form", "origin"]) if (form.elements[each].value.trim()) body.append(each, form.elements[each].value.trim());
    if (facts.files[0]) {
      if (facts.files[0].size > MOST_FACTS) { refuse(`at most ${MOST_FACTS.toLocaleString("en")} bytes are taken here; abaca data import takes more`, "facts"); return; }
      body.append("facts", await facts.files[0].text());
    }
    body.append("adjust", String(form.elements.adjust.checked));
    if (form.elements.replace && form.elements.replace.checked) body.append("replace", "true");
    if (isCheck) body.append("dry_run", "true");
    body.append("file", data);
    const request = new XMLHttpRequest(); // fetch tells nothing of how much was sent
    request.open("POST", `${api}/datasets`);
    request.setRequestHeader("X-CSRF-Token", csrf);
    request.setRequestHeader("Accept", "application/json");
    request.upload.onprogress = (event) => {
      if (!event.lengthComputable) return;
      bar.value = (100 * event.loaded) / event.total;
      says.textContent = event.loaded < event.total ? `${Math.floor(bar.value)} % is sent` : "It is looked at.";
    };
    request.onload = () => { busy(false); answered(request, isCheck); };
    request.onerror = () => { busy(false); refuse("the service cannot be reached"); };
    busy(true);
    request.send(body);
  }

  function choose() {
    clear();
    const data = file.files[0];
    chosen.textContent = data ? `${data.name}, ${data.size.toLocaleString("en")} bytes` : "";
    if (!data || (name.value && name.value !== given)) return;
    given = data.name.replace(/\.[^.]*$/, "").replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "").slice(0, 63);
    name.value = given;
  }

  file.addEventListener("change", choose);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(Boolean(event.submitter && event.submitter.value === "check"));
  });
  for (const kind of ["dragenter", "dragover"]) {
    form.addEventListener(kind, (event) => { event.preventDefault(); form.classList.add("is-over"); });
  }
  for (const kind of ["dragleave", "drop"]) form.addEventListener(kind, () => form.classList.remove("is-over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    if (!event.dataTransfer.files.length) return;
    const one = new DataTransfer();
    one.items.add(event.dataTransfer.files[0]);
    file.files = one.files;
    choose();
  });
})();
