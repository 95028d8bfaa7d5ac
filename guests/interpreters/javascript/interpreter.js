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

const bufferLength = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, 'byteLength').get;

function isBuffer(data) {
  try {
    Reflect.apply(bufferLength, data, []);
    return true;
  } catch {
    return false;
  }
}

/// A string as it is, and the bytes of what has bytes. Anything else would pass to the host as nothing at all.
function contentOf(data, what) {
  if (typeof data === 'string') return data;
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (isBuffer(data)) return new Uint8Array(data);
  throw new TypeError(`${what} must be a string, an ArrayBuffer or a view of one`);
}

function textOf(value, what) {
  if (typeof value !== 'string') throw new TypeError(`${what} must be a string`);
  return value;
}

function hold(content) {
  const held = new Bytes();
  try {
    if (typeof content === 'string') {
      call(() => held.appendText(content));
      return held;
    }
    for (let start = 0; start < content.length; start += chunkBytes) {
      call(() => held.append(content.subarray(start, start + chunkBytes)));
    }
    return held;
  } catch (error) {
    release(held);
    throw error;
  }
}

const writeModes = ['replace', 'append', 'create_new'];

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
  /// Text, an ArrayBuffer or a view of one; `mode` is "replace", "append" or "create_new".
  fsWrite(path, content, mode = 'replace') {
    if (!writeModes.includes(mode)) throw new TypeError(`mode is one of ${writeModes.join(', ')}`);
    const chosen = mode.replaceAll('_', '-');
    const checked = contentOf(content, 'the content');
    if (typeof checked === 'string') {
      call(() => fs.writeText(String(path), checked, chosen));
      return;
    }
    const held = hold(checked);
    try {
      call(() => fs.write(String(path), held, chosen));
    } finally {
      release(held);
    }
  },
  fsList: (path) => call(() => fs.listDirectory(String(path))).map((entry) => entry.name),
  httpFetch(url, { method = 'GET', headers = [], body } = {}) {
    const pairs = Array.isArray(headers) ? headers : Object.entries(headers);
    const request = {
      method: textOf(method, 'the method'),
      url: String(url),
      headers: pairs.map(([name, value]) => ({ name: String(name), value: String(value) })),
    };
    const content = body === undefined ? undefined : contentOf(body, 'the body');
    request.body = content === undefined ? undefined : hold(content);
    const answer = call(() => http.fetch(request));
    return withText({
      status: answer.status,
      headers: answer.headers.map(({ name, value }) => [name, value]),
      url: answer.finalUrl,
      content: take(answer.body),
    });
  },
  execRun(command, args = [], { stdin } = {}) {
    if (!Array.isArray(args)) throw new TypeError('the arguments must be an array');
    const words = { command: textOf(command, 'the command'), arguments: args.map(String) };
    const input = stdin === undefined ? undefined : contentOf(stdin, 'the input');
    words.stdin = input === undefined ? undefined : hold(input);
    const outcome = call(() => exec.run(words));
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

// Captured, as a snippet may replace what is global, and its end must be told all the same.
const uncurried = Function.prototype.bind.bind(Function.prototype.call);
const [OwnError, asText, { stringify }] = [Error, String, JSON];
const [split, startsWith] = [uncurried(String.prototype.split), uncurried(String.prototype.startsWith)];
const { fromEntries } = Object;
const randomNumbers = crypto.getRandomValues.bind(crypto);
const [Numbers, math, { imul }] = [Uint32Array, Math, Math];

function show(value, top = false) {
  if (typeof value === 'string') return top ? stringify(value) : value;
  if (value instanceof OwnError) return `${value}`;
  if (typeof value === 'object' && value !== null) {
    try {
      return stringify(value, (_, item) => (typeof item === 'bigint' ? `${item}n` : item)) ?? asText(value);
    } catch {
      return asText(value);
    }
  }
  return typeof value === 'bigint' ? `${value}n` : asText(value);
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
  const state = randomNumbers(new Numbers(4));
  math.random = function random() {
    // xoshiro128**, 53 bits from two steps.
    const next = () => {
      const scrambled = imul(state[1], 5);
      const result = imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
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

// The engine keeps the promises that were rejected and not handled in a set of its own, and takes out what is handled. It walks
// through that set once, to report what the image would begin with: the iterator that it makes is all that leads to the set. An
// iterator goes on with what is added later, as long as it has not met the end.
const OwnPromise = Promise;
const newRejected = Promise.reject.bind(Promise);
const after = setTimeout;
const then = uncurried(Promise.prototype.then);
const setIterators = Object.getPrototypeOf(new Set().values());
const nextOf = uncurried(setIterators.next);
const ignore = () => {};
const first = newRejected();
let rejections;
Object.defineProperty(setIterators, Symbol.iterator, {
  configurable: true,
  value() {
    delete setIterators[Symbol.iterator];
    rejections = this;
    nextOf(rejections);
    then(first, undefined, ignore);
    return { next: () => ({ done: true, value: undefined }) };
  },
});

/// A promise that was rejected since the last time and that nobody has handled; none: undefined.
function takeRejection() {
  const last = newRejected();
  let found;
  for (let step = nextOf(rejections); !step.done && step.value !== last; step = nextOf(rejections)) found ??= step.value;
  then(last, undefined, ignore);
  return found;
}

// What is handled before the jobs that are waiting have run counts as handled.
async function checkRejections() {
  await new OwnPromise((resolve) => after(resolve, 0));
  const rejection = takeRejection();
  if (rejection === undefined) return undefined;
  return { reason: await new OwnPromise((resolve) => then(rejection, resolve, resolve)) };
}

// What a timer throws would reach nobody but the engine, which gives up.
let thrown;
for (const name of ['setTimeout', 'setInterval']) {
  const start = globalThis[name];
  globalThis[name] = (callback, ...rest) => {
    if (typeof callback !== 'function') return start(callback, ...rest);
    return start((...args) => {
      try {
        callback(...args);
      } catch (error) {
        thrown ??= failed(error, '');
      }
    }, ...rest);
  };
}

const globalEval = eval;

export async function evaluate({ code, name, arguments: args, environment }) {
  thrown = undefined;
  try {
    seedRandom();
    omnisandbox.args = args;
    omnisandbox.env = fromEntries(environment);
    const value = await globalEval(`${code}\n//# sourceURL=${inOneWord(name)}`);
    const shown = value === undefined ? undefined : show(value, true);
    const rejection = await checkRejections();
    if (thrown) return thrown;
    return rejection ? failed(rejection.reason, ' (in promise)') : { exitCode: 0, value: shown, outOfMemory: false };
  } catch (error) {
    const outcome = failed(error, '');
    // What else it has left behind is not the next snippet's, in a session.
    await new OwnPromise((resolve) => then(checkRejections(), resolve, resolve));
    return outcome;
  }
}

function failed(error, where) {
  // So the engine says it; the host knows whether it is true.
  const outOfMemory = error === 'out of memory';
  report(`${outOfMemory ? 'InternalError: out of memory' : describe(error, where)}${framesOf(error)}\n`);
  return { exitCode: 1, value: undefined, outOfMemory };
}

// A line of a comment.
function inOneWord(name) {
  let word = '';
  for (let index = 0; index < name.length; index += 1) {
    const character = name[index];
    word += character <= ' ' || character === '\u2028' || character === '\u2029' ? '_' : character;
  }
  return word;
}

function report(text) {
  try {
    stdio.writeError(text);
  } catch {
    // The snippet broke what text passes with; its exit code tells.
  }
}

function describe(error, where) {
  try {
    return `Uncaught${where} ${error instanceof OwnError ? error : show(error, true)}`;
  } catch {
    return 'Uncaught exception';
  }
}

// The snippet's frames: what lies beyond them is this file.
function framesOf(error) {
  let shown = '';
  try {
    const stack = error instanceof OwnError ? error.stack : '';
    if (typeof stack !== 'string') return '';
    const frames = split(stack, '\n');
    for (let index = 0, count = 0; index < frames.length && count < maxFrames; index += 1) {
      if (startsWith(frames[index], 'export_evaluate@')) break;
      if (frames[index] !== '') {
        shown += `\n    at ${frames[index]}`;
        count += 1;
      }
    }
  } catch {
    // A stack that throws: what was found so far.
  }
  return shown;
}
