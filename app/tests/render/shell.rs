//! The document around the pages.

use leptos::prelude::*;
use leptos_meta::ServerMetaContext;
use leptos_router::location::RequestUrl;
use throughline_app::{SelfTrace, shell};

use crate::html::read;

fn head(self_trace: Option<SelfTrace>) -> String {
    Owner::new().with(|| {
        provide_context(RequestUrl::new("/nope"));
        let (meta, _output) = ServerMetaContext::new();
        provide_context(meta);
        if let Some(self_trace) = self_trace {
            provide_context(self_trace);
        }
        let options = LeptosOptions::builder()
            .output_name("throughline")
            .site_pkg_dir("pkg");
        shell(options.build()).to_html()
    })
}

#[test]
fn the_document_names_its_files_and_every_inline_script_is_the_hydration_script() {
    let html = head(None);
    let (tags, _) = read(&html);
    let has = |name: &str, value: &str| {
        tags.iter().any(|tag| {
            tag.attributes
                .iter()
                .any(|(n, v)| n == name && v.contains(value))
        })
    };
    for (name, value) in [
        ("href", "/pkg/throughline.css"),
        ("href", "/pkg/throughline.js"),
        ("href", "/pkg/throughline_bg.wasm"),
        ("href", "/favicon.svg"),
        ("src", "/theme.js"),
        ("name", "color-scheme"),
        ("name", "description"),
    ] {
        assert!(has(name, value), "{value} is missing");
    }
    let scripts = tags.iter().filter(|tag| tag.name == "script");
    assert_eq!(
        scripts.filter(|tag| tag.attribute("src").is_none()).count(),
        1
    );
}

#[test]
fn the_panel_is_traced_only_when_the_server_asks() {
    assert!(!head(None).contains("throughline-endpoint"));
    let asked = head(Some(SelfTrace("http://127.0.0.1:3000".to_owned())));
    assert!(
        asked.contains("<meta name=\"throughline-endpoint\" content=\"http://127.0.0.1:3000\"")
    );
}
