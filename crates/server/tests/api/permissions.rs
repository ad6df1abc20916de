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
    // By path; what is done to the same path in one order as well.
    rows.sort_by_key(|row| {
        let path = row.rsplit(' ').next().unwrap_or_default();
        (path.to_string(), row.clone())
    });
    let table = rows.join("\n") + "\n";
    let file: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/api/permissions.txt"]
        .iter()
        .collect();
    if std::env::var_os("MIDWATCH_WRITE").is_some() {
        std::fs::write(&file, &table).unwrap();
    }
    let kept: String = std::fs::read_to_string(&file)
        .unwrap_or_default()
        .lines()
        // One route is there only where its protocol is built in.
        .filter(|row| cfg!(feature = "mcp") || !row.ends_with("/v1/mcp"))
        .map(|row| format!("{row}\n"))
        .collect();
    assert!(
        kept == table,
        "a route is missing from {} or needs another permission there:\n{table}",
        file.display()
    );
}
