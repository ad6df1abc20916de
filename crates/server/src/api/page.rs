//! What a browser finds at the root. The page itself is built apart; where this program was built without it, a plain
//! page says how it comes in.

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
