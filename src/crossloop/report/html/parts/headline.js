"use strict";
// The headline: adapters × questions, one ratio a cell.

const SHORT_WORDS = new Map([["unsupported", "–"], ["not-installed", "–"], ["not run", "·"], ["no server", "·"]]);

/** How far a ratio is from 1, as a class; none for a tie. */
function shade(ratio, floor) {
  if (!ratio || isTie(ratio, floor)) return "";
  const { value } = ratio;
  if (value > 1) return value < 1.5 ? "cost1" : value < 2.5 ? "cost2" : value < 5 ? "cost3" : "cost4";
  return value > 1 / 1.25 ? "lean1" : value > 1 / 1.75 ? "lean2" : "lean3";
}

/** What the headline shows under a baseline: columns with divisors, and a cell for each adapter. */
function headline(data, baseline) {
  const words = new Map(data.cell_words.map((word) => [`${word.adapter}\n${word.column}`, word]));
  return data.columns.map((column) => {
    const scenario = data.scenarios.find((each) => each.id === column.scenario);
    const [set] = scenario.sets;
    const rows = column.rows.map((place) => set.rows[place]);
    const leaders = new Set(column.leaders.map((place) => set.rows[place]));
    const tiers = [...new Set(rows.map((row) => row.tier))].sort((first, second) => first - second);
    const baselineRow = leanest(rows.filter((row) => row.adapter === baseline));
    const divisor = baselineRow ?? rows[0];
    const cellOf = (adapter) => {
      const row = leanest(rows.filter((each) => each.adapter === adapter));
      if (!row) return { word: "not run", reasons: [], ...words.get(`${adapter}\n${column.id}`), ratio: null, row: null };
      return { row, ratio: ratioOf(row, divisor, data.paired_with), leads: leaders.has(row), tier: tierText(set, tiers, row) };
    };
    return { column, scenario, set, divisor, byBaseline: Boolean(baselineRow), cellOf };
  });
}

/** `2 of 7`: the tier of a row among those that its question has; empty where there are none. */
function tierText(set, tiers, row) {
  return set.why_unranked ? "" : `${tiers.indexOf(row.tier) + 1} of ${tiers.length}`;
}

/** What the tip of a cell says. */
function cellLines(question, adapter, cell) {
  const { column, set, divisor, scenario } = question;
  if (!cell.row) {
    return [`${adapter}: ${cell.word}`, column.title, ...cell.reasons];
  }
  return [`${cell.row.label}, ${column.title}`, ...ratioLines(cell, divisor, set, scenario, cell.tier)];
}

/** How the ratio of a row is known: interval, divisor, paired or not, rounds, tier, floor. */
function ratioLines({ row, ratio }, divisor, set, scenario, tier) {
  const lines = [];
  if (row === divisor) lines.push("The divisor: the others are divided by it");
  else if (!ratio) lines.push("No ratio: an interval holds zero");
  else {
    const how = ratio.paired ? "paired, round by round" : "quotient of two paired ratios, so its interval is wide";
    lines.push(`${ratioText(ratio)} × ${divisor.label}`, how);
  }
  const [, , , slices, generations] = row.ratio;
  const rounds = ratio ? [ratio.slices, ratio.generations] : [slices, generations];
  lines.push(
    `${estimate(row.cpu_ns, 1e-3)} µs of CPU per ${scenario.unit}`,
    `${counted(rounds[0], "round")} in ${counted(rounds[1], "generation")}; ` +
      (tier ? `tier ${tier}` : "not ranked"),
    set.noise_floor === null ? "Noise floor not known" : `Noise floor ${percent(set.noise_floor)}`,
    `At ${set.title}`,
  );
  if (row.modes.length) lines.push("Its slices fall into two modes");
  return lines;
}

function baselineChoice(data, adapters, chosen, leanestText = "the leanest of each question") {
  return choice(
    "baseline",
    "Divide by",
    [["", [["", leanestText], ...adapters.map((name) => [name, name])]]],
    chosen,
    (value) => choose({ baseline: value || (data.baseline ? "leanest" : "") }),
  );
}

/** The baseline that the address names; without one that of the document. */
function baselineOf(data, chosen) {
  const named = chosen.get("baseline");
  if (named === "leanest") return "";
  return named ?? data.baseline;
}

const headlineView = {
  title: () => "What each adapter costs",

  controls(data, { chosen }) {
    const families = [...new Set(data.adapters.filter((each) => each.measured).map((each) => each.family))];
    return [
      baselineChoice(data, data.order, baselineOf(data, chosen)),
      choice(
        "group", "Questions", [["", [["", "all"], ...data.groups]]], chosen.get("group") ?? "",
        (value) => choose({ group: value }),
      ),
      choice(
        "family", "Family", [["", [["", "all"], ...families.map((name) => [name, name])]]],
        chosen.get("family") ?? "", (value) => choose({ family: value }),
      ),
      filterField("filter", "Adapters or questions with", chosen.get("q") ?? "", (value) =>
        choose({ q: value }, { step: false }),
      ),
    ];
  },

  preface: (data) => h("p", { class: "aside machine" }, spans(data.machine)),

  results(data, { chosen }) {
    const baseline = baselineOf(data, chosen);
    const [group, family, query] = ["group", "family", "q"].map((name) => chosen.get(name) ?? "");
    let questions = headline(data, baseline).filter(({ column }) => !group || column.group === group);
    let adapters = data.order.filter((name) => !family || adapterNamed(data, name).family === family);
    if (query) {
      // Words name adapters or questions; what they name of neither kind leaves that side whole.
      const named = adapters.filter((name) => matches(query, name, adapterNamed(data, name).binding));
      const about = questions.filter(({ column }) => matches(query, column.id, column.title));
      if (named.length || about.length) {
        adapters = named.length ? named : adapters;
        questions = about.length && !named.length ? about : questions;
      } else {
        adapters = [];
      }
    }
    if (!questions.length || !adapters.length) {
      return [h("p", { role: "status" }, "No adapter and no question is left. Choose less to see more.")];
    }
    return [
      h("p", { class: "count", role: "status" },
        `${counted(adapters.length, "adapter")}, ${counted(questions.length, "question")}.`),
      headlineTable(data, questions, adapters, baseline, chosen),
      headlineLegend(data, questions, baseline),
      data.sentences.length
        ? h("section", {}, h("h2", {}, "In words"),
            h("ul", { class: "doubts" }, data.sentences.map((sentence) => h("li", {}, spans(sentence)))))
        : null,
    ];
  },
};

function adapterNamed(data, id) {
  return data.adapters.find((each) => each.id === id);
}

function headlineTable(data, questions, names, baseline, chosen) {
  const keys = ["adapter", ...questions.map(({ column }) => column.id)];
  const sort = sortOf(chosen, keys, questions[0].column.id);
  const by = questions.find(({ column }) => column.id === sort.key);
  const valueOf = by ? (name) => by.cellOf(name).ratio?.value ?? null : (name) => name;
  const ordered = sorted(names, valueOf, sort.descending);
  const lines = new Map();
  const groups = data.groups
    .map(([group, heading]) => [heading, questions.filter(({ column }) => column.group === group).length])
    .filter(([, count]) => count);
  const firstOfGroup = (place) => place > 0 && questions[place - 1].column.group !== questions[place].column.group;
  const heads = questions.map(({ column, byBaseline }, place) =>
    sortHead(
      column.id, sort, { class: firstOfGroup(place) ? "question first" : "question" },
      h("span", { class: "upright", title: column.title }, column.head, baseline && !byBaseline ? " ÷ leanest" : ""),
    ),
  );
  const body = ordered.map((name, line) =>
    h(
      "tr", { class: name === baseline ? "base" : undefined },
      h("th", { scope: "row" }, link(name, "adapter", name, { baseline: chosen.get("baseline") })),
      questions.map((question, place) => {
        const cell = question.cellOf(name);
        const id = `${line}:${place}`;
        lines.set(id, cellLines(question, name, cell));
        const classes = [
          firstOfGroup(place) && "first", cell.leads && "leads", shade(cell.ratio, question.set.noise_floor),
          !cell.row && "none",
        ];
        return h(
          "td", { class: classes.filter(Boolean).join(" ") || undefined },
          h(
            "a",
            {
              href: address("scenario", question.column.scenario, { baseline: chosen.get("baseline") }),
              "data-tip": id, "data-focus": `${name}\n${question.column.id}`,
            },
            cellText(cell),
          ),
        );
      }),
    ),
  );
  const table = h(
    "table", { class: "headline", role: "grid", "aria-label": "Adapters by questions" },
    h(
      "thead", {},
      h(
        "tr", { class: "groups" }, h("td", { class: "corner" }),
        groups.map(([heading, count], place) =>
          h("th", { scope: "colgroup", colspan: count, class: place ? "first" : undefined }, h("span", {}, heading)),
        ),
      ),
      h("tr", {}, sortHead("adapter", sort, { class: "corner" }, "Adapter"), heads),
    ),
    h("tbody", {}, body),
  );
  return h("div", { class: "scroll tall" }, withTips(withArrows(table), (anchor) => lines.get(anchor.dataset.tip)));
}

function cellText(cell) {
  if (cell.row) {
    if (!cell.ratio) return MISSING;
    return [shortRatio(cell.ratio.value), cell.leads && unseen(", of the first tier")];
  }
  const short = SHORT_WORDS.get(cell.word);
  return short ? [h("span", { "aria-hidden": "true" }, short), unseen(cell.word)] : cell.word;
}

/** Of a grid one place is in the order of tabs; arrows, Home and End lead from there to all others, heads included. */
function withArrows(table) {
  const heads = [...table.tHead.querySelectorAll("button")];
  const grid = [heads, ...[...table.tBodies[0].rows].map((row) => [...row.querySelectorAll("a")])];
  for (const place of grid.flat()) place.tabIndex = -1;
  let [current] = heads;
  current.tabIndex = 0;
  table.addEventListener("focusin", (event) => {
    current.tabIndex = -1;
    current = event.target;
    current.tabIndex = 0;
  });
  table.addEventListener("keydown", (event) => {
    const line = grid.findIndex((places) => places.includes(event.target));
    if (line < 0) return;
    const place = grid[line].indexOf(event.target);
    const target = {
      ArrowLeft: grid[line][place - 1],
      ArrowRight: grid[line][place + 1],
      ArrowUp: grid[line - 1]?.[place],
      ArrowDown: grid[line + 1]?.[place],
      Home: grid[line][0],
      End: grid[line].at(-1),
    }[event.key];
    if (!target) return;
    event.preventDefault();
    target.focus();
  });
  return table;
}

function headlineLegend(data, questions, baseline) {
  const words = new Set(questions.flatMap(({ cellOf }) => data.order.map((name) => cellOf(name).word)).filter(Boolean));
  const floors = questions.map(({ set }) => set.noise_floor).filter((floor) => floor !== null);
  const swatch = (shadeName, text) => h("span", { class: "swatch" }, h("i", { class: shadeName }), text);
  return h(
    "section", { class: "legend", "aria-label": "How to read the table" },
    h(
      "p", {},
      "Each figure is CPU time per operation, divided by that of ",
      h("strong", {}, baseline || "the leanest adapter of the question"),
      "; 1.00 is as much, 2.00 twice as much. Of an adapter with several styles its leanest stands here. ",
      h("strong", {}, "Bold"), ": of the first tier, which nothing beats beyond the noise. ",
      "A cell without colour cannot be told from 1.",
    ),
    h(
      "p", { class: "swatches" },
      baseline
        ? [swatch("lean3", "less than 0.57"), swatch("lean2", "0.57–0.80"), swatch("lean1", "0.80–1")]
        : null,
      swatch("cost1", "1–1.5"), swatch("cost2", "1.5–2.5"), swatch("cost3", "2.5–5"), swatch("cost4", "5 and more"),
    ),
    h(
      "p", {},
      words.has("unsupported") || words.has("not-installed")
        ? "–: the adapter does not do this, or is not installed. " : "",
      words.has("not run") || words.has("no server") ? "·: not part of this run. " : "",
      "Point at a cell for its interval and count, or move there with Tab and the arrow keys. A head sorts. ",
      floors.length
        ? `Noise floors of these questions: ${percent(Math.min(...floors))} to ${percent(Math.max(...floors))}.`
        : "No noise floor is known for these questions.",
    ),
  );
}
