//! A space that could not start: what went wrong, and a desk that says so to whoever asks.

use server::control::{self, Desk, Person, Reply, Request};
use tokio::runtime::Runtime;
use tokio::sync::watch as signal;

use super::house::House;
use crate::problem::Problem;

/// A space of the house that does not keep watch.
pub struct Closed {
    /// Its name.
    pub name: String,
    /// As it is configured, if that could be read.
    pub house: Option<House>,
    /// What went wrong, and what to do.
    pub why: Problem,
}

impl Closed {
    /// What is said of it to those who may see the space.
    pub fn said(&self) -> String {
        format!(
            "the space {} could not be started: {}. Then start the server again",
            self.name, self.why
        )
    }

    /// Answers commands in its data folder until `over` turns true, unless another server does so.
    pub fn answer(&self, runtime: &Runtime, over: signal::Receiver<bool>) {
        let Some(house) = &self.house else {
            return;
        };
        let socket = control::socket(house.data());
        if control::ask(&socket, &Request::Health).is_ok() {
            return;
        }
        let desk = std::sync::Arc::new(Shut(self.said()));
        runtime.spawn(async move {
            if let Err(error) = control::serve(socket, desk, over).await {
                tracing::debug!(%error, "commands about a space that could not start are not answered");
            }
        });
    }
}

/// The desk of a closed space.
struct Shut(String);

impl Desk for Shut {
    fn answer(&self, _: &Person, _: Request) -> Reply {
        Reply::Refused {
            why: self.0.clone(),
        }
    }
}
