// The editor without a mouse: Ctrl + S saves, a finding leads to its line. Everything works without it.
"use strict";

(() => {
  const code = document.getElementById("code");
  if (!code) return;
  document.addEventListener("keydown", (event) => {
    if (event.key !== "s" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    document.querySelector('#edit button[value="save"]').click();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-line]");
    if (!link) return;
    event.preventDefault();
    const lines = code.value.split("\n");
    const at = Math.min(Number(link.dataset.line), lines.length) - 1;
    const start = lines.slice(0, at).join("\n").length + (at ? 1 : 0);
    code.focus();
    code.setSelectionRange(start, start + lines[at].length);
    code.scrollTop = Math.max(0, (at - 4) * (code.scrollHeight / lines.length));
  });
})();
