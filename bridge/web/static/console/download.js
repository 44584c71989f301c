// Saves an export as a file: a link cannot do it, because the request needs a header.

import { failureOf, RequestFailed } from "../http.js";

const RELEASE_AFTER_MS = 60_000;

/**
 * @typedef {object} Options
 * @property {(path: string, signal: AbortSignal) => Promise<Response>} open
 * @property {AbortSignal} signal
 * @property {(bytes: number) => void} onProgress
 */

/**
 * Downloads `path` and saves it as `name`; resolves to its size in bytes. Throws `RequestFailed`, or AbortError.
 * @param {string} path
 * @param {string} name
 * @param {Options} options
 */
export async function download(path, name, options) {
  const file = await fetchFile(path, options).catch((error) => {
    throw error instanceof RequestFailed || options.signal.aborted ? error : new RequestFailed(0);
  });
  saveAs(name, file);
  return file.size;
}

/**
 * Saves a file that the page has.
 * @param {string} name
 * @param {Blob} file
 */
export function saveAs(name, file) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), RELEASE_AFTER_MS);
}

/** @param {string} path @param {Options} options */
async function fetchFile(path, { open, signal, onProgress }) {
  const response = await open(path, signal);
  if (!response.ok || !response.body) throw await failureOf(response);
  let bytes = 0;
  /** @type {TransformStream<Uint8Array, Uint8Array>} */
  const counter = new TransformStream({
    transform(piece, output) {
      bytes += piece.byteLength;
      onProgress(bytes);
      output.enqueue(piece);
    },
  });
  const type = response.headers.get("content-type") ?? "";
  return new Response(response.body.pipeThrough(counter), { headers: { "content-type": type } }).blob();
}
