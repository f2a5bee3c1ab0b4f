// Files written by the packages of other projects are imported, exported, and imported again.
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "./fixtures";
import { Program, startPostgres, temporaryFolder } from "./program";

const run = promisify(execFile);
const EVER = ["--from", "1970-01-02T00:00:00Z", "--to", "2200-01-01T00:00:00Z"];

interface Value {
  stringValue?: string;
  boolValue?: boolean;
  intValue?: string;
  doubleValue?: number;
  arrayValue?: { values?: Value[] };
}

interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes?: { key: string; value: Value }[];
  events?: { name: string; timeUnixNano: string }[];
  status?: { code?: number; message?: string };
}

interface ZipkinSpan {
  traceId: string;
  id: string;
  parentId?: string;
  name: string;
  timestamp: number;
  duration: number;
  shared?: boolean;
  annotations?: { timestamp: number; value: string }[];
  tags?: Record<string, string>;
}

const plain = (value: Value): unknown => {
  if (value.arrayValue) return (value.arrayValue.values ?? []).map(plain);
  if (value.intValue !== undefined) return Number(value.intValue);
  return value.stringValue ?? value.boolValue ?? value.doubleValue ?? null;
};
const attributesOf = (span: OtlpSpan) =>
  Object.fromEntries((span.attributes ?? []).map(({ key, value }) => [key, plain(value)]));
const eventsOf = (span: OtlpSpan) => (span.events ?? []).map(({ name, timeUnixNano }) => ({ name, time_ns: timeUnixNano }));

/** The request body of the SDK for JavaScript as a file, and the spans that it reports as sent. */
async function otlp(file: string): Promise<any> {
  const bodies: Buffer[] = [];
  const listener = createServer(async (request, response) => {
    for await (const part of request) bodies.push(part);
    response.setHeader("content-type", "application/json").end("{}");
  }).listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { stdout } = await run("node", ["sdk/node.mjs", `http://127.0.0.1:${(listener.address() as AddressInfo).port}`, "json"]);
  listener.close();
  writeFileSync(file, Buffer.concat(bodies));
  return JSON.parse(stdout);
}

/** Every span of a database by its id, and the file of the export. A server's span that shares its
 * caller's id has " shared" after it. */
async function exported(url: string, file: string): Promise<Map<string, OtlpSpan>> {
  await Program.run(["export", "--database-url", url, ...EVER, "--output", file]);
  const requests = readFileSync(file, "utf8").trim().split("\n").map((line) => JSON.parse(line));
  const spans = requests.flatMap(({ resourceSpans }) => resourceSpans.flatMap((resource: any) =>
    resource.scopeSpans.flatMap((scope: any) => scope.spans.map((span: OtlpSpan) =>
      ({ ...span, resource: resource.resource, scope: scope.scope })))));
  return new Map(spans.map((span) => [span.spanId + (attributesOf(span)["zipkin.shared"] ? " shared" : ""), span]));
}

test("files of OpenTelemetry's and Zipkin's packages are exported as they were imported, also after a second import", async () => {
  test.setTimeout(120_000);
  const [folder, remove] = temporaryFolder("import");
  const at = (name: string) => join(folder, name);
  const sent = await otlp(at("otlp.json"));
  const { stdout: list } = await run("node", ["sdk/zipkin.mjs"]);
  writeFileSync(at("zipkin.json"), list);
  const zipkin: ZipkinSpan[] = JSON.parse(list);
  expect(zipkin.map(({ name }) => name).sort()).toEqual(["answer", "ask", "count", "get /orders/{id}", "publish"]);

  for (const name of ["one", "other"]) mkdirSync(at(name));
  const [[postgres, one], [postgres2, other]] = [await startPostgres(at("one")), await startPostgres(at("other"))];
  const files = [at("otlp.json"), at("zipkin.json")];
  const received = `received   ${String(sent.spans.length + zipkin.length).padStart(10)} spans`;
  expect(await Program.run(["import", "--database-url", one, ...files])).toContain(received);
  const spans = await exported(one, at("one.jsonl"));
  expect(spans.size).toBe(sent.spans.length + zipkin.length);

  for (const expected of sent.spans) {
    const span = spans.get(expected.span_id)!;
    expect({ ...attributesOf(span) }, expected.name).toEqual(expected.attributes);
    expect([span.name, span.parentSpanId ?? null]).toEqual([expected.name, expected.parent_span_id]);
    expect([span.startTimeUnixNano, span.endTimeUnixNano]).toEqual([expected.start_ns, expected.end_ns]);
    expect(eventsOf(span)).toEqual(expected.events.map(({ name, time_ns }: any) => ({ name, time_ns })));
    expect(span.status?.message ?? "").toBe(expected.status.message);
  }

  const named = new Map([...spans.values()].map((span) => [span.name, span]));
  for (const expected of zipkin) {
    const span = named.get(expected.name)!;
    expect(span.traceId).toBe(expected.traceId.padStart(32, "0"));
    expect(span.startTimeUnixNano).toBe(`${expected.timestamp}000`);
    expect(span.endTimeUnixNano).toBe(`${expected.timestamp + expected.duration}000`);
    const { error, ...tags } = expected.tags ?? {};
    expect(attributesOf(span)).toMatchObject(tags);
    expect(span.status?.message).toBe(error);
    const annotations = (expected.annotations ?? []).map(({ value, timestamp }) => ({ name: value, time_ns: `${timestamp}000` }));
    expect(eventsOf(span)).toEqual(annotations);
  }
  // Ids and parents are stored as sent: the server's span has the id of its client's.
  for (const expected of zipkin) {
    const span = named.get(expected.name)!;
    expect([span.spanId, span.parentSpanId ?? null]).toEqual([expected.id, expected.parentId ?? null]);
  }
  expect(named.get("answer")!.spanId).toBe(named.get("ask")!.spanId);

  expect(await Program.run(["import", "--database-url", other, at("one.jsonl")])).toContain(received);
  expect(await exported(other, at("other.jsonl"))).toEqual(spans);
  await postgres.stop();
  await postgres2.stop();
  remove();
});
