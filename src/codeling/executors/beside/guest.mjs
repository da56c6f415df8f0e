// The guest's side: CPython in WebAssembly, which waits for the host in shared memory and writes to stdout.
self.onmessage = async ({ data: { shared, stop, size, pyodide, packages } }) => {
  const count = new Int32Array(shared, 0, 2), ring = new Uint8Array(shared, 16), kept = Deno.stdout;
  const { loadPyodide } = await import(pyodide);
  const indexURL = pyodide.slice(0, pyodide.lastIndexOf("/") + 1);
  const python = await loadPyodide({ indexURL, stdin: () => null, stdout: () => {}, stderr: () => {} });
  for (const path of packages) {
    const failed = [];
    await python.loadPackage(path, { errorCallback: (said) => failed.push(said), messageCallback: () => {} });
    if (failed.length) {
      console.error(`the wheel ${path} could not be loaded: ${failed.join("\n").trim().split("\n").pop()}`);
      return self.postMessage({ exit: 1 });
    }
  }
  python.setInterruptBuffer(new Uint8Array(stop));
  const read = (seconds) => { // what has come, or nothing after so many seconds or an interrupt
    const seen = Atomics.load(count, 0), taken = count[1];
    if (seen === taken) {
      Atomics.wait(count, 0, seen, seconds < 0 ? 1000 : seconds * 1000);
    }
    const there = (Atomics.load(count, 0) - taken) >>> 0, at = (taken >>> 0) % size;
    const part = ring.slice(at, at + Math.min(there, size - at));
    Atomics.store(count, 1, (taken + part.length) | 0);
    return part;
  };
  const write = (bytes) => {
    for (let at = 0; at < bytes.length;) at += kept.writeSync(bytes.subarray(at));
  };
  python.registerJsModule("codeling_streams", { read, write, exit: (code) => self.postMessage({ exit: code }) });
  const size_of_source = new DataView(take(4).buffer).getUint32(0, true);
  const source = new TextDecoder().decode(take(size_of_source));
  function take(wanted) {
    const whole = new Uint8Array(wanted);
    for (let at = 0; at < wanted;) {
      const there = (Atomics.load(count, 0) - count[1]) >>> 0;
      if (!there) Atomics.wait(count, 0, Atomics.load(count, 0), 1000);
      else {
        const part = ring.slice((count[1] >>> 0) % size, (count[1] >>> 0) % size + Math.min(wanted - at, there));
        whole.set(part, at);
        at += part.length;
        Atomics.store(count, 1, (count[1] + part.length) | 0);
      }
    }
    return whole;
  }
  try {
    python.runPython(source);
  } catch (error) {
    console.error(String(error.message ?? error).slice(-2000));
    self.postMessage({ exit: error.status ?? 1 });
  }
};
