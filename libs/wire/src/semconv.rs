//! The registry of attribute names: OpenTelemetry semantic conventions 1.42 and our own.

/// Logical name of the service; required of every resource.
pub const SERVICE_NAME: &str = "service.name";
/// Version of the service.
pub const SERVICE_VERSION: &str = "service.version";
/// The instance of the service.
pub const SERVICE_INSTANCE_ID: &str = "service.instance.id";
/// Where the service runs: `production`, `staging`.
pub const DEPLOYMENT_ENVIRONMENT_NAME: &str = "deployment.environment.name";
/// Name of the SDK.
pub const TELEMETRY_SDK_NAME: &str = "telemetry.sdk.name";
/// Language of the SDK.
pub const TELEMETRY_SDK_LANGUAGE: &str = "telemetry.sdk.language";
/// Version of the SDK.
pub const TELEMETRY_SDK_VERSION: &str = "telemetry.sdk.version";

/// The session of the person who caused the span.
pub const SESSION_ID: &str = "session.id";
/// The person who caused the span.
pub const USER_ID: &str = "user.id";
/// The older name of [`USER_ID`].
pub const ENDUSER_ID: &str = "enduser.id";

/// HTTP method, upper case.
pub const HTTP_REQUEST_METHOD: &str = "http.request.method";
/// The method as the client wrote it, when nobody knows it.
pub const HTTP_REQUEST_METHOD_ORIGINAL: &str = "http.request.method_original";
/// HTTP status code of the response, an integer.
pub const HTTP_RESPONSE_STATUS_CODE: &str = "http.response.status_code";
/// The matched route: `/products/{id}`.
pub const HTTP_ROUTE: &str = "http.route";
/// Size of the request body in bytes.
pub const HTTP_REQUEST_BODY_SIZE: &str = "http.request.body.size";
/// Size of the response body in bytes.
pub const HTTP_RESPONSE_BODY_SIZE: &str = "http.response.body.size";
/// The whole URL, without userinfo, query values and fragment.
pub const URL_FULL: &str = "url.full";
/// The path of the URL.
pub const URL_PATH: &str = "url.path";
/// The query of the URL, values removed.
pub const URL_QUERY: &str = "url.query";
/// The scheme of the URL.
pub const URL_SCHEME: &str = "url.scheme";
/// Host of the server, as the client named it.
pub const SERVER_ADDRESS: &str = "server.address";
/// Port of the server, an integer.
pub const SERVER_PORT: &str = "server.port";
/// The service at the other end, by the name its caller has for it.
pub const PEER_SERVICE: &str = "peer.service";
/// This end of the connection.
pub const NETWORK_LOCAL_ADDRESS: &str = "network.local.address";
/// The port of this end, an integer.
pub const NETWORK_LOCAL_PORT: &str = "network.local.port";
/// The other end of the connection.
pub const NETWORK_PEER_ADDRESS: &str = "network.peer.address";
/// The port of the other end, an integer.
pub const NETWORK_PEER_PORT: &str = "network.peer.port";
/// Address of the client.
pub const CLIENT_ADDRESS: &str = "client.address";
/// The browser or client program.
pub const USER_AGENT_ORIGINAL: &str = "user_agent.original";
/// HTTP version: `1.1`, `2`.
pub const NETWORK_PROTOCOL_VERSION: &str = "network.protocol.version";
/// What kind of event a log record is; older senders have no field for it.
pub const EVENT_NAME: &str = "event.name";
/// What kind of failure: an HTTP status, an exception type.
pub const ERROR_TYPE: &str = "error.type";

/// The database product: `postgresql`.
pub const DB_SYSTEM_NAME: &str = "db.system.name";
/// The database within the server.
pub const DB_NAMESPACE: &str = "db.namespace";
/// The statement text, parameters as placeholders.
pub const DB_QUERY_TEXT: &str = "db.query.text";
/// A short form of the statement: `SELECT orders`.
pub const DB_QUERY_SUMMARY: &str = "db.query.summary";
/// The verb of the statement: `SELECT`.
pub const DB_OPERATION_NAME: &str = "db.operation.name";
/// Rows the statement returned, an integer.
pub const DB_RESPONSE_RETURNED_ROWS: &str = "db.response.returned_rows";
/// Rows the statement changed, an integer (ours: conventions name only returned rows).
pub const DB_RESPONSE_AFFECTED_ROWS: &str = "db.response.affected_rows";

/// The messaging system or job queue.
pub const MESSAGING_SYSTEM: &str = "messaging.system";
/// The queue or topic.
pub const MESSAGING_DESTINATION_NAME: &str = "messaging.destination.name";
/// What is done with the message: `send`, `process`.
pub const MESSAGING_OPERATION_TYPE: &str = "messaging.operation.type";
/// The id of the message or job.
pub const MESSAGING_MESSAGE_ID: &str = "messaging.message.id";
/// What the job does: `send-confirmation`.
pub const JOB_NAME: &str = "throughline.job.name";
/// Which attempt at the job this is, from 1.
pub const JOB_ATTEMPT: &str = "throughline.job.attempt";
/// How many attempts there may be.
pub const JOB_MAX_ATTEMPTS: &str = "throughline.job.max_attempts";
/// How long the job waited in the queue, ns.
pub const JOB_QUEUE_WAIT_NS: &str = "throughline.job.queue_wait_ns";

/// The id the caller gave the request (`x-request-id`).
pub const REQUEST_ID: &str = "throughline.request.id";
/// What several requests and jobs have in common (`x-correlation-id`).
pub const CORRELATION_ID: &str = "throughline.correlation.id";
/// The id of the job, across its attempts.
pub const JOB_ID: &str = "throughline.job.id";
/// The order a span or an event is about.
pub const ORDER_ID: &str = "throughline.order.id";
/// How the thing an event tells of went on: `accepted`, `failed`.
pub const EVENT_STATUS: &str = "throughline.event.status";

/// Attributes whose values lead to the traces they occur in: whoever has such an id from a log, an
/// answer or a mail finds the trace by it. A server may be told of more.
pub const INDEXED: &[&str] = &[
    REQUEST_ID,
    CORRELATION_ID,
    JOB_ID,
    ORDER_ID,
    MESSAGING_MESSAGE_ID,
    "messaging.message.conversation_id",
    "http.request.header.x-request-id",
    "http.request.header.x-correlation-id",
];

/// How severe an event is: `INFO`, `ERROR`.
pub const EVENT_LEVEL: &str = "level";
/// Which part of the program an event comes from.
pub const EVENT_TARGET: &str = "target";
/// What an event says, where that is not its name.
pub const EVENT_MESSAGE: &str = "message";
/// Name of the event that records an exception.
pub const EVENT_EXCEPTION: &str = "exception";
/// Type of an exception.
pub const EXCEPTION_TYPE: &str = "exception.type";
/// Message of an exception.
pub const EXCEPTION_MESSAGE: &str = "exception.message";
/// Stack trace of an exception, as text.
pub const EXCEPTION_STACKTRACE: &str = "exception.stacktrace";

/// Where in the source: file.
pub const CODE_FILE_PATH: &str = "code.file.path";
/// Where in the source: line, an integer.
pub const CODE_LINE_NUMBER: &str = "code.line.number";
/// Where in the source: function or module path.
pub const CODE_FUNCTION_NAME: &str = "code.function.name";
/// The id of the thread.
pub const THREAD_ID: &str = "thread.id";

/// What a user-interface span is about: `click`, `submit`, `page_view`.
pub const UI_ACTION: &str = "throughline.ui.action";
/// The element acted on: `data-trace`, else tag and id or role.
pub const UI_ELEMENT: &str = "throughline.ui.element";
/// Names of the fields of a submitted form, an array.
pub const UI_FORM_FIELDS: &str = "throughline.ui.form.fields";
/// What the value of a form field is recorded under, followed by the field's name; only for fields
/// that the page repairs.
pub const UI_FORM_VALUE_PREFIX: &str = "throughline.ui.form.value.";
/// True when the page was left while the span was still open.
pub const UNFINISHED: &str = "throughline.unfinished";
/// True when the parent was inferred from time, not known.
pub const PARENT_INFERRED: &str = "throughline.parent.inferred";
/// What ingest repaired in a span: an array of words of `throughline_wire::Repair`.
pub const REPAIRS: &str = "throughline.repairs";
/// Bytes of values that ingest cut off in a span, an integer.
pub const CUT_BYTES: &str = "throughline.cut_bytes";
/// The end a span was sent with, ns, where ingest moved it.
pub const SENT_END_NS: &str = "throughline.sent_end_ns";
