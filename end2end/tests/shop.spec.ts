// The main scenario: a customer buys something, an admin examines the trace.
import type { Page } from "@playwright/test";
import { alive, expect, paneOf, test, traceCount, traceRows, watch, waterfallOf, type Urls } from "./fixtures";

interface ApiSpan {
  span_id: string;
  parent_span_id?: string;
  name: string;
  kind: string;
  resource: number;
  attributes?: Record<string, unknown>;
}

interface ApiTrace {
  summary: { error_count: number };
  resources: { attributes: Record<string, unknown> }[];
  spans: ApiSpan[];
}

/** Orders `quantity` of the first product. */
async function buy(page: Page, urls: Urls, name: string, email: string, note: string, quantity = 2): Promise<void> {
  await page.goto(urls.shop);
  await page.locator("main a[href^='/products/']").first().click();
  await page.getByLabel("How many").fill(String(quantity));
  await page.getByRole("button", { name: "Add to cart" }).click();
  await page.getByRole("link", { name: "See the cart" }).click();
  await page.getByRole("link", { name: /check out/i }).click();
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Email").fill(email);
  await page.getByLabel(/Note/).fill(note);
  await page.getByRole("button", { name: "Place order" }).click();
}

/** The trace of the order with this note. Waits until it has a span of this name. */
async function findTrace(page: Page, urls: Urls, note: string, span: string): Promise<[string, ApiTrace]> {
  let found: [string, ApiTrace] | undefined;
  await expect(async () => {
    const list = await page.request.get(`${urls.panel}/api/admin/traces?operation=Place+order&limit=5`);
    for (const { trace_id } of (await list.json()).items) {
      const trace: ApiTrace = await (await page.request.get(`${urls.panel}/api/admin/traces/${trace_id}`)).json();
      if (trace.spans.some(({ attributes }) => attributes?.["throughline.ui.form.value.note"] === note)) found = [trace_id, trace];
    }
    expect(found?.[1].spans.map(({ name }) => name)).toContain(span);
  }).toPass({ timeout: 30_000 });
  return found!;
}

test("a click in the shop becomes one waterfall, from the browser to the job's SQL", async ({ page, urls }) => {
  const note = `Leave it at the gate ${Date.now()}`;
  await buy(page, urls, "Ada Lovelace", "ada@acme.test", note);
  await expect(page).toHaveURL(/\/orders\//);
  await expect(page.getByText(/confirmed/i).first()).toBeVisible({ timeout: 30_000 });

  const [id, trace] = await findTrace(page, urls, note, "process send-confirmation");
  const spans = new Map(trace.spans.map((span) => [span.span_id, span]));
  const named = (name: string, kind: string) => {
    const found = trace.spans.find((span) => span.name === name && span.kind === kind);
    expect(found, `${kind} span ${name}`).toBeDefined();
    return found!;
  };
  const ancestors = (span: ApiSpan): string[] => {
    const names: string[] = [];
    for (let at = spans.get(span.parent_span_id ?? ""); at; at = spans.get(at.parent_span_id ?? "")) {
      names.push(`${at.kind} ${at.name}`);
    }
    return names;
  };

  // The chain from parent to child.
  const request = ["server POST /api/orders", "client POST /api/orders", "internal submit Order form", "internal click Place order"];
  expect(ancestors(named("POST /api/orders", "server"))).toEqual(request.slice(1));
  for (const statement of ["INSERT orders", "INSERT order_items", "UPDATE stock", "DELETE cart_items"]) {
    expect(ancestors(named(statement, "client")), statement).toEqual(request);
  }
  const job = named("process send-confirmation", "consumer");
  expect(ancestors(job)).toEqual(["producer queue send-confirmation", ...request]);
  expect(ancestors(named("UPDATE jobs", "client"))).toEqual(["consumer process send-confirmation", "producer queue send-confirmation", ...request]);
  const services = new Set(trace.resources.map(({ attributes }) => attributes["service.name"]));
  expect(services).toEqual(new Set(["shop-web", "shop"]));

  // Values that may be recorded are present. All others appear nowhere but in user.id.
  const submit = named("submit Order form", "internal");
  expect(submit.attributes).toMatchObject({ "throughline.ui.form.value.note": note, "throughline.ui.form.value.name": "Ada Lovelace" });
  expect(Object.entries(submit.attributes!).filter(([key, value]) => key !== "user.id" && value === "ada@acme.test")).toEqual([]);
  expect(String(named("INSERT orders", "client").attributes!["db.query.text"])).toMatch(/^INSERT INTO orders/i);

  // The admin filters by operation and status, sees the statistics follow, and opens the trace.
  await page.goto(`${urls.panel}/traces`);
  await alive(page);
  const tile = traceCount(page);
  // Other tests leave thousands of traces. Their count has thousands separators.
  const count = async () => Number((await tile.textContent())?.replaceAll(/\D/g, ""));
  const all = await count();
  await page.getByLabel("Operation").fill("Place order");
  // The mail of every third order fails at first and is sent again.
  const [status, other] = trace.summary.error_count > 0 ? ["error", "ok"] : ["ok", "error"];
  await page.getByLabel("Status").selectOption(status);
  await expect(page).toHaveURL(/operation=Place/);
  await expect(page).toHaveURL(new RegExp(`status=${status}`));
  await expect.poll(count).toBeLessThan(all);
  const rows = traceRows(page);
  await expect(rows.first()).toContainText("click Place order");
  const selected = async (status: string): Promise<number> => {
    const query = `operation=Place+order&status=${status}`;
    return (await (await page.request.get(`${urls.panel}/api/admin/traces/stats?${query}`)).json()).trace_count;
  };
  const expected = await selected(status);
  await expect(tile).toHaveText(String(expected));
  await expect(rows).toHaveCount(expected);
  await page.getByLabel("Status").selectOption(other);
  await expect(page).toHaveURL(new RegExp(`status=${other}`));
  const otherwise = await selected(other);
  if (otherwise > 0) await expect(tile).toHaveText(String(otherwise));
  else await expect(page.getByText(/no trace/i).first()).toBeVisible();
  await page.goBack();
  await expect(tile).toHaveText(String(expected));

  await page.locator(`a[href^="/traces/${id}"]`).first().click();
  await expect(page.getByRole("heading", { name: "click Place order" }).first()).toBeVisible();
  const waterfall = waterfallOf(page);
  await expect(waterfall.getByText("process send-confirmation").first()).toBeVisible();
  await waterfall.getByText("submit Order form").click();
  const pane = paneOf(page);
  await expect(pane.getByText(note)).toBeVisible();
  await waterfall.getByText("INSERT orders", { exact: true }).click();
  await expect(pane.getByText(/INSERT INTO/i).first()).toBeVisible();
  await expect(page).toHaveURL(/span=[0-9a-f]{16}/);

  if (process.env.SCREENSHOTS) {
    await page.screenshot({ path: "../docs/images/waterfall.png" });
  }

  // The URL alone shows the same content.
  await page.reload();
  await expect(paneOf(page).getByText(/INSERT INTO/i).first()).toBeVisible();
});

test("an order that the database rejects is a trace with the reason in its error", async ({ page, urls, browser }) => {
  const user = `grace-${Date.now()}@acme.test`;
  const filter = `operation=Place+order&status=error&user=${encodeURIComponent(user)}`;
  const context = await browser.newContext();
  const shopper = await context.newPage();
  const faults: string[] = [];
  watch(shopper, faults);
  await buy(shopper, urls, "Grace Hopper", user, "too many", 13);
  await expect(shopper.getByRole("alert")).toBeVisible();
  // The browser logs the response status, and nothing else is logged.
  expect(faults.filter((fault) => !/status of 500/.test(fault))).toEqual([]);
  await context.close();
  await expect(async () => {
    const list = await (await page.request.get(`${urls.panel}/api/admin/traces?${filter}`)).json();
    expect(list.items).toHaveLength(1);
    // The browser sends its spans before the server sends its own.
    const trace = await page.request.get(`${urls.panel}/api/admin/traces/${list.items[0].trace_id}`);
    expect(await trace.text()).toContain("violates check constraint");
  }).toPass({ timeout: 30_000 });

  await page.goto(`${urls.panel}/traces?${filter}`);
  await traceRows(page).first().getByRole("link").click();
  const pane = paneOf(page);
  await expect(pane.getByText(/violates check constraint/).first()).toBeVisible();
});
