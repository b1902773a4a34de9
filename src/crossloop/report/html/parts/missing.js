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

const runView = {
  title: () => "What was run, and what to doubt",
  controls: () => [],
  results(data) {
    return [
      h("h2", {}, "What to doubt"),
      h("ul", { class: "doubts" }, data.doubts.map((doubt) => h("li", {}, spans(doubt)))),
      h("h2", {}, "What was run"),
      h("dl", { class: "facts" }, data.facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
      h("p", {}, "The same again: ", h("code", {}, data.command)),
    ];
  },
};
