//! A mail server that takes every letter and remembers to whom and when (RFC 5321, as much as our letters need).
//!
//! Of the servers the tests use, none says when it took a letter; that moment is what is measured here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

#[derive(Debug, Clone)]
pub(crate) struct Sink {
    port: u16,
    taken: Arc<Mutex<HashMap<String, Instant>>>,
}

impl Sink {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it listens").port();
        let sink = Self { port, taken: Arc::default() };
        let serving = sink.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let sink = serving.clone();
                // Whoever breaks off had nothing more to say.
                tokio::spawn(async move { drop(sink.serve(stream).await) });
            }
        });
        sink
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Forgets every letter so far.
    pub(crate) fn clear(&self) {
        self.taken.lock().expect("nobody panics while holding it").clear();
    }

    /// How many people were written to.
    pub(crate) fn count(&self) -> usize {
        self.taken.lock().expect("nobody panics while holding it").len()
    }

    /// How many of those whose address begins so.
    pub(crate) fn count_of(&self, beginning: &str) -> usize {
        self.taken.lock().expect("nobody panics while holding it").keys().filter(|address| address.starts_with(beginning)).count()
    }

    /// When the last letter to each was taken.
    pub(crate) fn taken(&self) -> HashMap<String, Instant> {
        self.taken.lock().expect("nobody panics while holding it").clone()
    }

    async fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut stream = BufReader::new(stream);
        stream.write_all(b"220 bench\r\n").await?;
        let mut line = String::new();
        let mut recipient = String::new();
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let answer: &[u8] = match line.get(..4).unwrap_or_default().to_ascii_uppercase().as_str() {
                "EHLO" => b"250-bench\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
                "RCPT" => {
                    recipient = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                    b"250 ok\r\n"
                }
                "DATA" => {
                    stream.write_all(b"354 go on\r\n").await?;
                    skip_letter(&mut stream).await?;
                    let at = Instant::now();
                    self.taken.lock().expect("nobody panics while holding it").insert(std::mem::take(&mut recipient), at);
                    b"250 taken\r\n"
                }
                "QUIT" => {
                    stream.write_all(b"221 bye\r\n").await?;
                    return Ok(());
                }
                _ => b"250 ok\r\n",
            };
            stream.write_all(answer).await?;
        }
    }
}

async fn skip_letter(stream: &mut BufReader<TcpStream>) -> std::io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line).await? == 0 || line == b".\r\n" {
            return Ok(());
        }
    }
}
