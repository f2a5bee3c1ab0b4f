// The shared fixtures: the server addresses, and a check that fails a test if a page logs an error.
import { test as base, expect, type Locator, type Page } from "@playwright/test";

export interface Urls {
  panel: string;
  otlp: string;
  grpc: string;
  shop: string;
}

function need(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; run the tests by \`cargo xtask test --only e2e\``);
  return value;
}

export const urls: Urls = {
  panel: process.env.THROUGHLINE_URL ?? "",
  otlp: process.env.THROUGHLINE_OTLP_URL ?? "",
  grpc: process.env.THROUGHLINE_OTLP_GRPC_URL ?? "",
  shop: process.env.SHOP_URL ?? "",
};

/** Fails the test when the page throws or logs an error, such as a hydration error. */
export function watch(page: Page, faults: string[]): void {
  page.on("pageerror", (error) => faults.push(`page error: ${error.stack ?? error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") {
      faults.push(`console ${message.type()}: ${message.text()} (${message.location().url})`);
    }
  });
}

export const test = base.extend<{ urls: Urls; expectedFaults: RegExp[]; quiet: void }>({
  /** Errors that a test provokes on purpose, such as the browser's message about a 404. */
  expectedFaults: [[], { option: true }],
  urls: async ({}, use) => {
    for (const name of ["THROUGHLINE_URL", "THROUGHLINE_OTLP_URL", "THROUGHLINE_OTLP_GRPC_URL", "SHOP_URL"]) need(name);
    await use(urls);
  },
  quiet: [
    async ({ context, expectedFaults }, use) => {
      const faults: string[] = [];
      context.on("page", (page) => watch(page, faults));
      await use();
      const unexpected = faults.filter((fault) => !expectedFaults.some((known) => known.test(fault)));
      expect(unexpected, "the page logged no error").toEqual([]);
    },
    { auto: true },
  ],
});

/** Waits until the page is hydrated. */
export const alive = (page: Page): Promise<void> => expect(page.locator("html[data-alive]")).toBeAttached();
/** The tile above the list with the number of matching traces. */
export const traceCount = (page: Page): Locator => page.locator('[data-figure="traces"]');
/** The rows of the list. */
export const traceRows = (page: Page): Locator => page.getByRole("list", { name: "Traces, newest first" }).locator("> li");
/** The rows of the waterfall. */
export const waterfallOf = (page: Page): Locator => page.locator(".rows");
/** The details of the selected span. */
export const paneOf = (page: Page): Locator => page.locator(".pane");

export { expect };
