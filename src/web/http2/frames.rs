//! Counts the frames of a connection that ask for nothing (RFC 9113 §10.5).
//!
//! A frame of nine bytes without data uses none of the window, and yet each is work and memory: what it was kept in is given back only
//! when the connection ends. Whoever sends many more of them than requests is let go.
//!
//! Nothing is written here: the HTTP library may be in the middle of a frame. What was read last is kept from it, and whoever serves the
//! connection looks at [`Room::is_flooded`] each time it has asked for requests, and has the library say why and close.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// How many there may be beyond what requests and time allow.
const ROOM: u32 = 500;
/// How many a request brings: its head, parts of its body, its end before its time.
const OF_REQUEST: u32 = 9;
/// Of how much that is sent the client may say that it has taken it (`WINDOW_UPDATE`), in bytes.
const ANSWERED: usize = 2048;
/// The time after which there may be one more.
const PACE: Duration = Duration::from_millis(10);
/// Data that is less than this is worth nothing, unless it is the last.
const LITTLE: usize = 256;

/// How much is read at once of what is for nobody, in bytes.
const PART: usize = 4096;

/// What a client sends first (RFC 9113 §3.4), in bytes.
const PREFACE: usize = 24;
/// The head of a frame (RFC 9113 §4.1), in bytes.
const HEAD: usize = 9;
const DATA: u8 = 0;
const PADDED: u8 = 0x8;

/// What comes next.
#[derive(Debug)]
enum Next {
    Preface(usize),
    Head([u8; HEAD], usize),
    /// How long the padding of data is that is this long with it
    Padding(usize),
    Payload(usize),
}

/// How many more of them there may be now.
#[derive(Debug)]
pub struct Room {
    left: Cell<u32>,
    is_flooded: Cell<bool>,
}

impl Room {
    /// A request was taken, whose head was counted. (What looks like one may be nothing.)
    pub fn request(&self) {
        self.earn(OF_REQUEST);
    }

    /// Whether there were too many: nothing is read from the connection any more.
    pub fn is_flooded(&self) -> bool {
        self.is_flooded.get()
    }

    fn earn(&self, more: u32) {
        self.left.set(self.left.get().saturating_add(more).min(ROOM));
    }
}

/// There are too many of them.
#[derive(Debug)]
struct Flooded;

/// A stream from which nothing more is read when there are too many such frames.
#[derive(Debug)]
pub struct Frames<S> {
    stream: S,
    next: Next,
    room: Rc<Room>,
    counted_at: Instant,
    /// What was sent and has not made room yet
    sent: usize,
    /// Whether nothing more can be sent
    is_shut: bool,
}

impl<S> Frames<S> {
    /// This stream.
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            next: Next::Preface(PREFACE),
            room: Rc::new(Room {
                left: Cell::new(ROOM),
                is_flooded: Cell::new(false),
            }),
            counted_at: Instant::now(),
            sent: 0,
            is_shut: false,
        }
    }

    /// To be told of what makes room, and asked whether it is used up.
    pub fn room(&self) -> Rc<Room> {
        Rc::clone(&self.room)
    }

    /// Looks at what was read.
    fn read(&mut self, mut bytes: &[u8], now: Instant) -> Result<(), Flooded> {
        while !bytes.is_empty() {
            let taken = match &mut self.next {
                Next::Preface(left) | Next::Payload(left) => {
                    let taken = (*left).min(bytes.len());
                    *left -= taken;
                    if *left == 0 {
                        self.next = Next::Head([0; HEAD], 0);
                    }
                    taken
                }
                Next::Head(head, have) => {
                    let taken = (HEAD - *have).min(bytes.len());
                    head[*have..*have + taken].copy_from_slice(&bytes[..taken]);
                    *have += taken;
                    if *have == HEAD {
                        let head = *head;
                        self.begin(head, now)?;
                    }
                    taken
                }
                Next::Padding(length) => {
                    let length = *length;
                    self.data(length.saturating_sub(1 + usize::from(bytes[0])), now)?;
                    self.payload(length - 1);
                    1
                }
            };
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    fn begin(&mut self, [high, middle, low, kind, flags, ..]: [u8; HEAD], now: Instant) -> Result<(), Flooded> {
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        self.payload(length);
        match kind {
            DATA if flags & PADDED != 0 && length > 0 => {
                self.next = Next::Padding(length);
                Ok(())
            }
            DATA => self.data(length, now),
            _ => self.worthless(now),
        }
    }

    fn payload(&mut self, length: usize) {
        self.next = if length == 0 {
            Next::Head([0; HEAD], 0)
        } else {
            Next::Payload(length)
        };
    }

    fn data(&mut self, length: usize, now: Instant) -> Result<(), Flooded> {
        if length < LITTLE { self.worthless(now) } else { Ok(()) }
    }

    fn worthless(&mut self, now: Instant) -> Result<(), Flooded> {
        if self.room.left.get() == 0 {
            let more = now.duration_since(self.counted_at).as_nanos() / PACE.as_nanos();
            self.room.earn(u32::try_from(more).unwrap_or(ROOM));
            self.counted_at = now;
        }
        let Some(left) = self.room.left.get().checked_sub(1) else {
            self.room.is_flooded.set(true);
            return Err(Flooded);
        };
        self.room.left.set(left);
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Frames<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // Nobody is woken: whoever asked looks whether that is why.
        if self.room.is_flooded() {
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let came = Pin::new(&mut self.stream).poll_read(context, buffer);
        if matches!(came, Poll::Ready(Ok(()))) && self.read(&buffer.filled()[before..], Instant::now()).is_err() {
            buffer.set_filled(before);
            return Poll::Pending;
        }
        came
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Frames<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(length)) = &sent {
            self.sent += length;
            let earned = u32::try_from(self.sent / ANSWERED).unwrap_or(ROOM);
            self.room.earn(earned);
            self.sent %= ANSWERED;
        }
        sent
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Says that nothing more is sent. Whoever floods is listened to until they hang up, or they would be cut off while they are sending,
    /// and may not hear why; how long that may take is for the caller to decide.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_shut {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            self.is_shut = true;
        }
        while self.room.is_flooded() {
            let mut part = [0; PART];
            let mut part = ReadBuf::new(&mut part);
            let came = ready!(Pin::new(&mut self.stream).poll_read(context, &mut part));
            if came.is_err() || part.filled().is_empty() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, duplex};
    use tokio::time::Instant;

    use super::{ANSWERED, Frames, LITTLE, OF_REQUEST, PACE, PREFACE, ROOM};

    /// A frame of a type, with flags and a payload.
    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
    }

    /// How many of these frames are taken, in pieces of this size.
    fn taken(frames: &[Vec<u8>], piece: usize) -> usize {
        let mut watched = Frames::new(());
        let now = Instant::now();
        watched.read(&[0; PREFACE], now).unwrap();
        for (number, frame) in frames.iter().enumerate() {
            if frame.chunks(piece).any(|piece| watched.read(piece, now).is_err()) {
                assert!(watched.room.is_flooded());
                return number;
            }
        }
        assert!(!watched.room.is_flooded());
        frames.len()
    }

    #[test]
    fn what_asks_for_nothing_is_counted_whatever_it_is() {
        let most = usize::try_from(ROOM).unwrap();
        let padded = [&[255][..], &[b'a'; LITTLE - 1], &[0; 255]].concat();
        for worthless in [
            frame(0, 0, b""),
            frame(0, 1, b""),
            frame(0, 0, &[b'a'; LITTLE - 1]),
            frame(0, 8, &padded),
            frame(0, 9, &[0]),
            frame(1, 4, b""),
            frame(2, 0, &[0; 5]),
            frame(3, 0, &[0; 4]),
            frame(4, 0, b""),
            frame(6, 0, &[0; 8]),
            frame(8, 0, &[0; 4]),
            frame(9, 4, b""),
            frame(200, 0, &[0; 1000]),
        ] {
            for piece in [1, 7, 4096] {
                assert_eq!(taken(&vec![worthless.clone(); most + 10], piece), most, "{worthless:?} {piece}");
            }
        }
    }

    #[test]
    fn parts_of_a_body_are_not() {
        let padded = [&[200][..], &[b'a'; LITTLE], &[0; 200]].concat();
        for useful in [frame(0, 0, &[b'a'; LITTLE]), frame(0, 8, &padded)] {
            for piece in [1, 4096] {
                assert_eq!(taken(&vec![useful.clone(); 2000], piece), 2000, "{useful:?} {piece}");
            }
        }
    }

    #[tokio::test]
    async fn requests_answers_and_time_make_room() {
        let (client, _server) = duplex(1 << 22);
        let mut watched = Frames::new(client);
        let room = watched.room();
        let now = Instant::now();
        watched.read(&[0; PREFACE], now).unwrap();
        let ping = frame(6, 0, &[0; 8]);
        for _ in 0..1000 {
            watched.read(&frame(1, 4, &[0; 40]), now).unwrap();
            room.request();
            for _ in 1..OF_REQUEST {
                watched.read(&ping, now).unwrap();
            }
        }
        for _ in 0..100 {
            watched.write_all(&vec![0; ANSWERED * 10]).await.unwrap();
            for _ in 0..10 {
                watched.read(&ping, now).unwrap();
            }
        }
        assert!(room.left.get() > ROOM / 2, "nothing was used up");
        while room.left.get() > 0 {
            watched.read(&ping, now).unwrap();
        }
        let later = now + PACE * 3;
        for _ in 0..3 {
            watched.read(&ping, later).unwrap();
        }
        assert!(watched.read(&ping, later).is_err());
    }
}
