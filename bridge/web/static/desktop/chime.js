// Two soft notes, made by the browser: there is no file to load.

const NOTES = [
  [659.3, 0],
  [880, 0.16],
];
const LOUDNESS = 0.12;

/** Browsers let a page sound only after somebody has clicked or typed in it. */
export class Chime {
  #audio = null;

  /** `isWanted()`: whether the agent has chosen sound. */
  constructor(isWanted) {
    for (const gesture of ["pointerdown", "keydown"]) {
      addEventListener(gesture, () => isWanted() && this.#wake(), { passive: true });
    }
  }

  /** Whether it would be heard now. */
  get isReady() {
    return this.#audio?.state === "running";
  }

  /** Plays it. */
  async play() {
    const audio = this.#audio ?? this.#wake();
    for (const [pitch, after] of NOTES) sound(audio, pitch, audio.currentTime + after);
  }

  #wake() {
    this.#audio ??= new AudioContext();
    if (this.#audio.state === "suspended") this.#audio.resume();
    return this.#audio;
  }
}

function sound(audio, pitch, at) {
  const tone = new OscillatorNode(audio, { frequency: pitch, type: "sine" });
  const volume = new GainNode(audio, { gain: 0 });
  volume.gain.setValueAtTime(0, at);
  volume.gain.linearRampToValueAtTime(LOUDNESS, at + 0.02);
  volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.5);
  tone.connect(volume).connect(audio.destination);
  tone.start(at);
  tone.stop(at + 0.55);
}
