/**
 * Gets access tokens for server-side integrations, and keeps them valid.
 * {@link dev.countersign.Client} returns tokens, {@link dev.countersign.AuthorizedHttpClient} adds
 * them to requests, and {@link dev.countersign.CountersignException} has a subclass for each thing
 * that a program can do about an error.
 *
 * <p>Settings have the same names as in TOML, in the command and in other languages.
 */
package dev.countersign;
