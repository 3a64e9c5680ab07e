// The page of a talk: the reference above the recognized words, with the sound.

const LETTERS = { substitution: "S", deletion: "D", insertion: "I" };
const GAP = "–"; // stands for the word that one side lacks

class Talk {
  constructor(talk) {
    this.talk = talk;
    this.words = talk.rows.flatMap((row, place) => row.words.map((word) => ({ ...word, row: place })));
    this.errors = this.words.map((_, place) => place).filter((place) => this.words[place].kind in LETTERS);
    this.timed = this.words.map((_, place) => place).filter((place) => this.words[place].recognized !== null);
    this.buttons = [];
    this.current = 0; // the word that the Tab key stops at
    this.following = false;
    this.player = new Player(talk, 0, () => this.show());
    this.rows = talk.rows.map((row) => this.row(row));
    this.root = document.getElementById("main");
    this.note = element("p", { class: "note" });
    this.list = element("ol", { class: "rows" }, ...this.rows);
    this.root.append(this.tiles(), this.controls(), this.note, this.list, this.player.audio);
    if (this.buttons.length) this.buttons[0].tabIndex = 0;
    for (const name of ["wheel", "touchmove"]) {
      window.addEventListener(name, () => (this.following = false), { passive: true });
    }
    this.show();
  }

  /** The counts, which are the legend too. */
  tiles() {
    const { counts, wer } = this.talk;
    const tile = (name, value, kind) =>
      element(
        "div",
        { class: kind ?? null },
        element("dt", {}, kind ? element("span", { class: "tag" }, LETTERS[kind]) : null, ` ${name}`),
        element("dd", {}, String(value)),
      );
    return element(
      "dl",
      { class: "tiles" },
      tile("Word error rate", wer === null ? "none" : `${(100 * wer).toFixed(1)} %`),
      tile("Reference words", counts.reference_words),
      tile("Correct", counts.correct),
      tile("Substitutions", counts.substitutions, "substitution"),
      tile("Deletions", counts.deletions, "deletion"),
      tile("Insertions", counts.insertions, "insertion"),
    );
  }

  controls() {
    const tool = (text, label, onclick) =>
      element("button", { type: "button", class: "tool", "aria-label": label, title: label, onclick }, text);
    this.playButton = element("button", { type: "button", class: "play", onclick: () => this.toggle() });
    this.clock = element("span", { class: "clock" });
    this.now = element("p", { class: "now" });
    const total = element("span", { class: "total" }, ` / ${clock(this.talk.duration)}`);
    const before = tool("‹ Error", "Previous error (P)", () => this.stepError(-1));
    const after = tool("Error ›", "Next error (N)", () => this.stepError(1));
    before.disabled = after.disabled = !this.errors.length;
    return element(
      "div",
      { class: "controls pinned" },
      this.playButton,
      element("span", { class: "times" }, this.clock, total),
      this.now,
      element("div", { class: "tools" }, before, after),
      tool("?", "Keys and help", showHelp),
      this.strip(),
    );
  }

  /** The whole talk at a glance: segments, each kind of error, and sound events. */
  strip() {
    const { duration, rows } = this.talk;
    const band = (...marks) =>
      drawn("svg", { class: "band", viewBox: `0 0 ${duration} 1`, preserveAspectRatio: "none", "aria-hidden": "true" }, ...marks);
    const bar = (name, { onset, offset }) => drawn("rect", { class: name, x: onset, y: 0, width: offset - onset, height: 1 });
    const ticks = (kind) => {
      const marks = this.words.filter((word) => word.kind === kind).map((word) => `M${word.start} 0V1`);
      return drawn("g", { class: kind }, drawn("path", { class: "tick", d: marks.join("") }));
    };
    this.cursor = element("div", { class: "cursor" });
    this.field = element(
      "div",
      {
        class: "field",
        role: "slider",
        tabindex: 0,
        "aria-label": "Position",
        "aria-valuemin": 0,
        "aria-valuemax": duration,
        onpointerdown: (event) => this.grabbed(event),
      },
      band(...rows.filter((row) => row.kind === "segment").map((row) => bar("part", row))),
      ...Object.keys(LETTERS).map((kind) => band(ticks(kind))),
      band(...rows.flatMap((row) => row.events).map((event) => bar("event", event))),
      this.cursor,
    );
    const names = ["segments", ...Object.values(LETTERS), "events"];
    return element("div", { class: "strip" }, ...names.map((name) => element("span", { "aria-hidden": "true" }, name)), this.field);
  }

  grabbed(event) {
    const { left, width } = this.field.getBoundingClientRect();
    const follow = (moved) => this.seek(((moved.clientX - left) / width) * this.talk.duration);
    follow(event);
    this.field.setPointerCapture(event.pointerId);
    this.field.addEventListener("pointermove", follow);
    const release = () => this.field.removeEventListener("pointermove", follow);
    this.field.addEventListener("lostpointercapture", release, { once: true });
  }

  row(row) {
    const wrong = row.words.filter((word) => word.kind in LETTERS).length;
    const length = `${(row.offset - row.onset).toFixed(1)} s`;
    const from = element("button", { type: "button", class: "from", title: "Play this and no more" }, clock(row.onset));
    from.addEventListener("click", () => this.playBetween(row));
    const errors = row.kind === "segment" ? ` · ${counted(wrong, "error")}` : "";
    const when = element("div", { class: "when" }, from, element("small", {}, length + errors));
    const sounds = row.events.map((event) => element("li", {}, this.sound(event)));
    return element(
      "li",
      { class: `row ${row.kind}` },
      when,
      row.kind === "segment" ? this.pairs(row) : element("p", { class: "apart" }, APART[row.kind]),
      sounds.length ? element("ul", { class: "sounds", "aria-label": "Sound events" }, ...sounds) : null,
    );
  }

  pairs(row) {
    const sides = element("span", { class: "word sides", "aria-hidden": "true" });
    sides.append(element("span", {}, "reference"), element("span", {}, "recognized"));
    return element("div", { class: "words" }, sides, ...row.words.map((word) => this.word(word)));
  }

  word(word) {
    const place = this.buttons.length;
    const side = (name, text) => element("span", { class: text === null ? "gap" : name }, text ?? GAP);
    const letter = LETTERS[word.kind];
    const button = element(
      "button",
      { type: "button", class: `word ${word.kind}`, tabindex: -1, "aria-label": describe(word), title: describe(word) },
      side("reference", word.reference),
      word.kind === "unscored" ? null : side("recognized", word.recognized),
      letter ? element("span", { class: "tag" }, letter) : null,
    );
    button.addEventListener("click", () => this.playFrom(word.start));
    button.addEventListener("focus", () => {
      this.buttons[this.current].tabIndex = -1;
      button.tabIndex = 0;
      this.current = place;
    });
    this.buttons.push(button);
    return button;
  }

  sound(event) {
    const score = event.score === null ? "" : `, score ${event.score.toFixed(2)}`;
    const text = `${event.label} ${clock(event.onset)} to ${clock(event.offset)}${score}`;
    return element("button", { type: "button", onclick: () => this.playBetween(event) }, text);
  }

  toggle() {
    this.following = true;
    this.player.toggle();
    this.show();
  }

  seek(seconds) {
    this.following = true;
    this.player.seek(seconds);
  }

  playFrom(seconds) {
    this.seek(seconds);
    this.player.play();
  }

  playBetween({ onset, offset }) {
    this.following = true;
    this.player.playBetween(onset, offset);
  }

  focus(place) {
    const chosen = Math.min(Math.max(place, 0), this.buttons.length - 1);
    this.buttons[chosen]?.focus({ preventScroll: true });
    this.buttons[chosen]?.closest(".row").scrollIntoView({ block: "nearest" });
  }

  stepError(direction) {
    if (!this.errors.length) return;
    const onWord = document.activeElement === this.buttons[this.current];
    const here = onWord ? this.current : this.words.findLastIndex((word) => word.start <= this.player.position);
    const next = this.errors.find((place) => place > here) ?? this.errors[0];
    const last = this.errors.findLast((place) => place < here) ?? this.errors.at(-1);
    const chosen = direction > 0 ? next : last;
    this.seek(this.words[chosen].start);
    this.focus(chosen);
  }

  /** From a word to the first one of the segment before or after. */
  stepRow(direction) {
    const { row } = this.words[this.current];
    const inRow = (place) => this.words.findIndex((word) => word.row === place);
    for (let place = row + direction; place >= 0 && place < this.rows.length; place += direction) {
      if (inRow(place) >= 0) return this.focus(inRow(place));
    }
    return undefined;
  }

  /** The place of the recognized word that is being played; undefined in a pause. */
  wordAt(seconds) {
    let [low, high] = [0, this.timed.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.words[this.timed[middle]].start <= seconds + 0.001) low = middle + 1;
      else high = middle;
    }
    const place = this.timed[low - 1];
    return place !== undefined && seconds < this.words[place].end ? place : undefined;
  }

  show() {
    if (!this.cursor) return;
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
    this.cursor.style.setProperty("left", `${(100 * position) / this.talk.duration}%`);
    this.field.setAttribute("aria-valuenow", position.toFixed(1));
    this.field.setAttribute("aria-valuetext", clock(position));
    this.mark(position);
  }

  mark(position) {
    const word = this.wordAt(position);
    if (word !== this.marked) {
      this.buttons[this.marked]?.classList.remove("now");
      this.buttons[word]?.classList.add("now");
      this.marked = word;
      this.now.textContent = word === undefined ? "" : this.words[word].recognized;
    }
    const row = this.talk.rows.findLastIndex((own) => own.onset <= position);
    if (row === this.active) return;
    this.rows[this.active]?.classList.remove("active");
    this.rows[row]?.classList.add("active");
    this.active = row;
    if (this.following) this.rows[row]?.scrollIntoView({ block: "nearest" });
  }
}

const APART = { "not-scored": "not scored", between: "between the segments" };

/** The text of a word's button for screen readers. */
function describe({ kind, reference, recognized, start }) {
  const sides = [reference === null ? null : `reference ${reference}`, recognized === null ? null : `recognized ${recognized}`];
  const named = kind === "unscored" ? "not scored" : kind;
  return `${named}: ${sides.filter((side) => side !== null).join(", ")}, at ${clock(start)}`;
}

function showHelp() {
  document.getElementById("help").showModal();
}

const page = new Talk(data("talk"));

const KEYS = {
  " ": () => page.toggle(),
  ArrowLeft: (event) => page.seek(page.player.position - (event.shiftKey ? 1 : 5)),
  ArrowRight: (event) => page.seek(page.player.position + (event.shiftKey ? 1 : 5)),
  n: () => page.stepError(1),
  p: () => page.stepError(-1),
  "?": showHelp,
};
const WORD_KEYS = {
  ArrowLeft: () => page.focus(page.current - 1),
  ArrowRight: () => page.focus(page.current + 1),
  ArrowUp: () => page.stepRow(-1),
  ArrowDown: () => page.stepRow(1),
};

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || document.getElementById("help").open) return;
  // The space bar presses a button as everywhere, but on a word it is play and pause.
  if (key === " " && target.closest("button:not(.word, .play)")) return;
  const action = (target.closest(".word") ? WORD_KEYS[key] : undefined) ?? KEYS[key];
  if (action === undefined) return;
  event.preventDefault();
  action(event);
});

// Firefox presses a button when the space bar is let go.
document.addEventListener("keyup", (event) => {
  if (event.key === " " && event.target.closest(".word, .play")) event.preventDefault();
});
