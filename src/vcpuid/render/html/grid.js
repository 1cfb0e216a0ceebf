// Arrow keys move among the bits of a register. Without this script the Tab key visits them one by one.
"use strict";

(() => {
  const middle = (link) => {
    const box = link.getBoundingClientRect();
    return { x: box.left + box.width / 2, y: box.top + box.height / 2, box };
  };

  const beyond = (links, from, direction) => {
    const rows = links
      .map((link) => ({ link, ...middle(link) }))
      .filter(({ box }) => direction * (box.top - from.box.top) > 1);
    const nearest = Math.min(...rows.map(({ box }) => Math.abs(box.top - from.box.top)));
    return rows
      .filter(({ box }) => Math.abs(box.top - from.box.top) < nearest + 1)
      .sort((one, other) => Math.abs(one.x - from.x) - Math.abs(other.x - from.x))[0]?.link;
  };

  document.addEventListener("keydown", (event) => {
    const link = document.activeElement;
    const register = link?.closest(".register");
    if (!register || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const links = [...register.querySelectorAll("a")];
    const index = links.indexOf(link);
    const target = {
      ArrowLeft: () => links[index - 1],
      ArrowRight: () => links[index + 1],
      ArrowUp: () => beyond(links, middle(link), -1),
      ArrowDown: () => beyond(links, middle(link), 1),
    }[event.key]?.();
    if (!target) return;
    target.focus();
    event.preventDefault();
  });
})();
