"use strict";
// Where the reader is: `#/scenario/tcp-echo?baseline=asyncio&set=…`. The address holds all that was chosen, so that a
// link leads to the same view and the back button leads to the one before.

/** The view that an address names: {view, id, chosen: Map}. */
function route(hash = location.hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [view = "", ...rest] = path.split("/");
  return { view: decoded(view), id: decoded(rest.join("/")), chosen: new Map(new URLSearchParams(query)) };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The address of a view; what is empty is left out. */
function address(view, id = "", chosen = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of chosen instanceof Map ? chosen : Object.entries(chosen)) {
    if (value) query.append(name, value);
  }
  const path = [view, id].filter(Boolean).map(encodeURIComponent).join("/");
  return `#/${path}${String(query) && `?${query}`}`;
}

/** A link to a view. */
function link(text, view, id = "", chosen = {}) {
  return h("a", { href: address(view, id, chosen) }, text);
}

/** Choose something in the view that is shown. With `step`, the back button undoes it. */
function choose(changes, { step = true } = {}) {
  const here = route();
  for (const [name, value] of Object.entries(changes)) {
    if (value) here.chosen.set(name, value);
    else here.chosen.delete(name);
  }
  const target = address(here.view, here.id, here.chosen);
  if (target === location.hash) return;
  if (step) location.hash = target;
  else location.replace(target);
  show();
}
