//! The page: one file of HTML whose script and style are named by their hashes in its content security policy, so that nothing else in
//! it can run, whatever a program has put into a name.

use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::data::Data;

const SCRIPT: &str = concat!(
    include_str!("graph.js"),
    // One function in four files.
    include_str!("page.js"),
    include_str!("code.js"),
    include_str!("parts.js"),
    include_str!("frame.js")
);
const STYLE: &str = include_str!("page.css");

/// How every report begins.
pub const MARK: &str = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"generator\" content=\"bctrace report\">";

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    mark: &'a str,
    title: &'a str,
    policy: String,
    style: &'a str,
    script: &'a str,
    data: &'a str,
}

pub(super) fn render(data: &Data) -> Result<String, askama::Error> {
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(STYLE)
    );
    let title = format!("bctrace report: {}", data.program);
    Page { mark: MARK, title: &title, policy, style: STYLE, script: SCRIPT, data: &json(data)? }.render()
}

/// The data as JSON that no parser of HTML takes for markup.  `<`, `>` and `&` stand in strings alone, where JSON has an escape for them.
fn json(data: &Data) -> Result<String, askama::Error> {
    let text = serde_json::to_string(data).map_err(askama::Error::custom)?;
    Ok(text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"))
}

/// The source expression of a script or style, as Content Security Policy Level 3 has it.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}
