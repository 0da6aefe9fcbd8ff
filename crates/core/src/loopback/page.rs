//! The pages a browser is shown at the end: whole answers, with nothing from outside in them.

/// The login went well.
pub(super) const SUCCESS: &str = concat!(
    "HTTP/1.1 200 OK\r\n",
    include_str!("headers.txt"),
    "\r\n<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Logged in</title>",
    "<body style=\"font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1rem\">",
    "<h1>You are logged in</h1><p>You can close this window and go back to the program.</p>",
);

/// The login, or what follows it, did not go well.
pub(super) const FAILURE: &str = concat!(
    "HTTP/1.1 200 OK\r\n",
    include_str!("headers.txt"),
    "\r\n<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Not logged in</title>",
    "<body style=\"font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1rem\">",
    "<h1>The login did not succeed</h1><p>The program that asked for it says why.</p>",
);

/// A request for our path that belongs to another login, or to none.
pub(super) const NOT_THIS_LOGIN: &str = concat!(
    "HTTP/1.1 400 Bad Request\r\n",
    include_str!("headers.txt"),
    "\r\n<!doctype html><title>Not this login</title><p>This is not an answer to the login under way.</p>",
);

/// Anything else.
pub(super) const NOT_FOUND: &str = concat!(
    "HTTP/1.1 404 Not Found\r\n",
    include_str!("headers.txt"),
    "\r\n<!doctype html><title>Not found</title><p>There is nothing here.</p>",
);
