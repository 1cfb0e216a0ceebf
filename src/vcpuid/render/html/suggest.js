// Suggestions under a search field, as an ARIA combobox. Without this script the field is a plain search.
"use strict";

(() => {
  const MOST = 8;
  const SHORTEST = 2;
  const PAUSE_MS = 120;

  const make = (name, attributes, text = "") => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.textContent = text;
    return element;
  };

  const suggest = (input, number) => {
    const list = make("ul", { id: `suggestions-${number}`, role: "listbox", class: "suggestions", "aria-label": "Suggestions" });
    const status = make("span", { role: "status", class: "unseen" });
    let active = -1;
    let timer = 0;
    let request = null;

    const options = () => [...list.children];

    const close = () => {
      clearTimeout(timer);
      request?.abort();
      list.replaceChildren();
      list.hidden = true;
      active = -1;
      status.textContent = "";
      input.setAttribute("aria-expanded", "false");
      input.removeAttribute("aria-activedescendant");
    };

    const mark = (index) => {
      active = index;
      options().forEach((option, own) => option.setAttribute("aria-selected", String(own === index)));
      if (index < 0) {
        input.removeAttribute("aria-activedescendant");
        return;
      }
      const option = options()[index];
      input.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    };

    const choose = (option) => {
      input.value = option.dataset.name;
      close();
      input.form.requestSubmit();
    };

    const entries = ({ features, msrs, explanation }) => {
      const exact = explanation?.feature;
      return [
        ...(exact?.name ? [exact, ...features] : features).map(({ name, title, bits }) => (
          { name, title, place: bits.map(({ text }) => text).join(" + ") }
        )),
        ...msrs.map(({ name, title, msr }) => ({ name, title, place: `MSR ${msr.toString(16).toUpperCase()}H` })),
      ];
    };

    const show = (found) => {
      close();
      entries(found).slice(0, MOST).forEach(({ name, title, place }, index) => {
        const id = `${list.id}-${index}`;
        const option = make("li", { id, role: "option", "aria-selected": "false", "data-name": name });
        option.append(make("code", {}, name), make("span", {}, title), make("span", { class: "dim" }, place));
        option.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
        option.addEventListener("click", () => choose(option));
        list.append(option);
      });
      if (list.children.length === 0) return;
      list.hidden = false;
      input.setAttribute("aria-expanded", "true");
      status.textContent = list.children.length === 1 ? "1 suggestion" : `${list.children.length} suggestions`;
    };

    const ask = async () => {
      request?.abort();
      const own = new AbortController();
      request = own;
      try {
        const query = new URLSearchParams({ q: input.value.trim() });
        const answer = await fetch(`/api/v1/search?${query}`, { signal: own.signal });
        const found = answer.ok ? await answer.json() : { features: [], msrs: [], explanation: null };
        if (!own.signal.aborted) show(found);
      } catch {
        if (!own.signal.aborted) close(); // the search itself still works
      }
    };

    input.addEventListener("input", (event) => {
      clearTimeout(timer);
      if (event.isComposing) return;
      if (input.value.trim().length < SHORTEST) close();
      else timer = setTimeout(ask, PAUSE_MS);
    });
    input.addEventListener("keydown", (event) => {
      const count = list.children.length;
      if (event.isComposing || count === 0) return;
      if (event.key === "ArrowDown") mark(active + 1 < count ? active + 1 : -1);
      else if (event.key === "ArrowUp") mark(active < 0 ? count - 1 : active - 1);
      else if (event.key === "Escape") close();
      else if (event.key === "Enter" && active >= 0) choose(options()[active]);
      else return;
      event.preventDefault();
    });
    input.addEventListener("blur", close);

    for (const [key, value] of Object.entries({
      role: "combobox", autocomplete: "off", "aria-autocomplete": "list", "aria-controls": list.id, "aria-expanded": "false",
    })) input.setAttribute(key, value);
    input.parentElement.classList.add("suggesting");
    input.after(list, status);
    list.hidden = true;
  };

  document.querySelectorAll("form[role=search] input[name=q]").forEach(suggest);
})();
