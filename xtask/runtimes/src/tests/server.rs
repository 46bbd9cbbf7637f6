//! An HTTP server for one file, that can misbehave.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Good,
    /// Always sends all.
    NoRange,
    /// Ends the first connection half-way.
    CutFirst,
    /// Knows no file.
    NotFound,
}

pub(super) struct Server {
    pub(super) url: String,
    /// The `Range` header of every request, empty if it had none.
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Its thread ends with the test process.
    pub(super) fn start(kind: &'static str, content: Vec<u8>, mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/a", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), kind, &content, mood, &log);
            }
        });
        Self { url, seen }
    }

    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

fn answer(mut stream: TcpStream, kind: &str, content: &[u8], mood: Mood, log: &Mutex<Vec<String>>) {
    let mut range = String::new();
    for line in BufReader::new(&stream).lines().map_while(Result::ok) {
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("range")
        {
            value.trim().clone_into(&mut range);
        }
    }
    let first = {
        let mut log = log.lock().unwrap();
        log.push(range.clone());
        log.len() == 1
    };
    let asked = range.strip_prefix("bytes=").and_then(|text| text.strip_suffix('-'));
    let from = asked.filter(|_| mood != Mood::NoRange).map_or(0, |text| text.parse().unwrap());
    let (status, more, body): (&str, String, &[u8]) = if mood == Mood::NotFound {
        ("404 Not Found", String::new(), &[])
    } else if from >= content.len() {
        ("416 Range Not Satisfiable", String::new(), &[])
    } else if from > 0 {
        let (last, length) = (content.len() - 1, content.len());
        let more = format!("Content-Range: bytes {from}-{last}/{length}\r\n");
        ("206 Partial Content", more, &content[from..])
    } else {
        ("200 OK", String::new(), content)
    };
    let length = body.len();
    let sent = if mood == Mood::CutFirst && first { &body[..length / 2] } else { body };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{more}\
         Connection: close\r\n\r\n"
    );
    // The client may have left already.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(sent));
}
