//! A minimal HTML tokenizer: it shows how a browser would parse a page.

/// A start tag.
#[derive(Debug, Default)]
pub(crate) struct Tag {
    pub(crate) name: String,
    /// The names and values. Entities are not decoded.
    pub(crate) attributes: Vec<(String, String)>,
}

impl Tag {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Returns the start tags and the texts of a page, without script contents.
pub(crate) fn read(html: &str) -> (Vec<Tag>, Vec<String>) {
    let (mut tags, mut texts) = (Vec::new(), Vec::new());
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        texts.push(rest[..at].to_owned());
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
        } else if rest[1..].starts_with(|c: char| c.is_ascii_alphabetic()) {
            let (tag, after) = start_tag(&rest[1..]);
            rest = after;
            if tag.name == "script" {
                rest = rest.find("</script").map_or("", |at| &rest[at..]);
            }
            tags.push(tag);
        } else {
            rest = rest.split_once('>').map_or("", |(_, after)| after);
        }
    }
    texts.push(rest.to_owned());
    (tags, texts)
}

fn start_tag(text: &str) -> (Tag, &str) {
    let is_end = |c: char| c.is_ascii_whitespace() || c == '>' || c == '/';
    let at = text.find(is_end).unwrap_or(text.len());
    let mut tag = Tag {
        name: text[..at].to_ascii_lowercase(),
        ..Tag::default()
    };
    let mut rest = &text[at..];
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if let Some(after) = rest.strip_prefix('>') {
            return (tag, after);
        }
        if rest.is_empty() {
            return (tag, rest);
        }
        let at = rest
            .find(|c: char| is_end(c) || c == '=')
            .unwrap_or(rest.len());
        let name = rest[..at].to_ascii_lowercase();
        rest = &rest[at..];
        let mut value = "";
        if let Some(after) = rest.strip_prefix('=') {
            if let Some(quoted) = after.strip_prefix('"') {
                (value, rest) = quoted.split_once('"').unwrap_or((quoted, ""));
            } else {
                (value, rest) = after.split_at(after.find(is_end).unwrap_or(after.len()));
            }
        }
        tag.attributes.push((name, value.to_owned()));
    }
}

/// Returns the visible text.
pub(crate) fn text_of(html: &str) -> String {
    read(html)
        .1
        .concat()
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}
