//! The request bodies of a run.

use std::io::Write as _;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::plan::{Draw, Plan};
use super::template::Template;
use super::{Format, LoadOptions, Shape, grpc, json, protobuf, shape};

/// The number of different templates. Requests use them in rotation. The shape `varied` has one
/// template for each request instead.
const TEMPLATES: u64 = 8;

/// The bodies of a run.
pub(super) struct Bodies {
    templates: Vec<Template>,
    format: Format,
    gzip: bool,
}

impl Bodies {
    pub(super) fn new(options: &LoadOptions, plan: &Plan) -> Result<Self> {
        let count = match options.shape {
            Shape::Varied => plan.requests(),
            Shape::S | Shape::M | Shape::L => TEMPLATES,
        };
        let templates = (0..count).map(|number| {
            let mut draw = Draw::seeded(options.seed ^ number.rotate_right(8));
            let spans: Vec<_> = (0..plan.spans_per_request())
                .map(|at| shape::span(options.shape, at, &mut draw))
                .collect();
            match options.format {
                Format::OtlpProtobuf | Format::OtlpGrpc => Ok(protobuf::template(&spans)),
                Format::OtlpJson => json::otlp(&spans),
                Format::Native => json::native(&spans),
            }
        });
        Ok(Self {
            templates: templates
                .collect::<serde_json::Result<_>>()
                .context("a template cannot be written")?,
            format: options.format,
            gzip: options.gzip,
        })
    }

    /// Returns the body of a request.
    pub(super) fn body(&self, plan: &Plan, request: u64) -> Bytes {
        let template = &self.templates[(request % self.templates.len() as u64) as usize];
        let is_text = self.format.is_text();
        let mut body = template.fill(is_text, |span| plan.identity(request, span.into()));
        if self.gzip {
            let mut gzip = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
            // Writing to memory cannot fail.
            let _ = gzip.write_all(&body);
            body = gzip.finish().unwrap_or_default();
        }
        match self.format {
            Format::OtlpGrpc => grpc::message(&body, self.gzip).into(),
            Format::Native | Format::OtlpProtobuf | Format::OtlpJson => body.into(),
        }
    }
}
