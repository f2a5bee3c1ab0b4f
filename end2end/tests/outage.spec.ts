// Postgres goes away and comes back; the server stays.
import { spawn, type ChildProcess } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, traceRows } from "./fixtures";

const BINARY = process.env.THROUGHLINE_BINARY ?? "throughline";

/** A program of ours, and what it wrote to standard output so far. */
class Program {
  output = "";
  readonly ended: Promise<number | null>;

  constructor(private readonly process: ChildProcess) {
    process.stdout!.on("data", (text) => (this.output += text));
    this.ended = new Promise((resolve) => process.on("exit", resolve));
  }

  static start(args: string[]): Program {
    const env = { ...process.env, DATABASE_URL: "", RUST_LOG: "warn" };
    delete (env as Record<string, string | undefined>).DATABASE_URL;
    return new Program(spawn(BINARY, args, { env, stdio: ["ignore", "pipe", "inherit"] }));
  }

  async stop(): Promise<void> {
    this.process.kill("SIGTERM");
    expect(await this.ended).toBe(0);
  }
}

async function freeAddress(): Promise<string> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(`127.0.0.1:${port}`));
    });
  });
}

async function startPostgres(folder: string): Promise<[Program, string]> {
  const postgres = Program.start(["postgres", "--data-dir", folder]);
  await expect.poll(() => postgres.output, { timeout: 30_000 }).toMatch(/^DATABASE_URL=\S+$/m);
  return [postgres, /^DATABASE_URL=(\S+)$/m.exec(postgres.output)![1]];
}

const batch = (name: string) => {
  const now = BigInt(Date.now()) * 1_000_000n;
  const id = (length: number) => Array.from({ length }, () => Math.floor(Math.random() * 15 + 1).toString(16)).join("");
  const times = { start_ns: (now - 1_000_000n).toString(), end_ns: now.toString() };
  return { resource: { attributes: { "service.name": "outage" } }, spans: [{ trace_id: id(32), span_id: id(16), name, ...times }] };
};

test.use({ expectedFaults: [/503/] });

test("with Postgres away senders are told to come back and the panel says so; both recover without a restart", async ({ page, request }) => {
  test.setTimeout(120_000);
  const folder = mkdtempSync(join(tmpdir(), "throughline-outage-"));
  chmodSync(folder, 0o755);
  let [postgres, url] = await startPostgres(folder);
  const [addr, otlpAddr] = [await freeAddress(), await freeAddress()];
  const server = Program.start(["serve", "--addr", addr, "--otlp-addr", otlpAddr, "--otlp-grpc-addr", "127.0.0.1:0", "--database-url", url]);
  const panel = `http://${addr}`;
  const status = async () => (await request.get(`${panel}/readyz`).catch(() => undefined))?.status();
  await expect.poll(status, { timeout: 30_000 }).toBe(200);
  expect((await request.post(`${panel}/api/trace-log`, { data: batch("before") })).status()).toBe(200);

  await postgres.stop();
  const refused = await request.post(`${panel}/api/trace-log`, { data: batch("during") });
  expect(refused.status()).toBe(503);
  expect(Number(refused.headers()["retry-after"])).toBeGreaterThan(0);
  const otlp = await request.post(`http://${otlpAddr}/v1/traces`, {
    data: { resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: "5b8efff798038103d269b633813fc60c", spanId: "eee19b7ec3c1b174", name: "x", startTimeUnixNano: `${Date.now()}000000`, endTimeUnixNano: `${Date.now()}000001` }] }] }] },
  });
  expect(otlp.status()).toBe(503);
  expect(await otlp.json()).toMatchObject({ code: 14 });
  const answer = await page.goto(`${panel}/traces`);
  expect(answer!.status()).toBe(503);
  await expect(page.locator("main")).toContainText(/database/i);

  [postgres, url] = await startPostgres(folder);
  await expect.poll(status, { timeout: 30_000 }).toBe(200);
  await expect.poll(async () => (await request.post(`${panel}/api/trace-log`, { data: batch("after") })).status(), { timeout: 30_000 }).toBe(200);
  await page.goto(`${panel}/traces`);
  await expect(traceRows(page)).toHaveCount(2);
  await expect(traceRows(page).first()).toContainText("after");

  await server.stop();
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
});
