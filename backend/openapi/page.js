"use strict";
// The page works without this: it adds copying, a filter, and the address of the server that it came from.
(function () {
  const all = (selector, root) => Array.from((root || document).querySelectorAll(selector));

  if (location.protocol.startsWith("http")) {
    document.getElementById("origin").textContent = location.origin;
    const assignment = all("#start code.shell")[0];
    assignment.textContent = assignment.textContent.replace(/^API=.*$/m, "API=" + location.origin);
  }

  async function copy(text) {
    if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
    const area = document.createElement("textarea"); // plain http on a phone: no clipboard API there
    area.value = text;
    area.setAttribute("readonly", "");
    area.className = "offscreen";
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.copy");
    if (!button) return;
    copy(button.closest("figure").querySelector("code").textContent).then(() => {
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  });

  const nav = document.getElementById("nav"), menu = document.getElementById("menu");
  const open = (is) => {
    nav.classList.toggle("open", is);
    menu.setAttribute("aria-expanded", String(is));
  };
  menu.addEventListener("click", () => open(!nav.classList.contains("open")));
  nav.addEventListener("click", (event) => { if (event.target.closest("a")) open(false); });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") open(false); });

  document.getElementById("filter").addEventListener("input", (event) => {
    const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const item of all("li li", nav)) {
      const target = document.getElementById(item.firstChild.hash.slice(1));
      const text = (item.textContent + " " + target.querySelector(".path").textContent).toLowerCase();
      item.hidden = !words.every((word) => text.includes(word));
    }
    for (const group of all("li.group", nav))
      group.hidden = words.length > 0 && !group.querySelector("li li:not([hidden]), ul li:not([hidden])");
  });

  const links = new Map(all("a", nav).map((link) => [link.hash.slice(1), link]));
  const spy = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of links.values()) link.classList.remove("here");
      const link = links.get(entry.target.id);
      if (link) link.classList.add("here");
    }
  }, { rootMargin: "-20% 0px -75% 0px" });
  for (const part of all("article.operation, #start, #basics")) spy.observe(part);
})();
