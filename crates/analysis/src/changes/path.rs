//! What a path says: the language, the part the file plays, and whose code it is.

use super::words::split_identifier;
use serde::Serialize;
use std::collections::BTreeSet;

/// Language or format of a file, by extension or well-known name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[allow(missing_docs)] // The variants are the names of the languages.
pub enum Language {
    Go,
    Java,
    Kotlin,
    Scala,
    Python,
    JavaScript,
    Ruby,
    Php,
    CSharp,
    C,
    Rust,
    Swift,
    Elixir,
    Yaml,
    HelmTemplate,
    Toml,
    Json,
    Properties,
    Env,
    Sql,
    Terraform,
    Dockerfile,
    Protobuf,
    GraphQl,
    Shell,
    Markdown,
    Lockfile,
    Manifest,
    Nginx,
    Xml,
    Css,
    Html,
    Other,
}

impl Language {
    /// Whether blocks are marked by indentation rather than by braces.
    pub fn indented(self) -> bool {
        matches!(
            self,
            Self::Python
                | Self::Ruby
                | Self::Elixir
                | Self::Yaml
                | Self::HelmTemplate
                | Self::Shell
        )
    }

    /// Whether the file holds keys and values rather than instructions.
    pub fn is_config(self) -> bool {
        matches!(
            self,
            Self::Yaml
                | Self::HelmTemplate
                | Self::Toml
                | Self::Json
                | Self::Properties
                | Self::Env
                | Self::Terraform
                | Self::Dockerfile
                | Self::Nginx
                | Self::Xml
        )
    }

    /// Whether the file holds instructions of a program.
    pub fn is_code(self) -> bool {
        self <= Self::Elixir || self == Self::Shell
    }
}

/// The part that a file plays in running the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum FileRole {
    /// Code or configuration that runs.
    Runtime,
    /// Tests, fixtures, benchmarks.
    Test,
    /// Prose.
    Docs,
    /// Build pipelines, linters, owners; runs before a release, not in it.
    Ci,
    /// Styles, images, fonts, templates, translations.
    Asset,
    /// Dependency manifests and lock files.
    Dependencies,
    /// Database migrations.
    Migration,
}

/// The language of a path.
pub fn language_of(path: &str) -> Language {
    use Language::*;
    let lower = path.to_ascii_lowercase();
    let name = lower.rsplit('/').next().unwrap_or(&lower);
    match name {
        "go.sum"
        | "cargo.lock"
        | "package-lock.json"
        | "yarn.lock"
        | "pnpm-lock.yaml"
        | "poetry.lock"
        | "gemfile.lock"
        | "composer.lock"
        | "pipfile.lock"
        | "uv.lock"
        | ".terraform.lock.hcl" => return Lockfile,
        "go.mod"
        | "package.json"
        | "cargo.toml"
        | "pom.xml"
        | "requirements.txt"
        | "gemfile"
        | "build.gradle"
        | "build.gradle.kts"
        | "pyproject.toml"
        | "pipfile"
        | "composer.json"
        | "setup.py"
        | "setup.cfg"
        | "build.sbt"
        | "mix.exs"
        | "chart.lock"
        | "libs.versions.toml"
        | "directory.packages.props" => return Manifest,
        "dockerfile" | "containerfile" => return Dockerfile,
        "makefile" | "justfile" | "rakefile" => return Shell,
        "codeowners" | "license" | "readme" | "changelog" | "notice" => return Markdown,
        "nginx.conf" | "haproxy.cfg" | "corefile" | "caddyfile" => return Nginx,
        "resolv.conf" => return Properties,
        _ => {}
    }
    if name.starts_with("dockerfile.") || name.ends_with(".dockerfile") {
        return Dockerfile;
    }
    if name.starts_with("requirements") && name.ends_with(".txt") {
        return Manifest;
    }
    if name == ".env" || name.starts_with(".env.") {
        return Env;
    }
    let Some((_, ext)) = name.rsplit_once('.') else {
        return Other;
    };
    match ext {
        "go" => Go,
        "java" | "groovy" => Java,
        "kt" | "kts" => Kotlin,
        "scala" => Scala,
        "py" | "pyi" => Python,
        "js" | "jsx" | "ts" | "tsx" | "mjs" | "cjs" | "vue" | "svelte" => JavaScript,
        "rb" | "rake" => Ruby,
        "php" => Php,
        "cs" => CSharp,
        "c" | "h" | "cc" | "cpp" | "cxx" | "hpp" | "hh" => C,
        "rs" => Rust,
        "swift" => Swift,
        "ex" | "exs" => Elixir,
        "yaml" | "yml" if lower.contains("/templates/") => HelmTemplate,
        "tpl" | "gotmpl" if lower.contains("/templates/") => HelmTemplate,
        "yaml" | "yml" => Yaml,
        "toml" => Toml,
        "json" | "json5" | "jsonc" => Json,
        "ini" | "properties" | "cfg" | "cnf" => Properties,
        "env" => Env,
        "conf" => Nginx,
        "sql" => Sql,
        "tf" | "tfvars" | "hcl" => Terraform,
        "proto" => Protobuf,
        "graphql" | "gql" => GraphQl,
        "sh" | "bash" | "zsh" => Shell,
        "md" | "rst" | "adoc" | "txt" | "mdx" => Markdown,
        "lock" => Lockfile,
        "csproj" | "xml" | "xsd" => Xml,
        "css" | "scss" | "less" | "sass" => Css,
        "html" | "htm" | "hbs" | "ejs" | "erb" | "jinja" | "j2" | "mustache" => Html,
        _ => Other,
    }
}

/// The part that a path plays.
pub fn role_of(path: &str) -> FileRole {
    let lower = path.to_ascii_lowercase();
    let parts: Vec<&str> = lower.split('/').collect();
    let name = parts.last().copied().unwrap_or("");
    let folder = |names: &[&str]| {
        parts[..parts.len().saturating_sub(1)]
            .iter()
            .any(|p| names.contains(p))
    };
    let language = language_of(path);
    if folder(&[
        ".github",
        ".circleci",
        ".gitlab",
        ".buildkite",
        ".husky",
        ".vscode",
        ".idea",
        "ci",
    ]) || matches!(
        name,
        "codeowners"
            | ".gitignore"
            | ".gitattributes"
            | ".editorconfig"
            | "jenkinsfile"
            | ".gitlab-ci.yml"
            | ".pre-commit-config.yaml"
            | ".golangci.yml"
            | ".golangci.yaml"
            | "renovate.json"
            | "dependabot.yml"
            | ".eslintrc.json"
            | ".eslintrc.js"
            | ".prettierrc"
            | "azure-pipelines.yml"
            | "bitbucket-pipelines.yml"
            | ".rubocop.yml"
            | "ruff.toml"
            | ".flake8"
            | "rustfmt.toml"
            | "clippy.toml"
            | "license"
            | ".travis.yml"
            | "sonar-project.properties"
            | ".dockerignore"
    ) {
        return FileRole::Ci;
    }
    if folder(&[
        "test",
        "tests",
        "__tests__",
        "testdata",
        "fixtures",
        "spec",
        "specs",
        "e2e",
        "__snapshots__",
        "mocks",
        "benches",
        "testing",
    ]) || name.contains("_test.")
        || name.contains(".test.")
        || name.contains(".spec.")
        || name.contains("_spec.")
        || name.starts_with("test_")
        || name.ends_with("test.java")
        || name.ends_with("tests.cs")
        || name.ends_with("test.kt")
        || name == "conftest.py"
    {
        return FileRole::Test;
    }
    if matches!(language, Language::Manifest | Language::Lockfile) {
        return FileRole::Dependencies;
    }
    if language == Language::Markdown || folder(&["docs", "doc", "documentation", "runbooks"]) {
        return FileRole::Docs;
    }
    if folder(&[
        "migrations",
        "migrate",
        "migration",
        "alembic",
        "flyway",
        "liquibase",
    ]) && matches!(
        language,
        Language::Sql
            | Language::Python
            | Language::Ruby
            | Language::JavaScript
            | Language::Xml
            | Language::Yaml
            | Language::Php
            | Language::Elixir
            | Language::Go
    ) || (language == Language::Sql && folder(&["schema", "schemas", "ddl"]))
    {
        return FileRole::Migration;
    }
    let design = ["theme", "palette", "colors", "colours", "tokens"];
    let stem = name.split('.').next().unwrap_or("");
    let picture = [
        ".svg", ".png", ".jpg", ".jpeg", ".gif", ".ico", ".woff", ".woff2", ".ttf", ".webp",
        ".mp4", ".po", ".pot", ".arb", ".strings",
    ];
    if matches!(language, Language::Css | Language::Html)
        || picture.iter().any(|e| name.ends_with(e))
        || folder(&[
            "assets",
            "images",
            "fonts",
            "i18n",
            "locales",
            "translations",
        ])
        || (folder(&["static", "public"]) && !language.is_code())
        || (design.contains(&stem) && language == Language::JavaScript)
    {
        return FileRole::Asset;
    }
    FileRole::Runtime
}

/// Whose code a set of paths is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Territory {
    /// Names of services, applications, charts and modules whose folders are touched, lower case.
    pub owners: BTreeSet<String>,
    /// A library or configuration that several services build on is touched (`pkg/`, `lib/`, …).
    pub shared: bool,
}

/// Folders whose children are deployable things.
const OWNER_PARENTS: [&str; 20] = [
    "services",
    "service",
    "apps",
    "app",
    "cmd",
    "charts",
    "microservices",
    "functions",
    "lambdas",
    "lambda",
    "workers",
    "jobs",
    "deployments",
    "components",
    "packages",
    "overlays",
    "cells",
    "src",
    "backend",
    "projects",
];
/// Folders whose children are built into several deployable things.
const SHARED_PARENTS: [&str; 15] = [
    "pkg",
    "lib",
    "libs",
    "internal",
    "common",
    "shared",
    "platform",
    "core",
    "commons",
    "library",
    "libraries",
    "vendor",
    "util",
    "utils",
    "sdk",
];
/// Folders that say what kind of file it is rather than whose.
const KIND_FOLDERS: [&str; 27] = [
    "k8s",
    "deploy",
    "helm",
    "manifests",
    "kubernetes",
    "base",
    "main",
    "java",
    "kotlin",
    "com",
    "org",
    "io",
    "config",
    "conf",
    "configs",
    "templates",
    "server",
    "api",
    "web",
    "infra",
    "terraform",
    "modules",
    "environments",
    "prod",
    "production",
    "staging",
    "db",
];

/// Reads owners and shared libraries out of paths.
pub fn territory_of<'p>(paths: impl IntoIterator<Item = &'p str>) -> Territory {
    let mut territory = Territory::default();
    for path in paths {
        let lower = path.to_ascii_lowercase();
        let parts: Vec<&str> = lower.split('/').filter(|p| !p.is_empty()).collect();
        let Some(folders) = parts.split_last().map(|(_, rest)| rest) else {
            continue;
        };
        let mut owned = false;
        for (i, folder) in folders.iter().enumerate() {
            if OWNER_PARENTS.contains(folder)
                && let Some(child) = folders.get(i + 1)
                && !KIND_FOLDERS.contains(child)
                && !OWNER_PARENTS.contains(child)
            {
                territory.owners.insert((*child).to_owned());
                owned = true;
            }
        }
        if !owned {
            let shared = folders.first().is_some_and(|f| SHARED_PARENTS.contains(f))
                || folders.get(1).is_some_and(|f| SHARED_PARENTS.contains(f));
            let build_wide = folders.is_empty()
                && matches!(role_of(path), FileRole::Dependencies | FileRole::Runtime);
            territory.shared |= shared || build_wide;
            // The folder that is neither a kind nor a parent names the module.
            for folder in folders {
                if !KIND_FOLDERS.contains(folder)
                    && !SHARED_PARENTS.contains(folder)
                    && !OWNER_PARENTS.contains(folder)
                {
                    territory.owners.insert((*folder).to_owned());
                    break;
                }
            }
        }
    }
    territory
}

/// Lower-case words of a path, file extension left out.
pub fn path_words(path: &str) -> BTreeSet<String> {
    let stem = path.rsplit_once('.').map_or(path, |(s, _)| s);
    stem.split(['/', '.', '-', '_'])
        .flat_map(split_identifier)
        .filter(|w| w.len() > 1)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_whose_code_it_is() {
        let read = |p: &str| {
            let t = territory_of([p]);
            format!(
                "{}{}",
                t.owners.into_iter().collect::<Vec<_>>().join(","),
                if t.shared { " shared" } else { "" }
            )
        };
        assert_eq!(read("services/checkout/order.go"), "checkout");
        assert_eq!(read("pkg/db/pool.go"), " shared");
        assert_eq!(read("pkg/cache/config.go"), "cache shared");
        assert_eq!(read("charts/log-compactor/values.yaml"), "log-compactor");
        assert_eq!(read("k8s/billing/deployment.yaml"), "billing");
        assert_eq!(read("cmd/ingester/main.go"), "ingester");
        assert_eq!(read("src/main/java/com/acme/orders/Repo.java"), "acme");
        assert_eq!(read("Dockerfile"), " shared");
    }

    #[test]
    fn roles_are_told_apart() {
        let roles: Vec<FileRole> = [
            "a/b_test.go",
            ".github/workflows/x.yml",
            "docs/x.go",
            "web/x.css",
            "go.mod",
            "db/migrations/1.sql",
            "src/app.py",
            "CODEOWNERS",
        ]
        .iter()
        .map(|p| role_of(p))
        .collect();
        use FileRole::*;
        assert_eq!(
            roles,
            [Test, Ci, Docs, Asset, Dependencies, Migration, Runtime, Ci]
        );
    }
}
