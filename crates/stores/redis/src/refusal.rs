//! What a server's refusal means, and what to do about it.

use countersign_store::Error;
use countersign_store_address::{failed, misconfigured};

/// Puts an error reply in our words.
pub(crate) fn explain(at: &str, code: &str, details: Option<&str>) -> Error {
    let details = details.unwrap_or_default();
    // An unknown command is told with the first of its arguments: with a record's value, even.
    let details = details.split(", with args").next().unwrap_or_default();
    let message = format!("{at} refused: {code} {details}");
    match code {
        "NOAUTH" | "WRONGPASS" => misconfigured(
            message,
            "check the user and password in `store`, or its password_file",
        ),
        "NOPERM" => misconfigured(
            message,
            "the user needs: ACL SETUSER NAME on >PASSWORD ~{countersign:*} +eval +evalsha +hmget +hset +hget +scan +info +time +select +wait +config|get",
        ),
        "OOM" => failed(message).with_hint("the server is full: raise maxmemory, or free some"),
        "MISCONF" => failed(message)
            .with_hint("the server cannot write to its disk, and refuses changes until it can"),
        "READONLY" => failed(message)
            .with_hint("the server has become a replica: name the primary in `store`"),
        "MOVED" | "ASK" | "CROSSSLOT" | "CLUSTERDOWN" => misconfigured(
            message,
            "a Redis Cluster is not supported: name a server without cluster mode",
        ),
        _ if details.contains("AUTH") || details.contains("password") => misconfigured(
            message,
            "check the user and password in `store`, or its password_file",
        ),
        _ => failed(message),
    }
}
