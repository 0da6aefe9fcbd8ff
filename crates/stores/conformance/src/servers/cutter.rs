//! A TCP proxy that cuts connections at the worst moment: after the server has carried out a request
//! and before its response arrives.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// Forwards connections to a port of this machine.
#[derive(Debug)]
pub struct Cutter {
    port: u16,
    cuts: Arc<AtomicU32>,
}

impl Cutter {
    /// Listens on a free port and forwards to this one.
    ///
    /// # Panics
    ///
    /// If there is no free port.
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let cutter = Self {
            port: listener.local_addr().unwrap().port(),
            cuts: Arc::default(),
        };
        let cuts = Arc::clone(&cutter.cuts);
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else {
                    continue;
                };
                forward(near, far, &cuts);
            }
        });
        cutter
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Loses this many of the next responses, and cuts their connections.
    pub fn lose(&self, responses: u32) {
        self.cuts.store(responses, Ordering::SeqCst);
    }

    /// Returns how many responses are still to be lost.
    pub fn left(&self) -> u32 {
        self.cuts.load(Ordering::SeqCst)
    }
}

fn forward(near: TcpStream, far: TcpStream, cuts: &Arc<AtomicU32>) {
    let (mut from, mut to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let (mut near, mut far, cuts) = (near, far, Arc::clone(cuts));
    thread::spawn(move || {
        let mut response = [0; 65536];
        while let Ok(length @ 1..) = far.read(&mut response) {
            let less = |left: u32| left.checked_sub(1);
            let cut = cuts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
            if cut.is_ok() || near.write_all(&response[..length]).is_err() {
                break;
            }
        }
        let _ = near.shutdown(Shutdown::Both);
        let _ = far.shutdown(Shutdown::Both);
    });
}
