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

const runView = {
  title: () => "What was run, and what to doubt",
  controls: () => [],
  results(data) {
    const sets = data.scenarios.flatMap((scenario) => scenario.sets.map((set) => ({ scenario, set })));
    const rows = sets.flatMap(({ set }) => set.rows);
    const limited = rows.filter((row) => row.regime === "client-bound").length;
    const unranked = data.scenarios.filter((scenario) => scenario.sets[0].why_unranked);
    const divided = [...grouped(sets.filter(({ set }) => set.rows.some((row) => row.modes.length)), ({ scenario }) => scenario).keys()];
    const floors = sets
      .filter(({ scenario, set }) => set === scenario.sets[0] && set.noise_floor !== null)
      .sort((first, second) => second.set.noise_floor - first.set.noise_floor);
    return [
      h("h2", {}, "What to doubt"),
      h(
        "ul", { class: "doubts" },
        data.warnings.map(([name, cause, remedy]) =>
          h("li", {}, h("strong", {}, name), `: ${cause}`, remedy ? h("span", { class: "aside" }, ` Remedy: ${remedy}`) : ""),
        ),
        floors.length
          ? h(
              "li", {}, "Highest noise floors: ",
              joined(floors.slice(0, 5).map(({ scenario, set }) => [
                link(scenario.title, "scenario", scenario.id), ` ${percent(set.noise_floor)}`,
              ])),
              ". What is nearer than the floor cannot be told apart.",
            )
          : h("li", {}, "No noise floor is known: nothing ran twice, or too few times."),
        unranked.length ? h("li", {}, "Not ranked, for too few paired rounds: ", scenarioLinks(unranked), ".") : null,
        limited
          ? h("li", {}, `In ${integer(limited)} of ${counted(rows.length, "measured row")} the load generator was the `
              + "limit: their rates are lower bounds.")
          : null,
        divided.length
          ? h("li", {}, "Rows whose slices fall into two modes, so that a median stands for one of them: ", scenarioLinks(divided), ".")
          : null,
      ),
      h("h2", {}, "What was run"),
      h("dl", { class: "facts" }, data.facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
      h("p", {}, "The same again: ", h("code", {}, data.command)),
    ];
  },
};
