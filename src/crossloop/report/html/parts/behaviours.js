"use strict";
// The behaviours: what each library answered, in its own words. Those in which libraries differ come first.

function sameAnswer(first, second) {
  return first.answer === second.answer && first.how === second.how;
}

/** `hangs: nothing within 5 s`. */
function answerText({ answer, how }) {
  const word = answer.replaceAll("-", " ");
  return how ? `${word}: ${how}` : word;
}

const behavioursView = {
  title: () => "Behaviours",

  controls(data, { chosen }) {
    const adapters = [...new Set(data.answers.map((each) => each.adapter))];
    return [
      choice(
        "group", "Of", [["", [["", "every kind"], ...data.behaviour_groups]]], chosen.get("group") ?? "",
        (value) => choose({ group: value }),
      ),
      choice(
        "adapter", "Where not as asyncio", [["", [["", "any adapter"], ...adapters.map((name) => [name, name])]]],
        chosen.get("adapter") ?? "", (value) => choose({ adapter: value }),
      ),
      filterField("filter", "Question or answer with", chosen.get("q") ?? "", (value) =>
        choose({ q: value }, { step: false }),
      ),
      checkbox("alike", "also where all answer alike", chosen.get("alike") === "yes", (checked) =>
        choose({ alike: checked ? "yes" : "" }),
      ),
    ];
  },

  results(data, { chosen }) {
    if (!data.behaviours.length) return h("p", {}, "This run asked about no behaviour; crossloop check does.");
    const [group, adapter, query] = ["group", "adapter", "q"].map((name) => chosen.get(name) ?? "");
    const answers = grouped(data.answers, (each) => each.behaviour);
    const shown = data.behaviours.filter((behaviour) => {
      const members = answers.get(behaviour.id) ?? [];
      if (group && behaviour.group !== group) return false;
      if (query && !matches(query, behaviour.id, behaviour.question, ...members.map(answerText))) return false;
      if (adapter) return differsFrom(data, members, adapter);
      return chosen.get("alike") === "yes" || members.some((each) => !sameAnswer(each, members[0]));
    });
    const parts = data.behaviour_groups.map(([id, heading]) => {
      const members = shown.filter((behaviour) => behaviour.group === id);
      if (!members.length) return null;
      return h(
        "section", {},
        h("h2", {}, heading),
        members.map((behaviour) => behaviourEntry(behaviour, answers.get(behaviour.id) ?? [], adapter, shown.length <= 3)),
      );
    });
    return [
      h("p", { class: "count", role: "status" }, `${counted(shown.length, "behaviour")} of ${integer(data.behaviours.length)}.`),
      parts,
    ];
  },
};

/** Whether an adapter answers otherwise than asyncio, or than the rule where asyncio was not asked. */
function differsFrom(data, members, adapter) {
  const answer = members.find((each) => each.adapter === adapter);
  if (!answer) return false;
  const usual = members.find((each) => each.adapter === data.paired_with);
  return usual && usual !== answer ? !sameAnswer(answer, usual) : answer.answer !== "yes";
}

function behaviourEntry(behaviour, members, adapter, open) {
  const alike = [...grouped(members, answerText).entries()];
  alike.sort(([first], [second]) => Number(first !== "yes") - Number(second !== "yes"));
  const counts = [...grouped(alike.flatMap(([, each]) => each), ({ answer }) => answer.replaceAll("-", " "))].map(
    ([word, each]) => h("span", { class: "tally" }, `${word} `, h("b", {}, integer(each.length))),
  );
  const chosen = members.find((each) => each.adapter === adapter);
  return h(
    "details", { class: "behaviour", open },
    h(
      "summary", {},
      h("span", { class: "ask" }, behaviour.question),
      chosen ? h("span", { class: "tally" }, `${adapter}: ${answerText(chosen)}`) : counts,
    ),
    behaviour.rule ? h("p", {}, h("strong", {}, "Rule: "), behaviour.rule) : null,
    behaviour.source ? h("p", { class: "aside" }, "Source: ", external(behaviour.source)) : null,
    behaviour.reports.length
      ? h("p", { class: "aside" }, "Reported: ", joined(behaviour.reports.map((each) => external(each))))
      : null,
    h(
      "dl", { class: "reasons" },
      alike.map(([text, each]) => [
        h("dt", {}, text),
        h("dd", {}, joined(each.map((answer) => [
          link(answer.adapter, "adapter", answer.adapter),
          answer.seen ? h("span", { class: "aside" }, ` (${answer.seen})`) : "",
        ]))),
      ]),
    ),
  );
}
