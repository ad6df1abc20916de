//! Log lines as a mixed estate writes them, about 138 bytes each, the same on every run.
//!
//! Shared by the bench and by the example that writes them to a file for peers in other languages.

/// A linear congruential generator (Knuth's MMIX constants): chance that is the same everywhere.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn hex(&mut self, digits: usize) -> String {
        (0..digits)
            .map(|_| char::from(b"0123456789abcdef"[self.below(16) as usize]))
            .collect()
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// `count` lines.
pub fn lines(count: usize) -> Vec<String> {
    let mut chance = Chance(2026);
    (0..count).map(|at| line(&mut chance, at)).collect()
}

fn line(c: &mut Chance, at: usize) -> String {
    let (seconds, millis) = (at / 2000, c.below(1000));
    let clock = format!(
        "{:02}:{:02}:{:02}",
        10 + seconds / 3600 % 10,
        seconds / 60 % 60,
        seconds % 60
    );
    let ip = format!("10.{}.{}.{}", c.below(4), c.below(256), c.below(256));
    let service = c.one_of(&[
        "checkout",
        "payments",
        "ledger",
        "catalogue",
        "basket",
        "shipping",
    ]);
    let user = c.one_of(&["ann", "bob", "cyd", "dan", "eve", "fay", "gus", "hal"]);
    let uuid = format!(
        "{}-{}-{}-{}-{}",
        c.hex(8),
        c.hex(4),
        c.hex(4),
        c.hex(4),
        c.hex(12)
    );
    match c.below(14) {
        0 => format!(
            "{ip} - {user} [21/Nov/2026:{clock} +0000] \"GET /api/v1/orders/{}/items?page={} HTTP/1.1\" 200 {} \"-\" \"okhttp/4.12.0\" {:.3}",
            c.below(1_000_000),
            c.below(20),
            c.below(90_000),
            c.below(900) as f64 / 1000.0
        ),
        1 => format!(
            "{ip} - - [21/Nov/2026:{clock} +0000] \"POST /api/v1/{service} HTTP/1.1\" {} {} \"-\" \"Mozilla/5.0\" {:.3}",
            c.one_of(&["200", "201", "503"]),
            c.below(9000),
            c.below(900) as f64 / 1000.0
        ),
        2 => format!(
            "2026-11-21 {clock},{millis:03} INFO [http-nio-8080-exec-{}] org.acme.{service}.OrderService - Order {} placed by customer {} total {}.{:02}",
            c.below(40),
            c.below(10_000_000),
            c.below(500_000),
            c.below(900),
            c.below(100)
        ),
        3 => format!(
            "2026-11-21 {clock},{millis:03} WARN [pool-{}-thread-{}] HikariPool - Connection is not available, request timed out after {}ms",
            c.below(4),
            c.below(32),
            30_000 + c.below(30)
        ),
        4 => format!(
            "2026-11-21 {clock},{millis:03} ERROR [{service}] java.net.SocketTimeoutException: Read timed out while calling {ip}:8443 attempt {} of 3 request {uuid}",
            1 + c.below(3)
        ),
        5 => format!(
            "time=2026-11-21T{clock}.{millis:03}Z level=info service={service} trace_id={} msg=\"request completed\" status=200 duration={}ms",
            c.hex(32),
            c.below(900)
        ),
        6 => format!(
            "time=2026-11-21T{clock}.{millis:03}Z level=error service={service} trace_id={} msg=\"upstream refused\" peer={ip}:5432 retry_in={}ms",
            c.hex(32),
            c.below(900)
        ),
        7 => format!(
            "{{\"ts\":\"2026-11-21T{clock}.{millis:03}Z\",\"level\":\"info\",\"service\":\"{service}\",\"msg\":\"payment captured\",\"amount\":{},\"request_id\":\"{uuid}\"}}",
            c.below(100_000)
        ),
        8 => format!(
            "I1121 {clock}.{:06} 1 kubelet.go:{}] Started container \"{service}\" in pod \"{service}-{}-{}\" namespace \"shop\"",
            c.below(1_000_000),
            100 + c.below(3),
            "7d4b9c6f5",
            c.one_of(&["x2k8z", "b7gqt", "zz4wn", "9hplk"])
        ),
        9 => format!(
            "Nov 21 {clock} ip-10-0-{}-{} sshd[{}]: Accepted publickey for {user} from {ip} port {} ssh2: ED25519 SHA256:{}",
            c.below(4),
            c.below(256),
            c.below(30_000),
            1024 + c.below(60_000),
            c.hex(43)
        ),
        10 => format!(
            "2026-11-21 {clock}.{millis:03} UTC [{}] LOG: duration: {}.{:03} ms  statement: SELECT balance, currency FROM ledger WHERE account_id = '{uuid}'",
            c.below(30_000),
            c.below(900),
            c.below(1000)
        ),
        11 => format!(
            "21/11/26 {clock} INFO BlockManager: Removed broadcast_{}_piece0 on {ip}:{} in memory (size: {}.{} KB)",
            c.below(1000),
            1024 + c.below(60_000),
            c.below(900),
            c.below(10)
        ),
        12 => format!(
            "[{clock}] {service}: GC (Allocation Failure) [PSYoungGen: {}K->{}K({}K)] {}K, 0.{:07} secs",
            c.below(900_000),
            c.below(90_000),
            900_000,
            c.below(900_000),
            c.below(10_000_000)
        ),
        _ => format!(
            "2026-11-21T{clock}.{millis:03}Z DEBUG cache: evicted key session:{} from shard {} after {}s idle, {} entries remain, worker-{}",
            c.hex(24),
            c.below(64),
            c.below(900),
            c.below(1_000_000),
            c.below(12)
        ),
    }
}
