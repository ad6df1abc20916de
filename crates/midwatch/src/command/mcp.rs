//! `midwatch mcp`: lets a program that speaks the Model Context Protocol look, over standard input and output.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::sync::Arc;

use server::mcp::{Door, Speaker, over_stdio};

use crate::console::Console;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::wiring::house::House;
use crate::wiring::live::SystemClock;
use crate::wiring::reception::Reception;
use crate::wiring::traces;

/// The longest key that is read from a file.
const LONGEST_KEY: usize = 4096;

/// Of which server.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch mcp --config /etc/midwatch.toml                      reads the journal; alters nothing\n  \
    midwatch mcp --url http://127.0.0.1:8787                      asks the server that runs\n  \
    midwatch mcp --url http://127.0.0.1:8787 --key-file mcp.key   as whoever the key is of\n\n\
    A client starts this and speaks with it; docs/mcp.md has the settings of the usual ones. A server that runs\n\
    speaks the same at /v1/mcp.")]
pub struct Args {
    /// The configuration whose data folder is read; without it midwatch.toml of this folder, if it is there
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    config: Option<PathBuf>,
    /// A server of this machine that runs, such as http://127.0.0.1:8787
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// A file with the API key to ask with; without it MIDWATCH_KEY, or as a stranger
    #[arg(long, value_name = "FILE", requires = "url")]
    key_file: Option<PathBuf>,
    /// The space to speak of
    #[arg(long, value_name = "NAME", default_value = crate::config::MAIN)]
    space: String,
}

/// Speaks until the other side is done.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    // Standard output belongs to the conversation.
    traces::log(console.colours_errors());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| {
            Problem::bad_input(error.to_string(), "threads", "free some, and try again")
        })?;
    runtime.block_on(async {
        let door = match &args.url {
            Some(url) => far(url, key(args)?)?,
            None => {
                let house = House::of(args.config.as_deref())?.within(&args.space)?;
                let reception = Reception::over_journal(house.journal()?, house);
                Door::Inside(server::api::inside(
                    Arc::new(reception),
                    Arc::new(SystemClock),
                ))
            }
        };
        over_stdio(Speaker::new(door, args.space.as_str()))
            .await
            .map_err(|error| {
                Problem::bad_input(
                    error,
                    "standard input",
                    "a client of the Model Context Protocol starts this; docs/mcp.md says how",
                )
            })
    })?;
    // A read of standard input that is still waiting would keep the program.
    runtime.shutdown_background();
    Ok(Exit::Done)
}

fn key(args: &Args) -> Result<Option<String>, Problem> {
    let Some(file) = &args.key_file else {
        return Ok(std::env::var("MIDWATCH_KEY").ok());
    };
    let text = std::fs::read_to_string(file).map_err(|error| Problem::unreadable(file, &error))?;
    let key = text.trim();
    if key.is_empty() || key.len() > LONGEST_KEY || !key.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Problem::bad_input(
            "it holds no key",
            file.display().to_string(),
            "put the key alone into it, as it was shown when it was made",
        ));
    }
    Ok(Some(key.to_string()))
}

/// The server at an address of this machine.
fn far(url: &str, key: Option<String>) -> Result<Door, Problem> {
    let refused = |why: &str| {
        Problem::bad_input(
            why,
            url,
            "give the address of a server of this machine, such as http://127.0.0.1:8787; for one elsewhere let the client ask its /v1/mcp itself",
        )
    };
    let host = url
        .strip_prefix("http://")
        .ok_or_else(|| refused("it does not begin with http://"))?
        .trim_end_matches('/');
    let addresses = host
        .to_socket_addrs()
        .or_else(|_| format!("{host}:80").to_socket_addrs())
        .map_err(|error| refused(&format!("it names no address: {error}")))?;
    let address: Option<SocketAddr> = addresses
        .into_iter()
        .find(|address| address.ip().is_loopback());
    // A key goes over this connection as it is.
    let address = address
        .ok_or_else(|| refused("it is on another machine, and nothing would be encrypted"))?;
    Ok(Door::Far {
        address,
        host: host.to_string(),
        key,
    })
}

#[cfg(test)]
mod tests {
    use super::far;

    #[test]
    fn only_servers_of_this_machine_are_asked() {
        for good in [
            "http://127.0.0.1:8787",
            "http://localhost:1/",
            "http://[::1]:99",
        ] {
            assert!(far(good, None).is_ok(), "{good}");
        }
        for bad in [
            "https://127.0.0.1:8787",
            "http://192.0.2.1:80",
            "127.0.0.1:8787",
            "http://",
            "http://127.0.0.1:x",
        ] {
            assert!(far(bad, None).is_err(), "{bad}");
        }
    }
}
