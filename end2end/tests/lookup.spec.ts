// From an id to its trace, a search that stops at its limit, and pins.
import { randomBytes } from "node:crypto";
import type { APIRequestContext } from "@playwright/test";
import { alive, expect, paneOf, test, traceRows, urls, waterfallOf } from "./fixtures";

const SERVICE = `lookup-test-${randomBytes(4).toString("hex")}`;
const ORDER = `order-${randomBytes(4).toString("hex")}`;
const id = (bytes: number): string => randomBytes(bytes).toString("hex");
const FAILED = { trace: id(16), root: id(8), child: id(8) };
const RUNNING = { trace: id(16), root: id(8), child: id(8) };

const now = (): bigint => BigInt(Date.now()) * 1_000_000n;
const resource = { attributes: { "service.name": SERVICE } };

async function post(request: APIRequestContext, data: object): Promise<void> {
  const answer = await request.post(`${urls.panel}/api/trace-log`, { data });
  expect(answer.status(), await answer.text()).toBe(200);
}

/** A failed trace, and one whose root still runs. Both have the order id. */
test.beforeAll(async ({ request }) => {
  const start = now() - 5_000_000_000n;
  const span = (trace: string, span: string, parent: string | null, name: string, more: object) => ({
    trace_id: trace,
    span_id: span,
    ...(parent ? { parent_span_id: parent } : {}),
    name,
    start_ns: start.toString(),
    end_ns: (start + 90_000_000n).toString(),
    ...more,
  });
  const attributes = { "throughline.order.id": ORDER };
  await post(request, {
    resource,
    spans: [
      span(FAILED.trace, FAILED.root, null, "POST /orders", { kind: "server" }),
      span(FAILED.trace, FAILED.child, FAILED.root, "charge card", {
        attributes,
        status: { code: "error", message: "the bank <b>refused</b> the card: limit of the day reached, ask the customer for another one" },
      }),
    ],
  });
  await post(request, {
    resource,
    sequence: { process: id(8), next: 2, settled: 2 },
    spans: [span(RUNNING.trace, RUNNING.child, RUNNING.root, "send mail", { attributes, sequence: 1 })],
    starts: [{ trace_id: RUNNING.trace, span_id: RUNNING.root, name: "confirm order", kind: "consumer", start_ns: start.toString(), sequence: 0 }],
  });
});

test("the key / looks up traces by trace id, span id and order id", async ({ page }) => {
  await page.goto(`${urls.panel}/traces?service=${SERVICE}`);
  await alive(page);
  await expect(traceRows(page).filter({ hasText: "POST /orders" })).toContainText("the bank <b>refused</b>");
  await expect(traceRows(page).filter({ hasText: "confirm order" }).getByText("running", { exact: true })).toBeVisible();

  const box = page.getByLabel("Any id");
  await page.keyboard.press("/");
  await expect(box).toBeFocused();
  await box.fill(` ${FAILED.trace.toUpperCase()} `);
  await box.press("Enter");
  await expect(page).toHaveURL(new RegExp(`/traces/${FAILED.trace}$`));
  await expect(waterfallOf(page)).toContainText("charge card");

  // On a page without the lookup box the key opens it in place. The text stays when it is closed.
  const dialog = page.getByRole("dialog");
  for (const path of [`/traces/${FAILED.trace}`, "/storage"]) {
    await page.goto(urls.panel + path);
    await alive(page);
    await page.keyboard.type("/jge?");
    await expect(dialog.getByRole("searchbox")).toHaveValue("jge?");
    await page.keyboard.press("Escape");
    await expect(dialog).toBeHidden();
    await expect(page).toHaveURL(urls.panel + path);
    await page.keyboard.press("/");
    await expect(dialog.getByRole("searchbox")).toBeFocused();
    await expect(dialog.getByRole("searchbox")).toHaveValue("jge?");
    await page.keyboard.press("Escape");
  }
  // "Back" must not return to the page that redirects.
  await page.keyboard.press("/");
  await dialog.getByRole("searchbox").fill(RUNNING.child);
  await page.keyboard.press("Enter");
  await expect(dialog).toBeHidden();
  await expect(page).toHaveURL(new RegExp(`/traces/${RUNNING.trace}\\?span=${RUNNING.child}$`));
  await expect(paneOf(page)).toContainText("send mail");

  await page.goto(`${urls.panel}/traces`);
  await alive(page);
  await page.getByRole("link", { name: "Look up" }).click();
  await expect(page).toHaveURL(/\/lookup$/);
  await box.fill(ORDER);
  await box.press("Enter");
  await expect(page.locator("main")).toContainText(`2 traces carry the id ${ORDER} as throughline.order.id`);
  await expect(traceRows(page)).toHaveCount(2);

  await box.fill("nobody-has-this");
  await box.press("Enter");
  await expect(page.locator("main")).toContainText("Nothing has this id");
  await expect(page.locator("main")).toContainText("as the value of any attribute");
  await box.fill(ORDER);
  await box.press("Enter");
  await expect(traceRows(page)).toHaveCount(2);
});

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });

  test("the lookup box finds the trace", async ({ page }) => {
    await page.goto(`${urls.panel}/traces`);
    await page.getByLabel("Any id").fill(FAILED.child);
    await page.getByLabel("Any id").press("Enter");
    await expect(page).toHaveURL(new RegExp(`/traces/${FAILED.trace}\\?span=${FAILED.child}$`));
    await expect(paneOf(page)).toContainText("charge card");
  });
});

test("a search finds the one trace of many with an attribute, and the list shows the span", async ({ page, request }) => {
  // The target is older than all other traces.
  const target = `searched-${SERVICE}`;
  const start = now() - 600_000_000_000n;
  const trace = id(16);
  const spans = (from: number, count: number) =>
    Array.from({ length: count }, (_, at) => ({
      trace_id: from + at < 2 ? trace : id(16),
      span_id: id(8),
      name: from + at === 1 ? "charge the card" : "one of many",
      start_ns: (start + BigInt(from + at) * 1_000n).toString(),
      end_ns: (start + BigInt(from + at) * 1_000n + 10n).toString(),
      ...(from + at === 1 ? { attributes: { "shop.voucher": "here" } } : {}),
    }));
  for (let from = 0; from < 15_200; from += 800) {
    await post(request, { resource: { attributes: { "service.name": target } }, spans: spans(from, 800) });
  }
  await page.goto(`${urls.panel}/traces?service=${target}&attr.shop.voucher=here`);
  await alive(page);
  await expect(traceRows(page)).toHaveCount(1);
  await expect(traceRows(page)).toContainText("charge the card");
});

test("a trace is pinned on its page, marked in the list and found by the filter", async ({ page }) => {
  await page.goto(`${urls.panel}/traces/${FAILED.trace}`);
  await alive(page);
  await page.getByRole("button", { name: "Pin", exact: true }).click();
  const pinned = page.getByRole("button", { name: "Pinned", exact: true });
  await expect(pinned).toHaveAttribute("aria-pressed", "true");

  await page.goto(`${urls.panel}/traces?service=${SERVICE}`);
  await alive(page);
  await expect(traceRows(page)).toHaveCount(2);
  await expect(traceRows(page).getByText("pinned", { exact: true })).toHaveCount(1);
  await page.getByText("More conditions").click();
  await page.getByLabel("Pinned").selectOption("true");
  await expect(page).toHaveURL(/pinned=true/);
  await expect(traceRows(page)).toHaveCount(1);

  await page.goto(`${urls.panel}/traces/${FAILED.trace}`);
  await alive(page);
  await pinned.click();
  await expect(page.getByRole("button", { name: "Pin", exact: true })).toBeVisible();
  await page.goto(`${urls.panel}/traces?service=${SERVICE}&pinned=true`);
  await expect(page.locator("main")).toContainText("No trace matches");
});

for (const colorScheme of ["light", "dark"] as const) {
  for (const width of [1280, 390]) {
    test(`rows, the box and what it says fit ${width} px, ${colorScheme}`, async ({ browser }) => {
      const context = await browser.newContext({ colorScheme, viewport: { width, height: 844 } });
      const page = await context.newPage();
      const pages = {
        list: `/traces?service=${SERVICE}`,
        found: `/lookup?q=${ORDER}`,
        nothing: `/lookup?q=${id(16)}`,
        empty: "/lookup",
        searched: `/traces?service=searched-${SERVICE}&attr.not.indexed=here`,
        trace: `/traces/${FAILED.trace}?span=zz`,
      };
      for (const [name, path] of Object.entries(pages)) {
        await page.goto(urls.panel + path);
        await alive(page);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        expect(overflow, path).toBeLessThanOrEqual(0);
        if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${name}-${width}-${colorScheme}.png` });
      }
      await context.close();
    });
  }
}
