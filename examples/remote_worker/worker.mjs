// A worker in JavaScript with nothing but node (18 or later): it claims jobs over HTTP, beats while they run,
// tells how far they are, and settles each one.
//
//   ABACA_API=http://127.0.0.1:8080 ABACA_KEY=abaca_... node worker.mjs
//
// SIGTERM: it claims no more, finishes what it has, and ends.

import os from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

const API = (process.env.ABACA_API ?? "http://127.0.0.1:8080") + "/api/v1/worker";
const HEADERS = { "content-type": "application/json" };
if (process.env.ABACA_KEY) HEADERS.authorization = `Bearer ${process.env.ABACA_KEY}`;

const ME = `node-${os.hostname()}-${process.pid}`;
const QUEUES = (process.env.ABACA_QUEUES ?? "words").split(",");
const SLOTS = 4;
const LEASE_MS = 15_000;
const WAIT_S = 20;

// The tasks of this worker. A handler gets the arguments by name, and a run to talk about.
const TASKS = {
  async count_words({ text }, run) {
    const counts = {};
    const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
    for (const [n, word] of words.entries()) {
      run.signal.throwIfAborted();
      counts[word] = (counts[word] ?? 0) + 1;
      if (n % 1000 === 0) await run.progress(n, words.length);
    }
    return { words: words.length, counts };
  },
};

const runs = new Map();
const counts = { processed: 0, succeeded: 0, failed: 0 };
const stop = new AbortController();
const beats = new AbortController();

// Tries again while the service or its store is away; nothing when it was told to stop meanwhile.
async function post(path, body, signal) {
  const request = { method: "POST", headers: HEADERS, body: JSON.stringify(body), signal };
  for (let pause = 250; !signal?.aborted; pause = Math.min(pause * 2, 10_000)) {
    try {
      const answer = await fetch(`${API}/${path}`, request);
      if (answer.ok) return await answer.json();
      const said = await answer.text();
      // What is wrong with the request stays wrong; everything else may pass.
      if (answer.status < 500 && answer.status !== 429) throw new Refused(`${path}: ${answer.status} ${said}`);
    } catch (error) {
      if (error instanceof Refused) throw error;
    }
    await sleep(pause * (0.5 + Math.random()));
  }
}

class Refused extends Error {}

class Run {
  constructor(claimed) {
    Object.assign(this, claimed);
    this.abort = new AbortController();
    this.signal = this.abort.signal;
    this.seq = 0;
  }

  async progress(done, total) {
    const entry = { id: this.id, epoch: this.epoch, seq: ++this.seq, kind: "progress", data: { done, total } };
    const { items } = await post("append", { worker: ME, updates: [entry] });
    if (items[0].answer !== "applied") this.abort.abort("lost");
  }
}

async function perform(claimed) {
  const run = new Run(claimed);
  runs.set(run.id, run);
  const timer = run.timeout_ms && setTimeout(() => run.abort.abort("timed_out"), run.timeout_ms);
  let outcome;
  try {
    outcome = { type: "completed", result: (await TASKS[run.task](run.args, run)) ?? null };
  } catch (error) {
    outcome = run.signal.aborted ? { type: run.signal.reason } : { type: "failed", error: described(error) };
  } finally {
    clearTimeout(timer);
  }
  counts.processed += 1;
  counts[outcome.type === "completed" ? "succeeded" : "failed"] += 1;
  // A lost run is another worker's by now: nothing is said of it any more.
  if (outcome.type !== "lost") {
    await post("settle", { worker: ME, runs: [{ id: run.id, epoch: run.epoch, outcome }] });
  }
  runs.delete(run.id);
}

function described(error) {
  return { type: error?.name ?? "Error", message: String(error?.message ?? error), traceback: error?.stack ?? "" };
}

async function beat() {
  while (!beats.signal.aborted) {
    await sleep(LEASE_MS / 4, null, { signal: beats.signal }).catch(() => {});
    const held = [...runs.values()].map(({ id, epoch }) => ({ id, epoch }));
    const { items } = await post("beat", { worker: ME, lease_ms: LEASE_MS, runs: held, ...counts });
    for (const pulse of items) {
      const run = runs.get(pulse.id);
      if (run?.epoch !== pulse.epoch) continue;
      if (pulse.answer !== "alive") run.abort.abort("lost");
      else if (pulse.cancel) run.abort.abort("cancelled");
    }
  }
}

async function claim() {
  while (!stop.signal.aborted) {
    const slots = SLOTS - runs.size;
    if (slots === 0) {
      await sleep(20);
      continue;
    }
    const wanted = { worker: ME, queues: QUEUES, tasks: Object.keys(TASKS), slots, lease_ms: LEASE_MS };
    const { items } = (await post(`claim?wait=${WAIT_S}`, wanted, stop.signal)) ?? { items: [] };
    for (const claimed of items) void perform(claimed);
  }
}

// The service hears that the connection of an open claim is gone, and gives back what it had claimed for it.
for (const name of ["SIGTERM", "SIGINT"]) process.on(name, () => stop.abort());

console.log(`${ME}: serving ${Object.keys(TASKS)} from ${QUEUES}`);
const beating = beat();
await claim();
while (runs.size) await sleep(20);
beats.abort();
await beating;
