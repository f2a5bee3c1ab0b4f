// An open trace: new spans appear while it is read, and its pin has a note.
import { randomBytes } from "node:crypto";
import type { APIRequestContext, Page } from "@playwright/test";
import { alive, expect, paneOf, test, urls, waterfallOf } from "./fixtures";

const id = (bytes: number): string => randomBytes(bytes).toString("hex");
const SERVICE = `follow-test-${id(4)}`;

async function post(request: APIRequestContext, data: object): Promise<void> {
  const resource = { attributes: { "service.name": SERVICE } };
  const answer = await request.post(`${urls.panel}/api/trace-log`, { data: { resource, ...data } });
  expect(answer.status(), await answer.text()).toBe(200);
}

/** A trace whose root runs and has children. Its functions send further spans. */
class Running {
  readonly trace = id(16);
  readonly root = id(8);
  readonly process = id(8);
  private readonly start = BigInt(Date.now()) * 1_000_000n - 1_000_000_000n;
  private next = 0;

  constructor(private readonly request: APIRequestContext) {}

  private span(span_id: string, name: string, parent: string | null, startMs: number): object {
    const start = this.start + BigInt(startMs) * 1_000_000n;
    return {
      trace_id: this.trace,
      span_id,
      ...(parent ? { parent_span_id: parent } : {}),
      name,
      start_ns: start.toString(),
      sequence: this.next++,
      ...(parent ? { end_ns: (start + 1_000_000n).toString() } : {}),
    };
  }

  async begins(children: number): Promise<void> {
    const root = this.span(this.root, "long work", null, 0);
    const spans = Array.from({ length: children }, (_, at) => this.span(id(8), `step ${at}`, this.root, 10 + at * 5));
    await post(this.request, { sequence: { process: this.process, next: this.next, settled: this.next }, spans, starts: [root] });
  }

  async grows(name: string, startMs: number): Promise<void> {
    const spans = [this.span(id(8), name, this.root, startMs)];
    await post(this.request, { sequence: { process: this.process, next: this.next, settled: this.next }, spans });
  }

  async ends(): Promise<void> {
    const end_ns = (this.start + 1_500_000_000n).toString();
    const spans = [{ ...this.span(this.root, "long work", null, 0), sequence: 0, end_ns }];
    await post(this.request, { sequence: { process: this.process, next: this.next - 1, settled: this.next - 1 }, spans });
  }
}

const expectLive = async (page: Page) => expect(page.locator("[data-live]")).toHaveAttribute("data-live", "live");
const news = (page: Page) => page.locator("[data-news]");
const row = (page: Page, name: string) => waterfallOf(page).getByRole("link", { name, exact: true });

test("the page of a running trace is updated when it grows and when it ends", async ({ page, request }) => {
  const running = new Running(request);
  await running.begins(2);
  await page.goto(`${urls.panel}/traces/${running.trace}`);
  await alive(page);
  await expectLive(page);
  await page.evaluate(() => document.documentElement.setAttribute("data-same-page", ""));
  await expect(waterfallOf(page).locator("[data-open-span]")).toHaveText("running");
  await running.grows("came later", 100);
  await expect(row(page, "came later")).toBeVisible();
  await running.ends();
  await expect(waterfallOf(page).locator("[data-open-span]")).toHaveCount(0);
  await expect(news(page)).toHaveCount(0);
  await expect(page.locator("html[data-same-page]")).toBeAttached();
});

test("updates wait while the user reads the trace, and applying them keeps span, folds and scroll position", async ({ page, request }) => {
  const running = new Running(request);
  await running.begins(60);
  await page.goto(`${urls.panel}/traces/${running.trace}`);
  await alive(page);
  await expectLive(page);
  await row(page, "step 50").click();
  await expect(paneOf(page).getByRole("heading", { name: "step 50" })).toBeVisible();
  const address = page.url();
  const top = async () => (await row(page, "step 50").boundingBox())!.y;
  const before = await top();

  await running.grows("came early", 5);
  await expect(news(page)).toHaveText("1 new span");
  await expect(row(page, "came early")).toHaveCount(0);
  await news(page).evaluate((button: HTMLElement) => button.click());
  await expect(row(page, "came early")).toBeAttached();
  await expect(news(page)).toHaveCount(0);
  expect(page.url()).toBe(address);
  await expect(paneOf(page).getByRole("heading", { name: "step 50" })).toBeVisible();
  await expect(row(page, "step 50")).toBeFocused();
  await expect.poll(top).toBeCloseTo(before, 0);

  // A folded row is still folded when the root has ended.
  await page.keyboard.press("Home");
  await row(page, "long work").focus();
  await page.keyboard.press("ArrowLeft");
  await expect(row(page, "came early")).toBeHidden();
  await running.ends();
  await expect(news(page)).toHaveText("1 new span");
  await news(page).click();
  await expect(waterfallOf(page).locator("[data-open-span]")).toHaveCount(0);
  await expect(row(page, "came early")).toBeHidden();
});

test("a pin has a note, with and without JavaScript", async ({ page, request, browser }) => {
  const running = new Running(request);
  await running.begins(1);
  await page.goto(`${urls.panel}/traces/${running.trace}`);
  await alive(page);
  await page.getByRole("button", { name: "Pin", exact: true }).click();
  const field = page.getByLabel("Why this trace is pinned");
  await expect(field).toBeFocused();
  await field.fill("the <b>outage</b> of Tuesday");
  await field.press("Enter");
  const note = page.locator("[data-pin-note]");
  await expect(note).toContainText("the <b>outage</b> of Tuesday");

  const plain = await browser.newContext({ javaScriptEnabled: false });
  const read = await plain.newPage();
  await read.goto(`${urls.panel}/traces/${running.trace}`);
  await expect(read.locator("[data-pin-note]")).toContainText("the <b>outage</b> of Tuesday");
  await plain.close();

  await note.getByRole("button", { name: "Change" }).click();
  await expect(field).toHaveValue("the <b>outage</b> of Tuesday");
  await field.fill("something else");
  await field.press("Escape");
  await expect(note).toContainText("the <b>outage</b> of Tuesday");
  await page.reload();
  await alive(page);
  await expect(note).toContainText("the <b>outage</b> of Tuesday");
  await page.getByRole("button", { name: "Pinned", exact: true }).click();
  await expect(note).toBeEmpty();
});
