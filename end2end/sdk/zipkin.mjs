// Prints the list of spans that Zipkin's own tracer for JavaScript encodes, as its reporter posts
// it. Usage: node zipkin.mjs
import zipkin from "zipkin";

const { Annotation, BatchRecorder, ExplicitContext, InetAddress, Tracer, jsonEncoder } = zipkin;
const spans = [];
const ctxImpl = new ExplicitContext();
const logger = { logSpan: (span) => spans.push(jsonEncoder.JSON_V2.encode(span)) };
const tracer = (localServiceName) =>
  new Tracer({ ctxImpl, recorder: new BatchRecorder({ logger }), localServiceName, traceId128Bit: true });
const frontend = tracer("frontend");
const backend = tracer("backend");

/** Records `work` between `begin` and `end`. */
function span(tracer, service, id, name, [begin, end], work) {
  tracer.letId(id, () => {
    tracer.recordServiceName(service);
    tracer.recordRpc(name);
    tracer.recordAnnotation(new begin());
    work();
    tracer.recordAnnotation(new end());
  });
  return id;
}
const server = [Annotation.ServerRecv, Annotation.ServerSend];
const client = [Annotation.ClientSend, Annotation.ClientRecv];
const producer = [Annotation.ProducerStart, Annotation.ProducerStop];

ctxImpl.scoped(() => {
  span(frontend, "frontend", frontend.createRootId(), "get /orders/{id}", server, () => {
    frontend.recordBinary("http.path", "/orders/7");
    frontend.recordMessage("naïve café ☕ \"quoted\"");
    span(frontend, "frontend", frontend.createChildId(), "ask", client, () => {
      frontend.recordAnnotation(new Annotation.ServerAddr({ serviceName: "backend", host: new InetAddress("192.0.2.7"), port: 8080 }));
      // The server span shares the id of its client span.
      span(backend, "backend", backend.join(frontend.id), "answer", server, () => {
        backend.local("count", () => backend.recordBinary("error", "out of stock"));
      });
    });
    span(frontend, "frontend", frontend.createChildId(), "publish", producer, () => {});
  });
});
console.log(`[${spans.join(",\n")}]`);
// The recorder would wait for spans that never end.
process.exit(0);
