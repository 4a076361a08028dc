// One module, one question at a time. `ask` and its neighbours are the module's own: see memory.rs.
"use strict";
let exports = null;

// A reader that the page has no use for brings glue for JavaScript with it, and with that imports. None of them is ever called.
const none = new Proxy({}, { get: (_, name) => () => { throw new Error(`${String(name)} was called`); } });
const imports = new Proxy({}, { get: () => none });

async function begin(text) {
  const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const bytes = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const { instance } = await WebAssembly.instantiate(await new Response(bytes).arrayBuffer(), imports);
  exports = instance.exports;
}

function answer(question, file) {
  const asked = new TextEncoder().encode(question);
  const length = asked.length + (file?.byteLength ?? 0);
  const place = exports.room(length);
  const memory = new Uint8Array(exports.memory.buffer, place, length);
  memory.set(asked);
  if (file) memory.set(new Uint8Array(file), asked.length);
  exports.ask(asked.length);
  // the memory may have grown and moved meanwhile
  return new TextDecoder().decode(new Uint8Array(exports.memory.buffer, exports.answer(), exports.answer_length()));
}

onmessage = async ({ data }) => {
  try {
    if (data.module) {
      await begin(data.module);
      postMessage({ ready: true });
    } else {
      const began = performance.now();
      const said = JSON.parse(answer(JSON.stringify(data.question), data.file));
      postMessage({ said, milliseconds: performance.now() - began });
    }
  } catch (error) {
    postMessage({ broken: String(error) });
  }
};
