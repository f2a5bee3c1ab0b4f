// The interface between the page and the tracer. It is JavaScript because only JavaScript can catch
// every fault of the tracer, including a trap of the whole WebAssembly module, before the fault
// reaches the page. Every call into the tracer is guarded. When a call fails, the page continues as
// if the tracer were absent.

// Event kinds. `imp/browser/entry.rs` uses the same numbers.
const FETCH_BEGIN = 0;
const FETCH_END = 1;
const FETCH_FAIL = 2;
const CLICK = 3;
const SUBMIT = 4;
const ERROR = 5;
const HIDDEN = 6;
const ROUTE = 7;
const LOADED = 8;
const TIMER = 9;
const SENT = 10;

const SEND_TIMEOUT_MS = 30_000;
const INTERACTIVE =
  "[data-trace],a,button,input,select,textarea,label,summary,option,[role],[onclick]";
const NOT_A_FIELD = /^(submit|button|reset|image)$/;
const SECRET_TYPE = /^(password|file)$/;
const SECRET_USE = /(^|\s)(cc-|current-password|new-password|one-time-code)/;

let emit = () => undefined;
let browserFetch = globalThis.fetch;
// The click or submit whose listeners run now. `in_dispatch` compares it with `window.event`.
let dispatched;
// True from a click until the task that dispatched the click has ended.
let inClickTask = false;

function guard(work) {
  try {
    return work();
  } catch {
    return undefined;
  }
}

function listen(type, handler) {
  addEventListener(type, (event) => guard(() => handler(event)), { capture: true, passive: true });
}

// Returns [origin, scheme, host, port, path, query].
function parts(url) {
  return [url.origin, url.protocol, url.hostname, url.port, url.pathname, url.search];
}

// --- fetch ---

// Reports whether the tracer may read the arguments of `fetch`. All others are left to the browser.
function isReadable(input, init) {
  const isUrl = typeof input === "string" || input instanceof URL;
  if (!isUrl && !(input instanceof Request)) return false;
  if (init === undefined || init === null) return true;
  // The copies below keep own properties only. Leave any other object to the browser.
  const prototype = Object.getPrototypeOf(init);
  return prototype === Object.prototype || prototype === null;
}

// Returns the headers of an init if they may be an iterator or contain iterators, else undefined.
function headersToCopy(init) {
  const given = init?.headers;
  if (Object(given) !== given || given instanceof Headers) return undefined;
  if (Array.isArray(given) && given.every(Array.isArray)) return undefined;
  // Without an iterator it is a record of names and values.
  return typeof given[Symbol.iterator] === "function" ? given : undefined;
}

// Returns an init whose headers can be read more than once: the tracer would use up an iterator, so
// a copy replaces it. Throws only what the iterator throws.
function withLastingHeaders(init) {
  const given = guard(() => headersToCopy(init));
  if (given === undefined) return init;
  // The browser refuses a pair that is a string, so it is not split here.
  const headers = Array.from(given, (pair) => (Object(pair) === pair ? [...pair] : pair));
  return { ...init, headers };
}

// Plans the tracing of a request. Returns undefined to leave it alone, else [key, init to use].
function planFetch(input, init) {
  const isRequest = input instanceof Request;
  const url = new URL(isRequest ? input.url : input, document.baseURI);
  const given = init?.headers;
  const headers = new Headers(given !== undefined ? given : isRequest ? input.headers : undefined);
  if (headers.has("traceparent")) return undefined;
  const method = String(init?.method ?? (isRequest ? input.method : "GET"));
  const mode = init?.mode ?? (isRequest ? input.mode : "cors");
  const answer = emit(FETCH_BEGIN, [...parts(url), method], mode === "no-cors");
  if (!answer) return undefined;
  const [key, traceparent, baggage] = answer;
  if (!traceparent) return [key, init];
  headers.set("traceparent", traceparent);
  if (baggage && !headers.get("baggage")?.includes("session.id=")) {
    headers.append("baggage", baggage);
  }
  // A non-empty init makes the browser drop these two fields of a Request. Copy them into the init.
  const kept =
    isRequest && !(init && Object.keys(init).length)
      ? { referrer: input.referrer, referrerPolicy: input.referrerPolicy }
      : undefined;
  return [key, { ...kept, ...init, headers }];
}

function tracedFetch(self, args) {
  if (!guard(() => isReadable(args[0], args[1]))) return browserFetch.apply(self, args);
  let given;
  try {
    given = withLastingHeaders(args[1]);
  } catch (error) {
    // The browser reports what the page's own iterator throws in the same way.
    return Promise.reject(error);
  }
  const plan = guard(() => planFetch(args[0], given));
  const [key, init] = plan ?? [undefined, given];
  const send = () =>
    init === args[1] ? browserFetch.apply(self, args) : browserFetch.call(self, args[0], init);
  if (!plan) return send();
  const failed = (error) => {
    guard(() => emit(FETCH_FAIL, key, String(error?.name ?? typeof error)));
    throw error;
  };
  let answer;
  try {
    answer = send();
  } catch (error) {
    failed(error);
  }
  if (typeof answer?.then !== "function") return answer;
  return answer.then((response) => {
    guard(() => emit(FETCH_END, key, response.status));
    return response;
  }, failed);
}

// Sends a request of the explicit client. It is traced even if `window.fetch` is not patched.
export function call(url, init) {
  return tracedFetch(globalThis, [url, init]);
}

// --- user actions ---

function describe(target) {
  const node = target instanceof Element ? target : target?.parentElement;
  const hit = node?.closest(INTERACTIVE);
  const element = hit ?? node;
  if (!element) return undefined;
  const attribute = (name) => Element.prototype.getAttribute.call(element, name) ?? "";
  return [attribute("data-trace"), element.localName, attribute("id"), attribute("role"), !!hit];
}

function onClick(event) {
  // A click on a label fires a second click on its control, and code may call `click()`. Count one.
  if (inClickTask) return;
  const element = describe(event.target);
  if (!element) return;
  inClickTask = true;
  setTimeout(() => (inClickTask = false));
  dispatched = event;
  emit(CLICK, element, event.timeStamp);
}

function onSubmit(event) {
  const form = event.target;
  const names = [];
  const values = [];
  // Read through the prototype: a field named "elements" would shadow the property.
  for (const field of Reflect.get(HTMLFormElement.prototype, "elements", form)) {
    if (!/^(input|select|textarea)$/.test(field.localName) || NOT_A_FIELD.test(field.type)) continue;
    const name = field.name || field.id;
    if (!name) continue;
    if (!names.includes(name)) names.push(name);
    const shown =
      field.hasAttribute("data-trace-value") &&
      !SECRET_TYPE.test(field.type) &&
      !SECRET_USE.test(field.getAttribute("autocomplete") ?? "") &&
      (field.checked || !/^(checkbox|radio)$/.test(field.type));
    if (shown) values.push(name, field.value);
  }
  dispatched = event;
  const element = [...describe(form).slice(0, 4), inClickTask, event.timeStamp];
  emit(SUBMIT, element, [names, values]);
}

// Reports whether the listeners of the current interaction called the code that runs now.
export function in_dispatch() {
  return dispatched !== undefined && globalThis.event === dispatched;
}

function onError(error, message) {
  const type = error?.name ?? (error === undefined || error === null ? "Error" : typeof error);
  const text = error?.message ?? message ?? error;
  emit(ERROR, [String(type), String(text), String(error?.stack ?? "")]);
}

// --- the page ---

// Returns [response start, DOM content loaded, load, activation, from cache]. Times are in ms since
// the time origin.
export function navigation() {
  return guard(() => {
    const entry = performance.getEntriesByType("navigation")[0];
    return [
      entry?.responseStart ?? 0,
      entry?.domContentLoadedEventEnd ?? 0,
      entry?.loadEventEnd ?? 0,
      entry?.activationStart ?? 0,
      entry?.deliveryType === "cache",
    ];
  });
}

export function location_parts() {
  return guard(() => parts(new URL(document.URL)));
}

export function url_parts(url) {
  return guard(() => parts(new URL(url, document.baseURI)));
}

export function meta(name, attribute) {
  return guard(() => document.querySelector(`meta[name="${name}"]`)?.getAttribute(attribute));
}

export function user_agent() {
  return guard(() => navigator.userAgent);
}

function watchRoutes() {
  let path = location.pathname;
  const look = (always) => {
    if (!always && location.pathname === path) return;
    path = location.pathname;
    emit(ROUTE, parts(new URL(location.href)));
  };
  for (const name of ["pushState", "replaceState"]) {
    const original = history[name];
    history[name] = function (...args) {
      const answer = original.apply(this, args);
      guard(() => look(false));
      return answer;
    };
  }
  listen("popstate", () => look(false));
  listen("pageshow", (event) => event.persisted && look(true));
}

export function install(callback, patchFetch) {
  emit = callback;
  browserFetch = globalThis.fetch;
  if (patchFetch && typeof browserFetch === "function") {
    // eslint-disable-next-line no-unused-vars -- `length` is 1, as the browser's own
    globalThis.fetch = function fetch(input) {
      return tracedFetch(this, arguments);
    };
  }
  listen("click", onClick);
  listen("submit", onSubmit);
  listen("error", (event) => event instanceof ErrorEvent && onError(event.error, event.message));
  listen("unhandledrejection", (event) => onError(event.reason));
  listen("visibilitychange", () => emit(HIDDEN, document.visibilityState === "hidden", false));
  listen("pagehide", () => emit(HIDDEN, true, true));
  guard(watchRoutes);
  // `loadEventEnd` is set only after the listeners of `load` have run.
  const loaded = () => setTimeout(() => guard(() => emit(LOADED, navigation())));
  if (document.readyState === "complete") loaded();
  else listen("load", loaded);
}

// --- browser functions for the tracer ---

export function now() {
  return performance.now();
}

export function wall() {
  return Date.now();
}

export function random(bytes) {
  try {
    crypto.getRandomValues(bytes);
  } catch {
    for (let at = 0; at < bytes.length; at++) bytes[at] = Math.random() * 256;
  }
}

export function after(ms, timer) {
  setTimeout(() => guard(() => emit(TIMER, timer)), ms);
}

export function load(key) {
  return guard(() => sessionStorage.getItem(key));
}

export function store(key, text) {
  guard(() => sessionStorage.setItem(key, text));
}

function retryAfterMs(response) {
  const text = response.headers.get("retry-after");
  if (!text) return 0;
  const ms = /^\d+$/.test(text) ? text * 1000 : Date.parse(text) - Date.now();
  return ms > 0 ? ms : 0;
}

// Posts a batch with the browser's own fetch and reports [status, wait in ms, server time]. The
// content type is plain text because it needs no preflight: a page that unloads can still send it.
export function send(id, url, body, keepalive) {
  const done = (status, waitMs, time) => guard(() => emit(SENT, id, [status, waitMs, time]));
  const type = "text/plain;charset=UTF-8";
  // A request that nobody answers must end, or no other one follows. `AbortSignal.timeout` is not in
  // every browser.
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), SEND_TIMEOUT_MS);
  const sent = guard(() => {
    if (keepalive && !("keepalive" in Request.prototype)) {
      const taken = navigator.sendBeacon(url, new Blob([body], { type }));
      return Promise.resolve([taken ? 202 : 0, 0]);
    }
    return browserFetch
      .call(globalThis, url, {
        method: "POST",
        body,
        keepalive,
        headers: { "content-type": type },
        credentials: "omit",
        cache: "no-store",
        signal: abort.signal,
      })
      .then(async (response) => {
        const answer = await response.json().catch(() => undefined);
        return [response.status, retryAfterMs(response), answer?.server_time_ns];
      });
  });
  (sent ?? Promise.reject())
    .then(
      (answer) => done(...answer),
      () => done(0, 0),
    )
    .finally(() => clearTimeout(timer));
}
