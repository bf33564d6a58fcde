// BullMQ: 100 jobs at once per worker process. Speaks the command line of protocol.py.
"use strict";

const { fork } = require("node:child_process");
const { parseArgs } = require("node:util");
const { Queue, QueueEvents, Worker } = require("bullmq");

const CONCURRENCY = 100;
const BULK = 1000;
const PAYLOAD = "x".repeat(100);

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: Object.fromEntries(
    ["url", "jobs", "warm", "mode", "inflight", "task", "processes", "threads", "purpose", "variant"].map((name) => [
      name,
      { type: "string" },
    ]),
  ),
});
const options = {
  url: values.url,
  jobs: Number(values.jobs ?? 1000),
  warm: Number(values.warm ?? 0),
  inflight: Number(values.inflight ?? 1),
  mode: values.mode ?? "one",
  processes: Number(values.processes ?? 1),
  data: values.task === "payload" ? { data: PAYLOAD } : {},
};
const { hostname, port } = new URL(options.url);
const connection = { host: hostname, port: Number(port) };

function begin() {
  console.log(JSON.stringify({ event: "begin" }));
  const cpu = process.cpuUsage();
  const wall = performance.now();
  return (latencies) => {
    const seconds = (performance.now() - wall) / 1000;
    const used = process.cpuUsage(cpu);
    const figures = { event: "end", jobs: options.jobs, seconds, cpu: (used.user + used.system) / 1e6, latencies };
    console.log(JSON.stringify(figures));
  };
}

async function repeat(call) {
  for (let i = 0; i < options.warm; i++) await call();
  if (options.inflight > 1) await Promise.all(Array.from({ length: options.inflight }, call));
  const latencies = [];
  let left = options.jobs;
  const end = begin();
  const work = async () => {
    while (left > 0) {
      left--;
      const start = performance.now();
      await call();
      latencies.push((performance.now() - start) / 1000);
    }
  };
  await Promise.all(Array.from({ length: options.inflight }, work));
  end(latencies);
}

async function enqueue() {
  const queue = new Queue("bench", { connection });
  await queue.waitUntilReady();
  if (options.mode !== "bulk") {
    await repeat(() => queue.add("noop", options.data));
  } else {
    const add = (count) => queue.addBulk(Array.from({ length: count }, () => ({ name: "noop", data: options.data })));
    if (options.warm) await add(options.warm);
    const end = begin();
    for (let left = options.jobs; left > 0; left -= BULK) await add(Math.min(left, BULK));
    end([]);
  }
  await queue.close();
}

async function wait() {
  const queue = new Queue("bench", { connection });
  const events = new QueueEvents("bench", { connection: { ...connection } });
  await events.waitUntilReady();
  await repeat(async () => {
    const job = await queue.add("noop", {});
    await job.waitUntilFinished(events);
  });
  await events.close();
  await queue.close();
}

async function work() {
  if (options.processes > 1) {
    const own = process.argv.slice(2).map((word, i, all) => (all[i - 1] === "--processes" ? "1" : word));
    const children = Array.from({ length: options.processes }, () => fork(__filename, own));
    process.on("SIGTERM", () => children.forEach((child) => child.kill("SIGTERM")));
    return;
  }
  const worker = new Worker("bench", async () => 1, { connection, concurrency: CONCURRENCY });
  process.on("SIGTERM", () => worker.close().then(() => process.exit(0)));
  await worker.waitUntilReady();
}

({ enqueue, wait, worker: work })[positionals[0]]();
