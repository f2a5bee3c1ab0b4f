// The selected span comes into view: in a long trace, below a fold, on a narrow screen.
import { randomBytes } from "node:crypto";
import { alive, expect, paneOf, test, urls, waterfallOf } from "./fixtures";

const TRACE = randomBytes(16).toString("hex");
const COUNT = 3_000;
const FAILED = 2_500;
const idOf = (at: number): string => (at + 1).toString(16).padStart(16, "0");

/** A root and its children. The last child has a child of its own. */
test.beforeAll(async ({ request }) => {
  const start = BigInt(Date.now()) * 1_000_000n - 5_000_000_000n;
  const spans = Array.from({ length: COUNT }, (_, at) => ({
    trace_id: TRACE,
    span_id: idOf(at),
    ...(at > 0 ? { parent_span_id: at === COUNT - 1 ? idOf(COUNT - 2) : idOf(0) } : {}),
    name: `step ${at}`,
    start_ns: (start + BigInt(at) * 1_000n).toString(),
    end_ns: (start + BigInt(at) * 1_000n + (at === 0 ? 4_000_000n : 500n)).toString(),
    ...(at === FAILED ? { status: { code: "error", message: "it failed here" } } : {}),
  }));
  const resource = { attributes: { "service.name": "selected-test" } };
  const answer = await request.post(`${urls.panel}/api/trace-log`, { data: { resource, spans } });
  expect(answer.status(), await answer.text()).toBe(200);
});

for (const width of [1280, 390]) {
  test.describe(`at ${width} px`, () => {
    test.use({ viewport: { width, height: 844 } });

    test("the first failed span is in view, and so is a span that a link selects", async ({ page }) => {
      await page.goto(`${urls.panel}/traces/${TRACE}`);
      await alive(page);
      const failed = waterfallOf(page).locator(`[data-span="${idOf(FAILED)}"] .name`);
      await expect(failed).toBeInViewport({ ratio: 1 });
      await expect(paneOf(page)).toContainText("it failed here");
      await expect(paneOf(page)).toBeInViewport();
      await expect(page.locator(".mini path.at")).toBeAttached();

      await page.goto(`${urls.panel}/traces/${TRACE}?span=${idOf(COUNT - 1)}`);
      await alive(page);
      const last = waterfallOf(page).locator(`[data-span="${idOf(COUNT - 1)}"] .name`);
      await expect(last).toBeInViewport({ ratio: 1 });
      const box = (await last.boundingBox())!;
      const pane = (await paneOf(page).boundingBox())!;
      expect(width > 1000 || box.y + box.height <= pane.y, "the pane does not cover the row").toBe(true);
    });

    test("a click on a row shows its span, and the user's scroll position stays", async ({ page }) => {
      await page.goto(`${urls.panel}/traces/${TRACE}?span=none`);
      await alive(page);
      const row = waterfallOf(page).locator('[data-row="30"]');
      await row.scrollIntoViewIfNeeded();
      await row.locator("[data-open]").click();
      await expect(paneOf(page)).toContainText("step 30");
      await expect(paneOf(page).getByText("step 30").first()).toBeInViewport();
      await expect(row.locator(".name")).toBeInViewport({ ratio: 1 });
      await page.evaluate(() => window.scrollTo(0, 300));
      await page.keyboard.press("Escape");
      await expect(paneOf(page)).toHaveCount(0);
      expect(await page.evaluate(() => window.scrollY)).toBe(300);
    });
  });
}

test("a link to a span below a folded row unfolds it", async ({ page }) => {
  await page.goto(`${urls.panel}/traces/${TRACE}?span=${idOf(COUNT - 2)}`);
  await alive(page);
  const child = waterfallOf(page).locator(`[data-span="${idOf(COUNT - 1)}"]`);
  await waterfallOf(page).locator(`[data-span="${idOf(COUNT - 2)}"] [data-toggle]`).click();
  await expect(child).toBeHidden();
  await page.evaluate((href) => {
    const link = Object.assign(document.createElement("a"), { href, textContent: "to the child" });
    document.querySelector("main")!.prepend(link);
  }, `/traces/${TRACE}?span=${idOf(COUNT - 1)}`);
  await page.getByText("to the child").click();
  await expect(child).toBeVisible();
  await expect(child.locator(".name")).toBeInViewport({ ratio: 1 });
});
