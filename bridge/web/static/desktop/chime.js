// Two soft notes, synthesised by the browser: there is no file to load.

/** Pitch in hertz and start in seconds. @type {[number, number][]} */
const NOTES = [
  [659.3, 0],
  [880, 0.16],
];
const LOUDNESS = 0.12;

/** Browsers let a page make sounds only after somebody has clicked or typed in it. */
export class Chime {
  /** @type {AudioContext | null} */
  #audio = null;

  /** @param {() => boolean} isWanted whether the agent has turned sound on */
  constructor(isWanted) {
    for (const gesture of ["pointerdown", "keydown"]) {
      addEventListener(gesture, () => isWanted() && this.#wake(), { passive: true });
    }
  }

  /** Whether it would be audible now. */
  get isReady() {
    return this.#audio?.state === "running";
  }

  play() {
    const audio = this.#wake();
    for (const [pitch, start] of NOTES) playNote(audio, pitch, audio.currentTime + start);
  }

  #wake() {
    this.#audio ??= new AudioContext();
    if (this.#audio.state === "suspended") this.#audio.resume();
    return this.#audio;
  }
}

/** @param {AudioContext} audio @param {number} pitch @param {number} start */
function playNote(audio, pitch, start) {
  const tone = new OscillatorNode(audio, { frequency: pitch, type: "sine" });
  const volume = new GainNode(audio, { gain: 0 });
  volume.gain.setValueAtTime(0, start);
  volume.gain.linearRampToValueAtTime(LOUDNESS, start + 0.02);
  volume.gain.exponentialRampToValueAtTime(0.0001, start + 0.5);
  tone.connect(volume).connect(audio.destination);
  tone.start(start);
  tone.stop(start + 0.55);
}
