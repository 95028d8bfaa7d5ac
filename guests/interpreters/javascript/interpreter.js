// The component's export: runs snippets of JavaScript as scripts in the global scope. The module's top level is part of the
// memory image that each evaluation starts from.
import * as stdio from 'omnisandbox:interpreter/stdio@1.0.0';
import { Bytes } from 'omnisandbox:host/types@1.0.0';
import * as fs from 'omnisandbox:host/fs@1.0.0';
import * as http from 'omnisandbox:host/http@1.0.0';
import * as exec from 'omnisandbox:host/exec@1.0.0';

const chunkBytes = 64 * 1024;
const maxFrames = 16;

/// A host function failed. `kind` is its stable name: "not_found", "too_large", "timeout", …
class HostError extends Error {
  constructor(message, kind) {
    super(message);
    this.name = 'HostError';
    this.kind = kind;
  }
}

/// The policy refused. `remedy` is the line of the policy that would allow it.
class Denied extends HostError {
  constructor(message, denial) {
    super(message, 'denied');
    this.name = 'Denied';
    Object.assign(this, denial ?? {});
  }
}

function call(work) {
  let failure;
  try {
    return work();
  } catch (thrown) {
    if (thrown?.payload?.kind === undefined) throw thrown;
    failure = thrown.payload;
  }
  const kind = failure.kind.replaceAll('-', '_');
  throw kind === 'denied' ? new Denied(failure.message, failure.denial) : new HostError(failure.message, kind);
}

function take(held) {
  const content = new Uint8Array(Number(held.size()));
  for (let taken = 0; taken < content.length;) {
    const chunk = held.chunk(BigInt(taken));
    content.set(chunk, taken);
    taken += chunk.length;
  }
  release(held);
  return content;
}

function release(held) {
  held[Symbol.dispose ?? Symbol.for('dispose')]?.();
}

function hold(data) {
  const held = new Bytes();
  if (typeof data === 'string') {
    call(() => held.appendText(data));
    return held;
  }
  for (let start = 0; start < data.length; start += chunkBytes) {
    call(() => held.append(data.subarray(start, start + chunkBytes)));
  }
  return held;
}

const decoder = new TextDecoder();
const withText = (object) => Object.defineProperty(object, 'text', { get() { return decoder.decode(object.content); } });

const omnisandbox = {
  HostError,
  Denied,
  args: [],
  env: {},
  /// The bytes of a file.
  fsRead: (path) => take(call(() => fs.read(String(path)))),
  fsReadText: (path) => call(() => fs.readText(String(path))),
  /// Text or a Uint8Array; `mode` is "replace", "append" or "create_new".
  fsWrite(path, content, mode = 'replace') {
    const chosen = mode.replaceAll('_', '-');
    if (typeof content === 'string') {
      call(() => fs.writeText(String(path), content, chosen));
      return;
    }
    const held = hold(content);
    try {
      call(() => fs.write(String(path), held, chosen));
    } finally {
      release(held);
    }
  },
  fsList: (path) => call(() => fs.listDirectory(String(path))).map((entry) => entry.name),
  httpFetch(url, { method = 'GET', headers = [], body } = {}) {
    const pairs = Array.isArray(headers) ? headers : Object.entries(headers);
    const held = body === undefined ? undefined : hold(body);
    const answer = call(() => http.fetch({
      method,
      url: String(url),
      headers: pairs.map(([name, value]) => ({ name: String(name), value: String(value) })),
      body: held,
    }));
    return withText({
      status: answer.status,
      headers: answer.headers.map(({ name, value }) => [name, value]),
      url: answer.finalUrl,
      content: take(answer.body),
    });
  },
  execRun(command, args = [], { stdin } = {}) {
    const outcome = call(() => exec.run({
      command,
      arguments: args.map(String),
      stdin: stdin === undefined ? undefined : hold(stdin),
    }));
    return {
      exitCode: outcome.exitCode,
      status: outcome.status,
      stdout: decoder.decode(take(outcome.stdout)),
      stderr: decoder.decode(take(outcome.stderr)),
      stdoutTruncated: outcome.stdoutTruncated,
      stderrTruncated: outcome.stderrTruncated,
    };
  },
  readStdin: () => decoder.decode(take(call(() => stdio.readInput()))),
  exit: (code = 0) => stdio.exit(code & 0xff),
};

function show(value, top = false) {
  if (typeof value === 'string') return top ? JSON.stringify(value) : value;
  if (value instanceof Error) return `${value}`;
  if (typeof value === 'object' && value !== null) {
    try {
      return JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? `${item}n` : item)) ?? String(value);
    } catch {
      return String(value);
    }
  }
  return typeof value === 'bigint' ? `${value}n` : String(value);
}

const line = (values) => `${values.map((value) => show(value)).join(' ')}\n`;

Object.assign(globalThis, {
  omnisandbox,
  print: (...values) => stdio.writeOutput(line(values)),
});
for (const name of ['log', 'info', 'debug']) {
  console[name] = (...values) => stdio.writeOutput(line(values));
}
for (const name of ['error', 'warn', 'trace']) {
  console[name] = (...values) => stdio.writeError(line(values));
}

// The engine's own fetch is for a host that lets guests open connections.
for (const name of ['Request', 'Response', 'Headers', 'FormData']) {
  delete globalThis[name];
}
globalThis.fetch = () => {
  throw new HostError('fetch is not offered; use omnisandbox.httpFetch, which asks the policy', 'unavailable');
};

// The image was made once: the engine's own generator would give every evaluation the same numbers.
function seedRandom() {
  const state = crypto.getRandomValues(new Uint32Array(4));
  Math.random = function random() {
    // xoshiro128**, 53 bits from two steps.
    const next = () => {
      const scrambled = Math.imul(state[1], 5);
      const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
      const shifted = state[1] << 9;
      state[2] ^= state[0];
      state[3] ^= state[1];
      state[1] ^= state[2];
      state[0] ^= state[3];
      state[2] ^= shifted;
      state[3] = (state[3] << 11) | (state[3] >>> 21);
      return result;
    };
    return ((next() >>> 5) * 67108864 + (next() >>> 6)) / 9007199254740992;
  };
}

const globalEval = eval;

export async function evaluate({ code, name, arguments: args, environment }) {
  seedRandom();
  omnisandbox.args = args;
  omnisandbox.env = Object.fromEntries(environment);
  try {
    const value = await globalEval(`${code}\n//# sourceURL=${name.replaceAll(/\s/g, '_')}`);
    return { exitCode: 0, value: value === undefined ? undefined : show(value, true), outOfMemory: false };
  } catch (error) {
    const outOfMemory = String(error) === 'out of memory';
    const stack = error instanceof Error && error.stack ? `\n${ownFrames(error.stack)}` : '';
    stdio.writeError(`${outOfMemory ? 'InternalError: out of memory' : describe(error)}${stack}\n`);
    return { exitCode: 1, value: undefined, outOfMemory };
  }
}

function describe(error) {
  try {
    return error instanceof Error ? `Uncaught ${error}` : `Uncaught ${show(error, true)}`;
  } catch {
    return 'Uncaught exception';
  }
}

// The snippet's frames: what lies beyond them is this file.
function ownFrames(stack) {
  const frames = stack.split('\n').filter((frame) => frame);
  const end = frames.findIndex((frame) => frame.startsWith('export_evaluate@'));
  const shown = (end < 0 ? frames : frames.slice(0, end)).slice(0, maxFrames);
  return shown.map((frame) => `    at ${frame}`).join('\n');
}
