// A trace says of itself whether all of it is there.
import type { Page } from "@playwright/test";
import { expect, test } from "./fixtures";

const receiptOf = (page: Page) => page.locator("[data-receipt]");

test("a span that runs is shown as running, and as cut off once its process is gone", async ({ page, urls, request }) => {
  const hex = (length: number) => Array.from({ length }, () => Math.floor(Math.random() * 15 + 1).toString(16)).join("");
  const [trace_id, process] = [hex(32), hex(16)];
  const start_ns = `${BigInt(Date.now()) * 1_000_000n}`;
  const say = async (more: object) => {
    const sequence = { process, next: 1, settled: 1 };
    const resource = { attributes: { "service.name": "shop-worker" } };
    const answer = await request.post(`${urls.panel}/api/trace-log`, { data: { resource, sequence, ...more } });
    expect(answer.status()).toBe(200);
  };
  await say({ starts: [{ trace_id, span_id: hex(16), name: "process confirmation", start_ns, sequence: 0 }] });
  await page.goto(`${urls.panel}/traces/${trace_id}`);
  await expect(receiptOf(page)).toContainText("1 span still running in shop-worker");

  await say({ sequence: { process, next: 1, settled: 1, ended: true } });
  await page.reload();
  await expect(receiptOf(page)).toContainText("1 span did not end before shop-worker did");
});
