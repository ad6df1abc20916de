//! A connection to a server that is measured: it asks again and again, and reads what is answered as its length says.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::ensure;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// A connection that asks again and again.
pub struct Asking {
    reader: BufReader<TcpStream>,
    host: String,
    /// The header that says who asks, with its line break; empty for a stranger.
    who: String,
}

impl Asking {
    /// To that address.
    pub fn new(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            reader: BufReader::new(stream),
            host: address.to_string(),
            who: String::new(),
        })
    }

    /// As the holder of that key.
    pub fn holding(address: SocketAddr, key: &str) -> anyhow::Result<Self> {
        Ok(Self {
            who: format!("authorization: Bearer {key}\r\n"),
            ..Self::new(address)?
        })
    }

    /// The status, and the body.
    pub fn get(&mut self, path: &str) -> anyhow::Result<(u16, Vec<u8>)> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\n{}\r\n",
            self.host, self.who
        );
        self.reader.get_mut().write_all(request.as_bytes())?;
        self.answer()
    }

    /// Sends bytes, with headers of which each ends in a line break: `PUT /path`. The status, and the body.
    pub fn send(
        &mut self,
        what: &str,
        headers: &str,
        bytes: &[u8],
    ) -> anyhow::Result<(u16, Vec<u8>)> {
        let request = format!(
            "{what} HTTP/1.1\r\nhost: {}\r\n{}{headers}content-length: {}\r\n\r\n",
            self.host,
            self.who,
            bytes.len()
        );
        self.reader.get_mut().write_all(request.as_bytes())?;
        self.reader.get_mut().write_all(bytes)?;
        self.answer()
    }

    fn answer(&mut self) -> anyhow::Result<(u16, Vec<u8>)> {
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            ensure!(self.reader.read_line(&mut line)? > 0, "it hung up");
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
                status = rest.split(' ').next().unwrap_or_default().parse()?;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body)?;
        Ok((status, body))
    }
}
