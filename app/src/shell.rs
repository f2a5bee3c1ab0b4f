//! The HTML document around the panel.

use leptos::prelude::*;
use leptos_meta::MetaTags;

use crate::{App, SelfTrace};

/// The whole document. The server renders it, the browser hydrates the body.
///
/// The scripts are `/theme.js` and the hydration script. `/theme.js` blocks, so that the theme is
/// set before the first paint. The hydration script carries the nonce of the context if there is
/// one.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let self_trace = use_context::<SelfTrace>().map(|SelfTrace(endpoint)| {
        view! { <meta name="throughline-endpoint" content=endpoint /> }
    });
    let stylesheet = format!("/{}/{}.css", options.site_pkg_dir, options.output_name);
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <meta
                    name="description"
                    content="Throughline: from a click to the statement it caused, as one waterfall."
                />
                {self_trace}
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                <link rel="stylesheet" href=stylesheet />
                <script src="/theme.js"></script>
                <AutoReload options=options.clone() />
                <HydrationScripts options />
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}
