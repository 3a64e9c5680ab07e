// Spectrogram and lanes over a common time axis, with one cursor through them all.

const STEPS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
const MOST_PIXELS_PER_SECOND = 400;
const MOST_PIXELS = 4e6; // browsers lose precision in wider elements

class Timeline {
  constructor(recording, seek, play) {
    this.recording = recording;
    this.seek = seek;
    this.playEvent = play;
    this.zoom = 1;
    this.time = 0;
    this.following = true;
    this.values = bytes(recording.curves);
    this.build();
    this.scroller.addEventListener("scroll", () => this.drawTicks(), { passive: true });
    this.scroller.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    for (const name of ["touchstart", "pointerdown"]) {
      this.scroller.addEventListener(name, () => (this.following = false), { passive: true });
    }
    this.track.addEventListener("click", (event) => this.clicked(event));
    this.ruler.addEventListener("pointerdown", (event) => this.grabbed(event));
    new ResizeObserver(() => this.resized()).observe(this.scroller);
  }

  build() {
    this.heads = element("div", { class: "heads" });
    this.track = element("div", { class: "track" });
    this.scroller = element("div", { class: "scroller" }, this.track);
    this.root = element("div", { class: "timeline" }, this.heads, this.scroller);
    this.ticks = element("div", { class: "ticks", "aria-hidden": "true" });
    this.ruler = element("div", {
      class: "ruler",
      role: "slider",
      tabindex: 0,
      "aria-label": "Position",
      "aria-valuemin": 0,
      "aria-valuemax": this.recording.duration,
    });
    this.track.append(this.ticks, this.ruler);
    this.heads.append(element("div", { class: "head ruler-head" }));
    this.buildSpectrogram();
    this.buildLanes();
    this.cursor = element("div", { class: "cursor", "aria-hidden": "true" });
    this.track.append(this.cursor);
  }

  percentage(seconds) {
    return `${(100 * seconds) / this.recording.duration}%`;
  }

  buildSpectrogram() {
    const { spectrogram, spectrogram_length, frequencies, bands, name } = this.recording;
    if (spectrogram === null) return;
    const image = element("img", {
      src: spectrogram,
      alt: `Spectrogram of ${name}`,
      draggable: "false",
      style: { width: this.percentage(spectrogram_length) },
    });
    const head = element("div", { class: "head spectrogram-head", "aria-hidden": "true" });
    let below = -1;
    for (const [row, hertz] of frequencies) {
      const height = (row + 0.5) / bands;
      if (height - below < 0.1) continue; // the texts would overlap
      below = height;
      const text = hertz < 1000 ? `${Math.round(hertz)} Hz` : `${+(hertz / 1000).toFixed(1)} kHz`;
      head.append(element("span", { style: { "--height": `${100 * height}%` } }, text));
    }
    this.heads.append(head);
    this.track.append(element("div", { class: "spectrogram" }, image));
  }

  buildLanes() {
    this.lanes = this.recording.labels.map((label, row) => {
      const lane = element("div", {
        class: `lane ${hue(label)}`,
        role: "group",
        "aria-label": about.labels[label],
      });
      lane.append(...this.curve(row));
      this.track.append(lane);
      return lane;
    });
    this.buttons = this.recording.events.map((event, number) => this.eventButton(event, number));
    if (this.buttons.length) this.buttons[0].tabIndex = 0;
  }

  curve(row) {
    const { columns, column_length, duration, thresholds } = this.recording;
    const parts = [];
    if (columns) {
      const height = (column) => (255 - this.values[row * columns + column]) / 255;
      const points = [`0,${height(0)}`];
      for (let column = 0; column < columns; column += 1) {
        points.push(`${((column + 0.5) * column_length).toFixed(4)},${height(column).toFixed(4)}`);
      }
      points.push(`${columns * column_length},${height(columns - 1)}`);
      const line = `M${points.join("L")}`;
      const box = `0 0 ${duration} 1`;
      parts.push(
        drawn(
          "svg",
          { class: "curve", viewBox: box, preserveAspectRatio: "none", "aria-hidden": "true" },
          drawn("path", { class: "area", d: `${line}L${columns * column_length},1L0,1Z` }),
          drawn("path", { class: "line", d: line }),
        ),
      );
    }
    if (thresholds[row] !== null) {
      const line = element("div", { class: "threshold", style: { "--level": thresholds[row] } });
      parts.push(line);
    }
    return parts;
  }

  eventButton([label, onset, offset, score], number) {
    const name = about.labels[label];
    const certain = score === null ? "" : `, score ${score.toFixed(2)}`;
    const description = `${name} from ${onset.toFixed(1)} to ${offset.toFixed(1)} s${certain}`;
    const button = element("button", {
      type: "button",
      class: "event",
      "aria-label": description,
      title: description,
      tabindex: -1,
      style: { left: this.percentage(onset), width: this.percentage(offset - onset) },
    });
    button.addEventListener("click", () => this.playEvent(number));
    button.addEventListener("focus", () => this.focused(number));
    this.lanes[this.recording.labels.indexOf(label)].append(button);
    return button;
  }

  /** Only one event is a stop of the Tab key; the arrows go from one to the next. */
  focused(number) {
    for (const button of this.buttons) button.tabIndex = -1;
    this.buttons[number].tabIndex = 0;
    this.current = number;
  }

  step(direction) {
    const shown = this.buttons.map((_, number) => number).filter((number) => this.shows(number));
    if (!shown.length) return;
    let place = shown.indexOf(this.current);
    if (!this.buttons.includes(document.activeElement) || place < 0) {
      const next = shown.findIndex((number) => this.recording.events[number][1] >= this.time);
      place = next < 0 ? shown.length - 1 : next;
    } else {
      place = Math.min(Math.max(place + direction, 0), shown.length - 1);
    }
    this.buttons[shown[place]].focus({ preventScroll: true });
    this.buttons[shown[place]].scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  shows(number) {
    return this.filter === undefined || this.recording.events[number][0] === this.filter;
  }

  /** Show the events of one class as the ones that matter; `undefined` for all. */
  setFilter(label) {
    this.filter = label;
    this.recording.labels.forEach((own, row) => {
      this.lanes[row].classList.toggle("faded", label !== undefined && own !== label);
    });
  }

  setPlaying(number) {
    this.buttons.forEach((button, own) => button.classList.toggle("playing", own === number));
  }

  get width() {
    return this.track.clientWidth;
  }

  timeAt(clientX) {
    const left = this.track.getBoundingClientRect().left;
    return ((clientX - left) / this.width) * this.recording.duration;
  }

  clicked(event) {
    if (event.target.closest(".event") === null) this.seek(this.timeAt(event.clientX));
  }

  /** Let the cursor be drawn along the time axis. */
  grabbed(event) {
    if (event.button !== 0 || event.pointerType === "touch") return;
    const follow = (moved) => this.seek(this.timeAt(moved.clientX));
    this.ruler.setPointerCapture(event.pointerId);
    this.ruler.addEventListener("pointermove", follow);
    const release = () => this.ruler.removeEventListener("pointermove", follow);
    this.ruler.addEventListener("lostpointercapture", release, { once: true });
  }

  wheel(event) {
    if (event.ctrlKey) {
      event.preventDefault();
      this.following = false;
      this.setZoom(this.zoom * Math.exp(-event.deltaY / 300), this.timeAt(event.clientX));
    } else if (event.deltaX || event.shiftKey) {
      this.following = false;
    }
  }

  get mostZoom() {
    const pixels = Math.min(this.recording.duration * MOST_PIXELS_PER_SECOND, MOST_PIXELS);
    return Math.max(pixels / Math.max(this.scroller.clientWidth, 1), 1);
  }

  /** Stretch the time axis and keep a point in time where it is: the cursor, if it is in view. */
  setZoom(zoom, anchor) {
    const { clientWidth, scrollLeft } = this.scroller;
    const at = (seconds) => (seconds / this.recording.duration) * this.width - scrollLeft;
    const middle = ((scrollLeft + clientWidth / 2) / this.width) * this.recording.duration;
    const seen = at(this.time) >= 0 && at(this.time) <= clientWidth;
    const kept = anchor ?? (seen ? this.time : middle);
    const place = at(kept);
    this.zoom = Math.min(Math.max(zoom, 1), this.mostZoom);
    this.track.style.setProperty("width", `${100 * this.zoom}%`);
    this.scroller.scrollLeft = (kept / this.recording.duration) * this.width - place;
    this.drawn = null;
    this.drawTicks();
    this.placeCursor();
    this.zoomed?.();
  }

  resized() {
    this.setZoom(this.zoom);
  }

  /** Draw the marks of the time axis around what is in view. */
  drawTicks() {
    const { clientWidth, scrollLeft } = this.scroller;
    const from = scrollLeft / this.width;
    const to = (scrollLeft + clientWidth) / this.width;
    if (this.drawn && from >= this.drawn[0] && to <= this.drawn[1]) return;
    this.drawn = [Math.max(2 * from - to, 0), Math.min(2 * to - from, 1)];
    const { duration } = this.recording;
    const wide = duration >= 3600 ? 96 : 76;
    const step = STEPS.find((seconds) => (seconds / duration) * this.width >= wide) ?? STEPS.at(-1);
    const digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
    this.ticks.replaceChildren();
    const last = Math.floor((this.drawn[1] * duration) / step);
    for (let count = Math.ceil((this.drawn[0] * duration) / step); count <= last; count += 1) {
      const left = this.percentage(count * step);
      const cut = (1 - (count * step) / duration) * this.width < 44; // its text would be cut off
      const text = cut && count ? "" : clock(count * step, digits);
      this.ticks.append(element("div", { class: "tick", style: { left } }, text));
    }
  }

  moveCursor(seconds) {
    this.time = seconds;
    const { columns, column_length, labels } = this.recording;
    const left = this.placeCursor();
    this.ruler.setAttribute("aria-valuenow", seconds.toFixed(1));
    this.ruler.setAttribute("aria-valuetext", clock(seconds));
    const column = Math.min(Math.floor(seconds / column_length), columns - 1);
    this.atCursor = labels.map((_, row) => this.values[row * columns + column] / 255);
    if (this.following) this.keepInView(left);
  }

  placeCursor() {
    const left = (this.time / this.recording.duration) * this.width;
    this.cursor.style.setProperty("transform", `translateX(${left}px)`);
    return left;
  }

  keepInView(left) {
    const { clientWidth, scrollLeft } = this.scroller;
    if (left < scrollLeft || left > scrollLeft + 0.9 * clientWidth) {
      this.scroller.scrollLeft = left - 0.1 * clientWidth;
    }
  }
}
