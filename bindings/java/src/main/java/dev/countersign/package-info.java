/**
 * Access tokens for server-side programs, got and kept valid: {@link dev.countersign.Client} hands them out, {@link
 * dev.countersign.AuthorizedHttpClient} puts them on requests, and {@link dev.countersign.CountersignException} has a
 * subclass for each thing that a program can do about an error.
 *
 * <p>Settings have the same names as in countersign's TOML, command and other languages.
 */
package dev.countersign;
