// Postgres stops and starts again while the server keeps running.
import { createServer, type AddressInfo } from "node:net";
import { expect, test, traceRows } from "./fixtures";
import { Program, startPostgres, temporaryFolder } from "./program";

async function freeAddress(): Promise<string> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(`127.0.0.1:${port}`));
    });
  });
}

const batch = (name: string) => {
  const now = BigInt(Date.now()) * 1_000_000n;
  const id = (length: number) => Array.from({ length }, () => Math.floor(Math.random() * 15 + 1).toString(16)).join("");
  const times = { start_ns: (now - 1_000_000n).toString(), end_ns: now.toString() };
  return { resource: { attributes: { "service.name": "outage" } }, spans: [{ trace_id: id(32), span_id: id(16), name, ...times }] };
};

test.use({ expectedFaults: [/503/] });

test("senders get a retry delay and the panel a message while Postgres is down; both recover without a restart", async ({ page, request }) => {
  test.setTimeout(120_000);
  const [folder, remove] = temporaryFolder("outage");
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
  remove();
});
