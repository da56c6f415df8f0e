"use strict";
// Draws the run that stands in this page as data. Whatever programs, tools and models wrote goes in as
// text nodes only. A step's inside is made when it is opened, so that a thousand steps cost little.
const D = JSON.parse(document.getElementById("data").textContent);
const RUN = D.runs[D.first];
const $ = (tag, about, ...inner) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(about || {})) {
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...parts(inner));
  return node;
};
const parts = inner => [inner].flat(Infinity).filter(part => part instanceof Node || (typeof part === "string" && part));
const many = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;
const time = s => s < 0.9995 ? `${(s * 1000).toFixed(s < 0.00995 ? 1 : 0)} ms` : s < 60 ? `${s.toFixed(1)} s` : `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
const money = c => c ? `$${c < 0.01 ? c.toFixed(5) : c.toFixed(3)}` : "";
const short = (text, most) => text.length > most ? text.slice(0, most) + "…" : text;
const lazy = (about, summary, make, holds) => {
  const node = $("details", about, $("summary", {}, summary));
  node.holds = holds; // what a search looks for in it before it is filled
  node.fill = () => { if (!node.made) { node.made = true; node.append(...parts(make())); } };
  node.addEventListener("toggle", () => { if (node.open) node.fill(); });
  return node;
};

// Values
function shown(value) {
  if (value.image) return $("img", {src: value.image, alt: "picture"});
  if (value.table) {
    const {columns, rows, size} = value.table;
    const number = rows.length ? rows[0].map((_, i) => rows.every(row => row[i] !== "" && !isNaN(row[i]))) : [];
    return $("div", {}, $("div", {class: "wide"}, $("table", {},
      $("thead", {}, $("tr", {}, columns.map((name, i) => $("th", {class: number[i] ? "n" : ""}, name)))),
      $("tbody", {}, rows.map(row => $("tr", {}, row.map((cell, i) => $("td", {class: number[i] ? "n" : ""}, cell))))))),
      $("div", {class: "size"}, size));
  }
  return $("pre", {}, value.text);
}
const inline = value => value.image ? "[picture]" : value.table ? `[table, ${value.table.size}]`
  : short((value.is === "str" ? JSON.stringify(value.text) : value.text).replace(/\s+/g, " "), 90);

// Programs
const PYTHON = /(#[^\n]*)|((?:\b[rbfuRBFU]{1,2})?(?:"""[\s\S]*?(?:"""|$)|'''[\s\S]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?))|\b(False|None|True|and|as|assert|async|await|break|class|continue|def|del|elif|else|except|finally|for|from|global|if|import|in|is|lambda|nonlocal|not|or|pass|raise|return|try|while|with|yield|match|case)\b|\b(\d[\d_.]*(?:e[+-]?\d+)?)\b/g;
function coloured(code) {
  const lines = [[]], kinds = ["com", "str", "kw", "num"];
  const put = (text, kind) => text.split("\n").forEach((part, i) => {
    if (i) lines.push([]);
    if (part) lines[lines.length - 1].push(kind ? $("span", {class: kind}, part) : part);
  });
  let at = 0;
  for (const found of code.matchAll(PYTHON)) {
    put(code.slice(at, found.index));
    put(found[0], kinds[found.slice(1).findIndex(Boolean)]);
    at = found.index + found[0].length;
  }
  put(code.slice(at));
  return lines;
}
function program(step, run) {
  const under = new Map(), at = line => under.get(line) || under.set(line, []).get(line);
  const lines = coloured(step.code.trimEnd()), known = line => line > 0 && line <= lines.length ? line : 0;
  for (const call of step.calls) at(known(call.line)).push(drawCall(call));
  for (const [line, text] of step.out || []) at(known(line)).push($("pre", {class: "out"}, text.replace(/\n$/, "")));
  const hits = new Set([...(step.error || "").matchAll(/<step (\d+)>"?, line (\d+)/g)].filter(found => +found[1] === step.n).map(found => +found[2]));
  const rest = under.get(0) || [];
  return [
    $("h2", {}, "Program"),
    $("div", {class: "code"}, lines.map((parts, i) => [
      $("div", {class: hits.has(i + 1) ? "line hit" : "line"}, $("span", {}, String(i + 1)), $("span", {}, parts)),
      under.has(i + 1) && $("div", {class: "under"}, under.get(i + 1)),
    ])),
    rest.length && $("h2", {}, under.size > 1 ? "Of no known line" : "Calls and output"), ...rest,
  ];
}

// Calls
const written = call => `${call.name || "(a call that did not fit)"}(${call.args.map(([name, value]) => (name ? name + "=" : "") + inline(value)).join(", ")})`;
function drawCall(call) {
  const gives = call.error ? ` ✗ ${short(call.error, 120)}` : call.value ? ` → ${inline(call.value)}` : "";
  const state = {open: "never finished", waits: "waits for a person", denied: "refused", "not made": "not made"}[call.state];
  const about = [state, call.run && "agent", call.seconds !== undefined && time(call.seconds)].filter(Boolean).join(" · ");
  const bad = call.error || state;
  return lazy({class: "call"}, [
    $("span", {class: bad ? "line1 bad" : "line1"}, `${written(call)}${gives}`),
    $("span", {class: "meta"}, about)], () => $("div", {class: "in"},
    call.args.map(([name, value]) => $("div", {}, $("span", {class: "soft mono"}, name || "argument"), shown(value))),
    call.changed && $("div", {class: "warn"}, "A person changed these arguments."),
    call.asked && $("div", {class: "warn"}, `Asked (${call.asked.reason}): ` + (call.asked.approved === undefined ? "no answer"
      : `${call.asked.approved ? "approved" : "refused"} after ${time(call.asked.t1 - call.asked.t)} ${call.asked.said || ""}`)),
    call.value && $("div", {}, $("span", {class: "soft mono"}, "gave"), shown(call.value)),
    call.error && $("pre", {class: "error"}, call.error),
    call.run && drawRun(D.runs[call.run])), () => textOf({calls: [call]}));
}

// Messages
function messagesOf(run, index) {
  let now = [];
  for (const step of run.steps.slice(0, index + 1)) if (step.model && step.model.new) now = now.slice(0, step.model.keep).concat(step.model.new);
  return now;
}
function drawMessage(run, place, mark) {
  const message = run.messages[place];
  const about = [message.role, `${(message.size || 0).toLocaleString("en")} characters`, message.images && many(message.images, "picture"), message.of && `answers ${message.of}`];
  return $("div", {class: `message ${mark}`}, $("div", {}, (mark === "new" ? "+ " : mark === "gone" ? "− " : "") + about.filter(Boolean).join(" · ")),
    $("pre", {}, [message.text, ...(message.calls || [])].filter(Boolean).join("\n")));
}
function messages(run, index) {
  const now = messagesOf(run, index), step = run.steps[index], model = step.model;
  const before = index ? messagesOf(run, index - 1) : [];
  const gone = before.slice(model.keep);
  const differs = index ? `, ${model.new.length} new${gone.length ? ` and ${gone.length} taken back` : ""} since the step before` : "";
  return lazy({class: "more messages"}, `What the model saw: ${many(now.length, "message")}${differs}`, () => [
    model.keep && lazy({class: "more"}, `${many(model.keep, "message")} as before`, () => now.slice(0, model.keep).map(place => drawMessage(run, place, ""))),
    ...gone.map(place => drawMessage(run, place, "gone")), ...model.new.map(place => drawMessage(run, place, index ? "new" : "")),
    $("div", {class: "soft"}, "Rebuilt from the stored events, with the stored tools and instructions and this version's rules and examples."),
  ]);
}

// Steps
function lanes(step) {
  const bars = [], t0 = step.t0, length = Math.max(step.t1 - t0, 1e-4), ends = [], above = step.c0 === undefined ? 1 : 2;
  if (step.model) bars.push([0, "model", step.model.t0, step.model.t1, "model"]);
  if (step.c0 !== undefined) bars.push([1, "program", step.c0, step.t1, "program"]);
  for (const call of [...step.calls].sort((a, b) => a.t0 - b.t0)) {
    let lane = ends.findIndex(end => end <= call.t0);
    if (lane < 0) lane = ends.length < 12 ? ends.length : 11;
    ends[lane] = Math.max(call.t1, call.t0 + length / 300);
    bars.push([lane + above, call.error ? "call failed" : "call", call.t0, call.t1, call.name]);
  }
  const box = $("div", {class: "lanes", role: "img", "aria-label": "timeline of this step"});
  box.style.height = `${(Math.max(...bars.map(bar => bar[0]), 0) + 1) * 18 + 3}px`;
  for (const [lane, kind, from, to, name] of bars.slice(0, 400)) {
    const left = Math.max(0, from - t0) / length * 100, width = Math.max(0, to - from) / length * 100, top = `${lane * 18 + 2}px`;
    const about = `${name}: ${time(Math.max(0, to - from))}`, fits = width > 8;
    const bar = $("div", {class: `lane ${kind}${fits ? "" : " bare"}`, title: about}, fits ? name : "");
    Object.assign(bar.style, {top, left: `min(${left}%, 100% - 3px)`, width: `${width}%`});
    box.append(bar);
    if (fits || bars.filter(other => other[0] === lane).length > 1) continue;
    const beside = $("div", {class: "lane beside"}, about), end = left + width;
    Object.assign(beside.style, end < 70 ? {top, left: `calc(max(${end}%, ${left}% + 3px) + 4px)`} : {top, right: `calc(${100 - left}% + 4px)`});
    box.append(beside);
  }
  return bars.length ? box : null;
}
const CODE = /```(?:python|py)?[ \t]*\n|<code>/;
function inside(run, index) {
  const step = run.steps[index], model = step.model, thought = model && (step.code ? model.said.split(CODE)[0] : model.said).trim();
  return $("div", {class: "inside"}, lanes(step),
    step.resumed && $("div", {class: "warn"}, "The run was cut off here and went on in another process."),
    step.plan && [$("h2", {}, "Plan"), $("pre", {}, step.plan.text)],
    model && model.thought && lazy({class: "more"}, "What the model thought", () => $("pre", {}, model.thought), () => model.thought.toLowerCase()),
    thought && [$("h2", {}, "The model said"), $("pre", {}, thought)],
    step.code ? program(step, run) : (step.calls.length > 0 && [$("h2", {}, "Calls"), ...step.calls.map(drawCall)]),
    step.unkept && $("div", {class: "warn"}, `${step.unkept.toLocaleString("en")} more bytes were printed than the executor keeps.`),
    step.value && [$("h2", {}, "Value of the last line"), $("pre", {}, step.value)],
    step.images && [$("h2", {}, "Pictures"), ...step.images.map(shown)],
    step.error && [$("h2", {}, step.lost ? "Error; the interpreter was lost" : "Error"), $("pre", {class: "error"}, step.error)],
    step.final && [$("h2", {}, "Answer"), $("div", {class: "answer"}, shown(step.answer))],
    (step.notes || []).map(note => $("pre", {class: "soft"}, note)),
    step.rejected.map(reason => [$("h2", {}, "This answer was not accepted"), $("pre", {class: "error"}, reason)]),
    step.unfinished && $("div", {class: "warn"}, "The run ended, or was cut off, in the middle of this step."),
    model && model.new && messages(run, index),
    model && lazy({class: "more"}, "The reply as it came", () => $("pre", {}, model.said || "(no text)")),
    model && $("div", {class: "size"}, [model.name, time(model.t1 - model.t0), `${model.in.toLocaleString("en")} tokens in${model.cached ? ` (${model.cached.toLocaleString("en")} cached)` : ""}`,
      `${model.out.toLocaleString("en")} out`, money(model.cost), model.finish !== "stop" && `ended by ${model.finish}`].filter(Boolean).join(" · ")));
}
const failed = step => Boolean(step.error || step.rejected.length || step.calls.some(call => call.error));
function headline(step) {
  const said = step.model ? step.model.said.split(CODE)[0].trim() : "";
  const first = (said || step.code || step.calls.map(call => call.name).join(", ") || step.error || (step.final ? "The answer" : "")).trim().split("\n").filter(Boolean)[0] || "…";
  return short(first, 200);
}
function drawStep(run, index, id) {
  const step = run.steps[index], model = step.model;
  const marks = [failed(step) && $("span", {class: "bad"}, "✗ "), step.final && $("span", {class: "good"}, "✓ ")];
  const meta = [marks, [step.calls.length && many(step.calls.length, "call"),
    model && `${(model.in + model.out).toLocaleString("en")} tokens`, model && money(model.cost), time(step.t1 - step.t0)].filter(Boolean).join(" · ")];
  return lazy({class: failed(step) ? "step failed" : "step", id}, [$("b", {}, String(step.n)), $("span", {class: "what"}, headline(step)), $("span", {class: "meta"}, meta)],
    () => inside(run, index), () => textOf(step));
}

// Runs
const ENDS = {success: ["done", "good"], max_steps_error: ["out of steps", "warn"], limit: ["at a limit", "warn"], paused: ["waits for a person", "warn"],
  interrupted: ["interrupted", "warn"], failed: ["failed", "bad"], unfinished: ["not finished: cut off, or still under way", "warn"]};
const badge = run => $("span", {class: `badge ${(ENDS[run.state] || ["", "warn"])[1]}`}, (ENDS[run.state] || [run.state])[0]);
function drawRun(run) {
  return $("div", {class: "run"}, $("div", {class: "row"}, $("strong", {}, run.agent), badge(run), $("span", {class: "soft"}, `${many(run.steps.length, "step")} · ${time(run.t1 - run.t0)}`)),
    $("pre", {}, run.task), run.steps.map((_, i) => drawStep(run, i, null)),
    run.answer && $("div", {class: "answer"}, shown(run.answer)), run.error && $("pre", {class: "error"}, run.error), run.outside.map(id => drawRun(D.runs[id])));
}
function head() {
  const all = Object.values(D.runs), sum = key => all.reduce((total, run) => total + run.usage[key], 0);
  const facts = [[many(RUN.steps.length, "step"), `of at most ${RUN.max}`], [time(RUN.seconds ?? D.seconds), "from start to end"],
    [many(sum("models"), "model call"), [...new Set(all.flatMap(run => run.steps.map(step => step.model && step.model.name)).filter(Boolean))].join(", ")],
    [many(sum("calls"), "tool call"), all.length > 1 ? many(all.length, "run") : "by this run"],
    [`${(sum("in") + sum("out")).toLocaleString("en")} tokens`, `${sum("in").toLocaleString("en")} in, ${sum("out").toLocaleString("en")} out`],
    sum("cost") ? [money(sum("cost")), "cost"] : null].filter(Boolean);
  const theme = $("button", {onclick: () => { const root = document.documentElement.style;
    root.colorScheme = (root.colorScheme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark" ? "light" : "dark"; }, class: "theme"}, "Light / dark");
  return [$("h1", {}, RUN.task || "A run whose beginning is not stored"),
    $("div", {class: "row"}, badge(RUN), $("span", {class: "soft"}, [RUN.agent, `run ${RUN.id.slice(0, 8)}`, D.at && new Date(D.at * 1000).toISOString().slice(0, 19).replace("T", " ") + " UTC",
      RUN.wall && `wall: ${RUN.wall}`, RUN.continues && `goes on from ${RUN.continues.slice(0, 8)}`, RUN.resumed && `resumed ${RUN.resumed}×`].filter(Boolean).join(" · ")), theme),
    $("div", {class: "facts"}, facts.map(([big, small]) => $("div", {class: "fact"}, $("b", {}, big), $("span", {}, small)))),
    RUN.answer && [$("h2", {}, "Answer"), $("div", {class: "sheet answer"}, shown(RUN.answer))], RUN.error && $("pre", {class: "error"}, RUN.error)];
}
function about() {
  const agents = new Map();
  for (const run of Object.values(D.runs)) {
    const sums = agents.get(run.agent) || agents.set(run.agent, {runs: 0, models: 0, calls: 0, in: 0, cached: 0, out: 0, cost: 0}).get(run.agent);
    sums.runs++;
    for (const key of ["models", "calls", "in", "cached", "out", "cost"]) sums[key] += run.usage[key];
  }
  const rows = [...agents].map(([name, s]) => [name, ...[s.runs, s.models, s.calls, s.in, s.cached, s.out].map(n => n.toLocaleString("en")), money(s.cost) || "–"]);
  const heads = ["agent", "runs", "model calls", "tool calls", "tokens in", "cached", "tokens out", "cost"];
  return lazy({class: "sheet more", id: "about"}, "Cost by agent, variables and tools", () => [
    $("div", {class: "wide"}, $("table", {}, $("tr", {}, heads.map((h, i) => $("th", {class: i ? "n" : ""}, h))), rows.map(row => $("tr", {}, row.map((cell, i) => $("td", {class: i ? "n" : ""}, cell)))))),
    RUN.variables.map(([name, value]) => $("div", {}, $("h2", {}, name), shown(value))), RUN.images.map(shown),
    Object.entries(RUN.tools).map(([name, stub]) => lazy({class: "more"}, `tool ${name}`, () => $("pre", {}, stub)))]);
}
function errors() {
  const found = [];
  const look = (run, top) => run.steps.forEach((step, i) => {
    const place = top === null ? i : top, add = text => found.push([place, text.trim().split("\n").pop(), `${top === null ? "" : run.agent + " "}step ${step.n}`]);
    for (const call of step.calls) { if (call.error) add(`${call.name}: ${call.error}`); if (call.run) look(D.runs[call.run], place); }
    if (step.error && !step.calls.some(call => call.error && step.error.trim().endsWith(call.error.trim()))) add(step.error); // else it is told with its call
    step.rejected.forEach(add);
  });
  look(RUN, null);
  const link = ([place, text, where]) => $("div", {}, $("a", {href: `#s${place}`, onclick: event => { event.preventDefault(); go(place); }}, where), " ", $("span", {class: "bad mono"}, short(text, 160)));
  return found.length ? lazy({class: "sheet more", id: "errors", open: found.length <= 6}, many(found.length, "error"), () => found.slice(0, 200).map(link)) : null;
}

// The whole run at a glance: bars merged into one path a kind, so that a thousand steps are a handful of nodes.
function strip(kind, height, bars, label) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"), ns = svg.namespaceURI, W = 1000;
  svg.setAttribute("viewBox", `0 0 ${W} ${height}`); svg.setAttribute("preserveAspectRatio", "none"); svg.setAttribute("class", kind); svg.setAttribute("role", "img"); svg.setAttribute("aria-label", label);
  for (const name of Object.keys(bars)) {
    const path = document.createElementNS(ns, "path");
    path.setAttribute("class", `f-${name}`);
    path.setAttribute("d", bars[name].map(([x0, x1, y, h]) => `M${(x0 * W).toFixed(2)} ${y.toFixed(1)}h${Math.max((x1 - x0) * W, 0.6).toFixed(2)}v${h.toFixed(1)}h${(-Math.max((x1 - x0) * W, 0.6)).toFixed(2)}z`).join(""));
    svg.append(path);
  }
  return svg;
}
function overview() {
  const whole = Math.max(D.seconds, 1e-3), at = t => Math.min(t / whole, 1), bars = {program: [], model: [], call: [], bad: [], below: []}, lane = [];
  const below = (run, row) => run && run.steps.forEach(step => {
    if (step.model) bars.below.push([at(step.model.t0), at(step.model.t1), row, 3]);
    step.calls.forEach(call => below(D.runs[call.run], row));
  });
  for (const step of RUN.steps) {
    if (step.model) bars.model.push([at(step.model.t0), at(step.model.t1), 2, 14]);
    if (step.c0 !== undefined) bars.program.push([at(step.c0), at(step.t1), 18, 14]);
    if (failed(step)) bars.bad.push([at(step.t0), at(step.t1), 60, 4]);
    for (const call of step.calls) {
      let row = lane.findIndex(end => end <= call.t0);
      if (row < 0) row = lane.length < 3 ? lane.length : 2;
      lane[row] = call.t1;
      bars[call.error ? "bad" : "call"].push([at(call.t0), at(call.t1), 34 + row * 9, 7]);
      below(D.runs[call.run], 36 + row * 9);
    }
  }
  const steps = RUN.steps, most = Math.max(1, ...steps.map(s => s.model ? s.model.in + s.model.out : 0)), n = Math.max(steps.length, 24);
  const tokens = {cached: [], fresh: [], model: []};
  steps.forEach((s, i) => { if (!s.model) return; const gap = 0.12 / n; let top = 36;
    for (const [kind, count] of [["cached", s.model.cached], ["fresh", s.model.in - s.model.cached], ["model", s.model.out]]) {
      const height = Math.max(0, count) / most * 34;
      top -= height;
      tokens[kind].push([i / n + gap, (i + 1) / n - gap, top, height]);
    }
  });
  const when = strip("tall", 64, bars, "timeline of the run"), spent = strip("low", 36, tokens, "tokens by step");
  const x = (event, box) => (event.clientX - box.getBoundingClientRect().left) / box.getBoundingClientRect().width;
  when.addEventListener("click", event => { const t = x(event, when) * whole; go(Math.max(0, steps.findLastIndex(step => step.t0 <= t))); });
  spent.addEventListener("click", event => go(Math.min(steps.length - 1, Math.floor(x(event, spent) * n))));
  const key = (name, text) => $("span", {}, $("span", {class: `key k-${name}`}), text);
  return $("div", {class: "sheet", id: "overview"}, $("div", {class: "row soft"}, key("model", "model"), key("program", "program"), key("call", "tool calls"), key("bad", "errors"), $("span", {class: "right"}, "click to open a step")),
    when, $("div", {class: "axis"}, [0, 1, 2, 3, 4].map(i => $("span", {}, i ? time(whole * i / 4) : "0"))),
    $("div", {class: "row soft"}, $("span", {}, "Tokens by step"), key("model", "out"), key("fresh", "in"), tokens.cached.some(bar => bar[3]) && key("cached", "in, cached"),
      $("span", {class: "right"}, `the highest ${most.toLocaleString("en")}`)), spent);
}
function go(index) {
  const node = document.getElementById(`s${index}`);
  if (!node) return;
  node.hidden = false; node.open = true; node.fill();
  node.scrollIntoView({block: "start"});
  history.replaceState(null, "", `#s${index}`);
}

// Search and filters
let texts = null;
const strings = value => typeof value === "string" ? (value.startsWith("data:image/") ? "" : value) : value && typeof value === "object" ? Object.values(value).map(strings).join("\n") : "";
function textOf(step) {
  return (strings(step) + "\n" + step.calls.map(written).join("\n") + "\n" + step.calls.filter(call => call.run).map(call => strings(D.runs[call.run].task) + D.runs[call.run].steps.map(textOf).join("\n")).join("\n")).toLowerCase();
}
function filter() {
  const wanted = $search.value.trim().toLowerCase(), only = $only.getAttribute("aria-pressed") === "true";
  if (wanted && !texts) texts = RUN.steps.map(textOf);
  let count = 0;
  RUN.steps.forEach((step, i) => { const fits = (!wanted || texts[i].includes(wanted)) && (!only || failed(step)); rows[i].hidden = !fits; count += fits; });
  $count.textContent = wanted || only ? `${count} of ${many(RUN.steps.length, "step")}` : many(RUN.steps.length, "step");
  if (wanted && count && count <= 5) rows.forEach(row => { if (!row.hidden) reveal(row, wanted); });
  highlight(wanted);
}
function reveal(node, wanted) { // opens what holds it, down to where it is seen
  node.open = true; node.fill();
  if (node.querySelectorAll("details").length > 500) return;
  for (const inner of node.querySelectorAll("details")) if (!inner.open && inner.holds && inner.holds().includes(wanted)) reveal(inner, wanted);
}
function highlight(wanted) {
  if (!window.Highlight || !CSS.highlights) return;
  CSS.highlights.clear();
  if (!wanted) return;
  const ranges = [];
  for (const row of rows) {
    if (row.hidden) continue;
    const walk = document.createTreeWalker(row, NodeFilter.SHOW_TEXT);
    while (walk.nextNode() && ranges.length < 2000) {
      const text = walk.currentNode.data.toLowerCase();
      for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
        const range = new Range();
        range.setStart(walk.currentNode, at); range.setEnd(walk.currentNode, at + wanted.length); ranges.push(range);
      }
    }
  }
  CSS.highlights.set("found", new Highlight(...ranges));
}
let waiting = 0, rows = [];
const $search = $("input", {type: "search", id: "search", placeholder: "Search what was said, run, called and printed …", "aria-label": "search", oninput: () => { clearTimeout(waiting); waiting = setTimeout(filter, 120); }});
const press = event => { event.target.setAttribute("aria-pressed", event.target.getAttribute("aria-pressed") !== "true"); filter(); };
const $only = $("button", {id: "only", "aria-pressed": "false", onclick: press}, "Errors only");
const $all = $("button", {id: "all", onclick: () => { const open = !rows.some(row => row.open && !row.hidden); rows.forEach(row => { if (!row.hidden) { if (open) row.fill(); row.open = open; } }); }}, "Open / close all");
const $count = $("span", {class: "soft", id: "count"});
const page = document.getElementById("page");
if (!RUN) page.append($("h1", {}, "There are no events in this run."));
else {
  rows = RUN.steps.map((_, i) => drawStep(RUN, i, `s${i}`));
  const steps = $("div", {id: "steps"}, rows);
  steps.style.setProperty("--digits", `${Math.max(2, String(rows.length).length)}ch`);
  page.append(...parts([head(), overview(), errors(), about(), $("div", {class: "bar"}, $search, $only, $all, $count), steps, RUN.outside.map(id => drawRun(D.runs[id]))]));
  for (const node of page.querySelectorAll("details[open]")) node.fill();
  filter();
  if (/^#s\d+$/.test(location.hash)) go(+location.hash.slice(2));
  else if (rows.length && rows.length <= 3) rows.forEach(row => { row.open = true; row.fill(); });
}
