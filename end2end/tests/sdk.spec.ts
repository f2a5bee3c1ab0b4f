// The official OpenTelemetry SDKs send over OTLP/HTTP and gRPC. The API returns the same spans.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "./fixtures";

const run = promisify(execFile);

interface SentSpan {
  span_id: string;
  parent_span_id: string | null;
  name: string;
  kind: string;
  start_ns: string;
  end_ns: string;
  status: { code: string; message: string };
  attributes: Record<string, unknown>;
  events: { name: string; time_ns: string; attributes: Record<string, unknown> }[];
  links: { trace_id: string; span_id: string; trace_state?: string; flags?: number; attributes: Record<string, unknown> }[];
}

interface Sent {
  trace_id: string;
  resource: Record<string, unknown>;
  scope: { name: string; version: string };
  spans: SentSpan[];
}

type Receiver = "main" | "OTLP" | "gRPC";
const python = process.env.PYTHON ?? "python3";
const senders: [string, Receiver[], (base: string) => [string, string[]]][] = [
  ["JavaScript over JSON", ["main", "OTLP"], (base) => ["node", ["sdk/node.mjs", base, "json"]]],
  ["JavaScript over protobuf", ["main", "OTLP"], (base) => ["node", ["sdk/node.mjs", base, "proto"]]],
  ["Python over gzipped protobuf", ["main", "OTLP"], (base) => [python, ["sdk/python.py", base]]],
  ["Python over gzipped gRPC", ["gRPC"], (base) => [python, ["sdk/python.py", base, "grpc"]]],
];

for (const [name, receivers, command] of senders) {
  for (const receiver of receivers) {
    test(`the ${name} SDK's trace reads back unchanged through the ${receiver} port`, async ({ request, urls }) => {
      const [program, args] = command({ main: urls.panel, OTLP: urls.otlp, gRPC: urls.grpc }[receiver]);
      const { stdout } = await run(program, args);
      const sent: Sent = JSON.parse(stdout);

      const answer = await request.get(`${urls.panel}/api/admin/traces/${sent.trace_id}`);
      expect(answer.status()).toBe(200);
      const trace = await answer.json();

      expect(trace.summary.span_count).toBe(sent.spans.length);
      expect(trace.summary.error_count).toBe(1);
      expect(trace.summary.root_name).toBe("GET /orders/{id}");
      const stored = new Map(trace.spans.map((span: SentSpan) => [span.span_id, span]));
      expect(stored.size).toBe(sent.spans.length);
      for (const span of sent.spans) {
        const read = stored.get(span.span_id) as (SentSpan & { resource: number; scope: number }) | undefined;
        expect(read, span.name).toBeDefined();
        expect({
          span_id: read!.span_id,
          parent_span_id: read!.parent_span_id ?? null,
          name: read!.name,
          kind: read!.kind,
          start_ns: read!.start_ns,
          end_ns: read!.end_ns,
          status: { code: read!.status?.code ?? "unset", message: read!.status?.message ?? "" },
          attributes: read!.attributes ?? {},
          events: (read!.events ?? []).map((event) => ({ ...event, attributes: event.attributes ?? {} })),
          links: (read!.links ?? []).map(({ trace_id, span_id, trace_state, flags, attributes }) => ({
            trace_id,
            span_id,
            trace_state: trace_state ?? "",
            // The low byte holds the W3C trace flags. Above them, OTLP stores whether the context
            // was remote.
            sampled: ((flags ?? 0) & 1) === 1,
            attributes: attributes ?? {},
          })),
        }).toEqual(span);
        expect(trace.resources[read!.resource].attributes).toEqual(sent.resource);
        expect(trace.scopes[read!.scope]).toMatchObject(sent.scope);
      }
    });
  }
}
