// A user types before the page is hydrated: the typed text stays.
import { randomBytes } from "node:crypto";
import type { Page } from "@playwright/test";
import { alive, expect, test, traceRows, urls } from "./fixtures";

const SERVICE = `early-test-${randomBytes(4).toString("hex")}`;

test.beforeAll(async ({ request }) => {
  const start = BigInt(Date.now()) * 1_000_000n;
  const span = (name: string) => ({
    trace_id: randomBytes(16).toString("hex"),
    span_id: randomBytes(8).toString("hex"),
    name,
    start_ns: start.toString(),
    end_ns: (start + 1_000_000n).toString(),
  });
  const data = { resource: { attributes: { "service.name": SERVICE } }, spans: [span("wanted"), span("other")] };
  const answer = await request.post(`${urls.panel}/api/trace-log`, { data });
  expect(answer.status()).toBe(200);
});

/** Opens a page and delays its script until the returned function is called. */
async function opened(page: Page, path: string): Promise<() => void> {
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  await page.route("**/*.wasm", async (route) => {
    await released;
    await route.continue();
  });
  await page.goto(`${urls.panel}${path}`, { waitUntil: "commit" });
  return release;
}

test("a filter typed before hydration stays and is applied by Enter", async ({ page }) => {
  const come = await opened(page, `/traces?service=${SERVICE}`);
  const operation = page.getByLabel("Operation");
  await operation.fill("want");
  await page.getByLabel("Status").selectOption("ok");
  await page.getByText("More conditions").click();
  await page.getByLabel("Attribute").fill("a=b");
  await page.getByLabel("Attribute").fill("");
  await page.getByLabel("Any id").fill("some id");
  await expect(page.locator("html[data-alive]")).toHaveCount(0);
  come();
  await alive(page);
  await expect(operation).toHaveValue("want");
  await expect(page.getByLabel("Status")).toHaveValue("ok");
  await expect(page.getByLabel("Any id")).toHaveValue("some id");
  await expect(traceRows(page)).toHaveCount(2);
  await operation.press("Enter");
  await expect(page).toHaveURL(/operation=want/);
  await expect(page).toHaveURL(/status=ok/);
  await expect(traceRows(page)).toHaveCount(1);
  await expect(traceRows(page)).toContainText("wanted");
  // After hydration the fields follow the URL.
  await page.goBack();
  await expect(operation).toHaveValue("");
  await expect(page.getByLabel("Status")).toHaveValue("");
  await expect(traceRows(page)).toHaveCount(2);
});

test("a text typed while an answer is on its way stays in its field", async ({ page }) => {
  await page.goto(`${urls.panel}/traces?service=${SERVICE}`);
  await alive(page);
  let answer = () => {};
  const answered = new Promise<void>((resolve) => (answer = resolve));
  await page.route("**/api/panel/**", async (route) => {
    await answered;
    await route.continue();
  });
  const operation = page.getByLabel("Operation");
  await operation.fill("want");
  await operation.press("Enter");
  await operation.press("End");
  await page.keyboard.type("ed  and more");
  answer();
  await expect(page).toHaveURL(/operation=want(&|$)/);
  await expect(traceRows(page)).toHaveCount(1);
  await expect(operation).toHaveValue("wanted  and more");
  const box = page.getByLabel("Any id");
  await box.fill("half of an id");
  await page.getByLabel("Status").selectOption("ok");
  await expect(page).toHaveURL(/status=ok/);
  await expect(box).toHaveValue("half of an id");
});
