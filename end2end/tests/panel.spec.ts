// The panel alone: without JavaScript, at its limits, by keyboard.
import { randomBytes } from "node:crypto";
import { alive, expect, paneOf, test, traceRows, urls, watch, waterfallOf } from "./fixtures";

// New ids in each run: a span with other times would be a second span with a used id.
const TRACE = randomBytes(16).toString("hex");
const HOSTILE = randomBytes(16).toString("hex");
const HOSTILE_NAME = 'x</title><meta http-equiv="refresh" content="0;url=/no/such/page"><img src=y onerror=alert(2)> \u202eevil';

/** Sends a small trace, so that these tests do not depend on others. */
test.beforeAll(async ({ request }) => {
  const now = BigInt(Date.now()) * 1_000_000n;
  const span = (id: string, parent: string | null, name: string, more: object) => ({
    trace_id: TRACE,
    span_id: id,
    ...(parent ? { parent_span_id: parent } : {}),
    name,
    start_ns: (now - 5_000_000_000n).toString(),
    end_ns: (now - 4_900_000_000n).toString(),
    ...more,
  });
  const answer = await request.post(`${urls.panel}/api/trace-log`, {
    data: {
      resource: { attributes: { "service.name": "panel-test" } },
      spans: [
        span("00000000000000a1", null, "panel test root", { kind: "server" }),
        span("00000000000000a2", "00000000000000a1", "SELECT panel", {
          kind: "client",
          status: { code: "error", message: "it was <b>bold</b>" },
          attributes: { "db.query.text": "SELECT 1 -- </script><script>alert(1)</script>", "<img src=x onerror=alert(1)>": "key" },
        }),
        span("00000000000000a3", "00000000000000ff", "orphan", {}),
        span("00000000000000a4", "00000000000000a5", "cycle one", {}),
        span("00000000000000a5", "00000000000000a4", "cycle two", {}),
        span("00000000000000a6", "00000000000000a6", "its own parent", {}),
        // It begins earlier, so it is below the other trace in a list.
        { ...span("00000000000000b1", null, HOSTILE_NAME, { start_ns: (now - 9_000_000_000n).toString() }), trace_id: HOSTILE },
      ],
    },
  });
  expect(answer.status()).toBe(200);
});

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });

  test("the list and a trace are readable", async ({ page }) => {
    await page.goto(`${urls.panel}/traces?service=panel-test`);
    await expect(traceRows(page).first()).toContainText("panel test root");
    await page.getByLabel("Operation").fill("panel test");
    await page.getByLabel("Operation").press("Enter");
    await expect(page).toHaveURL(/operation=panel\+test/);
    await traceRows(page).first().getByRole("link").click();
    await expect(waterfallOf(page)).toContainText("SELECT panel");
    await waterfallOf(page).getByText("SELECT panel").click();
    await expect(paneOf(page)).toContainText("it was <b>bold</b>");
  });
});

test("every span of a broken trace is drawn, and its texts are escaped", async ({ page }) => {
  page.on("dialog", () => expect(false, "no dialog opens").toBe(true));
  await page.goto(`${urls.panel}/traces/${TRACE}?span=00000000000000a2`);
  const waterfall = waterfallOf(page);
  for (const name of ["panel test root", "SELECT panel", "orphan", "cycle one", "cycle two", "its own parent"]) {
    await expect(waterfall.getByText(name, { exact: true })).toBeVisible();
  }
  await expect(paneOf(page)).toContainText("</script><script>alert(1)</script>");
  await expect(paneOf(page)).toContainText("img src=x onerror=alert(1)");
});

test("a name of a sender is text in the title too, and its direction is shown", async ({ page }) => {
  page.on("dialog", () => expect(false, "no dialog opens").toBe(true));
  const shown = HOSTILE_NAME.replace("\u202e", "\\u{202e}");
  await page.goto(`${urls.panel}/traces/${HOSTILE}`);
  await expect(waterfallOf(page).getByText("evil")).toHaveText(shown);
  expect(await page.title()).toBe(`${shown} · Throughline`);
  await expect(page.locator("meta[http-equiv], base, img")).toHaveCount(0);
  expect(page.url()).toContain(HOSTILE);
  // The same after a navigation in the browser, where the title is set as text.
  await page.goto(`${urls.panel}/traces?service=panel-test`);
  await traceRows(page).getByRole("link", { name: "evil" }).first().click();
  await expect(page).toHaveTitle(`${shown} · Throughline`);
});

test.describe("an unknown trace", () => {
  test.use({ expectedFaults: [/404/] });

  test("shows a 404 page", async ({ page }) => {
    for (const [id, words] of [["0af7651916cd43dd8448eb211c80319f", /no trace|not found|unknown/i], ["not-an-id", /id/i]] as const) {
      const answer = await page.goto(`${urls.panel}/traces/${id}`);
      expect(answer!.status()).toBe(404);
      await expect(page.locator("main")).toContainText(words);
    }
    const answer = await page.goto(`${urls.panel}/no/such/page`);
    expect(answer!.status()).toBe(404);
  });
});

test.describe("an invalid filter", () => {
  test.use({ expectedFaults: [/400/] });

  test("shows a message", async ({ page }) => {
    const answer = await page.goto(`${urls.panel}/traces?min_duration=fast`);
    expect(answer!.status()).toBe(400);
    await expect(page.locator("main")).toContainText(/fast/);
    await expect(page.getByLabel("Operation")).toBeVisible();
  });
});

test("the keyboard navigates from list to trace and back", async ({ page }) => {
  await page.goto(`${urls.panel}/traces?service=panel-test`);
  await expect(traceRows(page).first()).toBeVisible();
  await alive(page);
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(new RegExp(`/traces/${TRACE}`));
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
});

test("the way back leads to the filtered list, and back and reload restore the view", async ({ page }) => {
  await page.setViewportSize({ width: 1280, height: 320 });
  await page.goto(`${urls.panel}/traces?service=panel-test`);
  await alive(page);
  await traceRows(page).first().getByRole("link").click();
  const waterfall = waterfallOf(page);
  await expect(waterfall).toContainText("SELECT panel");
  const crumb = page.getByRole("navigation", { name: "Breadcrumb" }).getByRole("link", { name: "Traces" });
  await expect(crumb).toHaveAttribute("href", "/traces?service=panel-test");

  const child = waterfall.getByText("SELECT panel", { exact: true });
  await waterfall.locator("li", { hasText: "panel test root" }).locator("[data-toggle]").click();
  await expect(child).toBeHidden();
  await page.evaluate(() => window.scrollTo(0, 100));
  const stored = () => page.evaluate(() => JSON.parse(history.state ?? "{}").scroll_y);
  await expect.poll(stored).toBe(100);

  await page.reload();
  await alive(page);
  await expect(child).toBeHidden();
  const scrollY = () => page.evaluate(() => window.scrollY);
  await expect.poll(scrollY).toBe(100);

  await page.keyboard.press("g");
  await page.keyboard.press("l");
  await expect(page).toHaveURL(/lookup/);
  await page.goBack();
  await expect(waterfall).toContainText("panel test root");
  await expect(child).toBeHidden();
  await expect.poll(scrollY).toBe(100);
});

test("a parameter that does not exist is named and ignored", async ({ page }) => {
  const answer = await page.goto(`${urls.panel}/traces?service=panel-test&statsu=ok`);
  expect(answer!.status()).toBe(200);
  await expect(page.locator("[data-ignored]")).toContainText("statsu (did you mean status?)");
  await expect(traceRows(page).first()).toContainText("panel test root");
});

for (const colorScheme of ["light", "dark"] as const) {
  for (const width of [1280, 390]) {
    test(`list and trace fit ${width} px, ${colorScheme}`, async ({ browser }) => {
      const context = await browser.newContext({ colorScheme, viewport: { width, height: 844 } });
      const page = await context.newPage();
      const faults: string[] = [];
      watch(page, faults);
      const paths = ["/traces", `/traces/${TRACE}`, "/traces?operation=nothing-is-called-so", "/storage", "/lookup"];
      for (const path of paths) {
        await page.goto(urls.panel + path);
        await alive(page);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        expect(overflow, path).toBeLessThanOrEqual(0);
        // Adjacent facts do not overlap.
        const cut = await page.locator(".tiles dd").evaluateAll((facts) => facts.filter((at) => at.scrollWidth > at.clientWidth).map((at) => at.textContent));
        expect(cut, path).toEqual([]);
      }
      expect(faults).toEqual([]);
      await context.close();
    });
  }
}

test("a log record without a trace is on the page of logs, and its filter works", async ({ page, request }) => {
  const name = `log-${randomBytes(4).toString("hex")}`;
  const time = (BigInt(Date.now()) * 1_000_000n).toString();
  const record = (body: string, more: object) => ({ timeUnixNano: time, body: { stringValue: body }, ...more });
  const answer = await request.post(`${urls.panel}/v1/logs`, {
    data: {
      resourceLogs: [
        {
          resource: { attributes: [{ key: "service.name", value: { stringValue: name } }] },
          scopeLogs: [
            {
              logRecords: [
                record("the disk is <b>full</b>", { severityNumber: 17, attributes: [{ key: "disk.id", value: { stringValue: "sda" } }] }),
                record("of a trace", { traceId: TRACE, spanId: "00000000000000a2", severityNumber: 9 }),
              ],
            },
          ],
        },
      ],
    },
  });
  expect(answer.status(), await answer.text()).toBe(200);
  await page.goto(`${urls.panel}/traces`);
  await alive(page);
  await page.keyboard.press("g");
  await page.keyboard.press("o");
  await expect(page).toHaveURL(/\/logs$/);
  await page.getByLabel("Service").selectOption(name);
  const rows = page.getByRole("list", { name: "Log records, newest first" }).locator("> li");
  await expect(rows).toHaveCount(2);
  await page.getByLabel("Trace", { exact: true }).fill("none");
  await page.getByLabel("Trace", { exact: true }).press("Enter");
  await expect(page).toHaveURL(/trace=none/);
  await expect(rows).toHaveCount(1);
  await expect(rows).toContainText("the disk is <b>full</b>");
  await rows.getByText("Attributes · 1").click();
  await expect(rows).toContainText("sda");
  await page.getByLabel("Trace", { exact: true }).fill("");
  await page.getByLabel("Message").fill("OF A");
  await page.getByLabel("Message").press("Enter");
  await expect(rows).toHaveCount(1);
  await rows.getByRole("link", { name: "Trace" }).click();
  await expect(paneOf(page)).toContainText("SELECT panel");
  for (const width of [390, 1280]) {
    await page.setViewportSize({ width, height: 844 });
    await page.goto(`${urls.panel}/logs?service=${name}`);
    await alive(page);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(overflow).toBeLessThanOrEqual(0);
  }
});
