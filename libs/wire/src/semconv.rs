//! The attribute names: OpenTelemetry semantic conventions 1.42 and the names of this project.

/// The logical name of the service; every resource needs it.
pub const SERVICE_NAME: &str = "service.name";
/// The version of the service.
pub const SERVICE_VERSION: &str = "service.version";
/// The id of the service instance.
pub const SERVICE_INSTANCE_ID: &str = "service.instance.id";
/// The deployment environment: `production`, `staging`.
pub const DEPLOYMENT_ENVIRONMENT_NAME: &str = "deployment.environment.name";
/// The name of the SDK.
pub const TELEMETRY_SDK_NAME: &str = "telemetry.sdk.name";
/// The language of the SDK.
pub const TELEMETRY_SDK_LANGUAGE: &str = "telemetry.sdk.language";
/// The version of the SDK.
pub const TELEMETRY_SDK_VERSION: &str = "telemetry.sdk.version";

/// The user session that caused the span.
pub const SESSION_ID: &str = "session.id";
/// The user who caused the span.
pub const USER_ID: &str = "user.id";
/// The former name of [`USER_ID`].
pub const ENDUSER_ID: &str = "enduser.id";

/// The HTTP method, in upper case.
pub const HTTP_REQUEST_METHOD: &str = "http.request.method";
/// The method as the client sent it, if it is not a known method.
pub const HTTP_REQUEST_METHOD_ORIGINAL: &str = "http.request.method_original";
/// The HTTP status code of the response, an integer.
pub const HTTP_RESPONSE_STATUS_CODE: &str = "http.response.status_code";
/// The matched route: `/products/{id}`.
pub const HTTP_ROUTE: &str = "http.route";
/// The size of the request body in bytes.
pub const HTTP_REQUEST_BODY_SIZE: &str = "http.request.body.size";
/// The size of the response body in bytes.
pub const HTTP_RESPONSE_BODY_SIZE: &str = "http.response.body.size";
/// The whole URL, without user info, query values and fragment.
pub const URL_FULL: &str = "url.full";
/// The path of the URL.
pub const URL_PATH: &str = "url.path";
/// The query of the URL, with the values redacted.
pub const URL_QUERY: &str = "url.query";
/// The scheme of the URL.
pub const URL_SCHEME: &str = "url.scheme";
/// The host of the server, as the client addressed it.
pub const SERVER_ADDRESS: &str = "server.address";
/// The port of the server, an integer.
pub const SERVER_PORT: &str = "server.port";
/// The name of the remote service, as configured at the caller.
pub const PEER_SERVICE: &str = "peer.service";
/// The local address of the connection.
pub const NETWORK_LOCAL_ADDRESS: &str = "network.local.address";
/// The local port of the connection, an integer.
pub const NETWORK_LOCAL_PORT: &str = "network.local.port";
/// The remote address of the connection.
pub const NETWORK_PEER_ADDRESS: &str = "network.peer.address";
/// The remote port of the connection, an integer.
pub const NETWORK_PEER_PORT: &str = "network.peer.port";
/// The address of the client.
pub const CLIENT_ADDRESS: &str = "client.address";
/// The `User-Agent` header of the request.
pub const USER_AGENT_ORIGINAL: &str = "user_agent.original";
/// The HTTP version: `1.1`, `2`.
pub const NETWORK_PROTOCOL_VERSION: &str = "network.protocol.version";
/// The event name of a log record; older senders use this attribute because they lack the field.
pub const EVENT_NAME: &str = "event.name";
/// The class of the failure: an HTTP status code, an exception type.
pub const ERROR_TYPE: &str = "error.type";

/// The database product: `postgresql`.
pub const DB_SYSTEM_NAME: &str = "db.system.name";
/// The database name within the server.
pub const DB_NAMESPACE: &str = "db.namespace";
/// The text of the statement, with placeholders for parameters.
pub const DB_QUERY_TEXT: &str = "db.query.text";
/// A short form of the statement: `SELECT orders`.
pub const DB_QUERY_SUMMARY: &str = "db.query.summary";
/// The operation of the statement: `SELECT`.
pub const DB_OPERATION_NAME: &str = "db.operation.name";
/// The number of rows the statement returned, an integer.
pub const DB_RESPONSE_RETURNED_ROWS: &str = "db.response.returned_rows";
/// The number of rows the statement changed, an integer. A name of ours: the conventions define
/// only returned rows.
pub const DB_RESPONSE_AFFECTED_ROWS: &str = "db.response.affected_rows";

/// The messaging system or job queue.
pub const MESSAGING_SYSTEM: &str = "messaging.system";
/// The queue or topic.
pub const MESSAGING_DESTINATION_NAME: &str = "messaging.destination.name";
/// The operation on the message: `send`, `process`.
pub const MESSAGING_OPERATION_TYPE: &str = "messaging.operation.type";
/// The id of the message or job.
pub const MESSAGING_MESSAGE_ID: &str = "messaging.message.id";
/// The name of the job: `send-confirmation`.
pub const JOB_NAME: &str = "throughline.job.name";
/// The attempt number of the job, from 1.
pub const JOB_ATTEMPT: &str = "throughline.job.attempt";
/// The maximum number of attempts.
pub const JOB_MAX_ATTEMPTS: &str = "throughline.job.max_attempts";
/// The time the job waited in the queue, in ns.
pub const JOB_QUEUE_WAIT_NS: &str = "throughline.job.queue_wait_ns";

/// The request id that the caller sent (`x-request-id`).
pub const REQUEST_ID: &str = "throughline.request.id";
/// The correlation id shared by several requests and jobs (`x-correlation-id`).
pub const CORRELATION_ID: &str = "throughline.correlation.id";
/// The id of the job, the same for all its attempts.
pub const JOB_ID: &str = "throughline.job.id";
/// The order that the span or event concerns.
pub const ORDER_ID: &str = "throughline.order.id";
/// The outcome of the operation that an event reports: `accepted`, `failed`.
pub const EVENT_STATUS: &str = "throughline.event.status";

/// Attributes in the attribute index: an exact value finds the traces that contain it. A user can
/// paste an id from a log line, a response or an e-mail. The configuration of a server can add
/// more.
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

/// The severity of an event: `INFO`, `ERROR`.
pub const EVENT_LEVEL: &str = "level";
/// The module of the program that emitted an event.
pub const EVENT_TARGET: &str = "target";
/// The message of an event, if it differs from the event's name.
pub const EVENT_MESSAGE: &str = "message";
/// The name of the event that records an exception.
pub const EVENT_EXCEPTION: &str = "exception";
/// The type of an exception.
pub const EXCEPTION_TYPE: &str = "exception.type";
/// The message of an exception.
pub const EXCEPTION_MESSAGE: &str = "exception.message";
/// The stack trace of an exception, as text.
pub const EXCEPTION_STACKTRACE: &str = "exception.stacktrace";

/// The source location: file.
pub const CODE_FILE_PATH: &str = "code.file.path";
/// The source location: line, an integer.
pub const CODE_LINE_NUMBER: &str = "code.line.number";
/// The source location: function or module path.
pub const CODE_FUNCTION_NAME: &str = "code.function.name";
/// The id of the thread.
pub const THREAD_ID: &str = "thread.id";

/// The action that a user-interface span reports: `click`, `submit`, `page_view`.
pub const UI_ACTION: &str = "throughline.ui.action";
/// The target element: its `data-trace` value, else its tag with id or role.
pub const UI_ELEMENT: &str = "throughline.ui.element";
/// The field names of a submitted form, an array.
pub const UI_FORM_FIELDS: &str = "throughline.ui.form.fields";
/// The prefix of attributes that hold form values; the name of the field follows. Recorded only for
/// fields that the page marks.
pub const UI_FORM_VALUE_PREFIX: &str = "throughline.ui.form.value.";
/// True if the user left the page while the span was open.
pub const UNFINISHED: &str = "throughline.unfinished";
/// True if the parent was inferred from times.
pub const PARENT_INFERRED: &str = "throughline.parent.inferred";
/// The repairs that ingest made in a span: an array of names of `throughline_wire::Repair`.
pub const REPAIRS: &str = "throughline.repairs";
/// The number of bytes that ingest cut from values of a span, an integer.
pub const CUT_BYTES: &str = "throughline.cut_bytes";
/// The end time as sent, in ns, if ingest moved it.
pub const SENT_END_NS: &str = "throughline.sent_end_ns";
