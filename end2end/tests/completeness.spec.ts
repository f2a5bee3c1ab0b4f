// A trace reports whether it is complete.
import { expect, test, type Urls } from "./fixtures";
import type { APIRequestContext, Page } from "@playwright/test";

const completenessOf = (page: Page) => page.locator("[data-completeness]");

interface Listed {
  trace_id: string;
}

/** The newest trace that matches this filter and has the expected completeness. */
async function traceThatSays(request: APIRequestContext, urls: Urls, filter: string, state: string): Promise<string> {
  let found = "";
  await expect(async () => {
    const list: { items: Listed[] } = await (await request.get(`${urls.panel}/api/admin/traces?${filter}&limit=1`)).json();
    expect(list.items, filter).not.toEqual([]);
    const { trace_id } = list.items[0];
    const trace = await (await request.get(`${urls.panel}/api/admin/traces/${trace_id}`)).json();
    expect(trace.completeness.state, JSON.stringify(trace.completeness)).toBe(state);
    found = trace_id;
  }).toPass({ timeout: 45_000 });
  return found;
}

test("a click in the shop creates a complete trace of page, server and database", async ({ page, urls }) => {
  await page.goto(urls.shop);
  await page.locator("main a[href^='/products/']").first().click();
  await page.getByRole("button", { name: "Add to cart" }).click();
  await expect(page.getByRole("link", { name: "See the cart" })).toBeVisible();
  const id = await traceThatSays(page.request, urls, "operation=click+Add", "complete");

  const panel = await page.context().newPage();
  await panel.goto(`${urls.panel}/traces/${id}`);
  const spans = (await (await page.request.get(`${urls.panel}/api/admin/traces/${id}`)).json()).summary.span_count;
  await expect(completenessOf(panel)).toHaveText(`${spans} of ${spans} spans, 0 bytes cut`);
});

test("a running span is shown as running, and as abandoned once its process is gone", async ({ page, urls, request }) => {
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
  await expect(completenessOf(page)).toContainText("1 span still running in shop-worker");

  await say({ sequence: { process, next: 1, settled: 1, ended: true } });
  await page.reload();
  await expect(completenessOf(page)).toContainText("1 span did not end before shop-worker did");
});
