"use strict";
// The adapters: a list, and a view of each: what it is, its row in every scenario, what it does otherwise.

/** Whether an adapter can be used on the machine of the run; one that says nothing of itself may be. */
function isUsable(adapter) {
  return !adapter || adapter.measured || ["measured", ""].includes(adapter.outcome);
}

const adaptersView = {
  title: () => "Adapters",
  controls: () => [],
  results(data, { chosen }) {
    const columns = [
      { key: "adapter", title: "Adapter", side: "line", value: (each) => each.id, cell: (each) => link(each.id, "adapter", each.id) },
      { key: "family", title: "Family", value: (each) => each.family, cell: (each) => each.family },
      { key: "binding", title: "Binding", value: (each) => each.binding || null, cell: (each) => each.binding || MISSING },
      { key: "library", title: "Linked library", value: (each) => each.library || null, cell: (each) => each.library || MISSING },
      { key: "mechanism", title: "Mechanism", value: (each) => each.mechanism || null, cell: (each) => each.mechanism || MISSING },
      {
        key: "promises", title: "Promises kept", side: "right", optional: true,
        value: (each) => (each.checked ? each.kept / each.checked : null),
        cell: (each) => (each.checked ? `${each.kept} of ${each.checked}` : MISSING),
      },
    ];
    const usable = data.adapters.filter(isUsable);
    const caption = "As each adapter stated itself, in a process of its own";
    const left = data.adapters.length - usable.length;
    return [
      scrolling(caption, sortableTable(caption, columns, usable, chosen)),
      left ? h("p", {}, `${counted(left, "more adapter")} cannot be used on this machine; `, link("why", "missing"), ".") : null,
      data.loops.length ? loopsTable(data) : null,
    ];
  },
};

const adapterView = {
  known: (data, { id }) => Boolean(adapterNamed(data, id)),
  title: (_data, { id }) => id,

  controls(data, { id, chosen }) {
    return [
      choice("adapter", "Adapter", [["", data.adapters.map((each) => [each.id, each.id])]], id, (value) => {
        location.hash = address("adapter", value, { baseline: chosen.get("baseline") });
        show();
      }),
    ];
  },

  results(data, { id, chosen }) {
    const adapter = adapterNamed(data, id);
    const facts = [
      ["Binding", adapter.binding], ["Linked library", adapter.library], ["Mechanism", adapter.mechanism],
      ["How installed", adapter.installed], ["Family", adapter.family],
    ].filter(([, value]) => value);
    return [
      h("dl", { class: "facts" }, facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
      adapter.outcome !== "measured" && adapter.outcome
        ? h("p", { class: "note" }, h("strong", {}, adapter.outcome), adapter.reason ? `: ${adapter.reason}` : "")
        : null,
      adapter.measured ? adapterTable(data, adapter, chosen) : null,
      promises(data, adapter),
      otherwise(data, adapter),
    ];
  },
};

/** The adapter's leanest row in every question: ratio to the leanest, and to asyncio. */
function adapterTable(data, adapter, chosen) {
  const against = data.order.includes(data.paired_with) && adapter.id !== data.paired_with;
  const toBaseline = against ? headline(data, data.paired_with) : [];
  const members = headline(data, "").map((question, place) => ({
    question,
    cell: question.cellOf(adapter.id),
    other: against && toBaseline[place].byBaseline ? toBaseline[place].cellOf(adapter.id) : null,
  }));
  const ratio = (cell) => (cell?.ratio ? ratioText(cell.ratio) + (cell.ratio.paired ? "" : " ≈") : MISSING);
  const columns = [
    {
      key: "question", title: "Question", side: "line", value: ({ question }) => question.column.title,
      cell: ({ question }) => link(question.column.title, "scenario", question.column.scenario),
    },
    { key: "style", title: "style", value: ({ cell }) => cell.row?.style ?? null, cell: ({ cell }) => cell.row?.style ?? MISSING },
    {
      key: "leanest", title: "÷ leanest", side: "right", value: ({ cell }) => cell.ratio?.value ?? null,
      cell: ({ cell }) => (cell.row ? [cell.leads ? h("strong", { class: "leads" }, ratio(cell)) : ratio(cell)] : cell.word),
    },
    {
      key: "baseline", title: `÷ ${data.paired_with}`, side: "right", optional: true,
      value: ({ other }) => other?.ratio?.value ?? null, cell: ({ other }) => ratio(other),
    },
    {
      key: "tier", title: "tier", side: "right", value: ({ cell }) => cell.row?.tier ?? null,
      cell: ({ cell }) => cell.tier || MISSING,
    },
    {
      key: "cpu", title: "CPU µs per operation", side: "right", value: ({ cell }) => cell.row?.cpu_ns[0] ?? null,
      cell: ({ cell }) => (cell.row ? estimate(cell.row.cpu_ns, MICROSECONDS) : MISSING),
    },
    { key: "why", title: "Why there is no figure", value: ({ cell }) => cell.reasons?.join("; ") || null, optional: true,
      cell: ({ cell }) => cell.reasons?.join("; ") ?? "" },
  ];
  const caption = `The leanest row of ${adapter.id} in every question, at its main parameter set`;
  return [
    h("h2", {}, "In every scenario"),
    scrolling(caption, sortableTable(caption, columns, members, chosen)),
    members.some(({ other }) => other?.ratio && !other.ratio.paired)
      ? h("ul", { class: "notes" }, h("li", {}, "≈: quotient of two paired ratios; its interval is wider than a paired one."))
      : null,
  ];
}

function promises(data, adapter) {
  if (!adapter.checked) return null;
  const broken = data.broken.filter((each) => each.adapter === adapter.id);
  return h(
    "section", {},
    h("h2", {}, "The contract"),
    h("p", {}, `It keeps ${integer(adapter.kept)} of ${counted(adapter.checked, "promise")} of its levels.`),
    broken.length
      ? h(
          "dl", { class: "reasons" },
          broken.map((each) => [
            h("dt", {}, each.promise),
            h("dd", {}, h("strong", {}, each.outcome), each.as_expected ? "" : " (not as expected)", each.reason ? `: ${each.reason}` : ""),
          ]),
        )
      : null,
  );
}

/** Behaviours in which the adapter differs from asyncio. */
function otherwise(data, adapter) {
  const answers = new Map(data.answers.filter((each) => each.adapter === adapter.id).map((each) => [each.behaviour, each]));
  if (!answers.size || adapter.id === data.paired_with) return null;
  const usual = new Map(
    data.answers.filter((each) => each.adapter === data.paired_with).map((each) => [each.behaviour, each]),
  );
  const rows = data.behaviours
    .map((behaviour) => ({ behaviour, answer: answers.get(behaviour.id), theirs: usual.get(behaviour.id) }))
    .filter(({ answer, theirs }) => answer && theirs && !sameAnswer(answer, theirs));
  const columns = [
    { key: "", title: "Behaviour", cell: ({ behaviour }) => link(behaviour.question, "behaviours", "", { q: behaviour.id }) },
    { key: "", title: data.paired_with, cell: ({ theirs }) => answerText(theirs) },
    { key: "", title: adapter.id, cell: ({ answer }) => answerText(answer) },
  ];
  const caption = `Asked of both: ${counted([...answers.keys()].filter((id) => usual.has(id)).length, "behaviour")}; these differ`;
  return h(
    "section", {},
    h("h2", {}, `What it does otherwise than ${data.paired_with}`),
    rows.length
      ? scrolling(caption, sortableTable(caption, columns, rows, new Map()))
      : h("p", {}, "Nothing that was asked of both."),
  );
}

function loopsTable(data) {
  const columns = [
    { key: "", title: "Loop", cell: (loop) => loop.name },
    ...["passed", "failed", "hung", "skipped"].map((name) => ({
      key: "", title: name, side: "right", cell: (loop) => integer(loop[name]),
    })),
    { key: "", title: "What a user would miss", cell: (loop) => loop.missed || "nothing" },
  ];
  const caption = "CPython’s own tests of loops: behind a feature, how many of its tests do not pass, of how many";
  return [h("h2", {}, "As drop-in"), scrolling(caption, sortableTable(caption, columns, data.loops, new Map()))];
}
