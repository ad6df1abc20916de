//! `midwatch serve`: keeps watch until it is told to stop.

use std::path::PathBuf;
use std::sync::Arc;

use model::ports::{Notifier, TellError, Telling};
use model::time::Timestamp;

use crate::console::Console;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::wiring::house::House;
use crate::wiring::notify;
use crate::wiring::serving::Serving;
use crate::wiring::traces;

/// Under which configuration.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch config reference > midwatch.toml\n  \
    midwatch serve                                 with midwatch.toml of this folder, or defaults\n  \
    midwatch serve --config /etc/midwatch.toml\n\n\
    It listens for OTLP on loopback (4317 gRPC, 4318 HTTP) unless told otherwise, and for page and API where\n\
    `server.listen` says. Ctrl-C or SIGTERM ends it in\n\
    good order; whatever was under way goes on from the journal at the next start.")]
pub struct Args {
    /// The configuration; without it midwatch.toml of this folder, if it is there
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Tells the terminal that the server runs in.
struct Terminal {
    /// What stands before each notice: of which space it is, where there is more than one.
    of: String,
}

impl Notifier for Terminal {
    fn name(&self) -> &str {
        "terminal"
    }

    fn tell(&self, telling: &Telling<'_>, _: Timestamp) -> Result<String, TellError> {
        let notice = telling.notice;
        use std::io::Write as _;
        let safe = |text: &str| crate::dress::text::plain(text).into_owned();
        let mut text = format!(
            "{}{} {} {}\n",
            self.of,
            notice.at,
            notice.incident,
            safe(&notice.title)
        );
        for line in &notice.lines {
            text += &format!("  {}\n", safe(line));
        }
        std::io::stderr()
            .write_all(text.as_bytes())
            .map(|()| String::new())
            .map_err(|error| TellError::from(error.to_string()))
    }
}

/// Keeps watch.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    // A server that mostly waits needs small pages: huge ones took 27 MiB more here, half of all that it held. What is
    // asked of one recording, and soon over, is quicker with them.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_thp_disable(true);
    let house = House::of(args.config.as_deref())?;
    let _telling = traces::begin(&house.config().traces, console.colours_errors())?;
    let several = !house.config().spaces.is_empty();
    let policies = [Ok(house.clone())].into_iter();
    let policies = policies.chain(house.others().into_iter().map(|(_, space)| space));
    // A space whose configuration cannot be read is told of below.
    for space in policies.flatten() {
        let Ok(gate) = space.gate() else { continue };
        if let Some(fault) = gate.fault() {
            // It is kept watch nevertheless: alarms and causes are worth having without hands.
            console.mutter(&format!(
                "{}the policy act.policy = {:?} cannot be read, so nothing is permitted: {fault}\n",
                of(&space, several),
                space.config().act.policy
            ));
        }
    }
    let channels = move |space: &House| -> Result<Vec<Arc<dyn Notifier>>, Problem> {
        let mut notifiers = notify::configured(space)?;
        if space.config().notify.terminal {
            let of = of(space, several);
            notifiers.push(Arc::new(Terminal { of }));
        }
        Ok(notifiers)
    };
    let serving = Serving::whole(&house, Arc::new(channels))?;
    let shown = |address: Option<std::net::SocketAddr>| {
        address.map_or("nowhere".to_string(), |address| address.to_string())
    };
    for kept in serving.kept() {
        let (space, inbound) = (kept.house(), kept.inbound());
        console.remark(&format!(
            "{}midwatch keeps watch: OTLP over gRPC at {}, over HTTP at {}; data in {}\n",
            of(space, several),
            shown(inbound.grpc()),
            shown(inbound.http()),
            space.data().display()
        ));
    }
    for closed in serving.closed() {
        console.mutter(&format!("{closed}\n"));
    }
    if let Some(api) = serving.api() {
        console.remark(&format!("page and API at {}://{api}\n", serving.scheme()));
        if let Some(link) = serving.setup_link()? {
            console.remark(&format!(
                "nobody has an account yet; this link makes the first one, once, within an hour:\n  {link}\n"
            ));
        }
    }
    wait_for_the_end()?;
    console.remark("ending in good order\n");
    serving.end();
    Ok(Exit::Done)
}

/// What stands before a line about a space, where there is more than one.
fn of(space: &House, several: bool) -> String {
    if several {
        format!("[{}] ", space.space())
    } else {
        String::new()
    }
}

/// Returns at Ctrl-C or SIGTERM.
fn wait_for_the_end() -> Result<(), Problem> {
    let cannot = |error: std::io::Error| {
        Problem::bad_input(
            format!("signals cannot be waited for: {error}"),
            "this process",
            "see what limits it",
        )
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(cannot)?;
    runtime.block_on(async {
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
                .map_err(cannot)?;
        // Who renews certificates says so by this; the files are looked at every two seconds anyway.
        let mut hang_up = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())
            .map_err(cannot)?;
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = tokio::signal::ctrl_c() => break,
                _ = hang_up.recv() => {
                    tracing::info!("a changed certificate is taken within seconds; the configuration is read at the start");
                }
            }
        }
        Ok(())
    })
}
