"use strict";
// What has no figure and why; and what was run.

const SERIOUS = ["crashed", "failed", "timed-out", "over-limit"];
const OUTCOMES = [
  ["crashed", "Crashed"], ["failed", "Failed"], ["timed-out", "Timed out"], ["over-limit", "Over a limit"],
  ["not-installed", "Not installed"], ["unsupported", "Not supported"],
];

const missingView = {
  title: () => "What has no figure, and why",
  controls: (_data, { chosen }) => [
    filterField("filter", "Adapter, scenario or reason with", chosen.get("q") ?? "", (value) =>
      choose({ q: value }, { step: false }),
    ),
  ],

  results(data, { chosen }) {
    const query = chosen.get("q") ?? "";
    const shown = data.missing.filter(
      (each) => !query || matches(query, each.outcome, each.reason, ...each.adapters, ...each.scenarios),
    );
    const known = new Set(OUTCOMES.map(([outcome]) => outcome));
    const rest = [...new Set(shown.map((each) => each.outcome))].filter((outcome) => !known.has(outcome));
    return [
      h("p", { class: "count", role: "status" }, `${counted(shown.length, "reason")} of ${integer(data.missing.length)}.`),
      [...OUTCOMES, ...rest.map((outcome) => [outcome, outcome])].map(([outcome, heading]) => {
        const members = shown.filter((each) => each.outcome === outcome);
        if (!members.length) return null;
        return h("section", {}, h("h2", {}, heading), h("dl", { class: "reasons" }, members.map((each) => missingEntry(data, each))));
      }),
    ];
  },
};

function missingEntry(data, each) {
  const where = each.scenarios.length
    ? [" in ", joined(each.scenarios.map((id) => link(scenarioNamed(data, id)?.title ?? id, "scenario", id))), ` (${counted(each.cells, "cell")})`]
    : " everywhere";
  return [
    h("dt", {}, each.reason || "No reason was recorded"),
    h(
      "dd", {},
      joined(each.adapters.map((name) => link(name, "adapter", name))), where,
      each.stderr.trim()
        ? h("details", {}, h("summary", {}, "End of its error output"), h("pre", { tabindex: "0" }, each.stderr))
        : null,
    ),
  ];
}

function scenarioLinks(scenarios) {
  return joined(scenarios.map((scenario) => link(scenario.title, "scenario", scenario.id)));
}

/** What makes figures less sure, worst first; null for what does not hold. */
function doubts(data) {
  const sets = data.scenarios.flatMap((scenario) => scenario.sets.map((set) => ({ scenario, set })));
  const scenariosWhere = (test) => [...grouped(sets.filter(({ set }) => test(set)), ({ scenario }) => scenario).keys()];
  const rows = sets.flatMap(({ set }) => set.rows);
  const unexpected = data.broken.filter((each) => !each.as_expected);
  const stolen = rows.map((row) => row.steal_share).filter((part) => part !== null);
  const most = Math.max(0, ...stolen);
  const limited = rows.filter((row) => row.regime === "client-bound").length;
  const floors = sets
    .filter(({ scenario, set }) => set === scenario.sets[0] && set.noise_floor !== null)
    .sort((first, second) => second.set.noise_floor - first.set.noise_floor);
  const unranked = data.scenarios.filter((scenario) => scenario.sets[0].why_unranked);
  const spent = sets.filter(({ set }) => set.budget_spent).length;
  const divided = scenariosWhere((set) => set.rows.some((row) => row.modes.length));
  return [
    data.incomplete ? [h("strong", {}, "The run is incomplete: "), "its journal has no end. What is missing was not reached."] : null,
    ...data.warnings.map(([name, cause, remedy]) => [
      h("strong", {}, name), `: ${cause}`, remedy ? h("span", { class: "aside" }, ` Remedy: ${remedy}`) : "",
    ]),
    unexpected.length
      ? [`Promises with an outcome that nobody expected: ${integer(unexpected.length)}, of `,
          joined([...new Set(unexpected.map((each) => each.adapter))].map((name) => link(name, "adapter", name))), "."]
      : null,
    most >= 0.01
      ? `The hypervisor took up to ${percent(most)} of CPU time, 1 % or more in `
          + `${integer(stolen.filter((part) => part >= 0.01).length)} of ${counted(stolen.length, "row")}. `
          + "Trust the ratios: they are paired."
      : null,
    limited
      ? `In ${integer(limited)} of ${counted(rows.length, "measured row")} the load generator was the limit: `
          + "their rates are lower bounds."
      : null,
    floors.length
      ? ["Highest noise floors: ",
          joined(floors.slice(0, NAMES_SHOWN).map(({ scenario, set }) => [
            link(scenario.title, "scenario", scenario.id), ` ${percent(set.noise_floor)}`,
          ])),
          ". What is nearer than the floor cannot be told apart."]
      : "No noise floor is known: nothing ran twice, or too few times.",
    unranked.length ? ["Not ranked, for too few paired rounds: ", scenarioLinks(unranked), "."] : null,
    spent
      ? `In ${integer(spent)} of ${counted(sets.length, "parameter set")} the time was spent before each ratio was as `
          + "precise as the run wanted it."
      : null,
    divided.length
      ? ["Rows whose slices fall into two modes, so that a median stands for one of them: ", scenarioLinks(divided), "."]
      : null,
  ];
}

const runView = {
  title: () => "What was run, and what to doubt",
  controls: () => [],
  results(data) {
    return [
      h("h2", {}, "What to doubt"),
      h("ul", { class: "doubts" }, doubts(data).filter(Boolean).map((doubt) => h("li", {}, doubt))),
      h("h2", {}, "What was run"),
      h("dl", { class: "facts" }, data.facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
      h("p", {}, "The same again: ", h("code", {}, data.command)),
    ];
  },
};
