"use strict";
// Nodes of the page. Texts become text nodes and nothing else; nothing here makes markup of a string.

const SVG = "http://www.w3.org/2000/svg";

function filled(node, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) node.append(child);
  }
  return node;
}

/** An element of HTML; `properties` are attributes, and listeners under `on…`. */
function h(tag, properties = {}, ...children) {
  return filled(document.createElement(tag), properties, children);
}

/** An element of SVG. */
function s(tag, properties = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), properties, children);
}

/** Text that only those hear who do not see the page. */
function unseen(text) {
  return h("span", { class: "unseen" }, text);
}

/** A link to another site; text alone where the address is none of the web. */
function external(address, text = address) {
  const known = /^https?:\/\//.test(address);
  return known ? h("a", { href: address, rel: "noreferrer noopener" }, text) : text;
}

/** Children with `separator` between them. */
function joined(children, separator = ", ") {
  return children.flatMap((child, place) => (place ? [separator, child] : [child]));
}

/** Nodes of a sentence: [kind, text, address] each. */
function spans(sentence) {
  return sentence.map(([kind, text, place]) => {
    if (kind === "view") return h("a", { href: `#${place}` }, text);
    return kind ? h(kind, {}, text) : text;
  });
}

function option(value, text, chosen) {
  return h("option", { value, selected: value === chosen }, text);
}

/** A labelled `<select>`; `groups`: [heading or "", [[value, text], …]]. */
function choice(id, label, groups, chosen, onchange) {
  const members = groups.map(([heading, options]) => {
    const made = options.map(([value, text]) => option(value, text, chosen));
    return heading ? h("optgroup", { label: heading }, made) : made;
  });
  const select = h("select", { id, onchange: (event) => onchange(event.target.value) }, members);
  return h("p", { class: "control" }, h("label", { for: id }, label), select);
}

/** A labelled field to filter by. */
function filterField(id, label, text, oninput) {
  const input = h("input", {
    id, type: "search", value: text, autocomplete: "off", spellcheck: "false",
    oninput: (event) => oninput(event.target.value),
  });
  return h("p", { class: "control" }, h("label", { for: id }, label), input);
}

function checkbox(id, label, checked, onchange) {
  const input = h("input", { id, type: "checkbox", checked, onchange: (event) => onchange(event.target.checked) });
  return h("p", { class: "control tick" }, input, h("label", { for: id }, label));
}

/** A region that scrolls by itself and can be scrolled by keyboard. */
function scrolling(label, ...children) {
  return h("div", { class: "scroll", role: "region", "aria-label": label, tabindex: "0" }, ...children);
}

/** Whether every word of `query` is somewhere in `texts`, in upper or lower case. */
function matches(query, ...texts) {
  const text = texts.join("\n").toLowerCase();
  return query.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

// The tip -----------------------------------------------------------------------------------------

const tip = document.getElementById("tip");
let tipped = null;

/** Show `lines` beside `anchor` until it is left: by pointer, focus or Escape. */
function showTip(anchor, lines) {
  hideTip();
  tip.replaceChildren(...lines.map((line, place) => h(place ? "p" : "strong", {}, line)));
  tip.hidden = false;
  tipped = anchor;
  anchor.setAttribute("aria-describedby", "tip");
  placeTip();
}

/** Below its anchor, above it where there is more room, and always within the window. */
function placeTip() {
  if (!tipped) return;
  const [place, size, gap] = [tipped.getBoundingClientRect(), tip.getBoundingClientRect(), 6];
  const width = document.documentElement.clientWidth;
  const left = Math.max(gap, Math.min(place.left + place.width / 2 - size.width / 2, width - size.width - gap));
  const below = place.bottom + gap + size.height <= window.innerHeight;
  tip.style.left = `${left}px`;
  tip.style.top = `${below ? place.bottom + gap : Math.max(gap, place.top - gap - size.height)}px`;
}

function hideTip() {
  tip.hidden = true;
  tipped?.removeAttribute("aria-describedby");
  tipped = null;
}

/** Give every element below `root` that `linesOf` has lines for its tip, on hover and on focus. */
function withTips(root, linesOf) {
  const show = (event) => {
    const anchor = event.target.closest("[data-tip]");
    if (anchor && root.contains(anchor) && anchor !== tipped) showTip(anchor, linesOf(anchor));
  };
  root.addEventListener("pointerover", show);
  root.addEventListener("focusin", show);
  root.addEventListener("pointerout", (event) => {
    if (tipped && !tipped.contains(event.relatedTarget) && tipped !== document.activeElement) hideTip();
  });
  root.addEventListener("focusout", hideTip);
  return root;
}
