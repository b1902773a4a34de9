"use strict";
// The scenarios: a list by group, and a view of each with its bars, its table, and why some have no figure.

const MICROSECONDS = 1e-3;
const NAMES_SHOWN = 5;

const scenariosView = {
  title: () => "Scenarios",
  controls: () => [],
  results(data) {
    return data.groups.map(([group, heading]) =>
      h(
        "section", {},
        h("h2", {}, heading),
        h(
          "ul", { class: "entries" },
          data.columns
            .filter((column) => column.group === group)
            .map((column) => {
              const scenario = data.scenarios.find((each) => each.id === column.scenario);
              const names = column.leaders.map((place) => scenario.sets[0].rows[place].label);
              const more = names.length > NAMES_SHOWN + 1 ? ` and ${names.length - NAMES_SHOWN} more` : "";
              const shown = (more ? names.slice(0, NAMES_SHOWN) : names).join(", ") + more;
              return h(
                "li", {},
                h("h3", {}, link(column.title, "scenario", column.scenario)),
                h("p", {}, scenario.question),
                h("p", { class: "aside" }, names.length ? `Leanest: ${shown}.` : "Not ranked."),
              );
            }),
        ),
      ),
    );
  },
};

function scenarioNamed(data, id) {
  return data.scenarios.find((each) => each.id === id);
}

/** The parameter set that the address names, else the main one. */
function setOf(scenario, chosen) {
  return scenario.sets.find((each) => each.key === chosen.get("set")) ?? scenario.sets[0];
}

const scenarioView = {
  known: (data, { id }) => Boolean(scenarioNamed(data, id)),
  title: (data, { id }) => scenarioNamed(data, id).title,

  controls(data, { id, chosen }) {
    const scenario = scenarioNamed(data, id);
    const set = setOf(scenario, chosen);
    const groups = data.groups.map(([group, heading]) => {
      const ids = new Set(data.columns.filter((each) => each.group === group).map((each) => each.scenario));
      return [heading, [...ids].map((each) => [each, scenarioNamed(data, each).title])];
    });
    const others = data.scenarios.filter((each) => !data.columns.some((column) => column.scenario === each.id));
    if (others.length) groups.push(["Without a figure", others.map((each) => [each.id, each.title])]);
    const rows = [...new Set(set.rows.map((row) => row.adapter))];
    const kept = { baseline: chosen.get("baseline") };
    return [
      choice("scenario", "Scenario", groups, id, (value) => {
        location.hash = address("scenario", value, kept);
        show();
      }),
      choice(
        "set", "At", [["", scenario.sets.map((each, place) => [place ? each.key : "", each.title])]],
        set === scenario.sets[0] ? "" : set.key, (value) => choose({ set: value }),
      ),
      baselineChoice(data, rows, baselineOf(data, chosen), "the leanest row"),
    ];
  },

  results(data, { id, chosen }) {
    const scenario = scenarioNamed(data, id);
    const set = setOf(scenario, chosen);
    const baseline = baselineOf(data, chosen);
    const baselineRow = leanest(set.rows.filter((row) => row.adapter === baseline));
    const divisor = baselineRow ?? set.rows[0];
    const members = set.rows.map((row) => ({ row, ratio: ratioOf(row, divisor, data.paired_with) }));
    return [
      h("p", { class: "lead" }, scenario.question, " ", h("span", { class: "aside" }, scenario.driven)),
      set === scenario.sets[0] ? scenario.answers.map((sentence) => h("p", { class: "answer" }, spans(sentence))) : null,
      baseline && !baselineRow && set.rows.length
        ? h("p", { class: "note" }, `${baseline} has no figure here, so the rows are divided by the leanest.`)
        : null,
      members.length
        ? [bars(scenario, set, members, divisor), rowsTable(data, scenario, set, members, divisor, chosen)]
        : h("p", {}, "Nothing was measured at these parameters."),
      set.references.length ? referencesTable(scenario, set) : null,
      unmeasuredList(data, set),
    ];
  },
};

// Bars --------------------------------------------------------------------------------------------

/** Bars from 1 on a logarithmic scale: costlier ones to the right, leaner ones to the left; a line is the interval. */
function bars(scenario, set, members, divisor) {
  const shown = members.filter(({ ratio }) => ratio);
  const least = Math.min(...shown.map(({ ratio }) => ratio.low), 1);
  const most = Math.max(...shown.map(({ ratio }) => ratio.high), 1);
  const [from, to] = [Math.log(least / 1.02), Math.log(Math.max(most, least * 1.3) * 1.04)];
  const across = (value) => (1000 * (Math.log(value) - from)) / (to - from);
  const floor = set.noise_floor ?? 0;
  const [near, far] = [across(Math.max(1 / (1 + floor), least / 1.02)), across(Math.min(1 + floor, Math.exp(to)))];
  const lines = sorted(shown, ({ ratio }) => ratio.value, false).map((member) => {
    const { row, ratio } = member;
    const [start, end] = [across(1), across(ratio.value)];
    const drawing = s(
      "svg", { viewBox: "0 0 1000 20", preserveAspectRatio: "none", "aria-hidden": "true" },
      s("rect", { class: "floor", x: near, width: far - near, y: 0, height: 20 }),
      ticks(least, most).map((tick) => s("line", { class: "rule", x1: across(tick), x2: across(tick), y1: 0, y2: 20 })),
      s("rect", {
        class: `bar ${shade(ratio, set.noise_floor) || "tie"}`, x: Math.min(start, end), y: 4, height: 12,
        width: Math.max(Math.abs(end - start), 1),
      }),
      s("line", { class: "interval", x1: across(ratio.low), x2: across(ratio.high), y1: 10, y2: 10 }),
      s("line", { class: "median", x1: end, x2: end, y1: 4, y2: 16 }),
    );
    return h(
      "li", { class: row === divisor ? "base" : undefined },
      h("span", { class: "label" }, h("a", { href: address("adapter", row.adapter), tabindex: "-1" }, row.label)),
      h("span", { class: "track" }, drawing),
      h("span", { class: "value" }, row === divisor ? "1.00, the divisor" : ratioText(ratio)),
    );
  });
  const scale = ticks(least, most).map((tick) => {
    const mark = h("span", {}, String(tick));
    mark.style.left = `${across(tick) / 10}%`;
    return mark;
  });
  const band = set.noise_floor === null ? "" : ` The band is the noise floor, ${percent(set.noise_floor)}.`;
  return h(
    "figure", { class: "bars" },
    h(
      "figcaption", {},
      `CPU time per ${scenario.unit} ÷ that of ${divisor.label}, ${set.title}. Logarithmic scale; the line through `,
      `the end of a bar is the 95 % interval.${band}`,
    ),
    h("p", { class: "scale", "aria-hidden": "true" }, h("span", { class: "track" }, scale)),
    h("ol", {}, lines),
  );
}

/** Round numbers from `least` to `most`, not too many. */
function ticks(least, most) {
  const all = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(most)); power += 1) {
    for (const part of most / least > 30 ? [1, 3] : [1, 1.5, 2, 3, 5]) all.push(Number((part * 10 ** power).toPrecision(3)));
  }
  return all.filter((tick) => tick >= least / 1.02 && tick <= most * 1.04);
}

// Tables ------------------------------------------------------------------------------------------

function rowsTable(data, scenario, set, members, divisor, chosen) {
  const percentile = (place) => ({ row }) => row.latency_us?.[place] ?? null;
  const latency = (place) => (member) =>
    number(percentile(place)(member)) + (place === 1 && member.row.fell_behind ? " †" : "");
  const columns = [
    {
      key: "adapter", title: "Adapter (style)", side: "line", value: ({ row }) => row.label,
      cell: ({ row }) => link(row.label, "adapter", row.adapter),
    },
    {
      key: "tier", title: "Tier", side: "right", value: ({ row }) => row.tier,
      cell: ({ row }) => (set.why_unranked ? MISSING : integer(row.tier)),
    },
    {
      key: "ratio", title: "÷ divisor", side: "right", value: ({ ratio }) => ratio?.value ?? null,
      cell: (member) => ratioCell(member, divisor),
    },
    {
      key: "cpu", title: `CPU µs per ${scenario.unit}`, side: "right", value: ({ row }) => row.cpu_ns[0],
      cell: ({ row }) => estimate(row.cpu_ns, MICROSECONDS),
    },
    {
      key: "user", title: "user µs", side: "right", optional: true,
      value: ({ row }) => (row.user_share === null ? null : row.user_share * row.cpu_ns[0]),
      cell: ({ row }) => (row.user_share === null ? MISSING : number(row.user_share * row.cpu_ns[0] * MICROSECONDS, 2)),
    },
    {
      key: "rate", title: `${scenario.units}/s`, side: "right", value: ({ row }) => row.operations_per_s[0],
      cell: ({ row }) =>
        `${row.at_least ? "≥ " : ""}${number(row.operations_per_s[0])}${row.near_load ? " ‡" : ""}`,
    },
    { key: "p50", title: "p50 µs", side: "right", optional: true, value: percentile(1), cell: latency(1) },
    { key: "p99", title: "p99 µs", side: "right", optional: true, value: percentile(3), cell: latency(3) },
    { key: "p99.9", title: "p99.9 µs", side: "right", optional: true, value: percentile(4), cell: latency(4) },
    {
      key: "memory", title: "memory MB", side: "right", optional: true, value: ({ row }) => row.rss_bytes,
      cell: ({ row }) => (row.rss_bytes === null ? MISSING : number(row.rss_bytes / 1e6)),
    },
    {
      key: "regime", title: "regime (server / load CPU)", side: "line", value: ({ row }) => row.regime,
      cell: ({ row }) => regimeText(row),
    },
    {
      key: "server", title: "web server, parser", optional: true, value: ({ row }) => row.server || null,
      cell: ({ row }) => row.server || MISSING,
    },
    {
      key: "rounds", title: "rounds", side: "right", value: ({ row }) => row.ratio[3],
      cell: ({ row }) => integer(row.ratio[3]),
    },
  ];
  const lines = new Map(
    members.map((member) => [member.row.label, [member.row.label, ...ratioLines(member, divisor, set, scenario, set.why_unranked ? "" : member.row.tier)]]),
  );
  const caption = `CPU time of the whole process tree per ${scenario.unit}, with its 95 % interval; ${set.title}`;
  const table = sortableTable(caption, columns, members, chosen, {
    rowClass: ({ row }) => (row === divisor ? "base" : undefined),
    otherwise: "ratio",
  });
  return [
    scrolling(caption, withTips(table, (anchor) => lines.get(anchor.dataset.tip))),
    h("ul", { class: "notes" }, rowsNotes(data, scenario, set, members).map((note) => h("li", {}, note))),
  ];
}

function ratioCell({ row, ratio }, divisor) {
  const text = ratio ? (row === divisor ? "1.00" : ratioText(ratio)) : MISSING;
  const mark = ratio && !ratio.paired ? " ≈" : "";
  return h("span", { class: "tipped", tabindex: "0", "data-tip": row.label, "data-focus": `tip:${row.label}` }, text, mark);
}

function regimeText(row) {
  const load = row.regime === "self-driven" ? "" : ` / ${share(row.load_share)}`;
  return `${row.regime} (${share(row.server_share)}${load})`;
}

function rowsNotes(data, scenario, set, members) {
  const rows = members.map(({ row }) => row);
  const any = (test, note) => (members.some(test) ? [note] : []);
  return [
    ...(set.why_unranked ? [`No tiers: ${set.why_unranked}.`] : []),
    ...(set.rounds === null ? [] : [`${counted(set.rounds, "round")} in ${counted(set.generations, "generation")}.`]),
    ...(set.noise_floor === null ? ["The noise floor is not known."] : [`Noise floor ${percent(set.noise_floor)}.`]),
    ...(set.latencies ? [`p50 to p99.9: ${set.latencies}.`] : []),
    ...any(({ ratio }) => ratio && !ratio.paired, "≈: quotient of two paired ratios; its interval is wider than a paired one."),
    ...any(({ row }) => row.at_least, "≥: the subject was not the limit; its capacity is at least this."),
    ...any(({ row }) => row.near_load, "‡: near what the load generator reached against a native echo; the subject may do more."),
    ...any(({ row }) => row.fell_behind, "†: it answered less than it was offered; its latency grew with time."),
    ...any(({ row }) => row.latency_us?.includes(null), `${MISSING}: too few samples lie beyond this percentile, or none were taken.`),
    ...rows.flatMap((row) => row.modes.map((modes) => modesNote(row, modes, scenario))),
  ];
}

function modesNote(row, [figure, low, lowSlices, high, highSlices], scenario) {
  const cpu = figure === "cpu_ns_per_operation";
  const unit = cpu ? `µs of CPU per ${scenario.unit}` : `${scenario.units}/s`;
  const scale = cpu ? MICROSECONDS : 1;
  return (
    `Two modes of ${row.label}: ${number(low * scale)} ${unit} in ${counted(lowSlices, "slice")}, ` +
    `${number(high * scale)} in ${counted(highSlices, "slice")}.`
  );
}

function referencesTable(scenario, set) {
  const columns = [
    { key: "", title: "Native reference", cell: (row) => row.label },
    { key: "", title: `CPU µs per ${scenario.unit}`, side: "right", cell: (row) => estimate(row.cpu_ns, MICROSECONDS) },
    { key: "", title: `${scenario.units}/s`, side: "right", cell: (row) => number(row.operations_per_s[0]) },
    { key: "", title: "regime (server / load CPU)", cell: regimeText },
  ];
  const caption = "Servers in C, measured in the same rounds and ranked with nobody";
  return scrolling(caption, sortableTable(caption, columns, set.references, new Map()));
}

/** Why some have no figure: one line a reason. Adapters that are not usable at all stand in a view of their own. */
function unmeasuredList(data, set) {
  const usable = set.unmeasured.filter((cell) => isUsable(adapterNamed(data, cell.adapter)));
  const left = new Set(set.unmeasured.filter((cell) => !usable.includes(cell)).map((cell) => cell.adapter));
  if (!set.unmeasured.length) return null;
  const alike = grouped(usable, (cell) => `${cell.outcome}\n${cell.reason}`);
  return h(
    "section", {},
    h("h2", {}, "Without a figure"),
    h(
      "dl", { class: "reasons" },
      [...alike.values()].map((cells) => [
        h("dt", {}, joined(cells.map((cell) => link(cell.label, "adapter", cell.adapter)))),
        h("dd", {}, h("strong", {}, cells[0].outcome), cells[0].reason ? `: ${cells[0].reason}` : ""),
      ]),
    ),
    left.size
      ? h("p", {}, `${counted(left.size, "adapter")} cannot be used on this machine; `, link("why", "missing"), ".")
      : null,
  );
}
