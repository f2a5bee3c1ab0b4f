// The live list: a commit appears without a reload, and never moves a row under the pointer.
import { randomBytes } from "node:crypto";
import type { APIRequestContext, Page } from "@playwright/test";
import { alive, expect, test, traceRows, urls } from "./fixtures";

const SERVICE = `live-test-${randomBytes(4).toString("hex")}`;

/** Sends a trace of one span. */
async function send(request: APIRequestContext, name: string): Promise<void> {
  const now = BigInt(Date.now()) * 1_000_000n;
  const answer = await request.post(`${urls.panel}/api/trace-log`, {
    data: {
      resource: { attributes: { "service.name": SERVICE } },
      spans: [
        {
          trace_id: randomBytes(16).toString("hex"),
          span_id: randomBytes(8).toString("hex"),
          name,
          start_ns: now.toString(),
          end_ns: (now + 1_000_000n).toString(),
        },
      ],
    },
  });
  expect(answer.status()).toBe(200);
}

const stream_state = (page: Page) => page.locator("[data-live]");

test.beforeEach(async ({ page, request }) => {
  await send(request, "there before");
  await page.goto(`${urls.panel}/traces?service=${SERVICE}`);
  await alive(page);
  await expect(traceRows(page).first()).toBeVisible();
  await page.getByRole("button", { name: "Live" }).click();
  await expect(stream_state(page)).toHaveAttribute("data-live", "live");
});

test("a committed trace appears at the top without a reload", async ({ page, request }) => {
  await page.evaluate(() => document.documentElement.setAttribute("data-same-page", ""));
  await send(request, "came by itself");
  await expect(traceRows(page).first()).toContainText("came by itself");
  await expect(page.locator("html[data-same-page]")).toBeAttached();
  await page.getByRole("button", { name: "Live" }).click();
  await expect(stream_state(page)).toHaveAttribute("data-live", "off");
});

test("a list that is scrolled or paused does not change and counts the waiting traces", async ({ page, request }) => {
  await traceRows(page).first().hover();
  await send(request, "while read");
  const news = page.getByRole("button", { name: /new trace/ });
  await expect(news).toHaveText("1 new trace");
  await expect(traceRows(page).filter({ hasText: "while read" })).toHaveCount(0);
  await page.mouse.move(0, 0);
  await expect(traceRows(page).first()).toContainText("while read");

  await page.getByRole("button", { name: "Pause" }).click();
  await expect(stream_state(page)).toHaveAttribute("data-live", "paused");
  await send(request, "while paused");
  await expect(news).toBeVisible();
  await expect(traceRows(page).filter({ hasText: "while paused" })).toHaveCount(0);
  await news.click();
  await expect(traceRows(page).first()).toContainText("while paused");
});

test("a reload and back keep following", async ({ page, request }) => {
  await page.reload();
  await alive(page);
  await expect(stream_state(page)).toHaveAttribute("data-live", "live");
  await page.keyboard.press("g");
  await page.keyboard.press("l");
  await expect(page).toHaveURL(/lookup/);
  await page.goBack();
  await expect(stream_state(page)).toHaveAttribute("data-live", "live");
  await send(request, "came after back");
  await expect(traceRows(page).first()).toContainText("came after back");
});
