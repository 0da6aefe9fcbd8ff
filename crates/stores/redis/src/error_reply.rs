//! Explains a server's error replies.

use countersign_store::Error;
use countersign_store_address::{failed, misconfigured};

/// Builds the error for an error reply.
pub(crate) fn explain(at: &str, code: &str, details: Option<&str>) -> Error {
    let details = details.unwrap_or_default();
    // The reply to an unknown command contains its first arguments, which may be a record's value.
    let details = details.split(", with args").next().unwrap_or_default();
    let message = format!("{at} rejected the request: {code} {details}");
    match code {
        "NOAUTH" | "WRONGPASS" => misconfigured(
            message,
            "check the user and password in `store`, or its password_file",
        ),
        "NOPERM" => misconfigured(
            message,
            "run on the server: ACL SETUSER NAME on >PASSWORD ~{countersign:*} +eval +evalsha +hmget +hset +hget +scan +info +time +select +wait +config|get",
        ),
        "OOM" => failed(message).with_hint("raise the server's maxmemory, or free memory"),
        "MISCONF" => failed(message)
            .with_hint("check the server's disk: it rejects changes while it cannot write to it"),
        "READONLY" => failed(message)
            .with_hint("name the primary in `store`: the server has become a replica"),
        "MOVED" | "ASK" | "CROSSSLOT" | "CLUSTERDOWN" => misconfigured(
            message,
            "use a server without cluster mode: a Redis Cluster is not supported",
        ),
        _ if details.contains("AUTH") || details.contains("password") => misconfigured(
            message,
            "check the user and password in `store`, or its password_file",
        ),
        _ => failed(message),
    }
}
