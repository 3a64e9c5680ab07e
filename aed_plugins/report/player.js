// The sound of one recording. Without one, or where it cannot be played, the cursor still moves.

class Player {
  constructor(recording, number, changed) {
    this.duration = recording.duration;
    this.delay = recording.delay; // by how much the sound is late in its file
    this.changed = changed;
    this.audio = element("audio", { preload: "metadata" });
    this.usable = recording.audio !== "none";
    this.note = this.usable ? "" : "The sound was left out of this page.";
    this.position = 0;
    this.end = null; // where an event's playback stops
    this.frame = null;
    this.audio.addEventListener("error", () => this.fail());
    for (const name of ["play", "pause", "ended", "seeked", "timeupdate"]) {
      this.audio.addEventListener(name, () => this.tick());
    }
    if (recording.audio === "embed") setTimeout(() => this.unpack(`sound-${number}`));
    if (recording.audio === "link") {
      this.note = `The sound is not in this page. It is read from the file ${recording.file}, which has to stay where it is.`;
      this.audio.src = recording.link;
    }
  }

  /** Turn base64 into a file that the browser can seek in; part by part, for it may be long. */
  unpack(id) {
    const holder = document.getElementById(id);
    const text = holder.textContent;
    const parts = [];
    for (let start = 0; start < text.length; start += 2 ** 20) {
      parts.push(bytes(text.slice(start, start + 2 ** 20)));
    }
    holder.remove();
    this.audio.src = URL.createObjectURL(new Blob(parts, { type: "audio/mpeg" }));
  }

  fail() {
    this.usable = false;
    this.note = "This browser cannot play the sound. A click still moves the cursor.";
    this.changed();
  }

  get playing() {
    return !this.audio.paused && !this.audio.ended;
  }

  play() {
    if (!this.usable) return;
    if (this.position >= this.duration - 0.05) this.seek(0);
    this.audio.play().catch((error) => {
      if (error.name === "NotSupportedError") this.fail();
    });
  }

  pause() {
    this.end = null;
    this.audio.pause();
  }

  toggle() {
    if (this.playing) {
      this.pause();
    } else {
      this.end = null;
      this.play();
    }
  }

  seek(seconds) {
    this.end = null;
    this.position = Math.min(Math.max(seconds, 0), this.duration);
    if (this.usable) this.audio.currentTime = this.position + this.delay;
    this.changed();
  }

  /** Play one event and no more. */
  playBetween(onset, offset) {
    this.seek(onset);
    this.end = Math.max(offset, onset + 0.05);
    this.play();
  }

  /**
   * Follow the sound on every drawn frame, and to where it was paused; `timeupdate` does it where
   * the page is not seen.
   */
  tick() {
    cancelAnimationFrame(this.frame);
    if (this.audio.ended) {
      this.position = this.duration;
    } else if (!this.audio.seeking) {
      this.position = Math.min(Math.max(this.audio.currentTime - this.delay, 0), this.duration);
      if (this.end !== null && this.position >= this.end) {
        const end = this.end;
        this.pause();
        this.seek(end);
      }
    }
    this.changed();
    if (this.playing) this.frame = requestAnimationFrame(() => this.tick());
  }
}
