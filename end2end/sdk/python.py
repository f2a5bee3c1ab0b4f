"""Sends one nested trace with the official OpenTelemetry SDK for Python and prints the sent spans
as JSON. Usage: python python.py <base url> [http|grpc]"""

import base64
import json
import math
import sys

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import (
    Link,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

base = sys.argv[1]
if sys.argv[2:] == ["grpc"]:
    import grpc
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    exporter = OTLPSpanExporter(endpoint=base, insecure=True, compression=grpc.Compression.Gzip)
else:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    exporter = OTLPSpanExporter(endpoint=f"{base}/v1/traces", compression=Compression.Gzip)
memory = InMemorySpanExporter()
provider = TracerProvider(
    resource=Resource.create({"service.name": "sdk-python", "service.version": "1.2.3", "host.cpus": 2})
)
provider.add_span_processor(BatchSpanProcessor(exporter))
provider.add_span_processor(SimpleSpanProcessor(memory))
tracer = provider.get_tracer("sdk-test", "0.9.0")

EVERY_TYPE = {
    "text": 'naïve café ☕ "quoted" <b>',
    "empty": "",
    "truth": True,
    "lie": False,
    "whole": 42,
    "negative": -7,
    "large": 2**53 - 1,
    "fraction": 3.25,
    "tiny": 1e-12,
    "texts": ["a", "", "c"],
    "truths": [True, False],
    "wholes": [1, 2, 3],
    "fractions": [0.5, -1.5],
    "largest": 2**63 - 1,
    "not a number": math.nan,
    "endless": -math.inf,
    "bytes": bytes(range(256)),
    "mixed": [1, "a", True, 0.5, None],
    "map": {"a": 1, "b": {"c": [1, {"d": b"\x00"}]}},
    "none": None,
    "session.id": "3f0f7c0e-7a55-4f38-9a70-1f2b8f3a9c12",
    "user.id": "grace@example.test",
}
linked = SpanContext(
    trace_id=0x0AF7651916CD43DD8448EB211C80319C,
    span_id=0xB7AD6B7169203331,
    is_remote=True,
    trace_flags=TraceFlags(TraceFlags.SAMPLED),
    trace_state=TraceState([("vendor", "value")]),
)
with tracer.start_as_current_span(
    "GET /orders/{id}", kind=SpanKind.SERVER, attributes=EVERY_TYPE
) as root:
    with tracer.start_as_current_span(
        "load order", links=[Link(linked, {"reason": "retry of"})]
    ) as middle:
        middle.add_event("cache miss", {"key": "order:7", "size": 0})
        with tracer.start_as_current_span(
            "SELECT orders", kind=SpanKind.CLIENT, attributes={"db.system.name": "postgresql"}
        ) as leaf:
            leaf.record_exception(ValueError('relation "orders" does not exist'))
            leaf.set_status(Status(StatusCode.ERROR, "relation missing"))
    root.set_status(Status(StatusCode.OK))
provider.force_flush()


def native(value):
    """Returns the value as the API writes it: a value that JSON cannot express has a tag."""
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, (list, tuple)):
        return [native(item) for item in value]
    if hasattr(value, "items"):
        return plain(value)
    if isinstance(value, float) and not math.isfinite(value):
        return {"$double": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
    if isinstance(value, int) and abs(value) >= 2**53:
        return {"$int": str(value)}
    return value


def plain(attributes):
    return {key: native(value) for key, value in (attributes or {}).items()}


sent = memory.get_finished_spans()
print(
    json.dumps(
        {
            "trace_id": f"{sent[0].context.trace_id:032x}",
            "resource": plain(sent[0].resource.attributes),
            "scope": {"name": "sdk-test", "version": "0.9.0"},
            "spans": [
                {
                    "span_id": f"{span.context.span_id:016x}",
                    "parent_span_id": f"{span.parent.span_id:016x}" if span.parent else None,
                    "name": span.name,
                    "kind": span.kind.name.lower(),
                    "start_ns": str(span.start_time),
                    "end_ns": str(span.end_time),
                    "status": {
                        "code": span.status.status_code.name.lower(),
                        "message": span.status.description or "",
                    },
                    "attributes": plain(span.attributes),
                    "events": [
                        {
                            "name": event.name,
                            "time_ns": str(event.timestamp),
                            "attributes": plain(event.attributes),
                        }
                        for event in span.events
                    ],
                    "links": [
                        {
                            "trace_id": f"{link.context.trace_id:032x}",
                            "span_id": f"{link.context.span_id:016x}",
                            # The exporter (1.45) does not send these fields of a link.
                            "trace_state": "",
                            "sampled": False,
                            "attributes": plain(link.attributes),
                        }
                        for link in span.links
                    ],
                }
                for span in sent
            ],
        }
    )
)
provider.shutdown()
