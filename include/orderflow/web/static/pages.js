"use strict";

// Inside Airflow's frame the pages follow its theme and language; alone they follow the browser.
const outside = (() => {
  try {
    return window.parent !== window && window.parent.document ? window.parent : null;
  } catch {
    return null;
  }
})();

function follow(theme) {
  document.documentElement.dataset.theme = theme;
  for (const sheet of document.styleSheets)
    for (const rule of sheet.cssRules)
      if (rule instanceof CSSMediaRule && (rule.dark ??= rule.media.mediaText.includes("prefers-color-scheme: dark")))
        rule.media.mediaText = theme === "dark" ? "all" : "not all";
}

if (outside) {
  const root = outside.document.documentElement;
  const look = () => follow(root.classList.contains("dark") ? "dark" : "light");
  look();
  new MutationObserver(look).observe(root, { attributes: true, attributeFilter: ["class"] });

  const wanted = /^zh/i.test(localStorage.getItem("i18nextLng") ?? "") ? "zh-Hant" : "en";
  const known = /orderflow_airflow=([\w-]+)/.exec(document.cookie)?.[1];
  if (known !== wanted) {
    document.cookie = `orderflow_airflow=${wanted};path=/;samesite=lax`;
    if (wanted !== document.documentElement.lang) location.reload();
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-airflow]");
  if (!link || !outside || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const away = outside.document.createElement("a"); // the frame's sandbox lets no link of ours leave it
  away.href = link.href;
  outside.document.body.append(away);
  away.click();
  away.remove();
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});

document.addEventListener("submit", (event) => {
  for (const button of event.target.querySelectorAll("button"))
    setTimeout(() => (button.disabled = true)); // once; after the form was read
});

window.addEventListener("pageshow", (event) => {
  if (event.persisted) for (const button of document.querySelectorAll("button")) button.disabled = false; // came back
});

document.addEventListener("change", (event) => {
  const name = event.target.dataset.ticks; // one box for all boxes of that name
  if (name) for (const box of event.target.form.querySelectorAll(`[name="${name}"]`)) box.checked = event.target.checked;
});

document.addEventListener("DOMContentLoaded", async () => {
  for (const part of document.querySelectorAll("[data-load]")) {
    const answer = await fetch(part.dataset.load); // the same page with what takes longer
    if (!answer.ok) continue;
    const found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(part.id);
    if (found && !part.contains(document.activeElement)) part.replaceWith(found);
  }
});

function reach() {
  for (const box of document.querySelectorAll(".table:not([role])")) // who has no mouse scrolls with the arrow keys
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
}

document.addEventListener("DOMContentLoaded", reach);
window.addEventListener("resize", reach);
