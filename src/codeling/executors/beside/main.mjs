// The host's side of Deno's process: reads stdin, keeps what came in shared memory, and writes what the guest writes.
// The guest runs in a worker of its own, so that it can be interrupted while it computes.
// Shared memory: [0] how much was put in, [1] how much was taken out, both modulo 2**32; then the ring.
const HEAD = 16, SIZE = 1 << 22;
const shared = new SharedArrayBuffer(HEAD + SIZE), stop = new SharedArrayBuffer(4);
const count = new Int32Array(shared, 0, 2), ring = new Uint8Array(shared, HEAD), interrupt = new Uint8Array(stop);
const guest = new Worker(new URL("./guest.mjs", import.meta.url), { type: "module" });

guest.onmessage = ({ data }) => {
  if (data.exit !== undefined) Deno.exit(data.exit);
};
guest.onerror = (event) => {
  event.preventDefault();
  console.error(event.message);
  Deno.exit(1);
};
guest.postMessage({ shared, stop, size: SIZE, pyodide: Deno.args[0], packages: Deno.args.slice(1) });

async function put(bytes) {
  while (bytes.length) {
    const used = (count[0] - Atomics.load(count, 1)) >>> 0; // both counts wrap at 32 bits, as does SIZE
    if (used === SIZE) {
      await new Promise((wake) => setTimeout(wake, 1));
      continue;
    }
    const at = (count[0] >>> 0) % SIZE, part = bytes.subarray(0, Math.min(SIZE - used, SIZE - at));
    ring.set(part, at);
    bytes = bytes.subarray(part.length);
    Atomics.store(count, 0, (count[0] + part.length) | 0);
    Atomics.notify(count, 0);
  }
}

// Frames are a little-endian length and that many bytes; the one that interrupts goes past the ring.
let kept = new Uint8Array(0);
for await (const chunk of Deno.stdin.readable) {
  const all = new Uint8Array(kept.length + chunk.length);
  all.set(kept);
  all.set(chunk, kept.length);
  let at = 0;
  while (all.length - at >= 4) {
    const size = new DataView(all.buffer).getUint32(at, true);
    if (all.length - at < 4 + size) break;
    const frame = all.subarray(at, at + 4 + size);
    if (size === 17 && new TextDecoder().decode(frame.subarray(4)) === '{"t":"interrupt"}') {
      interrupt[0] = 2;
      Atomics.notify(count, 0);
    } else {
      await put(frame);
    }
    at += 4 + size;
  }
  kept = all.slice(at);
}
Deno.exit(0);
