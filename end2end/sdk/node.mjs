// Sends one nested trace with the official OpenTelemetry SDK for JavaScript. Prints the sent spans
// as JSON. Usage: node node.mjs <base url> <json|proto>
import { SpanKind, SpanStatusCode, TraceFlags, context, createTraceState, trace } from "@opentelemetry/api";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtoExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const [base, form] = process.argv.slice(2);
const exporter = new (form === "proto" ? ProtoExporter : JsonExporter)({ url: `${base}/v1/traces` });
const memory = new InMemorySpanExporter();
const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ "service.name": `sdk-node-${form}`, "service.version": "1.2.3", "host.cpus": 2 }),
  spanProcessors: [new BatchSpanProcessor(exporter), new SimpleSpanProcessor(memory)],
});
const tracer = provider.getTracer("sdk-test", "0.9.0");

const everyType = {
  text: "naïve café ☕ \"quoted\" <b>",
  empty: "",
  truth: true,
  lie: false,
  whole: 42,
  negative: -7,
  large: Number.MAX_SAFE_INTEGER,
  fraction: 3.25,
  tiny: 1e-12,
  texts: ["a", "", "c"],
  truths: [true, false],
  wholes: [1, 2, 3],
  fractions: [0.5, -1.5],
  nothing: [],
  holes: ["a", null, "c"],
  "not a number": NaN,
  endless: -Infinity,
  "session.id": "3f0f7c0e-7a55-4f38-9a70-1f2b8f3a9c11",
  "user.id": "ada@example.test",
};
const linked = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  traceFlags: TraceFlags.SAMPLED,
  traceState: createTraceState("vendor=value"),
};
const root = tracer.startSpan("GET /orders/{id}", { kind: SpanKind.SERVER, attributes: everyType });
const inRoot = trace.setSpan(context.active(), root);
const middle = tracer.startSpan("load order", { links: [{ context: linked, attributes: { reason: "retry of" } }] }, inRoot);
middle.addEvent("cache miss", { key: "order:7", size: 0 });
const leaf = tracer.startSpan("SELECT orders", { kind: SpanKind.CLIENT, attributes: { "db.system.name": "postgresql" } }, trace.setSpan(inRoot, middle));
leaf.recordException(new TypeError("relation \"orders\" does not exist"));
leaf.setStatus({ code: SpanStatusCode.ERROR, message: "relation missing" });
leaf.end();
middle.end();
root.setStatus({ code: SpanStatusCode.OK });
root.end();
const sent = memory.getFinishedSpans();
await provider.forceFlush();

// Values as the API writes them: a value that JSON cannot express has a tag. JavaScript serialises
// NaN and the infinities to null, so they are lost before they are sent.
const native = (value) =>
  typeof value === "number" && !Number.isFinite(value) ? (form === "json" ? null : { $double: String(value) }) : value;
const plain = (attributes) => Object.fromEntries(Object.entries(attributes ?? {}).map(([key, value]) => [key, native(value)]));
// The fields of a link's context besides the ids.
const rest = ({ traceState, traceFlags }) => ({ trace_state: traceState.serialize(), sampled: (traceFlags & TraceFlags.SAMPLED) !== 0 });
const nanos = ([seconds, rest]) => (BigInt(seconds) * 1_000_000_000n + BigInt(rest)).toString();
const kinds = ["internal", "server", "client", "producer", "consumer"];
const codes = ["unset", "ok", "error"];
console.log(JSON.stringify({
  trace_id: root.spanContext().traceId,
  resource: { ...sent[0].resource.attributes },
  scope: { name: "sdk-test", version: "0.9.0" },
  spans: sent.map((span) => ({
    span_id: span.spanContext().spanId,
    parent_span_id: span.parentSpanContext?.spanId ?? null,
    name: span.name,
    kind: kinds[span.kind],
    start_ns: nanos(span.startTime),
    end_ns: nanos(span.endTime),
    status: { code: codes[span.status.code], message: span.status.message ?? "" },
    attributes: plain(span.attributes),
    events: span.events.map((event) => ({ name: event.name, time_ns: nanos(event.time), attributes: plain(event.attributes) })),
    links: span.links.map((link) => ({ trace_id: link.context.traceId, span_id: link.context.spanId, ...rest(link.context), attributes: plain(link.attributes) })),
  })),
}));
await provider.shutdown();
