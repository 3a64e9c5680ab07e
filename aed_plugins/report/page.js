// The page: a card per recording, and the keys that go to the card that was used last.

class Card {
  constructor(recording, number) {
    this.recording = recording;
    this.player = new Player(recording, number, () => this.show());
    this.timeline = new Timeline(recording, (seconds) => this.seek(seconds), (event) => this.playEvent(event));
    this.bars = durationBars(recording, (label) => this.choose(label));
    this.table = new EventTable(recording, (label) => this.choose(label), (event) => this.playEvent(event));
    this.root = element("article", { class: "card", "aria-labelledby": `name-${number}` });
    const lengths = [spell(recording.duration), counted(recording.events.length, "event"), about.model];
    this.root.append(
      element("h2", { id: `name-${number}` }, recording.name),
      element("p", { class: "facts" }, ...lengths.map((text) => element("span", {}, text))),
      this.controls(),
      this.timeline.root,
      this.player.audio,
      this.note,
    );
    if (recording.durations.length) this.root.append(this.bars.root);
    this.root.append(this.table.root);
    this.buildHeads();
    this.timeline.zoomed = () => this.showZoom();
    for (const name of ["focusin", "pointerdown"]) {
      this.root.addEventListener(name, () => (Card.active = this));
    }
    this.show();
  }

  controls() {
    const button = (text, label, action) => {
      const made = element("button", { type: "button", class: "tool", "aria-label": label, title: label }, text);
      made.addEventListener("click", action);
      return made;
    };
    this.playButton = element("button", { type: "button", class: "play" });
    this.playButton.addEventListener("click", () => this.toggle());
    this.clock = element("span", { class: "clock" });
    this.now = element("p", { class: "now", role: "status" });
    this.note = element("p", { class: "note" });
    this.outButton = button("−", "Zoom out", () => this.timeline.setZoom(this.timeline.zoom / 2));
    this.wholeButton = button("Whole", "Show the whole recording", () => this.timeline.setZoom(1));
    this.inButton = button("+", "Zoom in", () => this.timeline.setZoom(this.timeline.zoom * 2));
    const total = element("span", { class: "total" }, ` / ${clock(this.recording.duration)}`);
    return element(
      "div",
      { class: "controls" },
      this.playButton,
      element("span", { class: "times" }, this.clock, total),
      this.now,
      element("div", { class: "tools" }, this.outButton, this.wholeButton, this.inButton),
      button("?", "Keys and help", showHelp),
    );
  }

  /** The names of the lanes, each with its probability at the cursor. */
  buildHeads() {
    this.heads = this.recording.labels.map((label) => {
      const value = element("span", { class: "value", "aria-hidden": "true" });
      const name = about.labels[label];
      const button = element(
        "button",
        { type: "button", class: "name", "aria-pressed": "false", title: `Only ${name}` },
        element("span", { class: "dot" }),
        element("span", { class: "name-text" }, ...breakable(name)),
      );
      button.addEventListener("click", () => this.choose(label));
      this.timeline.heads.append(element("div", { class: `head ${hue(label)}` }, button, value));
      return { label, button, value };
    });
  }

  choose(label) {
    const chosen = label === this.timeline.filter ? undefined : label;
    this.timeline.setFilter(chosen);
    this.table.setFilter(chosen);
    this.bars.mark(chosen);
    for (const head of this.heads) head.button.setAttribute("aria-pressed", String(head.label === chosen));
  }

  pauseOthers() {
    for (const card of cards) if (card !== this) card.player.pause();
  }

  toggle() {
    this.event = null;
    this.pauseOthers();
    this.timeline.following = true;
    this.player.toggle();
    this.show();
  }

  seek(seconds) {
    this.event = null;
    this.timeline.following = true;
    this.player.seek(seconds);
  }

  playEvent(number) {
    const [label, onset, offset] = this.recording.events[number];
    this.pauseOthers();
    this.timeline.following = true;
    this.player.playBetween(onset, offset);
    this.event = number;
    this.now.textContent = `${about.labels[label]}, ${clock(onset)} to ${clock(offset)}`;
    this.show();
  }

  show() {
    if (!this.heads) return;
    const { playing, position, usable, note } = this.player;
    if (this.pictured !== playing) {
      this.pictured = playing;
      this.playButton.setAttribute("aria-label", playing ? "Pause" : "Play");
      this.playButton.replaceChildren(icon(playing ? "pause" : "play"));
    }
    this.playButton.disabled = !usable;
    if (this.note.textContent !== note) this.note.textContent = note;
    this.note.hidden = !note;
    this.clock.textContent = clock(position);
    this.timeline.moveCursor(position);
    this.heads.forEach(({ value }, row) => {
      const now = this.timeline.atCursor[row];
      value.textContent = Number.isNaN(now) ? "" : now.toFixed(2);
      value.classList.toggle("high", now >= (this.recording.thresholds[row] ?? 0.5));
    });
    const event = this.event ?? null;
    if (event === null) this.now.textContent = "";
    this.timeline.setPlaying(event);
  }

  showZoom() {
    const { zoom, mostZoom } = this.timeline;
    this.outButton.disabled = zoom <= 1;
    this.wholeButton.disabled = zoom <= 1;
    this.inButton.disabled = zoom >= mostZoom;
  }
}

function showHelp() {
  document.getElementById("help").showModal();
}

const KEYS = {
  " ": (card) => card.toggle(),
  ArrowLeft: (card, event) => card.seek(card.player.position - (event.shiftKey ? 1 : 5)),
  ArrowRight: (card, event) => card.seek(card.player.position + (event.shiftKey ? 1 : 5)),
  "+": (card) => card.timeline.setZoom(card.timeline.zoom * 2),
  "=": (card) => card.timeline.setZoom(card.timeline.zoom * 2),
  "-": (card) => card.timeline.setZoom(card.timeline.zoom / 2),
  0: (card) => card.timeline.setZoom(1),
  "?": showHelp,
};

/** Keys that mean something else outside the timeline, such as scrolling the page. */
const TIMELINE_KEYS = {
  ArrowUp: (card) => card.timeline.step(-1),
  ArrowDown: (card) => card.timeline.step(1),
  Home: (card) => card.seek(0),
  End: (card) => card.seek(card.recording.duration),
};

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || document.getElementById("help").open) return;
  const card = Card.active ?? cards[0];
  // The space bar presses a button or opens a list as everywhere, but on an event it is play and pause.
  if (key === " " && target.closest("button:not(.event, .play), summary")) return;
  if (key.startsWith("Arrow") && target.closest(".wide")) return;
  const inTimeline = target.closest(".timeline") !== null && target.closest(".name") === null;
  const action = KEYS[key] ?? (inTimeline ? TIMELINE_KEYS[key] : undefined);
  if (action === undefined) return;
  event.preventDefault();
  action(card, event);
});

// Firefox presses a button when the space bar is let go.
document.addEventListener("keyup", (event) => {
  if (event.key === " " && event.target.closest(".event, .play")) event.preventDefault();
});

function colorSheet() {
  const rules = (colors, when) =>
    colors.map((color, place) => `${when}.hue-${place}{--hue:${color}}`).join("");
  const sheet = new CSSStyleSheet();
  const dark = rules(about.colors.dark, "");
  sheet.replaceSync(
    `${rules(about.colors.light, "")}@media screen and (prefers-color-scheme:dark){${dark}}`,
  );
  document.adoptedStyleSheets = [sheet];
}

function settings() {
  const list = document.getElementById("settings");
  for (const [name, value] of [["Model", about.model], ...about.settings]) {
    list.append(element("div", {}, element("dt", {}, name), element("dd", {}, value)));
  }
}

colorSheet();
settings();
const recordings = [];
for (let number = 0, found = data("recording-0"); found !== null; found = data(`recording-${number}`)) {
  recordings.push(found);
  number += 1;
}
const cards = recordings.map((recording, number) => new Card(recording, number));
const main = document.getElementById("main");
if (cards.length > 1) main.append(comparison(recordings));
main.append(element("div", { class: "cards" }, ...cards.map((card) => card.root)));

window.addEventListener("beforeprint", () => {
  for (const card of cards) {
    card.timeline.setZoom(1);
    card.table.all = true;
    card.table.root.open = true;
    card.table.draw();
  }
});
