//! What whoever is asked over HTTP has to let through, and what the credential that is shown there has to be allowed.

use connectors::pull::Needs;

/// For people, and for the file that the vendor reads: what is to be granted, then all that is asked. Where something is to
/// be granted the rest stands behind `#`, which those files take for a comment.
pub fn text(name: &str, needs: &Needs, of: &[String]) -> String {
    let mut text = String::new();
    let before = if needs.grant.is_empty() { "" } else { "# " };
    text += needs.grant;
    if !of.is_empty() {
        text += &format!("{before}of {}\n", of.join(", "));
    }
    text += &format!(
        "{before}All that is asked of {name}: anything else is refused before it leaves.\n"
    );
    let methods = |posted: bool| if posted { "GET, POST" } else { "GET" };
    let path = |path: &str| path.replace('*', "{name}");
    let calls = needs.calls.iter();
    let wide = calls.map(|call| path(call.path).len()).max().unwrap_or(0);
    for call in needs.calls {
        text += &format!(
            "{before}{:<9} {:<wide$}  {}\n",
            methods(call.may_post),
            path(call.path),
            call.why
        );
    }
    text
}
