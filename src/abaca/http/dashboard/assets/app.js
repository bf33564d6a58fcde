// Keeps a page that the server made true while it is open. Every page works without it.
"use strict";

(() => {
  const body = document.body;
  const LEAST_MS = 2000; // between two looks at the page
  const POLL_MS = 5000; // where there is no stream
  const skew = Number(body.dataset.now) / 1000 - Date.now();

  // Times: written as the server writes them (times.py).
  function span(seconds) {
    for (const [length, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
      if (seconds >= length) return `${Math.floor(seconds / length)} ${unit}`;
    }
    return `${Math.floor(seconds)} s`;
  }
  function ago(moment) {
    const seconds = (Date.now() + skew - moment) / 1000;
    if (Math.abs(seconds) < 1) return "now";
    return seconds > 0 ? `${span(seconds)} ago` : `in ${span(-seconds)}`;
  }
  function tick(root = document) {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const words = ago(Date.parse(time.dateTime));
      if (time.textContent !== words) time.textContent = words;
    }
  }

  // What a cell says, without the times, which change by themselves.
  function meaning(cell) {
    const copy = cell.cloneNode(true);
    for (const time of copy.querySelectorAll("time")) time.textContent = time.dateTime;
    return copy.innerHTML;
  }
  function take(mine, theirs) {
    const open = new Map([...mine.querySelectorAll("details[data-keep]")].map((each) => [each.dataset.keep, each.open]));
    mine.replaceChildren(...theirs.childNodes);
    mine.className = theirs.className;
    for (const each of mine.querySelectorAll("details[data-keep]")) if (open.get(each.dataset.keep)) each.open = true;
  }
  function isBusy(element) {
    const active = document.activeElement;
    return element.contains(active) && /^(INPUT|TEXTAREA|SELECT|SUMMARY)$/.test(active.tagName);
  }
  function fade(cell) {
    cell.classList.remove("changed");
    void cell.offsetWidth; // begins the animation anew
    cell.classList.add("changed");
  }
  function patchCells(mine, theirs) {
    for (const cell of mine.querySelectorAll("[data-cell]")) {
      if (cell.closest("[data-row]") !== (mine.matches("[data-row]") ? mine : null)) continue;
      const fresh = [...theirs.querySelectorAll(`[data-cell="${CSS.escape(cell.dataset.cell)}"]`)].find(
        (each) => each.closest("[data-row]") === (theirs.nodeType === 1 && theirs.matches("[data-row]") ? theirs : null));
      if (!fresh || meaning(cell) === meaning(fresh) || isBusy(cell)) continue;
      take(cell, fresh);
      fade(cell);
    }
  }
  function patchRows(fresh) {
    let missing = 0;
    for (const list of document.querySelectorAll("[data-list]")) {
      const label = list.querySelector("caption")?.textContent;
      const other = [...fresh.querySelectorAll("[data-list]")].find((each) => each.querySelector("caption")?.textContent === label);
      for (const row of other ? other.querySelectorAll("[data-row]") : []) {
        const mine = list.querySelector(`[data-row="${CSS.escape(row.dataset.row)}"]`);
        if (mine) patchCells(mine, row);
        else missing += 1;
      }
    }
    return missing;
  }
  function patchAppended(fresh) {
    for (const list of document.querySelectorAll("[data-append]")) {
      const other = fresh.querySelector(`[data-append="${CSS.escape(list.dataset.append)}"]`);
      if (!other) continue;
      const atEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 8;
      for (const row of other.querySelectorAll("[data-row]")) {
        if (list.querySelector(`[data-row="${CSS.escape(row.dataset.row)}"]`)) continue;
        list.querySelector(":scope > p")?.remove();
        list.append(row);
        fade(row);
      }
      if (atEnd) list.scrollTop = list.scrollHeight;
    }
  }
  function patchRegions(fresh) {
    for (const region of document.querySelectorAll("[data-region]")) {
      const other = fresh.querySelector(`[data-region="${CSS.escape(region.dataset.region)}"]`);
      if (!other || region.closest("[data-row]")?.matches(":hover:has(:focus)") || isBusy(region)) continue;
      if (meaning(region) !== meaning(other)) take(region, other);
    }
  }
  function patch(fresh) {
    patchCells(document.documentElement, fresh.documentElement);
    patchRegions(fresh);
    if (fresh.title) document.title = fresh.title;
    patchRows(fresh);
    patchAppended(fresh);
    const slot = document.querySelector(".progress-slot");
    const other = fresh.querySelector(".progress-slot");
    if (slot && other && slot.innerHTML !== other.innerHTML) slot.replaceChildren(...other.childNodes);
    tick();
  }

  // Looking at the page again: never more often than LEAST_MS, never while it is hidden.
  let looking = false, again = false, last = 0, timer = 0;
  function look() {
    if (document.hidden) return;
    if (looking) { again = true; return; }
    clearTimeout(timer);
    const wait = last + LEAST_MS - Date.now();
    if (wait > 0) { timer = setTimeout(look, wait); return; }
    refresh();
  }
  async function refresh() {
    looking = true;
    last = Date.now();
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "manual" });
      if (answer.type === "opaqueredirect") location.reload(); // the session is over: to the login, and back
      if (answer.ok) patch(new DOMParser().parseFromString(await answer.text(), "text/html"));
      await countNew();
    } catch { /* the next event, or the next poll, looks again */ }
    looking = false;
    if (again) { again = false; look(); }
  }
  async function countNew() {
    const bar = document.querySelector("[data-new]");
    if (!bar) return;
    const url = new URL(bar.dataset.new, location.href);
    url.searchParams.set("after", bar.dataset.after);
    const answer = await fetch(url);
    const count = Number(answer.ok ? await answer.text() : 0);
    bar.hidden = !count;
    bar.textContent = `${count >= 99 ? "99 or more" : count} new`;
  }

  // The stream: one a page, closed while the page is hidden; without it the page is looked at every few seconds.
  let stream = null, poll = 0, over = false;
  function mark(name, word) {
    const live = document.querySelector("[data-live-mark]");
    live?.classList.toggle("is-live", name === "live");
    live?.classList.toggle("is-polling", name === "polling");
    const said = document.querySelector("[data-live-word]");
    if (said) said.textContent = word;
  }
  function progressed(update) {
    const bar = document.querySelector("[data-progress]");
    const words = document.querySelector("[data-progress-text]");
    const data = update.data;
    if (!bar || update.kind !== "progress" || !data || typeof data.done !== "number") return;
    bar.closest(".bar").hidden = false;
    if (data.total > 0) bar.value = Math.max(0, Math.min(100, (100 * data.done) / data.total));
    const far = data.total > 0 ? `${data.done} of ${data.total} (${Math.round(bar.value)}%)` : String(data.done);
    words.textContent = [far, data.stage, data.message].filter(Boolean).join(", ");
  }
  let seenFirst = false;
  function heard(event) {
    mark("live", "live");
    if (event.type === "picture" && !seenFirst) { // the page has just been made
      seenFirst = true;
      return;
    }
    if (body.dataset.kind === "job") {
      try {
        const update = JSON.parse(event.data);
        progressed(update);
        if (update.kind === "status" && /^(completed|failed|cancelled)$/.test(update.data)) finish();
      } catch { /* the page is looked at anyway */ }
    }
    look();
  }
  function finish() {
    over = true;
    close();
    mark("", "ended");
    last = 0;
    look();
  }
  function close() {
    stream?.close();
    stream = null;
    clearInterval(poll);
    poll = 0;
  }
  function startPolling() {
    if (poll || document.hidden) return;
    mark("polling", "every 5 s");
    poll = setInterval(look, POLL_MS);
  }
  function open() {
    if (over || stream || poll || !body.dataset.stream || document.hidden) return;
    if (!window.EventSource) { startPolling(); return; }
    stream = new EventSource(body.dataset.stream);
    stream.onopen = () => mark("live", "live");
    for (const name of ["message", "snapshot", "picture", "changes", "update", "status", "progress", "log", "item", "step", "gap"]) {
      stream.addEventListener(name, heard);
    }
    stream.onerror = (event) => {
      if (event.data !== undefined) { heard(event); return; } // an update of kind "error"
      if (stream && stream.readyState === EventSource.CLOSED) { close(); startPolling(); }
      else mark("", "connecting");
    };
  }
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { close(); mark("", "paused"); }
    else { open(); look(); }
  });
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);

  // Copying, and keys.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await copy(button.dataset.copy);
    button.classList.add("done");
    document.querySelector("[data-say]").textContent = "copied";
    setTimeout(() => button.classList.remove("done"), 1200);
  });
  async function copy(text) {
    if (navigator.clipboard && isSecureContext) return navigator.clipboard.writeText(text);
    const area = document.createElement("textarea"); // a plain http address has no clipboard
    area.value = text;
    area.className = "hide";
    body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
    if (event.key === "/") {
      event.preventDefault();
      document.getElementById("q")?.focus();
    } else if (event.key === "j" || event.key === "k") {
      const links = [...document.querySelectorAll("[data-row] .main")];
      const at = links.indexOf(document.activeElement) + (event.key === "j" ? 1 : -1);
      links[Math.max(0, Math.min(at, links.length - 1))]?.focus();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const each of document.querySelectorAll("details.sure[open]")) each.open = false;
  });

  const nav = document.querySelector(".side nav"), here = nav?.querySelector("[aria-current]");
  if (here && nav.scrollWidth > nav.clientWidth) nav.scrollLeft = here.offsetLeft - nav.offsetLeft - 40;
  tick();
  setInterval(() => document.hidden || tick(), 1000);
  setInterval(() => { // what a page says is under way may move without an event
    if (!over && document.querySelector("[data-unsettled]")) look();
  }, LEAST_MS);
  open();
})();
