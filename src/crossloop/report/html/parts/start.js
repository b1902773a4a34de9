"use strict";
// The page: its head, and the view that the address names.

const VIEWS = new Map([
  ["", headlineView], ["scenarios", scenariosView], ["scenario", scenarioView], ["adapters", adaptersView],
  ["adapter", adapterView], ["behaviours", behavioursView], ["missing", missingView], ["run", runView],
]);
const SECTIONS = [
  ["", "Headline"], ["scenarios", "Scenarios"], ["adapters", "Adapters"], ["behaviours", "Behaviours"],
  ["missing", "No figure"], ["run", "This run"],
];
const PARENTS = new Map([["scenario", "scenarios"], ["adapter", "adapters"]]);

const main = document.getElementById("main");
const report = readDocument(document.getElementById("data"));
let shownHash = null;
let shownPath = null;

function masthead() {
  const place = h("p", { class: "place" }, report.title);
  const entries = SECTIONS.map(([view, text]) => h("li", {}, h("a", { href: address(view), "data-view": view }, text)));
  document.getElementById("masthead").append(
    h("p", { class: "name" }, "crossloop"), place,
    h("nav", { "aria-label": "Sections" }, h("ul", {}, entries)),
  );
  document.getElementById("colophon").append(
    h("p", {}, "Made by crossloop from a run’s journal. No overall winner: the scenarios are different questions."),
  );
}

function markSection(view) {
  const section = PARENTS.get(view) ?? view;
  for (const each of document.querySelectorAll("#masthead nav a")) {
    if (each.dataset.view === section) each.setAttribute("aria-current", "page");
    else each.removeAttribute("aria-current");
  }
}

/** The results again in their place; what had the focus there has it again. */
function replaceResults(place, nodes) {
  const key = document.activeElement?.closest?.("[data-focus]")?.dataset.focus;
  const within = place.contains(document.activeElement);
  hideTip();
  place.replaceChildren(...[nodes].flat(Infinity).filter(Boolean));
  if (within && key) [...place.querySelectorAll("[data-focus]")].find((each) => each.dataset.focus === key)?.focus();
}

/** What the controls show follows the address, but not the field that is being typed in. */
function replaceControls(place, nodes) {
  const active = document.activeElement;
  const id = place.contains(active) ? active.id : "";
  if (id && active.type === "search" && active.value === (route().chosen.get("q") ?? "")) return;
  place.replaceChildren(...nodes);
  if (id) document.getElementById(id)?.focus();
}

/** Show the view that the address names; nothing where it is shown already. */
function show() {
  if (location.hash === shownHash) return;
  shownHash = location.hash;
  const here = route();
  const view = VIEWS.get(here.view);
  const path = address(here.view, here.id);
  if (!view || (view.known && !view.known(report, here))) {
    shownPath = path;
    markSection("");
    document.title = "crossloop: not found";
    main.replaceChildren(
      h("h1", {}, "Not found"),
      h("p", {}, `This report has nothing under ${path}. `, link("Go to the headline", ""), "."),
    );
    return;
  }
  const title = view.title(report, here);
  document.title = `${title} · crossloop: ${report.title}`;
  markSection(here.view);
  if (path === shownPath) {
    replaceControls(main.querySelector(".controls"), view.controls(report, here));
    replaceResults(main.querySelector(".results"), view.results(report, here));
    return;
  }
  const moved = shownPath !== null;
  shownPath = path;
  const controls = h("div", { class: "controls", role: "group", "aria-label": "Choices" }, view.controls(report, here));
  const results = h("div", { class: "results" }, view.results(report, here));
  main.replaceChildren(...[h("h1", {}, title), view.preface?.(report), controls, results].filter(Boolean));
  hideTip();
  if (moved) {
    window.scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
}

masthead();
show();
window.addEventListener("hashchange", show);
window.addEventListener("keydown", (event) => {
  if (event.key === "Escape") hideTip();
});
window.addEventListener("scroll", placeTip, { passive: true, capture: true });
// Paper cannot unfold anything.
window.addEventListener("beforeprint", () => {
  for (const each of main.querySelectorAll("details:not([open])")) {
    each.open = true;
    each.dataset.folded = "";
  }
});
window.addEventListener("afterprint", () => {
  for (const each of main.querySelectorAll("details[data-folded]")) {
    each.open = false;
    delete each.dataset.folded;
  }
});
