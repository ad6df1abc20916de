//! How the house is entered, with the real program: TLS, and a proxy before it.

#[path = "doors/oidc.rs"]
mod oidc;
#[path = "doors/program.rs"]
#[allow(dead_code)]
mod program;
#[path = "doors/proxy.rs"]
mod proxy;
#[path = "doors/tls.rs"]
mod tls;
