//! The content of a template's spans: names, attributes and events like those of real services.

mod varied;

use super::Shape;
use super::plan::{Draw, Plan, TRACE};

/// An attribute value.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Int(i64),
}

/// Attributes in order.
pub(super) type Pairs = Vec<(&'static str, Value)>;

/// A span without ids and times.
#[derive(Debug, Clone)]
pub(super) struct SpanText {
    pub(super) name: String,
    /// The OTLP number of the kind, 1 (internal) to 5 (consumer).
    pub(super) kind: u8,
    pub(super) is_error: bool,
    pub(super) is_root: bool,
    pub(super) attributes: Pairs,
    pub(super) events: Vec<(&'static str, Pairs)>,
}

/// The names of the attributes that only large spans have.
const MORE: [&str; 18] = [
    "app.feature.flags",
    "app.cart.id",
    "app.order.reference",
    "app.tenant.plan",
    "app.release.channel",
    "cloud.availability_zone",
    "deployment.ring",
    "http.request.header.accept",
    "http.request.header.referer",
    "http.response.header.etag",
    "k8s.pod.name",
    "messaging.destination.name",
    "network.peer.address",
    "peer.service",
    "rpc.method",
    "rpc.service",
    "url.query",
    "user_agent.name",
];

fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

/// Returns the span at index `at` of a request.
pub(super) fn span(shape: Shape, at: u64, draw: &mut Draw) -> SpanText {
    match shape {
        Shape::Varied => varied::span(at, draw),
        Shape::S | Shape::M | Shape::L => alike(shape, at, draw),
    }
}

fn alike(shape: Shape, at: u64, draw: &mut Draw) -> SpanText {
    let operation = draw.below(40);
    let mut attributes = vec![
        ("http.request.method", text("GET")),
        (
            "http.route",
            text(format!("/api/resource{operation}/{{id}}")),
        ),
        ("http.response.status_code", Value::Int(200)),
    ];
    if shape != Shape::S {
        // All spans of a trace have the same user and session.
        let person = (at / TRACE).wrapping_mul(2_654_435_761) % 5_000;
        let session = format!("{person:016x}{:016x}", 7);
        attributes.extend([
            (
                "url.path",
                text(format!("/api/resource{operation}/{}", draw.below(100_000))),
            ),
            (
                "server.address",
                text(format!("node-{}.example.internal", draw.below(20))),
            ),
            ("server.port", Value::Int(8443)),
            (
                "user_agent.original",
                text("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101"),
            ),
            ("user.id", text(format!("user-{person}@example.test"))),
            ("session.id", text(session)),
            ("thread.id", Value::Int(draw.below(64) as i64)),
            ("code.function.name", text("app::handlers::resource::show")),
        ]);
    }
    let mut events = Vec::new();
    if shape == Shape::L {
        attributes.push((
            "db.query.text",
            text(
                "SELECT o.id, o.state, o.total, c.name, c.email FROM orders AS o JOIN customers AS c \
                 ON c.id = o.customer_id WHERE o.state = $1 AND o.created_at > $2 ORDER BY o.id",
            ),
        ));
        attributes.extend(MORE.map(|key| {
            let drawn = draw.below(1 << 40);
            (
                key,
                text(format!("{key}:{drawn:011x}:{:08}", drawn % 99_999_999)),
            )
        }));
        let event = |draw: &mut Draw| {
            vec![
                (
                    "app.cache.key",
                    text(format!("resource:{}", draw.below(10_000))),
                ),
                ("app.cache.hit", text("false")),
            ]
        };
        events = vec![("cache lookup", event(draw)), ("cache fill", event(draw))];
    }
    SpanText {
        name: format!("GET /api/resource{operation}/{{id}}"),
        kind: (draw.below(5) + 1) as u8,
        is_error: draw.below(50) == 0,
        is_root: Plan::is_root(at),
        attributes,
        events,
    }
}
