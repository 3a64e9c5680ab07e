// What stands below the lanes, as bars and rows; and the comparison of several recordings.

const FIRST_ROWS = 200;

/** One bar per class: how long it is present; a click shows that class alone. */
function durationBars(recording, choose) {
  const ends = recording.durations.map(([, seconds, , , interval]) => Math.max(seconds, interval?.[1] ?? 0));
  const longest = Math.max(...ends, 1e-9);
  const rows = recording.durations.map(([label, seconds, fraction, events, interval]) => {
    const part = (value) => `${(100 * value) / longest}%`;
    const bar = element("span", { class: "bar", style: { width: part(seconds) } });
    const field = element("span", { class: "bar-field" }, bar);
    let range = null;
    if (interval !== null) {
      const [low, high] = interval;
      const style = { left: part(low), width: part(high - low) };
      field.append(element("span", { class: "whisker", style }));
      range = element("span", { class: "range" }, `${spell(low)} – ${spell(high)}`);
    }
    const name = about.labels[label];
    const button = element(
      "button",
      { type: "button", class: "name", "aria-pressed": "false", title: `Only ${name}` },
      element("span", { class: "dot" }),
      element("span", { class: "name-text" }, ...breakable(name)),
    );
    button.addEventListener("click", () => choose(label));
    const numbers = element(
      "span",
      { class: "numbers" },
      element("b", {}, spell(seconds)),
      element("span", {}, percent(fraction)),
      element("span", {}, counted(events, "event")),
      range,
    );
    return { label, button, row: element("li", { class: hue(label) }, button, field, numbers) };
  });
  const root = element("section", { class: "durations" }, element("h3", {}, "Duration of each class"));
  root.append(element("ul", {}, ...rows.map(({ row }) => row)));
  if (recording.durations.some(([, , , , interval]) => interval !== null)) {
    root.append(
      element("p", { class: "hint" }, `The line at a bar’s end, and the range after it: ${percent(about.level)} confidence.`),
    );
  }
  const mark = (chosen) =>
    rows.forEach(({ label, button }) => button.setAttribute("aria-pressed", String(label === chosen)));
  return { root, mark };
}

const COLUMNS = [
  ["Class", (event) => about.labels[event[0]]],
  ["From", (event) => event[1]],
  ["To", (event) => event[2]],
  ["Length", (event) => event[2] - event[1]],
  ["Score", (event) => event[3] ?? -1],
];

/** All events in rows that can be sorted, and of one class alone. */
class EventTable {
  constructor(recording, choose, play) {
    Object.assign(this, { recording, choose, play, column: 1, direction: 1, all: false });
    this.summary = element("summary");
    this.chips = element("div", { class: "chips", role: "group", "aria-label": "Show" });
    this.head = element("tr");
    this.body = element("tbody");
    const table = element("table", { class: "events" }, element("thead", {}, this.head), this.body);
    this.more = element("button", { type: "button", class: "plain more" });
    this.more.addEventListener("click", () => {
      this.all = true;
      this.draw();
    });
    this.root = element(
      "details",
      { class: "listing" },
      this.summary,
      this.chips,
      element("div", { class: "wide" }, table),
      this.more,
    );
    this.root.addEventListener("toggle", () => this.draw());
    this.buildChips();
    this.buildHead();
    this.setFilter(undefined);
  }

  buildChips() {
    const present = new Set(this.recording.events.map(([label]) => label));
    const labels = [undefined, ...this.recording.labels.filter((label) => present.has(label))];
    this.chosen = labels.map((label) => {
      const dot = label === undefined ? null : element("span", { class: "dot" });
      const text = label === undefined ? "All" : about.labels[label];
      const style = `chip ${label === undefined ? "" : hue(label)}`;
      const chip = element("button", { type: "button", class: style }, dot, text);
      chip.addEventListener("click", () => this.choose(label));
      this.chips.append(chip);
      return [label, chip];
    });
  }

  buildHead() {
    this.sorters = COLUMNS.map(([title], column) => {
      const button = element("button", { type: "button" }, title);
      button.addEventListener("click", () => {
        this.direction = this.column === column ? -this.direction : 1;
        this.column = column;
        this.draw();
      });
      const cell = element("th", { scope: "col" }, button);
      this.head.append(cell);
      return cell;
    });
    this.head.append(element("th", {}, element("span", { class: "unseen" }, "Play")));
  }

  setFilter(label) {
    this.filter = label;
    for (const [own, chip] of this.chosen) chip.setAttribute("aria-pressed", String(own === label));
    this.draw();
  }

  draw() {
    const numbers = this.recording.events.map((_, number) => number);
    const shown = numbers.filter((n) => this.filter === undefined || this.recording.events[n][0] === this.filter);
    const of = this.filter === undefined ? "" : ` of ${this.recording.events.length}`;
    this.summary.textContent = `Events: ${shown.length}${of}`;
    this.sorters.forEach((cell, column) => {
      const way = this.direction > 0 ? "ascending" : "descending";
      cell.setAttribute("aria-sort", column === this.column ? way : "none");
    });
    if (!this.root.open) return;
    const key = COLUMNS[this.column][1];
    const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b) : a - b);
    const value = (number) => key(this.recording.events[number]);
    shown.sort((a, b) => this.direction * compare(value(a), value(b)) || a - b);
    const rows = this.all ? shown : shown.slice(0, FIRST_ROWS);
    this.body.replaceChildren(...rows.map((number) => this.row(number)));
    this.more.hidden = rows.length === shown.length;
    this.more.textContent = `Show all ${shown.length} events`;
  }

  row(number) {
    const [label, onset, offset, score] = this.recording.events[number];
    const name = about.labels[label];
    const button = element("button", { type: "button", class: "go", "aria-label": `Play ${name} at ${clock(onset)}` });
    button.append(icon("play"));
    button.addEventListener("click", () => this.play(number));
    const cells = [clock(onset, 2), clock(offset, 2), `${(offset - onset).toFixed(2)} s`, score?.toFixed(2) ?? "–"];
    return element(
      "tr",
      { class: hue(label) },
      element("th", { scope: "row" }, element("span", { class: "dot" }), name),
      ...cells.map((text) => element("td", {}, text)),
      element("td", {}, button),
    );
  }
}

/** A row per class, a column per recording. */
function comparison(recordings) {
  const found = recordings.map(({ durations }) => new Map(durations.map((entry) => [entry[0], entry])));
  const labels = about.labels.map((_, label) => label).filter((label) => found.some((own) => own.has(label)));
  const head = element("tr", {}, element("th", { scope: "col" }, "Class"));
  for (const { name, duration } of recordings) {
    const style = { width: `${85 / recordings.length}%` };
    head.append(element("th", { scope: "col", style }, name, element("small", {}, spell(duration))));
  }
  const rows = labels.map((label) => {
    const cells = found.map((own) => {
      if (!own.has(label)) return element("td", { class: "nothing" }, "–");
      const [, seconds, fraction, events] = own.get(label);
      const bar = element("span", { class: "bar", style: { width: `${100 * Math.min(fraction, 1)}%` } });
      const numbers = element("small", {}, `${percent(fraction)}, ${counted(events, "event")}`);
      return element("td", {}, spell(seconds), numbers, element("span", { class: "bar-field" }, bar));
    });
    const name = element("th", { scope: "row" }, element("span", { class: "dot" }), about.labels[label]);
    return element("tr", { class: hue(label) }, name, ...cells);
  });
  const table = element("table", { class: "compared" }, element("thead", {}, head), element("tbody", {}, ...rows));
  return element(
    "section",
    { class: "card comparison" },
    element("h2", {}, "Side by side"),
    element("div", { class: "wide", tabindex: 0, role: "group", "aria-label": "Durations per class" }, table),
  );
}
