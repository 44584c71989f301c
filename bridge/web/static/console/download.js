// An export as a file. A page without cookies cannot link to it: it is fetched with the token and handed to the browser.

import { Refused } from "../desktop/session.js";

const KEPT_MS = 60_000;

/** Fetches `path` and saves it as `name`; its size. `onSize(bytes)` hears of what came. Raises `Refused`, or AbortError. */
export async function download(path, name, { bearer, signal, onSize }) {
  const file = await fetched(path, bearer, signal, onSize).catch((failure) => {
    throw failure instanceof Refused || signal.aborted ? failure : new Refused(0);
  });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
  return file.size;
}

async function fetched(path, bearer, signal, onSize) {
  const response = await fetch(path, { headers: { Authorization: `Bearer ${bearer}` }, cache: "no-store", signal });
  if (!response.ok) throw new Refused(response.status, (await response.json().catch(() => null))?.detail ?? "");
  let size = 0;
  const counting = new TransformStream({
    transform(piece, onward) {
      size += piece.byteLength;
      onSize(size);
      onward.enqueue(piece);
    },
  });
  const type = response.headers.get("content-type") ?? "";
  return new Response(response.body.pipeThrough(counting), { headers: { "content-type": type } }).blob();
}
