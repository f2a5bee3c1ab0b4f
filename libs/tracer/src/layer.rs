//! The `tracing` layer: turns `tracing` spans into spans of a trace.

pub(crate) mod current;
mod event;
mod filter;
mod parent;
pub(crate) mod settings;
mod statement;
mod switch;
mod visit;

use std::borrow::Cow;
use std::sync::Arc;

use throughline_wire::w3c::TraceFlags;
use throughline_wire::{Attributes, SpanId, SpanLink, semconv};
use tracing::{Dispatch, Event, Metadata, Subscriber, span};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

pub(crate) use filter::Wanted;
pub(crate) use switch::Switch;

use crate::active::{Active, Recording};
use crate::clock::Tick;
use crate::context::{PropagatedHeaders, SpanContext};
use crate::export::{Pipe, suppression};
use crate::ids;
use crate::sampler::Mode;
use parent::{blank, nearest, otlp_flags, trace_state};
use settings::SpanSettings;

/// The maximum number of links of a span; further ones are counted and dropped.
const MAX_LINKS: usize = 128;

/// The prefix of the module paths of this crate.
const OWN_MODULES: &str = concat!(env!("CARGO_CRATE_NAME"), "::");

/// The recording options of the layer.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) mode: Mode,
    pub(crate) wanted: Wanted,
    /// True if an event of level `ERROR` marks its span as failed.
    pub(crate) errors_fail_spans: bool,
    /// True if spans record their source location.
    pub(crate) code_location: bool,
    /// True if spans record the thread they started on.
    pub(crate) thread_ids: bool,
    /// The value of `db.system.name` for statements.
    pub(crate) database: Cow<'static, str>,
}

/// A layer that records spans and adds the ended ones to the queue.
#[derive(Debug)]
pub(crate) struct SpanLayer {
    options: Options,
    pipe: Arc<Pipe>,
}

impl SpanLayer {
    pub(crate) fn new(options: Options, pipe: Arc<Pipe>) -> Self {
        Self { options, pipe }
    }

    /// Ends a span now, even if its code was left earlier.
    #[cfg(feature = "axum")]
    pub(crate) fn finish(&self, mut recording: Recording) {
        recording.leave(Tick::now());
        self.pipe.queue.offer(recording.end());
    }

    /// Returns the start of a `tracing` span: a child of `parent`, or the root of a new trace.
    fn begin(
        &self,
        metadata: &'static Metadata<'static>,
        parent: Option<SpanContext>,
        remote: bool,
        propagated: Option<Arc<PropagatedHeaders>>,
        fields: usize,
    ) -> Active {
        let span_id = ids::span_id();
        let context = match parent {
            Some(parent) => SpanContext { span_id, ..parent },
            None => self.root(span_id),
        };
        let recording = context.is_sampled().then(|| {
            let started = Tick::now();
            let parent_span_id = parent.map(|parent| parent.span_id);
            let flags = otlp_flags(context, remote);
            let mut span = blank(
                context,
                parent_span_id,
                propagated.as_deref(),
                flags,
                started.wall(),
            );
            span.name = Cow::Borrowed(metadata.name());
            // Capacity for the fields and the source location.
            span.attributes.entries_mut().reserve(fields + 3);
            self.locate(metadata, &mut span.attributes);
            Recording::new(span, started)
        });
        Active {
            context,
            propagated,
            recording,
        }
    }

    /// Returns the context of a root span.
    fn root(&self, span_id: SpanId) -> SpanContext {
        let trace_id = ids::trace_id();
        let sampled = self.options.mode.records(trace_id);
        SpanContext {
            trace_id,
            span_id,
            flags: TraceFlags::RANDOM.with_sampled(sampled),
        }
    }

    fn locate(&self, metadata: &'static Metadata<'static>, attributes: &mut Attributes) {
        let mut add = |key, value| attributes.push_unchecked(Cow::Borrowed(key), value);
        // A source location in this crate does not help the reader of a trace.
        let is_own = |module: &str| module.starts_with(OWN_MODULES);
        if self.options.code_location && !metadata.module_path().is_some_and(is_own) {
            if let Some(file) = metadata.file() {
                add(semconv::CODE_FILE_PATH, file.into());
            }
            if let Some(line) = metadata.line() {
                add(semconv::CODE_LINE_NUMBER, line.into());
            }
        }
        if self.options.thread_ids {
            add(
                semconv::THREAD_ID,
                format!("{:?}", std::thread::current().id()).into(),
            );
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for SpanLayer {
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        self.pipe.queue.numbers.live_in(dispatch);
    }

    fn on_new_span(
        &self,
        attributes: &span::Attributes<'_>,
        id: &span::Id,
        context: Context<'_, S>,
    ) {
        if suppression::is_suppressed() {
            return;
        }
        let Some(span) = context.span(id) else { return };
        let settings = settings::take().map_or_else(SpanSettings::default, |settings| *settings);
        let remote = settings.parent.is_some();
        let (parent, propagated) = if remote {
            (settings.parent, settings.propagated)
        } else {
            match nearest(span.parent()) {
                Some(parent) => (
                    Some(parent.context),
                    settings.propagated.or(parent.propagated),
                ),
                None => (None, settings.propagated),
            }
        };
        let mut active = self.begin(
            attributes.metadata(),
            parent,
            remote,
            propagated,
            attributes.values().len() + settings.attributes.len(),
        );
        if let Some(recording) = &mut active.recording {
            recording.span.kind = settings.kind;
            attributes.record(&mut visit::Fields(|key, value| {
                visit::apply(recording, key, value);
            }));
            // After the fields: the `Debug` of a value may panic, and then no span has the number.
            recording.span.sequence = Some(self.pipe.queue.numbers.begin(id));
            if let Some(name) = settings.name {
                recording.span.name = name;
            }
            let mut given = settings.attributes;
            for (key, value) in given.entries_mut().drain(..) {
                recording.set(key, value);
            }
        }
        span.extensions_mut().replace(active);
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        // Formatted before the span is locked, because the value's `Debug` may log.
        let mut fields = Vec::new();
        values.record(&mut visit::Fields(|key, value| fields.push((key, value))));
        let mut extensions = span.extensions_mut();
        if let Some(Active {
            recording: Some(recording),
            ..
        }) = extensions.get_mut()
        {
            for (key, value) in fields {
                visit::apply(recording, key, value);
            }
        }
    }

    fn on_follows_from(&self, id: &span::Id, follows: &span::Id, context: Context<'_, S>) {
        let (Some(span), Some(cause)) = (context.span(id), nearest(context.span(follows))) else {
            return;
        };
        let mut extensions = span.extensions_mut();
        let Some(Active {
            recording: Some(recording),
            ..
        }) = extensions.get_mut()
        else {
            return;
        };
        if recording.span.links.len() >= MAX_LINKS {
            recording.span.dropped_links_count += 1;
            return;
        }
        recording.span.links.push(SpanLink {
            trace_id: cause.context.trace_id,
            span_id: cause.context.span_id,
            trace_state: trace_state(cause.propagated.as_deref()),
            flags: u32::from(cause.context.flags.bits()),
            attributes: Attributes::default(),
            dropped_attributes_count: 0,
        });
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if suppression::is_suppressed() {
            return;
        }
        let Some(span) = context.event_span(event) else {
            return;
        };
        if event.metadata().target() == statement::TARGET {
            if let Some(parent) = nearest(Some(span))
                && parent.context.is_sampled()
                && let Some(mut span) =
                    statement::span(event, &parent, self.options.database.clone())
            {
                span.sequence = Some(self.pipe.queue.numbers.single());
                self.pipe.queue.offer(Box::new(span));
            }
        } else {
            event::record(event, &span, self.options.errors_fail_spans);
        }
    }

    fn on_exit(&self, id: &span::Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut extensions = span.extensions_mut();
        if let Some(Active {
            recording: Some(recording),
            ..
        }) = extensions.get_mut()
        {
            recording.leave(Tick::now());
        }
    }

    fn on_close(&self, id: span::Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else {
            return;
        };
        let active = span.extensions_mut().remove::<Active>();
        if let Some(recording) = active.and_then(|active| active.recording) {
            self.pipe.queue.offer(recording.end());
        }
    }
}
