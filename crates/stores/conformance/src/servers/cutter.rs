//! A wire between a store and its server that can be cut at the worst moment: after the server
//! has done what it was asked, and before it could say so.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// Carries connections to a port of this machine.
#[derive(Debug)]
pub struct Cutter {
    port: u16,
    cuts: Arc<AtomicU32>,
}

impl Cutter {
    /// Listens, and carries on to this port.
    ///
    /// # Panics
    ///
    /// Where there is no port to listen on.
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
                carry(near, far, &cuts);
            }
        });
        cutter
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Loses the next answers, so many of them, with the connections they came on.
    pub fn lose(&self, answers: u32) {
        self.cuts.store(answers, Ordering::SeqCst);
    }

    /// How many answers are still to be lost.
    pub fn left(&self) -> u32 {
        self.cuts.load(Ordering::SeqCst)
    }
}

fn carry(near: TcpStream, far: TcpStream, cuts: &Arc<AtomicU32>) {
    let (mut asking, mut asked) = (near.try_clone().unwrap(), far.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut asking, &mut asked);
        let _ = asked.shutdown(Shutdown::Both);
    });
    let (mut near, mut far, cuts) = (near, far, Arc::clone(cuts));
    thread::spawn(move || {
        let mut answer = [0; 65536];
        while let Ok(length @ 1..) = far.read(&mut answer) {
            let less = |left: u32| left.checked_sub(1);
            let cut = cuts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
            if cut.is_ok() || near.write_all(&answer[..length]).is_err() {
                break;
            }
        }
        let _ = near.shutdown(Shutdown::Both);
        let _ = far.shutdown(Shutdown::Both);
    });
}
