//! Every route with the permission that it needs, as a table that people read: `permissions.txt`.

use std::path::PathBuf;

use server::api::routes;

/// `MIDWATCH_WRITE=1 cargo test -p midwatch-server permission` writes it anew; read what changed before you commit it.
#[test]
fn every_route_stands_in_the_table_with_the_permission_it_needs() {
    let mut rows: Vec<String> = routes()
        .iter()
        .map(|route| {
            let permission = route.permission.word();
            format!("{permission:<8} {:<6} {}", route.method, route.path)
        })
        .collect();
    rows.sort_unstable_by(|a, b| {
        a[9..]
            .split(' ')
            .next_back()
            .cmp(&b[9..].split(' ').next_back())
    });
    let table = rows.join("\n") + "\n";
    let file: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/api/permissions.txt"]
        .iter()
        .collect();
    if std::env::var_os("MIDWATCH_WRITE").is_some() {
        std::fs::write(&file, &table).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == table,
        "a route is missing from {} or needs another permission there:\n{table}",
        file.display()
    );
}
