//! What a browser finds at the root: the page, whose files the build script puts into the program where `ui/dist` was
//! built; else a plain page, which says how it comes in.

use schemars::{Schema, SchemaGenerator};

use super::problem::Problem;
use super::route::{Answer, Gives};

include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// Nothing but what comes from here may run or be loaded.
pub const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

/// For texts that are opened as pages of their own, such as a report: they load nothing and run nothing.
pub const SHEET_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; sandbox";

/// The media type of the page.
pub const MEDIA: &str = "text/html;charset=utf-8";

/// The plain page.
pub const PLAIN: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Midwatch</title>\n\
<h1>Midwatch keeps watch</h1>\n\
<p>This program was built without its page. With Node on the machine: <code>npm ci</code> and <code>npm run build</code> \
in <code>ui/</code>, then build the program again.</p>\n\
<p>Everything is there without it: on the command line (<code>midwatch incidents</code>) and over the API \
(<a href=\"/v1/openapi.json\">its description</a>).</p>\n";

/// What is named by its content never changes.
pub const FOREVER: &str = "public, max-age=31536000, immutable";

/// One file of the page.
#[derive(Debug)]
pub struct File {
    /// Its address, from the root.
    pub path: &'static str,
    /// Its bytes.
    pub body: &'static [u8],
}

impl File {
    /// Its media type, by the end of its name.
    pub fn media(&self) -> &'static str {
        match self.path.rsplit('.').next().unwrap_or_default() {
            "html" => MEDIA,
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            "json" => "application/json",
            "png" => "image/png",
            "ico" => "image/x-icon",
            "woff2" => "font/woff2",
            "txt" => "text/plain; charset=utf-8",
            _ => "application/octet-stream",
        }
    }

    /// Does its name change with its content?
    pub fn never_changes(&self) -> bool {
        self.path.starts_with("/assets/")
    }
}

/// The file at that address. Only names that were there when the program was built are known, so no address leads
/// anywhere else.
pub fn file(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

/// The page as an answer, or what stands in its place.
#[derive(Debug)]
pub struct Page;

impl Gives for Page {
    fn described(_: &mut SchemaGenerator) -> Vec<(&'static str, Option<Schema>)> {
        vec![(MEDIA, None)]
    }

    fn written(self) -> Result<Answer, Problem> {
        Ok(Answer {
            media: MEDIA,
            body: root().to_vec(),
        })
    }
}

/// What is at the root.
pub fn root() -> &'static [u8] {
    file("/index.html").map_or(PLAIN.as_bytes(), |file| file.body)
}

#[cfg(test)]
mod tests {
    use super::{FILES, file, root};

    #[test]
    fn there_is_always_a_page() {
        assert!(root().starts_with(b"<!doctype html>"));
        assert!(file("/../Cargo.toml").is_none() && file("").is_none());
        for one in FILES {
            assert!(
                one.path.starts_with('/') && !one.path.contains("/."),
                "{one:?}"
            );
            assert_ne!(one.media(), "application/octet-stream", "{}", one.path);
        }
    }
}
