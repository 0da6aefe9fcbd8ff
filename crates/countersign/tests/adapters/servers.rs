//! The two servers of a case. They record what arrives.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde::Deserialize;

/// A scripted response of one of the servers.
#[derive(Clone, Deserialize)]
pub(crate) struct Response {
    at: String,
    status: u16,
    location: Option<String>,
}

/// A request that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) at: &'static str,
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    /// All headers that begin with `x-`, with their names in lower case.
    pub(crate) own: Vec<(String, String)>,
    pub(crate) body: String,
}

pub(crate) struct Servers {
    ports: [u16; 2],
    state: Arc<Mutex<State>>,
}

struct State {
    responses: VecDeque<Response>,
    arrived: Vec<Arrived>,
}

impl Servers {
    /// Starts both servers on loopback. Their threads end with the test's process.
    pub(crate) fn start(responses: Vec<Response>) -> Self {
        let listeners = ["api", "other"].map(|_| TcpListener::bind(("127.0.0.1", 0)).unwrap());
        let ports = [0, 1].map(|i: usize| listeners[i].local_addr().unwrap().port());
        let state = Arc::new(Mutex::new(State {
            responses: responses.into(),
            arrived: Vec::new(),
        }));
        for (listener, at) in listeners.into_iter().zip(["api", "other"]) {
            let state = Arc::clone(&state);
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    serve(&stream.unwrap(), at, ports, &state);
                }
            });
        }
        Self { ports, state }
    }

    /// Replaces `{api}`, `{other}` and `{port}` in a URL.
    pub(crate) fn fill(&self, text: &str) -> String {
        fill(text, self.ports)
    }

    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        self.state.lock().unwrap().arrived.clone()
    }
}

fn fill(text: &str, [api, other]: [u16; 2]) -> String {
    text.replace("{api}", &format!("http://127.0.0.1:{api}"))
        .replace("{other}", &format!("http://127.0.0.1:{other}"))
        .replace("{port}", &api.to_string())
}

/// Reads one request, responds, and closes the connection.
fn serve(stream: &TcpStream, at: &'static str, ports: [u16; 2], state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let Some(path) = line.split(' ').nth(1).map(str::to_owned) else {
        return;
    };
    let (mut authorization, mut length, mut chunked) = (None, 0, false);
    let mut own = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => authorization = Some(value.to_owned()),
            "content-length" => length = value.parse().unwrap(),
            "transfer-encoding" => chunked = true,
            name if name.starts_with("x-") => own.push((name.to_owned(), value.to_owned())),
            _ => {}
        }
    }
    let mut body = String::new();
    let mut read = |length: u64, body: &mut String| {
        (&mut reader).take(length).read_to_string(body).unwrap();
    };
    if chunked {
        loop {
            let mut size = String::new();
            while !size.ends_with('\n') {
                read(1, &mut size);
            }
            let size = u64::from_str_radix(size.trim_end(), 16).unwrap();
            read(size, &mut body);
            read(2, &mut String::new());
            if size == 0 {
                break;
            }
        }
    } else {
        read(length, &mut body);
    }
    let mut state = state.lock().unwrap();
    state.arrived.push(Arrived {
        at,
        path,
        authorization,
        own,
        body,
    });
    let next = state
        .responses
        .iter()
        .position(|response| response.at == at);
    let next = next.and_then(|index| state.responses.remove(index));
    let status = next.as_ref().map_or(200, |response| response.status);
    let location = next.and_then(|response| response.location);
    let location = location.map_or(String::new(), |to| {
        format!("Location: {}\r\n", fill(&to, ports))
    });
    let head = format!(
        "HTTP/1.1 {status} Status\r\n{location}Content-Length: 0\r\nConnection: close\r\n\r\n"
    );
    (&*stream).write_all(head.as_bytes()).unwrap();
}
