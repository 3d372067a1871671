// Local times, copy buttons. Every page works without this file.
"use strict";

const localise = (root) => {
  for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.valueOf())) continue;
    time.dataset.local = "";
    time.title = time.textContent.trim();
    time.textContent = moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  }
};

const offerCopies = (root) => {
  for (const button of root.querySelectorAll("button[data-copy][hidden]")) {
    button.hidden = !navigator.clipboard;
  }
};

const prepare = (root) => {
  localise(root);
  offerCopies(root);
};

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Copy by hand";
  }
  setTimeout(() => {
    button.textContent = label;
  }, 1500);
});

// What htmx swaps in needs the same care as what the page came with.
new MutationObserver((changes) => {
  for (const change of changes) {
    for (const node of change.addedNodes) {
      if (node instanceof Element) prepare(node.parentElement ?? node);
    }
  }
}).observe(document.documentElement, { childList: true, subtree: true });
prepare(document);
